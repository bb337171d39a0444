/* SPDX-License-Identifier: MIT
 *
 * Programs under limits, as far as all systems are alike: ends, arguments,
 * environment, limits, and that nobody is left. This test is the program that
 * it runs, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weft/weft.h>

#include "check.h"
#include "peer.h"
#include "process/helped.h"

#define MANY 8
#define MIB ((size_t)1 << 20)
#define SPAWNED 12 /* how many one starts that is not to stop */

/* ---------------------------------------------------------- the program --- */

static int act_echo(void)
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

/* Ends by itself when nobody ends it. */
static int act_burn(void)
{
    uint64_t until = peer_soon();

    while (weft_now_ns() < until) {
    }
    return 9;
}

static int act_eat(void)
{
    for (int i = 0; i < 400; i++) {
        char *memory = malloc(MIB);

        if (memory == NULL) {
            return 7;
        }
        memset(memory, i + 1, MIB);
    }
    peer_await_kill();
    return 9;
}

static int act_say(const char *times)
{
    for (long i = strtol(times, NULL, 10); i > 0; i--) {
        (void)fputs("0123456789", stdout);
        (void)fflush(stdout);
    }
    peer_await_kill();
    return 9;
}

/* It says so when its child has been started. */
static int act_spawn(const char *count, bool stays)
{
    for (long i = strtol(count, NULL, 10); i > 0; i--) {
        if (!helped_spawn("--sleep")) {
            return 8;
        }
    }
    (void)puts("started");
    (void)fflush(stdout);
    if (stays) {
        peer_await_kill();
    }
    return 3;
}

static int act_arguments(char **arguments)
{
    for (; *arguments != NULL; arguments++) {
        (void)printf("%s\n", *arguments);
    }
    return 0;
}

static int act_variables(char **names)
{
    for (; *names != NULL; names++) {
        const char *value = getenv(*names);

        (void)printf("%s\n", value != NULL ? value : "-");
    }
    return 0;
}

/* What the program does with these arguments; -1: it is the test. */
static int act(char **arguments)
{
    const char *role = arguments[1] != NULL ? arguments[1] : "";
    const char *more = role[0] != '\0' ? arguments[2] : NULL;

    helped_begin();
    if (strcmp(role, "--exit") == 0) {
        return atoi(more);
    }
    if (strcmp(role, "--echo") == 0) {
        return act_echo();
    }
    if (strcmp(role, "--sleep") == 0) {
        peer_await_kill();
    }
    if (strcmp(role, "--burn") == 0) {
        return act_burn();
    }
    if (strcmp(role, "--eat") == 0) {
        return act_eat();
    }
    if (strcmp(role, "--say") == 0) {
        return act_say(more);
    }
    if (strcmp(role, "--spawn") == 0) {
        return act_spawn(more, true);
    }
    if (strcmp(role, "--leave") == 0) {
        return act_spawn(more, false);
    }
    if (strcmp(role, "--arguments") == 0) {
        return act_arguments(arguments + 2);
    }
    if (strcmp(role, "--variables") == 0) {
        return act_variables(arguments + 2);
    }
    return -1;
}

/* ------------------------------------------------------------- starting --- */

static weft_process_spec *new_spec(void)
{
    weft_process_spec *spec = NULL;

    REQUIRE(weft_process_spec_open(&spec) == WEFT_OK);
    return spec;
}

static weft_process *start(weft_process_spec *spec, const char *role,
                           const char *more)
{
    char *arguments[] = {(char *)(uintptr_t)helped_self(),
                         (char *)(uintptr_t)role, (char *)(uintptr_t)more,
                         NULL};
    weft_process *process = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};

    if (!CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                      WEFT_OK)) {
        printf("# %s (%d): %s\n", detail.operation, detail.os_code,
               weft_process_spec_refusal(spec));
    }
    REQUIRE(process != NULL);
    return process;
}

/* The result, and the end of the process's own. */
static weft_process_result end_of(weft_process **process)
{
    weft_process_result result = {.size = sizeof(result)};

    CHECK_STATUS(weft_process_wait(*process, peer_soon(), &result), WEFT_OK);
    CHECK(result.survivors == 0);
    if (result.reason == WEFT_REASON_LOST) {
        printf("# lost: %s\n", result.evidence);
    }
    result.evidence = NULL;
    result.enforcement = NULL;
    weft_process_close(process);
    CHECK(*process == NULL);
    return result;
}

/* Its output goes to a pipe, of which only the program has an end. */
static weft_handle lead_out(weft_process_spec *spec, weft_handle ends[2])
{
    helped_pipe(ends);
    CHECK_STATUS(weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE, ends[1]),
                 WEFT_OK);
    return ends[0];
}

static size_t read_rest(weft_handle ends[2], char *text, size_t room)
{
    size_t bytes;

    if (ends[1] != WEFT_HANDLE_NONE) {
        CHECK(peer_close(ends[1]));
    }
    bytes = helped_read(ends[0], text, room);
    CHECK(peer_close(ends[0]));
    return bytes;
}

/* ---------------------------------------------------------------- cases --- */

static void check_ends(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process = start(spec, "--exit", "7");
    weft_process_result result;

    check_case("a program's exit code is told");
    CHECK(weft_process_pid(process) > 0);
    result = end_of(&process);
    CHECK(result.reason == WEFT_REASON_EXITED && result.exited);
    CHECK(result.exit_code == 7 && result.signal_number == 0);
    CHECK(!result.was_killed && result.exceeded == 0);

    check_case("to kill it is told as such");
    process = start(spec, "--sleep", NULL);
    CHECK_STATUS(weft_process_wait(process, WEFT_NOW, &result), WEFT_EAGAIN);
    CHECK_STATUS(weft_process_kill(process), WEFT_OK);
    result = end_of(&process);
    CHECK(result.reason == WEFT_REASON_CANCELLED && result.was_killed);
    CHECK(!result.exited && result.signal_number == 9);

    check_case("so is the signal that can't be caught");
    process = start(spec, "--sleep", NULL);
    CHECK_STATUS(weft_process_signal(process, 9, false), WEFT_OK);
    result = end_of(&process);
    CHECK(result.reason == WEFT_REASON_SIGNALLED && result.was_killed);
    CHECK(result.signal_number == 9);
    CHECK_STATUS(weft_process_signal(NULL, 9, false), WEFT_EINVAL);
    weft_process_spec_close(&spec);
}

static void check_many(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *processes[MANY];
    weft_poll *poll_set = NULL;
    unsigned ended = 0;

    check_case("many run at once, and a poll set tells of their ends");
    REQUIRE(weft_poll_open(NULL, &poll_set, NULL) == WEFT_OK);
    for (uintptr_t i = 0; i < MANY; i++) {
        char code[8];

        (void)snprintf(code, sizeof(code), "%u", (unsigned)i);
        processes[i] = start(spec, "--exit", code);
        CHECK_STATUS(weft_poll_add_handle(poll_set,
                                          weft_process_handle(processes[i]),
                                          WEFT_POLL_READ, i, NULL),
                     WEFT_OK);
    }
    weft_process_spec_close(&spec);
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
}

/* What a shell, a C library or a careless quoting would change. */
static void check_arguments_pass(void)
{
    static const char *const given[] = {
        "plain",
        "two words",
        "",
        "\"",
        "a\"b",
        "\"quoted\"",
        "back\\slash",
        "end\\",
        "end\\\\",
        "two words\\",
        "two words\\\\",
        "\\\"",
        "a\\\"b c",
        "\\\\\"",
        "tab\there",
        "%PATH%",
        "$HOME",
        "^&|<>",
        "'single'",
        "*?",
        "-w",
        "--",
        "a=b",
        ";",
    };
    char *arguments[sizeof(given) / sizeof(given[0]) + 3];
    weft_process_spec *spec = new_spec();
    weft_process *process = NULL;
    weft_handle ends[2];
    char expected[1024] = "";
    char text[1024];
    size_t count = 0;

    check_case("arguments come as they were given");
    arguments[count++] = (char *)(uintptr_t)helped_self();
    arguments[count++] = (char *)(uintptr_t) "--arguments";
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        size_t used = strlen(expected);

        arguments[count++] = (char *)(uintptr_t)given[i];
        (void)snprintf(expected + used, sizeof(expected) - used, "%s\n",
                       given[i]);
    }
    arguments[count] = NULL;
    (void)lead_out(spec, ends);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL), WEFT_OK);
    CHECK(end_of(&process).exit_code == 0);
    (void)read_rest(ends, text, sizeof(text));
    if (!CHECK(strcmp(text, expected) == 0)) {
        printf("# got:\n%s", text);
    }
    weft_process_spec_close(&spec);
}

static void check_variables(void)
{
    weft_process_spec *spec = new_spec();
    char *arguments[] = {
        (char *)(uintptr_t)helped_self(), (char *)(uintptr_t) "--variables",
        (char *)(uintptr_t) "WEFT_ONE",   (char *)(uintptr_t) "WEFT_TWO",
        (char *)(uintptr_t) "WEFT_THREE", NULL};
    weft_process *process = NULL;
    weft_handle ends[2];
    char text[256];

    check_case("the environment is passed on, and added to");
    peer_set_variable("WEFT_ONE", "host's");
    peer_set_variable("WEFT_TWO", "host's");
    CHECK_STATUS(weft_process_spec_variable(spec, "WEFT_TWO", "a = b"),
                 WEFT_OK);
    (void)lead_out(spec, ends);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL), WEFT_OK);
    CHECK(end_of(&process).exit_code == 0);
    (void)read_rest(ends, text, sizeof(text));
    CHECK(strcmp(text, "host's\na = b\n-\n") == 0);

    check_case("or it is empty but for what is named");
    CHECK_STATUS(weft_process_spec_clean_environment(spec), WEFT_OK);
    (void)lead_out(spec, ends);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL), WEFT_OK);
    CHECK(end_of(&process).exit_code == 0);
    (void)read_rest(ends, text, sizeof(text));
    CHECK(strcmp(text, "-\na = b\n-\n") == 0);
    peer_set_variable("WEFT_ONE", NULL);
    peer_set_variable("WEFT_TWO", NULL);
    weft_process_spec_close(&spec);
}

/* --------------------------------------------------------------- nobody --- */

static void check_trees(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_handle ends[2];
    char text[64];

    check_case("who outlives the program ends with it");
    (void)lead_out(spec, ends);
    process = start(spec, "--leave", "2");
    CHECK(end_of(&process).exit_code == 3);
    (void)read_rest(ends, text, sizeof(text)); /* for which it has to end */

    check_case("so do all when it is killed");
    (void)lead_out(spec, ends);
    process = start(spec, "--spawn", "2");
    CHECK_STATUS(weft_process_kill(process), WEFT_OK);
    CHECK(end_of(&process).reason == WEFT_REASON_CANCELLED);
    (void)read_rest(ends, text, sizeof(text));

    check_case("or closed");
    (void)lead_out(spec, ends);
    process = start(spec, "--spawn", "1");
    weft_process_close(&process);
    (void)read_rest(ends, text, sizeof(text));

    check_case("what runs goes on when its spec is closed");
    CHECK_STATUS(
        weft_process_spec_stream(spec, 1, WEFT_STREAM_NULL, WEFT_HANDLE_NONE),
        WEFT_OK);
    process = start(spec, "--sleep", NULL);
    weft_process_spec_close(&spec);
    CHECK_STATUS(weft_process_kill(process), WEFT_OK);
    CHECK(end_of(&process).reason == WEFT_REASON_CANCELLED);
}

struct host {
    weft_handle output;
    peer_gate ready;
};

/* A host that does not end its tree. */
static void be_host(void *context)
{
    const struct host *host = context;
    weft_process_spec *spec = new_spec();

    CHECK_STATUS(
        weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE, host->output),
        WEFT_OK);
    (void)start(spec, "--spawn", "1");
    peer_gate_open(&host->ready);
    peer_await_kill();
}

static void check_host(void)
{
    weft_handle ends[2];
    struct host host;
    peer_process child;
    char text[64];

    check_case("a tree ends when its host is killed");
    helped_pipe(ends);
    host.output = ends[1];
    peer_gate_init(&host.ready);
    peer_pass(ends[1]);
    child = peer_run(be_host, &host, sizeof(host));
    CHECK(peer_gate_pass(&host.ready));
    peer_kill(&child);
    (void)read_rest(ends, text, sizeof(text));
    peer_gate_deinit(&host.ready);
}

/* --------------------------------------------------------------- limits --- */

static weft_process_result run_limited(weft_fence fence, uint64_t soft,
                                       uint64_t hard, const char *role,
                                       const char *more)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_process_result result;

    CHECK_STATUS(weft_process_spec_limit(spec, fence, soft, hard, WEFT_REQUIRE),
                 WEFT_OK);
    CHECK_STATUS(
        weft_process_spec_stream(spec, 1, WEFT_STREAM_NULL, WEFT_HANDLE_NONE),
        WEFT_OK);
    process = start(spec, role, more);
    result = end_of(&process);
    weft_process_spec_close(&spec);
    CHECK((result.exceeded >> fence & 1) != 0);
    return result;
}

static void check_limits(void)
{
    weft_process_result result;

    check_case("the limit of time by the clock ends it");
    result = run_limited(WEFT_FENCE_WALL, 0, 100 * PEER_MS, "--spawn", "1");
    CHECK(result.reason == WEFT_REASON_WALL && result.was_killed);
    CHECK(result.usage.wall_ns >= 100 * PEER_MS);

    check_case("so does that of CPU time");
    result = run_limited(WEFT_FENCE_CPU, 0, 100 * PEER_MS, "--burn", NULL);
    CHECK(result.reason == WEFT_REASON_CPU && result.was_killed);
    CHECK((result.usage.valid & WEFT_USAGE_CPU) != 0);
    CHECK(result.usage.cpu_ns >= 100 * PEER_MS);

    if (!CHECK_SANITIZED) { /* whose shadow is more than that */
        check_case("and of memory");
        result = run_limited(WEFT_FENCE_MEMORY, 0, 64 * MIB, "--eat", NULL);
        CHECK(result.reason == WEFT_REASON_MEMORY);
    }

    check_case("and of time without output");
    result = run_limited(WEFT_FENCE_IDLE, 0, 700 * PEER_MS, "--say", "1");
    CHECK(result.reason == WEFT_REASON_IDLE && result.was_killed);
    CHECK(result.usage.output_bytes == 10);

    check_case("with a soft value it is told before");
    result = run_limited(WEFT_FENCE_WALL, 20 * PEER_MS, 100 * PEER_MS,
                         "--sleep", NULL);
    CHECK(result.signal_number == 9 || result.signal_number == 15);
}

static void check_processes(void)
{
    weft_process_spec *spec = new_spec();
    weft_process_result result;
    weft_process *process;
    weft_handle ends[2];
    char text[64];
    char count[8];

    check_case("more processes than allowed are refused, or end the tree");
    (void)snprintf(count, sizeof(count), "%u", SPAWNED);
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_PROCESSES, 0, 4, WEFT_REQUIRE),
        WEFT_OK);
    (void)lead_out(spec, ends);
    process = start(spec, "--spawn", count);
    result = end_of(&process);
    CHECK((result.exceeded >> WEFT_FENCE_PROCESSES & 1) != 0);
    CHECK(result.reason == WEFT_REASON_PROCESSES || result.exit_code == 8);
    (void)read_rest(ends, text, sizeof(text));
    weft_process_spec_close(&spec);
}

static void check_output(void)
{
    weft_process_spec *spec = new_spec();
    weft_process_result result;
    weft_process *process;
    weft_handle ends[2];
    char text[64];

    check_case("output is passed on to the last byte that is allowed");
    CHECK_STATUS(
        weft_process_spec_limit(spec, WEFT_FENCE_OUTPUT, 0, 25, WEFT_REQUIRE),
        WEFT_OK);
    (void)lead_out(spec, ends);
    process = start(spec, "--say", "100");
    result = end_of(&process);
    CHECK(result.reason == WEFT_REASON_OUTPUT && result.was_killed);
    CHECK(result.usage.output_bytes > 25);
    CHECK(read_rest(ends, text, sizeof(text)) == 25);
    CHECK(strcmp(text, "0123456789012345678901234") == 0);

    check_case("what is below passes whole");
    CHECK_STATUS(weft_process_spec_limit(spec, WEFT_FENCE_OUTPUT, 0, 1000000,
                                         WEFT_REQUIRE),
                 WEFT_OK);
    (void)lead_out(spec, ends);
    process = start(spec, "--variables", "WEFT_NONE");
    result = end_of(&process);
    CHECK(result.reason == WEFT_REASON_EXITED);
    CHECK(read_rest(ends, text, sizeof(text)) == 2);
    weft_process_spec_close(&spec);
}

/* -------------------------------------------------------------- channel --- */

static void check_channel(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_channel *channel;
    char text[64] = "";
    size_t bytes = 0;

    check_case("a program talks over the channel that it was given");
    CHECK_STATUS(weft_process_spec_channel(spec, NULL), WEFT_OK);
    process = start(spec, "--echo", NULL);
    channel = weft_process_channel(process);
    REQUIRE(channel != NULL);
    for (unsigned i = 0; i < 20; i++) {
        CHECK_STATUS(weft_channel_send(channel, "hello", 5), WEFT_OK);
        CHECK_STATUS(weft_channel_recv_until(channel, text, sizeof(text),
                                             &bytes, peer_soon()),
                     WEFT_OK);
        CHECK(bytes == 5 && memcmp(text, "hello", 5) == 0);
    }
    channel = weft_process_take_channel(process);
    weft_channel_close(&channel);
    CHECK(end_of(&process).exit_code == 5);

    check_case("and one that is killed is a dead peer");
    process = start(spec, "--echo", NULL);
    channel = weft_process_channel(process);
    CHECK_STATUS(weft_channel_send(channel, "hello", 5), WEFT_OK);
    CHECK_STATUS(weft_channel_recv_until(channel, text, sizeof(text), &bytes,
                                         peer_soon()),
                 WEFT_OK);
    CHECK_STATUS(weft_process_kill(process), WEFT_OK);
    CHECK_STATUS(weft_channel_recv_until(channel, text, sizeof(text), &bytes,
                                         peer_soon()),
                 WEFT_EPEERDIED);
    CHECK(end_of(&process).reason == WEFT_REASON_CANCELLED);
    weft_process_spec_close(&spec);
}

/* ------------------------------------------------------------- refusals --- */

static void check_refusals(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};
    char none[] = "./weft-nonesuch/program";
    char *arguments[] = {none, NULL};

    check_case("a program that is not there is told, and nothing runs");
    CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                 WEFT_ENOENT);
    CHECK(process == NULL && detail.os_code != 0);
    CHECK(strcmp(detail.operation, "execute the program") == 0);

    check_case("a working directory that is not there is refused");
    CHECK_STATUS(weft_process_spec_directory(spec, "./weft-nonesuch"), WEFT_OK);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                 WEFT_ENOENT);
    weft_process_spec_close(&spec);

    check_case("so is a helper that is not there");
    spec = new_spec();
    arguments[0] = (char *)(uintptr_t)helped_self();
    CHECK_STATUS(weft_process_spec_helper(spec, none), WEFT_OK);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, &detail),
                 WEFT_ENOENT);
    CHECK(strstr(detail.operation, "weft-helper") != NULL);
    weft_process_spec_close(&spec);
}

static void check_usage(void)
{
    weft_process_spec *spec = new_spec();
    weft_process *process;
    weft_usage usage = {.size = sizeof(usage)};
    weft_enforcement rows[WEFT_FENCE_COUNT];
    size_t count = 0;

    check_case("usage is told while it runs");
    process = start(spec, "--sleep", NULL);
    CHECK_STATUS(weft_process_usage(process, &usage), WEFT_OK);
    CHECK((usage.valid & WEFT_USAGE_WALL) != 0);
    CHECK((usage.valid & WEFT_USAGE_MEMORY) != 0 && usage.memory_bytes > 0);
    CHECK(weft_process_enforcement(process, &count) != NULL);
    CHECK(count == WEFT_FENCE_COUNT);
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
    weft_process_spec_close(&spec);
}

void test_main(void)
{
    int code = act(check_arguments);

    if (code >= 0) {
        (void)fflush(stdout);
        exit(code);
    }
    check_ends();
    check_many();
    check_arguments_pass();
    check_variables();
    check_trees();
    check_host();
    check_limits();
    if (!CHECK_SANITIZED) { /* whose search for leaks takes a process more */
        check_processes();
    }
    check_output();
    check_channel();
    check_refusals();
    check_usage();
}
