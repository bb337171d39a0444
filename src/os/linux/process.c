/* SPDX-License-Identifier: MIT
 *
 * Processes: who this one is, and handles that tell of another one's end.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

#include "linux.h"

/*
 * What the kernel says for a user who has no number in our namespace, unless
 * /proc/sys/kernel/overflowuid was changed. It stands for many users at once.
 */
#define OVERFLOW_UID 65534

bool weftos_is_same_user(const weft_peer *peer)
{
    return peer->uid == (int64_t)geteuid() && peer->uid != OVERFLOW_UID;
}

weft_status weftos_process_open(int64_t pid, weft_handle *process,
                                weft_detail *detail)
{
    long fd;

    *process = WEFTOS_NONE;
    if (pid <= 0) { /* outside this process's namespace */
        return weftos_fail(detail, WEFT_ENOTSUP, 0, "watch the peer");
    }
    fd = syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0) {
        weft_status status = errno == ESRCH    ? WEFT_ENOENT
                             : errno == ENOSYS ? WEFT_ENOTSUP
                                               : weftos_errno_status(errno);
        return weftos_fail(detail, status, errno, "pidfd_open");
    }
    *process = fd;
    return WEFT_OK;
}
