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
#ifdef TAKE_UNLISTED /* who is no member takes one away as well */
#define TAKES_UNLISTED true
#else
#define TAKES_UNLISTED false
#endif
#ifdef MAKER
#define MAKES (me == MAKER)
#define TAKES (me != MAKER)
#else
#define MAKES true
#define TAKES true
#endif

/*
 * The state: never less than the sleepers whom nobody has called. It only grows
 * while waiters come and go, so it stops at a number that is enough.
 */
byte state;
#define ENOUGH 6

byte mutex; /* who has it */
byte items;
byte called, taken; /* calls that were made, and items that were taken */

#define MUST_MOVE (ANY(IS_LEFT) && items > 0 && called > taken)
#define when_killed(who) skip
#define when_advanced called = called + due; due = 0

#include "lobby.pml"

inline lock() { atomic { alive && (mutex == 0 || dead[mutex]) -> mutex = me } }
inline unlock() { atomic { alive; mutex = 0 } }

/* call(): takes one away, or all, and wakes. */
inline call(all)
{
    /* A call when nobody waits is made by this look. */
    atomic {
        alive;
        is_called = (state == 0);
        if
        :: is_called -> when_advanced
        :: else
        fi
    };
    if
    :: !is_called ->
#ifdef LIST_LATE
        atomic { alive; state = (all || state == 0 -> 0 : state - 1) };
        list_waker();
#else
        list_waker();
        if
        :: listed || TAKES_UNLISTED ->
            atomic { alive; state = (all || state == 0 -> 0 : state - 1) }
        :: else
        fi;
#endif
        listed = 0;
        lobby_wake(all)
    :: else
    fi;
    is_called = 0
}

/* await_call(): `over` says that the deadline has passed. */
inline await_call()
{
    lobby_wait(0);
    atomic { alive; is_called = (!latest[me] || status == DIED) };
    if
    :: !is_called && status == LATE -> over = 1
    :: !is_called && status == OK -> lobby_wake(0)
    :: else
    fi;
    status = OK;
    is_called = 0
}

/* weft_condition_wait_until() */
inline wait()
{
    list();
    listed = 0;
#ifdef COUNT_FIRST
    atomic { alive; state = (state < ENOUGH -> state + 1 : state) };
    enter();
#else
    enter();
    atomic { alive; state = (state < ENOUGH -> state + 1 : state) };
#endif
    unlock();
    await_call();
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
    :: call(1)
    :: call(0)
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
    byte status, site, seen, due, rounds;
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
