/* SPDX-License-Identifier: MIT
 *
 * Trees that weft has not started: the arguments, and sums.
 */
#include <string.h>

#include <weft/tree.h>

#include "os/tree.h"

static weft_status refuse(weft_detail *detail, const char *why)
{
    if (detail != NULL) {
        *detail = (weft_detail){WEFT_EINVAL, 0, why};
    }
    return WEFT_EINVAL;
}

weft_status weft_tree_measure(int64_t pid, uint32_t what, weft_member *members,
                              size_t room, size_t *count, weft_detail *detail)
{
    if (count == NULL || (members == NULL && room > 0) ||
        (what & ~WEFT_MEMBER_ALL) != 0) {
        return refuse(detail, "check the arguments");
    }
    *count = 0;
    if (pid <= 0) {
        return refuse(detail, "it is no process number, which is above 0");
    }
    return weftos_tree_measure(pid, what, members, room, count, detail);
}

weft_status weft_tree_sum(const weft_member *members, size_t count,
                          weft_member *sum)
{
    if (sum == NULL || (members == NULL && count > 0)) {
        return WEFT_EINVAL;
    }
    memset(sum, 0, sizeof(*sum));
    if (count == 0) {
        return WEFT_OK;
    }
    *sum = members[0];
    for (size_t i = 1; i < count; i++) {
        const weft_member *member = &members[i];
        uint32_t first_ones = WEFT_MEMBER_STARTED | WEFT_MEMBER_COMMAND;

        sum->valid &= member->valid | first_ones;
        sum->has_ended = sum->has_ended && member->has_ended;
        sum->user_ns += member->user_ns;
        sum->system_ns += member->system_ns;
        sum->waited_user_ns += member->waited_user_ns;
        sum->waited_system_ns += member->waited_system_ns;
        sum->resident_bytes += member->resident_bytes;
        sum->share_bytes += member->share_bytes;
        sum->threads += member->threads;
        sum->handles += member->handles;
        if (member->peak_bytes > sum->peak_bytes) {
            sum->peak_bytes = member->peak_bytes;
        }
    }
    return WEFT_OK;
}

weft_status weft_tree_kill(int64_t pid, const weft_tree_kill_options *options,
                           weft_tree_kill_result *result, weft_detail *detail)
{
    static const weft_tree_kill_options none = WEFT_TREE_KILL_OPTIONS_INIT;
    weft_status status;

    if (options == NULL) {
        options = &none;
    }
    if (result == NULL || result->size != sizeof(*result) ||
        options->size != sizeof(*options) ||
        (options->flags & ~WEFT_TREE_KILL_DRY) != 0) {
        return refuse(detail, "check the arguments");
    }
    memset(result, 0, sizeof(*result));
    result->size = sizeof(*result);
    if (pid <= 0) {
        return refuse(detail, "it is no process number, which is above 0");
    }
    if (pid == 1) {
        return refuse(detail, "it is the first process, on which all depend");
    }
    status = weftos_tree_kill(pid, options, result, detail);
    if (status != WEFT_OK) {
        memset(result, 0, sizeof(*result));
        result->size = sizeof(*result);
    }
    return status;
}
