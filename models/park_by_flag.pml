/* SPDX-License-Identifier: MIT
 *
 * park_by_flag.pml - a consumer raises a flag, and no position, to sleep.
 *
 * The usual event count. It loses no wake-up, but a sleeper that was rung
 * needs microseconds to run and lower its flag; until then each commit rings
 * again, with a system call each. BOUND asserts what position gives for
 * nothing, at most one ring for a park, and must fail.
 *
 * EPISODE is the obvious cure: number the parks, and ring once for each
 * number. It loses wake-ups: the ring for a park may be caused by a commit
 * that lies before what the sleeper waits for. The sleeper wakes, finds
 * nothing, sleeps on, and nobody rings for this number again.
 */
#define NMSG 4
#define FLAG NMSG
#define WORDS (NMSG + 1)
#include "memory.pml"

byte parks, wakes;

init { atomic { run producer(); run consumer() } }

inline ring()
{
    atomic {
        bell[CONSUMER] = 1;
        wakes++;
#ifdef BOUND
        assert(wakes <= parks)
#endif
    }
}

proctype producer()
{
    byte written, flag, rung;

    do
    :: written < NMSG ->
        store_release(PRODUCER, written, 1);
        written++;
        fence(PRODUCER);
        flag = memory[FLAG];
        if
#ifdef EPISODE
        :: flag != 0 && flag != rung -> rung = flag; ring()
#else
        :: flag != 0 -> ring()
#endif
        :: else
        fi;
        flag = 0
    :: else -> break
    od
}

/* Sleeps until the record is there: a wait may end early for any reason. */
inline park()
{
    parks++;
#ifdef EPISODE
    store(CONSUMER, FLAG, parks);
#else
    store(CONSUMER, FLAG, 1);
#endif
    fence(CONSUMER);
    do
    :: memory[got] != 0 -> break
    :: else -> sleep(CONSUMER)
    od;
    store(CONSUMER, FLAG, 0)
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
