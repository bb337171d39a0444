/* SPDX-License-Identifier: MIT
 *
 * Being told when memory gets scarce, which weft can't be here yet.
 */
#include <stddef.h>

#include "../meter.h"

weft_status weftos_alarm_open(uint64_t stall_ns, uint64_t window_ns,
                              weftos_alarm **alarm, weft_detail *detail)
{
    (void)stall_ns;
    (void)window_ns;
    *alarm = NULL;
    if (detail != NULL) {
        *detail = (weft_detail){WEFT_ENOTSUP, 0, "watch the memory"};
    }
    return WEFT_ENOTSUP;
}

void weftos_alarm_close(weftos_alarm *alarm)
{
    (void)alarm;
}

weft_handle weftos_alarm_handle(const weftos_alarm *alarm)
{
    (void)alarm;
    return WEFT_HANDLE_NONE;
}

weft_status weftos_alarm_wait(weftos_alarm *alarm, uint64_t deadline_ns,
                              weft_detail *detail)
{
    (void)deadline_ns;
    return weftos_alarm_open(0, 0, &alarm, detail);
}
