/* SPDX-License-Identifier: MIT
 *
 * Lists of processes and what each has used, by /proc: proc_listallpids() and
 * its likes, proc_pid_rusage(), KERN_PROCARGS2, and wait4(), which counts
 * ru_maxrss in bytes. launchd is process 1, which adopts orphans here too
 * unless somebody above has asked Linux for them.
 *
 * Weaker than XNU: what Linux calls resident stands for the footprint; the
 * times of children that were awaited come in steps of 10 ms; environments are
 * told of all programs, for none is Apple's own.
 */
#define _GNU_SOURCE
#include <libproc.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "faults.h"
#include "process.h"

#define SPARE 20

/* XNU needs no descriptor to answer: the limit does not count here. */
static int open_of(int pid, const char *name)
{
    struct rlimit limit;
    struct rlimit raised;
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    raised = limit;
    raised.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &raised);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return fd;
}

/* Reads all that has room, terminated; -1: there is none. */
static ssize_t read_of(int pid, const char *name, char *text, size_t room)
{
    int fd = open_of(pid, name);
    ssize_t bytes = 0;
    ssize_t more = 1;

    if (fd < 0) {
        return -1;
    }
    while (more > 0 && (size_t)bytes < room - 1) {
        more = read(fd, text + bytes, room - 1 - (size_t)bytes);
        bytes += more > 0 ? more : 0;
    }
    (void)close(fd);
    text[bytes] = '\0';
    return bytes;
}

/* ---------------------------------------------------------------- lists --- */

static int parent_of(int pid)
{
    char text[1024];
    const char *rest;
    int parent = -1;

    if (read_of(pid, "stat", text, sizeof(text)) > 0 &&
        (rest = strrchr(text, ')')) != NULL) {
        (void)sscanf(rest, ") %*c %d", &parent);
    }
    return parent;
}

/* Those with this parent, or all if it is 0. */
static int list(int parent, int *pids, int bytes)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    int most = bytes / (int)sizeof(*pids);
    int count = 0;

    if (folder == NULL) {
        double_lacks("a machine without /proc, or a free descriptor");
    }
    while ((entry = readdir(folder)) != NULL &&
           (pids == NULL || count < most)) {
        int pid = atoi(entry->d_name);

        if (pid <= 0 || (parent != 0 && parent_of(pid) != parent)) {
            continue;
        }
        if (pids != NULL) {
            pids[count] = pid;
        }
        count++;
    }
    (void)closedir(folder);
    return count + (pids == NULL ? SPARE : 0);
}

int proc_listallpids(void *buffer, int bytes)
{
    return list(0, buffer, bytes);
}

int proc_listchildpids(pid_t parent, void *buffer, int bytes)
{
    return list(parent, buffer, bytes);
}

int proc_pidpath(int pid, void *buffer, uint32_t bytes)
{
    char path[64];
    ssize_t length;

    (void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    length = readlink(path, buffer, bytes - 1);
    if (length < 0) {
        return 0;
    }
    ((char *)buffer)[length] = '\0';
    return (int)length;
}

/* Of terminals alone, by the number that Linux tells of a process's. */
char *double_devname_r(dev_t device, mode_t type, char *name, int bytes)
{
    const unsigned first_pty = 136; /* UNIX98_PTY_SLAVE_MAJOR of Linux */
    unsigned number = (unsigned)device;
    unsigned minor = (number & 0xff) | (number >> 12 & 0xfff00);

    if (type != S_IFCHR || (number >> 8 & 0xfff) != first_pty) {
        return NULL;
    }
    (void)snprintf(name, (size_t)bytes, "pts/%u", minor);
    return name;
}

/* No header of macOS has it; no program here is Apple's own. */
int csops(pid_t pid, unsigned operation, void *buffer, size_t bytes);

int csops(pid_t pid, unsigned operation, void *buffer, size_t bytes)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d", pid);
    if (operation != 0 || bytes != 4) {
        double_lacks("this operation of csops()");
    }
    if (access(path, F_OK) != 0) {
        return double_fail(ESRCH);
    }
    memset(buffer, 0, bytes);
    return 0;
}

/* -------------------------------------------------------------- figures --- */

/* XNU tells nobody but root and the process's user (CHECK_SAME_USER). */
static bool may_ask(const char *status)
{
    const char *line = strstr(status, "\nUid:");
    unsigned uid = 0;

    return geteuid() == 0 ||
           (line != NULL && sscanf(line, " Uid: %*u %u", &uid) == 1 &&
            uid == geteuid());
}

/* A figure of /proc/PID/status, which writes KiB. */
static uint64_t figure(const char *status, const char *label)
{
    const char *line = strstr(status, label);

    return line != NULL ? strtoull(line + strlen(label), NULL, 10) * 1024 : 0;
}

/* As on Apple silicon: 125/3 ns each. */
static uint64_t ticks_of(uint64_t ns)
{
    return ns / 125 * 3 + ns % 125 * 3 / 125;
}

static uint64_t used_ns(int pid)
{
    struct timespec time;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 ||
        clock_gettime(clock, &time) != 0) {
        return 0;
    }
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) +
           (uint64_t)time.tv_nsec;
}

static void fill_times(int pid, const char *stat, struct rusage_info_v4 *found)
{
    uint64_t tick = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
    unsigned long long system = 0;
    unsigned long long child_user = 0;
    unsigned long long child_system = 0;
    uint64_t all = used_ns(pid);

    (void)sscanf(stat,
                 ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %llu %llu "
                 "%llu",
                 &system, &child_user, &child_system);
    found->ri_system_time = system * tick < all ? system * tick : all;
    found->ri_user_time = ticks_of(all - found->ri_system_time);
    found->ri_system_time = ticks_of(found->ri_system_time);
    found->ri_child_user_time = ticks_of(child_user * tick);
    found->ri_child_system_time = ticks_of(child_system * tick);
}

int proc_pid_rusage(int pid, int flavor, rusage_info_t *buffer)
{
    struct rusage_info_v4 found;
    char status[4096];
    char stat[1024];
    const char *rest;

    if (flavor != RUSAGE_INFO_V4) {
        double_lacks("this flavor of proc_pid_rusage()");
    }
    if (read_of(pid, "status", status, sizeof(status)) <= 0 ||
        read_of(pid, "stat", stat, sizeof(stat)) <= 0 ||
        (rest = strrchr(stat, ')')) == NULL) {
        return double_fail(ESRCH);
    }
    if (!may_ask(status)) {
        return double_fail(EPERM);
    }
    memset(&found, 0, sizeof(found));
    found.ri_resident_size = figure(status, "VmRSS:");
    found.ri_phys_footprint = figure(status, "VmRSS:");
    found.ri_lifetime_max_phys_footprint = figure(status, "VmHWM:");
    found.ri_wired_size = figure(status, "VmLck:");
    fill_times(pid, rest, &found);
    memcpy((void *)buffer, &found, sizeof(found));
    return 0;
}

pid_t double_wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    pid_t found = wait4(pid, status, options, usage);

    if (found > 0 && usage != NULL) {
        usage->ru_maxrss *= 1024;
    }
    return found;
}

/* ---------------------------------------------------------- environment --- */

int double_issetugid(void)
{
    return getauxval(AT_SECURE) != 0;
}

/*
 * What everybody is told of a process. The start is that of proc_pidinfo(),
 * which XNU takes from the same place.
 */
static int describe(int pid, struct kinfo_proc *found, size_t *bytes)
{
    struct proc_bsdinfo info;
    int error = double_identify(pid, &info);

    /* Of nobody there is no record, and no error. */
    if (error != 0 || *bytes < sizeof(*found)) {
        *bytes = 0;
        return error == 0 ? double_fail(ENOMEM) : 0;
    }
    memset(found, 0, sizeof(*found));
    found->kp_proc.p_pid = pid;
    found->kp_proc.p_stat = (char)info.pbi_status;
    found->kp_proc.p_starttime.tv_sec = (time_t)info.pbi_start_tvsec;
    found->kp_proc.p_starttime.tv_usec = (suseconds_t)info.pbi_start_tvusec;
    memcpy(found->kp_proc.p_comm, info.pbi_comm, sizeof(info.pbi_comm));
    found->kp_eproc.e_ucred.cr_uid = info.pbi_uid;
    found->kp_eproc.e_ppid = (pid_t)info.pbi_ppid;
    found->kp_eproc.e_pgid = (pid_t)info.pbi_pgid;
    *bytes = sizeof(*found);
    return 0;
}

/* XNU tells the number of arguments, the program's path, and then the rest. */
int sysctl(int *name, unsigned parts, void *old, size_t *old_bytes, void *new_,
           size_t new_bytes)
{
    char *text = old;
    ssize_t bytes;

    if (parts == 4 && name[0] == CTL_KERN && name[1] == KERN_PROC &&
        name[2] == KERN_PROC_PID && new_ == NULL && new_bytes == 0) {
        return describe(name[3], old, old_bytes);
    }
    if (parts != 3 || name[0] != CTL_KERN || name[1] != KERN_PROCARGS2 ||
        new_ != NULL || new_bytes != 0 || *old_bytes < sizeof(int) + 2) {
        double_lacks("this sysctl()");
    }
    memset(text, 0, sizeof(int) + 1);
    bytes = read_of(name[2], "environ", text + sizeof(int) + 1,
                    *old_bytes - sizeof(int) - 1);
    if (bytes < 0) {
        return double_fail(EINVAL);
    }
    *old_bytes = sizeof(int) + 1 + (size_t)bytes;
    return 0;
}
