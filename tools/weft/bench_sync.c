/* SPDX-License-Identifier: MIT
 *
 * One round of one family of synchronisation objects: what the two sides do,
 * and what came of it.
 *
 * What a mutex protects is checked: a counter that is no atomic one, which must
 * come out right, and turns that must be taken in turn.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bench_pause.h"
#include "bench_round.h"
#include "bench_stats.h"
#include "bench_sync.h"
#include "bench_sys.h"

const sync_test_text sync_test_texts[SYNC_TESTS] = {
    [SYNC_LOCK] = {"lock", "lock and unlock, alone"},
    [SYNC_CONTENDED] = {"contended", "lock and unlock, contended"},
    [SYNC_HANDOVER] = {"handover", "hand-over of a lock"},
    [SYNC_CONDITION] = {"condition", "round trip by a condition"},
    [SYNC_POST] = {"post", "post and wait, alone"},
    [SYNC_SEMAPHORE] = {"semaphore", "round trip by semaphores"},
};

/* Before it looks again a side that waits for the other one looks so often. */
#define LOOKS 1000

/* The memory that the parent and both sides share. */
typedef struct sync_board {
    uintptr_t family; /* its number */
    sync_case test;
    uint64_t warmup; /* of the count, and not timed */
    uint64_t samples_most;
    bench_report reports[2];

    /* What the lock protects. */
    _Alignas(BENCH_APART) uint64_t counter;
    uint64_t stamp_ns; /* contended: the last full batch; hand-over: unlock */
    unsigned turn;     /* condition: the side that goes on */

    /* Hand-over: how often a side has come for the lock, and has got it. */
    _Alignas(BENCH_APART) _Atomic uint64_t arrivals;
    _Alignas(BENCH_APART) _Atomic uint64_t receipts;

    _Alignas(BENCH_APART) uint64_t sample_count;
    _Alignas(BENCH_APART) unsigned char memory[];
} sync_board;

/* One side of it. */
typedef struct sync_side {
    bench_side base;
    sync_board *board;
    const sync_family *family;
    void *objects;
    uint64_t *samples;
} sync_side;

static size_t round_up(size_t bytes)
{
    return (bytes + BENCH_APART - 1) / BENCH_APART * BENCH_APART;
}

static bool fail(sync_side *side, const char *call)
{
    return bench_fail(&side->base, "%s failed%s%s", call,
                      errno != 0 ? ": " : "",
                      errno != 0 ? strerror(errno) : "");
}

static void advance(sync_side *side)
{
    atomic_fetch_add_explicit(&side->base.report->progress, 1,
                              memory_order_relaxed);
}

/* A sample counts when the warm-up is over. Only one side, or the owner. */
static void note(sync_side *side, uint64_t done, uint64_t ns)
{
    sync_board *board = side->board;

    advance(side);
    if (done > board->warmup && board->sample_count < board->samples_most) {
        side->samples[board->sample_count++] = ns;
    }
}

static uint64_t total(const sync_side *side)
{
    return side->board->warmup + side->board->test.count;
}

/* ----------------------------------------------------------- each alone --- */

static bool lock_once(sync_side *side)
{
    return (side->family->lock(side->objects) || fail(side, "lock")) &&
           (side->family->unlock(side->objects) || fail(side, "unlock"));
}

static bool post_once(sync_side *side)
{
    return (side->family->post(side->objects, 0) || fail(side, "post")) &&
           (side->family->take(side->objects, 0) || fail(side, "wait"));
}

typedef bool one_call(sync_side *side);

/* Side 0 does it in batches; side 1 has nothing to do. */
static bool repeat_alone(sync_side *side, one_call *once)
{
    uint64_t last = weft_now_ns();

    for (uint64_t done = SYNC_BATCH;
         side->base.index == 0 && done < total(side) + SYNC_BATCH;
         done += SYNC_BATCH) {
        uint64_t now;

        for (unsigned i = 0; i < SYNC_BATCH; i++) {
            if (!once(side)) {
                return false;
            }
        }
        now = weft_now_ns();
        note(side, done, now - last);
        last = now;
    }
    return true;
}

static bool run_lock(sync_side *side)
{
    return repeat_alone(side, lock_once);
}

static bool run_post(sync_side *side)
{
    return repeat_alone(side, post_once);
}

/* ----------------------------------------------------- both at one lock --- */

/* Counts with the lock. Whoever completes a batch times it. */
static bool count_one(sync_side *side)
{
    sync_board *board = side->board;

    if (++board->counter % SYNC_BATCH == 0) {
        uint64_t now = weft_now_ns();

        if (board->stamp_ns != 0) {
            note(side, board->counter, now - board->stamp_ns);
        }
        board->stamp_ns = now;
    }
    return board->counter >= total(side);
}

static bool run_contended(sync_side *side)
{
    uint64_t mine = 0;
    bool is_over = false;

    while (!is_over) {
        if (!side->family->lock(side->objects)) {
            return fail(side, "lock");
        }
        is_over = count_one(side);
        mine++;
        if (!side->family->unlock(side->objects)) {
            return fail(side, "unlock");
        }
    }
    side->base.report->end_ns = mine;
    bench_meet(&side->base);
    if (mine + side->base.peer->end_ns != side->board->counter) {
        return bench_fail(&side->base, "two had the lock at the same time");
    }
    return true;
}

/* Until the other side has come to a number. */
static void await_number(const _Atomic uint64_t *place, uint64_t number)
{
    unsigned looks = 0;

    while (atomic_load_explicit(place, memory_order_acquire) < number) {
        bench_pause();
        if (++looks % LOOKS == 0) {
            bench_sys_yield();
        }
    }
}

static void hold(const sync_side *side)
{
    uint64_t until = weft_now_ns() + side->board->test.hold_ns;

    while (weft_now_ns() < until) {
        bench_pause();
    }
}

/* Waits for the lock that the other side holds. */
static bool receive_lock(sync_side *side, uint64_t number)
{
    sync_board *board = side->board;

    atomic_store_explicit(&board->arrivals, number, memory_order_release);
    if (!side->family->lock(side->objects)) {
        return fail(side, "lock");
    }
    note(side, number, weft_now_ns() - board->stamp_ns);
    atomic_store_explicit(&board->receipts, number, memory_order_release);
    return true;
}

/* And does not take it again before the other side has it. */
static bool give_lock(sync_side *side, uint64_t number)
{
    sync_board *board = side->board;

    await_number(&board->arrivals, number);
    hold(side);
    board->stamp_ns = weft_now_ns();
    if (!side->family->unlock(side->objects)) {
        return fail(side, "unlock");
    }
    await_number(&board->receipts, number);
    return true;
}

/* Side 0 begins with the lock; hand-over `number` gives it to the other. */
static bool run_handover(sync_side *side)
{
    uint64_t last = total(side) / 2 * 2;
    bool done = side->base.index != 0 ||
                (side->family->lock(side->objects) || fail(side, "lock"));

    bench_meet(&side->base);
    for (uint64_t number = 1; done && number <= last; number++) {
        bool receives = number % 2 == side->base.index;

        done = receives ? receive_lock(side, number) : give_lock(side, number);
    }
    /* An even number of them: side 0 has it again. */
    return done &&
           (side->base.index != 0 || side->family->unlock(side->objects) ||
            fail(side, "unlock"));
}

/* ---------------------------------------------------------- round trips --- */

/* With the lock: gives the turn to the other side, and waits for it. */
static bool pass_turn(sync_side *side)
{
    sync_board *board = side->board;

    board->turn = 1 - side->base.index;
    if (!side->family->signal(side->objects)) {
        return fail(side, "signal");
    }
    while (board->turn != side->base.index) {
        if (!side->family->wait(side->objects)) {
            return fail(side, "wait");
        }
    }
    return true;
}

/*
 * Each side keeps the lock but while it waits. Side 1 has its first turn when
 * side 0 has made its first pass, and passes one time less.
 */
static bool take_turns(sync_side *side)
{
    sync_board *board = side->board;
    uint64_t last = weft_now_ns();

    while (board->turn != side->base.index) {
        if (!side->family->wait(side->objects)) {
            return fail(side, "wait");
        }
    }
    for (uint64_t done = 1; done <= total(side) - side->base.index; done++) {
        if (!pass_turn(side)) {
            return false;
        }
        if (side->base.index == 0) {
            uint64_t now = weft_now_ns();

            note(side, done, now - last);
            last = now;
        }
    }
    board->turn = 1 - side->base.index;
    return side->family->signal(side->objects) || fail(side, "signal");
}

static bool run_condition(sync_side *side)
{
    return (side->family->lock(side->objects) || fail(side, "lock")) &&
           take_turns(side) &&
           (side->family->unlock(side->objects) || fail(side, "unlock"));
}

static bool ping(sync_side *side)
{
    return (side->family->post(side->objects, 0) || fail(side, "post")) &&
           (side->family->take(side->objects, 1) || fail(side, "wait"));
}

static bool pong(sync_side *side)
{
    return (side->family->take(side->objects, 0) || fail(side, "wait")) &&
           (side->family->post(side->objects, 1) || fail(side, "post"));
}

static bool run_semaphore(sync_side *side)
{
    uint64_t last = weft_now_ns();

    for (uint64_t done = 1; done <= total(side); done++) {
        if (!(side->base.index == 0 ? ping(side) : pong(side))) {
            return false;
        }
        if (side->base.index == 0) {
            uint64_t now = weft_now_ns();

            note(side, done, now - last);
            last = now;
        }
    }
    return true;
}

static one_call *const tests[SYNC_TESTS] = {
    [SYNC_LOCK] = run_lock,         [SYNC_CONTENDED] = run_contended,
    [SYNC_HANDOVER] = run_handover, [SYNC_CONDITION] = run_condition,
    [SYNC_POST] = run_post,         [SYNC_SEMAPHORE] = run_semaphore,
};

/* --------------------------------------------------------------- rounds --- */

static bool run_side(void *context, unsigned index)
{
    sync_board *board = context;
    sync_side side = {.base = {.index = index,
                               .report = &board->reports[index],
                               .peer = &board->reports[1 - index]},
                      .board = board,
                      .family = bench_sys_object(board->family),
                      .objects = board->memory};
    bool done;

    side.samples =
        (uint64_t *)(void *)(board->memory + round_up(side.family->bytes));
    errno = 0;
    bench_meet(&side.base);
    done = tests[board->test.test](&side);
    if (done) {
        bench_meet(&side.base);
    }
    return done;
}

static uint64_t progress_of(const void *context)
{
    const sync_board *board = context;

    return bench_round_progress(board->reports, 2);
}

static bool is_batched(sync_test test)
{
    return test == SYNC_LOCK || test == SYNC_POST || test == SYNC_CONTENDED;
}

static bool read_samples(sync_board *board, uint64_t *samples,
                         sync_result *result)
{
    size_t count = (size_t)board->sample_count;
    double part = is_batched(board->test.test) ? SYNC_BATCH : 1;
    uint64_t step = bench_clock_step_ns();

    if (count == 0) {
        tool_error("bench: too few of them to measure any: '--count %" PRIu64
                   "'",
                   board->test.count);
        return false;
    }
    bench_sort(samples, count);
    result->min_ns = bench_percentile(samples, count, 0, step) / part;
    result->p50_ns = bench_percentile(samples, count, 500, step) / part;
    result->p99_ns = bench_percentile(samples, count, 990, step) / part;
    return true;
}

static bool run_sides(const sync_family *family, sync_board *board,
                      sync_result *result)
{
    int signal = 0;
    bench_sys_result ended =
        bench_sys_run(run_side, board, 2, board->test.cpus, progress_of,
                      bench_stall_ns + 2 * board->test.hold_ns, &signal);

    if (ended != BENCH_SYS_DONE) {
        bench_complain(family->name, board->reports, 2, ended, signal);
        return false;
    }
    return read_samples(
        board, (uint64_t *)(void *)(board->memory + round_up(family->bytes)),
        result);
}

bool sync_round(const sync_family *family, const sync_case *test,
                sync_result *result)
{
    size_t most = (size_t)test->count + (size_t)2 * SYNC_BATCH;
    size_t bytes =
        sizeof(sync_board) + round_up(family->bytes) + most * sizeof(uint64_t);
    sync_board *board = bench_sys_share(bytes);
    char cause[BENCH_ERROR_BYTES];
    bool done = false;

    memset(result, 0, sizeof(*result));
    if (board == NULL) {
        tool_error("bench: cannot map %zu bytes: %s", bytes,
                   bench_sys_cause(cause, sizeof(cause)));
        return false;
    }
    board->family = bench_sys_number(family);
    board->test = *test;
    board->warmup = test->count / 10;
    if (is_batched(test->test) && board->warmup < SYNC_BATCH) {
        board->warmup = SYNC_BATCH;
    }
    board->samples_most = most;
    errno = 0;
    if (family->init(board->memory)) {
        done = run_sides(family, board, result);
        family->deinit(board->memory);
    } else {
        tool_error("bench: %s: cannot make the objects: %s", family->name,
                   errno != 0 ? strerror(errno) : "not supported");
    }
    bench_sys_unshare(board, bytes);
    return done;
}
