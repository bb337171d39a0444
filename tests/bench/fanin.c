/* SPDX-License-Identifier: MIT
 *
 * A round of many clients ends, and says why, whatever its processes do: here
 * with weft's service, of which one client or the server fails in one way each.
 */
#include "check.h"

#include <string.h>

#include "bench_fanin_board.h"
#include "bench_round.h"
#include "peer.h"
#include "said.h"

#define BYTES 40
#define CLIENTS 3

/* The client that fails, and at which of its calls. */
#define FAULTY_SIDE (BENCH_FIRST_MEMBER + 1)
#define FAULTY_CALL 17

static bool is_faulty(const fanin_side *side)
{
    static unsigned calls; /* in this process */

    return side->base.index == FAULTY_SIDE && ++calls == FAULTY_CALL;
}

/* Changes the answer at a byte. */
static bool call_wrong(fanin_side *side, const void *request,
                       const void **answer, size_t *bytes)
{
    static unsigned char copy[BYTES];

    if (!fanin_weft.call(side, request, answer, bytes)) {
        return false;
    }
    if (is_faulty(side)) {
        memcpy(copy, *answer, sizeof(copy));
        copy[33] ^= 1;
        *answer = copy;
    }
    return true;
}

/* Shows the answer to the call before. */
static bool call_stale(fanin_side *side, const void *request,
                       const void **answer, size_t *bytes)
{
    static unsigned char last[BYTES];
    static unsigned char stale[BYTES];

    if (!fanin_weft.call(side, request, answer, bytes)) {
        return false;
    }
    memcpy(stale, last, sizeof(stale));
    memcpy(last, *answer, sizeof(last));
    if (is_faulty(side)) {
        *answer = stale;
    }
    return true;
}

/* Sends a request that is not whole. */
static bool call_short(fanin_side *side, const void *request,
                       const void **answer, size_t *bytes)
{
    unsigned char wrong[BYTES];

    memcpy(wrong, request, sizeof(wrong));
    if (is_faulty(side)) {
        wrong[BYTES - 1] ^= 1;
    }
    return fanin_weft.call(side, wrong, answer, bytes);
}

static bool call_and_die(fanin_side *side, const void *request,
                         const void **answer, size_t *bytes)
{
    if (is_faulty(side)) {
        peer_die();
    }
    return fanin_weft.call(side, request, answer, bytes);
}

static bool call_and_hang(fanin_side *side, const void *request,
                          const void **answer, size_t *bytes)
{
    if (is_faulty(side)) {
        peer_await_kill();
    }
    return fanin_weft.call(side, request, answer, bytes);
}

static bool connect_nowhere(fanin_side *side)
{
    return bench_fail(&side->base, "no way in");
}

static bool die_instead(fanin_side *side)
{
    (void)side;
    peer_die();
}

static void choose(char address[FANIN_ADDRESS_BYTES])
{
    fanin_weft.choose(address);
}

static void forget(const char *address)
{
    fanin_weft.forget(address);
}

static bool open_server(fanin_side *side)
{
    return fanin_weft.open(side);
}

static bool serve(fanin_side *side)
{
    return fanin_weft.serve(side);
}

static void close_end(fanin_side *side)
{
    fanin_weft.close(side);
}

static void prepare(fanin_side *side)
{
    fanin_weft.prepare(side);
}

static bool connect_client(fanin_side *side)
{
    return fanin_weft.connect(side);
}

/* A transport that is weft's but for these. */
#define TOY(serve_toy, connect_toy, call_toy)                                  \
    {                                                                          \
        .name = "toy", .choose = choose, .forget = forget,                     \
        .open = open_server, .serve = (serve_toy), .close = close_end,         \
        .prepare = prepare, .connect = (connect_toy), .call = (call_toy),      \
        .leave = close_end,                                                    \
    }

static const fanin_transport wrong = TOY(serve, connect_client, call_wrong);
static const fanin_transport stale = TOY(serve, connect_client, call_stale);
static const fanin_transport mangled = TOY(serve, connect_client, call_short);
static const fanin_transport lone = TOY(serve, connect_nowhere, call_wrong);
static const fanin_transport dying = TOY(serve, connect_client, call_and_die);
static const fanin_transport hanging =
    TOY(serve, connect_client, call_and_hang);
static const fanin_transport dead =
    TOY(die_instead, connect_client, call_wrong);

static bool run(const fanin_transport *transport, fanin_result *result)
{
    fanin_case test = {.clients = CLIENTS,
                       .size_bytes = BYTES,
                       .count = 50,
                       .idle_ns = 1000000};

    said_begin();
    return fanin_round(transport, &test, result);
}

static void expect_failure(const fanin_transport *transport,
                           const char *message)
{
    fanin_result result;

    CHECK(!run(transport, &result));
    said_expect(message);
}

void test_main(void)
{
    fanin_result result;

    bench_sys_begin(check_arguments);
    check_case("a round that works gives figures");
    CHECK(run(&fanin_weft, &result));
    CHECK(result.calls_per_s > 0 && result.connect_p50_ns > 0);
    CHECK(result.p50_ns > 0 && result.p50_ns <= result.p99_ns);
    CHECK(result.slowest_ratio > 0 && result.slowest_ratio <= 1);
    CHECK(said_nothing());

    check_case("a wrong byte of an answer is found and named");
    expect_failure(&wrong, "toy: the answer to call 17 of client 1 is wrong "
                           "at byte 33");

    check_case("so is the answer to another call");
    expect_failure(&stale, "toy: the answer to call 17 of client 1 is wrong "
                           "at byte 0");

    check_case("and a request that is not what was sent");
    expect_failure(&mangled, "toy: a request is wrong at byte 39");

    check_case("a client that can't connect ends the round with its reason");
    expect_failure(&lone, "toy: no way in");

    /* "a side ended by", or "a client was lost" if the server is faster. */
    check_case("the death of a client ends the round");
    expect_failure(&dying, "toy: a ");

    check_case("and so does the server's");
    expect_failure(&dead, "toy: a side ended by ");

    check_case("a client that hangs is given up");
    bench_stall_ns = UINT64_C(300000000);
    expect_failure(&hanging, "toy: no progress for 0.3 s, given up");
}
