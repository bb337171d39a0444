/* SPDX-License-Identifier: MIT
 *
 * Isolation: what is possible here, what is used of it, and the namespaces.
 *
 * A start goes ahead as if all that a kernel may have worked. If it does not,
 * nothing has run yet, and a throw-away child tries one thing after the other
 * (weftos_run_probe.c). With what it finds there is another plan, and so it is
 * for the helper's later starts.
 *
 * The leader gets its namespaces from a process between, which shares the
 * supervisor's memory for the moment that it lives:
 *
 *   supervisor --clone, new namespaces--> between
 *   supervisor <------------------------- init    (1 in the pid namespace)
 *   supervisor <------------------------- leader  (2), and between is gone
 *
 * Both are the supervisor's own children, so that nobody stands between it and
 * the leader's end, and the supervisor itself stays in the host's namespaces.
 * The leader is not process 1, which would not die of signals that it does not
 * handle. That is the init, ours: it takes orphans, so that the CPU time of
 * all is counted in the end, and ends the whole namespace when the supervisor
 * closes its end of a pipe, or dies.
 *
 * The right to make namespaces the process between gets with one of users, in
 * which there is the same user and nobody else: root, too, so that its rights
 * end there. It is not used when the leader is to become another user, which
 * takes the right anyway, or when only root may do without.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_isolate.h"

/* ----------------------------------------------------------------- plan --- */

/* Room for a reason in a row. */
struct reason {
    char text[sizeof(((weft_enforcement *)NULL)->why_not)];
};

static struct reason reason_of(const struct run_findings *found,
                               enum run_facility facility)
{
    struct reason reason = {""};
    /* Without a user namespace there is none of the others. */
    enum run_facility first =
        weftos_run_has(found, PROBE_USER) || facility == PROBE_USER
            ? facility
            : PROBE_USER;

    (void)snprintf(reason.text, sizeof(reason.text), "%s: %s: %s",
                   weftos_run_facility_names[first], found->of[first].step,
                   strerror(found->of[first].cause));
    return reason;
}

static void refuse_row(struct run *run, weft_fence fence,
                       const struct run_findings *found,
                       enum run_facility facility)
{
    struct reason reason = reason_of(found, facility);

    weftos_run_row(run, fence, WEFT_LEVEL_UNSUPPORTED, NULL, reason.text);
}

static void plan_pids(struct run *run, const struct run_findings *found)
{
    struct run_isolation *isolation = run->isolation;

    if (!weftos_run_is_asked(run, WEFT_FENCE_PIDS)) {
        return;
    }
    if (!weftos_run_has(found, PROBE_PIDS) ||
        !weftos_run_has(found, PROBE_MOUNTS)) {
        refuse_row(run, WEFT_FENCE_PIDS, found,
                   weftos_run_has(found, PROBE_PIDS) ? PROBE_MOUNTS
                                                     : PROBE_PIDS);
        return;
    }
    isolation->has_pid_namespace = true;
    isolation->has_mounts = true;
    isolation->has_proc = weftos_run_has(found, PROBE_PROC);
    weftos_run_row(run, WEFT_FENCE_PIDS, WEFT_LEVEL_TREE,
                   isolation->has_proc ? "pid namespace"
                                       : "pid namespace, an empty /proc",
                   NULL);
    isolation->tree_kill = *weftos_run_row_of(run, WEFT_FENCE_TREE_KILL);
    weftos_run_row(run, WEFT_FENCE_TREE_KILL, WEFT_LEVEL_TREE, "pid namespace",
                   NULL);
}

static void plan_network(struct run *run, const struct run_findings *found)
{
    struct reason reason = reason_of(found, PROBE_NETWORK);
    const char *no_filter;

    if (!weftos_run_is_asked(run, WEFT_FENCE_NETWORK)) {
        return;
    }
    if (weftos_run_has(found, PROBE_NETWORK)) {
        run->isolation->namespaces |= CLONE_NEWNET;
        weftos_run_row(run, WEFT_FENCE_NETWORK, WEFT_LEVEL_TREE,
                       "network namespace", NULL);
    } else if (weftos_run_filter_works(&no_filter)) {
        run->isolation->filters_network = true;
        weftos_run_row(run, WEFT_FENCE_NETWORK, WEFT_LEVEL_PROCESS,
                       "system call filter", reason.text);
    } else {
        refuse_row(run, WEFT_FENCE_NETWORK, found, PROBE_NETWORK);
    }
}

/* After the network: its namespace has the abstract sockets, too. */
static void plan_ipc(struct run *run, const struct run_findings *found)
{
    struct run_isolation *isolation = run->isolation;
    bool has_network = (isolation->namespaces & CLONE_NEWNET) != 0;

    if (!weftos_run_is_asked(run, WEFT_FENCE_IPC)) {
        return;
    }
    if (!weftos_run_has(found, PROBE_IPC)) {
        refuse_row(run, WEFT_FENCE_IPC, found, PROBE_IPC);
        return;
    }
    if (!has_network && weftos_run_landlock_abi() < LANDLOCK_SOCKETS) {
        weftos_run_row(
            run, WEFT_FENCE_IPC, WEFT_LEVEL_UNSUPPORTED, NULL,
            "abstract Unix sockets: no network namespace, and an old or "
            "no Landlock");
        return;
    }
    isolation->namespaces |= CLONE_NEWIPC;
    isolation->landlocks_sockets = !has_network;
    isolation->has_mounts =
        isolation->has_mounts || weftos_run_has(found, PROBE_MOUNTS);
    weftos_run_row(
        run, WEFT_FENCE_IPC, WEFT_LEVEL_TREE,
        has_network ? "IPC and network namespace"
                    : "IPC namespace, Landlock scope",
        weftos_run_has(found, PROBE_MOUNTS) ? NULL : "/dev/shm is the host's");
}

/* Rules that allow something; or, with `covers`, those that lay something over
 * what the host has. */
static bool has_rule(const struct run *run, bool covers)
{
    const char *base = (const char *)run->request;
    const struct wefti_run_path *rules =
        (const struct wefti_run_path *)(const void *)(base +
                                                      run->request->paths);

    for (uint32_t i = 0; i < run->request->path_count; i++) {
        bool allows = rules[i].access == WEFT_ACCESS_READ ||
                      rules[i].access == WEFT_ACCESS_WRITE;

        if (allows != covers) {
            return true;
        }
    }
    return !covers && (run->request->flags & WEFTI_RUN_SYSTEM) != 0;
}

static void plan_paths(struct run *run, const struct run_findings *found)
{
    struct run_isolation *isolation = run->isolation;
    bool has_landlock = weftos_run_landlock_abi() >= LANDLOCK_FILES;
    struct reason reason = reason_of(found, PROBE_MOUNTS);
    struct reason no_overlay = reason_of(found, PROBE_OVERLAY);

    if (!weftos_run_is_asked(run, WEFT_FENCE_PATHS)) {
        return;
    }
    isolation->sees_paths = true;
    isolation->has_root =
        weftos_run_has(found, PROBE_MOUNTS) && has_rule(run, false);
    isolation->landlocks_paths = has_landlock && has_rule(run, false);
    if (weftos_run_has(found, PROBE_MOUNTS)) {
        isolation->has_mounts = true;
        isolation->has_overlay = weftos_run_has(found, PROBE_OVERLAY);
        weftos_run_row(run, WEFT_FENCE_PATHS, WEFT_LEVEL_TREE,
                       isolation->landlocks_paths ? "mount namespace, Landlock"
                                                  : "mount namespace",
                       isolation->has_overlay ? NULL : no_overlay.text);
    } else if (has_landlock && !has_rule(run, true)) {
        /* Names, attributes and sockets are not Landlock's affair. */
        (void)snprintf(reason.text, sizeof(reason.text),
                       "only contents: %s: %s",
                       weftos_run_facility_names[PROBE_MOUNTS],
                       strerror(found->of[PROBE_MOUNTS].cause));
        weftos_run_row(run, WEFT_FENCE_PATHS, WEFT_LEVEL_PROCESS, "Landlock",
                       reason.text);
    } else {
        isolation->sees_paths = false;
        isolation->landlocks_paths = false;
        refuse_row(run, WEFT_FENCE_PATHS, found, PROBE_MOUNTS);
    }
}

static void plan_temp(struct run *run, const struct run_findings *found)
{
    if (!weftos_run_is_asked(run, WEFT_FENCE_TEMP)) {
        return;
    }
    if (!weftos_run_has(found, PROBE_MOUNTS)) {
        refuse_row(run, WEFT_FENCE_TEMP, found, PROBE_MOUNTS);
        return;
    }
    run->isolation->has_mounts = true;
    run->isolation->has_temp = true;
    weftos_run_row(run, WEFT_FENCE_TEMP, WEFT_LEVEL_TREE, "tmpfs at /tmp",
                   NULL);
}

static void plan_calls(struct run *run)
{
    const char *why_not;

    if (!weftos_run_is_asked(run, WEFT_FENCE_CALLS)) {
        return;
    }
    run->isolation->filters_calls = weftos_run_filter_works(&why_not);
    weftos_run_row(run, WEFT_FENCE_CALLS,
                   why_not == NULL ? WEFT_LEVEL_PROCESS
                                   : WEFT_LEVEL_UNSUPPORTED,
                   why_not == NULL ? "system call filter" : NULL, why_not);
}

static void plan_privileges(struct run *run)
{
    if (weftos_run_is_asked(run, WEFT_FENCE_PRIVILEGES)) {
        run->isolation->drops_rights = true;
        weftos_run_row(run, WEFT_FENCE_PRIVILEGES, WEFT_LEVEL_PROCESS,
                       "no_new_privs, no capabilities", NULL);
    }
}

/*
 * Without a control group for that, a limit of processes is the kernel's where
 * the tree has a user namespace to itself: all in there are the tree's, those
 * of namespaces made in there included, and nobody there can raise it.
 */
static void plan_tasks(struct run *run)
{
    struct run_isolation *isolation = run->isolation;
    weft_enforcement *row = weftos_run_row_of(run, WEFT_FENCE_PROCESSES);

    if (!run->tasks.is_sampled ||
        (isolation->namespaces & CLONE_NEWUSER) == 0 ||
        !weftos_run_probe_tasks()) {
        return;
    }
    isolation->holds_tasks = true;
    isolation->processes = *row;
    weftos_run_row(run, WEFT_FENCE_PROCESSES, WEFT_LEVEL_TREE,
                   "RLIMIT_NPROC of its user namespace", NULL);
}

/* Which way to make namespaces there is. True: by a user namespace. */
static bool choose_way(const struct run *run, bool probes,
                       struct run_findings *found)
{
    void (*look)(struct run_findings *, bool) =
        probes ? weftos_run_probe : weftos_run_probe_recall;
    struct run_findings other;

    if ((run->request->flags & WEFTI_RUN_HAS_USER) != 0) {
        look(found, false);
        return false;
    }
    look(found, true);
    if (!weftos_run_has(found, PROBE_USER) && geteuid() == 0) {
        look(&other, false);
        if (weftos_run_has(&other, PROBE_MOUNTS)) {
            memcpy(found->of, other.of, sizeof(found->of));
            return false;
        }
    }
    return true;
}

static bool is_any_asked(const struct run *run)
{
    for (int i = WEFT_FENCE_PRIVILEGES; i <= WEFT_FENCE_TEMP; i++) {
        if (weftos_run_is_asked(run, (weft_fence)i)) {
            return true;
        }
    }
    return false;
}

static bool plan(struct run *run, bool probes)
{
    static struct run_isolation isolation;
    struct run_findings found;
    bool has_user;

    isolation =
        (struct run_isolation){.life = -1, .life_end = -1, .is_probed = probes};
    run->isolation = &isolation;
    has_user = choose_way(run, probes, &found);
    plan_privileges(run);
    plan_network(run, &found);
    plan_ipc(run, &found);
    plan_pids(run, &found);
    plan_paths(run, &found);
    plan_temp(run, &found);
    plan_calls(run);
    if (isolation.has_mounts) {
        isolation.namespaces |= CLONE_NEWNS;
    }
    if (isolation.namespaces != 0) {
        /* Those that a namespace comes with would undo it. */
        isolation.drops_rights = true;
        isolation.namespaces |= has_user ? CLONE_NEWUSER : 0;
    }
    plan_tasks(run);
    return weftos_run_paths_prepare(run);
}

bool weftos_run_isolate_prepare(struct run *run)
{
    if (!is_any_asked(run)) {
        return true;
    }
    return plan(run, (run->request->flags & WEFTI_RUN_PROBE) != 0);
}

bool weftos_run_isolate_again(struct run *run)
{
    struct run_isolation *before = run->isolation;
    weft_enforcement *row = weftos_run_row_of(run, WEFT_FENCE_TREE_KILL);
    struct run_findings found;

    if (before == NULL || before->is_probed) {
        return false;
    }
    (void)choose_way(run, true, &found);
    if (weftos_run_has_all(&found)) {
        return false;
    }
    if (before->has_pid_namespace) {
        *row = before->tree_kill; /* as it is without */
    }
    if (before->holds_tasks) {
        *weftos_run_row_of(run, WEFT_FENCE_PROCESSES) = before->processes;
    }
    return plan(run, true);
}

/* ---------------------------------------------------------------- start --- */

#define BETWEEN_STACK_BYTES ((size_t)512 * 1024)

struct between {
    struct run *run;
    int pipe;
    int cause; /* an errno; 0: the leader is there */
    const char *step;
};

/*
 * Process 1. It reaps who is left to it until the other end of the pipe is
 * closed; then it ends all, and itself when all are gone. The leader is not its
 * child: the supervisor, once it has reaped it, sends SIGCHLD.
 */
static _Noreturn void be_init(const struct run_isolation *isolation)
{
    struct pollfd polls[] = {{.fd = 0, .events = POLLIN},
                             {.fd = 1, .events = POLLIN}};
    struct signalfd_siginfo signal_;
    bool is_over = false;
    sigset_t ends;

    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGCHLD);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        dup2(isolation->life_end, 0) != 0 ||
        syscall(SYS_close_range, 1, ~0U, 0) != 0 ||
        signalfd(-1, &ends, SFD_NONBLOCK) != 1) {
        _exit(125);
    }
    (void)prctl(PR_SET_NAME, "weft-init");
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0) {
        }
        if (is_over && kill(-1, 0) != 0 && errno == ESRCH) {
            _exit(0);
        }
        (void)poll(polls, 2, -1);
        (void)!read(1, &signal_, sizeof(signal_));
        if (polls[0].revents != 0) {
            polls[0].fd = -1;
            polls[0].revents = 0;
            is_over = true;
        }
        if (is_over) {
            (void)kill(-1, SIGKILL);
        }
    }
}

/* In the process between, which shares the supervisor's memory. */
static int start_between(void *context)
{
    struct between *between = context;
    struct run_isolation *isolation = between->run->isolation;
    int dumpable = prctl(PR_GET_DUMPABLE);
    pid_t pid;

    if ((isolation->namespaces & CLONE_NEWUSER) != 0) {
        between->cause = weftos_run_probe_write_maps(
            between->run->isolation->uid, between->run->isolation->gid,
            &between->step);
    }
    if (between->cause == 0 && isolation->has_pid_namespace) {
        between->step = "pid namespace";
        between->cause = unshare(CLONE_NEWPID) == 0 ? 0 : errno;
    }
    if (between->cause != 0) {
        _exit(0);
    }
    if (isolation->has_pid_namespace) {
        /*
         * Nobody in the tree may look into the init. The memory is the
         * supervisor's, too, which could not write maps any more.
         */
        between->step = "fork an init";
        (void)prctl(PR_SET_DUMPABLE, 0);
        pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0L, 0L, 0L, 0L);
        if (pid == 0) {
            be_init(isolation);
        }
        if (dumpable == 1) {
            (void)prctl(PR_SET_DUMPABLE, 1);
        }
        if (pid < 0) {
            between->cause = errno;
            _exit(0);
        }
        isolation->init = pid;
    }
    between->step = "fork";
    pid = weftos_run_clone(between->run, CLONE_PARENT);
    if (pid == 0) {
        weftos_run_child(between->run, between->pipe);
    }
    between->cause = pid < 0 ? errno : 0;
    between->run->leader = pid;
    _exit(0);
}

static bool open_life(struct run_isolation *isolation)
{
    int ends[2];

    if (!isolation->has_pid_namespace) {
        return true;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    isolation->life_end = ends[0];
    isolation->life = ends[1];
    return true;
}

bool weftos_run_isolate_start(struct run *run, int pipe,
                              struct run_failure *failure)
{
    struct run_isolation *isolation = run->isolation;
    struct between between = {.run = run, .pipe = pipe, .step = "namespaces"};
    char *stack = mmap(NULL, BETWEEN_STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    pid_t pid;

    isolation->uid = geteuid();
    isolation->gid = getegid();
    if (stack == MAP_FAILED || !open_life(isolation)) {
        *failure = (struct run_failure){
            .os_code = errno, .fence = -1, .operation = "prepare a process"};
        return false;
    }
    pid = clone(start_between, stack + BETWEEN_STACK_BYTES,
                CLONE_VM | CLONE_VFORK | SIGCHLD | isolation->namespaces,
                &between);
    if (pid < 0) {
        between.cause = errno;
    } else {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    (void)munmap(stack, BETWEEN_STACK_BYTES);
    if (isolation->life_end >= 0) {
        (void)close(isolation->life_end);
        isolation->life_end = -1;
    }
    if (between.cause != 0) {
        *failure = (struct run_failure){.os_code = between.cause,
                                        .fence = WEFT_FENCE_PIDS};
        (void)snprintf(failure->operation, sizeof(failure->operation),
                       "isolate: %s", between.step);
        return false;
    }
    return true;
}

/* ----------------------------------------------------------- the leader --- */

/* While the leader still has the right to. */
static void drop_bounds(void)
{
    /* Who may not drop them has none to hand on, by no_new_privs. */
    for (unsigned long i = 0; prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0; i++) {
    }
}

static void drop_rights(int pipe)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};

    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) != 0) {
        weftos_run_child_fail(pipe, WEFT_FENCE_PRIVILEGES, "drop capabilities");
    }
}

void weftos_run_isolate_view(struct run *run, int pipe)
{
    if (run->isolation == NULL) {
        return;
    }
    weftos_run_paths_enter(run, pipe);
    /* Landlock and the filter rely on it. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        weftos_run_child_fail(pipe, WEFT_FENCE_PRIVILEGES, "set no_new_privs");
    }
    weftos_run_landlock_enter(run, pipe);
    if (run->isolation->drops_rights) {
        drop_bounds();
    }
}

void weftos_run_isolate_confine(struct run *run, int pipe)
{
    if (run->isolation == NULL) {
        return;
    }
    if (run->isolation->drops_rights) {
        drop_rights(pipe);
    }
    weftos_run_filter_enter(run, pipe);
}

uint64_t weftos_run_isolate_tasks(const struct run *run)
{
    const struct run_isolation *isolation = run->isolation;

    if (isolation == NULL || !isolation->holds_tasks) {
        return 0;
    }
    return run->request->fences[WEFT_FENCE_PROCESSES].hard +
           (isolation->has_pid_namespace ? 1 : 0); /* the init */
}

pid_t weftos_run_isolate_parent(const struct run *run)
{
    bool is_outside =
        run->isolation != NULL && run->isolation->has_pid_namespace;

    return is_outside ? 0 : run->supervisor;
}

const char *weftos_run_isolate_absence(const struct run *run,
                                       const char *program)
{
    if (run->isolation != NULL && run->isolation->has_root) {
        return "find it, or its loader, among the paths that are allowed";
    }
    return run->isolation != NULL && run->isolation->has_temp &&
                   strchr(program, '/') != NULL
               ? "find it inside, where /tmp is another one"
               : NULL;
}

char *weftos_run_isolate_temp(const struct run *run)
{
    static char temp[] = "TMPDIR=/tmp";

    return run->isolation != NULL && run->isolation->has_temp ? temp : NULL;
}

/* ------------------------------------------------------------------ end --- */

pid_t weftos_run_isolate_init(const struct run *run)
{
    return run->isolation != NULL ? run->isolation->init : 0;
}

bool weftos_run_isolate_kill(struct run *run)
{
    struct run_isolation *isolation = run->isolation;

    if (isolation == NULL || isolation->init == 0) {
        return false;
    }
    if (isolation->life >= 0) {
        (void)close(isolation->life);
        isolation->life = -1;
    }
    (void)kill(isolation->init, SIGCHLD); /* it looks who is left */
    return true;
}

void weftos_run_isolate_undo(struct run *run)
{
    pid_t init = weftos_run_isolate_init(run);

    if (init != 0) {
        (void)kill(init, SIGKILL);
    }
    /* The init is gone only when nobody is left in its namespace. */
    if (run->leader > 0) {
        while (waitpid(run->leader, NULL, 0) < 0 && errno == EINTR) {
        }
        run->leader = 0;
    }
    if (init != 0) {
        while (waitpid(init, NULL, 0) < 0 && errno == EINTR) {
        }
        run->isolation->init = 0;
    }
    if (run->isolation != NULL && run->isolation->life >= 0) {
        (void)close(run->isolation->life);
        run->isolation->life = -1;
    }
}

void weftos_run_isolate_reaped(struct run *run, pid_t pid)
{
    if (run->isolation != NULL && run->isolation->init == pid) {
        run->isolation->init = 0;
    }
}

void weftos_run_isolate_explain(struct run *run, int number)
{
    if (number == SIGSYS && run->isolation != NULL &&
        (run->isolation->filters_calls || run->isolation->filters_network)) {
        weftos_run_evidence(run,
                            "system call filter: a call of another machine's");
        weftos_run_set_reason(run, WEFT_REASON_VIOLATION);
    }
}
