/* SPDX-License-Identifier: MIT
 *
 * Messages in pieces, whose sender says one thing and does another.
 */
#include "attacker.h"

#include <string.h>

#define WHOLE (WEFTI_FIRST | WEFTI_LAST)

/* A first piece of `bytes` bytes of a message of `total`. */
static void lead(struct attacker *attacker, uint64_t total, uint64_t bytes,
                 unsigned flags)
{
    attacker_forge(attacker,
                   forged_word(WEFTI_HEADER + WEFTI_TOTAL_BYTES + bytes,
                               WEFTI_DATA, WEFTI_FIRST | flags, 0),
                   &total, sizeof(total));
}

static void follow(struct attacker *attacker, uint64_t bytes, unsigned flags,
                   unsigned handles)
{
    attacker_forge(
        attacker, forged_word(WEFTI_HEADER + bytes, WEFTI_DATA, flags, handles),
        NULL, 0);
}

static void refuses_surplus(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    lead(&attacker, 100, 50, 0);
    follow(&attacker, 51, WEFTI_LAST, 0);
    CHECK_STATUS(victim_receive(victim), WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

static void refuses_want(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    lead(&attacker, 100, 50, 0);
    follow(&attacker, 49, WEFTI_LAST, 0);
    CHECK_STATUS(victim_receive(victim), WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

static void starts_anew(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    lead(&attacker, 100, 50, 0);
    lead(&attacker, 200, 60, 0);
    follow(&attacker, 140, WEFTI_LAST, 0);
    follow(&attacker, 5, WHOLE, 0);
    CHECK_STATUS(victim_receive(victim), WEFT_OK);
    CHECK_STATUS(victim_receive(victim), WEFT_OK);
    attacker_part(&attacker, &victim);
}

/* The rest of a message may come after a time-out, into a smaller buffer. */
static void changes_between_calls(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;
    unsigned char small[64];
    size_t bytes = 0;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    lead(&attacker, 500, 100, 0);
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_channel_try_recv(victim, small, sizeof(small), &bytes),
                 WEFT_EAGAIN);
    lead(&attacker, 90, 60, 0);
    follow(&attacker, 30, WEFTI_LAST, 0);
    CHECK_STATUS(victim_peek(victim), WEFT_OK);
    follow(&attacker, 40, WHOLE, 0);
    CHECK_STATUS(weft_channel_try_recv(victim, small, sizeof(small), &bytes),
                 WEFT_OK);
    CHECK(bytes == 40);
    attacker_part(&attacker, &victim);
}

/* A larger total after a time-out must not reach beyond the first stash. */
static void grows_between_calls(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    lead(&attacker, 40, 30, 0);
    CHECK_STATUS(victim_peek(victim), WEFT_ETIMEDOUT);
    lead(&attacker, 900, 600, 0);
    follow(&attacker, 300, WEFTI_LAST, 0);
    CHECK_STATUS(victim_peek(victim), WEFT_OK);
    attacker_part(&attacker, &victim);
}

/* What a victim asks with, for a message whose last piece has surprises. */
typedef weft_status ask(weft_channel *victim);

static ask *const asks[] = {victim_receive, victim_receive_plain, victim_peek};

/*
 * Only the last piece says that handles ride, so a caller who takes none has
 * been told of none. With the handles and without.
 */
static void bears_late_handles(const void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 2 * sizeof(asks) / sizeof(asks[0]); i++) {
        bool rides = i % 2 == 0;
        struct attacker attacker;
        weft_channel *victim;
        weft_status status;

        attacker_meet(&attacker, NULL, &victim);
        lead(&attacker, 100, 50, 0);
        if (rides) {
            CHECK(attacker_ride(&attacker, WEFTI_DATA, attacker.at,
                                &attacker.socket, 1));
        }
        follow(&attacker, 50, WEFTI_LAST | WEFTI_HANDLES, 1);
        status = asks[i / 2](victim);
        CHECK(status == WEFT_ECORRUPT ||
              status == (rides ? WEFT_OK : WEFT_EHANDLES) ||
              status == WEFT_EHANDLES);
        attacker_part(&attacker, &victim);
    }
}

/* Announced at the beginning, and then not there, or nothing said of them. */
static void bears_missing_handles(const void *argument)
{
    (void)argument;
    for (unsigned flags = 0; flags < 2; flags++) {
        struct attacker attacker;
        weft_channel *victim;
        weft_status status;

        attacker_meet(&attacker, NULL, &victim);
        lead(&attacker, 100, 50, WEFTI_HANDLES);
        follow(&attacker, 50, WEFTI_LAST | (flags != 0 ? WEFTI_HANDLES : 0),
               flags);
        CHECK_STATUS(victim_receive_plain(victim), WEFT_EHANDLES);
        status = victim_receive(victim);
        CHECK(status == WEFT_ECORRUPT || (flags == 0 && status == WEFT_OK));
        attacker_part(&attacker, &victim);
    }
}

static void handles_two_owners(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;
    weft_handle two[2];

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    two[0] = attacker.socket;
    two[1] = attacker.offer.hear;
    CHECK(attacker_ride(&attacker, WEFTI_DATA, 0, two, 2));
    follow(&attacker, 8, WHOLE | WEFTI_HANDLES, 1);
    CHECK_STATUS(victim_receive(victim), WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

static void refuses_huge_promises(const void *argument)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    options.message_max_bytes = 4096;
    attacker_meet(&attacker, &options, &victim);
    lead(&attacker, 4097, 10, 0);
    CHECK_STATUS(victim_peek(victim), WEFT_EPROTO);
    victim_stays_failed(victim, WEFT_EPROTO);
    attacker_part(&attacker, &victim);
}

void test_main(void)
{
    hostile_case("pieces that are more than was said are corrupt",
                 refuses_surplus, NULL);
    hostile_case("pieces that are less than was said are corrupt", refuses_want,
                 NULL);
    hostile_case("a first piece ends the message before it", starts_anew, NULL);
    hostile_case("a message may change while nobody receives",
                 changes_between_calls, NULL);
    hostile_case("a message may grow while nobody receives",
                 grows_between_calls, NULL);
    hostile_case("handles that only the last piece tells of do no harm",
                 bears_late_handles, NULL);
    hostile_case("handles that do not come are missed", bears_missing_handles,
                 NULL);
    hostile_case("more handles than the record says are corrupt",
                 handles_two_owners, NULL);
    hostile_case("a message over the receiver's limit is refused",
                 refuses_huge_promises, NULL);
}
