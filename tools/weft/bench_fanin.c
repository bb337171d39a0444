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

static unsigned side_count(const fanin_case *test)
{
    return test->clients + FANIN_FIRST_CLIENT;
}

static bool run_side(void *context, unsigned index)
{
    fanin_board *board = context;
    fanin_side side = {
        .base = {.index = index, .report = &board->reports[index]},
        .test = &board->test,
        .address = board->address};

    switch (index) {
    case FANIN_SERVER:
        return fanin_run_server(board, &side);
    case FANIN_CONDUCTOR:
        return fanin_run_conductor(board, &side);
    default:
        return fanin_run_client(board, &side);
    }
}

static uint64_t progress_of(const void *context)
{
    const fanin_board *board = context;

    return bench_round_progress(board->reports, side_count(&board->test));
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

        memcpy(room->samples + kept, one->samples,
               one->kept * sizeof(one->samples[0]));
        kept += one->kept;
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
    const fanin_memory *none = &board->pss[FANIN_NONE];
    const fanin_memory *first = &board->pss[FANIN_FIRST];
    const fanin_memory *spare = &board->pss[FANIN_SPARE];
    unsigned clients = board->test.clients;
    unsigned spares = fanin_connections(&board->test) - clients;

    result->server_pss_bytes = growth(none->server, first->server, clients);
    result->client_pss_bytes = growth(none->clients, first->clients, clients);
    result->server_more_pss_bytes =
        growth(first->server, spare->server, spares);
    result->client_more_pss_bytes =
        growth(first->clients, spare->clients, spares);
}

static void read_usage(const fanin_board *board, fanin_result *result)
{
    result->server_pss_bytes = BENCH_UNKNOWN;
    result->client_pss_bytes = BENCH_UNKNOWN;
    result->server_more_pss_bytes = BENCH_UNKNOWN;
    result->client_more_pss_bytes = BENCH_UNKNOWN;
    if (board->has_pss) {
        read_pss(board, result);
    }
    result->idle_cpu_ms =
        board->has_idle ? (double)board->idle_cpu_ns / 1e6 : BENCH_UNKNOWN;
}

static bool read_board(const fanin_transport *transport,
                       const fanin_board *board, fanin_result *result)
{
    size_t count = board->test.clients;
    reckoning room = {.samples =
                          calloc(count * FANIN_SAMPLES, sizeof(uint64_t)),
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

static bool run_sides(const fanin_transport *transport, fanin_board *board,
                      fanin_result *result)
{
    const fanin_case *test = &board->test;
    int signal = 0;
    bench_sys_result ended =
        bench_sys_run(run_side, board, side_count(test), NULL, progress_of,
                      bench_stall_ns + 2 * test->idle_ns, &signal);

    if (ended != BENCH_SYS_DONE) {
        bench_complain(transport->name, board->reports, side_count(test), ended,
                       signal);
        return false;
    }
    return read_board(transport, board, result);
}

/* The board, and behind it the reports and the clients. */
static size_t board_bytes(const fanin_case *test)
{
    return sizeof(fanin_board) + side_count(test) * sizeof(bench_report) +
           test->clients * sizeof(fanin_client);
}

static bool set_up(const fanin_transport *transport, fanin_board *board,
                   const fanin_case *test)
{
    weft_status status;

    board->transport = bench_sys_number(transport);
    board->test = *test;
    board->reports = (bench_report *)(void *)(board + 1);
    board->clients =
        (fanin_client *)(void *)(board->reports + side_count(test));
    transport->choose(board->address);
    status = weft_semaphore_init(&board->arrived, 0);
    for (unsigned i = 0; i < test->clients && status == WEFT_OK; i++) {
        status = weft_semaphore_init(&board->clients[i].go, 0);
    }
    if (status != WEFT_OK) {
        tool_error("bench: cannot make a semaphore: %s",
                   weft_status_text(status));
    }
    return status == WEFT_OK;
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
    done =
        set_up(transport, board, test) && run_sides(transport, board, result);
    if (!done) {
        transport->forget(board->address);
    }
    for (unsigned i = 0; i < test->clients; i++) {
        weft_semaphore_deinit(&board->clients[i].go);
    }
    weft_semaphore_deinit(&board->arrived);
    bench_sys_unshare(board, bytes);
    return done;
}
