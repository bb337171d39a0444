/* SPDX-License-Identifier: MIT
 *
 * A round of the benchmark ends, and says why, whatever its sides do: here
 * with transports that pass a number through shared memory, and fail in one
 * way each.
 */
#include "check.h"

#include "bench_loop.h"
#include "bench_round.h"
#include "peer.h"
#include "said.h"

/* Side 1 does this to the fault's message. */
typedef enum toy_fault { NONE, WRONG_BYTE, DIE, HANG, EXIT } toy_fault;

#define FAULTY 17
#define BYTES 40

/* One slot each way; a process that waits yields, so one CPU is enough. */
typedef struct toy_memory {
    toy_fault fault;
    _Atomic uint64_t sequence[2];
    unsigned char data[2][BYTES];
} toy_memory;

/* In the parent. */
static toy_fault chosen;

static bool open_toy(const bench_case *test, void **shared,
                     char error[BENCH_ERROR_BYTES])
{
    (void)test;
    (void)error;
    *shared = bench_sys_share(sizeof(toy_memory));
    if (*shared != NULL) {
        ((toy_memory *)*shared)->fault = chosen;
    }
    return *shared != NULL;
}

static void close_toy(const bench_case *test, void *shared)
{
    (void)test;
    bench_sys_unshare(shared, sizeof(toy_memory));
}

static bool begin(bench_side *side)
{
    const toy_memory *toy = side->shared;

    return toy->fault != EXIT || side->index == 0 ||
           bench_fail(side, "no begin");
}

static void end(bench_side *side)
{
    (void)side;
}

static void do_fault(toy_fault fault, unsigned char *data)
{
    switch (fault) {
    case WRONG_BYTE:
        data[33] ^= 1;
        break;
    case DIE:
        peer_die();
    case HANG:
        peer_await_kill();
        break;
    default:
        break;
    }
}

static bool put(bench_side *side, uint64_t sequence, uint64_t seed)
{
    toy_memory *toy = side->shared;
    unsigned char *data = toy->data[side->index];

    bench_fill(data, BYTES, seed);
    if (side->index == 1 && sequence == FAULTY) {
        do_fault(toy->fault, data);
    }
    atomic_store(&toy->sequence[side->index], sequence + 1);
    return true;
}

static bool take(bench_side *side, uint64_t sequence, uint64_t seed)
{
    toy_memory *toy = side->shared;
    unsigned from = 1 - side->index;

    while (atomic_load(&toy->sequence[from]) <= sequence) {
        bench_sys_yield();
    }
    return bench_verify(toy->data[from], BYTES, seed) ||
           bench_fail_wrong(side, sequence, toy->data[from], BYTES, seed);
}

static bool ping(bench_side *side)
{
    return bench_ping(side, put, take);
}

static bool echo(bench_side *side)
{
    return bench_echo(side, put, take);
}

static const bench_transport toy_transport = {
    .name = "toy",
    .open = open_toy,
    .close = close_toy,
    .begin = begin,
    .loops = {{ping, echo}, {NULL, NULL}},
    .end = end,
};

/* Runs a round with a fault. */
static bool run(toy_fault fault, bench_result *result)
{
    bench_case test = {
        .kind = BENCH_RTT, .size_bytes = BYTES, .count = 100, .warmup = 5};
    unsigned cpus[2];

    REQUIRE(bench_sys_cpus(cpus, 1) >= 1);
    test.cpus[0] = test.cpus[1] = cpus[0];
    chosen = fault;
    said_begin();
    return bench_round(&toy_transport, &test, result);
}

static void expect_failure(toy_fault fault, const char *message)
{
    bench_result result;

    CHECK(!run(fault, &result));
    said_expect(message);
}

void test_main(void)
{
    bench_result result;

    bench_sys_begin(check_arguments);
    check_case("a round that works gives percentiles in order");
    CHECK(run(NONE, &result));
    CHECK(result.min_ns > 0);
    CHECK(result.p50_ns <= result.p99_ns && result.p99_ns <= result.p999_ns);
    CHECK(said_nothing());

    check_case("a wrong byte fails the round and is named");
    expect_failure(WRONG_BYTE, "bench: toy: message 17 is wrong at byte 33");

    check_case("the death of a side ends the round");
    expect_failure(DIE, "toy: a side ended by ");

    check_case("a side that can't begin ends the round with its reason");
    expect_failure(EXIT, "toy: no begin");

    check_case("a side that hangs is given up");
    bench_stall_ns = UINT64_C(300000000);
    expect_failure(HANG, "toy: no progress for 0.3 s, given up");
}
