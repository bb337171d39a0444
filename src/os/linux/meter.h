/* SPDX-License-Identifier: MIT
 *
 * meter.h - the limits of memory of the groups that this process is in, as
 * levels: its own group, and each above it.
 */
#ifndef WEFTOS_LINUX_METER_H
#define WEFTOS_LINUX_METER_H

#include "../meter.h"

struct weftos_levels;

/*
 * Finds them, and keeps their files open. `*levels` is NULL where there is
 * none. WEFT_ENOMEM, WEFT_ELIMIT.
 */
weft_status weftos_levels_open(const char *root, struct weftos_levels **levels,
                               weft_detail *detail);

/* NULL is allowed. */
void weftos_levels_close(struct weftos_levels *levels);

/*
 * The limit that leaves the least, what is counted against it, and whose it
 * is. False: none is set.
 */
bool weftos_levels_read(struct weftos_levels *levels, uint64_t *limit,
                        uint64_t *used, char *source, size_t bytes);

#endif
