/* SPDX-License-Identifier: MIT
 *
 * park_by_position.pml - a consumer sleeps for a position.
 *
 *      producer                         consumer
 *      length[p] = committed            parked_at = p
 *      fence                            fence
 *      load parked_at                   load length[p]
 *      ring, if it is p                 sleep, if it is 0
 *
 * With both fences at least one of the two loads sees the other's store, so
 * no wake-up is lost. FENCE gives the producer its fence. ASYM takes it away
 * again and lets the consumer fence the producer's processor as well, unless
 * NO_REMOTE is defined. A batch of records makes one test of `parked_at`, by
 * range.
 *
 * Holds: all records arrive (no invalid end state, and every run ends), and
 * a park is rung at most once, however late the sleeper runs.
 */
#define NMSG 4
#define PARKED NMSG
#define WORDS (NMSG + 1)
#include "memory.pml"

byte parks, wakes;

inline fence_after_commit()
{
#ifdef FENCE
    fence(PRODUCER)
#else
    skip
#endif
}

inline ring_if_parked_in(first, end)
{
    parked = memory[PARKED];
    if
    :: parked >= first && parked < end ->
        atomic { bell[CONSUMER] = 1; wakes++; assert(wakes <= parks) }
    :: else
    fi;
    parked = 0
}

init { atomic { memory[PARKED] = NONE; run producer(); run consumer() } }

proctype producer()
{
    byte written, first, parked;

    do
    :: written < NMSG ->
        first = written;
        store_release(PRODUCER, written, 1);
        written++;
        if
        :: written < NMSG ->
            store_release(PRODUCER, written, 1);
            written++
        :: skip
        fi;
        fence_after_commit();
        ring_if_parked_in(first, written)
    :: else -> break
    od
}

inline park()
{
    parks++;
    store(CONSUMER, PARKED, got);
    fence(CONSUMER);
#ifdef ASYM
#ifndef NO_REMOTE
    fence_remote();
#endif
#endif
    if
    :: memory[got] != 0
    :: else -> sleep(CONSUMER)
    fi;
    store(CONSUMER, PARKED, NONE)
}

proctype consumer()
{
    byte got;

    do
    :: got < NMSG ->
        if
        :: memory[got] != 0 -> got++
        :: else -> park()
        fi
    :: else -> break
    od
}
