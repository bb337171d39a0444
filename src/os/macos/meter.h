/* SPDX-License-Identifier: MIT
 *
 * meter.h - what the files about the machine's memory share.
 */
#ifndef WEFTOS_MACOS_METER_H
#define WEFTOS_MACOS_METER_H

#include "../meter.h"

/*
 * How scarce the kernel says that memory is: one of WEFTOS_LEVEL_*, or anything
 * else. False: it does not say.
 */
bool weftos_pressure_level(int *level);

#endif
