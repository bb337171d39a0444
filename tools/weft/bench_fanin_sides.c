/* SPDX-License-Identifier: MIT
 *
 * What the server, the conductor and a client do in a round; the order of it is
 * in bench_fanin_board.h.
 *
 * The first word of a request is its seed, from which all of it follows, and
 * which no two requests of a round share. The answer's is the same with some
 * bits turned over. So the server needs to know nobody, and an answer that
 * belongs to another call or another client is found.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_fanin_board.h"
#include "bench_pattern.h"
#include "bench_sys.h"

/* Turned over in an answer; in each byte, for one that is short. */
#define ANSWER_BITS UINT64_C(0xa5a5a5a5a5a5a5a5)

/* The clients' numbers are beyond those of any calls. */
#define CALLS_APART (UINT64_C(1) << 40)

static unsigned spares_of(const fanin_case *test)
{
    return test->clients < FANIN_SPARES_MOST ? test->clients
                                             : FANIN_SPARES_MOST;
}

unsigned fanin_connections(const fanin_case *test)
{
    return test->clients + spares_of(test);
}

/* --------------------------------------------------------------- server --- */

bool fanin_answer(fanin_side *side, const void *request, size_t bytes,
                  void *answer)
{
    uint64_t seed = 0;

    if (bytes != side->test->size_bytes) {
        return bench_fail(&side->base, "a request has %zu bytes instead of %zu",
                          bytes, side->test->size_bytes);
    }
    memcpy(&seed, request, bytes < sizeof(seed) ? bytes : sizeof(seed));
    if (!bench_verify(request, bytes, seed)) {
        return bench_fail(&side->base, "a request is wrong at byte %zu",
                          bench_find_wrong(request, bytes, seed));
    }
    bench_fill(answer, bytes, seed ^ ANSWER_BITS);
    bench_advance(&side->base);
    return true;
}

bool fanin_run_server(fanin_board *board, fanin_side *side)
{
    const fanin_transport *transport = bench_sys_object(board->transport);
    bool done;

    board->crew.leader_process = bench_sys_process();
    done = transport->open(side) && bench_arrive(&board->crew, &side->base) &&
           transport->serve(side);
    transport->close(side);
    return done;
}

/* --------------------------------------------------------------- client --- */

/* A client, in its own process. */
typedef struct caller {
    fanin_side *side;
    const fanin_transport *transport;
    fanin_board *board;
    fanin_client *told;
    unsigned char *request;
    void *other; /* the state of the connection that is not used now */
    uint64_t calls;
} caller;

static bool await_go(caller *one)
{
    return bench_await_go(&one->board->crew, &one->side->base);
}

static bool arrive(caller *one)
{
    return bench_arrive(&one->board->crew, &one->side->base);
}

static bool call_once(caller *one)
{
    size_t size = one->side->test->size_bytes;
    uint64_t sequence = one->side->base.index * CALLS_APART + one->calls++;
    uint64_t seed = bench_seed(sequence, 0);
    const void *answer;
    size_t bytes;

    bench_fill(one->request, size, seed);
    if (!one->transport->call(one->side, one->request, &answer, &bytes)) {
        return false;
    }
    if (bytes != size) {
        return bench_fail(&one->side->base,
                          "an answer has %zu bytes instead of %zu", bytes,
                          size);
    }
    if (!bench_verify(answer, size, seed ^ ANSWER_BITS)) {
        return bench_fail(
            &one->side->base,
            "the answer to call %llu of client %u is wrong at byte %zu",
            (unsigned long long)one->calls,
            one->side->base.index - BENCH_FIRST_MEMBER,
            bench_find_wrong(answer, size, seed ^ ANSWER_BITS));
    }
    bench_advance(&one->side->base);
    return true;
}

static bool call_for_time(caller *one)
{
    fanin_client *told = one->told;
    uint64_t before = weft_now_ns();

    told->begin_ns = one->board->start_ns;
    told->end_ns = one->board->end_ns;
    while (before < told->end_ns) {
        uint64_t now;

        if (!call_once(one)) {
            return false;
        }
        now = weft_now_ns();
        if (now >= told->begin_ns && now < told->end_ns) {
            bench_keep(&told->samples, now - before);
            told->calls++;
        }
        before = now;
    }
    return true;
}

static bool call_for_count(caller *one)
{
    fanin_client *told = one->told;
    uint64_t warmup = one->side->test->count / 10 + 1;
    uint64_t before;

    for (uint64_t i = 0; i < warmup; i++) {
        if (!call_once(one)) {
            return false;
        }
    }
    told->begin_ns = before = weft_now_ns();
    while (told->calls < one->side->test->count) {
        uint64_t now;

        if (!call_once(one)) {
            return false;
        }
        now = weft_now_ns();
        bench_keep(&told->samples, now - before);
        told->calls++;
        before = now;
    }
    told->end_ns = before;
    return true;
}

static bool connect_once(caller *one)
{
    uint64_t before = weft_now_ns();

    if (!one->transport->connect(one->side) || !call_once(one)) {
        return false;
    }
    one->told->connect_ns = weft_now_ns() - before;
    return true;
}

static void change_connection(caller *one)
{
    void *state = one->side->state;

    one->side->state = one->other;
    one->other = state;
}

/* A spare one: it is used once, and then as idle as the other one. */
static bool connect_more(caller *one)
{
    bool done;

    change_connection(one);
    done = one->transport->connect(one->side) && call_once(one);
    change_connection(one);
    return done;
}

static void leave_more(caller *one)
{
    change_connection(one);
    one->transport->leave(one->side);
    one->side->state = NULL;
    change_connection(one);
}

static bool spare_stages(caller *one)
{
    if (one->side->base.index - BENCH_FIRST_MEMBER >=
        spares_of(one->side->test)) {
        return true;
    }
    if (!await_go(one) || !connect_more(one) || !arrive(one) ||
        !await_go(one)) {
        return false;
    }
    leave_more(one);
    return arrive(one);
}

static bool call_until_end(caller *one)
{
    return one->side->test->count != 0 ? call_for_count(one)
                                       : call_for_time(one);
}

static bool run_stages(caller *one)
{
    return arrive(one) && await_go(one) && connect_once(one) && arrive(one) &&
           spare_stages(one) && await_go(one) && call_until_end(one) &&
           arrive(one) && await_go(one);
}

bool fanin_run_client(fanin_board *board, fanin_side *side)
{
    size_t size = side->test->size_bytes;
    caller one = {.side = side,
                  .transport = bench_sys_object(board->transport),
                  .board = board,
                  .told =
                      &board->clients[side->base.index - BENCH_FIRST_MEMBER],
                  .request = malloc(size)};
    bool done;

    if (one.request == NULL) {
        return bench_fail(&side->base, "out of memory");
    }
    memset(one.request, 0, size);
    memset(&one.told->samples, 0, sizeof(one.told->samples));
    bench_begin_member(&board->crew, &side->base);
    if (one.transport->prepare != NULL) {
        one.transport->prepare(side);
    }
    done = run_stages(&one);
    one.transport->leave(side);
    side->state = one.other; /* a spare one, after a failure */
    one.transport->leave(side);
    free(one.request);
    return done;
}

/* ------------------------------------------------------------ conductor --- */

/* The times within which calls count, where their number is not given. */
static void choose_times(fanin_board *board, const fanin_case *test)
{
    board->start_ns = weft_after_ns(bench_warmup_ns(test->duration_ns));
    board->end_ns = board->start_ns + test->duration_ns;
}

/* Up to the clients' silence. */
static bool connect_all(fanin_board *board, bench_side *side)
{
    bench_crew *crew = &board->crew;
    unsigned spares = spares_of(&board->test);

    /* The first reading is not used. */
    bench_measure_pss(crew, side, &board->pss[FANIN_NONE]);
    bench_measure_pss(crew, side, &board->pss[FANIN_NONE]);
    if (!bench_go_in_turn(crew, side, board->test.clients)) {
        return false;
    }
    bench_measure_pss(crew, side, &board->pss[FANIN_FIRST]);
    if (!bench_go_in_turn(crew, side, spares)) {
        return false;
    }
    bench_measure_pss(crew, side, &board->pss[FANIN_SPARE]);
    return bench_go_in_turn(crew, side, spares);
}

bool fanin_run_conductor(fanin_board *board, fanin_side *side)
{
    bench_crew *crew = &board->crew;
    bench_side *base = &side->base;
    unsigned clients = side->test->clients;

    if (!bench_await_arrivals(crew, base, clients + 1) ||
        !connect_all(board, base)) {
        return false;
    }
    bench_measure_idle(crew, side->test->idle_ns);
    choose_times(board, side->test);
    return bench_let_all_go(crew, base) &&
           bench_await_arrivals(crew, base, clients) &&
           bench_let_all_go(crew, base);
}
