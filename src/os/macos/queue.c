/* SPDX-License-Identifier: MIT
 *
 * kqueues: how this back end waits for everything.
 */
#include <fcntl.h>
#include <sys/event.h>
#include <sys/time.h>
#include <unistd.h>

#include "macos.h"

/*
 * Kernels up to macOS 11 at least turn the time into a timeval, which is why
 * it is rounded up here, and refuse more than 100,000,000 seconds.
 */
#define LONGEST_S 1000000
#define US 1000

weft_status weftos_queue_open(struct weftos_queue *queue, weft_detail *detail)
{
    queue->pid = getpid();
    queue->fd = kqueue();
    /* XNU does so by itself (kern_event.c), but promises it nowhere. */
    if (queue->fd < 0 || fcntl(queue->fd, F_SETFD, FD_CLOEXEC) != 0) {
        weft_status status = weftos_fail_errno(detail, "kqueue");

        weftos_queue_close(queue);
        return status;
    }
    return WEFT_OK;
}

void weftos_queue_close(struct weftos_queue *queue)
{
    if (queue->fd >= 0 && queue->pid == getpid()) {
        (void)close(queue->fd);
    }
    queue->fd = -1;
}

int weftos_queue_change(int fd, uintptr_t ident, int16_t filter, uint16_t flags,
                        uint32_t fflags, uint64_t id)
{
    struct kevent change;

    EV_SET(&change, ident, filter, flags, fflags, 0, (void *)(uintptr_t)id);
    return kevent(fd, &change, 1, NULL, 0, NULL);
}

/* Up to a microsecond. */
static void round_up(struct timespec *time)
{
    time->tv_nsec = (time->tv_nsec + US - 1) / US * US;
    if (time->tv_nsec >= 1000000000) {
        time->tv_nsec = 0;
        time->tv_sec++;
    }
}

int weftos_queue_wait(int fd, struct kevent *found, int most,
                      uint64_t deadline_ns)
{
    for (;;) {
        struct timespec room;
        struct timespec *left = weftos_time_left(deadline_ns, &room);
        bool is_cut = left != NULL && left->tv_sec >= LONGEST_S;
        int count;

        if (is_cut) {
            left->tv_sec = LONGEST_S;
        }
        if (left != NULL) {
            round_up(left);
        }
        count = kevent(fd, NULL, 0, found, most, left);
        if (count != 0 || !is_cut) {
            return count;
        }
    }
}
