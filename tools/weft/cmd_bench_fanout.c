/* SPDX-License-Identifier: MIT
 *
 * weft bench fanout - measures one publisher with many subscribers, beside what
 * is done by hand, in interleaved rounds; see docs/benchmarks.md.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_fanout.h"
#include "bench_options.h"
#include "bench_sys.h"

#define COUNT_MOST UINT64_C(1000000000)
#define PACED_MOST UINT64_C(1000000)
#define PACE_MOST UINT64_C(1000000000)
#define NUMBERS_MOST 8

#define SUBSCRIBERS_DEFAULT 8
#define SIZE_DEFAULT 64
#define DURATION_DEFAULT UINT64_C(200000000)
#define PACED_DEFAULT 200
#define PACE_DEFAULT UINT64_C(1000000)

typedef struct fanout_values {
    bool transports[FANOUT_TRANSPORTS_MOST]; /* by their place in the table */
    unsigned subscribers[NUMBERS_MOST];
    size_t number_count; /* of these */
    uint64_t size_bytes;
    uint64_t count;       /* 0: by time */
    uint64_t duration_ns; /* 0: the default, or by count */
    uint64_t paced;
    uint64_t pace_ns;
    uint64_t rounds;
    int wait;
    uint64_t idle_ns;
    bool json;
} fanout_values;

/* -------------------------------------------------------------- options --- */

static const char *name_at(size_t place)
{
    return fanout_transports[place]->name;
}

static const char *take_transport(void *place, const char *argument)
{
    fanout_values *values = place;

    return bench_choose(values->transports, fanout_transport_count, name_at,
                        argument)
               ? NULL
               : "is not a transport of this benchmark on this system";
}

/* The number up to the next comma, which `*text` then is behind of. */
static const char *take_number(fanout_values *values, const char **text)
{
    size_t length = strcspn(*text, ",");
    char word[24];
    uint64_t number;

    if (length >= sizeof(word)) {
        return "is not a list of numbers";
    }
    memcpy(word, *text, length);
    word[length] = '\0';
    *text += length;
    if (!tool_parse_count(word, &number)) {
        return "is not a list of numbers";
    }
    if (number < 1 || number > FANOUT_SUBSCRIBERS_MOST) {
        return "has a number that is not one of 1 to 4096";
    }
    if (values->number_count == NUMBERS_MOST) {
        return "has more than 8 numbers";
    }
    values->subscribers[values->number_count++] = (unsigned)number;
    return NULL;
}

static const char *take_subscribers(void *place, const char *argument)
{
    fanout_values *values = place;
    const char *text = argument;
    const char *fault = take_number(values, &text);

    while (fault == NULL && *text == ',') {
        text++;
        fault = take_number(values, &text);
    }
    return fault;
}

static const tool_option options[] = {
    {.name = "subscribers",
     .letter = 'c',
     .kind = TOOL_CALL,
     .label = "N[,N...]",
     .call = take_subscribers,
     .help = "subscriber processes, 1 to 4096 (default 8); several numbers "
             "take turns, and are compared with the first one"},
    {.name = "transport",
     .letter = 't',
     .kind = TOOL_CALL,
     .label = "weft|reliable|raw|uds|pipe",
     .call = take_transport,
     .help = "measure this one; may be repeated (default: all; raw is on "
             "Linux only, uds and pipe are not on Windows)"},
    {.name = "size",
     .letter = 's',
     .kind = TOOL_SIZE,
     .offset = offsetof(fanout_values, size_bytes),
     .label = "SIZE",
     .least = FANOUT_SIZE_LEAST,
     .most = FANOUT_SIZE_MOST,
     .help = "bytes of a message, 24 to 64K (default 64)"},
    BENCH_OPTION_DURATION(fanout_values,
                          "how long each flood lasts (default 200ms)"),
    BENCH_OPTION_COUNT(fanout_values, COUNT_MOST,
                       "messages of a flood, instead of a duration"),
    {.name = "paced",
     .kind = TOOL_COUNT,
     .offset = offsetof(fanout_values, paced),
     .label = "N",
     .least = 1,
     .most = PACED_MOST,
     .help = "single messages in each round (default 200)"},
    {.name = "pace",
     .kind = TOOL_DURATION,
     .offset = offsetof(fanout_values, pace_ns),
     .label = "DURATION",
     .most = PACE_MOST,
     .help = "silence before each of them (default 1ms)"},
    BENCH_OPTION_ROUNDS(fanout_values,
                        "rounds of each transport, interleaved (default 5)"),
    BENCH_OPTION_WAIT(fanout_values,
                      "weft, raw: how each side waits (default adaptive)"),
    BENCH_OPTION_IDLE(
        fanout_values,
        "also measure what CPU time the publisher uses in this time while all "
        "subscribers sleep, in the first round"),
    BENCH_OPTION_JSON(fanout_values,
                      "print one JSON object a line for each transport and "
                      "number of subscribers"),
};

static const tool_syntax syntax = {
    .command = "bench fanout",
    .usage = "[options]",
    .about = "Measures one publisher process with many subscriber processes: a "
             "flood of\nmessages, and single ones. 'weft' has lossy "
             "subscribers, 'reliable' is weft with\nreliable ones, and 'raw' "
             "is the least code that does what 'weft' does.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* ------------------------------------------------------------ measuring --- */

/* What the rounds are about. */
typedef struct fanout_run {
    fanout_series series[FANOUT_TRANSPORTS_MOST * NUMBERS_MOST];
    size_t count;
    size_t rounds;
} fanout_run;

/* Silence is the same in all rounds: it is measured in the first. */
static bool run_turn(void *context, size_t index, size_t round)
{
    fanout_run *all = context;
    fanout_series *next = &all->series[index];
    fanout_case test = next->test;

    if (round > 0) {
        test.idle_ns = 0;
    }
    bench_show(next->transport->name, round, all->rounds);
    return fanout_round(next->transport, &test, &next->results[round]);
}

static fanout_case make_case(const fanout_values *values, unsigned subscribers)
{
    return (fanout_case){.subscribers = subscribers,
                         .size_bytes = (size_t)values->size_bytes,
                         .wait = (weft_wait)values->wait,
                         .count = values->count,
                         .duration_ns = values->duration_ns != 0
                                            ? values->duration_ns
                                            : DURATION_DEFAULT,
                         .paced = values->paced,
                         .pace_ns = values->pace_ns,
                         .idle_ns = values->idle_ns};
}

/* One transport with each number of subscribers. */
static bool add_series(fanout_run *all, const fanout_values *values,
                       const fanout_transport *transport)
{
    const fanout_series *first = &all->series[all->count];

    for (size_t i = 0; i < values->number_count; i++) {
        fanout_series *next = &all->series[all->count++];

        next->transport = transport;
        next->test = make_case(values, values->subscribers[i]);
        next->first = first;
        next->results = bench_allocate(all->rounds, sizeof(fanout_result));
        if (next->results == NULL) {
            return false;
        }
    }
    return true;
}

static bool run(const fanout_values *values)
{
    fanout_run all = {.rounds = (size_t)values->rounds};
    bool done = true;

    for (size_t i = 0; i < fanout_transport_count && done; i++) {
        done = !values->transports[i] ||
               add_series(&all, values, fanout_transports[i]);
    }
    done = done && bench_take_turns(all.count, all.rounds, run_turn, &all) &&
           fanout_print(all.series, all.count, all.rounds, values->json);
    for (size_t i = 0; i < all.count; i++) {
        free(all.series[i].results);
    }
    return done;
}

/* What can't be measured as asked. Returns TOOL_OK or TOOL_USAGE. */
static int check_values(const fanout_values *values)
{
    size_t cpus = bench_sys_cpus(NULL, 0);

    if (values->count != 0 && values->duration_ns != 0) {
        return tool_usage_error(
            "bench fanout",
            "a flood has either '--count' or '--duration', not both");
    }
    for (size_t i = 0; i < values->number_count; i++) {
        if (values->wait == WEFT_WAIT_SPIN && values->subscribers[i] >= cpus) {
            return tool_usage_error(
                "bench fanout",
                "%u subscribers that spin and a publisher need a CPU each; "
                "there are %zu",
                values->subscribers[i], cpus);
        }
    }
    return TOOL_OK;
}

int cmd_bench_fanout(int argc, char **argv)
{
    fanout_values values = {.size_bytes = SIZE_DEFAULT,
                            .paced = PACED_DEFAULT,
                            .pace_ns = PACE_DEFAULT,
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
    if (values.number_count == 0) {
        values.subscribers[values.number_count++] = SUBSCRIBERS_DEFAULT;
    }
    bench_choose_default(values.transports, fanout_transport_count);
    exit_code = check_values(&values);
    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    return run(&values) ? TOOL_OK : TOOL_FAILED;
}
