/* SPDX-License-Identifier: MIT
 *
 * mutex.pml - the robust mutex, whose owner may be killed at any access.
 *
 * It follows src/ipc/sync_lock.c and sync_mutex.c. Each process takes the
 * mutex and gives it back, ROUNDS times. Holds:
 *
 * - at most one live process has the mutex;
 * - the death of an owner is told to the next one, once, and nothing else is;
 * - nobody sleeps for ever, whoever was killed, and whenever (no invalid end
 *   state), and every run ends;
 * - if an owner does not recover (NO_RECOVER), everybody who comes, and
 *   everybody who sleeps, is told that the mutex is not recoverable.
 *
 * TIMED: sleeps may end at a deadline. LOSSES: after so many sleeps for
 * nothing a waiter sets TURN, and newcomers step back once.
 */
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef LOSSES
#define LOSSES 2
#endif

/* The word: an owner, and flags. */
byte state;
#define WAITERS 1
#define INCONSISTENT 2
#define TURN 4
#define FLAGS 7
#define OWNER(word) ((word) >> 3)
#define OWNED_BY(who) ((who) << 3)

#ifdef TIMED
#define TIMED_LOCK 1
#else
#define TIMED_LOCK 0
#endif

#ifdef NO_WAITERS_KEPT
#define WAITERS_OF_SLEEPER (word & WAITERS)
#else
#define WAITERS_OF_SLEEPER WAITERS
#endif

/* What must be so, whatever the words say. */
byte holder;     /* who has the mutex: nobody is 0 */
bit is_orphaned; /* its owner was killed, and nobody was told */
bit is_given_up; /* an owner was told, and did not recover */

#define when_killed(who) \
    if \
    :: OWNER(state) == who -> holder = 0; is_orphaned = 1 \
    :: else \
    fi

#include "lobby.pml"

inline now_has_it(owner_died)
{
    assert(holder == 0 && !is_given_up);
    assert(is_orphaned == owner_died);
    is_orphaned = 0;
    holder = me
}

/* take_over(): from exactly the word that named the dead one. */
inline take_over()
{
    atomic {
        alive;
        if
        :: state == word ->
            state = OWNED_BY(me) | WAITERS | INCONSISTENT;
            now_has_it(1);
            taken = 1
        :: else
        fi;
        over = taken
    }
}

inline take_free()
{
    atomic {
        alive;
        if
        :: state == word ->
            state = OWNED_BY(me) |
                    (sleeps > 0 -> WAITERS_OF_SLEEPER : word & WAITERS);
            now_has_it(0);
            taken = 1
        :: else
        fi;
        over = taken
    }
}

/* announce(): `seen` says whether the word tells of the sleep now. */
inline announce()
{
    atomic {
        alive;
        seen = word | WAITERS | (sleeps >= LOSSES -> TURN : 0);
        if
        :: seen == word -> seen = 1
        :: else ->
            if
            :: state == word -> state = seen; seen = 1
            :: else -> seen = 0
            fi
        fi
    }
}

inline has_slept()
{
    if
    :: sleeps < LOSSES -> sleeps++
    :: else
    fi
}

/* await_owner(), and what try_once() makes of it. */
inline await_owner()
{
    announce();
    if
    :: seen ->
        seen = 0;
        lobby_wait(OWNER(word));
        has_slept();
        if
        :: status == DIED ->
            if
            :: dead[OWNER(word)] -> take_over()
            :: else
            fi
        :: status == LATE -> over = 1
        :: else
        fi;
        status = OK
    :: else
    fi
}

inline step_back()
{
    announce();
    if
    :: seen ->
        seen = 0;
        timed[me] = 1;
        lobby_wait(0);
        timed[me] = TIMED_LOCK;
        stepped = 1;
        has_slept();
        status = OK
    :: else
    fi
}

#define MUST_STEP_BACK ((word & TURN) != 0 && !stepped && sleeps == 0)

/* try_once(): `over` ends the attempt. */
inline try_once()
{
    enter();
    atomic { alive; word = state };
    if
    :: OWNER(word) != 0 -> await_owner()
    :: OWNER(word) == 0 && MUST_STEP_BACK -> step_back()
    :: OWNER(word) == 0 && !MUST_STEP_BACK ->
        if
        :: (word & INCONSISTENT) != 0 -> over = 1
        :: else -> take_free()
        fi
    fi
}

inline leave()
{
    if
    :: sleeps > 0 ->
        atomic { alive; state = state & ~TURN };
        lobby_wake(0)
    :: else
    fi
}

/* weft_mutex_lock_until(): `taken` says whether it was. */
inline lock()
{
    atomic {
        alive;
        timed[me] = TIMED_LOCK;
        if
        :: state == 0 -> state = OWNED_BY(me); now_has_it(0); taken = 1
        :: else
        fi;
        over = taken
    };
    do
    :: !over -> try_once()
    :: else -> break
    od;
    over = 0;
    stepped = 0;
    if
    :: !taken -> leave()
    :: else
    fi;
    sleeps = 0;
    word = 0
}

/* weft_mutex_recover(), where it is due; then weft_mutex_unlock(). */
inline unlock()
{
    if
#ifndef NO_RECOVER
    :: atomic {
           alive && (state & INCONSISTENT) != 0 ->
           state = state & ~INCONSISTENT
       }
    :: alive && (state & INCONSISTENT) == 0
#else
    :: alive
#endif
    fi;
    atomic { alive; word = state };
    atomic {
        alive;
        assert(OWNER(state) == me && holder == me);
        holder = 0;
        is_given_up = is_given_up || (word & INCONSISTENT) != 0;
        seen = state;
        state = ((word & INCONSISTENT) != 0 -> INCONSISTENT : word & TURN);
        word = seen;
        seen = 0
    };
    if
#ifndef NO_UNLOCK_WAKE
    :: (word & FLAGS) != 0 -> lobby_wake((word & INCONSISTENT) != 0)
#endif
    :: else
    fi;
    word = 0
}

proctype process(byte me)
{
    byte word, status, site, seen, sleeps, rounds;
    bit listed, taken, over, stepped;

    do
    :: rounds < ROUNDS ->
        rounds++;
        lock();
        if
        :: taken -> taken = 0; unlock()
        :: else
        fi
    :: else -> break
    od;
    ended[me] = 1
}

init { start_all() }
