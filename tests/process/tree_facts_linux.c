/* SPDX-License-Identifier: MIT
 *
 * What Linux has that not all systems have.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "os/linux/run_group.h"
#include "process/tree_linux.h"

const bool tree_finds_headless = true;

bool tree_leave_group(void)
{
    struct run_group groups[RUN_TIERS];
    int above;
    bool has_left;

    weftos_run_groups_find(groups);
    above = openat(groups[RUN_UNIFIED].parent, "../cgroup.procs",
                   O_WRONLY | O_CLOEXEC);
    has_left = above >= 0 && write(above, "0", 1) == 1;
    if (above >= 0) {
        (void)close(above);
    }
    return has_left;
}
