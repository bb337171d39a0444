/* SPDX-License-Identifier: MIT
 *
 * A peer that lies in the words of its home: about what it has read, whether
 * it sleeps, and whether it is there at all.
 */
#include "attacker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#define WHOLE (WEFTI_FIRST | WEFTI_LAST)

/* What the victim has written when the lies begin: records of 128 bytes. */
#define RECORDS 4
#define WRITTEN UINT64_C(512)

static const weft_wait waits[] = {WEFT_WAIT_ADAPTIVE, WEFT_WAIT_SPIN,
                                  WEFT_WAIT_BLOCK};
#define WAITS (sizeof(waits) / sizeof(waits[0]))

static void meet_waiting(struct attacker *attacker, weft_wait wait,
                         weft_channel **victim)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.wait = wait;
    attacker_meet(attacker, &options, victim);
}

static void send_some(weft_channel *victim)
{
    static const unsigned char data[100];

    for (unsigned i = 0; i < RECORDS; i++) {
        CHECK_STATUS(weft_channel_try_send(victim, data, sizeof(data)),
                     WEFT_OK);
    }
}

static weft_status flush(weft_channel *victim, uint64_t ns)
{
    uint64_t began = weft_now_ns();
    weft_status status = weft_channel_flush(victim, began + ns);

    CHECK_IN_TIME(began, ns);
    return status;
}

/* ------------------------------------------------------------- cursors --- */

struct cursors {
    const char *name;
    uint64_t first; /* a good one */
    uint64_t then;
    weft_status expected; /* of a flush */
};

static const struct cursors cursors[] = {
    {"a cursor one byte beyond what was written", 0, WRITTEN + 1,
     WEFT_ECORRUPT},
    {"a cursor one record beyond what was written", 256, WRITTEN + 16,
     WEFT_ECORRUPT},
    {"a cursor a ring beyond", 256, WRITTEN + 2048, WEFT_ECORRUPT},
    {"a cursor that goes back one byte", 256, 255, WEFT_ECORRUPT},
    {"a cursor that goes back to 0", 256, 0, WEFT_ECORRUPT},
    {"a cursor of all ones", 0, UINT64_MAX, WEFT_ECORRUPT},
    {"a cursor of 2^63", 0, UINT64_C(1) << 63, WEFT_ECORRUPT},
    {"a cursor within a record", 128, 300, WEFT_ETIMEDOUT},
    {"a cursor that is right", 128, WRITTEN, WEFT_OK},
};

static void set_cursor(const struct attacker *attacker, uint64_t cursor)
{
    weftos_store_release(&attacker->offer.home->cursor, cursor);
}

static void checks_cursor(const void *argument)
{
    const struct cursors *lie = argument;

    for (size_t i = 0; i < WAITS; i++) {
        struct attacker attacker;
        weft_channel *victim;

        meet_waiting(&attacker, waits[i], &victim);
        send_some(victim);
        set_cursor(&attacker, lie->first);
        CHECK_STATUS(flush(victim, VICTIM_NS / 10), WEFT_ETIMEDOUT);
        set_cursor(&attacker, lie->then);
        CHECK_STATUS(flush(victim, VICTIM_NS / 10), lie->expected);
        if (lie->expected == WEFT_ECORRUPT) {
            CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_ECORRUPT);
            CHECK_STATUS(weft_channel_trim(victim, WEFT_NOW), WEFT_ECORRUPT);
        }
        attacker_part(&attacker, &victim);
    }
}

/* Sends until there is no room, so that the next send reads the cursor. */
static void fill(weft_channel *victim)
{
    static const unsigned char data[200];
    weft_status status;

    do {
        status = weft_channel_try_send(victim, data, sizeof(data));
    } while (status == WEFT_OK);
    CHECK_STATUS(status, WEFT_EAGAIN);
}

/* Who never waits must hear of the end all the same. */
static void notices_end_by_trying(const void *argument)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    unsigned char data[200] = {0};
    weft_status status = WEFT_EAGAIN;
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    options.ring_max_bytes = 65536;
    attacker_meet(&attacker, &options, &victim);
    fill(victim);
    attacker_leave(&attacker);
    for (unsigned i = 0; i < 10000 && status == WEFT_EAGAIN; i++) {
        status = weft_channel_try_send(victim, data, sizeof(data));
    }
    CHECK_STATUS(status, WEFT_EPEERDIED);
    weft_channel_close(&victim);
}

static void checks_cursor_for_room(const void *argument)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    unsigned char data[200] = {0};
    struct attacker attacker;
    weft_channel *victim;
    uint64_t began;

    (void)argument;
    options.ring_max_bytes = 65536;
    attacker_meet(&attacker, &options, &victim);
    fill(victim);
    set_cursor(&attacker, UINT64_C(1) << 40);
    began = weft_now_ns();
    CHECK_STATUS(
        weft_channel_send_until(victim, data, sizeof(data), began + VICTIM_NS),
        WEFT_ECORRUPT);
    CHECK_IN_TIME(began, VICTIM_NS);
    attacker_part(&attacker, &victim);
}

static void checks_cursor_for_trim(const void *argument)
{
    static const unsigned char data[4000];
    struct attacker attacker;
    weft_channel *victim;
    uint64_t began;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    CHECK_STATUS(weft_channel_try_send(victim, data, sizeof(data)), WEFT_OK);
    began = weft_now_ns();
    CHECK_STATUS(weft_channel_trim(victim, began + VICTIM_NS), WEFT_ETIMEDOUT);
    CHECK_IN_TIME(began, VICTIM_NS);
    set_cursor(&attacker, 1 << 20);
    CHECK_STATUS(weft_channel_trim(victim, weft_after_ns(VICTIM_NS)),
                 WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

/* ------------------------------------------------------------- closing --- */

static void set_closed(const struct attacker *attacker, uint64_t position)
{
    weftos_store_release(&attacker->offer.home->closed_at, position);
}

static void closes_before_the_record(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    set_closed(&attacker, 0);
    attacker_forge(&attacker, forged_word(20, WEFTI_DATA, WHOLE, 0), "abcd", 4);
    CHECK_STATUS(victim_receive(victim), WEFT_OK);
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    attacker_leave(&attacker);
    CHECK_STATUS(victim_receive(victim), WEFT_EPEERDIED);
    weft_channel_close(&victim);
}

static void closes_and_sends_on(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    set_closed(&attacker, 0);
    CHECK_STATUS(victim_receive(victim), WEFT_ECLOSED);
    attacker_forge(&attacker, forged_word(20, WEFTI_DATA, WHOLE, 0), "abcd", 4);
    victim_stays_failed(victim, WEFT_ECLOSED);
    attacker_part(&attacker, &victim);
}

static void closes_elsewhere(const void *argument)
{
    static const uint64_t places[] = {1, 16, UINT64_C(1) << 63, WEFTI_GONE};

    (void)argument;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct attacker attacker;
        weft_channel *victim;

        attacker_meet(&attacker, NULL, &victim);
        set_closed(&attacker, places[i]);
        CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
        attacker_leave(&attacker);
        CHECK_STATUS(victim_receive(victim), WEFT_EPEERDIED);
        weft_channel_close(&victim);
    }
}

static void says_gone_and_reads(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    weftos_store_release(&attacker.offer.home->parked_at, WEFTI_GONE);
    (void)weft_channel_try_send(victim, "x", 1); /* may still be taken */
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_ECLOSED);
    weftos_store_release(&attacker.offer.home->parked_at, WEFTI_NONE);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_ECLOSED);
    attacker_part(&attacker, &victim);
}

/* ------------------------------------------------------------ restless --- */

/* One word of a home, written without end by a thread of the attacker's. */
struct restless {
    const char *name;
    size_t offset;
    bool may_corrupt; /* else only the word's own effect may be seen */
};

static const struct restless restless[] = {
    {"a restless cursor", offsetof(struct wefti_home, cursor), true},
    {"a restless parked_at", offsetof(struct wefti_home, parked_at), false},
    {"a restless cpu", offsetof(struct wefti_home, cpu), false},
    {"a restless space_at", offsetof(struct wefti_home, space_at), false},
    {"a restless closed_at", offsetof(struct wefti_home, closed_at), false},
    {"a restless fence_mode", offsetof(struct wefti_home, fence_mode), false},
};

struct scribbler {
    weftos_word *word;
    atomic_bool stop;
};

static void *scribble(void *argument)
{
    struct scribbler *scribbler = argument;
    static const uint64_t values[] = {0,       1,   16,         128, 256,
                                      WRITTEN, 513, UINT64_MAX, 2,   3};
    uint64_t i = 0;

    while (!scribbler->stop) {
        i++;
        weftos_store_relaxed(
            scribbler->word,
            i % 3 == 0 ? i % 700
                       : values[i % (sizeof(values) / sizeof(values[0]))]);
    }
    return NULL;
}

static bool is_fair(weft_status status, bool may_corrupt)
{
    return status == WEFT_OK || status == WEFT_ETIMEDOUT ||
           status == WEFT_EAGAIN || status == WEFT_ECLOSED ||
           status == WEFT_EPROTO || (may_corrupt && status == WEFT_ECORRUPT);
}

static void use_both_ways(weft_channel *victim, bool may_corrupt)
{
    unsigned char data[200] = {0};
    const uint64_t ns = 500000;
    size_t bytes;

    for (unsigned i = 0; i < 10; i++) {
        uint64_t began = weft_now_ns();

        CHECK(is_fair(
            weft_channel_send_until(victim, data, sizeof(data), began + ns),
            may_corrupt));
        CHECK(is_fair(weft_channel_recv_until(victim, data, sizeof(data),
                                              &bytes, began + 2 * ns),
                      may_corrupt));
        CHECK(is_fair(flush(victim, ns), may_corrupt));
        CHECK(
            is_fair(weft_channel_trim(victim, weft_after_ns(ns)), may_corrupt));
        CHECK_IN_TIME(began, 4 * ns);
    }
}

static void bears_restless(const void *argument)
{
    const struct restless *plan = argument;

    for (unsigned i = 0; i < 4 * WAITS; i++) {
        struct scribbler scribbler;
        struct attacker attacker;
        weft_channel *victim;
        pthread_t thread;

        meet_waiting(&attacker, waits[i % WAITS], &victim);
        send_some(victim);
        attacker_forge(&attacker, forged_word(20, WEFTI_DATA, WHOLE, 0), "ab",
                       2);
        scribbler.word =
            (weftos_word *)(void *)((char *)attacker.offer.home + plan->offset);
        scribbler.stop = false;
        REQUIRE(pthread_create(&thread, NULL, scribble, &scribbler) == 0);
        use_both_ways(victim, plan->may_corrupt);
        scribbler.stop = true;
        CHECK(pthread_join(thread, NULL) == 0);
        attacker_part(&attacker, &victim);
    }
}

void test_main(void)
{
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        hostile_case(cursors[i].name, checks_cursor, &cursors[i]);
    }
    hostile_case("a cursor is checked when room is wanted",
                 checks_cursor_for_room, NULL);
    hostile_case("a peer that left a full ring is noticed by mere tries",
                 notices_end_by_trying, NULL);
    hostile_case("a cursor is checked by trim", checks_cursor_for_trim, NULL);
    hostile_case("what is sent before a close is read",
                 closes_before_the_record, NULL);
    hostile_case("what is sent after a close is not read", closes_and_sends_on,
                 NULL);
    hostile_case("a close at another position is none", closes_elsewhere, NULL);
    hostile_case("who says that it is gone stays gone", says_gone_and_reads,
                 NULL);
    for (size_t i = 0; i < sizeof(restless) / sizeof(restless[0]); i++) {
        hostile_case(restless[i].name, bears_restless, &restless[i]);
    }
}
