/* SPDX-License-Identifier: MIT
 *
 * <sys/sysctl.h> of macOS, as far as the double has it.
 */
#ifndef DOUBLE_SYS_SYSCTL_H
#define DOUBLE_SYS_SYSCTL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/param.h>
#include <sys/time.h>
#include <sys/types.h>

#ifndef MAXCOMLEN
#define MAXCOMLEN 16
#endif

#define CTL_KERN 1
#define KERN_PROC 14
#define KERN_PROC_PID 1
#define KERN_PROCARGS2 49

/* vm.swapusage */
struct xsw_usage {
    uint64_t xsu_total;
    uint64_t xsu_avail;
    uint64_t xsu_used;
    uint32_t xsu_pagesize;
    int xsu_encrypted;
};

/* KERN_PROC, with Darwin's layout; what has no name here is not told. */
struct kinfo_proc {
    struct {
        struct timeval p_starttime;
        uint8_t unused_1[20];
        char p_stat;
        pid_t p_pid;
        uint8_t unused_2[199];
        char p_comm[MAXCOMLEN + 1];
        uint8_t unused_3[36];
    } kp_proc;
    struct {
        uint8_t unused_1[120];
        struct {
            int32_t cr_ref;
            uid_t cr_uid;
        } e_ucred;
        uint8_t unused_2[136];
        pid_t e_ppid;
        pid_t e_pgid;
        uint8_t unused_3[80];
    } kp_eproc;
};

int sysctl(int *name, unsigned parts, void *old, size_t *old_bytes, void *new_,
           size_t new_bytes);
int sysctlbyname(const char *name, void *old, size_t *old_bytes, void *new_,
                 size_t new_bytes);

#endif
