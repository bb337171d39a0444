/* SPDX-License-Identifier: MIT
 *
 * A round of many subscribers counts what they get and what they lose, and ends
 * and says why, whatever its processes do: here with weft's topics, of which
 * one process fails in one way each.
 */
#include "check.h"

#include <string.h>

#include "bench_fanout_board.h"
#include "bench_round.h"
#include "peer.h"
#include "said.h"

#define BYTES 40
#define SUBSCRIBERS 3
#define COUNT 50
#define PACED 3

/* The subscriber that fails, and at which of its messages. */
#define FAULTY_SIDE (BENCH_FIRST_MEMBER + 1)
#define FAULTY_MESSAGE 17

static bool is_faulty(const fanout_side *side)
{
    static unsigned taken; /* in this process */

    return side->base.index == FAULTY_SIDE && ++taken == FAULTY_MESSAGE;
}

/* Changes the message at a byte. */
static bool take_wrong(fanout_side *side, fanout_taken *taken)
{
    static unsigned char copy[BYTES];

    if (!fanout_weft.take(side, taken)) {
        return false;
    }
    if (is_faulty(side)) {
        memcpy(copy, taken->data, sizeof(copy));
        copy[33] ^= 1;
        taken->data = copy;
    }
    return true;
}

/* Shows the message before once more. */
static bool take_twice(fanout_side *side, fanout_taken *taken)
{
    static unsigned char last[BYTES];
    static unsigned char stale[BYTES];

    if (!fanout_weft.take(side, taken)) {
        return false;
    }
    memcpy(stale, last, sizeof(stale));
    memcpy(last, taken->data, sizeof(last));
    if (is_faulty(side)) {
        taken->data = stale;
    }
    return true;
}

/* Drops a message, and says nothing of it. */
static bool take_less(fanout_side *side, fanout_taken *taken)
{
    return fanout_weft.take(side, taken) &&
           (!is_faulty(side) || fanout_weft.take(side, taken));
}

/* Tells of a loss that wasn't. */
static bool take_and_lie(fanout_side *side, fanout_taken *taken)
{
    if (!fanout_weft.take(side, taken)) {
        return false;
    }
    taken->lost += is_faulty(side) ? 5 : 0;
    return true;
}

/* A message of the flood: six go before it, to warm up. */
#define LOST_MESSAGE 10

/* Drops a message, and says so; and the end of the flood, which must return. */
static bool take_lossy(fanout_side *side, fanout_taken *taken)
{
    static bool dropped;
    uint64_t lost = 0;
    fanout_head head;

    if (!fanout_weft.take(side, taken)) {
        return false;
    }
    memcpy(&head, taken->data, sizeof(head));
    while (side->base.index == FAULTY_SIDE && !dropped) {
        dropped = head.number % FANOUT_KINDS == FANOUT_FLOOD_END;
        if (!dropped && head.number / FANOUT_KINDS != LOST_MESSAGE) {
            break;
        }
        lost += taken->lost + 1;
        if (!fanout_weft.take(side, taken)) {
            return false;
        }
        memcpy(&head, taken->data, sizeof(head));
    }
    taken->lost += lost;
    return true;
}

static bool take_and_die(fanout_side *side, fanout_taken *taken)
{
    if (is_faulty(side)) {
        peer_die();
    }
    return fanout_weft.take(side, taken);
}

static bool take_and_hang(fanout_side *side, fanout_taken *taken)
{
    if (is_faulty(side)) {
        peer_await_kill();
    }
    return fanout_weft.take(side, taken);
}

static bool subscribe_nowhere(fanout_side *side)
{
    return bench_fail(&side->base, "no way in");
}

static bool die_instead(fanout_side *side)
{
    (void)side;
    peer_die();
}

static void choose(char address[FANOUT_ADDRESS_BYTES])
{
    fanout_weft.choose(address);
}

static void forget(const char *address)
{
    fanout_weft.forget(address);
}

static bool open_publisher(fanout_side *side)
{
    return fanout_weft.open(side);
}

static void *reserve(fanout_side *side)
{
    return fanout_weft.reserve(side);
}

static bool publish(fanout_side *side)
{
    return fanout_weft.publish(side);
}

static bool subscribe(fanout_side *side)
{
    return fanout_weft.subscribe(side);
}

static void close_end(fanout_side *side)
{
    fanout_weft.close(side);
}

/* A transport that is weft's but for these. */
#define TOY(may_lose, open_toy, subscribe_toy, take_toy)                       \
    {                                                                          \
        .name = "toy", .loses = (may_lose), .counts = (may_lose),              \
        .choose = choose, .forget = forget, .open = (open_toy),                \
        .reserve = reserve, .publish = publish, .close = close_end,            \
        .subscribe = (subscribe_toy), .take = (take_toy), .leave = close_end,  \
    }

static const fanout_transport wrong =
    TOY(true, open_publisher, subscribe, take_wrong);
static const fanout_transport repeating =
    TOY(true, open_publisher, subscribe, take_twice);
static const fanout_transport secretive =
    TOY(true, open_publisher, subscribe, take_less);
static const fanout_transport leaky =
    TOY(false, open_publisher, subscribe, take_less);
static const fanout_transport lying =
    TOY(true, open_publisher, subscribe, take_and_lie);
static const fanout_transport lossy =
    TOY(true, open_publisher, subscribe, take_lossy);
static const fanout_transport lone =
    TOY(true, open_publisher, subscribe_nowhere, take_wrong);
static const fanout_transport dying =
    TOY(true, open_publisher, subscribe, take_and_die);
static const fanout_transport hanging =
    TOY(true, open_publisher, subscribe, take_and_hang);
static const fanout_transport dead =
    TOY(true, die_instead, subscribe, take_wrong);

static bool run(const fanout_transport *transport, fanout_result *result)
{
    fanout_case test = {.subscribers = SUBSCRIBERS,
                        .size_bytes = BYTES,
                        .count = COUNT,
                        .paced = PACED,
                        .pace_ns = 1000000,
                        .idle_ns = 1000000};

    said_begin();
    return fanout_round(transport, &test, result);
}

static void expect_failure(const fanout_transport *transport,
                           const char *message)
{
    fanout_result result;

    CHECK(!run(transport, &result));
    said_expect(message);
}

static void check_result(const fanout_transport *transport, uint64_t lost)
{
    fanout_result result;

    if (!CHECK(run(transport, &result))) {
        said_show();
        return;
    }
    CHECK(result.published == COUNT && result.lost == lost);
    CHECK(result.received + lost == (uint64_t)COUNT * SUBSCRIBERS);
    CHECK(result.msgs_per_s > 0 && result.slowest_msgs_per_s > 0);
    CHECK(result.slowest_msgs_per_s <= result.subscriber_msgs_per_s);
    CHECK(result.p50_ns > 0 && result.p50_ns <= result.p99_ns);
    CHECK(result.p99_ns <= result.p999_ns && result.connect_p50_ns > 0);
    CHECK(result.cpu_ns_per_msg >= 0 && said_nothing());
}

static void check_losses(void)
{
    check_case("a round that works gives figures");
    check_result(&fanout_weft, 0);
    check_case("so does one with reliable subscribers");
    check_result(&fanout_reliable, 0);
    check_case("what is lost is counted, and a lost end is told again");
    check_result(&lossy, 1);
    check_case("what was lost and not told is found");
    expect_failure(&secretive, "toy: 1 messages were lost, and 0 were told");
    check_case("and what was told and not lost");
    expect_failure(&lying, "toy: 0 messages were lost, and 5 were told");
    check_case("and any loss where there is to be none");
    expect_failure(&leaky, "toy: message 16 has not come");
}

static void check_failures(void)
{
    check_case("a wrong byte of a message is found and named");
    expect_failure(&wrong, "toy: message 16 is wrong at byte 33");

    check_case("so is a message that comes twice");
    expect_failure(&repeating, "toy: message 15 came after message 15");

    check_case("a subscriber that gets no way in ends the round with a reason");
    expect_failure(&lone, "toy: no way in");

    check_case("the death of a subscriber ends the round");
    expect_failure(&dying, "toy: a side ended by ");

    check_case("and so does the publisher's");
    expect_failure(&dead, "toy: a side ended by ");

    check_case("a subscriber that hangs is given up");
    bench_stall_ns = UINT64_C(300000000);
    expect_failure(&hanging, "toy: no progress for 0.3 s, given up");
}

void test_main(void)
{
    bench_sys_begin(check_arguments);
    check_losses();
    check_failures();
}
