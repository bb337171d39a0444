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

/* Bit N - 1: signal N has another than the default action in the helper. */
static uint64_t unusual_signals = UINT64_MAX;

void weftos_run_learn_signals(void)
{
    struct sigaction found;

    unusual_signals = 0;
    for (int i = 1; i < NSIG; i++) {
        if (sigaction(i, NULL, &found) != 0 || found.sa_handler != SIG_DFL) {
            unusual_signals |= UINT64_C(1) << (unsigned)(i - 1);
        }
    }
}

/* As weftos_run_reset_signals, for those that the helper knows to differ. */
static void reset_unusual_signals(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (uint64_t left = unusual_signals; left != 0; left &= left - 1) {
        (void)sigaction(__builtin_ctzll(left) + 1, &usual, NULL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

char *weftos_run_mark(const struct run *run)
{
    (void)run;
    return NULL; /* the supervisor has all of it below it */
}

_Noreturn void weftos_run_child(struct run *run, int pipe)
{
    /* The supervisor may have died before the kernel could be told. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        getppid() != weftos_run_isolate_parent(run)) {
        _exit(125);
    }
    reset_unusual_signals();
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
}

/* --------------------------------------------------------------- borrow --- */

/* AddressSanitizer marks stacks, and none may be another process's. */
#if defined(__SANITIZE_ADDRESS__)
#define CAN_BORROW false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CAN_BORROW false
#endif
#endif
#ifndef CAN_BORROW
#define CAN_BORROW true
#endif

/*
 * For a few frames of ours, and exec: it puts a path on the stack, and the
 * arguments of a script without "#!".
 */
#define BORROWED_STACK_BYTES 65536
#define BORROWED_ARGUMENTS_MAX 1024

bool weftos_run_can_borrow(const struct run *run)
{
    /*
     * Who changes the user makes memory undumpable, and who is isolated is made
     * in namespaces. The v2 group is entered by being born in it.
     */
    return CAN_BORROW && run->isolation == NULL &&
           (run->request->flags & WEFTI_RUN_HAS_USER) == 0 &&
           run->request->argument_count <= BORROWED_ARGUMENTS_MAX &&
           !weftos_run_can_be_born_in_group(run);
}

struct borrower {
    struct run *run;
    int pipe;
};

static int begin_borrowed(void *context)
{
    const struct borrower *borrower = context;

    weftos_run_child(borrower->run, borrower->pipe);
}

/*
 * What it says fits into the pipe, and the supervisor has no other thread yet,
 * so even memory can be allocated. Only the environment is put back.
 */
pid_t weftos_run_borrow(struct run *run, int pipe)
{
    static _Alignas(64) char stack[BORROWED_STACK_BYTES];
    struct borrower borrower = {run, pipe};
    char **before = environ;
    pid_t leader = clone(begin_borrowed, stack + sizeof(stack),
                         CLONE_VM | CLONE_VFORK | SIGCHLD, &borrower);

    weftos_environment_set(before);
    return leader;
}
