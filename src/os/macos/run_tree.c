/* SPDX-License-Identifier: MIT
 *
 * A supervisor: prepares, starts the leader, watches the tree, ends it and
 * tells how that went.
 *
 * It waits for all at once: the host's messages and death, forks and ends of
 * the processes of the tree, and the next moment at which a limit may be
 * reached. Only the leader is its child. The tree has ended when the leader
 * has, and a look at all processes of the machine finds none of the tree.
 */
#define _DARWIN_C_SOURCE
#include <fcntl.h>
#include <mach/vm_inherit.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

/* What an event is of; that of a process has its number. */
#define ID_SOCKET 0
#define ID_HOST 1
#define ID_OUTPUT 2

#define EVENTS_MOST 16

/* How long one that was sent SIGKILL may take to end. */
#define END_NS UINT64_C(5000000000)

void weftos_run_kill(struct run *run)
{
    if (!run->is_ending) {
        run->is_ending = true;
        run->report->was_killed = !run->leader_has_ended;
    }
    weftos_run_signal_tree(run, SIGKILL);
}

void weftos_run_signal_tree(struct run *run, int number)
{
    struct run_members *members = &run->members;

    if (number == SIGKILL) {
        weftos_run_members_kill(members);
    } else {
        weftos_run_members_scan(members);
        for (size_t i = 0; i < members->count; i++) {
            (void)kill(members->list[i].pid, number);
        }
    }
    weftos_run_members_watch(members, run->queue);
}

/* ---------------------------------------------------------------- start --- */

int weftos_run_map_for_leader(void *base, size_t bytes)
{
    return minherit(base, bytes, VM_INHERIT_COPY);
}

/*
 * In a terminal a process group of its own would be in its background, and
 * could not read from it.
 */
static bool is_of_terminal(const struct run *run)
{
    for (int i = 0; i < 3; i++) {
        int handle = run->handles[WEFTI_RUN_INPUT + i];

        if (handle >= 0 && isatty(handle) != 0) {
            return true;
        }
    }
    return false;
}

/* In the child: until the supervisor knows of it, or has died. */
static void await_start(const struct run *run, const int go[2])
{
    char byte;

    (void)close(go[1]);
    while (read(go[0], &byte, 1) < 0 && errno == EINTR) {
    }
    if (getppid() != run->supervisor) {
        _exit(125);
    }
}

/* The leader is heard of from its first fork on, as it waits for this. */
static void know_leader(struct run *run)
{
    bool has_group = !is_of_terminal(run) && setpgid(run->leader, 0) == 0;

    weftos_run_members_lead(&run->members, run->leader, has_group);
    run->slot->start_us = run->members.start_us;
    run->slot->group = run->members.group;
    atomic_store(&run->slot->leader, run->leader);
    weftos_run_members_watch(&run->members, run->queue);
}

bool weftos_run_fork_leader(struct run *run, int pipe,
                            struct run_failure *failure)
{
    int go[2];

    if (weftos_run_make_pipe(go) != 0) {
        *failure = (struct run_failure){
            .os_code = errno, .fence = -1, .operation = "make a pipe"};
        return false;
    }
    run->leader = fork();
    if (run->leader == 0) {
        await_start(run, go);
        weftos_run_child(run, pipe);
    }
    if (run->leader < 0) {
        *failure = (struct run_failure){
            .os_code = errno, .fence = -1, .operation = "fork"};
        run->leader = 0;
    } else {
        know_leader(run);
    }
    (void)close(go[0]);
    (void)close(go[1]);
    return run->leader > 0;
}

void weftos_run_isolate_undo(struct run *run)
{
    if (run->leader > 0) {
        while (waitpid(run->leader, NULL, 0) < 0 && errno == EINTR) {
        }
        run->leader = 0;
        atomic_store(&run->slot->leader, 0);
    }
}

/* ---------------------------------------------------------------- watch --- */

void weftos_run_explain(struct run *run, int number)
{
    (void)run;
    (void)number;
}

/* NOTE_EXIT may come before wait4() finds it: its end is near. */
static void reap_leader(struct run *run)
{
    struct rusage usage;
    int status = 0;
    pid_t pid;

    do {
        pid = wait4(run->leader, &status, 0, &usage);
    } while (pid < 0 && errno == EINTR);
    if (pid > 0) {
        weftos_run_add_reaped(run, &usage);
    }
    weftos_run_leader_ended(run, status);
}

static void take_event(struct run *run, const struct kevent *event,
                       bool *has_host)
{
    uint64_t id = (uint64_t)(uintptr_t)event->udata;

    if (event->filter != EVFILT_PROC) {
        if (id == ID_SOCKET && *has_host) {
            *has_host = weftos_run_hear(run);
        }
        return; /* the output is looked at in any case */
    }
    if (id == ID_HOST) {
        *has_host = false;
        return;
    }
    if ((event->fflags & NOTE_FORK) != 0) {
        weftos_run_members_forked(&run->members, (pid_t)event->ident);
    }
    if ((event->fflags & NOTE_EXIT) != 0 && !run->leader_has_ended &&
        (pid_t)event->ident == run->leader) {
        reap_leader(run);
    }
}

static bool watch_host(struct run *run)
{
    int output = weftos_run_pump_event(run);

    if (run->host.pid != 0 &&
        weftos_process_watch(run->queue, &run->host, ID_HOST, NULL) ==
            WEFT_ENOENT) {
        return false;
    }
    return weftos_queue_change(run->queue,
                               (uintptr_t)run->handles[WEFTI_RUN_SOCKET],
                               EVFILT_READ, EV_ADD, 0, ID_SOCKET) == 0 &&
           (output < 0 ||
            weftos_queue_change(run->queue, (uintptr_t)output, EVFILT_READ,
                                EV_ADD, 0, ID_OUTPUT) == 0);
}

/* Is somebody left? Those who are not known to be gone are killed again. */
static bool is_over(struct run *run, uint64_t *until)
{
    size_t before = run->members.count;

    if (!run->leader_has_ended) {
        return false;
    }
    weftos_run_kill(run);
    if (weftos_run_members_left(&run->members) == 0) {
        return true;
    }
    if (*until == WEFT_FOREVER || run->members.count != before) {
        *until = weft_after_ns(END_NS);
    }
    return weftos_now_ns() >= *until;
}

/* Until nobody is left. False: the host has gone, and wants no report. */
static bool watch(struct run *run)
{
    struct kevent found[EVENTS_MOST];
    bool has_host = watch_host(run);
    bool had_host = true;
    uint64_t until = WEFT_FOREVER;

    while (!is_over(run, &until)) {
        uint64_t next = weftos_run_next_time(run);
        int count;

        if (!has_host && !run->leader_has_ended) {
            weftos_run_kill(run);
        }
        if (!has_host && had_host) {
            had_host = false;
            (void)weftos_queue_change(run->queue,
                                      (uintptr_t)run->handles[WEFTI_RUN_SOCKET],
                                      EVFILT_READ, EV_DELETE, 0, ID_SOCKET);
        }
        weftos_run_members_watch(&run->members, run->queue);
        count = weftos_queue_wait(run->queue, found, EVENTS_MOST,
                                  until < next ? until : next);
        for (int i = 0; i < count; i++) {
            take_event(run, &found[i], &has_host);
        }
        weftos_run_check_times(run);
        weftos_run_limits_look(run);
    }
    return has_host;
}

/* Those that are known to live; -1: there may be some that were not found. */
static int64_t count_survivors(const struct run *run)
{
    bool is_unknown = run->members.is_short ||
                      (run->members.count == 0 && run->members.has_suspects);

    return is_unknown ? -1 : (int64_t)run->members.count;
}

static bool prepare(struct run *run)
{
    struct weftos_queue queue;

    run->supervisor = getpid();
    run->report->exit_code = -1;
    run->report->row_count = WEFT_FENCE_COUNT;
    if (weftos_queue_open(&queue, NULL) != WEFT_OK) {
        weftos_run_refuse(run, WEFT_EOS, errno, "cannot supervise");
        return false;
    }
    run->queue = queue.fd;
    if ((run->request->flags & WEFTI_RUN_HAS_CPUS) != 0) {
        weftos_run_refuse(run, WEFT_ENOTSUP, 0,
                          "cannot choose CPUs: macOS lets no program do so");
        return false;
    }
    weftos_run_members_begin(&run->members, run->slot->mark);
    weftos_run_prepare_rows(run);
    return weftos_run_isolate_prepare(run) && weftos_run_check_rows(run);
}

/* The exit code. */
static int supervise(struct run *run)
{
    bool has_host;

    if (!prepare(run)) {
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
    has_host = watch(run);
    run->report->survivors = count_survivors(run);
    if (run->members.has_suspects) {
        weftos_run_evidence(run, "there are orphans that may be of the tree");
    }
    if (!has_host) {
        return 1;
    }
    weftos_run_limits_end(run);
    weftos_run_fill_in_usage(run);
    weftos_run_pump_finish(run);
    weftos_run_isolate_end(run);
    weftos_run_tell(run, WEFTI_RUN_ENDED, 0, -1);
    return 0;
}

int weftos_run_tree(struct run *run)
{
    int code = supervise(run);

    weftos_run_isolate_end(run); /* in whatever way it came to the end */
    return code;
}
