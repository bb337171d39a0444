/* SPDX-License-Identifier: MIT
 *
 * A table of descriptors for one thread: unshare(CLONE_FILES), and all of its
 * copies closed, which close_range() does in one call without copying them
 * first (Linux 5.9). A filter of system calls may refuse both.
 */
#define _GNU_SOURCE
#include "../apart.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux.h"

/* Linux 5.9; Debian 12's <unistd.h> has it, older ones do not. */
#define CLOSE_AND_UNSHARE 2u

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

weft_status weftos_apart_begin(weft_detail *detail)
{
    static const char step[] = "have a table of descriptors of one's own";

    if (syscall(SYS_close_range, 0u, UINT_MAX, CLOSE_AND_UNSHARE) == 0) {
        return WEFT_OK;
    }
    /* An older kernel: there are no more than the limit, unless it was cut. */
    if (errno != ENOSYS || unshare(CLONE_FILES) != 0) {
        return weftos_fail(detail, WEFT_ENOTSUP, errno, step);
    }
    for (long fd = sysconf(_SC_OPEN_MAX) - 1; fd >= 0; fd--) {
        (void)close((int)fd);
    }
    return WEFT_OK;
}
