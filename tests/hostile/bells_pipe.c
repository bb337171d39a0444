/* SPDX-License-Identifier: MIT
 *
 * Doorbells that are pipes: a peer that fills one faster than it is emptied
 * costs bounded time and no more, and one whose own pipe is full and blocks
 * its writers blocks nobody.
 */
#include "attacker.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"

/* What a flood may cost in CPU time, sanitizers included. */
#define FLOOD_CPU_NS UINT64_C(2000000000)

/* How long a victim waits while its bell is pumped. */
#define PATIENCE_NS UINT64_C(300000000)

/* --------------------------------------------------------------- flood --- */

/* After so many waits a victim takes the old rings out of its bell. */
#define LURES 508

struct ringer {
    int bell;
    bool lures; /* rings slowly until the victim is about to settle its bell */
    atomic_bool stop;
    pthread_t thread;
};

/*
 * Fills the pipe; only when nobody takes from it for a while, empties it, as
 * who opens it anew may.
 */
static void pump(const struct ringer *ringer)
{
    static unsigned char data[1 << 16];
    unsigned refused = 0;

    while (!ringer->stop && refused < 2000) {
        refused = write(ringer->bell, data, sizeof(data)) > 0 ? 0 : refused + 1;
    }
    (void)!read(ringer->bell, data, sizeof(data));
}

static void *ring_without_end(void *argument)
{
    struct ringer *ringer = argument;

    for (unsigned rings = 0; ringer->lures && rings < LURES; rings++) {
        (void)!write(ringer->bell, "", 1);
        guard_nap_us(10);
    }
    while (!ringer->stop) {
        pump(ringer);
    }
    return NULL;
}

static void begin_ringing(struct ringer *ringer, weft_handle bell, bool lures)
{
    ringer->bell = (int)bell;
    ringer->lures = lures;
    ringer->stop = false;
    REQUIRE(pthread_create(&ringer->thread, NULL, ring_without_end, ringer) ==
            0);
}

static void end_ringing(struct ringer *ringer)
{
    ringer->stop = true;
    CHECK(pthread_join(ringer->thread, NULL) == 0);
}

enum call { RECEIVE, FLUSH, SEND };

static weft_status wait_in(weft_channel *victim, enum call call,
                           uint64_t deadline_ns)
{
    static unsigned char data[4096];
    weft_status status = WEFT_OK;
    size_t bytes;

    if (call == RECEIVE) {
        return weft_channel_recv_until(victim, data, sizeof(data), &bytes,
                                       deadline_ns);
    }
    if (call == FLUSH) {
        return weft_channel_flush(victim, deadline_ns);
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
    bool lures;
};

static const struct flood floods[] = {
    {"a pumped bell delays no receive", RECEIVE, WEFT_WAIT_BLOCK, false},
    {"a pumped bell delays no flush", FLUSH, WEFT_WAIT_ADAPTIVE, false},
    {"a pumped bell delays no send", SEND, WEFT_WAIT_BLOCK, false},
    {"a pumped bell delays no spinner", RECEIVE, WEFT_WAIT_SPIN, false},
    {"a bell pumped while it is settled delays no receive", RECEIVE,
     WEFT_WAIT_BLOCK, true},
    {"a bell pumped while it is settled delays no flush", FLUSH,
     WEFT_WAIT_BLOCK, true},
};

static void bears_flood(const void *argument)
{
    const struct flood *flood = argument;
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
    begin_ringing(&ringer, attacker.answer.bell.handle, flood->lures);
    began = weft_now_ns();
    cpu = guard_thread_cpu_ns();
    status = wait_in(victim, flood->call, began + PATIENCE_NS);
    CHECK(guard_thread_cpu_ns() - cpu < FLOOD_CPU_NS);
    CHECK_IN_TIME(began, PATIENCE_NS);
    end_ringing(&ringer);
    CHECK(status == WEFT_EPROTO || status == WEFT_ETIMEDOUT);
    attacker_part(&attacker, &victim);
}

/* Taking old rings out must end, however fast new ones come. */
static void settles_in_time(const void *argument)
{
    uint64_t began = weft_now_ns();
    unsigned events = 0;
    weftos_waiter *waiter;
    struct ringer ringer;
    weft_handle ends[2];
    weft_handle mine;
    weft_handle theirs;

    (void)argument;
    guard_watch("weftos_waiter_wait", 6);
    REQUIRE(weftos_bell_open(&mine, &theirs, NULL) == WEFT_OK);
    REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
    REQUIRE(weftos_waiter_open(mine, ends[0], WEFTOS_NONE, &waiter, NULL) ==
            WEFT_OK);
    begin_ringing(&ringer, theirs, false);
    for (unsigned i = 0; i < 10000; i++) {
        CHECK_STATUS(weftos_waiter_wait(waiter, WEFT_NOW, false, &events, NULL),
                     WEFT_OK);
    }
    CHECK_IN_TIME(began, 0);
    end_ringing(&ringer);
    weftos_waiter_close(waiter);
    weftos_close(mine);
    weftos_close(ends[0]);
    weftos_close(ends[1]);
    weftos_close(theirs);
}

/* ------------------------------------------------------------- blocked --- */

static void fill_pipe(int fd)
{
    static const unsigned char data[4096];
    ssize_t taken;

    do {
        taken = write(fd, data, sizeof(data));
        taken = taken > 0 ? taken : write(fd, data, 1);
    } while (taken > 0);
}

/* The attacker's own bell, whose writing end it has kept. */
static void blocks_own_bell(const struct attacker *attacker)
{
    int bell = (int)attacker->offer.ring;
    int flags = fcntl(bell, F_GETFL);

    REQUIRE(flags >= 0);
    fill_pipe(bell);
    REQUIRE(fcntl(bell, F_SETFL, flags & ~O_NONBLOCK) == 0);
}

/* Says that it sleeps for whatever comes, so that each record rings. */
static void rings_blocked_bell(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    blocks_own_bell(&attacker);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t began = weft_now_ns();

        weftos_store_release(&attacker.offer.home->parked_at, UINT64_C(32) * i);
        CHECK_STATUS(weft_channel_try_send(victim, "0123456789", 10), WEFT_OK);
        CHECK_IN_TIME(began, 0);
    }
    attacker_part(&attacker, &victim);
}

/* The same for the room that a receive makes. */
static void rings_blocked_bell_for_room(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    blocks_own_bell(&attacker);
    weftos_store_release(&attacker.offer.home->space_at, 32);
    attacker_forge(&attacker, forged_word(32, WEFTI_DATA, 3, 0), NULL, 0);
    CHECK_STATUS(victim_receive(victim), WEFT_OK);
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    attacker_part(&attacker, &victim);
}

/* Where a bell can't be opened anew, its flags are the peer's to change. */
static void rings_shared_bell(const void *argument)
{
    uint64_t began = weft_now_ns();
    struct attacker attacker;
    weft_channel *victim;
    weftos_bell bell;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    blocks_own_bell(&attacker);
    bell.handle = attacker.offer.ring;
    bell.shared = true;
    CHECK_STATUS(weftos_bell_ring(&bell, NULL), WEFT_OK);
    CHECK_IN_TIME(began, 0);
    attacker_part(&attacker, &victim);
}

void test_main(void)
{
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        hostile_case(floods[i].name, bears_flood, &floods[i]);
    }
    hostile_case("a bell is settled in bounded time", settles_in_time, NULL);
    hostile_case("a blocked bell blocks no send", rings_blocked_bell, NULL);
    hostile_case("a blocked bell blocks no receive",
                 rings_blocked_bell_for_room, NULL);
    hostile_case("a blocked bell of shared flags blocks nobody",
                 rings_shared_bell, NULL);
}
