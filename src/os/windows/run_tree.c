/* SPDX-License-Identifier: MIT
 *
 * A supervisor: prepares, starts the leader, watches the tree, ends it and
 * tells how that went.
 *
 * It waits for all at once: the host's messages and death, the leader's end,
 * what the job and the pump tell, and the next moment at which a limit may be
 * reached. The tree has ended when the job has no process left.
 */
#include <stdlib.h>
#include <string.h>

#include "inbox.h"
#include "run.h"
#include "socket.h"

/* So long a job may take to be empty after it was ended. */
#define END_NS UINT64_C(10000000000)

/* Between two looks at that, if nothing is told: no message is sure to come. */
#define END_LOOK_NS UINT64_C(20000000)

/* --------------------------------------------------------------- limits --- */

void weftos_run_kill(struct run *run)
{
    if (!run->is_ending) {
        run->is_ending = true;
        run->report->was_killed |= !run->leader_has_ended;
    }
    (void)TerminateJobObject(run->job, RUN_KILLED);
}

/* To the leader and those of its group. False: the system refuses. */
static bool send_break(struct run *run)
{
    if (!GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, run->leader_pid)) {
        weftos_run_evidence(run, "CTRL_BREAK could not be sent: error %lu",
                            GetLastError());
        return false;
    }
    run->has_sent_break = true;
    return true;
}

void weftos_run_soft_limit(struct run *run, weft_fence fence)
{
    bool is_sent = !run->leader_has_ended && send_break(run);

    run->report->exceeded |= 1u << fence;
    weftos_run_evidence(run, "%s: soft limit reached%s", weft_fence_name(fence),
                        is_sent ? ", CTRL_BREAK sent" : "");
}

void weftos_run_hard_limit(struct run *run, weft_fence fence,
                           weft_reason reason)
{
    const char *name = weft_fence_name(fence);

    run->report->exceeded |= 1u << fence;
    weftos_run_set_reason(run, reason);
    if (run->leader_has_ended) {
        weftos_run_evidence(run, "%s: limit reached", name);
    } else if (run->kill_at_ns != WEFT_FOREVER) {
        weftos_run_evidence(run, "%s: limit reached, too", name);
    } else if (run->request->grace_ns != 0 && send_break(run)) {
        weftos_run_evidence(run, "%s: limit reached, CTRL_BREAK sent", name);
        run->kill_at_ns = weft_after_ns(run->request->grace_ns);
    } else {
        weftos_run_evidence(run, "%s: limit reached, job terminated", name);
        weftos_run_kill(run);
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
        weftos_run_evidence(run, "grace time over, job terminated");
        weftos_run_kill(run);
    }
}

static uint64_t next_time(const struct run *run)
{
    const uint64_t times[] = {weftos_run_limits_next(run),
                              weftos_run_pump_next(run), run->kill_at_ns,
                              run->wall_soft_at_ns, run->wall_hard_at_ns};
    uint64_t next = WEFT_FOREVER;

    for (size_t i = 0; i < ARRAYSIZE(times); i++) {
        next = times[i] < next ? times[i] : next;
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

/* ----------------------------------------------------------------- host --- */

static void send_to_host(const struct run *run, uint32_t type, int64_t number)
{
    struct wefti_run_message message = {.magic = WEFTI_RUN_MAGIC,
                                        .type = type,
                                        .number = number,
                                        .bytes = run->report_bytes};
    weft_handle handles[WEFTI_RUN_CARRIED] = {run->report_handle,
                                              (weft_handle)run->thread};

    (void)weftos_socket_send(
        run->handles[WEFTI_RUN_SOCKET], &message, sizeof(message), handles,
        type == WEFTI_RUN_STARTED ? WEFTI_RUN_CARRIED : 0, NULL);
}

static void fill_in_usage(struct run *run)
{
    weft_usage *usage = &run->report->usage;

    usage->wall_ns = weftos_now_ns() - run->started_ns;
    usage->valid = WEFT_USAGE_WALL;
    weftos_run_limits_usage(run, usage);
}

static void send_signal(struct run *run, int number, bool whole_tree)
{
    if (number != WEFTOS_SIGNAL_KILL) {
        (void)send_break(run);
        return;
    }
    weftos_run_evidence(run, "the host asked for SIGKILL");
    run->report->was_killed = 1;
    if (whole_tree) {
        (void)TerminateJobObject(run->job, RUN_KILLED);
    } else {
        (void)TerminateProcess(run->leader, RUN_KILLED);
    }
}

static void take_message(struct run *run,
                         const struct wefti_run_message *message)
{
    switch (message->type) {
    case WEFTI_RUN_KILL:
        weftos_run_set_reason(run, WEFT_REASON_CANCELLED);
        weftos_run_evidence(run, "the host asked for the end, job terminated");
        weftos_run_kill(run);
        break;
    case WEFTI_RUN_SIGNAL:
        if (!run->leader_has_ended) {
            send_signal(run, (int)message->number, message->flags != 0);
        }
        break;
    case WEFTI_RUN_ASK_USAGE:
        fill_in_usage(run);
        send_to_host(run, WEFTI_RUN_USAGE, 0);
        break;
    default:
        break;
    }
}

/* What the host says. False: it has hung up. */
static bool hear_host(struct run *run)
{
    weftos_received received = {.handle_count = 0};
    struct wefti_run_message message;
    weft_status status;

    while ((status = weftos_socket_recv(run->handles[WEFTI_RUN_SOCKET],
                                        &received, NULL)) == WEFT_OK) {
        weftos_close(received.process);
        for (size_t i = 0; i < received.handle_count; i++) {
            weftos_close(received.handles[i]);
        }
        if (received.bytes != sizeof(message)) {
            return false;
        }
        memcpy(&message, received.data, sizeof(message));
        take_message(run, &message);
    }
    return status == WEFT_EAGAIN &&
           (run->host == NULL || !weftos_is_signalled(run->host));
}

/* ---------------------------------------------------------------- watch --- */

/* How it ended, as far as its exit code tells. */
static void leader_ended(struct run *run)
{
    struct wefti_run_report *report = run->report;
    DWORD code = 0;

    run->leader_has_ended = true;
    (void)GetExitCodeProcess(run->leader, &code);
    report->exit_code = -1;
    if (code == RUN_KILLED) {
        report->signal_number = WEFTOS_SIGNAL_KILL;
        weftos_run_evidence(run, "leader: terminated by weft");
    } else if (code == (DWORD)STATUS_CONTROL_C_EXIT) {
        report->signal_number = run->has_sent_break ? WEFTOS_SIGNAL_TERMINATE
                                                    : WEFTOS_SIGNAL_INTERRUPT;
        weftos_run_evidence(run, "leader: exit code 0x%lx, of a console event",
                            code);
    } else {
        report->exited = 1;
        report->exit_code = (int32_t)code;
        weftos_run_evidence(run,
                            code >= 0x80000000u ? "leader: exit code 0x%lx"
                                                : "leader: exit code %lu",
                            code);
        return;
    }
    weftos_run_set_reason(run, WEFT_REASON_SIGNALLED);
}

/* What a supervisor sleeps with. */
struct sleeper {
    HANDLE event; /* of the hearing */
    HANDLE timer;
    bool has_host;
};

/* Sleeps until something happens, or the deadline passes. */
static void sleep_until(struct run *run, struct sleeper *sleeper,
                        uint64_t deadline_ns)
{
    HANDLE pipe = weftos_native(run->handles[WEFTI_RUN_SOCKET]);
    struct weftos_link *link = weftos_link_find(pipe);
    struct weftos_hearing hearing;
    HANDLE objects[4];
    DWORD count = 0;
    DWORD index;

    objects[count++] = run->news;
    if (!run->leader_has_ended) {
        objects[count++] = run->leader;
    }
    if (!sleeper->has_host) {
        (void)weftos_wait_objects(objects, count, deadline_ns, &sleeper->timer,
                                  &index, NULL, "wait for a tree");
        return;
    }
    objects[count++] = sleeper->event;
    if (run->host != NULL) {
        objects[count++] = run->host;
    }
    if (weftos_socket_look(pipe) != WEFT_EAGAIN) {
        return;
    }
    weftos_hearing_start(&hearing, pipe, sleeper->event);
    if (weftos_hearing_look(&hearing) == WEFTOS_HEARD_NOTHING) {
        (void)weftos_wait_objects(objects, count, deadline_ns, &sleeper->timer,
                                  &index, NULL, "wait for a tree");
    }
    weftos_hearing_stop(&hearing);
    if (weftos_hearing_look(&hearing) == WEFTOS_HEARD_MESSAGE && link != NULL) {
        weftos_inbox_probe(link);
    }
}

/* Until the leader has ended, or the host has gone. */
static void watch_leader(struct run *run, struct sleeper *sleeper)
{
    for (;;) {
        if (weftos_is_signalled(run->leader)) {
            leader_ended(run);
            return;
        }
        sleeper->has_host = hear_host(run);
        if (!sleeper->has_host) {
            return;
        }
        check_times(run);
        weftos_run_limits_look(run);
        sleep_until(run, sleeper, next_time(run));
    }
}

/* Until nobody is left; returns who is all the same. */
static int64_t end_tree(struct run *run, struct sleeper *sleeper)
{
    uint64_t until = weft_after_ns(END_NS);
    int64_t left;

    sleeper->has_host = false; /* which has nothing more to say */
    do {
        weftos_run_kill(run);
        left = weftos_run_job_count(run);
        if (!run->leader_has_ended && weftos_is_signalled(run->leader)) {
            leader_ended(run);
        }
        if (left == 0 && run->leader_has_ended) {
            return 0;
        }
        sleep_until(run, sleeper, weft_after_ns(END_LOOK_NS));
    } while (weftos_now_ns() < until);
    return left;
}

/* ------------------------------------------------------------ beginning --- */

static void prepare_rows(struct run *run)
{
    static const weft_fence missing[] = {WEFT_FENCE_FILES, WEFT_FENCE_FILE_SIZE,
                                         WEFT_FENCE_CORE, WEFT_FENCE_STACK};

    for (size_t i = 0; i < ARRAYSIZE(missing); i++) {
        if (weftos_run_is_asked(run, missing[i])) {
            weftos_run_row(run, missing[i], WEFT_LEVEL_UNSUPPORTED, NULL,
                           "Windows has no such limit of a process");
        }
    }
    weftos_run_pump_rows(run);
    if (weftos_run_is_asked(run, WEFT_FENCE_WALL)) {
        weftos_run_row(run, WEFT_FENCE_WALL, WEFT_LEVEL_MONITORED,
                       "monotonic clock", "the kernel has no such limit");
    }
}

static bool prepare(struct run *run)
{
    run->report->exit_code = -1;
    run->report->row_count = WEFT_FENCE_COUNT;
    run->news = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (run->news == NULL) {
        weftos_run_refuse(run, WEFT_ELIMIT, GetLastError(), "cannot supervise");
        return false;
    }
    if ((run->request->flags & WEFTI_RUN_HAS_USER) != 0) {
        weftos_run_refuse(run, WEFT_ENOTSUP, 0,
                          "cannot run it as another user: weft has no way to "
                          "on Windows");
        return false;
    }
    prepare_rows(run);
    if (!weftos_run_job_prepare(run)) {
        return false;
    }
    weftos_run_limits_prepare(run);
    return weftos_run_isolate_prepare(run) && weftos_run_check_rows(run);
}

/* From the start to the report's end. */
static void supervise(struct run *run)
{
    struct sleeper sleeper = {.has_host = true};
    bool has_host;

    sleeper.event = CreateEventW(NULL, TRUE, FALSE, NULL);
    set_times(run);
    if (sleeper.event == NULL || !weftos_run_pump_start(run) ||
        ResumeThread(run->leader_thread) == (DWORD)-1) {
        weftos_run_kill(run);
        weftos_close_native(sleeper.event);
        weftos_run_refuse(run, WEFT_ELIMIT, 0, "cannot supervise");
        return;
    }
    send_to_host(run, WEFTI_RUN_STARTED, run->leader_pid);
    weftos_run_limits_start(run);
    watch_leader(run, &sleeper);
    has_host = sleeper.has_host;
    run->report->survivors = end_tree(run, &sleeper);
    run->is_last_look = true;
    weftos_run_limits_end(run);
    fill_in_usage(run);
    weftos_run_pump_finish(run);
    weftos_run_isolate_end(run);
    if (has_host) {
        send_to_host(run, WEFTI_RUN_ENDED, 0);
    }
    weftos_close_native(sleeper.event);
    weftos_close_native(sleeper.timer);
}

void weftos_run_tree(struct run *run)
{
    if (prepare(run)) {
        if ((run->request->flags & WEFTI_RUN_PROBE) != 0) {
            send_to_host(run, WEFTI_RUN_STARTED, 0);
        } else if (weftos_run_pump_prepare(run) && weftos_run_child_make(run)) {
            supervise(run);
        }
    }
    weftos_run_unregister(run);
    weftos_run_pump_close(run->pump);
    weftos_run_isolate_end(run);
    weftos_close_native(run->leader_thread);
    weftos_close_native(run->leader);
    weftos_close_native(run->job); /* and with it whoever is left */
    weftos_close_native(run->token);
    weftos_close_native(run->news);
    free(run->members);
}
