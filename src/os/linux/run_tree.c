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
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/time.h>
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

void weftos_run_soft_limit(struct run *run, weft_fence fence)
{
    run->report->exceeded |= 1u << fence;
    if (run->leader_has_ended) {
        weftos_run_evidence(run, "%s: soft limit reached",
                            weft_fence_name(fence));
        return;
    }
    weftos_run_evidence(run, "%s: soft limit reached, SIGTERM sent",
                        weft_fence_name(fence));
    weftos_run_signal_tree(run, SIGTERM);
}

void weftos_run_hard_limit(struct run *run, weft_fence fence,
                           weft_reason reason)
{
    run->report->exceeded |= 1u << fence;
    weftos_run_set_reason(run, reason);
    if (run->leader_has_ended) {
        weftos_run_evidence(run, "%s: limit reached", weft_fence_name(fence));
        return;
    }
    if (run->request->grace_ns == 0) {
        weftos_run_evidence(run, "%s: limit reached, SIGKILL sent",
                            weft_fence_name(fence));
        weftos_run_kill(run);
    } else if (run->kill_at_ns == WEFT_FOREVER) {
        weftos_run_evidence(run, "%s: limit reached, SIGTERM sent",
                            weft_fence_name(fence));
        run->kill_at_ns = weft_after_ns(run->request->grace_ns);
        weftos_run_signal_tree(run, SIGTERM);
    }
}

/* Looks at the clock; what it has reached happens once. */
static void check_times(struct run *run)
{
    uint64_t now = weftos_now_ns();

    if (now >= run->wall_soft_at_ns) {
        run->wall_soft_at_ns = WEFT_FOREVER;
        weftos_run_soft_limit(run, WEFT_FENCE_WALL);
    }
    if (now >= run->wall_hard_at_ns) {
        run->wall_hard_at_ns = WEFT_FOREVER;
        weftos_run_hard_limit(run, WEFT_FENCE_WALL, WEFT_REASON_WALL);
    }
    weftos_run_pump_check(run, now);
    if (now >= run->kill_at_ns) {
        run->kill_at_ns = WEFT_FOREVER;
        weftos_run_evidence(run, "grace time over, SIGKILL sent");
        weftos_run_kill(run);
    }
}

static uint64_t next_time(const struct run *run)
{
    uint64_t next = weftos_run_limits_next(run);
    uint64_t output = weftos_run_pump_next(run);

    if (output < next) {
        next = output;
    }
    if (run->kill_at_ns < next) {
        next = run->kill_at_ns;
    }
    if (run->wall_soft_at_ns < next) {
        next = run->wall_soft_at_ns;
    }
    if (run->wall_hard_at_ns < next) {
        next = run->wall_hard_at_ns;
    }
    return next;
}

static void set_times(struct run *run)
{
    const struct wefti_run_fence *wall = &run->request->fences[WEFT_FENCE_WALL];

    run->kill_at_ns = WEFT_FOREVER;
    run->wall_soft_at_ns = WEFT_FOREVER;
    run->wall_hard_at_ns = WEFT_FOREVER;
    run->started_ns = weftos_now_ns();
    if (wall->is_asked != 0) {
        run->wall_hard_at_ns = weft_after_ns(wall->hard);
        if (wall->soft != 0) {
            run->wall_soft_at_ns = weft_after_ns(wall->soft);
        }
    }
}

/* ---------------------------------------------------------------- start --- */

static void prepare_rows(struct run *run)
{
    weftos_run_child_rows(run);
    weftos_run_pump_rows(run);
    if (weftos_run_is_asked(run, WEFT_FENCE_WALL)) {
        weftos_run_row(run, WEFT_FENCE_WALL, WEFT_LEVEL_MONITORED,
                       "monotonic clock", "the kernel has no such limit");
    }
    weftos_run_limits_prepare(run);
}

/*
 * What the child says: notes, and in the end a failure, or nothing more when
 * the program runs, as the other end closes over exec.
 */
static ssize_t hear_child(struct run *run, int pipe,
                          struct run_failure *failure)
{
    ssize_t bytes;

    for (;;) {
        bytes = read(pipe, failure, sizeof(*failure));
        if (bytes < 0 && errno == EINTR) {
            continue;
        }
        failure->operation[sizeof(failure->operation) - 1] = '\0';
        if (bytes <= 0 || failure->os_code != 0) {
            return bytes;
        }
        weftos_run_evidence(run, "%s", failure->operation);
    }
}

/* False: `*failure` says why not. */
static bool fork_leader(struct run *run, int pipe, struct run_failure *failure)
{
    if (run->isolation != NULL) {
        return weftos_run_isolate_start(run, pipe, failure);
    }
    run->leader = weftos_run_clone(run, 0);
    if (run->leader == 0) {
        weftos_run_child(run, pipe);
    }
    if (run->leader < 0) {
        *failure = (struct run_failure){
            .os_code = errno, .fence = -1, .operation = "fork"};
    }
    return run->leader > 0;
}

/* One attempt. False: `*failure` says why not. */
static bool try_leader(struct run *run, struct run_failure *failure)
{
    int ends[2];
    bool has_started;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        *failure = (struct run_failure){
            .os_code = errno, .fence = -1, .operation = "make a pipe"};
        return false;
    }
    has_started = fork_leader(run, ends[1], failure);
    (void)close(ends[1]);
    if (has_started) {
        has_started = hear_child(run, ends[0], failure) == 0;
    }
    (void)close(ends[0]);
    if (!has_started) {
        weftos_run_isolate_undo(run);
    }
    return has_started;
}

static bool start_leader(struct run *run)
{
    struct run_failure failure = {.fence = -1};

    while (!try_leader(run, &failure)) {
        if (failure.fence >= WEFT_FENCE_PRIVILEGES &&
            weftos_run_isolate_again(run)) {
            if (!weftos_run_check_rows(run)) {
                return false;
            }
            continue;
        }
        run->is_program_wrong = failure.is_program != 0;
        weftos_run_refuse(run,
                          failure.os_code == ENOENT
                              ? WEFT_ENOENT
                              : weftos_errno_status(failure.os_code),
                          failure.os_code, "cannot %s", failure.operation);
        return false;
    }
    return true;
}

static void send_to_host(const struct run *run, uint32_t type, int64_t number,
                         int handle)
{
    struct wefti_run_message message = {.magic = WEFTI_RUN_MAGIC,
                                        .type = type,
                                        .number = number,
                                        .bytes = run->report_bytes};
    weft_handle handles[1] = {handle};

    (void)weftos_socket_send(run->handles[WEFTI_RUN_SOCKET], &message,
                             sizeof(message), handles, handle >= 0, NULL);
}

/* ---------------------------------------------------------------- usage --- */

static uint64_t time_ns(struct timeval time)
{
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) +
           (uint64_t)time.tv_usec * UINT64_C(1000);
}

static void add_reaped(struct run *run, const struct rusage *more)
{
    struct rusage *all = &run->reaped;

    timeradd(&all->ru_utime, &more->ru_utime, &all->ru_utime);
    timeradd(&all->ru_stime, &more->ru_stime, &all->ru_stime);
    if (more->ru_maxrss > all->ru_maxrss) {
        all->ru_maxrss = more->ru_maxrss;
    }
    all->ru_minflt += more->ru_minflt;
    all->ru_majflt += more->ru_majflt;
    all->ru_nvcsw += more->ru_nvcsw;
    all->ru_nivcsw += more->ru_nivcsw;
}

static void fill_in_usage(struct run *run)
{
    weft_usage *usage = &run->report->usage;
    const struct rusage *reaped = &run->reaped;

    usage->wall_ns = weftos_now_ns() - run->started_ns;
    usage->user_ns = time_ns(reaped->ru_utime);
    usage->system_ns = time_ns(reaped->ru_stime);
    usage->cpu_ns = usage->user_ns + usage->system_ns;
    usage->rss_peak_bytes = (uint64_t)reaped->ru_maxrss * 1024;
    usage->minor_faults = (uint64_t)reaped->ru_minflt;
    usage->major_faults = (uint64_t)reaped->ru_majflt;
    usage->switches_voluntary = (uint64_t)reaped->ru_nvcsw;
    usage->switches_involuntary = (uint64_t)reaped->ru_nivcsw;
    usage->valid = WEFT_USAGE_WALL | WEFT_USAGE_CPU | WEFT_USAGE_CPU_SPLIT |
                   WEFT_USAGE_RSS_PEAK | WEFT_USAGE_FAULTS |
                   WEFT_USAGE_SWITCHES;
    weftos_run_limits_usage(run, usage);
}

/* ---------------------------------------------------------------- watch --- */

static void leader_ended(struct run *run, int status)
{
    struct wefti_run_report *report = run->report;

    run->leader_has_ended = true;
    report->exited = WIFEXITED(status);
    report->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    report->signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    report->dumped_core = WIFSIGNALED(status) && WCOREDUMP(status);
    if (report->exited) {
        weftos_run_evidence(run, "leader: exit code %d", report->exit_code);
        return;
    }
    weftos_run_evidence(run, "leader: signal %d (%s)", report->signal_number,
                        strsignal(report->signal_number));
    weftos_run_memory_look(run); /* it may be why */
    if (report->signal_number == SIGKILL && run->memory.is_host) {
        weftos_run_set_reason(run, WEFT_REASON_HOST);
    }
    if (report->signal_number == SIGXFSZ) {
        report->exceeded |= 1u << WEFT_FENCE_FILE_SIZE;
        weftos_run_set_reason(run, WEFT_REASON_FILE_SIZE);
    }
    weftos_run_isolate_explain(run, report->signal_number);
    weftos_run_set_reason(run, WEFT_REASON_SIGNALLED);
}

/* Reaps who has ended. False: there is nobody left. */
static bool reap(struct run *run)
{
    struct rusage usage;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG | __WALL, &usage)) > 0) {
        add_reaped(run, &usage);
        weftos_run_isolate_reaped(run, pid);
        if (pid == run->leader) {
            leader_ended(run, status);
        }
    }
    return pid == 0 || errno != ECHILD;
}

/* What the host says. False: it has hung up. */
static bool hear_host(struct run *run)
{
    weftos_received received = {.handle_count = 0};
    struct wefti_run_message message;
    weft_status status =
        weftos_socket_recv(run->handles[WEFTI_RUN_SOCKET], &received, NULL);

    if (status != WEFT_OK) {
        return status == WEFT_EAGAIN;
    }
    weftos_close(received.process);
    for (size_t i = 0; i < received.handle_count; i++) {
        weftos_close(received.handles[i]);
    }
    if (received.bytes != sizeof(message)) {
        return false;
    }
    memcpy(&message, received.data, sizeof(message));
    if (message.type == WEFTI_RUN_KILL) {
        weftos_run_set_reason(run, WEFT_REASON_CANCELLED);
        weftos_run_evidence(run, "the host asked for the end, SIGKILL sent");
        weftos_run_kill(run);
    } else if (message.type == WEFTI_RUN_SIGNAL && message.flags != 0) {
        weftos_run_signal_tree(run, (int)message.number);
    } else if (message.type == WEFTI_RUN_SIGNAL && !run->leader_has_ended) {
        (void)kill(run->leader, (int)message.number);
    } else if (message.type == WEFTI_RUN_ASK_USAGE) {
        fill_in_usage(run);
        send_to_host(run, WEFTI_RUN_USAGE, 0, -1);
    }
    return true;
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
        if (run->leader_has_ended || !has_host) {
            weftos_run_kill(run); /* once more for those that have come since */
        }
        check_times(run);
        weftos_run_limits_look(run);
        if (ppoll(polls, sizeof(polls) / sizeof(polls[0]),
                  weftos_time_left(next_time(run), &room), NULL) < 0) {
            continue; /* EINTR at most */
        }
        (void)!read(ends, &signal_, sizeof(signal_));
        if (has_host && polls[1].revents != 0) {
            has_host = hear_host(run);
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
    prepare_rows(run);
    if (!weftos_run_isolate_prepare(run) || !weftos_run_check_rows(run)) {
        return 1;
    }
    if ((run->request->flags & WEFTI_RUN_PROBE) != 0) {
        send_to_host(run, WEFTI_RUN_STARTED, 0, run->report_handle);
        return 0;
    }
    if (!weftos_run_pump_prepare(run) || !start_leader(run)) {
        return 1;
    }
    set_times(run);
    if (!weftos_run_pump_start(run)) {
        weftos_run_kill(run);
        return 1;
    }
    send_to_host(run, WEFTI_RUN_STARTED, run->leader, run->report_handle);
    weftos_run_limits_start(run);
    if (!watch(run, ends)) {
        return 1;
    }
    run->has_ended = true;
    weftos_run_limits_end(run);
    fill_in_usage(run);
    weftos_run_pump_finish(run);
    run->report->survivors = weftos_run_group_populated(run) == 1 ? -1 : 0;
    weftos_run_groups_end(run);
    send_to_host(run, WEFTI_RUN_ENDED, 0, -1);
    return 0;
}

int weftos_run_tree(struct run *run)
{
    int code = supervise(run);

    weftos_run_groups_end(run); /* in whatever way it came to the end */
    weftos_run_groups_tidy(run);
    return code;
}
