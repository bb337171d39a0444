/* SPDX-License-Identifier: MIT
 *
 * weft bench sync - measures weft's synchronisation objects beside those of the
 * system, in interleaved rounds; see docs/benchmarks.md.
 */
#include <stdlib.h>

#include "bench_cpus.h"
#include "bench_options.h"
#include "bench_sync.h"
#include "bench_sys.h"

#define COUNT_MOST UINT64_C(100000000)
#define HOLD_MOST UINT64_C(1000000000)

/*
 * Longer than anybody looks before it sleeps: so the hand-over is one to a
 * sleeper. Weft looks for some 30 us.
 */
#define HOLD_DEFAULT 50000

typedef struct sync_values {
    bool tests[SYNC_TESTS];
    bool families[SYNC_FAMILIES_MOST]; /* by their place in the table */
    uint64_t count;                    /* 0: the default */
    uint64_t rounds;
    uint64_t hold_ns;
    bench_cpus cpus;
    bool json;
} sync_values;

/* -------------------------------------------------------------- options --- */

static const char *test_name_at(size_t place)
{
    return sync_test_texts[place].name;
}

static const char *take_test(void *place, const char *argument)
{
    sync_values *values = place;

    return bench_choose(values->tests, SYNC_TESTS, test_name_at, argument)
               ? NULL
               : "is not a test";
}

static const char *family_name_at(size_t place)
{
    return sync_families[place]->name;
}

static const char *take_object(void *place, const char *argument)
{
    sync_values *values = place;

    return bench_choose(values->families, sync_family_count, family_name_at,
                        argument)
               ? NULL
               : "is not an object on this system";
}

static const char *take_pin(void *place, const char *argument)
{
    sync_values *values = place;

    return bench_cpus_parse(&values->cpus, argument);
}

static const tool_option options[] = {
    {.name = "test",
     .letter = 't',
     .kind = TOOL_CALL,
     .label = "lock|contended|handover|condition|post|semaphore",
     .call = take_test,
     .help = "measure this; may be repeated (default: all)"},
    {.name = "object",
     .letter = 'o',
     .kind = TOOL_CALL,
     .label = "weft|robust|pthread|sem|raw",
     .call = take_object,
     .help = "measure these; may be repeated (default: all; only weft on "
             "Windows and macOS)"},
    BENCH_OPTION_COUNT(
        sync_values, COUNT_MOST,
        "how often in each round (default: about a tenth of a second)"),
    BENCH_OPTION_ROUNDS(sync_values,
                        "rounds of each object, interleaved (default 5)"),
    {.name = "hold",
     .kind = TOOL_DURATION,
     .offset = offsetof(sync_values, hold_ns),
     .label = "DURATION",
     .most = HOLD_MOST,
     .help = "handover: how long the lock is held while the other side waits "
             "(default 50us)"},
    BENCH_OPTION_PIN(take_pin),
    BENCH_OPTION_JSON(sync_values,
                      "print one JSON object a line for each test and object"),
};

static const tool_syntax syntax = {
    .command = "bench sync",
    .usage = "[options]",
    .about = "Measures synchronisation objects that two processes share.\n"
             "'robust' and 'pthread' are the system's mutexes, 'sem' its "
             "semaphore, and\n'raw' is the least code over a futex.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* ------------------------------------------------------------ measuring --- */

static uint64_t default_count(sync_test test)
{
    static const uint64_t counts[SYNC_TESTS] = {
        [SYNC_LOCK] = 2000000,  [SYNC_CONTENDED] = 500000,
        [SYNC_HANDOVER] = 1000, [SYNC_CONDITION] = 10000,
        [SYNC_POST] = 2000000,  [SYNC_SEMAPHORE] = 10000,
    };

    return counts[test];
}

/* What the rounds of one test are about. */
typedef struct sync_run {
    sync_case test;
    sync_series series[SYNC_FAMILIES_MOST];
} sync_run;

static bool run_turn(void *context, size_t index, size_t round)
{
    sync_run *run = context;
    sync_series *next = &run->series[index];

    return sync_round(next->family, &run->test, &next->results[round]);
}

/* The families that have the test, and were asked for. */
static size_t choose_series(const sync_values *values, sync_test test,
                            sync_series *series)
{
    size_t count = 0;

    for (size_t i = 0; i < sync_family_count; i++) {
        if (values->families[i] &&
            (sync_families[i]->tests & 1u << test) != 0) {
            series[count++].family = sync_families[i];
        }
    }
    return count;
}

static bool run_test(const sync_values *values, sync_test which)
{
    sync_run run = {
        .test = {.test = which,
                 .count =
                     values->count != 0 ? values->count : default_count(which),
                 .hold_ns = values->hold_ns,
                 .cpus = {values->cpus.numbers[0], values->cpus.numbers[1]}}};
    size_t rounds = (size_t)values->rounds;
    size_t count = choose_series(values, which, run.series);
    bool done = true;

    for (size_t i = 0; i < count && done; i++) {
        run.series[i].results = bench_allocate(rounds, sizeof(sync_result));
        done = run.series[i].results != NULL;
    }
    done = done &&
           (count == 0 ||
            (bench_take_turns(count, rounds, run_turn, &run) &&
             sync_print(run.series, count, &run.test, rounds, values->json)));
    for (size_t i = 0; i < count; i++) {
        free(run.series[i].results);
    }
    return done;
}

int cmd_bench_sync(int argc, char **argv)
{
    sync_values values = {.rounds = BENCH_ROUNDS_DEFAULT,
                          .hold_ns = HOLD_DEFAULT};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (!bench_sys_supported) {
        tool_error("bench: not supported on this system");
        return TOOL_FAILED;
    }
    bench_cpus_choose(&values.cpus);
    bench_choose_default(values.tests, SYNC_TESTS);
    bench_choose_default(values.families, sync_family_count);
    for (size_t i = 0; i < SYNC_TESTS; i++) {
        if (values.tests[i] && !run_test(&values, (sync_test)i)) {
            return TOOL_FAILED;
        }
    }
    return TOOL_OK;
}
