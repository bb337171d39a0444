/* SPDX-License-Identifier: MIT
 *
 * Who is in the foreground of a terminal: its job, and what that has started,
 * but not what was put into the background; while the terminal is used.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/protect.h>

#include "check.h"

/* The processes of a terminal, in the order in which they begin. */
enum role {
    ROLE_SHELL,      /* it leads the session, and has the terminal */
    ROLE_JOB,        /* a group of its own, in the foreground */
    ROLE_WORKER,     /* of the job's group */
    ROLE_APART,      /* the job's, with a session of its own */
    ROLE_BACKGROUND, /* another group of the same terminal */
    ROLES
};

static weft_memory *memory;

struct stage {
    int master;
    char name[64];
    pid_t pids[ROLES];
    int end; /* all end when this is closed */
};

static bool is_front(pid_t pid)
{
    weft_memory_identity identity = {.size = sizeof(identity)};

    CHECK_STATUS(weft_memory_identify(memory, pid, &identity, NULL), WEFT_OK);
    CHECK((identity.marks_known & WEFT_MARK_BIT(WEFT_MARK_FOREGROUND)) != 0);
    return (identity.marks & WEFT_MARK_BIT(WEFT_MARK_FOREGROUND)) != 0;
}

/* ------------------------------------------------------------------ play ---
 */

static void tell(int ready, enum role role)
{
    pid_t told[2] = {(pid_t)role, getpid()};

    if (write(ready, told, sizeof(told)) != sizeof(told)) {
        _exit(1);
    }
}

static _Noreturn void stand(int ready, int end, enum role role)
{
    char byte;

    tell(ready, role);
    (void)!read(end, &byte, 1);
    _exit(0);
}

static void begin(int ready, int end, enum role role)
{
    pid_t child = fork();

    if (child == 0) {
        if (role == ROLE_APART) {
            (void)setsid();
        } else if (role == ROLE_BACKGROUND) {
            (void)setpgid(0, 0);
        }
        stand(ready, end, role);
    }
}

static _Noreturn void run_shell(const char *name, int ready, int end)
{
    int terminal;
    pid_t job;

    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGTTOU, SIG_IGN);
    (void)setsid();
    terminal = open(name, O_RDWR);
    if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) != 0 ||
        dup2(terminal, 0) != 0) {
        _exit(1);
    }
    job = fork();
    if (job == 0) {
        (void)setpgid(0, 0);
        (void)tcsetpgrp(0, getpid());
        begin(ready, end, ROLE_WORKER);
        begin(ready, end, ROLE_APART);
        begin(ready, end, ROLE_BACKGROUND);
        stand(ready, end, ROLE_JOB);
    }
    stand(ready, end, ROLE_SHELL);
}

static void open_stage(struct stage *stage)
{
    int ready[2] = {-1, -1};
    int end[2] = {-1, -1};
    pid_t shell;

    stage->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(stage->master >= 0 && grantpt(stage->master) == 0 &&
            unlockpt(stage->master) == 0);
    REQUIRE(ptsname_r(stage->master, stage->name, sizeof(stage->name)) == 0);
    REQUIRE(pipe(ready) == 0 && pipe(end) == 0);
    shell = fork();
    REQUIRE(shell >= 0);
    if (shell == 0) {
        (void)close(end[1]);
        (void)close(ready[0]);
        (void)close(stage->master);
        run_shell(stage->name, ready[1], end[0]);
    }
    (void)close(end[0]);
    (void)close(ready[1]);
    stage->end = end[1];
    for (int i = 0; i < ROLES; i++) {
        pid_t told[2];

        REQUIRE(read(ready[0], told, sizeof(told)) == sizeof(told));
        REQUIRE(told[0] >= 0 && told[0] < ROLES);
        stage->pids[told[0]] = told[1];
    }
    (void)close(ready[0]);
}

static void close_stage(struct stage *stage)
{
    pid_t shell = stage->pids[ROLE_SHELL];

    (void)close(stage->end);
    CHECK(waitpid(shell, NULL, 0) == shell);
    (void)close(stage->master);
}

/* ------------------------------------------------------------------ test ---
 */

/* As if it was last used so many seconds ago. */
static void age(const struct stage *stage, time_t seconds)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - seconds},
                                {.tv_sec = time(NULL) - seconds}};

    REQUIRE(utimensat(AT_FDCWD, stage->name, times, 0) == 0);
}

static void test_terminal(void)
{
    struct stage stage;

    open_stage(&stage);
    check_case("the job in front, and all that it has started");
    CHECK(is_front(stage.pids[ROLE_JOB]));
    CHECK(is_front(stage.pids[ROLE_WORKER]));
    CHECK(is_front(stage.pids[ROLE_APART]));

    check_case("not what waits behind it, and what it put behind itself");
    CHECK(!is_front(stage.pids[ROLE_SHELL]));
    CHECK(!is_front(stage.pids[ROLE_BACKGROUND]));

    check_case("nobody is in front where nobody is");
    age(&stage, 700);
    CHECK(!is_front(stage.pids[ROLE_JOB]));
    CHECK(!is_front(stage.pids[ROLE_APART]));
    age(&stage, 500);
    CHECK(is_front(stage.pids[ROLE_JOB]));

    check_case("a clock that was put back does not take protection away");
    age(&stage, -5000);
    CHECK(is_front(stage.pids[ROLE_JOB]));
    close_stage(&stage);
}

void test_main(void)
{
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_terminal();
    weft_memory_close(&memory);
}
