/* SPDX-License-Identifier: MIT
 *
 * walk.h - all that is in a folder, and in those below.
 */
#ifndef WEFTOS_LINUX_WALK_H
#define WEFTOS_LINUX_WALK_H

#include "linux.h"

/*
 * Told of each regular file: its folder, and its name there. What it does not
 * return WEFT_OK for ends the walk. A folder that may not be entered is told
 * of too, with -1 in place of the one that it is in.
 */
typedef weft_status weftos_walk_visit(void *context, int folder,
                                      const char *name, weft_detail *detail);

/*
 * Walks through a folder, or visits what else is at the path. It stays on one
 * file system. WEFT_ENOENT: there is no such thing; WEFT_EACCES, WEFT_ELIMIT,
 * WEFT_ENOMEM, WEFT_EOS.
 */
weft_status weftos_walk(const char *path, weftos_walk_visit *visit,
                        void *context, weft_detail *detail);

#endif
