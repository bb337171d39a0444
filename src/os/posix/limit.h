/* SPDX-License-Identifier: MIT
 *
 * limit.h - what the files about this process share, and the seam between
 * them and each system.
 */
#ifndef WEFTOS_POSIX_LIMIT_H
#define WEFTOS_POSIX_LIMIT_H

#include "../system.h"
#include "posix.h"

/*
 * The system's number of a limit that it enforces. WEFT_ENOTSUP: it has none,
 * or enforces none; the operation says why.
 */
weft_status weftos_limit_number(weft_resource resource, int *number,
                                weft_detail *detail);

/* The user and system time of this process. */
void weftos_self_times(weft_self *self);

#endif
