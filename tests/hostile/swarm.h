/* SPDX-License-Identifier: MIT
 *
 * swarm.h - what tests of random mutations share: how many, which ones, and
 * when the processes that make them end.
 *
 * $WEFT_MUTATIONS says how many, $WEFT_SEED which ones.
 */
#ifndef WEFT_TESTS_SWARM_H
#define WEFT_TESTS_SWARM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The value of one of these variables; 20,000, and some seed. */
uint64_t swarm_mutations(void);
uint64_t swarm_seed(void);

/*
 * Is a child to end, or left alone by a parent that has died, whose `beats`
 * don't change any more?
 */
bool swarm_is_over(const _Atomic uint64_t *beats, const atomic_bool *told);

/* A random number below the limit. */
uint64_t swarm_below(uint64_t *random, uint64_t limit);

/* A word that may mean something, near a position perhaps. */
uint64_t swarm_value(uint64_t *random, uint64_t at);

/* One of the words of a piece of memory gets such a value. */
void swarm_write(uint64_t *random, void *base, uint64_t bytes, uint64_t at);

#endif
