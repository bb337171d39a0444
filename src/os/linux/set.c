/* SPDX-License-Identifier: MIT
 *
 * Sets: one epoll instance, level-triggered, with an eventfd for wakes. That is
 * edge-triggered, so nobody has to read it: each wake is told once.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "linux.h"

struct weftos_set {
    int epoll;
    int wake;
};

/* No caller's: ids are addresses, or small. */
#define ID_WAKE UINT64_MAX

/* Events collected at a time. */
#define FOUND_MOST 64

static int watch(const weftos_set *set, int fd, uint32_t events, uint64_t id)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = events;
    event.data.u64 = id;
    return epoll_ctl(set->epoll, EPOLL_CTL_ADD, fd, &event);
}

weft_status weftos_set_open(weftos_set **out, weft_detail *detail)
{
    weftos_set *set = calloc(1, sizeof(*set));
    weft_status status;

    *out = NULL;
    if (set == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate a set");
    }
    set->epoll = epoll_create1(EPOLL_CLOEXEC);
    set->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (set->epoll < 0 || set->wake < 0 ||
        watch(set, set->wake, EPOLLIN | EPOLLET, ID_WAKE) != 0) {
        status = weftos_fail_errno(detail, "open a set");
        weftos_set_close(set);
        return status;
    }
    *out = set;
    return WEFT_OK;
}

void weftos_set_close(weftos_set *set)
{
    if (set != NULL) {
        weftos_close(set->epoll);
        weftos_close(set->wake);
        free(set);
    }
}

static weft_status add_status(int os_code)
{
    switch (os_code) {
    case EEXIST:
        return WEFT_EINUSE;
    case EPERM: /* a file that is always ready */
        return WEFT_ENOTSUP;
    case EBADF:
    case EINVAL:
        return WEFT_EINVAL;
    default:
        return weftos_errno_status(os_code);
    }
}

weft_status weftos_set_add(weftos_set *set, weft_handle handle, unsigned events,
                           uint64_t id, weft_detail *detail)
{
    uint32_t wanted = ((events & WEFTOS_READ) != 0 ? EPOLLIN | EPOLLRDHUP : 0) |
                      ((events & WEFTOS_WRITE) != 0 ? EPOLLOUT : 0) |
                      ((events & WEFTOS_ONCE) != 0 ? EPOLLET : 0);

    return watch(set, (int)handle, wanted, id) == 0
               ? WEFT_OK
               : weftos_fail(detail, add_status(errno), errno, "add to a set");
}

void weftos_set_remove(weftos_set *set, weft_handle handle, unsigned events,
                       uint64_t id)
{
    (void)events; /* epoll knows it by its descriptor */
    (void)id;
    (void)epoll_ctl(set->epoll, EPOLL_CTL_DEL, (int)handle, NULL);
}

static unsigned translate(uint32_t found)
{
    unsigned events = 0;

    if ((found & (EPOLLERR | EPOLLHUP)) != 0) {
        return WEFTOS_READ | WEFTOS_WRITE;
    }
    if ((found & (EPOLLIN | EPOLLRDHUP)) != 0) {
        events |= WEFTOS_READ;
    }
    return (found & EPOLLOUT) != 0 ? events | WEFTOS_WRITE : events;
}

weft_status weftos_set_wait(weftos_set *set, uint64_t deadline_ns,
                            bool interruptible, weftos_news *news, size_t room,
                            size_t *count, weft_detail *detail)
{
    static const char step[] = "wait for a set";
    struct epoll_event found[FOUND_MOST];
    int most = room < FOUND_MOST ? (int)room : FOUND_MOST;
    struct timespec left;
    int got;

    *count = 0;
    do {
        got = weftos_epoll_wait(set->epoll, found, most,
                                weftos_time_left(deadline_ns, &left));
    } while (got < 0 && errno == EINTR && !interruptible);
    if (got < 0) {
        return weftos_fail_errno(detail, step);
    }
    if (got == 0) {
        return weftos_fail(
            detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT, 0,
            step);
    }
    for (int i = 0; i < got; i++) {
        if (found[i].data.u64 != ID_WAKE) {
            news[*count].id = found[i].data.u64;
            news[(*count)++].events = translate(found[i].events);
        }
    }
    return WEFT_OK;
}

void weftos_set_wake(weftos_set *set)
{
    uint64_t one = 1;

    /* The counter is never read, and takes 2^64 of them. */
    (void)!write(set->wake, &one, sizeof(one));
}
