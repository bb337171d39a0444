/* SPDX-License-Identifier: MIT
 *
 * weft bench fanin - measures one server that many clients call, beside a Unix
 * socket, in interleaved rounds; see docs/benchmarks.md.
 */
#include <stdlib.h>

#include "bench_fanin.h"
#include "bench_options.h"
#include "bench_sys.h"

#define COUNT_MOST UINT64_C(100000000)

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

static const char *name_at(size_t place)
{
    return fanin_transports[place]->name;
}

static const char *take_transport(void *place, const char *argument)
{
    fanin_values *values = place;

    return bench_choose(values->transports, fanin_transport_count, name_at,
                        argument)
               ? NULL
               : "is not a transport of this benchmark on this system";
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
    BENCH_OPTION_DURATION(fanin_values,
                          "how long each round is timed (default 500ms)"),
    BENCH_OPTION_COUNT(
        fanin_values, COUNT_MOST,
        "calls of each client in a round, instead of a duration"),
    BENCH_OPTION_ROUNDS(fanin_values,
                        "rounds of each transport, interleaved (default 5)"),
    BENCH_OPTION_WAIT(fanin_values,
                      "weft: how each side waits (default adaptive)"),
    BENCH_OPTION_IDLE(
        fanin_values,
        "also measure what CPU time the server uses in this time while all "
        "clients are idle, in the first round"),
    BENCH_OPTION_JSON(fanin_values,
                      "print one JSON object a line for each transport"),
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

/* What the rounds are about. */
typedef struct fanin_run {
    fanin_case test;
    fanin_series series[FANIN_TRANSPORTS_MOST];
    size_t rounds;
} fanin_run;

/* Silence is the same in all rounds: it is measured in the first. */
static bool run_turn(void *context, size_t index, size_t round)
{
    fanin_run *run = context;
    fanin_series *next = &run->series[index];
    fanin_case test = run->test;

    if (round > 0) {
        test.idle_ns = 0;
    }
    bench_show(next->transport->name, round, run->rounds);
    return fanin_round(next->transport, &test, &next->results[round]);
}

static bool run(const fanin_values *values)
{
    fanin_run all = {.test = {.clients = (unsigned)values->clients,
                              .size_bytes = (size_t)values->size_bytes,
                              .wait = (weft_wait)values->wait,
                              .count = values->count,
                              .duration_ns = values->duration_ns != 0
                                                 ? values->duration_ns
                                                 : DURATION_DEFAULT,
                              .idle_ns = values->idle_ns},
                     .rounds = (size_t)values->rounds};
    size_t count = 0;
    bool done = true;

    for (size_t i = 0; i < fanin_transport_count && done; i++) {
        if (values->transports[i]) {
            all.series[count].transport = fanin_transports[i];
            all.series[count].results =
                bench_allocate(all.rounds, sizeof(fanin_result));
            done = all.series[count++].results != NULL;
        }
    }
    done = done && bench_take_turns(count, all.rounds, run_turn, &all) &&
           fanin_print(all.series, count, &all.test, all.rounds, values->json);
    for (size_t i = 0; i < count; i++) {
        free(all.series[i].results);
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
                           .rounds = BENCH_ROUNDS_DEFAULT,
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
    bench_choose_default(values.transports, fanin_transport_count);
    exit_code = check_values(&values);
    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    return run(&values) ? TOOL_OK : TOOL_FAILED;
}
