/* SPDX-License-Identifier: MIT
 *
 * Doorbells: a peer that rings without end costs bounded time and no more,
 * and one whose own bell is blocked blocks nobody.
 */
#define _GNU_SOURCE
#include "attacker.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What a flood of 1000 rings may cost in CPU time, sanitizers included. */
#define FLOOD_CPU_NS UINT64_C(2000000000)

static uint64_t cpu_ns(void)
{
    struct timespec now;

    REQUIRE(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* --------------------------------------------------------------- flood --- */

/*
 * How to ring. A pipe that is full takes no more rings, so who only writes
 * soon stops by itself.
 */
enum manner {
    WRITING, /* as fast as it can */
    PACED,   /* so slowly that each ring is heard */
    PUMPING, /* whole pipes; empties a full one, as who opens it anew may */
    LURING   /* paced, until the victim is about to settle its bell; pumps */
};

/* After so many waits a victim takes the old rings out of its bell. */
#define LURES 508

struct ringer {
    int bell;
    enum manner manner;
    atomic_bool stop;
    pthread_t thread;
};

static void pause_briefly(void)
{
    const struct timespec pause = {0, 10000};

    (void)nanosleep(&pause, NULL);
}

/* Fills the pipe; only when nobody takes from it for a while, empties it. */
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

    for (unsigned rings = 0; !ringer->stop; rings++) {
        if (ringer->manner == PUMPING ||
            (ringer->manner == LURING && rings >= LURES)) {
            pump(ringer);
            continue;
        }
        (void)!write(ringer->bell, "", 1);
        if (ringer->manner != WRITING) {
            pause_briefly();
        }
    }
    return NULL;
}

static void begin_ringing(struct ringer *ringer,
                          const struct attacker *attacker, enum manner manner)
{
    ringer->bell = (int)attacker->answer.bell.handle;
    ringer->manner = manner;
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
    enum manner manner;
};

static const struct flood floods[] = {
    {"a steady bell ends a receive", RECEIVE, WEFT_WAIT_ADAPTIVE, PACED},
    {"a steady bell ends a blocking receive", RECEIVE, WEFT_WAIT_BLOCK, PACED},
    {"a steady bell ends a flush", FLUSH, WEFT_WAIT_ADAPTIVE, PACED},
    {"a steady bell ends a send", SEND, WEFT_WAIT_ADAPTIVE, PACED},
    {"a fast bell delays no receive", RECEIVE, WEFT_WAIT_ADAPTIVE, WRITING},
    {"a fast bell delays no blocking receive", RECEIVE, WEFT_WAIT_BLOCK,
     WRITING},
    {"a fast bell delays no send", SEND, WEFT_WAIT_ADAPTIVE, WRITING},
    {"a pumped bell delays no receive", RECEIVE, WEFT_WAIT_BLOCK, PUMPING},
    {"a pumped bell delays no flush", FLUSH, WEFT_WAIT_ADAPTIVE, PUMPING},
    {"a pumped bell delays no send", SEND, WEFT_WAIT_BLOCK, PUMPING},
    {"a bell pumped while it is settled delays no receive", RECEIVE,
     WEFT_WAIT_BLOCK, LURING},
    {"a bell pumped while it is settled delays no flush", FLUSH,
     WEFT_WAIT_BLOCK, LURING},
};

/* How long a victim waits: for a steady bell it should not have to. */
static uint64_t patience(enum manner manner)
{
    return manner == PACED ? UINT64_C(4000000000) : UINT64_C(300000000);
}

static void bears_flood(const void *argument)
{
    const struct flood *flood = argument;
    const uint64_t ns = patience(flood->manner);
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_status status;
    uint64_t began;
    uint64_t cpu;
    struct ringer ringer;
    struct attacker attacker;
    weft_channel *victim;

    hostile_watch(flood->name, 10);
    options.wait = flood->wait;
    options.ring_max_bytes = 65536;
    attacker_meet(&attacker, &options, &victim);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    begin_ringing(&ringer, &attacker, flood->manner);
    began = weft_now_ns();
    cpu = cpu_ns();
    status = wait_in(victim, flood->call, began + ns);
    CHECK(cpu_ns() - cpu < FLOOD_CPU_NS);
    CHECK_IN_TIME(began, ns);
    end_ringing(&ringer);
    CHECK(status == WEFT_EPROTO ||
          (status == WEFT_ETIMEDOUT && flood->manner != PACED));
    if (status == WEFT_EPROTO) {
        CHECK_STATUS(wait_in(victim, flood->call, WEFT_NOW), WEFT_EPROTO);
    }
    attacker_part(&attacker, &victim);
}

/* Taking old rings out must end, however fast new ones come. */
static void settles_in_time(const void *argument)
{
    uint64_t began = weft_now_ns();
    unsigned events = 0;
    weftos_waiter *waiter;
    struct attacker attacker;
    struct ringer ringer;
    weft_handle ends[2];
    weft_handle mine;

    (void)argument;
    hostile_watch("weftos_waiter_wait", 6);
    memset(&attacker, 0, sizeof(attacker));
    REQUIRE(weftos_bell_open(&mine, &attacker.answer.bell.handle, NULL) ==
            WEFT_OK);
    REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
    REQUIRE(weftos_waiter_open(mine, ends[0], WEFTOS_NONE, &waiter, NULL) ==
            WEFT_OK);
    begin_ringing(&ringer, &attacker, PUMPING);
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
    weftos_close(attacker.answer.bell.handle);
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
    begin_ringing(&ringer, &attacker, PUMPING);
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
    begin_ringing(&ringer, &attacker, PACED);
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
    weft_channel_close(&victim); /* the last reader of that pipe */
    bell.handle = attacker.offer.ring;
    bell.shared = true;
    CHECK_STATUS(weftos_bell_ring(&bell, NULL), WEFT_OK); /* no SIGPIPE */
    attacker_leave(&attacker);
}

/* A pipe of the kernel's watch queue takes no bytes: write says EXDEV. */
static void rings_watch_queue(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;
    weft_status status;
    int fds[2];

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    /* O_NOTIFICATION_PIPE, which is O_EXCL. */
    if (pipe2(fds, O_CLOEXEC | O_EXCL) == 0) {
        weftos_bell bell;

        status = weftos_bell_adopt(fds[1], &bell, NULL);
        CHECK(status == WEFT_EPROTO || status == WEFT_OK);
        if (status == WEFT_OK) {
            CHECK(weftos_bell_ring(&bell, NULL) != WEFT_EAGAIN);
            weftos_close(bell.handle);
        }
        (void)close(fds[0]);
    } else {
        printf("# this kernel has no watch queues\n");
    }
    attacker_part(&attacker, &victim);
}

void test_main(void)
{
    static const enum call polled[] = {RECEIVE, SEND};

    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        hostile_case(floods[i].name, bears_flood, &floods[i]);
    }
    hostile_case("a bell is settled in bounded time", settles_in_time, NULL);
    hostile_case("an endless bell delays no spinner", spins_through_flood,
                 NULL);
    hostile_case("an endless bell ends polling for records",
                 polls_through_flood, &polled[0]);
    hostile_case("an endless bell ends polling for room", polls_through_flood,
                 &polled[1]);
    hostile_case("rings beside real work do no harm", works_through_rings,
                 NULL);
    hostile_case("a blocked bell blocks no send", rings_blocked_bell, NULL);
    hostile_case("a blocked bell blocks no receive",
                 rings_blocked_bell_for_room, NULL);
    hostile_case("a blocked bell of shared flags blocks nobody",
                 rings_shared_bell, NULL);
    hostile_case("a bell that nobody hears is rung in vain", rings_deaf_bell,
                 NULL);
    hostile_case("a bell of the watch queue does no harm", rings_watch_queue,
                 NULL);
}
