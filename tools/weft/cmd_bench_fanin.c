/* SPDX-License-Identifier: MIT
 *
 * weft bench fanin - measures one server that many clients call, beside a Unix
 * socket, in interleaved rounds; see docs/benchmarks.md.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_fanin.h"
#include "bench_sys.h"
#include "sys.h"

#define COUNT_MOST UINT64_C(100000000)
#define ROUNDS_MOST 1000
#define TIME_LEAST UINT64_C(1000000)
#define TIME_MOST UINT64_C(600000000000)

#define CLIENTS_DEFAULT 64
#define SIZE_DEFAULT 64
#define DURATION_DEFAULT UINT64_C(500000000)

typedef struct fanin_values {
    bool transports[FANIN_TRANSPORTS_MOST]; /* by their place in the table */
    uint64_t clients;
    uint64_t size_bytes;
    uint64_t count;       /* 0: by time */
    uint64_t duration_ns; /* 0: the default, or by count */
    uint64_t rounds;
    int wait;
    uint64_t idle_ns;
    bool json;
} fanin_values;

/* -------------------------------------------------------------- options --- */

static const char *take_transport(void *place, const char *argument)
{
    fanin_values *values = place;

    for (size_t i = 0; i < fanin_transport_count; i++) {
        if (strcmp(fanin_transports[i]->name, argument) == 0) {
            values->transports[i] = true;
            return NULL;
        }
    }
    return "is not a transport of this benchmark on this system";
}

static const tool_option options[] = {
    {.name = "clients",
     .letter = 'c',
     .kind = TOOL_COUNT,
     .offset = offsetof(fanin_values, clients),
     .label = "N",
     .least = 1,
     .most = FANIN_CLIENTS_MOST,
     .help = "client processes, 1 to 4096 (default 64)"},
    {.name = "transport",
     .letter = 't',
     .kind = TOOL_CALL,
     .label = "weft|uds",
     .call = take_transport,
     .help = "measure this one; may be repeated (default: all; uds is not "
             "on Windows)"},
    {.name = "size",
     .letter = 's',
     .kind = TOOL_SIZE,
     .offset = offsetof(fanin_values, size_bytes),
     .label = "SIZE",
     .least = 1,
     .most = FANIN_SIZE_MOST,
     .help = "bytes of a request, and of its answer, 1 to 64K (default 64)"},
    {.name = "duration",
     .letter = 'd',
     .kind = TOOL_DURATION,
     .offset = offsetof(fanin_values, duration_ns),
     .label = "DURATION",
     .least = TIME_LEAST,
     .most = TIME_MOST,
     .help = "how long each round is timed (default 500ms)"},
    {.name = "count",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(fanin_values, count),
     .label = "N",
     .least = 1,
     .most = COUNT_MOST,
     .help = "calls of each client in a round, instead of a duration"},
    {.name = "rounds",
     .letter = 'r',
     .kind = TOOL_COUNT,
     .offset = offsetof(fanin_values, rounds),
     .label = "N",
     .least = 1,
     .most = ROUNDS_MOST,
     .help = "rounds of each transport, interleaved (default 5)"},
    {.name = "wait",
     .letter = 'w',
     .kind = TOOL_CHOICE,
     .offset = offsetof(fanin_values, wait),
     .label = "spin|adaptive|block",
     .choices = tool_wait_modes,
     .help = "weft: how each side waits (default adaptive)"},
    {.name = "idle",
     .kind = TOOL_DURATION,
     .offset = offsetof(fanin_values, idle_ns),
     .label = "DURATION",
     .least = TIME_LEAST,
     .most = TIME_MOST,
     .help = "also measure what CPU time the server uses in this time while "
             "all clients are idle, in the first round"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(fanin_values, json),
     .help = "print one JSON object a line for each transport"},
};

static const tool_syntax syntax = {
    .command = "bench fanin",
    .usage = "[options]",
    .about = "Measures one server process that many client processes call as "
             "fast as they can,\nwhat each of them needs, and how fair the "
             "server is.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* ------------------------------------------------------------ measuring --- */

/* The transports that were asked for; all of them by default. */
static size_t choose_series(const fanin_values *values, fanin_series *series)
{
    bool all = true;
    size_t count = 0;

    for (size_t i = 0; i < fanin_transport_count; i++) {
        all = all && !values->transports[i];
    }
    for (size_t i = 0; i < fanin_transport_count; i++) {
        if (all || values->transports[i]) {
            series[count++].transport = fanin_transports[i];
        }
    }
    return count;
}

/* A line on the terminal about what is going on; NULL wipes it. */
static void show(const char *name, size_t round, size_t rounds)
{
    if (!sys_stderr_is_terminal()) {
        return;
    }
    if (name == NULL) {
        fprintf(stderr, "%40s\r", "");
    } else {
        fprintf(stderr, "round %zu of %zu: %-10s\r", round + 1, rounds, name);
    }
    fflush(stderr);
}

/* Round by round, all transports; each round begins with another one. */
static bool run_rounds(const fanin_case *test, size_t rounds,
                       fanin_series *series, size_t count)
{
    fanin_case next_test = *test;

    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            fanin_series *next = &series[(round + i) % count];

            show(next->transport->name, round, rounds);
            if (!fanin_round(next->transport, &next_test,
                             &next->results[round])) {
                return false;
            }
        }
        next_test.idle_ns = 0; /* silence is the same in all rounds */
    }
    return true;
}

static bool allocate(fanin_series *series, size_t count, size_t rounds)
{
    bool done = true;

    for (size_t i = 0; i < count; i++) {
        series[i].results = calloc(rounds, sizeof(fanin_result));
        done = done && series[i].results != NULL;
    }
    if (!done) {
        tool_error("bench: out of memory");
    }
    return done;
}

static bool run(const fanin_values *values)
{
    fanin_series series[FANIN_TRANSPORTS_MOST] = {0};
    size_t rounds = (size_t)values->rounds;
    size_t count = choose_series(values, series);
    fanin_case test = {.clients = (unsigned)values->clients,
                       .size_bytes = (size_t)values->size_bytes,
                       .wait = (weft_wait)values->wait,
                       .count = values->count,
                       .duration_ns = values->duration_ns != 0
                                          ? values->duration_ns
                                          : DURATION_DEFAULT,
                       .idle_ns = values->idle_ns};
    bool done = allocate(series, count, rounds) &&
                run_rounds(&test, rounds, series, count);

    show(NULL, 0, 0);
    done = done && fanin_print(series, count, &test, rounds, values->json);
    for (size_t i = 0; i < count; i++) {
        free(series[i].results);
    }
    return done;
}

/* What can't be measured as asked. Returns TOOL_OK or TOOL_USAGE. */
static int check_values(const fanin_values *values)
{
    size_t cpus = bench_sys_cpus(NULL, 0);

    if (values->count != 0 && values->duration_ns != 0) {
        return tool_usage_error(
            "bench fanin",
            "a round has either '--count' or '--duration', not both");
    }
    if (values->wait == WEFT_WAIT_SPIN && values->clients >= cpus) {
        return tool_usage_error("bench fanin",
                                "%llu clients and a server that spin need a "
                                "CPU each; there are %zu",
                                (unsigned long long)values->clients, cpus);
    }
    return TOOL_OK;
}

int cmd_bench_fanin(int argc, char **argv)
{
    fanin_values values = {.clients = CLIENTS_DEFAULT,
                           .size_bytes = SIZE_DEFAULT,
                           .rounds = 5,
                           .wait = WEFT_WAIT_ADAPTIVE};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (!bench_sys_supported) {
        tool_error("bench: not supported on this system");
        return TOOL_FAILED;
    }
    exit_code = check_values(&values);
    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    return run(&values) ? TOOL_OK : TOOL_FAILED;
}
