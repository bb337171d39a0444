/* SPDX-License-Identifier: MIT
 *
 * condition.pml - the condition; who waits or calls may be killed.
 *
 * It follows src/ipc/sync_condition.c. Each process does ROUNDS things, any of
 * them: make an item and signal, make one and broadcast, or wait for one and
 * take it; with MAKER one makes them, and the others take them. The mutex is
 * what mutex.pml has shown it to be: one has it, and when that one is killed
 * the next one gets it. Holds:
 *
 * - nobody sleeps for ever while there is an item whose call has been made,
 *   whoever was killed, and whenever; and every run ends.
 *
 * A process that is killed before its call has advanced `turn`, or has seen
 * that nobody waits, has not called. CALL_LATE: the call is made after the
 * mutex was given back. TIMED: some waits have a deadline.
 */
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef PLACES
#define PLACES PROCESSES
#endif

#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifdef MAKER
#define MAKES (me == MAKER)
#define TAKES (me != MAKER)
#else
#define MAKES true
#define TAKES true
#endif
#ifdef NO_ARRIVALS
#define NO_ARRIVAL true
#else
#define NO_ARRIVAL (arrivals == since)
#endif
#ifdef NO_EPOCH_CHECK
#define MAY_COUNT_OUT (count > 0)
#else
#define MAY_COUNT_OUT (epoch == mine && count > 0)
#endif

byte count; /* the state: how many wait, of this epoch */
byte epoch;
byte arrivals; /* the state changes with each, and never back */
byte mutex; /* who has it */
byte items;

byte called, taken; /* calls that were made, and items that were taken */

#define MUST_MOVE (ANY(IS_LEFT) && items > 0 && called > taken)
#define when_killed(who) skip
#define when_advanced called = called + due; due = 0

#include "lobby.pml"

inline lock() { atomic { alive && (mutex == 0 || dead[mutex]) -> mutex = me } }
inline unlock() { atomic { alive; mutex = 0 } }

inline load_state()
{
    atomic { alive; state = count; age = epoch; since = arrivals }
}

/* A call when nobody waits is made by this look. */
inline look_for_waiters()
{
    atomic {
        alive;
        state = count;
        age = epoch;
        since = arrivals;
        if
        :: state == 0 -> when_advanced
        :: else
        fi
    }
}

inline begin_epoch()
{
    atomic {
        alive;
        if
        :: count == state && epoch == age && NO_ARRIVAL ->
            count = 0;
            epoch++
        :: else
        fi
    }
}

/* call_all(): `state` is the count that was found, `age` its epoch. */
inline call_all()
{
#ifdef EPOCH_FIRST
    begin_epoch();
    lobby_wake(1)
#else
    lobby_wake(1);
    begin_epoch()
#endif
}

inline signal()
{
    look_for_waiters();
    if
    :: state > 0 ->
#ifndef NO_CALLER_LIST
        list();
        listed = 0;
#endif
        lobby_wake(0)
    :: else
    fi;
    state = 0;
    age = 0;
    since = 0
}

inline broadcast()
{
    look_for_waiters();
    if
    :: state > 0 -> list(); listed = 0; call_all()
    :: else
    fi;
    state = 0;
    age = 0;
    since = 0
}

/* await_call(): `over` says that the deadline has passed. */
inline await_call()
{
    lobby_wait(0);
    if
    :: status == DIED -> load_state(); call_all()
    :: else
    fi;
    atomic { alive; is_called = !latest[me] };
    if
    :: is_called
    :: !is_called && status == LATE -> over = 1
    :: !is_called && status == OK ->
#ifndef NO_PASS_ON
        lobby_wake(0)
#else
        skip
#endif
    :: else
    fi;
    status = OK;
    is_called = 0;
    state = 0;
    age = 0;
    since = 0
}

/* weft_condition_wait_until() */
inline wait()
{
    list();
    listed = 0;
    enter();
    atomic { alive; count++; arrivals++; mine = epoch };
    unlock();
    await_call();
    atomic {
        alive;
        if
        :: MAY_COUNT_OUT -> count--
        :: else
        fi;
        mine = 0
    };
    lock()
}

inline make()
{
    lock();
    atomic { alive; items++; due = 1 };
#ifdef CALL_LATE
    unlock();
#endif
    if
    :: broadcast()
    :: signal()
    fi;
#ifndef CALL_LATE
    unlock()
#endif
}

inline take()
{
    lock();
    do
    :: items == 0 && !over -> wait()
    :: items > 0 -> atomic { alive; items--; taken++ }; break
    :: items == 0 && over -> break
    od;
    over = 0;
    unlock()
}

proctype process(byte me)
{
    byte status, site, seen, state, age, since, mine, due,
         rounds;
    bit listed, over, is_called;

#ifdef TIMED
    if
    :: timed[me] = 1
    :: skip
    fi;
#endif
    do
    :: rounds < ROUNDS ->
        rounds++;
        if
        :: MAKES -> make()
        :: TAKES -> take()
        fi
    :: else -> break
    od;
    ended[me] = 1
}

init { start_all() }
