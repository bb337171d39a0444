/* SPDX-License-Identifier: MIT
 *
 * One round of `weft bench fanout`: a publisher, a conductor and many
 * subscribers, and what they tell.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_fanout_board.h"
#include "bench_round.h"
#include "bench_stats.h"
#include "bench_sys.h"

static bool run_side(void *context, unsigned index)
{
    fanout_board *board = context;
    fanout_side side = {
        .base = {.index = index, .report = &board->crew.reports[index]},
        .test = &board->test,
        .address = board->address};

    switch (index) {
    case BENCH_LEADER:
        return fanout_run_publisher(board, &side);
    case BENCH_CONDUCTOR:
        return fanout_run_conductor(board, &side);
    default:
        return fanout_run_subscriber(board, &side);
    }
}

/* -------------------------------------------------------------- figures --- */

/* Room to reckon in. */
typedef struct reckoning {
    uint64_t *samples; /* of all subscribers */
    double *rates;
} reckoning;

static double per_second(uint64_t messages, uint64_t begin_ns, uint64_t end_ns)
{
    return (double)messages * 1e9 /
           (double)(end_ns > begin_ns ? end_ns - begin_ns : 1);
}

/* From the publisher's first message to each subscriber's last one. */
static void read_rates(const fanout_board *board, double *rates,
                       fanout_result *result)
{
    unsigned count = board->test.subscribers;

    result->published = board->flood.messages;
    for (unsigned i = 0; i < count; i++) {
        const fanout_subscriber *one = &board->subscribers[i];

        rates[i] = per_second(one->received, board->start_ns, one->end_ns);
        result->received += one->received;
        result->lost += result->published - one->received;
    }
    result->msgs_per_s =
        per_second(result->published, board->start_ns, board->end_ns);
    result->subscriber_msgs_per_s = bench_median(rates, count); /* sorts */
    result->slowest_msgs_per_s = rates[0];
    result->slowest_ratio = result->subscriber_msgs_per_s > 0
                                ? rates[0] / result->subscriber_msgs_per_s
                                : 0;
}

/* Three percentiles, or as many times BENCH_UNKNOWN. */
static void read_percentiles(uint64_t *samples, size_t count, double *p50,
                             double *p99, double *p999)
{
    uint64_t step = bench_clock_step_ns();

    if (count == 0) {
        *p50 = *p99 = *p999 = BENCH_UNKNOWN;
        return;
    }
    bench_sort(samples, count);
    *p50 = bench_percentile(samples, count, 500, step);
    *p99 = bench_percentile(samples, count, 990, step);
    *p999 = bench_percentile(samples, count, 999, step);
}

static void read_latencies(const fanout_board *board, uint64_t *samples,
                           fanout_result *result)
{
    const fanout_subscriber *all = board->subscribers;
    unsigned count = board->test.subscribers;
    size_t kept = 0;

    for (unsigned i = 0; i < count; i++) {
        kept += bench_copy_samples(&all[i].flood, samples + kept);
    }
    read_percentiles(samples, kept, &result->flood_p50_ns,
                     &result->flood_p99_ns, &result->flood_p999_ns);
    kept = 0;
    for (unsigned i = 0; i < count; i++) {
        kept += bench_copy_samples(&all[i].paced, samples + kept);
    }
    read_percentiles(samples, kept, &result->p50_ns, &result->p99_ns,
                     &result->p999_ns);
    for (unsigned i = 0; i < count; i++) {
        samples[i] = all[i].connect_ns;
    }
    bench_sort(samples, count);
    result->connect_p50_ns =
        bench_percentile(samples, count, 500, bench_clock_step_ns());
}

/* For each message; if none was published nothing is known of them. */
static double each(const fanout_cost *cost, uint64_t total, bool known)
{
    return known && cost->messages != 0 ? (double)total / (double)cost->messages
                                        : BENCH_UNKNOWN;
}

static void read_costs(const fanout_board *board, bool has_calls,
                       fanout_result *result)
{
    const fanout_cost *flood = &board->flood;
    const fanout_cost *paced = &board->paced;

    result->cpu_ns_per_msg = each(flood, flood->cpu_ns, flood->has_cpu);
    result->process_cpu_ns_per_msg =
        each(flood, flood->process_cpu_ns, flood->has_process_cpu);
    result->syscalls_per_msg = each(flood, flood->calls, has_calls);
    result->paced_cpu_ns_per_msg = each(paced, paced->cpu_ns, paced->has_cpu);
    result->paced_syscalls_per_msg = each(paced, paced->calls, has_calls);
}

/* What memory has grown by, for each subscriber. */
static double growth(const fanout_board *board, uint64_t before, uint64_t after)
{
    return board->crew.has_pss
               ? ((double)after - (double)before) / board->test.subscribers
               : BENCH_UNKNOWN;
}

static void read_usage(const fanout_board *board, fanout_result *result)
{
    result->publisher_pss_bytes =
        growth(board, board->before.leader, board->after.leader);
    result->subscriber_pss_bytes =
        growth(board, board->before.members, board->after.members);
    result->idle_cpu_ms = board->crew.has_idle
                              ? (double)board->crew.idle_cpu_ns / 1e6
                              : BENCH_UNKNOWN;
}

static bool read_board(const fanout_transport *transport,
                       const fanout_board *board, fanout_result *result)
{
    size_t count = board->test.subscribers;
    reckoning room = {.samples =
                          calloc(count * BENCH_SAMPLES, sizeof(uint64_t)),
                      .rates = calloc(count, sizeof(double))};
    bool done = room.samples != NULL && room.rates != NULL;

    if (!done) {
        tool_error("bench: out of memory");
    } else {
        read_rates(board, room.rates, result);
        read_latencies(board, room.samples, result);
        read_costs(board, transport->count_calls != NULL, result);
        read_usage(board, result);
    }
    free(room.samples);
    free(room.rates);
    return done;
}

/* --------------------------------------------------------------- rounds --- */

/* The board, and behind it the crew's and the subscribers. */
static size_t board_bytes(const fanout_case *test)
{
    return sizeof(fanout_board) + bench_crew_bytes(test->subscribers) +
           test->subscribers * sizeof(fanout_subscriber);
}

static bool set_up(const fanout_transport *transport, fanout_board *board,
                   const fanout_case *test)
{
    unsigned char *behind = (unsigned char *)(board + 1);
    weft_status status = weft_semaphore_init(&board->finished, 0);

    board->transport = bench_sys_number(transport);
    board->test = *test;
    board->subscribers =
        (fanout_subscriber *)(void *)(behind +
                                      bench_crew_bytes(test->subscribers));
    transport->choose(board->address);
    if (status != WEFT_OK) {
        tool_error("bench: cannot make a semaphore: %s",
                   weft_status_text(status));
        return false;
    }
    return bench_crew_open(&board->crew, test->subscribers, behind);
}

bool fanout_round(const fanout_transport *transport, const fanout_case *test,
                  fanout_result *result)
{
    size_t bytes = board_bytes(test);
    fanout_board *board = bench_sys_share(bytes);
    char cause[BENCH_ERROR_BYTES];
    bool done;

    memset(result, 0, sizeof(*result));
    if (board == NULL) {
        tool_error("bench: cannot map %zu bytes: %s", bytes,
                   bench_sys_cause(cause, sizeof(cause)));
        return false;
    }
    done = set_up(transport, board, test) &&
           bench_crew_run(&board->crew, transport->name, run_side,
                          2 * (test->idle_ns + test->pace_ns)) &&
           read_board(transport, board, result);
    if (!done) {
        transport->forget(board->address);
    }
    bench_crew_close(&board->crew);
    weft_semaphore_deinit(&board->finished);
    bench_sys_unshare(board, bytes);
    return done;
}
