/* SPDX-License-Identifier: MIT
 *
 * Trees that weft has not started are measured, and ended.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "process/tree_linux.h"

#define MS UINT64_C(1000000)
#define MIB ((uint64_t)1024 * 1024)
#define NOBODY 65534
#define ROOM 400

static weft_member members[ROOM];

static char self[4096];

/* A program of tree_linux.h, whose output is a pipe that is left to read. */
static pid_t start(const char *action, const char *first, const char *second,
                   int *output)
{
    int ends[2];
    pid_t child;

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl(self, self, action, first, second, (char *)NULL);
        _exit(9);
    }
    (void)close(ends[1]);
    *output = ends[0];
    return child;
}

static void read_bytes(int pipe, int count)
{
    char byte;

    for (int i = 0; i < count; i++) {
        REQUIRE(read(pipe, &byte, 1) == 1);
    }
}

/* How it ended, as wait() has it. */
static int reap(pid_t child)
{
    int status = -1;

    REQUIRE(waitpid(child, &status, 0) == child);
    return status;
}

static size_t measure(pid_t pid, uint32_t what)
{
    size_t count = 0;

    REQUIRE(weft_tree_measure(pid, what, members, ROOM, &count, NULL) ==
            WEFT_OK);
    REQUIRE(count <= ROOM);
    return count;
}

/* -------------------------------------------------------------- measure --- */

static void test_arguments(void)
{
    weft_tree_kill_options options = WEFT_TREE_KILL_OPTIONS_INIT;
    weft_tree_kill_result result = {.size = sizeof(result)};
    weft_member sum;
    size_t count;

    check_case("wrong arguments are refused");
    CHECK_STATUS(weft_tree_measure(getpid(), 0, NULL, 0, NULL, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_tree_measure(getpid(), 0, NULL, 1, &count, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_tree_measure(0, 0, NULL, 0, &count, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_tree_measure(-1, 0, NULL, 0, &count, NULL), WEFT_EINVAL);
    CHECK_STATUS(
        weft_tree_measure(getpid(), WEFT_MEMBER_ALL + 1, NULL, 0, &count, NULL),
        WEFT_EINVAL);
    CHECK_STATUS(weft_tree_measure(INT64_MAX, 0, NULL, 0, &count, NULL),
                 WEFT_ENOENT);
    CHECK_STATUS(weft_tree_sum(NULL, 1, &sum), WEFT_EINVAL);
    CHECK_STATUS(weft_tree_sum(members, 1, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_tree_sum(NULL, 0, &sum), WEFT_OK);
    CHECK(sum.valid == 0 && sum.pid == 0);
    CHECK_STATUS(weft_tree_kill(getpid(), NULL, NULL, NULL), WEFT_EINVAL);
    result.size = 1;
    CHECK_STATUS(weft_tree_kill(getpid(), NULL, &result, NULL), WEFT_EINVAL);
    result.size = sizeof(result);
    options.flags = 2;
    CHECK_STATUS(weft_tree_kill(getpid(), &options, &result, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_tree_kill(INT64_MAX, NULL, &result, NULL), WEFT_ENOENT);
}

static void test_measure(void)
{
    weft_tree_kill_result result = {.size = sizeof(result)};
    weft_member sum;
    size_t count = 0;
    int output;
    pid_t child;
    struct timespec now;

    check_case("a process is told with what it uses");
    (void)clock_gettime(CLOCK_REALTIME, &now);
    CHECK(measure(getpid(), WEFT_MEMBER_ALL) == 1);
    CHECK(members[0].pid == getpid() && members[0].parent == getppid());
    CHECK(members[0].valid == WEFT_MEMBER_ALL && !members[0].has_ended);
    CHECK(members[0].threads == 1);
    /* That one counts its own, and the names of two directories. */
    CHECK(members[0].handles + 3 == (uint64_t)check_open_handles());
    CHECK(members[0].share_bytes <= members[0].resident_bytes);
    CHECK(members[0].resident_bytes <= members[0].peak_bytes);
    CHECK(strstr(members[0].command, "others") != NULL);
    CHECK(members[0].started_unix_ns / 1000000000 + 60 >= (uint64_t)now.tv_sec);
    CHECK(members[0].started_unix_ns / 1000000000 <= (uint64_t)now.tv_sec);

    check_case("what is not asked for is absent");
    CHECK(measure(getpid(), WEFT_MEMBER_THREADS) == 1);
    CHECK(members[0].valid == WEFT_MEMBER_THREADS);

    check_case("its descendants are found, and what they use is added up");
    child = start("burn", "50", "1", &output);
    CHECK(WIFEXITED(reap(child)));
    (void)close(output);
    child = start("eat", "1", "4", &output);
    while (measure(child, 0) < 4) {
    }
    CHECK_STATUS(
        weft_tree_measure(getpid(), WEFT_MEMBER_ALL, NULL, 0, &count, NULL),
        WEFT_OK);
    CHECK(count == 5 && count == measure(getpid(), WEFT_MEMBER_ALL));
    CHECK_STATUS(weft_tree_sum(members, count, &sum), WEFT_OK);
    CHECK(sum.pid == getpid() && sum.threads == count);
    CHECK(sum.waited_user_ns + sum.waited_system_ns >= 40 * MS);
    CHECK_STATUS(weft_tree_kill(child, NULL, &result, NULL), WEFT_OK);
    CHECK(WIFSIGNALED(reap(child)));
    (void)close(output);
    members[1].valid = 0;
    CHECK_STATUS(weft_tree_sum(members, 2, &sum), WEFT_OK);
    CHECK(sum.valid == (WEFT_MEMBER_STARTED | WEFT_MEMBER_COMMAND));
}

static void test_ended(void)
{
    size_t count;
    siginfo_t info;
    pid_t child = fork();

    if (child == 0) {
        _exit(0);
    }
    check_case("one that has ended, and was not asked about, uses nothing");
    REQUIRE(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
    CHECK(measure(child, WEFT_MEMBER_ALL) == 1);
    CHECK(members[0].has_ended && members[0].threads == 0);
    CHECK((members[0].valid & WEFT_MEMBER_RESIDENT) != 0);
    CHECK(members[0].resident_bytes == 0);
    CHECK((members[0].valid & WEFT_MEMBER_PEAK) == 0);
    (void)reap(child);
    CHECK_STATUS(weft_tree_measure(child, 0, NULL, 0, &count, NULL),
                 WEFT_ENOENT);
}

/* Measured while its processes come and go. */
static void test_changing(void)
{
    int output;
    pid_t child = start("bomb", NULL, NULL, &output);
    weft_status status = WEFT_OK;
    size_t looks = 0;

    check_case("processes that come and go are no error");
    while (status == WEFT_OK && looks < 200) {
        size_t count = 0;

        status = weft_tree_measure(child, WEFT_MEMBER_ALL, members, ROOM,
                                   &count, NULL);
        for (size_t i = 0; i < count && i < ROOM; i++) {
            CHECK(members[i].pid > 0);
        }
        looks++;
        if (waitpid(child, NULL, WNOHANG) == child) {
            child = 0;
            break;
        }
    }
    CHECK(looks > 1 && (status == WEFT_OK || status == WEFT_ENOENT));
    if (child != 0) {
        (void)reap(child);
    }
    CHECK(tree_is_closed(output));
    (void)close(output);
}

/* ----------------------------------------------------------------- kill --- */

static void refuse(int64_t pid, weft_status status, const char *why)
{
    weft_tree_kill_result result = {.size = sizeof(result)};
    weft_detail detail = {WEFT_OK, 0, ""};

    CHECK_STATUS(weft_tree_kill(pid, NULL, &result, &detail), status);
    CHECK(detail.status == status && strstr(detail.operation, why) != NULL);
    CHECK(result.found == 0);
}

static void test_refusals(void)
{
    weft_tree_kill_options options = WEFT_TREE_KILL_OPTIONS_INIT;
    weft_tree_kill_result result = {.size = sizeof(result)};
    static const int others[] = {SIGKILL, SIGSTOP, SIGCONT, SIGCHLD, -1, 1000};
    int output;
    pid_t child;

    check_case("who must not be ended is not");
    refuse(0, WEFT_EINVAL, "no process number");
    refuse(-getpid(), WEFT_EINVAL, "no process number");
    refuse(1, WEFT_EINVAL, "first process");
    refuse(getpid(), WEFT_EINVAL, "asks for it");
    refuse(getppid(), WEFT_EINVAL, "comes from it");

    check_case("a signal that ends nobody asks for nothing");
    child = start("stay", "0", NULL, &output);
    options.grace_ns = 1;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        options.signal_number = others[i];
        CHECK_STATUS(weft_tree_kill(child, &options, &result, NULL),
                     WEFT_EINVAL);
    }

    check_case("a dry run sends nothing");
    options.signal_number = 0;
    options.flags = WEFT_TREE_KILL_DRY;
    CHECK_STATUS(weft_tree_kill(child, &options, &result, NULL), WEFT_OK);
    CHECK(result.found == 1 && result.survivors == 1 && result.ended == 0);
    CHECK(result.survivor_pids[0] == child);
    CHECK(result.asked == 0 && result.killed == 0);
    CHECK(waitpid(child, NULL, WNOHANG) == 0);

    check_case("a process alone is ended");
    CHECK_STATUS(weft_tree_kill(child, NULL, &result, NULL), WEFT_OK);
    CHECK(result.found == 1 && result.killed == 1 && result.ended == 1);
    CHECK(result.survivors == 0 && result.is_complete);
    CHECK(WTERMSIG(reap(child)) == SIGKILL);
    (void)close(output);
    refuse(child, WEFT_ENOENT, "no such process");
}

static void test_grace(void)
{
    weft_tree_kill_options options = WEFT_TREE_KILL_OPTIONS_INIT;
    weft_tree_kill_result result = {.size = sizeof(result)};
    int output;
    pid_t child = start("eat", "1", "4", &output);

    check_case("who is asked and ends is not killed");
    while (measure(child, 0) < 4) {
    }
    options.grace_ns = 20000 * MS;
    CHECK_STATUS(weft_tree_kill(child, &options, &result, NULL), WEFT_OK);
    CHECK(result.asked >= 1 && result.killed == 0 && result.survivors == 0);
    (void)reap(child);
    CHECK(tree_is_closed(output));
    (void)close(output);

    check_case("who does not end is killed after the grace time");
    child = fork();
    if (child == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        (void)alarm(60);
        (void)raise(SIGSTOP);
        for (;;) {
            (void)pause();
        }
    }
    REQUIRE(waitpid(child, NULL, WUNTRACED) == child);
    CHECK(kill(child, SIGCONT) == 0);
    options.grace_ns = 50 * MS;
    CHECK_STATUS(weft_tree_kill(child, &options, &result, NULL), WEFT_OK);
    CHECK(result.asked == 1 && result.killed == 1 && result.ended == 1);
    CHECK(WTERMSIG(reap(child)) == SIGKILL);
}

/* False: its own clock has ended the bomb before. */
static bool end_bomb(const char *action)
{
    weft_tree_kill_result result = {.size = sizeof(result)};
    int output;
    pid_t child = start(action, NULL, NULL, &output);
    bool is_killed;

    while (measure(child, 0) < 20 && !members[0].has_ended) {
    }
    CHECK_STATUS(weft_tree_kill(child, NULL, &result, NULL), WEFT_OK);
    is_killed = WTERMSIG(reap(child)) == SIGKILL;
    printf("# %s: %zu found, %zu ended\n", action, result.found, result.ended);
    CHECK(result.survivors == 0 && result.is_complete);
    if (is_killed) {
        CHECK(result.found > 1);
        /* At once: what was not found ends after 2 s only. */
        CHECK(poll(&(struct pollfd){output, POLLIN, 0}, 1, 0) == 1);
    }
    CHECK(tree_is_closed(output));
    (void)close(output);
    return is_killed;
}

/*
 * The root is ended while it makes others, which make others. On a machine that
 * is busy enough the two seconds of a bomb may be over before that.
 */
static void test_bomb(const char *action)
{
    bool is_killed = false;

    for (int i = 0; i < 10 && !is_killed; i++) {
        is_killed = end_bomb(action);
    }
    CHECK(is_killed);
}

/* A daemon's orphan: its parent has ended, its session's leader lives. */
static void test_orphan(void)
{
    weft_tree_kill_result result = {.size = sizeof(result)};
    int ends[2];
    pid_t child;

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    child = fork();
    if (child == 0) {
        (void)setsid();
        if (fork() == 0) {
            if (fork() == 0) {
                (void)!write(ends[1], "o", 1);
                (void)alarm(60);
                (void)pause();
            }
            _exit(0);
        }
        (void)wait(NULL);
        (void)!write(ends[1], "p", 1);
        (void)alarm(60);
        (void)pause();
        _exit(0);
    }
    (void)close(ends[1]);
    check_case("an orphan is found by the leader of its session");
    read_bytes(ends[0], 2);
    CHECK(measure(child, WEFT_MEMBER_ALL) == 2);
    CHECK(members[1].parent != child);
    CHECK_STATUS(weft_tree_kill(child, NULL, &result, NULL), WEFT_OK);
    CHECK(result.found == 2 && result.ended == 2);
    CHECK(WTERMSIG(reap(child)) == SIGKILL);
    CHECK(tree_is_closed(ends[0]));
    (void)close(ends[0]);
}

/* More processes than descriptors. */
static void test_few_handles(void)
{
    struct rlimit before;
    struct rlimit few = {70, 70};
    weft_tree_kill_result result = {.size = sizeof(result)};
    int output;
    pid_t child = start("eat", "1", "40", &output);

    check_case("a tree is ended that is larger than the limit of descriptors");
    while (measure(child, 0) < 40) {
    }
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few.rlim_max = before.rlim_max;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK_STATUS(weft_tree_kill(child, NULL, &result, NULL), WEFT_OK);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(result.found == 40 && result.survivors == 0);
    (void)reap(child);
    CHECK(tree_is_closed(output));
    (void)close(output);
}

/* --------------------------------------------------------- another user --- */

static void act_as_nobody(pid_t victim)
{
    weft_tree_kill_result result = {.size = sizeof(result)};
    weft_detail detail = {WEFT_OK, 0, ""};

    if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
        _exit(77);
    }
    CHECK(measure(victim, WEFT_MEMBER_ALL) == 1);
    CHECK((members[0].valid & WEFT_MEMBER_SHARE) == 0);
    CHECK((members[0].valid & WEFT_MEMBER_RESIDENT) != 0);
    CHECK((members[0].valid & WEFT_MEMBER_CPU) != 0);
    CHECK(members[0].resident_bytes > 0);
    CHECK_STATUS(weft_tree_kill(victim, NULL, &result, &detail), WEFT_EACCES);
    CHECK(result.found == 0);
    check_exit_child();
}

static void test_nobody(void)
{
    int output;
    pid_t victim;
    pid_t child;

    check_case("what another user may not see is absent, and he ends nobody");
    if (geteuid() != 0) {
        return;
    }
    victim = start("stay", "0", NULL, &output);
    child = fork();
    if (child == 0) {
        act_as_nobody(victim);
    }
    CHECK(reap(child) == 0);
    CHECK(kill(victim, SIGKILL) == 0);
    CHECK(WTERMSIG(reap(victim)) == SIGKILL);
    (void)close(output);
}

/* Without handles of processes nobody can be sure whom he kills. */
static void test_no_handles(void)
{
    weft_tree_kill_result result = {.size = sizeof(result)};
    weft_detail detail;
    pid_t child = fork();

    check_case("without handles of processes nobody is ended");
    REQUIRE(child >= 0);
    if (child == 0) {
        (void)alarm(60);
        (void)pause();
        _exit(0);
    }
    CHECK_STATUS(weft_tree_kill(child, NULL, &result, &detail), WEFT_ENOTSUP);
    CHECK(detail.operation != NULL && result.found == 0);
    CHECK(kill(child, 0) == 0);
    CHECK(kill(child, SIGKILL) == 0);
    (void)reap(child);
    SKIP("this kernel has no handles of processes");
}

void test_main(void)
{
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);

    tree_act();
    REQUIRE(bytes > 0);
    test_arguments();
    if (check_lacks("pidfd")) {
        test_no_handles();
    }
    test_measure();
    test_ended();
    test_changing();
    test_refusals();
    test_grace();
    check_case("one that grows is ended whole");
    test_bomb("grow");
    test_bomb("bomb");
    test_orphan();
    test_few_handles();
    test_nobody();
}
