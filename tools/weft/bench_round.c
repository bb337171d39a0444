/* SPDX-License-Identifier: MIT
 *
 * One round: two pinned processes, and what they report.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench_pattern.h"
#include "bench_round.h"
#include "bench_stats.h"
#include "bench_sys.h"
#include "tool.h"

uint64_t bench_stall_ns = UINT64_C(10000000000);

/* A round of bench_tune has this part of the messages, and so many tries. */
#define TUNE_PART 4
#define TUNE_TRIES 3

/* The memory that the parent and both sides share. */
typedef struct round_board {
    uintptr_t transport; /* its number */
    bench_case test;
    void *shared; /* what the transport's open made */
    bench_report reports[2];
    uint64_t samples[];
} round_board;

/* --------------------------------------------------------- in each side --- */

bool bench_fail(bench_side *side, const char *format, ...)
{
    va_list arguments;

    side->report->failed_ns = weft_now_ns();
    va_start(arguments, format);
    vsnprintf(side->report->error, BENCH_ERROR_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

bool bench_fail_wrong(bench_side *side, uint64_t sequence, const void *data,
                      size_t bytes, uint64_t seed)
{
    return bench_fail(side, "message %llu is wrong at byte %zu",
                      (unsigned long long)sequence,
                      bench_find_wrong(data, bytes, seed));
}

void bench_meet(bench_side *side)
{
    uint32_t phase =
        1 + atomic_load_explicit(&side->report->phase, memory_order_relaxed);

    atomic_store_explicit(&side->report->phase, phase, memory_order_release);
    while (atomic_load_explicit(&side->peer->phase, memory_order_acquire) <
           phase) {
        bench_sys_yield();
    }
}

static bool run_side(void *context, unsigned index)
{
    round_board *board = context;
    const bench_transport *transport = bench_sys_object(board->transport);
    bench_side side = {.test = &board->test,
                       .index = index,
                       .shared = board->shared,
                       .report = &board->reports[index],
                       .peer = &board->reports[1 - index],
                       .samples = board->samples};
    bool done;

    if (!transport->begin(&side)) {
        return false;
    }
    bench_meet(&side);
    done = transport->loops[board->test.kind][index](&side);
    if (done) {
        /* Nobody hangs up while the other one still reads. */
        bench_meet(&side);
    }
    transport->end(&side);
    return done;
}

/* -------------------------------------------------------- in the parent --- */

uint64_t bench_round_progress(const bench_report *reports, size_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum +=
            atomic_load_explicit(&reports[i].progress, memory_order_relaxed) +
            atomic_load_explicit(&reports[i].phase, memory_order_relaxed);
    }
    return sum;
}

static uint64_t progress_of(const void *context)
{
    const round_board *board = context;

    return bench_round_progress(board->reports, 2);
}

/* What the side says that failed first, which may have felled others. */
static const char *first_error(const bench_report *reports, size_t count)
{
    const bench_report *first = NULL;

    for (size_t i = 0; i < count; i++) {
        if (reports[i].failed_ns != 0 &&
            (first == NULL || reports[i].failed_ns < first->failed_ns)) {
            first = &reports[i];
        }
    }
    return first != NULL ? first->error : "a side failed without a reason";
}

void bench_complain(const char *name, const bench_report *reports, size_t count,
                    bench_sys_result result, int signal)
{
    char cause[BENCH_ERROR_BYTES];

    switch (result) {
    case BENCH_SYS_KILLED:
        tool_error("bench: %s: a side ended by %s %d", name, bench_sys_killer,
                   signal);
        break;
    case BENCH_SYS_STALLED:
        tool_error("bench: %s: no progress for %g s, given up", name,
                   (double)bench_stall_ns / 1e9);
        break;
    case BENCH_SYS_ERROR:
        tool_error("bench: %s: cannot start a side: %s", name,
                   bench_sys_cause(cause, sizeof(cause)));
        break;
    default:
        tool_error("bench: %s: %s", name, first_error(reports, count));
        break;
    }
}

uint64_t bench_clock_step_ns(void)
{
    uint64_t steps[101];

    for (size_t i = 0; i < TOOL_COUNT_OF(steps); i++) {
        uint64_t before = weft_now_ns();

        steps[i] = weft_now_ns() - before;
    }
    bench_sort(steps, TOOL_COUNT_OF(steps));
    return steps[TOOL_COUNT_OF(steps) / 2];
}

static void read_rtt(round_board *board, bench_result *result)
{
    uint64_t *samples = board->samples;
    size_t count = (size_t)board->test.count;
    uint64_t step = bench_clock_step_ns();

    bench_sort(samples, count);
    result->min_ns = bench_percentile(samples, count, 0, step);
    result->p50_ns = bench_percentile(samples, count, 500, step);
    result->p99_ns = bench_percentile(samples, count, 990, step);
    result->p999_ns = bench_percentile(samples, count, 999, step);
}

static void read_throughput(const round_board *board, bench_result *result)
{
    uint64_t ns = board->reports[1].end_ns - board->reports[0].start_ns;

    result->msgs_per_s = (double)board->test.count * 1e9 / (double)(ns + 1);
}

/* Runs the sides of a round that is all set up. */
static bool run_sides(const bench_transport *transport, round_board *board,
                      bench_result *result)
{
    int signal = 0;
    bench_sys_result ended =
        bench_sys_run(run_side, board, 2, board->test.cpus, progress_of,
                      bench_stall_ns + 2 * board->test.pace_ns, &signal);

    if (ended != BENCH_SYS_DONE) {
        bench_complain(transport->name, board->reports, 2, ended, signal);
        return false;
    }
    if (board->test.kind == BENCH_RTT) {
        read_rtt(board, result);
    } else {
        read_throughput(board, result);
    }
    result->ring_bytes = board->reports[0].ring_bytes;
    return true;
}

static size_t board_bytes(const bench_case *test)
{
    size_t samples = test->kind == BENCH_RTT ? (size_t)test->count : 0;

    return sizeof(round_board) + samples * sizeof(uint64_t);
}

bool bench_round(const bench_transport *transport, const bench_case *test,
                 bench_result *result)
{
    round_board *board = bench_sys_share(board_bytes(test));
    char error[BENCH_ERROR_BYTES] = "";
    bool done = false;

    memset(result, 0, sizeof(*result));
    if (board == NULL) {
        tool_error("bench: cannot map %zu bytes: %s", board_bytes(test),
                   bench_sys_cause(error, sizeof(error)));
        return false;
    }
    board->transport = bench_sys_number(transport);
    board->test = *test;
    if (transport->open(test, &board->shared, error)) {
        done = run_sides(transport, board, result);
        transport->close(test, board->shared);
    } else {
        tool_error("bench: %s: %s", transport->name, error);
    }
    bench_sys_unshare(board, board_bytes(test));
    return done;
}

/* --------------------------------------------------------------- tuning --- */

/* The median rate with a ring of `bytes`, negative after a failure. */
static double try_ring(const bench_transport *transport, bench_case test,
                       size_t bytes)
{
    double rates[TUNE_TRIES];
    bench_result result;

    test.ring_bytes = bytes;
    test.count = test.count / TUNE_PART + 1;
    for (size_t i = 0; i < TUNE_TRIES; i++) {
        if (!bench_round(transport, &test, &result)) {
            return -1;
        }
        rates[i] = result.msgs_per_s;
    }
    return bench_median(rates, TUNE_TRIES);
}

bool bench_tune(const bench_transport *transport, bench_case *test)
{
    double best = 0;
    size_t chosen = 0;

    if (transport->rings == NULL || test->kind != BENCH_THROUGHPUT) {
        return true;
    }
    for (const size_t *ring = transport->rings; *ring != 0; ring++) {
        double rate = try_ring(transport, *test, *ring);

        if (rate < 0) {
            return false;
        }
        if (rate > best) {
            best = rate;
            chosen = *ring;
        }
    }
    test->ring_bytes = chosen;
    return true;
}
