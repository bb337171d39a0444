/* SPDX-License-Identifier: MIT
 *
 * Programs as weft_process_start runs them: their ends, their streams and
 * channel, and what the host is told and keeps.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

#include "check.h"
#include "peer.h"

#define MANY 20

static char self[] = "/proc/self/exe";
static char echo_role[] = "--echo";

static weft_process_spec *new_spec(void)
{
    weft_process_spec *spec = NULL;

    REQUIRE(weft_process_spec_open(&spec) == WEFT_OK);
    return spec;
}

static weft_process *start(weft_process_spec *spec, char *const *arguments)
{
    weft_process *process = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};

    if (!CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                      WEFT_OK)) {
        printf("# %s: %s\n", detail.operation, weft_process_spec_refusal(spec));
    }
    REQUIRE(process != NULL);
    return process;
}

static weft_process *start_shell(weft_process_spec *spec, const char *script)
{
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char *arguments[] = {shell, option, (char *)(uintptr_t)script, NULL};

    return start(spec, arguments);
}

static weft_process_result end_of(weft_process *process)
{
    weft_process_result result = {.size = sizeof(result)};

    CHECK_STATUS(weft_process_wait(process, peer_soon(), &result), WEFT_OK);
    return result;
}

/* On macOS any other orphan of that time may be one of the tree's. */
static bool has_none_left(const weft_process_result *result)
{
    const weft_enforcement *row = &result->enforcement[WEFT_FENCE_TREE_KILL];

    return result->survivors == 0 ||
           (result->survivors == -1 && strstr(row->why_not, "unseen") != NULL);
}

/* ----------------------------------------------------------------- ends --- */

static void check_ends(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_process_result result;
    weft_process_result again;

    check_case("a program's exit code is told, as often as it is asked for");
    process = start_shell(spec, "exit 7");
    CHECK(weft_process_pid(process) > 0);
    result = end_of(process);
    CHECK(result.reason == WEFT_REASON_EXITED && result.exited);
    CHECK(result.exit_code == 7 && result.signal_number == 0);
    CHECK(!result.was_killed && result.exceeded == 0);
    CHECK(has_none_left(&result));
    CHECK(strstr(result.evidence, "exit code 7") != NULL);
    again = end_of(process);
    CHECK(again.exit_code == 7 && again.evidence == result.evidence);
    weft_process_close(&process);
    CHECK(process == NULL);

    check_case("so is the signal that has ended it");
    process = start_shell(spec, "kill -USR1 $$");
    result = end_of(process);
    CHECK(result.reason == WEFT_REASON_SIGNALLED && !result.exited);
    CHECK(result.exit_code == -1 && result.signal_number == SIGUSR1);
    CHECK(!result.was_killed);
    weft_process_close(&process);

    check_case("who has killed it himself is not said to have been killed");
    process = start_shell(spec, "kill -KILL $$");
    result = end_of(process);
    CHECK(result.reason == WEFT_REASON_SIGNALLED && !result.was_killed);
    CHECK(result.signal_number == SIGKILL);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

static void check_cancel(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_process_result result = {.size = sizeof(result)};

    check_case("one that runs has no result yet");
    process = start_shell(spec, "sleep 1000");
    CHECK_STATUS(weft_process_wait(process, WEFT_NOW, &result), WEFT_EAGAIN);
    CHECK_STATUS(weft_process_wait(process, weft_after_ns(1000000), &result),
                 WEFT_ETIMEDOUT);

    check_case("to kill it is told as such");
    CHECK_STATUS(weft_process_kill(process), WEFT_OK);
    result = end_of(process);
    CHECK(result.reason == WEFT_REASON_CANCELLED && result.was_killed);
    CHECK(result.signal_number == SIGKILL && has_none_left(&result));
    CHECK_STATUS(weft_process_kill(process), WEFT_ENOENT);
    CHECK_STATUS(weft_process_signal(process, SIGTERM, true), WEFT_ENOENT);
    weft_process_close(&process);

    check_case("a signal reaches the leader, or all");
    process = start_shell(spec, "sleep 1000");
    CHECK_STATUS(weft_process_signal(process, 0, false), WEFT_EINVAL);
    CHECK_STATUS(weft_process_signal(process, 65, false), WEFT_EINVAL);
    CHECK_STATUS(weft_process_signal(process, SIGTERM, true), WEFT_OK);
    result = end_of(process);
    CHECK(result.reason == WEFT_REASON_SIGNALLED);
    CHECK(result.signal_number == SIGTERM && !result.was_killed);
    weft_process_close(&process);

    check_case("to close it is to end it");
    process = start_shell(spec, "setsid sleep 1000 & sleep 1000");
    CHECK(kill((pid_t)weft_process_pid(process), 0) == 0);
    {
        pid_t leader = (pid_t)weft_process_pid(process);

        weft_process_close(&process);
        CHECK(kill(leader, 0) != 0 && errno == ESRCH);
    }
    weft_process_spec_close(&spec);
}

/* Who started the leader, by /proc. */
static pid_t parent_of(int64_t pid)
{
    char path[32];
    char text[512] = "";
    const char *rest;
    FILE *file;
    int parent = 0;

    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    file = fopen(path, "r");
    if (CHECK(file != NULL)) {
        CHECK(fgets(text, sizeof(text), file) != NULL);
        (void)fclose(file);
    }
    rest = strrchr(text, ')');
    CHECK(rest != NULL && sscanf(rest + 1, " %*c %d", &parent) == 1);
    return parent;
}

static void *go_on(void *supervisor)
{
    (void)kill(*(pid_t *)supervisor, SIGCONT);
    return NULL;
}

static void check_full(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process = start_shell(spec, "sleep 1000");
    pid_t leader = (pid_t)weft_process_pid(process);
    pid_t supervisor = parent_of(leader);
    weft_status status = WEFT_OK;
    pthread_t thread;

    check_case("a supervisor that is stopped is not told without end");
    REQUIRE(supervisor > 1 && kill(supervisor, SIGSTOP) == 0);
    for (unsigned i = 0; i < 100000 && status == WEFT_OK; i++) {
        status = weft_process_signal(process, SIGCONT, false);
    }
    CHECK_STATUS(status, WEFT_EAGAIN);

    check_case("and a close that finds it so waits until it goes on");
    REQUIRE(pthread_create(&thread, NULL, go_on, &supervisor) == 0);
    weft_process_close(&process);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(kill(leader, 0) != 0 && errno == ESRCH);
    weft_process_spec_close(&spec);
}

/* ----------------------------------------------------------------- many --- */

static void check_many(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *processes[MANY];
    weft_poll *poll_set = NULL;
    unsigned ended = 0;
    int status;

    check_case("many run at once, and a poll set tells of their ends");
    REQUIRE(weft_poll_open(NULL, &poll_set, NULL) == WEFT_OK);
    for (uintptr_t i = 0; i < MANY; i++) {
        char script[32];

        (void)snprintf(script, sizeof(script), "exit %u", (unsigned)i);
        processes[i] = start_shell(spec, script);
        CHECK_STATUS(weft_poll_add_handle(poll_set,
                                          weft_process_handle(processes[i]),
                                          WEFT_POLL_READ, i, NULL),
                     WEFT_OK);
    }
    while (ended < MANY) {
        weft_poll_item ready[4];
        size_t count = 0;

        if (!CHECK_STATUS(
                weft_poll_wait(poll_set, ready, 4, &count, peer_soon(), NULL),
                WEFT_OK)) {
            break;
        }
        for (size_t i = 0; i < count; i++) {
            weft_process **process = &processes[ready[i].key];
            weft_process_result result = {.size = sizeof(result)};

            CHECK_STATUS(weft_process_wait(*process, WEFT_NOW, &result),
                         WEFT_OK);
            CHECK(result.exit_code == (int)ready[i].key);
            (void)weft_poll_remove_handle(poll_set,
                                          weft_process_handle(*process));
            weft_process_close(process);
            ended++;
        }
    }
    weft_poll_close(&poll_set);

    check_case("wait() tells of no process that is not the host's own");
    CHECK(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD);
    weft_process_spec_close(&spec);

    check_case("what runs goes on when its spec is closed");
    spec = new_spec();
    processes[0] = start_shell(spec, "sleep 0.05; exit 4");
    weft_process_spec_close(&spec);
    CHECK(end_of(processes[0]).exit_code == 4);
    weft_process_close(&processes[0]);
}

/* ------------------------------------------------- streams, environment --- */

static size_t read_all(int fd, char *text, size_t room)
{
    size_t bytes = 0;
    ssize_t more;

    while (bytes < room - 1 &&
           (more = read(fd, text + bytes, room - 1 - bytes)) > 0) {
        bytes += (size_t)more;
    }
    text[bytes] = '\0';
    return bytes;
}

static void check_streams(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    char text[256];
    int ends[2];

    check_case("streams lead where the spec says, and the host keeps its own");
    REQUIRE(pipe(ends) == 0);
    CHECK_STATUS(
        weft_process_spec_stream(spec, 0, WEFT_STREAM_NULL, WEFT_HANDLE_NONE),
        WEFT_OK);
    CHECK_STATUS(weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE, ends[1]),
                 WEFT_OK);
    CHECK_STATUS(weft_process_spec_stream(spec, 2, WEFT_STREAM_HANDLE, ends[1]),
                 WEFT_OK);
    CHECK_STATUS(weft_process_spec_variable(spec, "ONE", "1 = one"), WEFT_OK);
    CHECK_STATUS(weft_process_spec_variable(spec, "ONE", "1 == one"), WEFT_OK);
    CHECK_STATUS(weft_process_spec_directory(spec, "/"), WEFT_OK);
    process = start_shell(spec, "cat; echo \"$ONE\"; pwd >&2; "
                                "ls /proc/self/fd | wc -l");
    CHECK(end_of(process).exit_code == 0);
    weft_process_close(&process);
    (void)close(ends[1]);
    (void)read_all(ends[0], text, sizeof(text));
    CHECK(strcmp(text, "1 == one\n/\n4\n") == 0);
    (void)close(ends[0]);

    check_case("an end of a pipe that is closed by now is refused");
    {
        char shell[] = "/bin/true";
        char *arguments[] = {shell, NULL};

        CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL),
                     WEFT_ENOENT);
        CHECK(process == NULL);
    }
    weft_process_spec_close(&spec);
}

/* -------------------------------------------------------------- channel --- */

static int echo(void)
{
    weft_channel *channel = NULL;
    char text[64];
    size_t bytes = 0;

    if (weft_channel_adopt(WEFT_HANDLE_NONE, NULL, peer_soon(), &channel,
                           NULL) != WEFT_OK) {
        return 1;
    }
    while (weft_channel_recv_until(channel, text, sizeof(text), &bytes,
                                   peer_soon()) == WEFT_OK) {
        if (weft_channel_send(channel, text, bytes) != WEFT_OK) {
            return 2;
        }
    }
    weft_channel_close(&channel);
    return 5;
}

static void check_channel(void)
{
    weft_process_spec *spec = new_spec();
    char *arguments[] = {self, echo_role, NULL};
    weft_process *process;
    weft_channel *channel;
    char text[64] = "";
    size_t bytes = 0;
    char path[4096];
    ssize_t length = readlink(self, path, sizeof(path) - 1);

    check_case("a program talks over the channel that it was given");
    /* In the supervisor the link leads to another program. */
    REQUIRE(length > 0);
    path[length] = '\0';
    arguments[0] = path;
    CHECK_STATUS(weft_process_spec_channel(spec, NULL), WEFT_OK);
    process = start(spec, arguments);
    channel = weft_process_channel(process);
    REQUIRE(channel != NULL);
    for (unsigned i = 0; i < 100; i++) {
        CHECK_STATUS(weft_channel_send(channel, "hello", 5), WEFT_OK);
        CHECK_STATUS(weft_channel_recv_until(channel, text, sizeof(text),
                                             &bytes, peer_soon()),
                     WEFT_OK);
        CHECK(bytes == 5 && memcmp(text, "hello", 5) == 0);
    }
    channel = weft_process_take_channel(process);
    CHECK(channel != NULL && weft_process_channel(process) == NULL);
    weft_channel_close(&channel);
    CHECK(end_of(process).exit_code == 5);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

/* ------------------------------------------------------------- refusals --- */

static void check_refusals(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};
    char none[] = "/nonexistent/program";
    char data[] = "/etc/passwd";
    char *arguments[] = {none, NULL};
    char *no_arguments[] = {NULL};

    check_case("what can't be executed is told, and nothing runs");
    CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                 WEFT_ENOENT);
    CHECK(process == NULL && detail.os_code == ENOENT);
    CHECK(strcmp(detail.operation, "execute the program") == 0);
    arguments[0] = data;
    CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                 WEFT_EACCES);
    CHECK(detail.os_code == EACCES);
    CHECK_STATUS(weft_process_start(spec, no_arguments, &process, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_process_start(NULL, arguments, &process, NULL),
                 WEFT_EINVAL);

    check_case("wrong values are refused where they are set");
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_WALL, 0, 0, WEFT_REQUIRE),
        WEFT_EINVAL);
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_WALL, 5, 5, WEFT_REQUIRE),
        WEFT_EINVAL);
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_FILES, 5, 9, WEFT_REQUIRE),
        WEFT_EINVAL);
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_NETWORK, 0, 9, WEFT_REQUIRE),
        WEFT_EINVAL);
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_CORE, 0, 0, WEFT_REQUIRE),
        WEFT_OK);
    CHECK_STATUS(weft_process_spec_isolate(spec, WEFT_FENCE_WALL, WEFT_REQUIRE),
                 WEFT_EINVAL);
    CHECK_STATUS(
        weft_process_spec_path(spec, "tmp", WEFT_ACCESS_READ, WEFT_REQUIRE),
        WEFT_EINVAL);
    CHECK_STATUS(weft_process_spec_variable(spec, "A=B", "c"), WEFT_EINVAL);
    CHECK_STATUS(weft_process_spec_variable(spec, "", "c"), WEFT_EINVAL);
    CHECK_STATUS(
        weft_process_spec_stream(spec, 3, WEFT_STREAM_NULL, WEFT_HANDLE_NONE),
        WEFT_EINVAL);
    CHECK_STATUS(
        weft_process_spec_stream(spec, 0, WEFT_STREAM_HANDLE, WEFT_HANDLE_NONE),
        WEFT_EINVAL);
    CHECK_STATUS(weft_process_spec_directory(spec, ""), WEFT_EINVAL);
    CHECK_STATUS(weft_process_spec_cpus(spec, NULL, 1), WEFT_EINVAL);
    CHECK_STATUS(weft_process_spec_open(NULL), WEFT_EINVAL);
    weft_process_spec_close(&spec);
    weft_process_spec_close(&spec);
    weft_process_spec_close(NULL);
    weft_process_close(NULL);

    check_case("a helper that is not there is told");
    spec = new_spec();
    arguments[0] = data;
    CHECK_STATUS(weft_process_spec_helper(spec, none), WEFT_OK);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                 WEFT_ENOENT);
    CHECK(strstr(detail.operation, "weft-helper") != NULL);

    check_case("and the next start tries again");
    CHECK_STATUS(weft_process_spec_helper(spec, getenv("WEFT_HELPER")),
                 WEFT_OK);
    process = start_shell(spec, "exit 0");
    CHECK(end_of(process).exit_code == 0);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

static void check_fork(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process = start_shell(spec, "sleep 0.2; exit 6");
    weft_process_result result = {.size = sizeof(result)};
    int status = 0;
    pid_t child;

    check_case("a forked child can use neither, and closes its copies only");
    child = fork();
    if (child == 0) {
        CHECK_STATUS(weft_process_wait(process, WEFT_NOW, &result),
                     WEFT_EFORKED);
        CHECK_STATUS(weft_process_kill(process), WEFT_EFORKED);
        CHECK_STATUS(weft_process_spec_grace(spec, 1), WEFT_EFORKED);
        weft_process_close(&process);
        weft_process_spec_close(&spec);
        check_exit_child();
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    result = end_of(process);
    CHECK(result.reason == WEFT_REASON_EXITED && result.exit_code == 6);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

/* ---------------------------------------------------------------- usage --- */

static void check_usage(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_process_result result;
    weft_usage usage = {.size = sizeof(usage)};
    weft_enforcement rows[WEFT_FENCE_COUNT];
    size_t count = 0;

    check_case("usage is told while it runs, and in the end");
    process = start_shell(spec, "sleep 0.1");
    CHECK_STATUS(weft_process_usage(process, &usage), WEFT_OK);
    CHECK((usage.valid & WEFT_USAGE_WALL) != 0);
    CHECK(weft_process_enforcement(process, &count) != NULL);
    CHECK(count == WEFT_FENCE_COUNT);
    result = end_of(process);
    CHECK(result.usage.wall_ns >= usage.wall_ns);
    CHECK(result.usage.wall_ns >= UINT64_C(90000000));
    CHECK((result.usage.valid & WEFT_USAGE_RSS_PEAK) != 0);
    CHECK(result.usage.rss_peak_bytes > 0);
    CHECK_STATUS(weft_process_usage(process, &usage), WEFT_ENOENT);
    weft_process_close(&process);

    check_case("a probe tells of everything, and starts nothing");
    CHECK_STATUS(weft_process_spec_probe(spec, rows, WEFT_FENCE_COUNT, NULL),
                 WEFT_OK);
    for (int i = 0; i < WEFT_FENCE_COUNT; i++) {
        CHECK(rows[i].fence == (weft_fence)i);
        CHECK(rows[i].mechanism[0] != '\0' || rows[i].why_not[0] != '\0');
        CHECK(rows[i].level != WEFT_LEVEL_UNSUPPORTED ||
              rows[i].why_not[0] != '\0');
    }
    CHECK_STATUS(weft_process_spec_probe(spec, rows, 3, NULL), WEFT_EINVAL);
    weft_process_spec_close(&spec);
}

/*
 * Peak memory is that of the program, whoever its host is: the host of this
 * one has 60 MB, and /bin/true has not.
 */
static void check_peak(void)
{
    size_t bytes = (size_t)60 << 20;
    char *ballast = malloc(bytes);
    weft_process_spec *spec = new_spec();
    weft_process *process;

    REQUIRE(ballast != NULL);
    memset(ballast, 1, bytes);
    check_case("peak memory has nothing of the host's");
    process = start_shell(spec, "exit 0");
    CHECK(end_of(process).usage.rss_peak_bytes < (uint64_t)20 << 20);
    weft_process_close(&process);
    CHECK(ballast[bytes - 1] == 1);
    free(ballast);
    weft_process_spec_close(&spec);
}

void test_main(void)
{
    if (check_arguments[1] != NULL &&
        strcmp(check_arguments[1], echo_role) == 0) {
        _exit(echo());
    }
    check_ends();
    check_cancel();
    check_full();
    check_many();
    check_streams();
    check_channel();
    check_refusals();
    check_fork();
    check_usage();
    check_peak();
}
