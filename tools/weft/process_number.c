/* SPDX-License-Identifier: MIT
 *
 * What the commands that are given a process's number have in common.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "process_number.h"

/* Those that a tree may grow by between two looks at its size. */
#define MORE 16

bool process_parse(const char *text, int64_t *pid)
{
    uint64_t number;
    bool is_negative = *text == '-';

    if (!tool_parse_count(text + (is_negative ? 1 : 0), &number) ||
        number > INT64_MAX) {
        return false;
    }
    *pid = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

int process_failed(const char *action, int64_t pid, const weft_detail *detail)
{
    char text[256];

    if (detail->status == WEFT_EINVAL || detail->status == WEFT_ENOENT) {
        tool_error("cannot %s process %" PRId64 ": %s", action, pid,
                   detail->operation);
    } else {
        weft_detail_text(detail, text, sizeof(text));
        tool_error("cannot %s process %" PRId64 ": %s", action, pid, text);
    }
    return detail->status == WEFT_EINVAL ? TOOL_USAGE : TOOL_FAILED;
}

weft_status process_measure(int64_t pid, uint32_t what, weft_member **members,
                            size_t *count, weft_detail *detail)
{
    size_t room = MORE;

    for (;;) {
        weft_status status;

        *members = malloc(room * sizeof(**members));
        if (*members == NULL) {
            *detail = (weft_detail){WEFT_ENOMEM, 0, "list the processes"};
            return WEFT_ENOMEM;
        }
        status = weft_tree_measure(pid, what, *members, room, count, detail);
        if (status == WEFT_OK && *count <= room) {
            return WEFT_OK;
        }
        free(*members);
        *members = NULL;
        if (status != WEFT_OK) {
            return status;
        }
        room = *count + MORE;
    }
}
