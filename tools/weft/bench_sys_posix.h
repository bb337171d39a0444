/* SPDX-License-Identifier: MIT
 *
 * bench_sys_posix.h - what bench_sys_posix.c asks of Linux and of macOS.
 */
#ifndef BENCH_SYS_POSIX_H
#define BENCH_SYS_POSIX_H

#include "bench_sys.h"

/* Has this process run on that CPU only, where the system has a way to. */
bool bench_sys_pin(unsigned cpu);

/* From here on this process does not outlive its parent. */
bool bench_sys_die_with_parent(void);

#endif
