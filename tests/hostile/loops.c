/* SPDX-License-Identifier: MIT
 *
 * Rings that never end: whatever a peer fills its memory with, a call of the
 * victim comes back by its deadline, and with WEFT_NOW at once.
 */
#include "attacker.h"

#include <string.h>

#include "guard.h"

/* What the whole ring is tiled with, after one record at its beginning. */
struct tiling {
    const char *name;
    uint64_t word;    /* of each tile */
    uint64_t payload; /* each one's first 8 bytes */
    uint64_t total;   /* of the message that is begun before; 0: none is */
};

#define TILE(length, type, flags)                                              \
    (UINT64_C(length) | (uint64_t)(type) << WEFTI_TYPE_SHIFT |                 \
     (uint64_t)(flags) << WEFTI_FLAGS_SHIFT)

static const struct tiling tilings[] = {
    {"empty pieces without end", TILE(16, WEFTI_DATA, 0), 0, 1000},
    {"first pieces without end", TILE(32, WEFTI_DATA, WEFTI_FIRST), 1000, 0},
    {"empty first pieces without end", TILE(24, WEFTI_DATA, WEFTI_FIRST), 0, 0},
    {"pieces of a byte, of a large message", TILE(17, WEFTI_DATA, 0), 0,
     WEFT_MESSAGE_MAX},
    {"moves home without end", TILE(24, WEFTI_RESEAT, 0), 0, 0},
};

static void tile(struct attacker *attacker, const struct tiling *tiling)
{
    unsigned char *ring = attacker_ring(attacker);
    uint64_t step = wefti_round_up(tiling->word & WEFTI_LENGTH_MASK);

    for (uint64_t at = 0; at < attacker_ring_bytes(attacker); at += step) {
        uint64_t words[4] = {tiling->word, 0, tiling->payload, 0};

        memcpy(ring + at, words, step);
    }
    attacker->at = 0;
}

/* A good beginning, looked at up to a time-out; then come the tiles. */
static void begin_message(struct attacker *attacker, weft_channel *victim,
                          uint64_t total)
{
    attacker_forge(attacker, forged_word(32, WEFTI_DATA, WEFTI_FIRST, 0),
                   &total, sizeof(total));
    CHECK_STATUS(victim_peek(victim), WEFT_ETIMEDOUT);
}

enum call { RECEIVE, RECEIVE_PLAIN, PEEK, PEEK_NOW, CALLS };

static const char *const call_names[CALLS] = {"receive with handles", "receive",
                                              "peek", "peek now"};

struct attempt {
    const struct tiling *tiling;
    enum call call;
};

/* Each call against each tiling: constants, as hostile_case() wants them. */
#define ATTEMPTS(i)                                                            \
    {&tilings[i], RECEIVE}, {&tilings[i], RECEIVE_PLAIN}, {&tilings[i], PEEK}, \
    {                                                                          \
        &tilings[i], PEEK_NOW                                                  \
    }
static const struct attempt attempts[] = {ATTEMPTS(0), ATTEMPTS(1), ATTEMPTS(2),
                                          ATTEMPTS(3), ATTEMPTS(4)};
#define TRIES (sizeof(attempts) / sizeof(attempts[0]))

_Static_assert(TRIES == CALLS * sizeof(tilings) / sizeof(tilings[0]),
               "a try for each call and each tiling");

static weft_status attempt_call(weft_channel *victim, enum call call)
{
    const void *data;
    size_t bytes;
    weft_status status;

    switch (call) {
    case RECEIVE:
        return victim_receive(victim);
    case RECEIVE_PLAIN:
        return victim_receive_plain(victim);
    case PEEK:
        return victim_peek(victim);
    case PEEK_NOW:
    case CALLS:
        break;
    }
    status = weft_channel_peek(victim, &data, &bytes, WEFT_NOW);
    CHECK(status != WEFT_OK); /* nothing here is ever whole */
    return status;
}

static void comes_back(const void *argument)
{
    const struct attempt *attempt = argument;
    uint64_t began;
    struct attacker attacker;
    weft_channel *victim;
    weft_status status;

    guard_watch(attempt->tiling->name, 2);
    attacker_meet(&attacker, NULL, &victim);
    if (attempt->tiling->total > 0) {
        begin_message(&attacker, victim, attempt->tiling->total);
    }
    tile(&attacker, attempt->tiling);
    began = weft_now_ns();
    status = attempt_call(victim, attempt->call);
    CHECK_IN_TIME(began, VICTIM_NS);
    /* Corrupt, too large, or out of time with more of the same to come. */
    CHECK(status == WEFT_ECORRUPT || status == WEFT_ETIMEDOUT ||
          status == WEFT_EAGAIN || status == WEFT_EMSGSIZE);
    attacker_part(&attacker, &victim);
}

void test_main(void)
{
    for (size_t i = 0; i < TRIES; i++) {
        const struct attempt *attempt = &attempts[i];

        hostile_case(
            hostile_name(attempt->tiling->name, call_names[attempt->call]),
            comes_back, attempt);
    }
}
