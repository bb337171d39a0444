/* SPDX-License-Identifier: MIT
 *
 * Waiters: one wait for a doorbell, a control socket and a process.
 *
 * WaitForMultipleObjects hears a bell, which is an event, and a process. A
 * pipe is heard by a read of no bytes that stays pending from wait to wait, so
 * it costs nothing until something happens there. Messages are moved to the
 * inbox of the link, so that the pipe is empty again, and can be heard.
 *
 * An auto-reset event wakes one of those who wait for it. Two waiters that
 * share a bell therefore know each other: the one that hears it sets an event
 * of the other's own. Both of a channel's waiters are this process's, so that
 * is all that can share a bell.
 */
#include "waiter.h"

#include <stdlib.h>

#include "inbox.h"

/* ------------------------------------------------------ twins of a bell --- */

#define BUCKETS 64

static weftos_waiter *buckets[BUCKETS];
static SRWLOCK twins_lock = SRWLOCK_INIT;

static weftos_waiter **bucket_of(HANDLE bell)
{
    /* Handle values are multiples of 4. */
    return &buckets[((uintptr_t)bell >> 2) % BUCKETS];
}

static void join_twins(weftos_waiter *waiter)
{
    weftos_waiter **bucket = bucket_of(waiter->bell);

    AcquireSRWLockExclusive(&twins_lock);
    waiter->next = *bucket;
    *bucket = waiter;
    ReleaseSRWLockExclusive(&twins_lock);
}

static void leave_twins(const weftos_waiter *waiter)
{
    weftos_waiter **place = bucket_of(waiter->bell);

    AcquireSRWLockExclusive(&twins_lock);
    while (*place != NULL && *place != waiter) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
        *place = waiter->next;
    }
    ReleaseSRWLockExclusive(&twins_lock);
}

void weftos_waiter_pass_on(const weftos_waiter *waiter)
{
    AcquireSRWLockShared(&twins_lock);
    for (const weftos_waiter *twin = *bucket_of(waiter->bell); twin != NULL;
         twin = twin->next) {
        if (twin->bell == waiter->bell && twin != waiter) {
            (void)SetEvent(twin->nudge);
        }
    }
    ReleaseSRWLockShared(&twins_lock);
}

/* ------------------------------------------------------- open and close --- */

weft_status weftos_waiter_open(weft_handle bell, weft_handle socket,
                               weft_handle process, weftos_waiter **out,
                               weft_detail *detail)
{
    weftos_waiter *waiter = calloc(1, sizeof(*waiter));

    *out = NULL;
    if (waiter == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate a waiter");
    }
    waiter->bell = weftos_native(bell);
    waiter->pipe = weftos_native(socket);
    waiter->process = process != WEFTOS_NONE ? weftos_native(process) : NULL;
    waiter->nudge = CreateEventW(NULL, FALSE, FALSE, NULL);
    waiter->pipe_event = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (waiter->nudge == NULL || waiter->pipe_event == NULL) {
        weft_status status = weftos_fail_last(detail, "make a waiter's events");

        weftos_close_native(waiter->nudge);
        weftos_close_native(waiter->pipe_event);
        free(waiter);
        return status;
    }
    join_twins(waiter);
    *out = waiter;
    return WEFT_OK;
}

void weftos_waiter_close(weftos_waiter *waiter)
{
    if (waiter == NULL) {
        return;
    }
    weftos_exposure_close(waiter);
    leave_twins(waiter);
    weftos_hearing_stop(&waiter->hearing);
    weftos_close_native(waiter->nudge);
    weftos_close_native(waiter->pipe_event);
    weftos_close_native(waiter->timer);
    free(waiter);
}

/* ----------------------------------------------------------------- wait --- */

/* Each message is told of once, when it arrives. */
static unsigned tell_of_messages(weftos_waiter *waiter,
                                 const struct weftos_link *link)
{
    unsigned arrived = link->arrived;

    if (waiter->told == arrived) {
        return 0;
    }
    waiter->told = arrived;
    return WEFTOS_EVENT_SOCKET;
}

/*
 * One that ends at once may leave the event alone, and the wait must look.
 * Another thread of ours may have hung up just before, and found nothing to
 * cancel.
 */
static void hear_on(weftos_waiter *waiter, const struct weftos_link *link)
{
    weftos_hearing_start(&waiter->hearing, waiter->pipe, waiter->pipe_event);
    waiter->hears = true;
    if (link->has_hung_up) {
        (void)CancelIoEx(waiter->pipe, &waiter->hearing.io);
    }
    if (weftos_hearing_look(&waiter->hearing) != WEFTOS_HEARD_NOTHING) {
        (void)SetEvent(waiter->pipe_event);
    }
}

unsigned weftos_waiter_hear_pipe(weftos_waiter *waiter)
{
    struct weftos_link *link = weftos_link_find(waiter->pipe);
    enum weftos_heard heard = WEFTOS_HEARD_NOTHING;
    bool has_message;
    unsigned events;
    weft_status status;

    if (waiter->hears) {
        heard = weftos_hearing_look(&waiter->hearing);
        if (heard == WEFTOS_HEARD_NOTHING) {
            return 0;
        }
    }
    waiter->hears = false;
    if (link == NULL || link->has_hung_up) {
        return WEFTOS_EVENT_SOCKET | WEFTOS_EVENT_HANGUP;
    }
    if (heard == WEFTOS_HEARD_MESSAGE) {
        weftos_inbox_probe(link);
    }
    status = weftos_inbox_gather(link, &has_message);
    events = has_message ? tell_of_messages(waiter, link) : 0;
    if (status == WEFT_ECLOSED) {
        return WEFTOS_EVENT_SOCKET | WEFTOS_EVENT_HANGUP;
    }
    if (status == WEFT_EAGAIN) {
        hear_on(waiter, link);
    }
    /* What meant nothing is told of too: the caller counts what wakes it. */
    return heard == WEFTOS_HEARD_MESSAGE ? WEFTOS_EVENT_SOCKET : events;
}

/* After a hang-up nothing else would ever tell of the death. */
static unsigned add_death(const weftos_waiter *waiter, unsigned events)
{
    return (events & WEFTOS_EVENT_HANGUP) != 0 && waiter->process != NULL &&
                   weftos_is_signalled(waiter->process)
               ? events | WEFTOS_EVENT_DEATH
               : events;
}

/* The order of the objects: what comes first is told first. */
enum object { OBJECT_PIPE, OBJECT_NUDGE, OBJECT_BELL, OBJECT_PROCESS, OBJECTS };

static unsigned translate(weftos_waiter *waiter, DWORD object)
{
    switch ((enum object)object) {
    case OBJECT_PIPE:
        return add_death(waiter, weftos_waiter_hear_pipe(waiter));
    case OBJECT_NUDGE:
        return WEFTOS_EVENT_BELL;
    case OBJECT_BELL:
        weftos_waiter_pass_on(waiter);
        return WEFTOS_EVENT_BELL;
    case OBJECT_PROCESS:
    case OBJECTS:
        break;
    }
    return WEFTOS_EVENT_DEATH;
}

weft_status weftos_waiter_sleep(weftos_waiter *waiter, const HANDLE *objects,
                                DWORD count, uint64_t deadline_ns, DWORD *index,
                                weft_detail *detail)
{
    weft_detail why = {WEFT_OK, 0, NULL};
    weft_status status =
        weftos_wait_objects(objects, count, deadline_ns, &waiter->timer, index,
                            &why, "wait for the peer");

    if (status == WEFT_ETIMEDOUT || status == WEFT_EAGAIN) {
        *index = count;
        return WEFT_OK;
    }
    return status == WEFT_OK
               ? WEFT_OK
               : weftos_fail(detail, status, (DWORD)why.os_code, why.operation);
}

weft_status weftos_waiter_wait(weftos_waiter *waiter, uint64_t deadline_ns,
                               bool interruptible, unsigned *events,
                               weft_detail *detail)
{
    const HANDLE objects[OBJECTS] = {waiter->pipe_event, waiter->nudge,
                                     waiter->bell, waiter->process};
    DWORD count = waiter->process != NULL ? OBJECTS : OBJECT_PROCESS;
    DWORD object;
    weft_status status;

    (void)interruptible; /* Windows has no signals */
    if (waiter->exposure != NULL) {
        return weftos_exposure_wait(waiter, deadline_ns, events, detail);
    }
    *events = waiter->hears ? 0 : weftos_waiter_hear_pipe(waiter);
    if (*events != 0) {
        *events = add_death(waiter, *events);
        return WEFT_OK;
    }
    status = weftos_waiter_sleep(waiter, objects, count, deadline_ns, &object,
                                 detail);
    if (status == WEFT_OK && object < count) {
        *events = translate(waiter, object);
    }
    return status;
}
