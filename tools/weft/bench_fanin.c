/* SPDX-License-Identifier: MIT
 *
 * One round of `weft bench fanin`: a server, a conductor and many clients, and
 * what they tell.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_fanin_board.h"
#include "bench_round.h"
#include "bench_stats.h"
#include "bench_sys.h"

static bool run_side(void *context, unsigned index)
{
    fanin_board *board = context;
    fanin_side side = {
        .base = {.index = index, .report = &board->crew.reports[index]},
        .test = &board->test,
        .address = board->address};

    switch (index) {
    case BENCH_LEADER:
        return fanin_run_server(board, &side);
    case BENCH_CONDUCTOR:
        return fanin_run_conductor(board, &side);
    default:
        return fanin_run_client(board, &side);
    }
}

/* -------------------------------------------------------------- figures --- */

/* Room to reckon in. */
typedef struct reckoning {
    uint64_t *samples; /* of all clients */
    uint64_t *connects;
    double *rates;
} reckoning;

static double per_second(uint64_t calls, uint64_t begin_ns, uint64_t end_ns)
{
    return (double)calls * 1e9 /
           (double)(end_ns > begin_ns ? end_ns - begin_ns : 1);
}

/* From the first client that begins to the last one that ends. */
static uint64_t read_rates(const fanin_board *board, double *rates,
                           fanin_result *result)
{
    uint64_t calls = 0;
    uint64_t begin_ns = UINT64_MAX;
    uint64_t end_ns = 0;
    unsigned count = board->test.clients;
    double median;

    for (unsigned i = 0; i < count; i++) {
        const fanin_client *one = &board->clients[i];

        calls += one->calls;
        begin_ns = one->begin_ns < begin_ns ? one->begin_ns : begin_ns;
        end_ns = one->end_ns > end_ns ? one->end_ns : end_ns;
        rates[i] = per_second(one->calls, one->begin_ns, one->end_ns);
    }
    median = bench_median(rates, count); /* sorts them */
    result->calls_per_s = per_second(calls, begin_ns, end_ns);
    result->slowest_ratio = median > 0 ? rates[0] / median : 0;
    return calls;
}

static void read_latencies(const fanin_board *board, const reckoning *room,
                           fanin_result *result)
{
    uint64_t step = bench_clock_step_ns();
    size_t kept = 0;
    unsigned count = board->test.clients;

    for (unsigned i = 0; i < count; i++) {
        const fanin_client *one = &board->clients[i];

        kept += bench_copy_samples(&one->samples, room->samples + kept);
        room->connects[i] = one->connect_ns;
    }
    bench_sort(room->samples, kept);
    bench_sort(room->connects, count);
    result->p50_ns = bench_percentile(room->samples, kept, 500, step);
    result->p99_ns = bench_percentile(room->samples, kept, 990, step);
    result->connect_p50_ns = bench_percentile(room->connects, count, 500, step);
}

/* What memory has grown by between two readings, for each connection. */
static double growth(uint64_t before, uint64_t after, unsigned count)
{
    return ((double)after - (double)before) / count;
}

static void read_pss(const fanin_board *board, fanin_result *result)
{
    const bench_memory *none = &board->pss[FANIN_NONE];
    const bench_memory *first = &board->pss[FANIN_FIRST];
    const bench_memory *spare = &board->pss[FANIN_SPARE];
    unsigned clients = board->test.clients;
    unsigned spares = fanin_connections(&board->test) - clients;

    result->server_pss_bytes = growth(none->leader, first->leader, clients);
    result->client_pss_bytes = growth(none->members, first->members, clients);
    result->server_more_pss_bytes =
        growth(first->leader, spare->leader, spares);
    result->client_more_pss_bytes =
        growth(first->members, spare->members, spares);
}

static void read_usage(const fanin_board *board, fanin_result *result)
{
    result->server_pss_bytes = BENCH_UNKNOWN;
    result->client_pss_bytes = BENCH_UNKNOWN;
    result->server_more_pss_bytes = BENCH_UNKNOWN;
    result->client_more_pss_bytes = BENCH_UNKNOWN;
    if (board->crew.has_pss) {
        read_pss(board, result);
    }
    result->idle_cpu_ms = board->crew.has_idle
                              ? (double)board->crew.idle_cpu_ns / 1e6
                              : BENCH_UNKNOWN;
}

static bool read_board(const fanin_transport *transport,
                       const fanin_board *board, fanin_result *result)
{
    size_t count = board->test.clients;
    reckoning room = {.samples =
                          calloc(count * BENCH_SAMPLES, sizeof(uint64_t)),
                      .connects = calloc(count, sizeof(uint64_t)),
                      .rates = calloc(count, sizeof(double))};
    bool done = false;

    if (room.samples == NULL || room.connects == NULL || room.rates == NULL) {
        tool_error("bench: out of memory");
    } else if (read_rates(board, room.rates, result) == 0) {
        tool_error("bench: %s: no call was answered in %g s", transport->name,
                   (double)board->test.duration_ns / 1e9);
    } else {
        read_latencies(board, &room, result);
        read_usage(board, result);
        done = true;
    }
    free(room.samples);
    free(room.connects);
    free(room.rates);
    return done;
}

/* --------------------------------------------------------------- rounds --- */

/* The board, and behind it the crew's and the clients. */
static size_t board_bytes(const fanin_case *test)
{
    return sizeof(fanin_board) + bench_crew_bytes(test->clients) +
           test->clients * sizeof(fanin_client);
}

static bool set_up(const fanin_transport *transport, fanin_board *board,
                   const fanin_case *test)
{
    unsigned char *behind = (unsigned char *)(board + 1);

    board->transport = bench_sys_number(transport);
    board->test = *test;
    board->clients =
        (fanin_client *)(void *)(behind + bench_crew_bytes(test->clients));
    transport->choose(board->address);
    return bench_crew_open(&board->crew, test->clients, behind);
}

bool fanin_round(const fanin_transport *transport, const fanin_case *test,
                 fanin_result *result)
{
    size_t bytes = board_bytes(test);
    fanin_board *board = bench_sys_share(bytes);
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
                          2 * test->idle_ns) &&
           read_board(transport, board, result);
    if (!done) {
        transport->forget(board->address);
    }
    bench_crew_close(&board->crew);
    bench_sys_unshare(board, bytes);
    return done;
}
