/* SPDX-License-Identifier: MIT
 *
 * Watching many control sockets and processes, and one event for all.
 *
 * A pipe is heard by a read of no bytes that stays pending, and ends by setting
 * the event. For a process the system's thread pool waits, as WaitForMultiple-
 * Objects takes no more than 64; it notes the end, and sets the event after
 * that. So what is idle costs nothing. After the event all are looked at, in
 * turn: some loads for each where nothing has happened. They lie close together
 * in memory, for that.
 *
 * Which one was watched for a pipe is kept in the pipe's link. It is forgotten
 * before the pipe is closed, so the link is there.
 */
#include "watch.h"

#include <stdlib.h>

#include "inbox.h"
#include "socket.h"

struct weftos_watch {
    struct weftos_hearing hearing;
    _Atomic bool has_died;
    struct weftos_link *link;
    uint64_t id;
    HANDLE ready;
    HANDLE wait;  /* the pool's, for the process; NULL: none */
    size_t place; /* among all */
    struct weftos_watch *next_free;
};

/* So many are allocated at a time. */
#define CHUNK 64

/* The system writes to them, so they stay where they are. */
struct weftos_watch_chunk {
    struct weftos_watch_chunk *next;
    struct weftos_watch watches[CHUNK];
};

/* ------------------------------------------------------------ processes --- */

static void CALLBACK note_death(void *context, BOOLEAN timed_out)
{
    struct weftos_watch *watch = context;

    (void)timed_out; /* it waits for ever */
    watch->has_died = true;
    (void)SetEvent(watch->ready);
}

static weft_status watch_process(struct weftos_watch *watch, HANDLE process,
                                 weft_detail *detail)
{
    if (process == INVALID_HANDLE_VALUE) {
        return WEFT_OK;
    }
    if (weftos_is_signalled(process)) {
        watch->has_died = true;
        return WEFT_OK;
    }
    return RegisterWaitForSingleObject(
               &watch->wait, process, note_death, watch, INFINITE,
               WT_EXECUTEINWAITTHREAD | WT_EXECUTEONLYONCE)
               ? WEFT_OK
               : weftos_fail_last(detail, "watch a process");
}

static void deinit_watch(struct weftos_watch *watch)
{
    weftos_hearing_stop(&watch->hearing);
    if (watch->wait != NULL) {
        /* Waits until note_death() is not running. */
        (void)UnregisterWaitEx(watch->wait, INVALID_HANDLE_VALUE);
    }
    watch->link->watch = NULL;
    watch->link->is_known = false;
}

/*
 * Begins to hear the pipe. Another thread of ours may have hung up just before,
 * and found nothing to cancel.
 */
static void hear(struct weftos_watch *watch)
{
    struct weftos_link *link = watch->link;

    weftos_hearing_start(&watch->hearing, link->pipe, watch->ready);
    if (link->has_hung_up) {
        (void)CancelIoEx(link->pipe, &watch->hearing.io);
    }
}

/* ------------------------------------------------------------- the list --- */

static bool add_chunk(struct weftos_watched *watched)
{
    struct weftos_watch_chunk *chunk = calloc(1, sizeof(*chunk));

    if (chunk == NULL) {
        return false;
    }
    chunk->next = watched->chunks;
    watched->chunks = chunk;
    for (size_t i = CHUNK; i-- > 0;) {
        chunk->watches[i].next_free = watched->free;
        watched->free = &chunk->watches[i];
    }
    return true;
}

/* Room for one more. */
static bool grow(struct weftos_watched *watched)
{
    size_t room = watched->room == 0 ? CHUNK : watched->room * 2;
    struct weftos_watch **all;

    if (watched->count == watched->room) {
        all = calloc(room, sizeof(struct weftos_watch *));
        if (all == NULL) {
            return false;
        }
        for (size_t i = 0; i < watched->count; i++) {
            all[i] = watched->all[i];
        }
        free(watched->all);
        watched->all = all;
        watched->room = room;
    }
    return watched->free != NULL || add_chunk(watched);
}

weft_status weftos_watch_add(struct weftos_watched *watched, uint64_t id,
                             HANDLE pipe, HANDLE process, weft_detail *detail)
{
    static const char step[] = "watch a connection";
    struct weftos_link *link = weftos_link_find(pipe);
    struct weftos_watch *watch;
    struct weftos_watch *next_free;
    weft_status status;

    if (link == NULL || link->watch != NULL) {
        return weftos_fail(detail, WEFT_EINVAL, 0, step);
    }
    if (!grow(watched)) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, step);
    }
    watch = watched->free;
    next_free = watch->next_free;
    *watch =
        (struct weftos_watch){.link = link, .id = id, .ready = watched->ready};
    status = watch_process(watch, process, detail);
    if (status != WEFT_OK) {
        watch->next_free = next_free;
        return status;
    }
    watched->free = next_free;
    link->watch = watch;
    link->is_known = process != INVALID_HANDLE_VALUE;
    watch->place = watched->count;
    watched->all[watched->count++] = watch;
    hear(watch);
    (void)SetEvent(watched->ready);
    return WEFT_OK;
}

void weftos_watch_remove(struct weftos_watched *watched, HANDLE pipe)
{
    struct weftos_link *link = weftos_link_find(pipe);
    struct weftos_watch *watch = link != NULL ? link->watch : NULL;
    struct weftos_watch *last;

    if (watch == NULL) {
        return;
    }
    last = watched->all[--watched->count];
    last->place = watch->place;
    watched->all[last->place] = last;
    deinit_watch(watch);
    watch->next_free = watched->free;
    watched->free = watch;
    /* The end of its hearing may have reset the event. */
    (void)SetEvent(watched->ready);
}

void weftos_watch_close(struct weftos_watched *watched)
{
    for (size_t i = 0; i < watched->count; i++) {
        deinit_watch(watched->all[i]);
    }
    while (watched->chunks != NULL) {
        struct weftos_watch_chunk *first = watched->chunks;

        watched->chunks = first->next;
        free(first);
    }
    free(watched->all);
    *watched = (struct weftos_watched){.ready = watched->ready};
}

/* -------------------------------------------------------------- looking --- */

/*
 * Is there something to read, or a hang-up, or a death? A read that has ended
 * says that there was; while there is, it stays ended.
 */
static bool look(struct weftos_watched *watched, struct weftos_watch *watch)
{
    struct weftos_hearing *hearing = &watch->hearing;
    enum weftos_heard heard;

    if (watch->has_died) {
        return true;
    }
    heard = weftos_hearing_look(hearing);
    if (heard == WEFTOS_HEARD_NOTHING) {
        return false;
    }
    if (heard == WEFTOS_HEARD_MESSAGE) {
        weftos_inbox_probe(watch->link);
    }
    if (weftos_socket_look(hearing->pipe) != WEFT_EAGAIN) {
        return true;
    }
    hear(watch);
    watched->has_begun = true;
    return weftos_hearing_look(hearing) != WEFTOS_HEARD_NOTHING;
}

bool weftos_watch_look(struct weftos_watched *watched, size_t first, size_t end,
                       uint64_t *id)
{
    for (size_t i = first; i < end; i++) {
        struct weftos_watch *watch = watched->all[i];

        if (look(watched, watch)) {
            watched->turn = i + 1;
            *id = watch->id;
            return true;
        }
    }
    return false;
}
