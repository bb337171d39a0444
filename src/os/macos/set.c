/* SPDX-License-Identifier: MIT
 *
 * Sets: one kqueue, level-triggered but for an event of its own, for wakes,
 * which is told once. A handle has an entry for each direction.
 */
#include <stdlib.h>
#include <sys/event.h>

#include "macos.h"

struct weftos_set {
    struct weftos_queue queue;
};

/* No caller's: ids are addresses, or small. */
#define ID_WAKE UINT64_MAX

/* Events collected at a time. */
#define FOUND_MOST 64

weft_status weftos_set_open(weftos_set **out, weft_detail *detail)
{
    weftos_set *set = calloc(1, sizeof(*set));
    weft_status status;

    *out = NULL;
    if (set == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate a set");
    }
    status = weftos_queue_open(&set->queue, detail);
    if (status == WEFT_OK &&
        weftos_queue_change(set->queue.fd, 0, EVFILT_USER, EV_ADD | EV_CLEAR, 0,
                            ID_WAKE) != 0) {
        status = weftos_fail_errno(detail, "add an event to a kqueue");
    }
    if (status != WEFT_OK) {
        weftos_set_close(set);
        return status;
    }
    *out = set;
    return WEFT_OK;
}

void weftos_set_close(weftos_set *set)
{
    if (set != NULL) {
        weftos_queue_close(&set->queue);
        free(set);
    }
}

/* EINVAL is what kevent says of kinds of files that it can't watch. */
static weft_status add_status(int os_code)
{
    switch (os_code) {
    case EINVAL:
    case EPERM:
        return WEFT_ENOTSUP;
    case EBADF:
        return WEFT_EINVAL;
    default:
        return weftos_errno_status(os_code);
    }
}

static int change(const weftos_set *set, weft_handle handle, int16_t filter,
                  uint16_t flags, uint64_t id)
{
    return weftos_queue_change(set->queue.fd, (uintptr_t)handle, filter, flags,
                               0, id);
}

weft_status weftos_set_add(weftos_set *set, weft_handle handle, unsigned events,
                           uint64_t id, weft_detail *detail)
{
    int os_code;

    if (((events & WEFTOS_READ) == 0 ||
         change(set, handle, EVFILT_READ, EV_ADD, id) == 0) &&
        ((events & WEFTOS_WRITE) == 0 ||
         change(set, handle, EVFILT_WRITE, EV_ADD, id) == 0)) {
        return WEFT_OK;
    }
    os_code = errno;
    weftos_set_remove(set, handle, events, id);
    return weftos_fail(detail, add_status(os_code), os_code, "add to a set");
}

void weftos_set_remove(weftos_set *set, weft_handle handle, unsigned events,
                       uint64_t id)
{
    /* What is not there is not removed. */
    if ((events & WEFTOS_READ) != 0) {
        (void)change(set, handle, EVFILT_READ, EV_DELETE, id);
    }
    if ((events & WEFTOS_WRITE) != 0) {
        (void)change(set, handle, EVFILT_WRITE, EV_DELETE, id);
    }
}

static unsigned translate(const struct kevent *event)
{
    return event->filter == EVFILT_WRITE ? WEFTOS_WRITE : WEFTOS_READ;
}

weft_status weftos_set_wait(weftos_set *set, uint64_t deadline_ns,
                            bool interruptible, weftos_news *news, size_t room,
                            size_t *count, weft_detail *detail)
{
    static const char step[] = "wait for a set";
    struct kevent found[FOUND_MOST];
    int most = room < FOUND_MOST ? (int)room : FOUND_MOST;
    int got;

    *count = 0;
    do {
        got = weftos_queue_wait(set->queue.fd, found, most, deadline_ns);
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
        uint64_t id = (uint64_t)(uintptr_t)found[i].udata;

        if (found[i].filter != EVFILT_USER) {
            news[*count].id = id;
            news[(*count)++].events = translate(&found[i]);
        }
    }
    return WEFT_OK;
}

void weftos_set_wake(weftos_set *set)
{
    /* Of an event that is there this takes no memory, and can't fail. */
    (void)weftos_queue_change(set->queue.fd, 0, EVFILT_USER, 0, NOTE_TRIGGER,
                              ID_WAKE);
}
