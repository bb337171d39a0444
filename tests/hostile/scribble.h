/* SPDX-License-Identifier: MIT
 *
 * scribble.h - what the hostile process of the scribble test shares with its
 * victim, and nothing of weft's: a board on which they keep the score.
 */
#ifndef WEFT_TESTS_SCRIBBLE_H
#define WEFT_TESTS_SCRIBBLE_H

#include <stdatomic.h>

#include "attacker.h"

/* The victim listens at as many names, each with other options. */
#define SCRIBBLE_NAMES 4

struct scribble_board {
    uint64_t seed;
    _Atomic uint64_t mutations; /* that a living victim may have seen */
    _Atomic uint64_t live;      /* the connection that is used; 0: none */
    atomic_bool stop;
};

/* The name for the n-th connection. */
const char *scribble_name(uint64_t connection);

/* Numbers that only depend on the seed: splitmix64. */
static inline uint64_t scribble_random(uint64_t *state)
{
    uint64_t mixed = (*state += UINT64_C(0x9e3779b97f4a7c15));

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

static inline uint64_t scribble_below(uint64_t *state, uint64_t limit)
{
    return scribble_random(state) % limit;
}

/*
 * The hostile process: connects, streams, scribbles, until it is stopped. The
 * context is the board.
 */
void scribble_attack(void *context);

#endif
