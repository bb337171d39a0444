/* SPDX-License-Identifier: MIT
 *
 * Overlapped operations, and waiting for objects until a deadline.
 */
#include "win.h"

/* ------------------------------------------------------------ deadlines --- */

DWORD weftos_ms_left(uint64_t deadline_ns)
{
    uint64_t now;
    uint64_t ms;

    if (deadline_ns == WEFT_FOREVER) {
        return INFINITE;
    }
    if (deadline_ns == WEFT_NOW) {
        return 0;
    }
    now = weftos_now_ns();
    if (now >= deadline_ns) {
        return 0;
    }
    ms = (deadline_ns - now + 999999) / 1000000;
    return ms < INFINITE - 1 ? (DWORD)ms : INFINITE - 1;
}

bool weftos_is_past(uint64_t deadline_ns)
{
    return deadline_ns == WEFT_NOW ||
           (deadline_ns != WEFT_FOREVER && weftos_now_ns() >= deadline_ns);
}

/*
 * The timeouts of the wait functions end with a tick, 1 to 16 ms late; this
 * kind of timer does not. Where it is missing, the timeouts have to do.
 */
static HANDLE make_timer(void)
{
    return CreateWaitableTimerExW(NULL, NULL, WEFTOS_FINE_TIMER,
                                  TIMER_MODIFY_STATE | SYNCHRONIZE);
}

/* Longer waits than this need no fine timer, and end by the timeout. */
#define FINE_NS UINT64_C(10000000000)

/* Sets the timer to the deadline. False: use a timeout. */
static bool set_timer(HANDLE *timer, uint64_t deadline_ns)
{
    uint64_t now = weftos_now_ns();
    LARGE_INTEGER due;

    if (deadline_ns <= now || deadline_ns - now > FINE_NS) {
        return false;
    }
    if (*timer == NULL) {
        *timer = make_timer();
    }
    /* Negative: from now, in units of 100 ns. Rounded up, so never early. */
    due.QuadPart = -(LONGLONG)((deadline_ns - now + 99) / 100);
    return *timer != NULL &&
           SetWaitableTimer(*timer, &due, 0, NULL, NULL, FALSE);
}

/* One wait; WAIT_TIMEOUT may be early. */
static DWORD wait_some(HANDLE *objects, DWORD count, uint64_t deadline_ns,
                       HANDLE *timer)
{
    DWORD ms = weftos_ms_left(deadline_ns);
    DWORD result;

    if (ms == 0 || ms == INFINITE || !set_timer(timer, deadline_ns)) {
        return WaitForMultipleObjects(count, objects, FALSE, ms);
    }
    objects[count] = *timer;
    result = WaitForMultipleObjects(count + 1, objects, FALSE, INFINITE);
    return result == WAIT_OBJECT_0 + count ? WAIT_TIMEOUT : result;
}

weft_status weftos_wait_objects(const HANDLE *objects, DWORD count,
                                uint64_t deadline_ns, HANDLE *timer,
                                DWORD *index, weft_detail *detail,
                                const char *operation)
{
    HANDLE all[WEFTOS_WAIT_MOST + 1];
    DWORD result;

    for (DWORD i = 0; i < count; i++) {
        all[i] = objects[i];
    }
    do {
        result = wait_some(all, count, deadline_ns, timer);
    } while (result == WAIT_TIMEOUT && deadline_ns != WEFT_NOW &&
             weftos_now_ns() < deadline_ns);
    if (result == WAIT_TIMEOUT) {
        return weftos_fail(
            detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT, 0,
            operation);
    }
    if (result >= WAIT_OBJECT_0 + count) {
        return weftos_fail_last(detail, operation);
    }
    *index = result - WAIT_OBJECT_0;
    return WEFT_OK;
}

weft_status weftos_wait_once(const HANDLE *objects, DWORD count,
                             uint64_t deadline_ns, DWORD *index,
                             weft_detail *detail, const char *operation)
{
    HANDLE timer = NULL;
    weft_status status = weftos_wait_objects(objects, count, deadline_ns,
                                             &timer, index, detail, operation);

    weftos_close_native(timer);
    return status;
}

/* ----------------------------------------------------------- overlapped --- */

/*
 * The system's own call waits for the event alone, and takes what it then finds
 * for the result: an event that another operation has set would let it return
 * while this one is still writing to its memory. So the event is only what to
 * sleep at; whether it has ended the operation itself says. Reset before the
 * look, so that an end after the look is not missed.
 */
DWORD weftos_io_finish(HANDLE file, OVERLAPPED *io, bool cancel, DWORD *bytes)
{
    HANDLE event = io->hEvent != NULL ? io->hEvent : file;

    if (cancel) {
        (void)CancelIoEx(file, io); /* fails if it has just ended */
    }
    for (;;) {
        (void)ResetEvent(event);
        if (HasOverlappedIoCompleted(io)) {
            break;
        }
        (void)WaitForSingleObject(event, INFINITE);
    }
    /* Pairs with the system's: it writes the result, then that it is there. */
    atomic_thread_fence(memory_order_acquire);
    *bytes = 0;
    return GetOverlappedResult(file, io, bytes, FALSE) ? 0 : GetLastError();
}

void weftos_hearing_start(struct weftos_hearing *hearing, HANDLE pipe,
                          HANDLE event)
{
    static char nothing;

    hearing->io = (OVERLAPPED){.hEvent = event};
    hearing->pipe = pipe;
    hearing->result =
        ReadFile(pipe, &nothing, 0, NULL, &hearing->io) ? 0 : GetLastError();
}

enum weftos_heard weftos_hearing_look(struct weftos_hearing *hearing)
{
    DWORD bytes;

    if (hearing->result == ERROR_IO_PENDING) {
        if (!HasOverlappedIoCompleted(&hearing->io)) {
            return WEFTOS_HEARD_NOTHING;
        }
        hearing->result =
            GetOverlappedResult(hearing->pipe, &hearing->io, &bytes, FALSE)
                ? 0
                : GetLastError();
    }
    switch (hearing->result) {
    case 0: /* so it may be for an empty message: inbox.c */
    case ERROR_MORE_DATA:
        return WEFTOS_HEARD_MESSAGE;
    case ERROR_OPERATION_ABORTED:
        return WEFTOS_HEARD_CANCELLED;
    default:
        return WEFTOS_HEARD_HANGUP;
    }
}

void weftos_hearing_stop(struct weftos_hearing *hearing)
{
    DWORD bytes;

    if (hearing->result == ERROR_IO_PENDING) {
        hearing->result =
            weftos_io_finish(hearing->pipe, &hearing->io, true, &bytes);
    }
}
