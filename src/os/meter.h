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

/*
 * Fills in the counters that it can find, and names them in `valid`; all of it
 * is zero before, but for `size`. `root` as in weftos_meter_open.
 */
weft_status weftos_meter_count(const char *root, weft_memory_counters *counters,
                               weft_detail *detail);

/* ------------------------------------------------------------ processes --- */

/* As weft_memory_processes and weft_memory_measure, with checked arguments. */
weft_status weftos_meter_list(weft_memory_process *processes, size_t room,
                              size_t *count, weft_detail *detail);
weft_status weftos_meter_measure(weft_memory_process *process,
                                 weft_detail *detail);

/* As weft_memory_glance. */
weft_status weftos_meter_glance(weft_memory_process *process,
                                weft_detail *detail);

/* ---------------------------------------------------------------- alarm --- */

/* What goes off when programs wait for memory. */
typedef struct weftos_alarm weftos_alarm;

/*
 * As weft_memory_watch_open. The stall is not 0, and below the window.
 */
weft_status weftos_alarm_open(uint64_t stall_ns, uint64_t window_ns,
                              weftos_alarm **alarm, weft_detail *detail);

/* NULL is allowed. */
void weftos_alarm_close(weftos_alarm *alarm);

/* For others to wait for. */
weft_handle weftos_alarm_handle(const weftos_alarm *alarm);

/*
 * Waits until it has gone off since the last time. WEFT_EAGAIN: not by now, and
 * the deadline is WEFT_NOW; WEFT_ETIMEDOUT: not by another. WEFT_EINTR.
 */
weft_status weftos_alarm_wait(weftos_alarm *alarm, uint64_t deadline_ns,
                              weft_detail *detail);

#endif
