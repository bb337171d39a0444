/* SPDX-License-Identifier: MIT
 *
 * <os/clock.h> of macOS.
 */
#ifndef DOUBLE_OS_CLOCK_H
#define DOUBLE_OS_CLOCK_H

#include <stdint.h>

typedef uint32_t os_clockid_t;
#define OS_CLOCK_MACH_ABSOLUTE_TIME UINT32_C(32)

#endif
