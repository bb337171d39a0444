/* SPDX-License-Identifier: MIT
 *
 * The remote fence: membarrier(2), GLOBAL_EXPEDITED (Linux 4.16), which is
 * meant for memory that processes share. The kernel interrupts the CPUs that
 * run an enrolled process. Enrolment is inherited by fork and cleared by exec.
 * The numbers are the kernel's ABI; older headers lack them.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

#include "linux.h"
#include "without.h"

#define COMMAND_GLOBAL_EXPEDITED (1 << 1)
#define COMMAND_REGISTER_GLOBAL_EXPEDITED (1 << 2)

static long membarrier(int command)
{
    if (WITHOUT_MEMBARRIER) {
        errno = ENOSYS;
        return -1;
    }
    return syscall(SYS_membarrier, command, 0, 0);
}

weft_status weftos_fence_enroll(void)
{
    return membarrier(COMMAND_REGISTER_GLOBAL_EXPEDITED) == 0 ? WEFT_OK
                                                              : WEFT_ENOTSUP;
}

weft_status weftos_fence_remote(weft_detail *detail)
{
    if (membarrier(COMMAND_GLOBAL_EXPEDITED) != 0) {
        return weftos_fail(detail, WEFT_ENOTSUP, errno, "membarrier");
    }
    return WEFT_OK;
}
