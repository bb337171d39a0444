/* SPDX-License-Identifier: MIT
 *
 * semaphore.pml - the counting semaphore; who posts or waits may be killed.
 *
 * It follows src/ipc/sync_semaphore.c. Each process does ROUNDS things, any of
 * them: post one or two, or wait, with a deadline or without. Holds:
 *
 * - as many are taken as were given, at most;
 * - nobody sleeps for ever while there is one to be had, whoever was killed,
 *   and whenever; and every run ends.
 *
 * A killed process may have taken one with it. That one is gone.
 */
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef PLACES
#define PLACES PROCESSES
#endif

byte state; /* the value, and WAITERS */
#define WAITERS 16
#define VALUE(word) ((word) & 15)

/* Who is left may wait, but not while there is one. */
#define MUST_MOVE (ANY(IS_LEFT) && VALUE(state) > 0)
#define when_killed(who) skip

byte given, taken; /* in all */

#include "lobby.pml"

/* How many to take of those that there are: one, or all. */
#ifdef TAKE_ALL
#define WANTED VALUE(state)
#else
#define WANTED 1
#endif

/* take(); with the wake that it makes. `over`: it has one. */
inline take(must_pass_on)
{
    atomic {
        alive;
        if
        :: VALUE(state) > 0 ->
            word = WANTED;
            state = (state - word) | (must_pass_on -> WAITERS : 0);
            taken = taken + word;
            assert(taken <= given);
            over = 1;
            word = VALUE(state)
        :: else
        fi
    };
    if
#ifndef NO_PASS_ON
    :: over && must_pass_on && word > 0 -> lobby_wake(0)
#endif
    :: else
    fi;
    word = 0
}

/* announce(): `word` says whether to sleep. */
inline announce()
{
    atomic {
        alive;
        if
        :: VALUE(state) == 0 -> state = state | WAITERS; word = 1
        :: else
        fi
    }
}

inline leave()
{
    atomic { alive; word = VALUE(state); state = state | WAITERS };
    if
#ifndef NO_LEAVE_WAKE
    :: word > 0 -> lobby_wake(0)
#endif
    :: else
    fi;
    word = 0
}

/* weft_semaphore_wait_until() */
inline wait()
{
    over = 0;
    take(0);
    do
    :: !over ->
        enter();
        take(slept);
        if
        :: !over ->
            announce();
            if
            :: word ->
                word = 0;
                lobby_wait(0);
                slept = 1;
                if
                :: status == LATE -> leave(); over = 1
                :: else
                fi;
                status = OK
            :: else
            fi
        :: else
        fi
    :: else -> break
    od;
    over = 0;
    slept = 0
}

/* weft_semaphore_post() */
inline post(count)
{
    atomic { alive; word = state };
    do
    :: !over ->
        if
#ifndef NO_POST_LIST
        :: (word & WAITERS) != 0 -> list_waker()
#endif
        :: else
        fi;
        atomic {
            alive;
            if
            :: state == word ->
                state = VALUE(word) + count + (listed -> 0 : word & WAITERS);
                given = given + count;
                over = 1
            :: else -> word = state
            fi
        }
    :: else -> break
    od;
    over = 0;
    listed = 0;
    if
    :: (word & WAITERS) != 0 -> lobby_wake(0)
    :: else
    fi;
    word = 0
}

proctype process(byte me)
{
    byte word, status, site, seen, rounds;
    bit listed, over, slept;

    do
    :: rounds < ROUNDS ->
        rounds++;
        if
        :: post(1)
#ifdef TWO
        :: post(2)
#endif
        :: wait()
#ifdef TIMED
        :: timed[me] = 1; wait(); timed[me] = 0
#endif
        fi
    :: else -> break
    od;
    ended[me] = 1
}

init { start_all() }
