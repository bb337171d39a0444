/* SPDX-License-Identifier: MIT
 *
 * Being told when memory gets scarce, which weft can't be here yet.
 */
#include "../meter.h"
#include "stub.h"

weft_status weftos_alarm_open(uint64_t stall_ns, uint64_t window_ns,
                              weftos_alarm **alarm, weft_detail *detail)
{
    (void)stall_ns;
    (void)window_ns;
    *alarm = NULL;
    return stub_refuse(detail, "watch the memory");
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
    (void)alarm;
    (void)deadline_ns;
    return stub_refuse(detail, "watch the memory");
}
