/* SPDX-License-Identifier: MIT
 *
 * others.h - the names of other users, for root.
 *
 * The rules of os.h hold here too.
 */
#ifndef WEFTOS_OTHERS_H
#define WEFTOS_OTHERS_H

#include "os.h"

/*
 * Tells of each socket in the run-time directories of other users, as far as
 * those are the ones that are taken without WEFT_RUNTIME_DIR, until `visit`
 * says false: its path, and whose directory that is. Only who answers there, as
 * the kernel says, is to be believed to be this user. WEFT_EACCES: this process
 * is not root's. WEFT_ENOTSUP: not on this system.
 */
typedef bool weftos_others_visit(void *context, const char *path,
                                 int64_t owner);
weft_status weftos_others_each(weftos_others_visit *visit, void *context,
                               weft_detail *detail);

#endif
