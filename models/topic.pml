/* SPDX-License-Identifier: MIT
 *
 * topic.pml - subscribers sleep for positions, the publisher's control thread
 * rings them.
 *
 *      control thread                 publishing thread
 *      store SLEEPERS                 store record, TAIL
 *      fence                          fence
 *      load TAIL                      load SLEEPERS
 *      ring those that it has passed  poke, if it is in the range
 *
 * It follows src/ipc/topic_control.c, topic_publisher.c and topic_wait.c, with
 * the two threads as the sides of memory.pml. Subscribers write nothing: each
 * says by a PARK on its socket which position it sleeps for, once for each.
 * Pokes merge. With DEATH the first subscriber may be killed at any time, and
 * its hang-up is heard. Holds:
 *
 * - every live subscriber gets all records (no invalid end state), and every
 *   run ends;
 * - the publishing thread pokes at most once for each position that is stored
 *   in SLEEPERS, however late the control thread runs (BOUND counts that).
 *
 * Only what waits is modelled: no records are overwritten.
 */
#ifndef NMSG
#define NMSG 3
#endif
#ifndef SUBSCRIBERS
#define SUBSCRIBERS 2
#endif
#define TAIL NMSG
#define SLEEPERS (NMSG + 1)
#define WORDS (NMSG + 2)
#define PUBLISHER PRODUCER
#define CONTROL CONSUMER
#include "memory.pml"

#define HANGUP 254

chan socket = [SUBSCRIBERS * (NMSG + 1)] of { byte, byte };
bit poke;
bit rung[SUBSCRIBERS];
#ifdef BOUND
byte owed; /* positions that were stored in SLEEPERS, less the pokes for them */
#endif
#ifdef DEATH
bit dies; /* the first subscriber, from now on */
#endif

#define RECORD(position) memory[position]

init {
    byte i;

    atomic {
        memory[SLEEPERS] = NONE;
        run publisher();
        run control();
        do
        :: i < SUBSCRIBERS -> run subscriber(i); i++
        :: else -> break
        od
    }
}

/* ------------------------------------------------------------ publishing -- */

/* wake_readers() */
inline wake_readers(first, end)
{
#ifndef NO_FENCE_PUBLISH
    fence(PUBLISHER);
#endif
    least = memory[SLEEPERS];
    if
#ifdef FLAG
    :: least != NONE ->
#else
    :: least >= first && least < end ->
#endif
        atomic {
            poke = 1;
#ifdef BOUND
            assert(owed > 0);
            owed--;
#endif
        }
    :: else
    fi;
    least = 0
}

proctype publisher()
{
    byte written, first, least;

    do
    :: written < NMSG ->
        first = written;
        store_release(PUBLISHER, written, 1);
        written++;
        if
        :: written < NMSG -> /* the first one was a wrap marker */
            store_release(PUBLISHER, written, 1);
            written++
        :: skip
        fi;
        store_release(PUBLISHER, TAIL, written);
        wake_readers(first, written)
    :: else -> break
    od
}

/* --------------------------------------------------------------- control -- */

inline set_sleepers(position)
{
    atomic {
        pending(CONTROL) < DEPTH;
#ifdef BOUND
        owed = owed + (position != NONE);
#endif
        sleepers = position;
        store(CONTROL, SLEEPERS, position)
    }
}

/*
 * ring_before(), and the load of the tail: it touches nothing that the publisher
 * sees, so that it is one step. Then `least` is that of the rest's positions.
 */
inline ring_before()
{
    d_step {
        tail = memory[TAIL];
        least = NONE;
        i = 0;
        do
        :: i < SUBSCRIBERS ->
            if
            :: parked_at[i] < tail -> parked_at[i] = NONE; rung[i] = 1
            :: parked_at[i] >= tail && parked_at[i] < least ->
                least = parked_at[i]
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0;
        tail = 0
    }
}

inline ring_parked()
{
    do
    :: ring_before();
       set_sleepers(least);
#ifndef NO_FENCE_RING
       fence(CONTROL);
#endif
#ifdef NO_LOOP
       break
#else
       if
       :: least < memory[TAIL]
       :: else -> break
       fi
#endif
    od;
    least = 0
}

inline park()
{
    if
    :: position < sleepers -> set_sleepers(position)
    :: else
    fi;
#ifndef NO_FENCE_PARK
    fence(CONTROL);
#endif
    if
#ifndef NO_RECHECK
    :: position < memory[TAIL] -> ring_parked()
#endif
    :: else
    fi
}

proctype control()
{
    byte parked_at[SUBSCRIBERS];
    byte sleepers = NONE; /* what this thread has stored last */
    byte who, position, tail, least, i;

    atomic {
        do
        :: i < SUBSCRIBERS -> parked_at[i] = NONE; i++
        :: else -> break
        od;
        i = 0
    };
end:
    do
    :: atomic {
           socket?who, position ->
           parked_at[who] = (position == HANGUP -> NONE : position);
           who = 0
       };
       if
       :: position != HANGUP -> park()
       :: else
       fi;
       position = 0
    :: atomic { poke -> poke = 0 }; ring_parked()
    od
}

/* ----------------------------------------------------------- subscribing -- */

inline await_ring()
{
    if
    :: atomic { rung[me] -> rung[me] = 0 }
    :: atomic { early > 0 -> early-- }
    fi
}

/* sleep_for_record(); a position is sent once. */
inline sleep_for_record()
{
    atomic {
        if
        :: parked_for != got -> socket!me, got; parked_for = got
        :: else
        fi
    };
#ifndef NO_SECOND_LOOK
    if
    :: RECORD(got) != 0
    :: else -> await_ring()
    fi
#else
    await_ring()
#endif
}

proctype subscriber(byte me)
{
    byte got, parked_for = NONE;

    {
        do
        :: got == NMSG -> break
        :: atomic { got < NMSG && RECORD(got) != 0 -> got++ }
        :: got < NMSG && RECORD(got) == 0 -> sleep_for_record()
        od
    }
#ifdef DEATH
    unless {
        atomic { me == 0 && dies -> socket!me, HANGUP }
    }
#endif
}

#ifdef DEATH
active proctype killer() { if :: dies = 1 :: skip fi }
#endif
