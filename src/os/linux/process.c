/* SPDX-License-Identifier: MIT
 *
 * Processes: who this one is, and handles that tell of another one's end.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux.h"
#include "without.h"

/*
 * What the kernel says for a user who has no number in our namespace, unless
 * /proc/sys/kernel/overflowuid was changed. It stands for many users at once.
 */
#define OVERFLOW_UID 65534

void weftos_fill_peer(weftos_peer *peer, const struct ucred *found)
{
    peer->who.pid = found->pid;
    peer->who.uid = found->uid;
    peer->who.gid = found->gid;
    peer->is_same_user = found->uid == geteuid() && found->uid != OVERFLOW_UID;
}

/*
 * Field 22 of /proc/PID/stat: the time of the start in ticks of 10 ms since
 * the machine's. The second field is a name in brackets, which may hold
 * anything, brackets too; after the last one come the state and then numbers.
 */
#define FIELDS_TO_THREADS 18
#define FIELDS_TO_START 20

/* Field `count` after the name, with the space before it, or NULL. */
static const char *find_field(const char *name_end, int count)
{
    const char *at = name_end;

    for (int i = 0; at != NULL && i < count; i++) {
        at = strchr(at + 1, ' ');
    }
    return at;
}

/* One that has ended, and that its parent has not asked about yet. */
static bool is_zombie(const char *name_end)
{
    const char *state = find_field(name_end, 1);
    const char *threads = find_field(name_end, FIELDS_TO_THREADS);

    /* The first thread may have ended long before the others. */
    return state != NULL && threads != NULL &&
           (state[1] == 'Z' || state[1] == 'X') &&
           strtoul(threads, NULL, 10) <= 1;
}

/* All of these calls are points of cancellation; sync.h promises none. */
static ssize_t read_stat(uint32_t pid, char *text, size_t bytes)
{
    ssize_t length = -1;
    int cancel;
    int fd;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    (void)snprintf(text, bytes, "/proc/%u/stat", pid);
    fd = open(text, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        length = read(fd, text, bytes - 1);
        (void)close(fd);
    }
    (void)pthread_setcancelstate(cancel, &cancel);
    return length;
}

weft_status weftos_process_stamp(uint32_t pid, uint32_t *stamp,
                                 weft_detail *detail)
{
    static const char step[] = "ask when a process was started";
    char text[1024];
    const char *name_end;
    const char *start;
    ssize_t length = read_stat(pid, text, sizeof(text));

    if (length <= 0) {
        return weftos_fail(detail,
                           errno == ENOENT || errno == ESRCH
                               ? WEFT_ENOENT
                               : weftos_errno_status(errno),
                           errno, step);
    }
    text[length] = '\0';
    name_end = strrchr(text, ')');
    start = find_field(name_end, FIELDS_TO_START);
    if (start == NULL) {
        return weftos_fail(detail, WEFT_EOS, 0, step);
    }
    if (is_zombie(name_end)) {
        return weftos_fail(detail, WEFT_ENOENT, 0, step);
    }
    *stamp = (uint32_t)strtoull(start, NULL, 10) &
             ((UINT32_C(1) << WEFTOS_STAMP_BITS) - 1);
    return WEFT_OK;
}

weft_status weftos_process_open(int64_t pid, weft_handle *process,
                                weft_detail *detail)
{
    long fd;

    *process = WEFTOS_NONE;
    if (pid <= 0) { /* outside this process's namespace */
        return weftos_fail(detail, WEFT_ENOTSUP, 0, "watch the peer");
    }
    if (WITHOUT_PIDFD) {
        return weftos_fail(detail, WEFT_ENOTSUP, ENOSYS, "pidfd_open");
    }
    fd = syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0) {
        /* ENOENT, before 6.13 EINVAL: the number is a thread's now. */
        weft_status status =
            errno == ESRCH || errno == ENOENT || errno == EINVAL ? WEFT_ENOENT
            : errno == ENOSYS || errno == EPERM                  ? WEFT_ENOTSUP
                                                : weftos_errno_status(errno);
        return weftos_fail(detail, status, errno, "pidfd_open");
    }
    *process = fd;
    return WEFT_OK;
}
