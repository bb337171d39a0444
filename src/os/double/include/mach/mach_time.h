/* SPDX-License-Identifier: MIT
 *
 * <mach/mach_time.h> of macOS, as far as the double has it.
 */
#ifndef DOUBLE_MACH_MACH_TIME_H
#define DOUBLE_MACH_MACH_TIME_H

#include <stdint.h>

typedef int kern_return_t;
#define KERN_SUCCESS 0

struct mach_timebase_info {
    uint32_t numer;
    uint32_t denom;
};
typedef struct mach_timebase_info *mach_timebase_info_t;
typedef struct mach_timebase_info mach_timebase_info_data_t;

kern_return_t mach_timebase_info(mach_timebase_info_t info);
uint64_t mach_absolute_time(void);

#endif
