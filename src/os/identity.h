/* SPDX-License-Identifier: MIT
 *
 * identity.h - what <weft/protect.h> needs of the operating system besides
 * os.h: what a process is, and a handle that stays its own.
 *
 * The rules of os.h hold here too.
 */
#ifndef WEFTOS_IDENTITY_H
#define WEFTOS_IDENTITY_H

#include <weft/protect.h>

#include "system.h"

/*
 * As weft_memory_identify, of which the arguments were checked. `root` goes
 * before the path of each file that is read: "", but in tests; systems without
 * such files don't look at it. All of `*identity` is zero before, but for its
 * size.
 */
weft_status weftos_identify(const char *root, int64_t pid,
                            weft_memory_identity *identity,
                            weft_detail *detail);

/*
 * A handle on a process, by which it can be acted on: no later process with
 * the same number is meant by it. WEFT_ENOENT: there is no such process.
 * WEFT_ENOTSUP: there are no such handles here, and so no safe way to act.
 */
weft_status weftos_target_open(int64_t pid, weft_handle *target,
                               weft_detail *detail);

/*
 * Whether the process has not ended. If so, its number was its own ever since
 * the handle was opened: what was read by the number was read of this process.
 */
bool weftos_target_lives(weft_handle target);

/* WEFTOS_NONE is allowed. */
void weftos_target_close(weft_handle target);

/* Sets a mark, or says that it is known to be absent. */
static inline void weftos_identity_mark(weft_memory_identity *identity,
                                        weft_mark mark, bool is_set)
{
    identity->marks_known |= WEFT_MARK_BIT(mark);
    if (is_set) {
        identity->marks |= WEFT_MARK_BIT(mark);
    }
}

#endif
