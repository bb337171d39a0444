/* SPDX-License-Identifier: MIT
 *
 * The figures of the machine's memory, which weft can't read here yet.
 */
#include "../meter.h"
#include "stub.h"

weft_status weftos_meter_open(const char *root, weftos_meter **meter,
                              weft_detail *detail)
{
    (void)root;
    *meter = NULL;
    return stub_refuse(detail, "look at the memory");
}

void weftos_meter_close(weftos_meter *meter)
{
    (void)meter;
}

weft_status weftos_meter_read(weftos_meter *meter, weft_memory_figures *figures,
                              weft_detail *detail)
{
    (void)meter;
    (void)figures;
    return stub_refuse(detail, "look at the memory");
}
