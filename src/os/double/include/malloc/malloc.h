/* SPDX-License-Identifier: MIT
 *
 * <malloc/malloc.h> of macOS, as far as the double has it: glibc's heap stands
 * for all zones.
 */
#ifndef DOUBLE_MALLOC_MALLOC_H
#define DOUBLE_MALLOC_MALLOC_H

#include <stddef.h>

/* Gives the bytes that were returned, which the double does not know: 0. */
size_t malloc_zone_pressure_relief(void *zone, size_t goal);

#endif
