/* SPDX-License-Identifier: MIT
 *
 * <libproc.h> of macOS, as far as the double has it.
 */
#ifndef DOUBLE_LIBPROC_H
#define DOUBLE_LIBPROC_H

#include <stdint.h>
#include <sys/proc_info.h>

/* <sys/resource.h> has these on macOS, and this includes it. */
#define RUSAGE_INFO_V4 4
typedef void *rusage_info_t;

struct rusage_info_v4 {
    uint8_t ri_uuid[16];
    uint64_t ri_user_time;
    uint64_t ri_system_time;
    uint64_t ri_pkg_idle_wkups;
    uint64_t ri_interrupt_wkups;
    uint64_t ri_pageins;
    uint64_t ri_wired_size;
    uint64_t ri_resident_size;
    uint64_t ri_phys_footprint;
    uint64_t ri_proc_start_abstime;
    uint64_t ri_proc_exit_abstime;
    uint64_t ri_child_user_time;
    uint64_t ri_child_system_time;
    uint64_t ri_child_pkg_idle_wkups;
    uint64_t ri_child_interrupt_wkups;
    uint64_t ri_child_pageins;
    uint64_t ri_child_elapsed_abstime;
    uint64_t ri_diskio_bytesread;
    uint64_t ri_diskio_byteswritten;
    uint64_t ri_cpu_time_qos[7];
    uint64_t ri_billed_system_time;
    uint64_t ri_serviced_system_time;
    uint64_t ri_logical_writes;
    uint64_t ri_lifetime_max_phys_footprint;
    uint64_t ri_instructions;
    uint64_t ri_cycles;
    uint64_t ri_billed_energy;
    uint64_t ri_serviced_energy;
    uint64_t ri_interval_max_phys_footprint;
    uint64_t ri_runnable_time;
};

/* 0, or -1 and errno. */
int proc_pid_rusage(int pid, int flavor, rusage_info_t *buffer);

/* Both give the bytes that they filled in; 0 and errno if they failed. */
int proc_pidinfo(int pid, int flavor, uint64_t argument, void *buffer,
                 int bytes);
int proc_pidfdinfo(int pid, int fd, int flavor, void *buffer, int bytes);

/* How many there are, and a few more without a buffer. */
int proc_listallpids(void *buffer, int bytes);
int proc_listchildpids(pid_t parent, void *buffer, int bytes);

#define PROC_PIDPATHINFO_MAXSIZE 4096
int proc_pidpath(int pid, void *buffer, uint32_t bytes);

#endif
