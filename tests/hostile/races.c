/* SPDX-License-Identifier: MIT
 *
 * Double fetches: a peer changes a word between two looks of the victim. What
 * was checked is what is used, so that lengths never disagree with the room.
 */
#include "attacker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE (WEFTI_FIRST | WEFTI_LAST)

/* How often each race is run. */
#define ROUNDS 2000

/*
 * A thread that stores one of two values in a word, in turn, without end. It
 * says which word it is at, so that the word's memory is not ended before.
 */
struct toggler {
    _Atomic(weftos_word *) word;
    _Atomic(weftos_word *) at;
    _Atomic uint64_t one;
    _Atomic uint64_t other;
    atomic_bool stop;
    pthread_t thread;
};

static void *toggle(void *argument)
{
    struct toggler *toggler = argument;

    while (!toggler->stop) {
        weftos_word *word = toggler->word;

        toggler->at = word;
        if (word != NULL && toggler->word == word) {
            weftos_store_relaxed(word, toggler->one);
            weftos_store_relaxed(word, toggler->other);
        }
    }
    toggler->at = NULL;
    return NULL;
}

static void begin_toggling(struct toggler *toggler, uint64_t one,
                           uint64_t other)
{
    memset(toggler, 0, sizeof(*toggler));
    toggler->one = one;
    toggler->other = other;
    REQUIRE(pthread_create(&toggler->thread, NULL, toggle, toggler) == 0);
}

static void end_toggling(struct toggler *toggler)
{
    toggler->stop = true;
    CHECK(pthread_join(toggler->thread, NULL) == 0);
}

static weftos_word *word_at(const struct attacker *attacker, uint64_t position)
{
    return (weftos_word *)(void *)(attacker_ring(attacker) +
                                   (position &
                                    (attacker_ring_bytes(attacker) - 1)));
}

/* It holds one of the values from here on, and soon changes. */
static void give_word(struct toggler *toggler, weftos_word *word)
{
    weftos_store_relaxed(word, toggler->one);
    toggler->word = word;
    while (toggler->at != word) {
        weftos_yield();
    }
}

/* A fresh pair whose first record is the toggler's to change. */
static void meet_toggler(struct toggler *toggler, struct attacker *attacker,
                         weft_channel **victim, uint64_t offset)
{
    attacker_meet(attacker, NULL, victim);
    give_word(toggler, word_at(attacker, offset));
}

static void part_toggler(struct toggler *toggler, struct attacker *attacker,
                         weft_channel **victim)
{
    weftos_word *word = toggler->word;

    toggler->word = NULL;
    while (toggler->at == word) {
        weftos_yield();
    }
    attacker_part(attacker, victim);
}

/* Receives into exactly as much memory as the smaller length needs. */
static void length_changes(const void *argument)
{
    const size_t small = 24;
    const size_t large = 800;
    unsigned char *room = malloc(small);
    struct toggler toggler;

    (void)argument;
    REQUIRE(room != NULL);
    begin_toggling(&toggler, forged_word(16 + small, WEFTI_DATA, WHOLE, 0),
                   forged_word(16 + large, WEFTI_DATA, WHOLE, 0));
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        struct attacker attacker;
        weft_channel *victim;
        weft_status status = WEFT_EMSGSIZE;

        meet_toggler(&toggler, &attacker, &victim, 0);
        for (unsigned j = 0; j < 100 && status == WEFT_EMSGSIZE; j++) {
            size_t bytes = 0;

            status = weft_channel_recv_until(victim, room, small, &bytes,
                                             weft_after_ns(VICTIM_NS));
            CHECK(status == WEFT_OK
                      ? bytes == small
                      : status == WEFT_EMSGSIZE && bytes == large);
        }
        part_toggler(&toggler, &attacker, &victim);
    }
    end_toggling(&toggler);
    free(room);
}

/* Between the look and the release of a peek. */
static void peeked_length_changes(const void *argument)
{
    struct toggler toggler;

    (void)argument;
    begin_toggling(&toggler, forged_word(48, WEFTI_DATA, WHOLE, 0),
                   forged_word(0xffffffff, WEFTI_RESEAT, 255, 255));
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        struct attacker attacker;
        weft_channel *victim;
        const void *data;
        size_t bytes = 0;
        weft_status status;

        meet_toggler(&toggler, &attacker, &victim, 0);
        status =
            weft_channel_peek(victim, &data, &bytes, weft_after_ns(VICTIM_NS));
        CHECK(status == WEFT_OK ? bytes == 32 : status == WEFT_ECORRUPT);
        weft_channel_release(victim);
        attacker_forge(&attacker, 0, NULL, 0);
        part_toggler(&toggler, &attacker, &victim);
    }
    end_toggling(&toggler);
}

/* The total of a message in pieces, which follows the first header. */
static void total_changes(const void *argument)
{
    struct toggler toggler;

    (void)argument;
    begin_toggling(&toggler, 60, 100000);
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        const uint64_t total = 60;
        struct attacker attacker;
        weft_channel *victim;
        const void *data;
        size_t bytes = 0;
        weft_status status;

        attacker_meet(&attacker, NULL, &victim);
        attacker_forge(&attacker, forged_word(54, WEFTI_DATA, WEFTI_FIRST, 0),
                       &total, sizeof(total));
        attacker_forge(&attacker, forged_word(46, WEFTI_DATA, WEFTI_LAST, 0),
                       NULL, 0);
        give_word(&toggler, word_at(&attacker, WEFTI_HEADER));
        status =
            weft_channel_peek(victim, &data, &bytes, weft_after_ns(VICTIM_NS));
        CHECK(status == WEFT_OK ? bytes == 60 : status == WEFT_ECORRUPT);
        part_toggler(&toggler, &attacker, &victim);
    }
    end_toggling(&toggler);
}

/* The size of the ring that a move goes to. */
static void ring_size_changes(const void *argument)
{
    weft_handle object = hostile_memory(65536);
    struct toggler toggler;

    (void)argument;
    begin_toggling(&toggler, 65536, UINT64_C(1) << 25);
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        const uint64_t size = 65536;
        struct attacker attacker;
        weft_channel *victim;
        weft_status status;
        const void *data;
        size_t bytes;

        attacker_meet(&attacker, NULL, &victim);
        CHECK(attacker_ride(&attacker, WEFTI_RESEAT, 0, &object, 1));
        attacker_forge(&attacker, forged_word(24, WEFTI_RESEAT, 0, 1), &size,
                       sizeof(size));
        give_word(&toggler, word_at(&attacker, WEFTI_HEADER));
        status = weft_channel_peek(victim, &data, &bytes,
                                   weft_after_ns(VICTIM_NS / 1000));
        CHECK(status == WEFT_ETIMEDOUT || status == WEFT_EPROTO);
        part_toggler(&toggler, &attacker, &victim);
    }
    end_toggling(&toggler);
    weftos_close(object);
}

/* A record that comes and goes: never there, never not there. */
static void record_flickers(const void *argument)
{
    struct toggler toggler;

    (void)argument;
    begin_toggling(&toggler, 0, forged_word(16, WEFTI_DATA, 0, 0));
    for (unsigned i = 0; i < 10; i++) {
        uint64_t began = weft_now_ns();
        struct attacker attacker;
        weft_channel *victim;
        weft_status status;

        meet_toggler(&toggler, &attacker, &victim, 0);
        status = victim_receive(victim);
        CHECK(status == WEFT_ECORRUPT || status == WEFT_ETIMEDOUT);
        part_toggler(&toggler, &attacker, &victim);
        CHECK_IN_TIME(began, VICTIM_NS);
    }
    end_toggling(&toggler);
}

/* The same with a cursor that has got there, and has not. */
static void cursor_flickers(const void *argument)
{
    struct toggler toggler;

    begin_toggling(&toggler, 0, 128);
    for (unsigned i = 0; i < 10; i++) {
        weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
        uint64_t began = weft_now_ns();
        struct attacker attacker;
        weft_channel *victim;
        weft_status status;

        options.wait = *(const weft_wait *)argument;
        attacker_meet(&attacker, &options, &victim);
        CHECK_STATUS(weft_channel_try_send(victim, &attacker, 112), WEFT_OK);
        toggler.word = &attacker.offer.home->cursor;
        status = weft_channel_flush(victim, began + VICTIM_NS);
        CHECK(status == WEFT_OK || status == WEFT_ECORRUPT ||
              status == WEFT_ETIMEDOUT);
        CHECK_IN_TIME(began, VICTIM_NS);
        part_toggler(&toggler, &attacker, &victim);
    }
    end_toggling(&toggler);
}

void test_main(void)
{
    static const weft_wait how[] = {WEFT_WAIT_SPIN, WEFT_WAIT_BLOCK};

    hostile_case("a length that changes is one length", length_changes, NULL);
    hostile_case("a peeked length that changes is one length",
                 peeked_length_changes, NULL);
    hostile_case("a total that changes is one total", total_changes, NULL);
    hostile_case("a ring's size that changes is one size", ring_size_changes,
                 NULL);
    hostile_case("a record that flickers delays no receive", record_flickers,
                 NULL);
    hostile_case("a cursor that flickers delays no spinner", cursor_flickers,
                 &how[0]);
    hostile_case("a cursor that flickers delays no sleeper", cursor_flickers,
                 &how[1]);
}
