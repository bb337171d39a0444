/* SPDX-License-Identifier: MIT
 *
 * A thousand kills at random moments.
 *
 * The victim sends numbered messages of random sizes as fast as it can, and
 * takes what the survivor sends likewise; then it is killed, after so many
 * microseconds or when the survivor has had so many messages. The survivor
 * sleeps in a receive, sleeps in a send, or does both by turns without ever
 * sleeping. It must learn of the death, and soon; by then it has every message
 * that the victim had sent, in order and intact, and after it has closed its
 * end nothing is left.
 *
 * WEFT_SEED sets the seed, which is printed; WEFT_KILLS the number of kills.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "guard.h"
#include "peer.h"
#include "sides.h"

#define KILLS 1000
#define SECONDS 30
#define BOUND_NS (WEFT_TEST_TIME_SCALE * UINT64_C(500000000))
#define PATIENCE_NS UINT64_C(5000000000)
#define LARGEST 100000
#define MOST_US 3000
#define MOST_MESSAGES 400

enum way { RECEIVING, SENDING, BOTH, WAYS };

/* How a round goes. */
struct plan {
    enum way way;
    uint64_t seed;
    unsigned after_us;       /* 0: by messages */
    unsigned after_messages; /* as the survivor counts them */
};

/* What the two share. */
struct shared {
    struct plan plan;      /* of the round */
    _Atomic uint64_t sent; /* messages that a send of the victim's had taken */
};

/* Rings that grow, but not so far that reading what is left takes long. */
static const weft_channel_options options = {
    .size = sizeof(weft_channel_options), .ring_max_bytes = 1 << 18};

static struct shared *shared;
static unsigned char room[LARGEST];
static uint64_t latest_ns[WAYS];
static unsigned strays;

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

/* --------------------------------------------------------------- chance --- */

/* splitmix64: any seed will do, and the same one gives the same numbers. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Mostly small, now and then one that comes in pieces. */
static size_t draw_size(uint64_t seed, uint64_t number)
{
    uint64_t state = seed ^ (number * UINT64_C(0x2545f4914f6cdd1d));
    uint64_t kind = draw(&state) % 16;

    if (kind == 0) {
        return (size_t)(draw(&state) % LARGEST);
    }
    return (size_t)(draw(&state) % (kind < 12 ? 200 : 4000));
}

/* ------------------------------------------------------------- messages --- */

static weft_status send_next(weft_channel *channel, uint64_t seed,
                             uint64_t *number, uint64_t deadline_ns)
{
    size_t bytes = draw_size(seed, *number);
    weft_status status;

    sides_fill(room, bytes, *number);
    status = weft_channel_send_until(channel, room, bytes, deadline_ns);
    *number += status == WEFT_OK;
    return status;
}

/* Both sides draw the same sizes, so each knows what must come. */
static weft_status receive_next(weft_channel *channel, uint64_t seed,
                                uint64_t *number, uint64_t deadline_ns)
{
    size_t got = 0;
    weft_status status =
        weft_channel_recv_until(channel, room, sizeof(room), &got, deadline_ns);

    if (status == WEFT_OK) {
        CHECK(got == draw_size(seed, *number) &&
              sides_matches(room, got, *number));
        ++*number;
    }
    return status;
}

/* Does both without waiting; false when one of them failed. */
static bool take_turns(weft_channel *channel, uint64_t seed, uint64_t *sent,
                       uint64_t *received)
{
    weft_status out = send_next(channel, seed, sent, WEFT_NOW);
    weft_status in = receive_next(channel, seed, received, WEFT_NOW);

    return (out == WEFT_OK || out == WEFT_EAGAIN) &&
           (in == WEFT_OK || in == WEFT_EAGAIN);
}

/* --------------------------------------------------------------- victim --- */

/* A thread of the victim's own. */
static void *die_later(void *context)
{
    const unsigned *after_us = context;

    guard_nap_us(*after_us);
    peer_die();
}

static void be_victim(weft_channel *channel, void *context)
{
    struct shared *told = context;
    struct plan plan = told->plan;
    uint64_t sent = 0;
    uint64_t received = 0;
    pthread_t thread;

    guard_watch("a victim that nobody kills", SECONDS);
    if (plan.after_us != 0) {
        REQUIRE(pthread_create(&thread, NULL, die_later, &plan.after_us) == 0);
    }
    for (;;) {
        switch (plan.way) {
        case RECEIVING:
            REQUIRE(send_next(channel, plan.seed, &sent, soon()) == WEFT_OK);
            break;
        case SENDING:
            REQUIRE(receive_next(channel, plan.seed, &received, soon()) ==
                    WEFT_OK);
            break;
        case BOTH:
        case WAYS:
            REQUIRE(take_turns(channel, plan.seed, &sent, &received));
            break;
        }
        told->sent = sent;
    }
}

/* ------------------------------------------------------------- survivor --- */

/* One thing that the survivor does; false when it has learnt of the end. */
static bool survive(weft_channel *channel, const struct plan *plan,
                    uint64_t *sent, uint64_t *received)
{
    switch (plan->way) {
    case RECEIVING:
        return receive_next(channel, plan->seed, received, soon()) == WEFT_OK;
    case SENDING:
        return send_next(channel, plan->seed, sent, soon()) == WEFT_OK;
    case BOTH:
    case WAYS:
        break;
    }
    return take_turns(channel, plan->seed, sent, received);
}

static void describe(const weft_channel *channel)
{
    weft_detail detail;
    char text[160];

    weft_channel_get_detail(channel, &detail);
    (void)weft_detail_text(&detail, text, sizeof(text));
    printf("# %s\n", text);
}

/*
 * Everything that was sent has come, and then the death is told; sending tells
 * it too, at the latest when the ring is full.
 */
static void check_end(weft_channel *channel, const struct plan *plan,
                      uint64_t *received)
{
    weft_status status;

    do {
        status = receive_next(channel, plan->seed, received, soon());
    } while (status == WEFT_OK);
    if (!CHECK_STATUS(status, WEFT_EPEERDIED)) {
        describe(channel);
    }
    do {
        status = weft_channel_send_until(channel, room, sizeof(room), soon());
    } while (status == WEFT_OK);
    CHECK_STATUS(status, WEFT_EPEERDIED);
    CHECK(*received >= shared->sent && *received <= shared->sent + 1);
}

/* `killed_ns` is 0 if the victim's timer killed it, nobody knows just when. */
static bool check_delay(enum way way, uint64_t killed_ns, uint64_t known_ns)
{
    uint64_t delay = killed_ns != 0 ? known_ns - killed_ns : 0;

    latest_ns[way] = delay > latest_ns[way] ? delay : latest_ns[way];
    if (!CHECK(delay < BOUND_NS)) {
        printf("# known only after %.3f ms\n", (double)delay / 1e6);
        return false;
    }
    return true;
}

static void kill_once(const struct plan *plan)
{
    struct sides_holdings before;
    weft_channel *channel;
    unsigned stray;
    uint64_t sent = 0;
    uint64_t received = 0;
    uint64_t killed_ns = 0;
    uint64_t known_ns;
    peer_process victim;

    guard_count_strays();
    before = sides_hold();
    shared->plan = *plan;
    shared->sent = 0;
    victim = peer_start(&options, &options, be_victim, shared, 0, &channel);
    while (survive(channel, plan, &sent, &received)) {
        if (plan->after_us == 0 && killed_ns == 0 &&
            sent + received >= plan->after_messages) {
            killed_ns = weft_now_ns();
            REQUIRE(peer_strike(victim.id));
        }
    }
    known_ns = weft_now_ns();
    check_end(channel, plan, &received);
    CHECK(peer_was_killed(&victim));
    if (!check_delay(plan->way, killed_ns, known_ns)) {
        printf("# way %d, %u us, %u messages, sent %" PRIu64
               ", received %" PRIu64 "\n",
               (int)plan->way, plan->after_us, plan->after_messages, sent,
               received);
    }
    weft_channel_close(&channel);
    stray = guard_close_strays();
    CHECK(stray <= 1); /* of a larger ring, which is the only one under way */
    strays += stray;
    sides_check_holdings(&before);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

void test_main(void)
{
    uint64_t seed = setting("WEFT_SEED", weft_now_ns());
    uint64_t kills = setting("WEFT_KILLS", KILLS);
    uint64_t state = seed;

    check_case("a killed peer's messages all come, and then its death");
    printf("# WEFT_SEED=%" PRIu64 " WEFT_KILLS=%" PRIu64 "\n", seed, kills);
    shared = peer_shared(sizeof(*shared));
    for (uint64_t i = 0; i < kills; i++) {
        struct plan plan = {.way = (enum way)(draw(&state) % WAYS),
                            .seed = draw(&state)};

        if (draw(&state) % 2 == 0) {
            plan.after_us = 1 + (unsigned)(draw(&state) % MOST_US);
        } else {
            plan.after_messages = (unsigned)(draw(&state) % MOST_MESSAGES);
        }
        kill_once(&plan);
    }
    printf(
        "# known after at most %.3f ms, when what was sent had been read; by "
        "a sender after %.3f ms; by one that does both after %.3f ms\n",
        (double)latest_ns[RECEIVING] / 1e6, (double)latest_ns[SENDING] / 1e6,
        (double)latest_ns[BOTH] / 1e6);
    printf("# %u handles were under way to nobody\n", strays);
    CHECK(strays <= kills / 10);
    peer_unshare(shared, sizeof(*shared));
}
