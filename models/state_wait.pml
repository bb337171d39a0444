/* SPDX-License-Identifier: MIT
 *
 * state_wait.pml - waiting for the next version of a state, whose writer may be
 * killed, or close it, and be followed by another one.
 *
 * It follows weft_state_set, weft_state_wait, become_writer and resign in
 * src/ipc/state.c. `newest` is one word with the bit WAITERS, and changes by
 * atomic read-modify-writes alone, so memory is in order here. Processes 1 and
 * 2 are writers, one after the other in any order, and VALUES values each; 3
 * reads. Holds:
 *
 * - nobody sleeps for ever while there is a version that it does not know, or,
 *   unless it is PATIENT (WEFT_STATE_ANY_WRITER), when the writer is gone;
 * - who is told of that end has been told of all versions before; and every
 *   run ends.
 */
#define PROCESSES 3
#ifndef VALUES
#define VALUES 1
#endif
#ifdef PATIENT
#define STAYS 1
#else
#define STAYS 0
#endif
#define READER 3

byte newest;   /* the version, */
bit waiters;   /* and the bit beside it */
byte lease;    /* who the writer is: a mutex; mutex.pml is about that */
byte writers;  /* that there were */
byte version;  /* that the reader knows */

#define IS_GONE (lease == 0 || dead[lease])
#define MUST_MOVE \
    (IS_LEFT(1) || IS_LEFT(2) || \
     (IS_LEFT(READER) && \
      (version != newest || (!STAYS && version != 0 && IS_GONE))))
#define when_killed(who) skip

#include "lobby.pml"

/* become_writer(), when nobody else is it. */
inline begin()
{
    atomic { alive && IS_GONE; lease = me; writers++ };
#ifndef NO_BEGIN_WAKE
    lobby_wake(1)
#endif
}

/* weft_state_set() */
inline set()
{
    atomic { alive; newest++; word = waiters; waiters = 0 };
    if
    :: word -> lobby_wake(1)
    :: else
    fi;
    word = 0
}

inline resign()
{
    atomic { alive; lease = 0 };
#ifndef NO_END_WAKE
    lobby_wake(1)
#endif
}

/* announce(): `word` says whether to sleep. */
inline announce()
{
    atomic {
        alive;
        if
#ifdef BLIND
        :: waiters = 1; word = 1
#else
        :: newest == version -> waiters = 1; word = 1
        :: else
#endif
        fi
    }
}

/* find_end() for the writer in `who`: `over` says that there is one. */
inline find_end(ask)
{
    atomic {
        if
        :: who == 0 -> over = (!STAYS && version != 0)
        :: who != 0 && ask && dead[who] -> gone = who; over = !STAYS
        :: else
        fi
    }
}

/* wait_once() */
inline wait_once()
{
#ifndef TICKET_LATE
    enter();
#endif
    atomic { alive; who = lease };
    find_end(0);
    if
    :: !over ->
        announce();
        if
        :: word ->
            word = 0;
#ifdef TICKET_LATE
            enter();
#endif
            lobby_wait((who == gone -> 0 : who));
            if
            :: status == DIED ->
                status = OK;
                atomic { alive; who = lease };
                find_end(1)
            :: else
            fi
        :: else
        fi
    :: else
    fi;
    who = 0
}

/* weft_state_wait(), until the end. */
inline read_all()
{
    do
    :: atomic { newest != version -> version = newest }
    :: newest == version && !over -> wait_once()
#ifdef NO_LAST_LOOK
    :: over -> break
#else
    :: atomic { newest == version && over -> break }
#endif
    od;
    assert(writers > 1 || version == newest)
}

proctype process(byte me)
{
    byte word, status, site, seen, who, gone, values;
    bit listed, over;

    if
    :: me == READER -> read_all()
    :: else ->
        begin();
        do
        :: values < VALUES -> values++; set()
        :: else -> break
        od;
        resign()
    fi;
    ended[me] = 1
}

init { start_all() }
