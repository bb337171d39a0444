/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"
#include "process/wild_linux.h"

#define BOMB_SECONDS 2
#define OTHER_USER 65532

/* What all processes of the tree have together. */
static struct wild {
    atomic_int made;
    struct timespec bomb_end;
} * wild;

/* As fork; -1, too, when there were enough. */
static pid_t fork_one(void)
{
    pid_t child = -1;

    if (atomic_fetch_add(&wild->made, 1) < WILD_PROCESSES) {
        child = fork();
    }
    if (child < 0) {
        (void)atomic_fetch_sub(&wild->made, 1);
    }
    if (child == 0) {
        (void)alarm(WILD_SECONDS);
    }
    return child;
}

static void say(char byte)
{
    (void)!write(STDOUT_FILENO, &byte, 1);
}

_Noreturn static void stay(void)
{
    say('.');
    for (;;) {
        (void)pause();
    }
}

/* ------------------------------------------------------------------ ways ---
 *
 * Each is in a process of its own, and does not return.
 */

static void leave_session(void)
{
    (void)setsid();
    stay();
}

static void fork_twice(void)
{
    (void)setsid();
    if (fork_one() == 0) {
        stay();
    }
    _exit(0);
}

static void ignore_all(void)
{
    for (int i = 1; i < NSIG; i++) {
        if (i != SIGALRM) {
            (void)signal(i, SIG_IGN);
        }
    }
    (void)setpgid(0, 0);
    stay();
}

/* SIGALRM ends it as soon as somebody lets it go on. */
static void stop(void)
{
    say('.');
    (void)setsid();
    (void)raise(SIGSTOP);
    stay();
}

static bool has_time(void)
{
    struct timespec now;

    return clock_gettime(CLOCK_MONOTONIC, &now) == 0 &&
           (now.tv_sec < wild->bomb_end.tv_sec ||
            (now.tv_sec == wild->bomb_end.tv_sec &&
             now.tv_nsec < wild->bomb_end.tv_nsec));
}

static void explode(void)
{
    say('.');
    while (has_time()) {
        if (fork_one() < 0) {
            (void)poll(NULL, 0, 1);
        }
    }
    _exit(0);
}

static void change_user(void)
{
    (void)!setresuid(OTHER_USER, OTHER_USER, OTHER_USER);
    (void)setsid();
    stay();
}

/* Orphans below it do not come to the supervisor. */
static void adopt(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (fork_one() == 0) {
        fork_twice();
    }
    stay();
}

static void *fork_in_thread(void *unused)
{
    if (fork_one() == 0) {
        leave_session();
    }
    (void)pause();
    return unused;
}

/* The thread that /proc has first is gone; another one has the child. */
static void leave_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, fork_in_thread, NULL) == 0) {
        say('.');
        pthread_exit(NULL);
    }
    stay();
}

/* Nothing that it holds open tells of it. */
static void close_all(void)
{
    say('.');
    (void)syscall(SYS_close_range, 0U, ~0U, 0U);
    fork_twice();
}

/* A child of its parent's, so perhaps of the supervisor's. */
static void make_sibling(void)
{
    if (atomic_fetch_add(&wild->made, 1) < WILD_PROCESSES &&
        syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0L, 0L, 0L, 0L) == 0) {
        (void)alarm(WILD_SECONDS);
        leave_session();
    }
    stay();
}

static void nest(void)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0 && fork_one() == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        if (fork_one() == 0) {
            leave_session();
        }
        stay();
    }
    stay();
}

/* Stopped by its tracer, who does not look. */
static void be_traced(void)
{
    if (fork_one() == 0) {
        (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        stop();
    }
    stay();
}

/* Zombies, which nobody waits for. */
static void leave_dead(void)
{
    for (int i = 0; i < 3; i++) {
        if (fork_one() == 0) {
            say('.');
            _exit(0);
        }
    }
    stay();
}

static void (*const ways[])(void) = {
    stay,         leave_session, fork_twice, ignore_all,   stop,
    explode,      change_user,   adopt,      leave_thread, close_all,
    make_sibling, nest,          be_traced,  leave_dead,
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

_Noreturn void wild_lead(uint64_t seed, int stays)
{
    uint64_t random = seed;
    unsigned count = 1 + (unsigned)(peer_random(&random) % 7);

    wild = mmap(NULL, sizeof(*wild), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (wild == MAP_FAILED ||
        clock_gettime(CLOCK_MONOTONIC, &wild->bomb_end) != 0) {
        _exit(9);
    }
    wild->bomb_end.tv_sec += BOMB_SECONDS;
    (void)alarm(WILD_SECONDS);
    if (peer_random(&random) % 2 == 0) {
        (void)prctl(PR_SET_PDEATHSIG, 0); /* which weft has set */
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t way = peer_random(&random) % WAYS;

        if (fork_one() == 0) {
            ways[way]();
            _exit(0);
        }
    }
    say(WILD_READY);
    if (!stays) {
        _exit(5);
    }
    stay();
}
