/* SPDX-License-Identifier: MIT
 *
 * The object that Windows signals while memory is low.
 *
 * It stays signalled, so an event is told once in a window: who is not told
 * again while memory stays low must not take it for plenty.
 */
#include <stdlib.h>

#include "../meter.h"
#include "win.h"

struct weftos_alarm {
    HANDLE low;
    HANDLE timer; /* made when a deadline needs one */
    uint64_t window_ns;
    uint64_t rests_until_ns; /* after the last event */
};

weft_status weftos_alarm_open(uint64_t stall_ns, uint64_t window_ns,
                              weftos_alarm **alarm, weft_detail *detail)
{
    weftos_alarm *made = calloc(1, sizeof(*made));

    (void)stall_ns;
    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    made->window_ns = window_ns;
    made->low = CreateMemoryResourceNotification(LowMemoryResourceNotification);
    if (made->low == NULL) {
        DWORD error = GetLastError();

        free(made);
        return weftos_fail(detail, WEFT_ENOTSUP, error,
                           "make a memory resource notification");
    }
    *alarm = made;
    return WEFT_OK;
}

void weftos_alarm_close(weftos_alarm *alarm)
{
    if (alarm != NULL) {
        weftos_close_native(alarm->low);
        weftos_close_native(alarm->timer);
        free(alarm);
    }
}

weft_handle weftos_alarm_handle(const weftos_alarm *alarm)
{
    return (weft_handle)alarm->low;
}

/* Lets the rest of the window pass. */
static weft_status rest(const weftos_alarm *alarm, uint64_t deadline_ns,
                        weft_detail *detail)
{
    uint64_t until_ns = alarm->rests_until_ns < deadline_ns
                            ? alarm->rests_until_ns
                            : deadline_ns;

    while (!weftos_is_past(until_ns)) {
        Sleep(weftos_ms_left(until_ns));
    }
    if (weftos_is_past(alarm->rests_until_ns)) {
        return WEFT_OK;
    }
    return weftos_fail(detail,
                       deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                       0, "wait for the memory");
}

weft_status weftos_alarm_wait(weftos_alarm *alarm, uint64_t deadline_ns,
                              weft_detail *detail)
{
    weft_status status = WEFT_OK;
    DWORD index;

    if (!weftos_is_past(alarm->rests_until_ns)) {
        status = rest(alarm, deadline_ns, detail);
    }
    if (status == WEFT_OK) {
        status = weftos_wait_objects(&alarm->low, 1, deadline_ns, &alarm->timer,
                                     &index, detail, "wait for the memory");
    }
    if (status == WEFT_OK) {
        alarm->rests_until_ns = weftos_now_ns() + alarm->window_ns;
    }
    return status;
}
