/* SPDX-License-Identifier: MIT
 *
 * Records that no honest producer makes: each is refused, and the direction
 * stays failed.
 */
#include "attacker.h"

#include <string.h>

#define FIRST WEFTI_FIRST
#define LAST WEFTI_LAST
#define WHOLE (WEFTI_FIRST | WEFTI_LAST)
#define HANDLES WEFTI_HANDLES

/*
 * One record, at the stream's beginning or so many bytes before the first
 * wrap of the ring.
 */
struct forged {
    const char *name;
    uint64_t length;
    unsigned type;
    unsigned flags;
    unsigned handles;
    unsigned reserved;
    uint64_t payload;
    uint64_t before_wrap; /* 0: at the beginning */
    weft_status expected;
    uint64_t rings; /* the length is so many rings more */
};

static const struct forged words[] = {
    {"a length beyond 32 bits' use", 0xffffffff, WEFTI_DATA, WHOLE, 0, 0, 0, 0,
     WEFT_ECORRUPT, 0},
    {"a length that rounds up to 2^32", 0xfffffff1, WEFTI_DATA, WHOLE, 0, 0, 0,
     0, WEFT_ECORRUPT, 0},
    {"a length of the whole ring", 0, WEFTI_DATA, WHOLE, 0, 0, 0, 0,
     WEFT_ECORRUPT, 1},
    {"a length one beyond the ring", 1, WEFTI_DATA, WHOLE, 0, 0, 0, 0,
     WEFT_ECORRUPT, 1},
    {"a record over the ring's end", 64, WEFTI_DATA, WHOLE, 0, 0, 0, 48,
     WEFT_ECORRUPT, 0},
    {"a record that only rounds over the ring's end", 49, WEFTI_DATA, WHOLE, 0,
     0, 0, 48, WEFT_ECORRUPT, 0},
    {"type 0", 32, 0, WHOLE, 0, 0, 0, 0, WEFT_ECORRUPT, 0},
    {"an unknown type", 32, 4, WHOLE, 0, 0, 0, 0, WEFT_ECORRUPT, 0},
    {"the last type", 32, 255, WHOLE, 0, 0, 0, 0, WEFT_ECORRUPT, 0},
    {"an unknown flag", 32, WEFTI_DATA, WEFTI_FLAGS_KNOWN + 1, 0, 0, 0, 0,
     WEFT_ECORRUPT, 0},
    {"all flags", 32, WEFTI_DATA, 255, 0, 0, 0, 0, WEFT_ECORRUPT, 0},
    {"a reserved bit", 32, WEFTI_DATA, WHOLE, 0, 1, 0, 0, WEFT_ECORRUPT, 0},
    {"all reserved bits", 32, WEFTI_DATA, WHOLE, 0, 255, 0, 0, WEFT_ECORRUPT,
     0},
    {"too many handles", 32, WEFTI_DATA, WHOLE | HANDLES, WEFT_HANDLES_MAX + 1,
     0, 0, 0, WEFT_ECORRUPT, 0},
    {"255 handles", 32, WEFTI_DATA, WHOLE | HANDLES, 255, 0, 0, 0,
     WEFT_ECORRUPT, 0},
    {"handles without their flag", 32, WEFTI_DATA, WHOLE, 1, 0, 0, 0,
     WEFT_ECORRUPT, 0},
    {"handles before the last piece", 32, WEFTI_DATA, FIRST | HANDLES, 1, 0, 8,
     0, WEFT_ECORRUPT, 0},
    {"handles that are not there", 32, WEFTI_DATA, WHOLE | HANDLES, 1, 0, 0, 0,
     WEFT_ECORRUPT, 0},
    {"a wrap at the ring's beginning", 0, WEFTI_WRAP, 0, 0, 0, 0, 0,
     WEFT_ECORRUPT, 1},
    {"a wrap that ends early", 64, WEFTI_WRAP, 0, 0, 0, 0, 128, WEFT_ECORRUPT,
     0},
    {"a wrap that ends late", 128 + 16, WEFTI_WRAP, 0, 0, 0, 0, 128,
     WEFT_ECORRUPT, 0},
    {"a wrap that is not aligned", 128 - 1, WEFTI_WRAP, 0, 0, 0, 0, 128,
     WEFT_ECORRUPT, 0},
    {"a wrap with flags", 128, WEFTI_WRAP, FIRST, 0, 0, 0, 128, WEFT_ECORRUPT,
     0},
    {"a wrap with handles", 128, WEFTI_WRAP, 0, 1, 0, 0, 128, WEFT_ECORRUPT, 0},
    {"a move that is too short", 16, WEFTI_RESEAT, 0, 0, 0, 0, 0, WEFT_ECORRUPT,
     0},
    {"a move that is too long", 32, WEFTI_RESEAT, 0, 0, 0, 0, 0, WEFT_ECORRUPT,
     0},
    {"a move with flags", 24, WEFTI_RESEAT, WHOLE, 0, 0, 0, 0, WEFT_ECORRUPT,
     0},
    {"a move with two handles", 24, WEFTI_RESEAT, 0, 2, 0, 65536, 0,
     WEFT_ECORRUPT, 0},
    {"a move without a handle", 24, WEFTI_RESEAT, 0, 0, 0, 65536, 0,
     WEFT_ECORRUPT, 0},
    {"a move home with a handle", 24, WEFTI_RESEAT, 0, 1, 0, 0, 0,
     WEFT_ECORRUPT, 0},
    {"a move whose rider is missing", 24, WEFTI_RESEAT, 0, 1, 0, 65536, 0,
     WEFT_ECORRUPT, 0},
    {"a piece without a first one", 64, WEFTI_DATA, 0, 0, 0, 0, 0,
     WEFT_ECORRUPT, 0},
    {"a last piece without a first one", 64, WEFTI_DATA, LAST, 0, 0, 0, 0,
     WEFT_ECORRUPT, 0},
    {"a first piece without the length", 16, WEFTI_DATA, FIRST, 0, 0, 0, 0,
     WEFT_ECORRUPT, 0},
    {"a first piece with half a length", 23, WEFTI_DATA, FIRST, 0, 0, 64, 0,
     WEFT_ECORRUPT, 0},
    {"a first piece over the length", 64, WEFTI_DATA, FIRST, 0, 0, 39, 0,
     WEFT_ECORRUPT, 0},
    {"a length over what is accepted", 64, WEFTI_DATA, FIRST, 0, 0,
     WEFT_MESSAGE_MAX + 1, 0, WEFT_EPROTO, 0},
    {"a length of all ones", 64, WEFTI_DATA, FIRST, 0, 0, UINT64_MAX, 0,
     WEFT_EPROTO, 0},
};

/* Fills the ring up to an offset with good messages. */
static void skip_to(struct attacker *attacker, uint64_t before_wrap)
{
    uint64_t position =
        before_wrap == 0 ? 0 : attacker_ring_bytes(attacker) - before_wrap;

    while (attacker->at < position) {
        uint64_t left = position - attacker->at;

        attacker_forge(
            attacker,
            forged_word(left < 256 ? left : 256, WEFTI_DATA, WHOLE, 0), NULL,
            0);
    }
}

static void receive_up_to(const struct attacker *attacker, weft_channel *victim)
{
    for (uint64_t at = 0; at < attacker->at; at += 256) {
        CHECK_STATUS(victim_receive(victim), WEFT_OK);
    }
}

static void forge_one(struct attacker *attacker, const struct forged *forged)
{
    uint64_t length =
        forged->length + forged->rings * attacker_ring_bytes(attacker);
    uint64_t word =
        forged_word(length, forged->type, forged->flags, forged->handles) |
        (uint64_t)forged->reserved << WEFTI_RESERVED_SHIFT;
    bool has_payload = length >= 24;

    attacker_forge(attacker, word, &forged->payload,
                   has_payload ? sizeof(forged->payload) : 0);
}

static void refuses_word(const void *argument)
{
    const struct forged *forged = argument;
    struct attacker attacker;
    weft_channel *victim;

    attacker_meet(&attacker, NULL, &victim);
    skip_to(&attacker, forged->before_wrap);
    receive_up_to(&attacker, victim);
    forge_one(&attacker, forged);
    CHECK_STATUS(victim_receive(victim), forged->expected);
    victim_stays_failed(victim, forged->expected);
    attacker_part(&attacker, &victim);
}

/* A caller that takes no handles leaves them, and so their absence. */
static weft_status expected_without_handles(const struct forged *forged)
{
    bool leaves = (forged->flags & (HANDLES | LAST)) == (HANDLES | LAST) &&
                  forged->handles == 1;

    return leaves ? WEFT_EHANDLES : forged->expected;
}

static void refuses_word_by(const struct forged *forged,
                            weft_status (*take)(weft_channel *victim))
{
    weft_status expected = expected_without_handles(forged);
    struct attacker attacker;
    weft_channel *victim;

    attacker_meet(&attacker, NULL, &victim);
    skip_to(&attacker, forged->before_wrap);
    receive_up_to(&attacker, victim);
    forge_one(&attacker, forged);
    CHECK_STATUS(take(victim), expected);
    if (expected != WEFT_EHANDLES) {
        victim_stays_failed(victim, expected);
    }
    attacker_part(&attacker, &victim);
}

static void refuses_word_in_peek(const void *argument)
{
    refuses_word_by(argument, victim_peek);
}

static void refuses_plain_word(const void *argument)
{
    refuses_word_by(argument, victim_receive_plain);
}

static void refuses_short_lengths(const void *argument)
{
    (void)argument;
    for (uint64_t length = 1; length < WEFTI_HEADER; length++) {
        struct attacker attacker;
        weft_channel *victim;

        attacker_meet(&attacker, NULL, &victim);
        attacker_forge(&attacker, forged_word(length, WEFTI_DATA, WHOLE, 0),
                       NULL, 0);
        CHECK_STATUS(victim_receive(victim), WEFT_ECORRUPT);
        attacker_part(&attacker, &victim);
    }
}

/* Length 0 is "not yet", whatever the other bits say, or corrupt. */
static void bears_a_length_of_none(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    attacker_forge(&attacker, forged_word(0, WEFTI_DATA, WHOLE, 0), NULL, 0);
    CHECK_STATUS(victim_receive(victim), WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

/* A record of the largest size and this many bytes more. */
static void send_large(uint64_t more, weft_status (*take)(weft_channel *victim))
{
    struct attacker attacker;
    weft_channel *victim;
    uint64_t largest;

    attacker_meet(&attacker, NULL, &victim);
    largest = wefti_record_max(attacker_ring_bytes(&attacker));
    attacker_forge(&attacker, forged_word(largest + more, WEFTI_DATA, WHOLE, 0),
                   NULL, 0);
    CHECK_STATUS(take(victim), more == 0 ? WEFT_OK : WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

static void refuses_large_records(const void *argument)
{
    (void)argument;
    for (uint64_t more = 0; more <= 17; more++) {
        send_large(more, victim_receive);
        send_large(more, victim_receive_plain);
    }
}

static void refuses_marker_after_marker(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    skip_to(&attacker, 256);
    receive_up_to(&attacker, victim);
    attacker_forge(&attacker, forged_word(256, WEFTI_WRAP, 0, 0), NULL, 0);
    attacker_forge(
        &attacker,
        forged_word(attacker_ring_bytes(&attacker), WEFTI_WRAP, 0, 0), NULL, 0);
    CHECK_STATUS(victim_receive(victim), WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

static void accepts_honest_marker(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    skip_to(&attacker, 256);
    receive_up_to(&attacker, victim);
    attacker_forge(&attacker, forged_word(256, WEFTI_WRAP, 0, 0), NULL, 0);
    attacker_forge(&attacker, forged_word(20, WEFTI_DATA, WHOLE, 0), "abcd", 4);
    CHECK_STATUS(victim_receive(victim), WEFT_OK);
    attacker_part(&attacker, &victim);
}

void test_main(void)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *name = words[i].name;

        hostile_case(hostile_name(name, "message"), refuses_word, &words[i]);
        hostile_case(hostile_name(name, "receive"), refuses_plain_word,
                     &words[i]);
        hostile_case(hostile_name(name, "peek"), refuses_word_in_peek,
                     &words[i]);
    }
    hostile_case("lengths below a header are corrupt", refuses_short_lengths,
                 NULL);
    hostile_case("a length of 0 with bits above it is corrupt",
                 bears_a_length_of_none, NULL);
    hostile_case("a record may be as large as layout.h says, and no larger",
                 refuses_large_records, NULL);
    hostile_case("a marker after a marker is corrupt",
                 refuses_marker_after_marker, NULL);
    hostile_case("a marker at its place is good", accepts_honest_marker, NULL);
}
