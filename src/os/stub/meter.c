/* SPDX-License-Identifier: MIT
 *
 * The figures of the machine's memory, which weft can't read here yet.
 */
#include "../meter.h"

#include <stddef.h>

weft_status weftos_meter_open(const char *root, weftos_meter **meter,
                              weft_detail *detail)
{
    (void)root;
    *meter = NULL;
    if (detail != NULL) {
        *detail = (weft_detail){WEFT_ENOTSUP, 0, "look at the memory"};
    }
    return WEFT_ENOTSUP;
}

void weftos_meter_close(weftos_meter *meter)
{
    (void)meter;
}

weft_status weftos_meter_read(weftos_meter *meter, weft_memory_figures *figures,
                              weft_detail *detail)
{
    (void)figures;
    return weftos_meter_open(NULL, &meter, detail);
}
