/* SPDX-License-Identifier: MIT
 *
 * Looks at the kernel's level of pressure by the clock.
 *
 * The kernel has an event for it (DISPATCH_SOURCE_TYPE_MEMORYPRESSURE), but
 * tells it only to processes that take 10 MB or more themselves, one after the
 * other, for it is meant to have them give memory back (vm_pressure.c,
 * VM_PRESSURE_MINIMUM_RSIZE). A small one would wait for ever. So this is, with
 * the listener in connect.c, where something is looked at by the clock: one
 * sysctl each second, which takes about a microsecond.
 *
 * The timer goes off once, and what happens then sets it anew: so it is
 * readable when a look is due, and after an event not before the window is
 * over.
 */
#include <stdlib.h>
#include <sys/event.h>

#include "macos.h"
#include "meter.h"
#include "meter_counts.h"

#define SECOND_NS UINT64_C(1000000000)

/* Between two looks. */
#define PAUSE_NS SECOND_NS

#define LEVEL "read kern.memorystatus_vm_pressure_level"

/* As Linux has it: shorter ones would only cost. */
#define SHORTEST_WINDOW_NS (SECOND_NS / 2)

/* As long as any wait of this back end's, see docs/porting.md. */
#define LONGEST_WINDOW_NS (UINT64_C(1000000) * SECOND_NS)

/* There is one timer in the queue. */
#define TIMER 1

struct weftos_alarm {
    struct weftos_queue queue;
    uint64_t window_ns;
};

static weft_status set_timer(const weftos_alarm *alarm, uint64_t after_ns,
                             weft_detail *detail)
{
    struct kevent change;

    EV_SET(&change, TIMER, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS,
           (intptr_t)after_ns, NULL);
    return kevent(alarm->queue.fd, &change, 1, NULL, 0, NULL) == 0
               ? WEFT_OK
               : weftos_fail_errno(detail, "set a timer");
}

weft_status weftos_alarm_open(uint64_t stall_ns, uint64_t window_ns,
                              weftos_alarm **alarm, weft_detail *detail)
{
    weftos_alarm *made;
    weft_status status;
    int level;

    (void)stall_ns;
    if (window_ns < SHORTEST_WINDOW_NS || window_ns > LONGEST_WINDOW_NS) {
        return weftos_fail(detail, WEFT_EINVAL, 0, "watch for this window");
    }
    if (!weftos_pressure_level(&level)) {
        return weftos_fail(detail, WEFT_ENOTSUP, errno, LEVEL);
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    made->window_ns = window_ns;
    status = weftos_queue_open(&made->queue, detail);
    if (status == WEFT_OK) {
        status = set_timer(made, 1, detail);
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
    if (alarm != NULL) {
        weftos_queue_close(&alarm->queue);
        free(alarm);
    }
}

weft_handle weftos_alarm_handle(const weftos_alarm *alarm)
{
    return alarm->queue.fd;
}

/* A look at the level; `*goes_off` if memory is scarce. */
static weft_status look(const weftos_alarm *alarm, bool *goes_off,
                        weft_detail *detail)
{
    int level = 0;
    bool is_told = weftos_pressure_level(&level);
    int error = errno;
    weft_status status;

    *goes_off = level == WEFTOS_LEVEL_WARN || level == WEFTOS_LEVEL_CRITICAL;
    status = set_timer(
        alarm,
        *goes_off || alarm->window_ns < PAUSE_NS ? alarm->window_ns : PAUSE_NS,
        detail);
    if (status == WEFT_OK && !is_told) {
        errno = error;
        status = weftos_fail_errno(detail, LEVEL);
    }
    return status;
}

weft_status weftos_alarm_wait(weftos_alarm *alarm, uint64_t deadline_ns,
                              weft_detail *detail)
{
    static const char step[] = "wait for the memory";
    bool goes_off = false;
    weft_status status = WEFT_OK;

    while (status == WEFT_OK && !goes_off) {
        struct kevent found;
        int count = weftos_queue_wait(alarm->queue.fd, &found, 1, deadline_ns);

        if (count < 0) {
            return weftos_fail_errno(detail, step);
        }
        if (count == 0) {
            return weftos_fail(
                detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                0, step);
        }
        status = look(alarm, &goes_off, detail);
    }
    return status;
}
