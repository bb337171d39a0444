/* SPDX-License-Identifier: MIT
 *
 * Waiters: one kqueue that hears a doorbell, a control socket and a process.
 *
 * The doorbell and the socket are heard with EV_CLEAR: neither is read by the
 * waiter, and each new byte or message is told once. What has happened and was
 * not collected yet makes the kqueue ready for an outer poll or kqueue, so the
 * kqueue itself is what an application waits for. An event of its own makes it
 * ready for the cases in which no ring is due.
 */
#include <stdlib.h>
#include <sys/event.h>
#include <unistd.h>

#include "macos.h"

/*
 * The event of a pipe says how many bytes are in it. A pipe may have room for
 * no more than 512 (choose_pipespace, when the kernel's memory for pipes is
 * used up), and 128 rings may come for each of two waiters between two wakes
 * (os.h).
 */
#define SETTLE_AT 128

/* What an event is of. DEAD is the process again, for all further waits. */
enum entry { ENTRY_BELL, ENTRY_SOCKET, ENTRY_PROCESS, ENTRY_POKE, ENTRY_DEAD };

/* One for each. */
#define ENTRIES 5

struct weftos_waiter {
    struct weftos_queue queue;
    weft_handle bell;
    bool is_exposed;
};

static int hear(int queue, weft_handle handle, enum entry entry)
{
    return weftos_queue_change(queue, (uintptr_t)handle, EVFILT_READ,
                               EV_ADD | EV_CLEAR, 0, entry);
}

/* An event that is there from now on, whenever it is enabled. */
static weft_status add_event(int queue, enum entry entry, uint16_t flags,
                             weft_detail *detail)
{
    if (weftos_queue_change(queue, entry, EVFILT_USER, EV_ADD | flags, 0,
                            entry) != 0 ||
        weftos_queue_change(queue, entry, EVFILT_USER, flags, NOTE_TRIGGER,
                            entry) != 0) {
        return weftos_fail_errno(detail, "add an event to a kqueue");
    }
    return WEFT_OK;
}

static weft_status fill(weftos_waiter *waiter, weft_handle socket,
                        weft_handle process, weft_detail *detail)
{
    weft_status status = weftos_queue_open(&waiter->queue, detail);

    if (status != WEFT_OK) {
        return status;
    }
    if (hear(waiter->queue.fd, waiter->bell, ENTRY_BELL) != 0 ||
        hear(waiter->queue.fd, socket, ENTRY_SOCKET) != 0) {
        return weftos_fail_errno(detail, "kevent");
    }
    if (process != WEFTOS_NONE) {
        weftos_process_id who = weftos_process_of(process);

        status =
            weftos_process_watch(waiter->queue.fd, &who, ENTRY_PROCESS, detail);
    }
    return status == WEFT_ENOENT
               ? add_event(waiter->queue.fd, ENTRY_DEAD, 0, detail)
               : status;
}

weft_status weftos_waiter_open(weft_handle bell, weft_handle socket,
                               weft_handle process, weftos_waiter **out,
                               weft_detail *detail)
{
    weftos_waiter *waiter = calloc(1, sizeof(*waiter));
    weft_status status;

    *out = NULL;
    if (waiter == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate a waiter");
    }
    waiter->bell = bell;
    status = fill(waiter, socket, process, detail);
    if (status != WEFT_OK) {
        weftos_waiter_close(waiter);
        return status;
    }
    *out = waiter;
    return WEFT_OK;
}

void weftos_waiter_close(weftos_waiter *waiter)
{
    if (waiter != NULL) {
        weftos_queue_close(&waiter->queue);
        free(waiter);
    }
}

static unsigned translate(const weftos_waiter *waiter,
                          const struct kevent *event)
{
    switch ((enum entry)(uintptr_t)event->udata) {
    case ENTRY_BELL:
        return WEFTOS_EVENT_BELL;
    case ENTRY_SOCKET:
        return (event->flags & EV_EOF) != 0
                   ? WEFTOS_EVENT_SOCKET | WEFTOS_EVENT_HANGUP
                   : WEFTOS_EVENT_SOCKET;
    case ENTRY_PROCESS:
        /* The kernel tells it once. If this fails, so do we. */
        (void)add_event(waiter->queue.fd, ENTRY_DEAD, 0, NULL);
        return WEFTOS_EVENT_DEATH;
    case ENTRY_DEAD:
        return WEFTOS_EVENT_DEATH;
    case ENTRY_POKE:
        break;
    }
    return WEFTOS_EVENT_BELL;
}

/* Collects what there is by the deadline. `*held`: bytes in the doorbell. */
static int collect(const weftos_waiter *waiter, uint64_t deadline_ns,
                   unsigned *events, intptr_t *held)
{
    struct kevent found[ENTRIES];
    int count =
        weftos_queue_wait(waiter->queue.fd, found, ENTRIES, deadline_ns);

    for (int i = 0; i < count; i++) {
        *events |= translate(waiter, &found[i]);
        if ((uintptr_t)found[i].udata == ENTRY_BELL) {
            *held = found[i].data;
        }
    }
    return count;
}

weft_status weftos_waiter_wait(weftos_waiter *waiter, uint64_t deadline_ns,
                               bool interruptible, unsigned *events,
                               weft_detail *detail)
{
    intptr_t held = 0;
    int count;

    *events = 0;
    count = collect(waiter, deadline_ns, events, &held);
    if (count < 0 && errno == EINTR) {
        *events = interruptible ? WEFTOS_EVENT_SIGNAL : 0;
        return WEFT_OK;
    }
    if (count < 0) {
        return weftos_fail_errno(detail, "kevent");
    }
    if (held >= SETTLE_AT) {
        weftos_bell_settle(waiter->bell);
        /* To read from the pipe is told too (pipe_read), if a byte is left. */
        (void)collect(waiter, WEFT_NOW, events, &held);
    }
    return WEFT_OK;
}

weft_status weftos_waiter_expose(weftos_waiter *waiter, bool ready,
                                 weft_handle *handle, weft_detail *detail)
{
    if (!waiter->is_exposed) {
        weft_status status =
            add_event(waiter->queue.fd, ENTRY_POKE, EV_DISABLE, detail);

        if (status != WEFT_OK) {
            return status;
        }
        waiter->is_exposed = true;
    }
    /* Of an event that is there this takes no memory, and can't fail. */
    (void)weftos_queue_change(waiter->queue.fd, ENTRY_POKE, EVFILT_USER,
                              ready ? EV_ENABLE : EV_DISABLE, 0, ENTRY_POKE);
    *handle = waiter->queue.fd;
    return WEFT_OK;
}
