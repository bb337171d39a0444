/* SPDX-License-Identifier: MIT
 *
 * Doorbells: a peer that rings without end costs bounded time and no more.
 */
#include "attacker.h"

#include <pthread.h>
#include <stdatomic.h>

#include "guard.h"

/* What a flood of 1000 rings may cost in CPU time, sanitizers included. */
#define FLOOD_CPU_NS UINT64_C(2000000000)

/* --------------------------------------------------------------- flood --- */

struct ringer {
    weftos_bell bell;
    bool paced; /* so slowly that each ring is heard; else as fast as can be */
    atomic_bool stop;
    pthread_t thread;
};

static void *ring_without_end(void *argument)
{
    struct ringer *ringer = argument;

    while (!ringer->stop) {
        (void)weftos_bell_ring(&ringer->bell, NULL);
        if (ringer->paced) {
            guard_nap_us(10);
        }
    }
    return NULL;
}

static void begin_ringing(struct ringer *ringer,
                          const struct attacker *attacker, bool paced)
{
    ringer->bell = attacker->answer.bell;
    ringer->paced = paced;
    ringer->stop = false;
    REQUIRE(pthread_create(&ringer->thread, NULL, ring_without_end, ringer) ==
            0);
}

static void end_ringing(struct ringer *ringer)
{
    ringer->stop = true;
    CHECK(pthread_join(ringer->thread, NULL) == 0);
}

enum call { RECEIVE, FLUSH, SEND, CALLS };

static weft_status wait_in(weft_channel *victim, enum call call,
                           uint64_t deadline_ns)
{
    static unsigned char data[4096];
    weft_status status = WEFT_OK;
    size_t bytes;

    switch (call) {
    case RECEIVE:
        return weft_channel_recv_until(victim, data, sizeof(data), &bytes,
                                       deadline_ns);
    case FLUSH:
        return weft_channel_flush(victim, deadline_ns);
    case SEND:
    case CALLS:
        break;
    }
    while (status == WEFT_OK) {
        status =
            weft_channel_send_until(victim, data, sizeof(data), deadline_ns);
    }
    return status;
}

struct flood {
    const char *name;
    enum call call;
    weft_wait wait;
    bool paced;
};

static const struct flood floods[] = {
    {"a steady bell ends a receive", RECEIVE, WEFT_WAIT_ADAPTIVE, true},
    {"a steady bell ends a blocking receive", RECEIVE, WEFT_WAIT_BLOCK, true},
    {"a steady bell ends a flush", FLUSH, WEFT_WAIT_ADAPTIVE, true},
    {"a steady bell ends a send", SEND, WEFT_WAIT_ADAPTIVE, true},
    {"a fast bell delays no receive", RECEIVE, WEFT_WAIT_ADAPTIVE, false},
    {"a fast bell delays no blocking receive", RECEIVE, WEFT_WAIT_BLOCK, false},
    {"a fast bell delays no send", SEND, WEFT_WAIT_ADAPTIVE, false},
};

/* How long a victim waits: for a steady bell it should not have to. */
static uint64_t patience(bool paced)
{
    return paced ? UINT64_C(4000000000) : UINT64_C(300000000);
}

static void bears_flood(const void *argument)
{
    const struct flood *flood = argument;
    const uint64_t ns = patience(flood->paced);
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_status status;
    uint64_t began;
    uint64_t cpu;
    struct ringer ringer;
    struct attacker attacker;
    weft_channel *victim;

    guard_watch(flood->name, 10);
    options.wait = flood->wait;
    options.ring_max_bytes = 65536;
    attacker_meet(&attacker, &options, &victim);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    begin_ringing(&ringer, &attacker, flood->paced);
    began = weft_now_ns();
    cpu = guard_thread_cpu_ns();
    status = wait_in(victim, flood->call, began + ns);
    CHECK(guard_thread_cpu_ns() - cpu < FLOOD_CPU_NS);
    CHECK_IN_TIME(began, ns);
    end_ringing(&ringer);
    CHECK(status == WEFT_EPROTO || (status == WEFT_ETIMEDOUT && !flood->paced));
    if (status == WEFT_EPROTO) {
        CHECK_STATUS(wait_in(victim, flood->call, WEFT_NOW), WEFT_EPROTO);
    }
    attacker_part(&attacker, &victim);
}

/* Whoever spins looks at the bell too, and must keep its deadline. */
static void spins_through_flood(const void *argument)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_status status;
    uint64_t began;
    struct ringer ringer;
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    options.wait = WEFT_WAIT_SPIN;
    attacker_meet(&attacker, &options, &victim);
    begin_ringing(&ringer, &attacker, false);
    began = weft_now_ns();
    status = wait_in(victim, RECEIVE, began + 4 * VICTIM_NS);
    CHECK(status == WEFT_EPROTO || status == WEFT_ETIMEDOUT);
    CHECK_IN_TIME(began, 4 * VICTIM_NS);
    end_ringing(&ringer);
    attacker_part(&attacker, &victim);
}

static void fill_ring(weft_channel *victim)
{
    static const unsigned char data[200];
    weft_status status;

    do {
        status = weft_channel_try_send(victim, data, sizeof(data));
    } while (status == WEFT_OK);
    CHECK_STATUS(status, WEFT_EAGAIN);
}

/* An event loop that is woken for nothing, over and over. */
static void polls_through_flood(const void *argument)
{
    const enum call call = *(const enum call *)argument;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_status status = WEFT_EAGAIN;
    uint64_t began = weft_now_ns();
    struct ringer ringer;
    struct attacker attacker;
    weft_channel *victim;
    weft_handle handle;

    options.ring_max_bytes = 4096;
    attacker_meet(&attacker, &options, &victim);
    CHECK_STATUS(call == RECEIVE ? weft_channel_recv_handle(victim, &handle)
                                 : weft_channel_send_handle(victim, &handle),
                 WEFT_OK);
    if (call != RECEIVE) {
        fill_ring(victim);
    }
    begin_ringing(&ringer, &attacker, true);
    while (status == WEFT_EAGAIN && weft_now_ns() - began < LATE_NS) {
        status = wait_in(victim, call, WEFT_NOW);
    }
    end_ringing(&ringer);
    CHECK_STATUS(status, WEFT_EPROTO);
    CHECK_STATUS(wait_in(victim, call, WEFT_NOW), WEFT_EPROTO);
    attacker_part(&attacker, &victim);
}

/* Rings beside real work are no flood. */
static void works_through_rings(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    for (unsigned i = 0; i < 5000; i++) {
        (void)weftos_bell_ring(&attacker.answer.bell, NULL);
        (void)weftos_bell_ring(&attacker.answer.bell, NULL);
        if (attacker_ring_bytes(&attacker) -
                (attacker.at & (attacker_ring_bytes(&attacker) - 1)) >=
            32) {
            attacker_forge(
                &attacker,
                forged_word(32, WEFTI_DATA, WEFTI_FIRST | WEFTI_LAST, 0), NULL,
                0);
        }
        REQUIRE(victim_receive(victim) == WEFT_OK);
    }
    attacker_part(&attacker, &victim);
}

/* ---------------------------------------------------------------- deaf --- */

/* Says that it sleeps for what comes, and has closed what it would hear. */
static void rings_deaf_bell(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;
    weftos_bell bell;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    weftos_close(attacker.offer.hear);
    attacker.offer.hear = WEFT_HANDLE_NONE;
    weftos_store_release(&attacker.offer.home->parked_at, 0);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    weft_channel_close(&victim); /* the last one that had the hearing end */
    bell.handle = attacker.offer.ring;
    bell.shared = true;
    CHECK_STATUS(weftos_bell_ring(&bell, NULL), WEFT_OK); /* no signal */
    attacker_leave(&attacker);
}

void test_main(void)
{
    static const enum call polled[] = {RECEIVE, SEND};

    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        hostile_case(floods[i].name, bears_flood, &floods[i]);
    }
    hostile_case("an endless bell delays no spinner", spins_through_flood,
                 NULL);
    hostile_case("an endless bell ends polling for records",
                 polls_through_flood, &polled[0]);
    hostile_case("an endless bell ends polling for room", polls_through_flood,
                 &polled[1]);
    hostile_case("rings beside real work do no harm", works_through_rings,
                 NULL);
    hostile_case("a bell that nobody hears is rung in vain", rings_deaf_bell,
                 NULL);
}
