/* SPDX-License-Identifier: MIT
 *
 * Exposed waiters: one manual-reset event that an application can wait for.
 *
 * The system's thread pool waits for the bell, the pipe and the process in the
 * application's stead, notes what has happened and sets the event. Whoever
 * looks resets the event first and takes the notes after that; the pool notes
 * first and sets after that, so nothing is taken without the event being set
 * for what is left. A wait may find a note's thing already looked at: it only
 * comes early.
 */
#include "waiter.h"

#include <stdlib.h>

/* Nudge and bell are one kind of news. */
enum source { SOURCE_BELL, SOURCE_NUDGE, SOURCE_PIPE, SOURCE_PROCESS, SOURCES };

struct ear {
    weftos_waiter *waiter;
    HANDLE wait; /* the pool's */
    enum source source;
};

struct weftos_exposure {
    HANDLE ready;
    _Atomic unsigned noted; /* one bit for each source */
    bool is_poked;          /* somebody says that there is something to do */
    bool is_over;           /* a hang-up or a death: for good */
    struct ear ears[SOURCES];
};

static void CALLBACK note(void *context, BOOLEAN timed_out)
{
    const struct ear *ear = context;
    struct weftos_exposure *exposure = ear->waiter->exposure;

    (void)timed_out; /* it waits for ever */
    if (ear->source == SOURCE_BELL) {
        weftos_waiter_pass_on(ear->waiter);
    }
    atomic_fetch_or(&exposure->noted, 1u << ear->source);
    (void)SetEvent(exposure->ready);
}

/* A process stays signalled: it is noted once. */
static bool hear(weftos_waiter *waiter, enum source source, HANDLE object)
{
    struct ear *ear = &waiter->exposure->ears[source];
    ULONG once = source == SOURCE_PROCESS ? WT_EXECUTEONLYONCE : 0;

    ear->waiter = waiter;
    ear->source = source;
    return object == NULL ||
           RegisterWaitForSingleObject(&ear->wait, object, note, ear, INFINITE,
                                       WT_EXECUTEINWAITTHREAD | once);
}

void weftos_exposure_close(weftos_waiter *waiter)
{
    struct weftos_exposure *exposure = waiter->exposure;

    if (exposure == NULL) {
        return;
    }
    for (unsigned i = 0; i < SOURCES; i++) {
        if (exposure->ears[i].wait != NULL) {
            /* Waits until no call of note() is running. */
            (void)UnregisterWaitEx(exposure->ears[i].wait,
                                   INVALID_HANDLE_VALUE);
        }
    }
    waiter->exposure = NULL;
    weftos_close_native(exposure->ready);
    free(exposure);
}

static weft_status open_exposure(weftos_waiter *waiter, weft_detail *detail)
{
    static const char step[] = "expose a waiter";
    struct weftos_exposure *exposure = calloc(1, sizeof(*exposure));
    weft_status status = WEFT_OK;

    if (exposure == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, step);
    }
    waiter->exposure = exposure;
    exposure->ready = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (exposure->ready == NULL || !hear(waiter, SOURCE_BELL, waiter->bell) ||
        !hear(waiter, SOURCE_NUDGE, waiter->nudge) ||
        !hear(waiter, SOURCE_PIPE, waiter->pipe_event) ||
        !hear(waiter, SOURCE_PROCESS, waiter->process)) {
        status = weftos_fail_last(detail, step);
        weftos_exposure_close(waiter);
    }
    return status;
}

/* ----------------------------------------------------------------- look --- */

/* What the pool has not yet come to: takes it away from it. */
static unsigned take_rings(weftos_waiter *waiter)
{
    unsigned events = 0;

    if (weftos_is_signalled(waiter->bell)) {
        weftos_waiter_pass_on(waiter);
        events = WEFTOS_EVENT_BELL;
    }
    return weftos_is_signalled(waiter->nudge) ? WEFTOS_EVENT_BELL : events;
}

/* All that has happened since the last look. */
static unsigned look(weftos_waiter *waiter)
{
    struct weftos_exposure *exposure = waiter->exposure;
    unsigned events = 0;
    unsigned noted;

    (void)ResetEvent(exposure->ready);
    noted = atomic_exchange(&exposure->noted, 0);
    if ((noted & (1u << SOURCE_BELL | 1u << SOURCE_NUDGE)) != 0 ||
        exposure->is_poked) {
        events |= WEFTOS_EVENT_BELL;
    }
    events |= take_rings(waiter);
    events |= weftos_waiter_hear_pipe(waiter);
    if (waiter->process != NULL && weftos_is_signalled(waiter->process)) {
        events |= WEFTOS_EVENT_DEATH;
    }
    exposure->is_over |=
        (events & (WEFTOS_EVENT_HANGUP | WEFTOS_EVENT_DEATH)) != 0;
    if (exposure->is_poked || exposure->is_over) {
        (void)SetEvent(exposure->ready);
    }
    return events;
}

weft_status weftos_exposure_wait(weftos_waiter *waiter, uint64_t deadline_ns,
                                 unsigned *events, weft_detail *detail)
{
    for (unsigned looks = 1;; looks++) {
        DWORD index;
        weft_status status;

        *events = look(waiter);
        /* What sets the event and means nothing may come without end. */
        if (*events != 0 || (looks > 1 && weftos_is_past(deadline_ns))) {
            return WEFT_OK;
        }
        status = weftos_waiter_sleep(waiter, &waiter->exposure->ready, 1,
                                     deadline_ns, &index, detail);
        if (status != WEFT_OK || index == 1) {
            return status;
        }
    }
}

static void set_poked(struct weftos_exposure *exposure, bool poked)
{
    exposure->is_poked = poked;
    if (!poked) {
        (void)ResetEvent(exposure->ready);
    }
    /* In this order: what is noted after the look sets the event itself. */
    if (poked || exposure->is_over || atomic_load(&exposure->noted) != 0) {
        (void)SetEvent(exposure->ready);
    }
}

weft_status weftos_waiter_expose(weftos_waiter *waiter, bool ready,
                                 weft_handle *handle, weft_detail *detail)
{
    weft_status status = WEFT_OK;

    if (waiter->exposure == NULL) {
        status = open_exposure(waiter, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    set_poked(waiter->exposure, ready);
    *handle = (weft_handle)waiter->exposure->ready;
    return WEFT_OK;
}
