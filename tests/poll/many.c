/* SPDX-License-Identifier: MIT
 *
 * Many endpoints in a poll set: all have their turn, and no wake-up is lost
 * while messages come at any moment.
 */
#include <pthread.h>

#include "check.h"
#include "peer.h"

#define MANY 200
#define ROOM 7
#define BUSY 3

static weft_poll *poll;
static weft_channel *ours[MANY];
static weft_channel *theirs[MANY];

static weft_status take(uint64_t key)
{
    char room[100];
    size_t bytes;

    return weft_channel_try_recv(ours[key], room, sizeof(room), &bytes);
}

static void send_to(unsigned key)
{
    CHECK_STATUS(weft_channel_try_send(theirs[key], "x", 1), WEFT_OK);
}

static void open_all(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.wait = WEFT_WAIT_BLOCK;
    for (unsigned i = 0; i < MANY; i++) {
        peer_both_ends(&options, &options, &ours[i], &theirs[i]);
        REQUIRE(weft_poll_add_channel(poll, ours[i], i, NULL) == WEFT_OK);
    }
}

/* Waits, and takes one message of each that is told. Gives how many. */
static unsigned serve_once(unsigned *taken)
{
    weft_poll_item items[ROOM];
    unsigned all = 0;
    size_t count;

    CHECK_STATUS(weft_poll_wait(poll, items, ROOM, &count, peer_soon(), NULL),
                 WEFT_OK);
    CHECK(count <= ROOM);
    for (size_t i = 0; i < count; i++) {
        if (take(items[i].key) == WEFT_OK) {
            taken[items[i].key]++;
            all++;
        }
    }
    return all;
}

static void test_each(void)
{
    check_case("each of many is told alone");
    for (unsigned i = 0; i < MANY; i++) {
        unsigned taken[MANY] = {0};

        send_to(i);
        while (serve_once(taken) == 0) {
        }
        CHECK(taken[i] == 1);
    }
}

static void test_all(void)
{
    unsigned taken[MANY] = {0};
    unsigned all = 0;

    check_case("all at once are told, few at a time");
    for (unsigned i = 0; i < MANY; i++) {
        send_to(i);
        send_to(i);
    }
    while (all < 2 * MANY) {
        all += serve_once(taken);
    }
    for (unsigned i = 0; i < MANY; i++) {
        CHECK(taken[i] == 2);
    }
}

static unsigned count_untold(const unsigned *taken)
{
    unsigned count = 0;

    for (unsigned i = 0; i < MANY; i++) {
        count += taken[i] == 0;
    }
    return count;
}

/*
 * One message of each is taken for one of any other, as all are ready all the
 * time.
 */
static void test_fair(void)
{
    unsigned taken[MANY] = {0};
    unsigned least = UINT32_MAX;
    unsigned most = 0;

    check_case("those that are always ready come in turn");
    for (unsigned i = 0; i < MANY; i++) {
        for (unsigned k = 0; k < 20; k++) {
            send_to(i);
        }
    }
    /* Some are heard of before others are. */
    while (count_untold(taken) > 0) {
        (void)serve_once(taken);
    }
    for (unsigned i = 0; i < MANY; i++) {
        while (taken[i] > 0) {
            send_to(i);
            taken[i]--;
        }
    }
    for (unsigned all = 0; all < 10 * MANY;) {
        all += serve_once(taken);
    }
    for (unsigned i = 0; i < MANY; i++) {
        least = taken[i] < least ? taken[i] : least;
        most = taken[i] > most ? taken[i] : most;
        while (take(i) == WEFT_OK) {
        }
    }
    CHECK(least >= 9 && most <= 11);
}

/* Some keep the set busy: whoever else has something is told nevertheless. */
static void test_busy(void)
{
    unsigned rounds = peer_rounds(20);

    check_case("busy ones do not keep others from being told");
    for (unsigned i = 0; i < rounds; i++) {
        unsigned taken[MANY] = {0};
        unsigned other = BUSY + (i * 37) % (MANY - BUSY);
        uint64_t end = peer_soon();

        for (unsigned k = 0; k < BUSY; k++) {
            send_to(k);
        }
        (void)serve_once(taken);
        send_to(other);
        while (taken[other] == 0 && weft_now_ns() < end) {
            for (unsigned k = 0; k < BUSY; k++) {
                if (taken[k] > 0) {
                    taken[k] = 0;
                    send_to(k);
                }
            }
            (void)serve_once(taken);
        }
        CHECK(taken[other] == 1);
        for (unsigned k = 0; k < BUSY; k++) {
            while (take(k) == WEFT_OK) {
            }
        }
    }
}

/* ------------------------------------------------------------- a sender --- */

/* Sends one at a time, to anybody, and waits until it has been taken. */
struct sender {
    peer_gate taken;
    unsigned rounds;
};

static void *send_each(void *context)
{
    const struct sender *sender = context;
    uint64_t state = 1;

    for (unsigned i = 0; i < sender->rounds; i++) {
        uint64_t random = peer_random(&state);

        if (random % 4 == 0) {
            uint64_t end = weft_after_ns(random % 100000);

            while (weft_now_ns() < end) {
            }
        }
        send_to((unsigned)(random >> 32) % MANY);
        CHECK(peer_gate_pass(&sender->taken));
    }
    return NULL;
}

static void test_races(void)
{
    struct sender sender = {.rounds = peer_rounds(5000)};
    unsigned taken[MANY] = {0};
    pthread_t thread;

    check_case("a message that comes as the set goes to sleep is told");
    peer_gate_init(&sender.taken);
    REQUIRE(pthread_create(&thread, NULL, send_each, &sender) == 0);
    for (unsigned all = 0; all < sender.rounds;) {
        unsigned more = serve_once(taken);

        all += more;
        while (more-- > 0) {
            peer_gate_open(&sender.taken);
        }
    }
    CHECK(pthread_join(thread, NULL) == 0);
    peer_gate_deinit(&sender.taken);
}

static void run(weft_wait wait)
{
    weft_poll_options options = WEFT_POLL_OPTIONS_INIT;

    options.wait = wait;
    REQUIRE(weft_poll_open(&options, &poll, NULL) == WEFT_OK);
    open_all();
    test_each();
    test_all();
    test_fair();
    test_busy();
    test_races();
    for (unsigned i = 0; i < MANY; i++) {
        weft_channel_close(&theirs[i]);
        weft_channel_close(&ours[i]);
    }
    weft_poll_close(&poll);
}

void test_main(void)
{
    run(WEFT_WAIT_DEFAULT);
    run(WEFT_WAIT_BLOCK);
}
