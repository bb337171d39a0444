/* SPDX-License-Identifier: MIT
 *
 * Waiters: one epoll instance that hears a doorbell, a control socket and a
 * process.
 *
 * The doorbell and the socket are edge-triggered: neither is read by the
 * waiter, and each new byte or message is told once. epoll registers its
 * interest once and not at each sleep, which is what makes it faster than
 * poll here.
 *
 * An exposed waiter's epoll descriptor is what an application polls. epoll
 * reports an edge-triggered event to an outer poll until somebody collects
 * it with epoll_wait, and weft collects only when it has found its ring
 * empty. So the outer view is level-triggered. An eventfd that no other
 * process has makes it ready for the cases in which no ring is due.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "linux.h"

/*
 * A pipe holds at least one page, 4096 rings, even for a user who has used up
 * pipe-user-pages-soft. 128 rings may come for each of two waiters between two
 * wakes (os.h), so it must be settled after 16 wakes at the latest.
 */
#define HEARD_MOST 8

struct weftos_waiter {
    int epoll;
    int poke; /* eventfd, -1 until the waiter is exposed */
    weft_handle bell;
    unsigned heard; /* wakes by the doorbell since it was settled */
};

/* What an entry stands for; epoll hands it back with the event. */
enum entry { ENTRY_BELL, ENTRY_SOCKET, ENTRY_PROCESS, ENTRY_POKE, ENTRIES };

static int watch(int epoll, weft_handle handle, enum entry entry,
                 uint32_t events)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = events;
    event.data.u32 = (uint32_t)entry;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, (int)handle, &event);
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
    waiter->poke = -1;
    waiter->bell = bell;
    waiter->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (waiter->epoll < 0 ||
        watch(waiter->epoll, bell, ENTRY_BELL, EPOLLIN | EPOLLET) != 0 ||
        watch(waiter->epoll, socket, ENTRY_SOCKET,
              EPOLLIN | EPOLLRDHUP | EPOLLET) != 0 ||
        (process != WEFTOS_NONE &&
         watch(waiter->epoll, process, ENTRY_PROCESS, EPOLLIN) != 0)) {
        status = weftos_fail_errno(detail, "epoll");
        weftos_waiter_close(waiter);
        return status;
    }
    *out = waiter;
    return WEFT_OK;
}

void weftos_waiter_close(weftos_waiter *waiter)
{
    if (waiter != NULL) {
        weftos_close(waiter->epoll);
        weftos_close(waiter->poke);
        free(waiter);
    }
}

static unsigned translate(const struct epoll_event *event)
{
    switch ((enum entry)event->data.u32) {
    case ENTRY_BELL:
        return WEFTOS_EVENT_BELL;
    case ENTRY_SOCKET:
        return (event->events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0
                   ? WEFTOS_EVENT_SOCKET | WEFTOS_EVENT_HANGUP
                   : WEFTOS_EVENT_SOCKET;
    case ENTRY_PROCESS:
        return WEFTOS_EVENT_DEATH;
    case ENTRY_POKE:
    case ENTRIES:
        break;
    }
    return WEFTOS_EVENT_BELL;
}

/*
 * epoll_pwait2 (Linux 5.11) takes nanoseconds. Where a system-call filter or
 * a tool such as valgrind does not know it, milliseconds, rounded up, do.
 */
int weftos_epoll_wait(int epoll, struct epoll_event *found, int most,
                      const struct timespec *left)
{
    static _Atomic bool lacks_nanoseconds;
    int count;

    if (!lacks_nanoseconds) {
        count = epoll_pwait2(epoll, found, most, left, NULL);
        if (count >= 0 || errno != ENOSYS) {
            return count;
        }
        lacks_nanoseconds = true;
    }
    if (left == NULL) {
        return epoll_wait(epoll, found, most, -1);
    }
    if (left->tv_sec >= INT_MAX / 1000) {
        return epoll_wait(epoll, found, most, INT_MAX);
    }
    return epoll_wait(epoll, found, most,
                      (int)left->tv_sec * 1000 +
                          (int)((left->tv_nsec + 999999) / 1000000));
}

weft_status weftos_waiter_wait(weftos_waiter *waiter, uint64_t deadline_ns,
                               bool interruptible, unsigned *events,
                               weft_detail *detail)
{
    struct epoll_event found[ENTRIES];
    struct timespec left;
    int count;

    *events = 0;
    count = weftos_epoll_wait(waiter->epoll, found, ENTRIES,
                              weftos_time_left(deadline_ns, &left));
    if (count < 0 && errno == EINTR) {
        *events = interruptible ? WEFTOS_EVENT_SIGNAL : 0;
        return WEFT_OK;
    }
    if (count < 0) {
        return weftos_fail_errno(detail, "epoll_wait");
    }
    for (int i = 0; i < count; i++) {
        *events |= translate(&found[i]);
    }
    if ((*events & WEFTOS_EVENT_BELL) != 0 && ++waiter->heard >= HEARD_MOST) {
        weftos_bell_settle(waiter->bell);
        waiter->heard = 0;
    }
    return WEFT_OK;
}

static weft_status open_poke(weftos_waiter *waiter, weft_detail *detail)
{
    int poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (poke < 0) {
        return weftos_fail_errno(detail, "eventfd");
    }
    if (watch(waiter->epoll, poke, ENTRY_POKE, EPOLLIN) != 0) {
        weft_status status = weftos_fail_errno(detail, "epoll_ctl");

        (void)close(poke);
        return status;
    }
    waiter->poke = poke;
    return WEFT_OK;
}

weft_status weftos_waiter_expose(weftos_waiter *waiter, bool ready,
                                 weft_handle *handle, weft_detail *detail)
{
    weft_status status =
        waiter->poke >= 0 ? WEFT_OK : open_poke(waiter, detail);
    uint64_t count = 1;

    if (status != WEFT_OK) {
        return status;
    }
    /* The counter can neither overflow nor be waited for: both succeed. */
    if (ready) {
        (void)!write(waiter->poke, &count, sizeof(count));
    } else {
        (void)!read(waiter->poke, &count, sizeof(count));
    }
    *handle = waiter->epoll;
    return WEFT_OK;
}
