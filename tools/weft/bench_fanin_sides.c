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

/* Until everybody sleeps who has nothing to do. */
#define SETTLE_NS UINT64_C(50000000)

/* By time: calls before those that count, in thousandths, and at least. */
#define WARMUP_PER_MILLE 100
#define WARMUP_LEAST_NS UINT64_C(20000000)

/* What the stack of a client may need while it connects. */
#define STACK_BYTES 32768

static unsigned spares_of(const fanin_case *test)
{
    return test->clients < FANIN_SPARES_MOST ? test->clients
                                             : FANIN_SPARES_MOST;
}

unsigned fanin_connections(const fanin_case *test)
{
    return test->clients + spares_of(test);
}

static void advance(fanin_side *side)
{
    atomic_fetch_add_explicit(&side->base.report->progress, 1,
                              memory_order_relaxed);
}

static bool check_status(fanin_side *side, const char *step, weft_status status)
{
    return status == WEFT_OK || bench_fail(&side->base, "cannot %s: %s", step,
                                           weft_status_text(status));
}

static bool arrive(fanin_board *board, fanin_side *side)
{
    advance(side);
    return check_status(side, "post a semaphore",
                        weft_semaphore_post(&board->arrived, 1));
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
    advance(side);
    return true;
}

bool fanin_run_server(fanin_board *board, fanin_side *side)
{
    const fanin_transport *transport = bench_sys_object(board->transport);
    bool done;

    board->server_process = bench_sys_process();
    done =
        transport->open(side) && arrive(board, side) && transport->serve(side);
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

static bool wait_go(caller *one)
{
    return check_status(one->side, "wait for a semaphore",
                        weft_semaphore_wait(&one->told->go));
}

/* Touches the stack, so that none of it is first used while it is measured. */
static void touch_stack(void)
{
    volatile unsigned char room[STACK_BYTES];

    for (size_t i = 0; i < sizeof(room); i += 1024) {
        room[i] = 1;
    }
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
            one->side->base.index - FANIN_FIRST_CLIENT,
            bench_find_wrong(answer, size, seed ^ ANSWER_BITS));
    }
    advance(one->side);
    return true;
}

/* Keeps evenly spread ones: when there is no room, only each second of them. */
static void keep(fanin_client *told, uint64_t ns)
{
    if (told->seen++ % told->stride != 0) {
        return;
    }
    if (told->kept == FANIN_SAMPLES) {
        told->kept /= 2;
        told->stride *= 2;
        for (size_t i = 1; i < told->kept; i++) {
            told->samples[i] = told->samples[2 * i];
        }
    }
    told->samples[told->kept++] = ns;
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
            keep(told, now - before);
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
        keep(told, now - before);
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
    if (one->side->base.index - FANIN_FIRST_CLIENT >=
        spares_of(one->side->test)) {
        return true;
    }
    if (!wait_go(one) || !connect_more(one) || !arrive(one->board, one->side) ||
        !wait_go(one)) {
        return false;
    }
    leave_more(one);
    return arrive(one->board, one->side);
}

static bool call_until_end(caller *one)
{
    return one->side->test->count != 0 ? call_for_count(one)
                                       : call_for_time(one);
}

static bool run_stages(caller *one)
{
    fanin_side *side = one->side;

    return arrive(one->board, side) && wait_go(one) && connect_once(one) &&
           arrive(one->board, side) && spare_stages(one) && wait_go(one) &&
           call_until_end(one) && arrive(one->board, side) && wait_go(one);
}

bool fanin_run_client(fanin_board *board, fanin_side *side)
{
    size_t size = side->test->size_bytes;
    caller one = {.side = side,
                  .transport = bench_sys_object(board->transport),
                  .board = board,
                  .told =
                      &board->clients[side->base.index - FANIN_FIRST_CLIENT],
                  .request = malloc(size)};
    bool done;

    if (one.request == NULL) {
        return bench_fail(&side->base, "out of memory");
    }
    memset(one.request, 0, size);
    memset(one.told->samples, 0, sizeof(one.told->samples));
    touch_stack();
    one.told->process = bench_sys_process();
    one.told->stride = 1;
    one.transport->prepare(side);
    done = run_stages(&one);
    one.transport->leave(side);
    side->state = one.other; /* a spare one, after a failure */
    one.transport->leave(side);
    free(one.request);
    return done;
}

/* ------------------------------------------------------------ conductor --- */

static bool await_arrivals(fanin_board *board, fanin_side *side, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!check_status(side, "wait for a semaphore",
                          weft_semaphore_wait(&board->arrived))) {
            return false;
        }
    }
    advance(side);
    return true;
}

static bool let_go(fanin_board *board, fanin_side *side, unsigned client)
{
    return check_status(side, "post a semaphore",
                        weft_semaphore_post(&board->clients[client].go, 1));
}

static bool let_all_go(fanin_board *board, fanin_side *side)
{
    for (unsigned i = 0; i < side->test->clients; i++) {
        if (!let_go(board, side, i)) {
            return false;
        }
    }
    return true;
}

/* The first ones go on, one after the other: each has the server to itself. */
static bool take_turns(fanin_board *board, fanin_side *side, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!let_go(board, side, i) || !await_arrivals(board, side, 1)) {
            return false;
        }
    }
    return true;
}

static bool read_pss(const fanin_board *board, fanin_side *side,
                     fanin_memory *memory)
{
    uint64_t bytes;

    memory->clients = 0;
    for (unsigned i = 0; i < side->test->clients; i++) {
        if (!bench_sys_pss(board->clients[i].process, &bytes)) {
            return false;
        }
        memory->clients += bytes;
        advance(side);
    }
    return bench_sys_pss(board->server_process, &memory->server);
}

/* When all sleep. What is not known once stays so. */
static void measure_pss(fanin_board *board, fanin_side *side, fanin_when when)
{
    bench_sys_sleep(SETTLE_NS);
    board->has_pss = board->has_pss && read_pss(board, side, &board->pss[when]);
}

static void measure_idle(fanin_board *board, fanin_side *side)
{
    uint64_t before = 0;
    uint64_t after = 0;

    if (side->test->idle_ns == 0) {
        return;
    }
    bench_sys_sleep(SETTLE_NS);
    board->has_idle = bench_sys_cpu_time(board->server_process, &before);
    bench_sys_sleep(side->test->idle_ns);
    board->has_idle =
        bench_sys_cpu_time(board->server_process, &after) && board->has_idle;
    board->idle_cpu_ns = after - before;
}

/* The times within which calls count, where their number is not given. */
static void choose_times(fanin_board *board, const fanin_case *test)
{
    uint64_t warmup_ns = test->duration_ns / 1000 * WARMUP_PER_MILLE;

    if (warmup_ns < WARMUP_LEAST_NS) {
        warmup_ns = WARMUP_LEAST_NS;
    }
    board->start_ns = weft_after_ns(warmup_ns);
    board->end_ns = board->start_ns + test->duration_ns;
}

/* Up to the clients' silence. */
static bool connect_all(fanin_board *board, fanin_side *side)
{
    unsigned spares = spares_of(side->test);

    /* The first reading brings in pages of this process's; it is not used. */
    board->has_pss = true;
    measure_pss(board, side, FANIN_NONE);
    measure_pss(board, side, FANIN_NONE);
    if (!take_turns(board, side, side->test->clients)) {
        return false;
    }
    measure_pss(board, side, FANIN_FIRST);
    if (!take_turns(board, side, spares)) {
        return false;
    }
    measure_pss(board, side, FANIN_SPARE);
    return take_turns(board, side, spares);
}

bool fanin_run_conductor(fanin_board *board, fanin_side *side)
{
    unsigned clients = side->test->clients;

    if (!await_arrivals(board, side, clients + 1) ||
        !connect_all(board, side)) {
        return false;
    }
    measure_idle(board, side);
    choose_times(board, side->test);
    return let_all_go(board, side) && await_arrivals(board, side, clients) &&
           let_all_go(board, side);
}
