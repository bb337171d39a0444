/* SPDX-License-Identifier: MIT
 *
 * The control socket in hostile hands: floods, and a buffer that nobody
 * empties.
 */
#include "attacker.h"

#define WHOLE_WITH_HANDLES (WEFTI_FIRST | WEFTI_LAST | WEFTI_HANDLES)

/* -------------------------------------------------------------- floods --- */

static void flood_with(const struct attacker *attacker, size_t handles)
{
    weft_handle many[WEFT_HANDLES_MAX];
    unsigned sent = 0;

    for (size_t i = 0; i < WEFT_HANDLES_MAX; i++) {
        many[i] = attacker->socket;
    }
    while (attacker_ride(attacker, WEFTI_DATA, sent, many, handles)) {
        sent++;
    }
    CHECK(sent > 0);
}

/* Messages without records are not even looked at. */
static void bears_riders(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;
    int before;

    attacker_meet(&attacker, NULL, &victim);
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    flood_with(&attacker, *(const size_t *)argument);
    before = check_open_handles();
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    CHECK(check_open_handles() == before);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    attacker_forge(&attacker, forged_word(20, WEFTI_DATA, 3, 0), "abcd", 4);
    CHECK_STATUS(victim_receive(victim), WEFT_OK);
    /* The first of the flood is not for this record. */
    attacker_forge(&attacker,
                   forged_word(20, WEFTI_DATA, WHOLE_WITH_HANDLES, 2), "abcd",
                   4);
    CHECK_STATUS(victim_receive(victim), WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

/* ---------------------------------------------------------------- full --- */

static void gives_up_full_socket(const void *argument)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    struct attacker attacker;
    weft_channel *victim;
    weft_status status;

    (void)argument;
    options.ring_max_bytes = 2048; /* no growth, or its rider counts too */
    attacker_meet(&attacker, &options, &victim);
    status = victim_send_handles(victim, attacker.offer.home);
    CHECK(status == WEFT_ETIMEDOUT || status == WEFT_ELIMIT);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    attacker_leave(&attacker);
    CHECK_STATUS(victim_send_handles(victim, NULL), WEFT_EPEERDIED);
    weft_channel_close(&victim);
}

/* A ring that wants to grow can't say so, and goes on as it is. */
static void does_not_grow_by_full_socket(const void *argument)
{
    static const unsigned char data[100];
    weft_channel_stats stats = {.size = sizeof(stats)};
    uint64_t ring_bytes;
    struct attacker attacker;
    weft_channel *victim;
    weft_status status;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    CHECK_STATUS(weft_channel_get_stats(victim, &stats), WEFT_OK);
    ring_bytes = stats.sent.ring_bytes;
    status = victim_send_handles(victim, attacker.offer.home);
    CHECK(status == WEFT_ETIMEDOUT || status == WEFT_ELIMIT ||
          status == WEFT_ECORRUPT);
    if (status == WEFT_ETIMEDOUT) {
        do {
            status = weft_channel_send_until(victim, data, sizeof(data),
                                             weft_after_ns(VICTIM_NS / 5));
        } while (status == WEFT_OK);
        CHECK_STATUS(status, WEFT_ETIMEDOUT);
        CHECK_STATUS(weft_channel_get_stats(victim, &stats), WEFT_OK);
        CHECK(stats.sent.ring_bytes <= ring_bytes || stats.sent.reseats > 0);
    }
    attacker_part(&attacker, &victim);
}

void test_main(void)
{
    static const size_t none = 0;
    static const size_t all = WEFT_HANDLES_MAX;

    hostile_case("a flood of messages without records does no harm",
                 bears_riders, &none);
    hostile_case("a flood of handles without records does no harm",
                 bears_riders, &all);
    hostile_case("a socket that nobody empties delays no send",
                 gives_up_full_socket, NULL);
    hostile_case("a socket that nobody empties stops growth only",
                 does_not_grow_by_full_socket, NULL);
}
