/* SPDX-License-Identifier: MIT
 *
 * What there is to isolate with, found out by doing it, in a throw-away child:
 * a kernel may have a thing and refuse it, and only at the third step.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_isolate.h"

const char *const weftos_run_facility_names[PROBE_FACILITIES] = {
    [PROBE_USER] = "user namespace", [PROBE_NETWORK] = "network namespace",
    [PROBE_IPC] = "IPC namespace",   [PROBE_MOUNTS] = "mount namespace",
    [PROBE_PIDS] = "pid namespace",  [PROBE_PROC] = "/proc",
    [PROBE_OVERLAY] = "overlay",
};

/* What all supervisors know: what did not work, without a user namespace and
 * with one; and whether that counts processes. */
static struct knowledge {
    struct run_findings of[2];
    _Atomic int tasks; /* 0: not tried; 1: it does; 2: it does not */
} * known;

void weftos_run_isolate_begin(void)
{
    void *room = mmap(NULL, sizeof(*known), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (room != MAP_FAILED) {
        known = room;
    }
}

static int write_file(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    int cause = 0;

    if (file < 0) {
        return errno;
    }
    if (write(file, text, strlen(text)) < 0) {
        cause = errno;
    }
    (void)close(file);
    return cause;
}

int weftos_run_probe_write_maps(uid_t uid, gid_t gid, const char **step)
{
    char text[64];
    int cause;

    *step = "write setgroups";
    cause = write_file("/proc/self/setgroups", "deny");
    if (cause == 0) {
        *step = "write uid_map";
        (void)snprintf(text, sizeof(text), "%u %u 1\n", uid, uid);
        cause = write_file("/proc/self/uid_map", text);
    }
    if (cause == 0) {
        *step = "write gid_map";
        (void)snprintf(text, sizeof(text), "%u %u 1\n", gid, gid);
        cause = write_file("/proc/self/gid_map", text);
    }
    return cause;
}

static void note(struct run_findings *found, enum run_facility facility,
                 int cause, const char *step)
{
    found->of[facility].step = step;
    found->of[facility].cause = cause;
}

static bool try_unshare(struct run_findings *found, enum run_facility facility,
                        int flag)
{
    int cause = unshare(flag) == 0 ? 0 : errno;

    note(found, facility, cause, "unshare");
    return cause == 0;
}

/* As process 1 of a pid namespace, which is where /proc can be mounted. */
static void probe_pids(struct run_findings *found)
{
    const char *step = "fork";
    pid_t init;
    int cause;

    if (!try_unshare(found, PROBE_PIDS, CLONE_NEWPID)) {
        note(found, PROBE_PROC, found->of[PROBE_PIDS].cause, "unshare");
        return;
    }
    init = fork();
    if (init == 0) {
        cause = weftos_run_paths_probe_proc(&step);
        note(found, PROBE_PROC, cause, step);
        _exit(0);
    }
    if (init < 0) {
        note(found, PROBE_PIDS, errno, "fork");
        return;
    }
    (void)waitpid(init, NULL, 0);
}

static void probe_all(struct run_findings *found, bool with_user)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    const char *step = NULL;
    int cause;

    note(found, PROBE_USER, 0, NULL);
    if (with_user) {
        if (!try_unshare(found, PROBE_USER, CLONE_NEWUSER)) {
            return;
        }
        cause = weftos_run_probe_write_maps(uid, gid, &step);
        note(found, PROBE_USER, cause, step);
        if (cause != 0) {
            return;
        }
    }
    (void)try_unshare(found, PROBE_NETWORK, CLONE_NEWNET);
    (void)try_unshare(found, PROBE_IPC, CLONE_NEWIPC);
    if (try_unshare(found, PROBE_MOUNTS, CLONE_NEWNS)) {
        probe_pids(found);
        cause = weftos_run_paths_probe_overlay(with_user, &step);
        note(found, PROBE_OVERLAY, cause, step);
        cause = weftos_run_paths_probe(&step);
        note(found, PROBE_MOUNTS, cause, step);
    }
}

/* Into `found`, which the child has to share. */
static void try_all(struct run_findings *found, bool with_user)
{
    pid_t child;

    for (int i = 0; i < PROBE_FACILITIES; i++) {
        note(found, (enum run_facility)i, EIO, "try it");
    }
    child = fork();
    if (child == 0) {
        probe_all(found, with_user);
        _exit(0);
    }
    if (child < 0) {
        note(found, PROBE_USER, errno, "fork");
        return;
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    for (int i = PROBE_USER + 1; i < PROBE_FACILITIES; i++) {
        if (found->of[PROBE_USER].cause != 0) {
            found->of[i] = found->of[PROBE_USER];
        }
    }
}

bool weftos_run_has(const struct run_findings *found,
                    enum run_facility facility)
{
    return found->of[facility].cause == 0;
}

/* What is short now need not be so the next time. */
static bool is_lasting(const struct run_findings *found)
{
    for (int i = 0; i < PROBE_FACILITIES; i++) {
        int cause = found->of[i].cause;

        if (cause != 0 && cause != EPERM && cause != EACCES &&
            cause != EINVAL && cause != ENOSYS && cause != ENODEV) {
            return false;
        }
    }
    return true;
}

bool weftos_run_has_all(const struct run_findings *found)
{
    for (int i = 0; i < PROBE_FACILITIES; i++) {
        if (!weftos_run_has(found, (enum run_facility)i)) {
            return false;
        }
    }
    return true;
}

void weftos_run_probe_recall(struct run_findings *found, bool with_user)
{
    memset(found, 0, sizeof(*found));
    if (known != NULL && atomic_load_explicit(&known->of[with_user].is_known,
                                              memory_order_acquire)) {
        memcpy(found->of, known->of[with_user].of, sizeof(found->of));
    }
}

/* One more can be made, and no other. The code is 0 if so. */
static int try_tasks(void)
{
    struct rlimit two = {2, 2};
    const char *step;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    pid_t one;
    pid_t other;

    if (unshare(CLONE_NEWUSER) != 0 ||
        weftos_run_probe_write_maps(uid, gid, &step) != 0 ||
        setrlimit(RLIMIT_NPROC, &two) != 0) {
        return 1;
    }
    one = fork();
    if (one == 0) {
        (void)pause(); /* it is killed */
        _exit(0);
    }
    other = one > 0 ? fork() : -1;
    if (other == 0) {
        _exit(0);
    }
    if (one > 0) {
        (void)kill(one, SIGKILL);
    }
    return one > 0 && other < 0 && errno == EAGAIN ? 0 : 1;
}

bool weftos_run_probe_tasks(void)
{
    int found = known != NULL ? atomic_load(&known->tasks) : 0;
    int status = -1;
    pid_t child;

    if (found == 0) {
        child = fork();
        if (child == 0) {
            _exit(try_tasks());
        }
        while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        found = status == 0 ? 1 : 2;
    }
    if (known != NULL) {
        atomic_store(&known->tasks, found);
    }
    return found == 1;
}

void weftos_run_probe(struct run_findings *found, bool with_user)
{
    struct run_findings *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    memset(found, 0, sizeof(*found));
    if (shared == MAP_FAILED) {
        for (int i = 0; i < PROBE_FACILITIES; i++) {
            note(found, (enum run_facility)i, ENOMEM, "try it");
        }
        return;
    }
    try_all(shared, with_user);
    memcpy(found->of, shared->of, sizeof(found->of));
    (void)munmap(shared, sizeof(*shared));
    if (known != NULL && !weftos_run_has_all(found) && is_lasting(found)) {
        /* Several may write at a time, but the same. */
        memcpy(known->of[with_user].of, found->of, sizeof(found->of));
        atomic_store_explicit(&known->of[with_user].is_known, true,
                              memory_order_release);
    }
}
