/* SPDX-License-Identifier: MIT
 *
 * Other processes, by <libproc.h>, with the rules of XNU: proc_pidinfo()
 * refuses processes of other users with EPERM, but for the short form, and does
 * not know one that has ended (ESRCH) unless `argument` asks for those; both
 * calls give 0 when they fail.
 *
 * Weaker than XNU: Linux tells the start of a process in steps of 10 ms; of
 * the structures only what is named here is filled in.
 */
#define _GNU_SOURCE
#include <libproc.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "faults.h"
#include "process.h"

static int refuse(int os_code)
{
    errno = os_code;
    return 0;
}

/* What /proc/PID/stat says; the start is in ticks. */
struct life {
    char name[16];
    char state;
    int parent;
    int group;
    unsigned terminal;
    int front; /* the terminal's group in the foreground */
    unsigned long long start;
};

/* The name, between parentheses, may have any bytes in it. */
static bool read_life(int pid, struct life *life)
{
    char path[64];
    char text[1024];
    FILE *file;
    const char *rest;
    const char *name;
    bool read;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    read = fgets(text, sizeof(text), file) != NULL;
    (void)fclose(file);
    rest = read ? strrchr(text, ')') : NULL;
    name = read ? strchr(text, '(') : NULL;
    if (rest == NULL || name == NULL) {
        return false;
    }
    (void)snprintf(life->name, sizeof(life->name), "%.*s",
                   (int)(rest - name - 1), name + 1);
    return sscanf(rest,
                  ") %c %d %d %*d %u %d %*u %*u %*u %*u %*u %*u %*u %*d "
                  "%*d %*d %*d %*d %*d %llu",
                  &life->state, &life->parent, &life->group, &life->terminal,
                  &life->front, &life->start) == 6;
}

/* The time of day at which the machine started. */
static uint64_t boot_seconds(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char line[256];
    unsigned long long seconds = 0;

    if (file == NULL) {
        double_lacks("a machine without /proc");
    }
    while (fgets(line, sizeof(line), file) != NULL &&
           sscanf(line, "btime %llu", &seconds) != 1) {
    }
    (void)fclose(file);
    return seconds;
}

/* The effective user and group: /proc/PID itself may be root's. */
static bool read_owner(int pid, uid_t *uid, gid_t *gid)
{
    char path[64];
    char line[256];
    FILE *file;
    int found = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        found += sscanf(line, "Uid: %*u %u", uid) == 1;
        found += sscanf(line, "Gid: %*u %u", gid) == 1;
    }
    (void)fclose(file);
    return found == 2;
}

#define FLAG_TRACED 2 /* PROC_FLAG_TRACED */

static bool is_traced(int pid)
{
    char path[64];
    char line[256];
    int tracer = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL &&
           sscanf(line, "TracerPid: %d", &tracer) != 1) {
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return tracer != 0;
}

static void fill_long(int pid, const struct life *life, uid_t uid, gid_t gid,
                      struct proc_bsdinfo *found)
{
    uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);

    memset(found, 0, sizeof(*found));
    found->pbi_status = life->state == 'Z' ? SZOMB : SRUN;
    found->pbi_pid = (uint32_t)pid;
    found->pbi_ppid = (uint32_t)life->parent;
    found->pbi_pgid = (uint32_t)life->group;
    found->pbi_uid = uid;
    found->pbi_gid = gid;
    found->pbi_flags = is_traced(pid) ? FLAG_TRACED : 0;
    found->e_tdev = life->terminal != 0 ? life->terminal : UINT32_MAX;
    found->e_tpgid = life->front > 0 ? (uint32_t)life->front : 0;
    memcpy(found->pbi_comm, life->name, sizeof(found->pbi_comm) - 1);
    memcpy(found->pbi_name, life->name, sizeof(life->name));
    found->pbi_start_tvsec = boot_seconds() + life->start / ticks;
    found->pbi_start_tvusec = life->start % ticks * (1000000 / ticks);
}

static int describe_long(int pid, const struct life *life, uid_t uid, gid_t gid,
                         void *buffer)
{
    struct proc_bsdinfo found;

    if (geteuid() != 0 && uid != geteuid()) {
        return refuse(EPERM);
    }
    fill_long(pid, life, uid, gid, &found);
    memcpy(buffer, &found, sizeof(found));
    return (int)sizeof(found);
}

int double_identify(int pid, struct proc_bsdinfo *found)
{
    struct life life;
    uid_t uid = 0;
    gid_t gid = 0;

    if (pid <= 0 || !read_life(pid, &life) || !read_owner(pid, &uid, &gid)) {
        return ESRCH;
    }
    fill_long(pid, &life, uid, gid, found);
    return 0;
}

static int describe_short(int pid, const struct life *life, uid_t uid,
                          gid_t gid, void *buffer)
{
    struct proc_bsdshortinfo found;

    memset(&found, 0, sizeof(found));
    found.pbsi_status = life->state == 'Z' ? SZOMB : SRUN;
    found.pbsi_pid = (uint32_t)pid;
    found.pbsi_ppid = (uint32_t)life->parent;
    found.pbsi_pgid = (uint32_t)life->group;
    found.pbsi_uid = uid;
    found.pbsi_gid = gid;
    memcpy(buffer, &found, sizeof(found));
    return (int)sizeof(found);
}

static uint64_t number_of(int pid, const struct life *life)
{
    return ((uint64_t)life->start + 1) << 22 | (uint64_t)pid;
}

/*
 * Linux does not know who made an orphan: nobody's number is told then, which
 * XNU never does.
 */
static int describe_unique(int pid, const struct life *life, void *buffer)
{
    struct proc_uniqidentifierinfo found;
    struct life parent;

    memset(&found, 0, sizeof(found));
    found.p_uniqueid = number_of(pid, life);
    found.p_puniqueid = life->parent > 1 && read_life(life->parent, &parent)
                            ? number_of(life->parent, &parent)
                            : UINT64_MAX;
    memcpy(buffer, &found, sizeof(found));
    return (int)sizeof(found);
}

/* ------------------------------------------------------- this process --- */

/* XNU needs no descriptor to answer: the limit does not count here. */
static void lift_limit(struct rlimit *limit)
{
    struct rlimit raised;

    (void)getrlimit(RLIMIT_NOFILE, limit);
    raised = *limit;
    raised.rlim_cur = limit->rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &raised);
}

static FILE *open_status(void)
{
    struct rlimit limit;
    FILE *file;

    lift_limit(&limit);
    file = fopen("/proc/self/status", "re");
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return file;
}

static DIR *open_descriptors(void)
{
    struct rlimit limit;
    DIR *folder;

    lift_limit(&limit);
    folder = opendir("/proc/self/fd");
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return folder;
}

/* A figure of /proc/self/status, which writes KiB. */
static uint64_t read_figure(const char *label)
{
    char line[256];
    FILE *file = open_status();
    unsigned long long value = 0;

    if (file == NULL) {
        double_lacks("a machine without /proc");
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, label, strlen(label)) == 0) {
            value = strtoull(line + strlen(label), NULL, 10);
            break;
        }
    }
    (void)fclose(file);
    return value;
}

static int describe_task(void *buffer, int bytes)
{
    struct proc_taskinfo found;

    if (bytes < (int)PROC_PIDTASKINFO_SIZE) {
        return refuse(ENOMEM);
    }
    memset(&found, 0, sizeof(found));
    found.pti_virtual_size = read_figure("VmSize:") * 1024;
    found.pti_resident_size = read_figure("VmRSS:") * 1024;
    found.pti_threadnum = (int32_t)read_figure("Threads:");
    memcpy(buffer, &found, sizeof(found));
    return (int)sizeof(found);
}

/* Without a buffer, the bytes for all of them and some more (proc_pidinfo). */
static int list_descriptors(struct proc_fdinfo *list, int bytes)
{
    const int spare = 20;
    DIR *folder = open_descriptors();
    const struct dirent *entry;
    int count = 0;

    if (folder == NULL) {
        double_lacks("a machine without /proc");
    }
    while ((entry = readdir(folder)) != NULL) {
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] == '.' || fd == dirfd(folder)) {
            continue;
        }
        if (list != NULL && (count + 1) * (int)sizeof(*list) <= bytes) {
            list[count].proc_fd = fd;
            list[count].proc_fdtype = 0;
        } else if (list != NULL) {
            break;
        }
        count++;
    }
    (void)closedir(folder);
    return (count + (list == NULL ? spare : 0)) * (int)sizeof(*list);
}

static int describe_self(int pid, int flavor, void *buffer, int bytes)
{
    if (pid != getpid()) {
        double_lacks("this flavor of proc_pidinfo() for another process");
    }
    return flavor == PROC_PIDTASKINFO ? describe_task(buffer, bytes)
                                      : list_descriptors(buffer, bytes);
}

/* --------------------------------------------------------------- threads ---
 */

/* A thread's handle is its number here. */
static int list_threads(int pid, uint64_t *list, int bytes)
{
    char path[64];
    DIR *folder;
    const struct dirent *entry;
    int count = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
    folder = opendir(path);
    while (folder != NULL && (entry = readdir(folder)) != NULL &&
           (count + 1) * (int)sizeof(*list) <= bytes) {
        if (entry->d_name[0] != '.') {
            list[count++] = strtoull(entry->d_name, NULL, 10);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return count == 0 ? refuse(ESRCH) : count * (int)sizeof(*list);
}

#define PRIORITY_USER 31
#define PRIORITY_REALTIME 97

static int describe_thread(uint64_t handle, void *buffer, int bytes)
{
    struct proc_threadinfo found;
    int policy = sched_getscheduler((pid_t)handle);

    if (bytes < (int)sizeof(found)) {
        return refuse(ENOMEM);
    }
    if (policy < 0) {
        return refuse(ESRCH);
    }
    memset(&found, 0, sizeof(found));
    found.pth_priority = policy == SCHED_FIFO || policy == SCHED_RR
                             ? PRIORITY_REALTIME
                             : PRIORITY_USER;
    memcpy(buffer, &found, sizeof(found));
    return (int)sizeof(found);
}

static int describe_threads(int pid, int flavor, uint64_t handle, void *buffer,
                            int bytes)
{
    uid_t uid = 0;
    gid_t gid = 0;

    if (!read_owner(pid, &uid, &gid)) {
        return refuse(ESRCH);
    }
    if (geteuid() != 0 && uid != geteuid()) {
        return refuse(EPERM);
    }
    return flavor == PROC_PIDLISTTHREADS
               ? list_threads(pid, buffer, bytes)
               : describe_thread(handle, buffer, bytes);
}

static int bytes_of(int flavor)
{
    switch (flavor) {
    case PROC_PIDTBSDINFO:
        return (int)PROC_PIDTBSDINFO_SIZE;
    case PROC_PIDT_SHORTBSDINFO:
        return (int)PROC_PIDT_SHORTBSDINFO_SIZE;
    case PROC_PIDUNIQIDENTIFIERINFO:
        return (int)PROC_PIDUNIQIDENTIFIERINFO_SIZE;
    default:
        double_lacks("this flavor of proc_pidinfo()");
    }
}

int proc_pidinfo(int pid, int flavor, uint64_t argument, void *buffer,
                 int bytes)
{
    struct life life;
    uid_t uid = 0;
    gid_t gid = 0;

    if (flavor == PROC_PIDLISTTHREADS || flavor == PROC_PIDTHREADINFO) {
        return describe_threads(pid, flavor, argument, buffer, bytes);
    }
    if (flavor == PROC_PIDTASKINFO || flavor == PROC_PIDLISTFDS) {
        return describe_self(pid, flavor, buffer, bytes);
    }
    if (bytes < bytes_of(flavor)) {
        return refuse(ENOMEM);
    }
    if (pid <= 0 || !read_life(pid, &life) || !read_owner(pid, &uid, &gid) ||
        (argument == 0 && (life.state == 'Z' || life.state == 'X'))) {
        return refuse(ESRCH);
    }
    if (flavor == PROC_PIDUNIQIDENTIFIERINFO) {
        return describe_unique(pid, &life, buffer);
    }
    return flavor == PROC_PIDTBSDINFO
               ? describe_long(pid, &life, uid, gid, buffer)
               : describe_short(pid, &life, uid, gid, buffer);
}

/* FREAD and FWRITE. */
static uint32_t open_flags(int fd)
{
    switch (fcntl(fd, F_GETFL) & O_ACCMODE) {
    case O_RDONLY:
        return 1;
    case O_WRONLY:
        return 2;
    default:
        return 3;
    }
}

static void copy_stat(const struct stat *from, struct vinfo_stat *to)
{
    to->vst_mode = (uint16_t)from->st_mode;
    to->vst_uid = from->st_uid;
    to->vst_gid = from->st_gid;
    to->vst_size = from->st_size;
}

static int describe_memory(int fd, const struct stat *info, void *buffer)
{
    struct pshm_fdinfo found;

    memset(&found, 0, sizeof(found));
    if (!double_is_shm(fd, found.pshminfo.pshm_name,
                       sizeof(found.pshminfo.pshm_name))) {
        return refuse(EBADF);
    }
    found.pfi.fi_openflags = open_flags(fd);
    copy_stat(info, &found.pshminfo.pshm_stat);
    memcpy(buffer, &found, sizeof(found));
    return (int)sizeof(found);
}

static int describe_pipe(int fd, const struct stat *info, void *buffer)
{
    struct pipe_fdinfo found;

    if (!double_is_pipe(fd)) {
        return refuse(EBADF);
    }
    memset(&found, 0, sizeof(found));
    found.pfi.fi_openflags = open_flags(fd);
    copy_stat(info, &found.pipeinfo.pipe_stat);
    found.pipeinfo.pipe_stat.vst_nlink = 1;
    found.pipeinfo.pipe_handle = info->st_ino;
    memcpy(buffer, &found, sizeof(found));
    return (int)sizeof(found);
}

int proc_pidfdinfo(int pid, int fd, int flavor, void *buffer, int bytes)
{
    struct stat info;

    if ((flavor != PROC_PIDFDPSHMINFO && flavor != PROC_PIDFDPIPEINFO) ||
        pid != getpid()) {
        double_lacks("this flavor of proc_pidfdinfo(), or another process");
    }
    if (bytes < (int)(flavor == PROC_PIDFDPSHMINFO ? PROC_PIDFDPSHMINFO_SIZE
                                                   : PROC_PIDFDPIPEINFO_SIZE)) {
        return refuse(ENOMEM);
    }
    if (double_fstat(fd, &info) != 0) {
        return refuse(EBADF);
    }
    return flavor == PROC_PIDFDPSHMINFO ? describe_memory(fd, &info, buffer)
                                        : describe_pipe(fd, &info, buffer);
}
