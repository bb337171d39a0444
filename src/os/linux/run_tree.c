/* SPDX-License-Identifier: MIT
 *
 * A supervisor: prepares, starts the leader, watches the tree, ends it and
 * tells how that went.
 *
 * It waits for all at once: the host's messages and death, the ends of
 * processes, and the next moment at which a limit may be reached. The tree has
 * ended when the supervisor has no child left: it adopts every orphan, so none
 * can be missing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

/* --------------------------------------------------------------- limits --- */

void weftos_run_kill(struct run *run)
{
    if (!run->is_ending) {
        run->is_ending = true;
        run->report->was_killed = !run->leader_has_ended;
    }
    /* Who is left though the group is empty has got out of it. */
    if (!weftos_run_kill_group(run)) {
        weftos_run_signal_tree(run, SIGKILL);
    }
}

/* ---------------------------------------------------------------- start --- */

int weftos_run_map_for_leader(void *base, size_t bytes)
{
    return madvise(base, bytes, MADV_DOFORK);
}

bool weftos_run_fork_leader(struct run *run, int pipe,
                            struct run_failure *failure)
{
    if (run->isolation != NULL) {
        return weftos_run_isolate_start(run, pipe, failure);
    }
    if (weftos_run_can_borrow(run)) {
        run->leader = weftos_run_borrow(run, pipe);
    } else {
        run->leader = weftos_run_clone(run, 0);
    }
    if (run->leader == 0) {
        weftos_run_child(run, pipe);
    }
    if (run->leader < 0) {
        *failure = (struct run_failure){
            .os_code = errno, .fence = -1, .operation = "fork"};
    }
    return run->leader > 0;
}

void weftos_run_explain(struct run *run, int number)
{
    weftos_run_memory_look(run); /* it may be why */
    if (number == SIGKILL && run->memory.is_host) {
        weftos_run_set_reason(run, WEFT_REASON_HOST);
    }
    weftos_run_isolate_explain(run, number);
}

/* ---------------------------------------------------------------- watch --- */

/* Reaps who has ended. False: there is nobody left. */
static bool reap(struct run *run)
{
    struct rusage usage;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG | __WALL, &usage)) > 0) {
        weftos_run_add_reaped(run, &usage);
        weftos_run_isolate_reaped(run, pid);
        if (pid == run->leader) {
            weftos_run_leader_ended(run, status);
        }
    }
    return pid == 0 || errno != ECHILD;
}

static bool host_has_gone(struct run *run)
{
    struct pollfd found = {.fd = run->host, .events = POLLIN};

    return run->host >= 0 && poll(&found, 1, 0) > 0;
}

int weftos_run_open_ends(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t ends;

    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    (void)sigaction(SIGCHLD, &usual, NULL);
    return signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Whom the leader leaves behind when it ends by itself. */
static void note_left(struct run *run)
{
    int64_t count = run->is_ending ? 0 : weftos_run_count_members(run);

    if (count > 0) {
        weftos_run_evidence(run,
                            "left behind by the leader: %lld processes, "
                            "SIGKILL sent",
                            (long long)count);
    }
}

/* Until nobody is left. False: the host has gone, and wants no report. */
static bool watch(struct run *run, int ends)
{
    struct pollfd polls[] = {
        {.fd = ends, .events = POLLIN},
        {.fd = run->handles[WEFTI_RUN_SOCKET], .events = POLLIN},
        {.fd = run->host, .events = POLLIN},
        {.fd = weftos_run_pump_event(run), .events = POLLIN},
        {.fd = -1}, /* those of the limits */
        {.fd = -1},
    };
    struct signalfd_siginfo signal_;
    struct timespec room;
    bool has_host = true;

    weftos_run_limits_poll(run, &polls[4]);
    while (reap(run)) {
        if (run->leader_has_ended) {
            note_left(run);
        }
        if (run->leader_has_ended || !has_host) {
            weftos_run_kill(run); /* once more for those that have come since */
        }
        weftos_run_check_times(run);
        weftos_run_limits_look(run);
        if (ppoll(polls, sizeof(polls) / sizeof(polls[0]),
                  weftos_time_left(weftos_run_next_time(run), &room),
                  NULL) < 0) {
            continue; /* EINTR at most */
        }
        (void)!read(ends, &signal_, sizeof(signal_));
        weftos_run_limits_hear(&polls[4]);
        if (has_host && polls[1].revents != 0) {
            has_host = weftos_run_hear(run);
        }
        if (has_host && host_has_gone(run)) {
            has_host = false;
        }
        if (!has_host) {
            polls[1].fd = -1;
            polls[2].fd = -1;
        }
    }
    return has_host;
}

/* It may have another one wait from now on; at the worst it does not. */
static void tell_helper(const struct run *run)
{
    const struct run_told told = {run->supervisor, run->has_found_groups};

    (void)!write(run->told, &told, sizeof(told));
}

/* The exit code. */
static int supervise(struct run *run)
{
    int ends = weftos_run_open_ends();

    run->supervisor = getpid();
    run->report->exit_code = -1;
    run->report->row_count = WEFT_FENCE_COUNT;
    if (ends < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        weftos_run_refuse(run, WEFT_EOS, errno, "cannot supervise");
        return 1;
    }
    weftos_run_prepare_rows(run);
    if (!weftos_run_isolate_prepare(run) || !weftos_run_check_rows(run)) {
        return 1;
    }
    if ((run->request->flags & WEFTI_RUN_PROBE) != 0) {
        weftos_run_tell(run, WEFTI_RUN_STARTED, 0, run->report_handle);
        return 0;
    }
    if (!weftos_run_pump_prepare(run) || !weftos_run_start_leader(run)) {
        return 1;
    }
    weftos_run_set_times(run);
    if (!weftos_run_pump_start(run)) {
        weftos_run_kill(run);
        return 1;
    }
    weftos_run_tell(run, WEFTI_RUN_STARTED, run->leader, run->report_handle);
    weftos_run_limits_start(run);
    tell_helper(run);
    if (!watch(run, ends)) {
        return 1;
    }
    run->has_ended = true;
    weftos_run_limits_end(run);
    weftos_run_fill_in_usage(run);
    weftos_run_pump_finish(run);
    run->report->survivors = weftos_run_group_populated(run) == 1 ? -1 : 0;
    weftos_run_groups_end(run);
    weftos_run_tell(run, WEFTI_RUN_ENDED, 0, -1);
    return 0;
}

int weftos_run_tree(struct run *run)
{
    int code = supervise(run);

    weftos_run_groups_end(run); /* in whatever way it came to the end */
    weftos_run_groups_tidy(run);
    return code;
}
