/* SPDX-License-Identifier: MIT
 *
 * Trees of processes: not supported.
 */
#include "../tree.h"
#include "stub.h"

weft_status weftos_tree_measure(int64_t pid, uint32_t what,
                                weft_member *members, size_t room,
                                size_t *count, weft_detail *detail)
{
    (void)pid;
    (void)what;
    (void)members;
    (void)room;
    (void)count;
    return stub_refuse(detail, "look at other processes");
}

weft_status weftos_tree_kill(int64_t pid, const weft_tree_kill_options *options,
                             weft_tree_kill_result *result, weft_detail *detail)
{
    (void)pid;
    (void)options;
    (void)result;
    return stub_refuse(detail, "end a tree of processes");
}
