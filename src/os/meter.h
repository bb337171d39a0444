/* SPDX-License-Identifier: MIT
 *
 * meter.h - what <weft/memory.h> needs of the operating system besides os.h:
 * the figures of the machine's memory.
 *
 * The rules of os.h hold here too.
 */
#ifndef WEFTOS_METER_H
#define WEFTOS_METER_H

#include <weft/memory.h>

#include "system.h"

/* What is kept open for a look. */
typedef struct weftos_meter weftos_meter;

/*
 * `root` goes before the path of each file that is read: "", but in tests;
 * systems without such files don't look at it. The files that are missing are
 * not looked for again.
 */
weft_status weftos_meter_open(const char *root, weftos_meter **meter,
                              weft_detail *detail);

/* NULL is allowed. */
void weftos_meter_close(weftos_meter *meter);

/* The members of one figure, by its symbol. */
#define WEFTOS_FIGURE(figures, symbol, member, amount)                         \
    ((figures)->member##_bytes = (amount), (figures)->valid |= UINT32_C(1)     \
                                                               << (symbol))

/*
 * Fills in what it can find out, but for USED, and names that in `valid`. All
 * of it is zero before, but for `size`. The pressure is left alone, unless the
 * system judges by itself: then so is the reason.
 */
weft_status weftos_meter_read(weftos_meter *meter, weft_memory_figures *figures,
                              weft_detail *detail);

#endif
