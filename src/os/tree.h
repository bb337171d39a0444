/* SPDX-License-Identifier: MIT
 *
 * tree.h - what <weft/tree.h> needs of the operating system besides os.h.
 *
 * The rules of os.h hold here too.
 */
#ifndef WEFTOS_TREE_H
#define WEFTOS_TREE_H

#include <weft/tree.h>

#include "os.h"

/* As weft_tree_measure, of which the arguments were checked. */
weft_status weftos_tree_measure(int64_t pid, uint32_t what,
                                weft_member *members, size_t room,
                                size_t *count, weft_detail *detail);

/*
 * As weft_tree_kill; `pid` is above 1, `*result` is zero but for its size, and
 * a failure leaves it to the caller. The signal is not checked, nor 0.
 */
weft_status weftos_tree_kill(int64_t pid, const weft_tree_kill_options *options,
                             weft_tree_kill_result *result,
                             weft_detail *detail);

#endif
