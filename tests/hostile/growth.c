/* SPDX-License-Identifier: MIT
 *
 * Moves to another ring: what a victim is shown must be a ring, and what it
 * is told of the peer's limits must not spoil its own.
 */
#include "attacker.h"

#include <string.h>

#define WHOLE (WEFTI_FIRST | WEFTI_LAST)
/* A ring as it is at first when it moves to a larger one. */
#define LARGER UINT64_C(65536)

/* A move to a ring of `claimed` bytes in an object of `bytes`. */
struct move {
    const char *name;
    uint64_t claimed;
    uint64_t bytes;
    weft_status expected;
};

static void tell_move(struct attacker *attacker, uint64_t claimed,
                      weft_handle object)
{
    CHECK(attacker_ride(attacker, WEFTI_RESEAT, attacker->at, &object, 1));
    attacker_forge(
        attacker,
        forged_word(WEFTI_HEADER + WEFTI_RESEAT_BYTES, WEFTI_RESEAT, 0, 1),
        &claimed, sizeof(claimed));
}

static weft_status move_to(weft_handle object, uint64_t claimed)
{
    struct attacker attacker;
    weft_channel *victim;
    weft_status status;

    attacker_meet(&attacker, NULL, &victim);
    tell_move(&attacker, claimed, object);
    status = victim_receive(victim);
    if (status != WEFT_ETIMEDOUT) {
        victim_stays_failed(victim, status);
    }
    weftos_close(object);
    attacker_part(&attacker, &victim);
    return status;
}

static void moves(const void *argument)
{
    const struct move *move = argument;

    CHECK_STATUS(move_to(hostile_memory(move->bytes), move->claimed),
                 move->expected);
}

static void moves_to_thing(const void *argument)
{
    weft_handle object = hostile_open(argument, LARGER);

    weft_status status;

    if (object != WEFT_HANDLE_NONE) {
        status = move_to(object, LARGER);
        CHECK(status == WEFT_EPROTO || status == WEFT_EACCES);
    }
}

static void check_moves(void)
{
    static const struct move cases[] = {
        {"a sound ring is accepted", LARGER, LARGER, WEFT_ETIMEDOUT},
        {"a ring that is no power of two is refused", LARGER + 16384,
         LARGER + 16384, WEFT_EPROTO},
        {"a ring smaller than the home's is refused", 1024, LARGER,
         WEFT_EPROTO},
        {"a ring of one byte is refused", 1, LARGER, WEFT_EPROTO},
        {"a ring over our limit is refused", UINT64_C(128) << 20, LARGER,
         WEFT_EPROTO},
        {"a ring of 2^63 bytes is refused", UINT64_C(1) << 63, LARGER,
         WEFT_EPROTO},
        {"an object smaller than the ring is refused", LARGER, LARGER / 2,
         WEFT_EPROTO},
        {"an object larger than the ring is refused", LARGER, LARGER * 2,
         WEFT_EPROTO},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hostile_case(cases[i].name, moves, &cases[i]);
    }
    for (size_t i = 0; i < hostile_no_memory.count; i++) {
        const struct hostile_thing *thing = &hostile_no_memory.list[i];

        hostile_case(hostile_name(thing->name, "as ring"), moves_to_thing,
                     thing);
    }
}

/*
 * Rings that each hold nothing but the move to the next: so many are none's
 * honest way, and none stays mapped.
 */
static void refuses_tour(const void *argument)
{
    enum { STOPS = 12 };
    const uint64_t size = LARGER;
    const uint64_t word = forged_word(24, WEFTI_RESEAT, 0, 1);
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    for (uint64_t i = 0; i < STOPS; i++) {
        uint64_t record[3] = {word, 0, size};
        uint64_t at = 32 * i;
        weft_handle object;
        void *base;

        REQUIRE(weftos_shm_create(size, &object, &base, NULL) == WEFT_OK);
        memcpy((char *)base + at + 32, record, sizeof(record));
        CHECK(attacker_ride(&attacker, WEFTI_RESEAT, at, &object, 1));
        weftos_shm_unmap(base, size);
        weftos_close(object);
    }
    attacker_forge(&attacker, word, &size, sizeof(size));
    CHECK_STATUS(victim_receive(victim), WEFT_ECORRUPT);
    victim_stays_failed(victim, WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

/* -------------------------------------------------------------- riders --- */

enum kind {
    POSITION,
    TYPE,
    MAGIC,
    SHORT,
    LONG,
    NO_HANDLE,
    TWO_HANDLES,
    MANY_HANDLES,
    BEFORE
};

static const struct fault {
    const char *name;
    enum kind kind;
} faults[] = {
    {"a rider of another position is refused", POSITION},
    {"a rider of another type is refused", TYPE},
    {"a rider without the magic is refused", MAGIC},
    {"a rider that is too short is refused", SHORT},
    {"a rider that is too long is refused", LONG},
    {"a rider without a handle is refused", NO_HANDLE},
    {"a rider with two handles is refused", TWO_HANDLES},
    {"a rider with 200 handles is refused", MANY_HANDLES},
    {"another rider before the right one is refused", BEFORE},
};

static void send_faulty(const struct attacker *attacker, weft_handle object,
                        enum kind fault)
{
    unsigned char data[300] = {0};
    struct wefti_rider rider = {WEFTI_MAGIC, WEFTI_RESEAT, attacker->at};
    weft_handle handles[200];
    size_t count = fault == NO_HANDLE      ? 0
                   : fault == TWO_HANDLES  ? 2
                   : fault == MANY_HANDLES ? 200
                                           : 1;
    size_t bytes = sizeof(rider);

    for (size_t i = 0; i < 200; i++) {
        handles[i] = object;
    }
    rider.position += fault == POSITION ? 16 : 0;
    rider.type = fault == TYPE ? WEFTI_DATA : WEFTI_RESEAT;
    rider.magic ^= fault == MAGIC;
    bytes = fault == SHORT ? bytes - 1 : fault == LONG ? sizeof(data) : bytes;
    memcpy(data, &rider, sizeof(rider));
    if (fault == BEFORE) {
        CHECK(attacker_ride(attacker, WEFTI_DATA, attacker->at, &object, 1));
    }
    CHECK(attacker_send(attacker->socket, data, bytes, handles, count));
}

static void refuses_rider(const void *argument)
{
    const struct fault *fault = argument;
    const uint64_t claimed = LARGER;
    weft_handle object = hostile_memory(LARGER);
    struct attacker attacker;
    weft_channel *victim;
    weft_status status;

    attacker_meet(&attacker, NULL, &victim);
    send_faulty(&attacker, object, fault->kind);
    attacker_forge(&attacker, forged_word(24, WEFTI_RESEAT, 0, 1), &claimed,
                   sizeof(claimed));
    status = victim_receive(victim);
    CHECK(status == WEFT_ECORRUPT || status == WEFT_EPROTO);
    victim_stays_failed(victim, status);
    weftos_close(object);
    attacker_part(&attacker, &victim);
}

/* ---------------------------------------------------------- our growth --- */

/* Sends until the peer, which reads nothing, has no room for more. */
static void send_until_full(weft_channel *victim)
{
    static const unsigned char data[20000];
    weft_status status = WEFT_OK;

    for (unsigned i = 0; i < 400 && status == WEFT_OK; i++) {
        status =
            weft_channel_try_send(victim, data, (size_t)i * 97 % sizeof(data));
    }
    CHECK(status == WEFT_OK || status == WEFT_EAGAIN || status == WEFT_EPROTO);
}

/* The same with a peer that says at once that it has read everything. */
static void send_to_liar(struct attacker *attacker, weft_channel *victim)
{
    static const unsigned char data[20000];
    weft_channel_stats stats;
    weft_status status = WEFT_OK;

    stats.size = sizeof(stats);
    for (unsigned i = 0; i < 2000 && status == WEFT_OK; i++) {
        status =
            weft_channel_try_send(victim, data, (size_t)i * 97 % sizeof(data));
        if (status == WEFT_EAGAIN) {
            CHECK_STATUS(weft_channel_get_stats(victim, &stats), WEFT_OK);
            weftos_store_release(
                &attacker->offer.home->cursor,
                weftos_load_relaxed(&attacker->offer.home->cursor) +
                    stats.sent.depth_bytes);
            status = WEFT_OK;
        }
    }
    CHECK(status == WEFT_OK || status == WEFT_EAGAIN || status == WEFT_EPROTO);
}

/* A limit in a greeting that is no size of a ring. */
static void bears_claimed_limit(const void *argument)
{
    static const uint64_t limits[] = {
        0,     1,      16,      2047,    2048,     2049,           2050,
        4095,  4097,   65535,   65536,   65537,    65536 + 16,     65536 + 4096,
        70000, 100000, 1 << 17, 1000000, 3u << 20, UINT64_MAX,     INT64_MAX,
        8191,  12288,  2064,    98304,   131088,   (4u << 20) - 16};

    (void)argument;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct attacker attacker;
        weft_channel *victim;

        attacker_meet_claiming(&attacker, NULL, limits[i], WEFT_MESSAGE_MAX,
                               &victim);
        send_until_full(victim);
        send_to_liar(&attacker, victim);
        attacker_part(&attacker, &victim);
    }
}

static void bears_claimed_message_limit(const void *argument)
{
    static const uint64_t limits[] = {0, 1, 100, UINT64_MAX};
    unsigned char data[200] = {0};

    (void)argument;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct attacker attacker;
        weft_channel *victim;

        attacker_meet_claiming(&attacker, NULL, 65536, limits[i], &victim);
        CHECK_STATUS(weft_channel_try_send(victim, data, sizeof(data)),
                     limits[i] < sizeof(data) ? WEFT_EMSGSIZE : WEFT_OK);
        CHECK_STATUS(weft_channel_try_send(victim, data, 0), WEFT_OK);
        attacker_part(&attacker, &victim);
    }
}

void test_main(void)
{
    check_moves();
    hostile_case("moves without a message between them are refused",
                 refuses_tour, NULL);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        hostile_case(faults[i].name, refuses_rider, &faults[i]);
    }
    hostile_case("a peer's claim about rings does no harm", bears_claimed_limit,
                 NULL);
    hostile_case("a peer's claim about messages is kept",
                 bears_claimed_message_limit, NULL);
}
