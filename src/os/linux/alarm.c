/* SPDX-License-Identifier: MIT
 *
 * Pressure stall information: the kernel tells when programs have waited for
 * memory for too long within a window, to whoever has written that to
 * /proc/pressure/memory and polls for POLLPRI.
 *
 * A poll takes the event, so what others wait for must not be what this file
 * asks: there are two triggers. The second one is the one that is asked: the
 * kernel looks at later ones first, so when the first one wakes somebody this
 * has gone off already. The first one is inside an epoll instance, which is
 * readable as other handles are.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "linux.h"
#include "meter.h"

struct weftos_alarm {
    int shown; /* the trigger for others, inside `set` */
    int asked;
    int set;
};

static weft_status open_trigger(uint64_t stall_ns, uint64_t window_ns,
                                int *trigger, weft_detail *detail)
{
    char text[64];
    int length = snprintf(text, sizeof(text), "some %llu %llu",
                          (unsigned long long)(stall_ns / 1000),
                          (unsigned long long)(window_ns / 1000));

    *trigger = open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (*trigger < 0) {
        /* Built without it, or booted without psi=1. */
        return errno == ENOENT || errno == EOPNOTSUPP
                   ? weftos_fail(detail, WEFT_ENOTSUP, errno,
                                 "open /proc/pressure/memory")
                   : weftos_fail_errno(detail, "open /proc/pressure/memory");
    }
    /* With its terminator, as the kernel's documentation has it. */
    if (write(*trigger, text, (size_t)length + 1) < 0) {
        weft_status status = errno == EOPNOTSUPP ? WEFT_ENOTSUP
                             : errno == EINVAL   ? WEFT_EINVAL
                                                 : weftos_errno_status(errno);

        return weftos_fail(detail, status, errno,
                           "have the kernel watch this window");
    }
    return WEFT_OK;
}

static weft_status open_set(weftos_alarm *alarm, weft_detail *detail)
{
    struct epoll_event event = {.events = EPOLLPRI};

    alarm->set = epoll_create1(EPOLL_CLOEXEC);
    if (alarm->set < 0 ||
        epoll_ctl(alarm->set, EPOLL_CTL_ADD, alarm->shown, &event) != 0) {
        return weftos_fail_errno(detail, "make an epoll instance");
    }
    return WEFT_OK;
}

weft_status weftos_alarm_open(uint64_t stall_ns, uint64_t window_ns,
                              weftos_alarm **alarm, weft_detail *detail)
{
    weftos_alarm *made = malloc(sizeof(*made));
    weft_status status;

    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    *made = (weftos_alarm){.shown = -1, .asked = -1, .set = -1};
    status = open_trigger(stall_ns, window_ns, &made->shown, detail);
    if (status == WEFT_OK) {
        status = open_trigger(stall_ns, window_ns, &made->asked, detail);
    }
    if (status == WEFT_OK) {
        status = open_set(made, detail);
    }
    if (status != WEFT_OK) {
        weftos_alarm_close(made);
        return status;
    }
    *alarm = made;
    return WEFT_OK;
}

void weftos_alarm_close(weftos_alarm *alarm)
{
    if (alarm == NULL) {
        return;
    }
    if (alarm->set >= 0) {
        (void)close(alarm->set);
    }
    if (alarm->shown >= 0) {
        (void)close(alarm->shown);
    }
    if (alarm->asked >= 0) {
        (void)close(alarm->asked);
    }
    free(alarm);
}

weft_handle weftos_alarm_handle(const weftos_alarm *alarm)
{
    return alarm->set;
}

weft_status weftos_alarm_wait(weftos_alarm *alarm, uint64_t deadline_ns,
                              weft_detail *detail)
{
    struct pollfd entry = {.fd = alarm->asked, .events = POLLPRI};
    struct timespec left;
    int found = ppoll(&entry, 1, weftos_time_left(deadline_ns, &left), NULL);

    if (found < 0) {
        return weftos_fail_errno(detail, "wait for the memory");
    }
    if (found == 0) {
        return weftos_fail(
            detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT, 0,
            "wait for the memory");
    }
    return (entry.revents & POLLERR) != 0
               ? weftos_fail(detail, WEFT_EOS, 0, "wait for the memory")
               : WEFT_OK;
}
