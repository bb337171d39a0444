/* SPDX-License-Identifier: MIT
 *
 * Processes that stand still to be looked at.
 */
#define _GNU_SOURCE
#include "stand_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define STAND "--stand"
#define END_WAIT_MS 10000

/* ------------------------------------------------------------------ acts ---
 */

static void *wait_for_ever(void *context)
{
    for (;;) {
        (void)pause();
    }
    return context;
}

/* By the system call: sanitizers make nothing of the function. */
static bool lock(const char *word)
{
    static char page[4096];

    (void)word;
    return syscall(SYS_mlock, page, sizeof(page)) == 0;
}

/* The policy of a second thread; the first one stays as it is. */
static bool go_realtime(const char *word)
{
    const struct sched_param priority = {.sched_priority = 1};
    pthread_t thread;

    (void)word;
    return pthread_create(&thread, NULL, wait_for_ever, NULL) == 0 &&
           pthread_setschedparam(thread, SCHED_RR, &priority) == 0;
}

static bool rename_self(const char *word)
{
    return prctl(PR_SET_NAME, word) == 0;
}

static bool open_file(const char *word)
{
    return open(word, O_RDWR) >= 0;
}

static bool remove_file(const char *word)
{
    return unlink(word) == 0;
}

static bool change_user(const char *word)
{
    uid_t user = (uid_t)strtoul(word, NULL, 10);

    return setgid(user) == 0 && setuid(user) == 0;
}

static bool run_threads(const char *word)
{
    pthread_t thread;
    bool is_done = true;

    for (int i = 0; i < atoi(word) && is_done; i++) {
        is_done = pthread_create(&thread, NULL, wait_for_ever, NULL) == 0;
    }
    return is_done;
}

static const struct {
    const char *name;
    bool (*run)(const char *word);
} acts[] = {
    {"lock", lock},           {"realtime", go_realtime},
    {"rename", rename_self},  {"open", open_file},
    {"remove", remove_file},  {"user", change_user},
    {"threads", run_threads},
};

static bool act(const char *name, const char *word)
{
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(name, acts[i].name) == 0) {
            return acts[i].run(word);
        }
    }
    return name[0] == '\0';
}

/* ----------------------------------------------------------------- stand ---
 */

/* Arguments: STAND, the ends of two pipes, the act and its word. */
void stand_begin(void)
{
    char **arguments = check_arguments + 1;
    pid_t pid = getpid();
    char byte;
    int ready;
    int end;

    if (arguments[0] == NULL || strcmp(arguments[0], STAND) != 0) {
        return;
    }
    ready = atoi(arguments[1]);
    end = atoi(arguments[2]);
    if (!act(arguments[3], arguments[4])) {
        pid = 0;
    }
    if (write(ready, &pid, sizeof(pid)) != sizeof(pid) || close(ready) != 0) {
        _exit(1);
    }
    while (pid != 0 && read(end, &byte, 1) < 0 && errno == EINTR) {
    }
    _exit(0);
}

/* In a child: leaves all that it has of the test behind. */
static _Noreturn void become(const struct stand_plan *plan, int ready, int end)
{
    static char *const none[] = {NULL};
    const char *name = plan->act != NULL ? plan->act : "";
    const char *word = plan->word != NULL ? plan->word : "";
    char numbers[2][16];
    char *const arguments[] = {check_arguments[0],
                               (char *)(uintptr_t)STAND,
                               numbers[0],
                               numbers[1],
                               (char *)(uintptr_t)name,
                               (char *)(uintptr_t)word,
                               NULL};
    pid_t child;

    (void)setsid();
    child = fork();
    if (child != 0) {
        _exit(child > 0 ? 0 : 1);
    }
    (void)snprintf(numbers[0], sizeof(numbers[0]), "%d", ready);
    (void)snprintf(numbers[1], sizeof(numbers[1]), "%d", end);
    (void)execve(plan->exe != NULL ? plan->exe : "/proc/self/exe", arguments,
                 plan->environment != NULL ? plan->environment : none);
    _exit(1);
}

struct stand stand_start(const struct stand_plan *plan)
{
    struct stand stand = {.pid = 0};
    int ready[2] = {-1, -1};
    int end[2] = {-1, -1};
    pid_t child;
    ssize_t got;
    int how;

    REQUIRE(pipe(ready) == 0 && pipe(end) == 0);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        (void)close(ready[0]);
        (void)close(end[1]);
        become(plan, ready[1], end[0]);
    }
    REQUIRE(waitpid(child, &how, 0) == child && how == 0);
    (void)close(ready[1]);
    (void)close(end[0]);
    stand.end = end[1];
    REQUIRE(fcntl(stand.end, F_SETFD, FD_CLOEXEC) == 0);
    do {
        got = read(ready[0], &stand.pid, sizeof(stand.pid));
    } while (got < 0 && errno == EINTR);
    (void)close(ready[0]);
    REQUIRE(got == sizeof(stand.pid));
    if (stand.pid == 0) {
        (void)close(stand.end);
        stand.end = -1;
    }
    return stand;
}

void stand_stop(struct stand *stand)
{
    struct pollfd poll_one = {.events = POLLIN};

    if (stand->pid == 0) {
        return;
    }
    poll_one.fd = (int)syscall(SYS_pidfd_open, stand->pid, 0);
    (void)close(stand->end);
    if (poll_one.fd >= 0) {
        CHECK(poll(&poll_one, 1, END_WAIT_MS * WEFT_TEST_TIME_SCALE) == 1);
        (void)close(poll_one.fd);
    }
    stand->pid = 0;
}

void stand_copy(const char *path)
{
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    ssize_t got;

    REQUIRE(from >= 0 && to >= 0);
    do {
        got = sendfile(to, from, NULL, 1 << 20);
    } while (got > 0);
    REQUIRE(got == 0);
    (void)close(from);
    REQUIRE(close(to) == 0);
}
