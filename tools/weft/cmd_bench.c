/* SPDX-License-Identifier: MIT
 *
 * weft bench - measures weft beside the limit of this machine and beside what
 * programs use today.
 *
 * The rounds of the transports are interleaved, because the machine changes
 * under our feet, and each round is also paired with the limit ("raw") of the
 * same round. See docs/benchmarks.md.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_cpus.h"
#include "bench_options.h"
#include "bench_report.h"
#include "bench_round.h"
#include "bench_sys.h"

#define SIZES_MOST 16
#define SIZE_MOST (UINT64_C(64) << 20)
#define COUNT_MOST UINT64_C(1000000000)
#define PACE_MOST UINT64_C(60000000000)

/* Defaults of --count; a round takes about a tenth of a second of them. */
#define RTT_COUNT 100000
#define RTT_BYTES (UINT64_C(512) << 20)
#define RTT_COUNT_ASLEEP 20000
#define RTT_COUNT_PACED 500
#define STREAM_COUNT 8000000
#define STREAM_BYTES (UINT64_C(4) << 30)
#define STREAM_SLOWER 8

#define SIZE_DEFAULT 64

/* The probe of the distance between the CPUs. */
#define PROBE_BYTES 64
#define PROBE_COUNT 2000

typedef struct bench_values {
    bool transports[BENCH_TRANSPORTS_MOST]; /* by their place in the table */
    size_t sizes[SIZES_MOST];
    size_t size_count;
    int wait;
    uint64_t count; /* 0: the default */
    uint64_t rounds;
    uint64_t pace_ns;
    bench_cpus cpus;
    uint64_t ring_bytes;
    bool zero_copy;
    bool json;
} bench_values;

/* -------------------------------------------------------------- options --- */

static const char *name_at(size_t place)
{
    return bench_transports[place]->name;
}

/* All that have arguments of their own see the whole struct. */
static const char *take_transport(void *place, const char *argument)
{
    bench_values *values = place;

    return bench_choose(values->transports, bench_transport_count, name_at,
                        argument)
               ? NULL
               : "is not a transport";
}

static const char *take_size(void *place, const char *argument)
{
    bench_values *values = place;
    uint64_t bytes;

    if (!tool_parse_size(argument, &bytes)) {
        return "is not a size";
    }
    if (bytes < 1) {
        return "is too small";
    }
    if (bytes > SIZE_MOST) {
        return "is too large";
    }
    if (values->size_count == SIZES_MOST) {
        return "is one size too many";
    }
    values->sizes[values->size_count++] = (size_t)bytes;
    return NULL;
}

static const char *take_pin(void *place, const char *argument)
{
    bench_values *values = place;

    return bench_cpus_parse(&values->cpus, argument);
}

static const tool_option options[] = {
    {.name = "transport",
     .letter = 't',
     .kind = TOOL_CALL,
     .label = "weft|raw|pipe|uds",
     .call = take_transport,
     .help = "measure this one; may be repeated (default: all; uds is not "
             "on Windows)"},
    {.name = "size",
     .letter = 's',
     .kind = TOOL_CALL,
     .label = "SIZE",
     .call = take_size,
     .help = "bytes of a message, 1 to 64M; may be repeated (default 64)"},
    BENCH_OPTION_WAIT(bench_values, "how each side waits (default adaptive)"),
    BENCH_OPTION_COUNT(
        bench_values, COUNT_MOST,
        "messages in each round (default: about a tenth of a second)"),
    BENCH_OPTION_ROUNDS(bench_values,
                        "rounds of each transport, interleaved (default 5)"),
    {.name = "pace",
     .kind = TOOL_DURATION,
     .offset = offsetof(bench_values, pace_ns),
     .label = "DURATION",
     .most = PACE_MOST,
     .help = "rtt: silence before each ping, so that the peer sleeps"},
    BENCH_OPTION_PIN(take_pin),
    {.name = "ring",
     .kind = TOOL_SIZE,
     .offset = offsetof(bench_values, ring_bytes),
     .label = "SIZE",
     .least = 1,
     .most = WEFT_MESSAGE_MAX,
     .help = "weft: how far the ring may grow (default: the library's)"},
    {.name = "zero-copy",
     .letter = 'z',
     .kind = TOOL_FLAG,
     .offset = offsetof(bench_values, zero_copy),
     .help = "weft, raw: write and read messages in shared memory"},
    BENCH_OPTION_JSON(bench_values,
                      "print one JSON object a line for each transport"),
};

static const tool_syntax syntax = {
    .command = "bench",
    .usage = "[options] rtt|throughput",
    .about =
        "Measures round trips, or the rate of a stream, between two "
        "processes.\n'raw' is the limit of this machine, which the others are "
        "compared with.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

/* ------------------------------------------------------------- defaults --- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t default_count(const bench_case *test, bool slow)
{
    uint64_t count;

    if (test->kind == BENCH_THROUGHPUT) {
        count = smaller(STREAM_COUNT, STREAM_BYTES / test->size_bytes);
        return slow ? count / STREAM_SLOWER : count;
    }
    if (test->pace_ns != 0) {
        return RTT_COUNT_PACED;
    }
    count = test->wait == WEFT_WAIT_BLOCK ? RTT_COUNT_ASLEEP : RTT_COUNT;
    return smaller(count, RTT_BYTES / test->size_bytes);
}

/* A tenth of the round; asleep, there is little to get warm. */
static uint64_t default_warmup(const bench_case *test)
{
    return test->pace_ns != 0 ? 10 : test->count / 10 + 1;
}

static bench_case make_case(const bench_values *values, bench_kind kind,
                            size_t size_bytes, const bench_transport *transport)
{
    bench_case test = {
        .kind = kind,
        .size_bytes = size_bytes,
        .wait = (weft_wait)values->wait,
        .count = values->count,
        .pace_ns = values->pace_ns,
        .cpus = {values->cpus.numbers[0], values->cpus.numbers[1]}};

    if (transport->has_ring) {
        test.ring_bytes = (size_t)values->ring_bytes;
    }
    if (transport->has_zero_copy) {
        test.zero_copy = values->zero_copy;
    }
    if (test.count == 0) {
        test.count = default_count(&test, transport->slow);
    }
    test.warmup = default_warmup(&test);
    return test;
}

/* ------------------------------------------------------------ measuring --- */

static const bench_transport *find_raw(void)
{
    for (size_t i = 0; i < bench_transport_count; i++) {
        if (strcmp(bench_transports[i]->name, "raw") == 0) {
            return bench_transports[i];
        }
    }
    return NULL;
}

/* The round trip of one line between the CPUs, both spinning. */
static bool probe(const bench_values *values, double *handover_ns)
{
    const bench_transport *raw = find_raw();
    bench_case test = {
        .kind = BENCH_RTT,
        .size_bytes = PROBE_BYTES,
        .wait = WEFT_WAIT_SPIN,
        .count = PROBE_COUNT,
        .warmup = PROBE_COUNT / 4,
        .zero_copy = true,
        .cpus = {values->cpus.numbers[0], values->cpus.numbers[1]}};
    bench_result result;

    *handover_ns = 0;
    if (raw == NULL || values->cpus.numbers[0] == values->cpus.numbers[1]) {
        return true;
    }
    if (!bench_round(raw, &test, &result)) {
        return false;
    }
    *handover_ns = result.p50_ns;
    return true;
}

/* What the rounds of one size are about. */
typedef struct bench_run {
    const bench_values *values;
    bench_series series[BENCH_TRANSPORTS_MOST];
    size_t count;
    double *handovers; /* one for each round */
} bench_run;

/* The first of each round is preceded by the probe. */
static bool run_turn(void *context, size_t index, size_t round)
{
    bench_run *run = context;
    bench_series *next = &run->series[index];

    if (index == round % run->count &&
        !probe(run->values, &run->handovers[round])) {
        return false;
    }
    bench_show(next->transport->name, round, run->values->rounds);
    return bench_round(next->transport, &next->test, &next->results[round]);
}

/* The transports that were asked for; all of them by default. */
static size_t choose_series(const bench_values *values, bench_kind kind,
                            size_t size_bytes, bench_series *series)
{
    size_t count = 0;

    for (size_t i = 0; i < bench_transport_count; i++) {
        if (values->transports[i]) {
            series[count].transport = bench_transports[i];
            series[count].test =
                make_case(values, kind, size_bytes, bench_transports[i]);
            count++;
        }
    }
    return count;
}

static bool allocate(bench_run *run, size_t rounds)
{
    bool done = true;

    run->handovers = bench_allocate(rounds, sizeof(*run->handovers));
    for (size_t i = 0; i < run->count && run->handovers != NULL; i++) {
        run->series[i].results = bench_allocate(rounds, sizeof(bench_result));
        done = done && run->series[i].results != NULL;
    }
    return done && run->handovers != NULL;
}

static bool tune(bench_series *series, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!bench_tune(series[i].transport, &series[i].test)) {
            return false;
        }
    }
    return true;
}

/* All that is measured of one size. */
static bool run_size(const bench_values *values, bench_kind kind,
                     size_t size_bytes)
{
    bench_run run = {.values = values};
    size_t rounds = (size_t)values->rounds;
    bool done;

    run.count = choose_series(values, kind, size_bytes, run.series);
    done =
        allocate(&run, rounds) && tune(run.series, run.count) &&
        bench_take_turns(run.count, rounds, run_turn, &run) &&
        bench_print(run.series, run.count, rounds, run.handovers, values->json);
    for (size_t i = 0; i < run.count; i++) {
        free(run.series[i].results);
    }
    free(run.handovers);
    return done;
}

/* --------------------------------------------------------------- driver --- */

static bool parse_kind(const char *word, bench_kind *kind)
{
    if (strcmp(word, "rtt") == 0) {
        *kind = BENCH_RTT;
        return true;
    }
    *kind = BENCH_THROUGHPUT;
    return strcmp(word, "throughput") == 0;
}

/* What can't be measured as asked. Returns TOOL_OK or TOOL_USAGE. */
static int check_values(const bench_values *values, const char *word,
                        bench_kind *kind)
{
    if (!parse_kind(word, kind)) {
        if (strcmp(word, "sync") == 0 || strcmp(word, "fanin") == 0 ||
            strcmp(word, "fanout") == 0) {
            return tool_usage_error("bench", "'%s' comes before its options",
                                    word);
        }
        return tool_usage_error("bench", "'%s' is neither rtt nor throughput",
                                word);
    }
    if ((values->ring_bytes & (values->ring_bytes - 1)) != 0) {
        return tool_usage_error("bench",
                                "the ring's size must be a power of two");
    }
    if (*kind == BENCH_THROUGHPUT && values->pace_ns != 0) {
        return tool_usage_error("bench", "option '--pace' is for rtt only");
    }
    if (values->wait == WEFT_WAIT_SPIN &&
        values->cpus.numbers[0] == values->cpus.numbers[1]) {
        return tool_usage_error(
            "bench", "two sides that spin need two CPUs; both have CPU %u",
            values->cpus.numbers[0]);
    }
    return TOOL_OK;
}

int cmd_bench(int argc, char **argv)
{
    bench_values values = {.wait = WEFT_WAIT_ADAPTIVE,
                           .rounds = BENCH_ROUNDS_DEFAULT};
    tool_operands operands;
    bench_kind kind;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (!bench_sys_supported) {
        tool_error("bench: not supported on this system");
        return TOOL_FAILED;
    }
    bench_choose_default(values.transports, bench_transport_count);
    bench_cpus_choose(&values.cpus);
    exit_code = check_values(&values, operands.items[0], &kind);
    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    if (values.size_count == 0) {
        values.sizes[values.size_count++] = SIZE_DEFAULT;
    }
    for (size_t i = 0; i < values.size_count; i++) {
        if (!run_size(&values, kind, values.sizes[i])) {
            return TOOL_FAILED;
        }
    }
    return TOOL_OK;
}
