/* SPDX-License-Identifier: MIT
 *
 * The leader, between the fork and the program; what all systems share of that
 * is in posix/run_exec.c.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "run.h"

static void close_the_rest(const struct run *run, int pipe)
{
    unsigned first = run->handles[WEFTI_RUN_CHANNEL] >= 0 ? RUN_CHANNEL_FD + 1
                                                          : RUN_CHANNEL_FD;

    if ((unsigned)pipe > first) {
        (void)syscall(SYS_close_range, first, (unsigned)pipe - 1, 0);
    }
    (void)syscall(SYS_close_range, (unsigned)pipe + 1, ~0U, 0);
}

static void become_user(const struct run *run, int pipe)
{
    uid_t uid = run->request->uid;
    gid_t gid = run->request->gid;

    if ((run->request->flags & WEFTI_RUN_HAS_USER) == 0) {
        return;
    }
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(uid, uid, uid) != 0) {
        weftos_run_child_fail(pipe, -1, "become another user");
    }
    /* Changing the user clears it. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void set_cpus(const struct run *run, int pipe)
{
    if ((run->request->flags & WEFTI_RUN_HAS_CPUS) != 0 &&
        sched_setaffinity(
            0, sizeof(run->request->cpus),
            (const cpu_set_t *)(const void *)run->request->cpus) != 0) {
        weftos_run_child_fail(pipe, -1, "run on these CPUs");
    }
}

_Noreturn void weftos_run_child(struct run *run, int pipe)
{
    /* The supervisor may have died before the kernel could be told. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        getppid() != weftos_run_isolate_parent(run)) {
        _exit(125);
    }
    weftos_run_reset_signals();
    if (!weftos_run_enter_groups(run)) {
        weftos_run_child_fail(pipe, -1, "enter the control group");
    }
    if (fchdir(run->handles[WEFTI_RUN_DIRECTORY]) != 0) {
        weftos_run_child_fail(pipe, -1, "enter the working directory");
    }
    pipe = weftos_run_place_handles(run, pipe);
    close_the_rest(run, pipe);
    set_cpus(run, pipe);
    weftos_run_isolate_view(run, pipe);
    weftos_run_set_limits(run, pipe);
    become_user(run, pipe);
    weftos_run_isolate_confine(run, pipe);
    weftos_run_execute(run, pipe);
    _exit(125);
}
