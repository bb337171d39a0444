/* SPDX-License-Identifier: MIT
 *
 * meter.h - what the files about the machine's memory share.
 */
#ifndef WEFTOS_MACOS_METER_H
#define WEFTOS_MACOS_METER_H

#include <mach/mach.h>

#include "../meter.h"

/*
 * How scarce the kernel says that memory is: one of WEFTOS_LEVEL_*, or anything
 * else. False: it does not say.
 */
bool weftos_pressure_level(int *level);

/*
 * What the kernel counts. How many words of it are known depends on the
 * version of macOS; 0: none.
 */
mach_msg_type_number_t weftos_ask_host(mach_port_t host,
                                       struct vm_statistics64 *found);

#endif
