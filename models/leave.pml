/* SPDX-License-Identifier: MIT
 *
 * leave.pml - the consumer closes while the producer sleeps for room.
 *
 * The producer needs the cursor to reach NEED and never asks anybody but the
 * mark, the cursor and the kernel. The consumer takes 0 to NEED records and
 * closes: it publishes its cursor, stores WEFTI_GONE in parked_at with release
 * order, and hangs up the socket; who hears that also sees all that was stored
 * before it. It rings for room, if it has made it, but not for the close: the
 * hang-up wakes.
 *
 * The producer looks whether the consumer is gone, then at the cursor: the
 * last cursor counts, even if nobody is there any more.
 *
 * Holds: the producer ends; it goes on exactly if the room was made, and never
 * takes an orderly close for a death. Must fail: a close without a hang-up
 * (NO_HANGUP), and a cursor that is loaded before the look (LATE_LOOK). With
 * REMOTE the producer fences both, and the consumer not at all.
 */
#define NEED 2
#define CURSOR 0
#define SPACE 1
#define PARKED 2
#define WORDS 3
#include "memory.pml"

#define GONE 254

byte credit;   /* parks that have not been rung */
byte consumed; /* when the consumer closed */
bit hung;      /* the kernel says so */
bit left;

init
{
    atomic {
        memory[SPACE] = NONE;
        memory[PARKED] = NONE;
        run producer();
        run consumer()
    }
}

/* ------------------------------------------------------------ producer --- */

#define IS_GONE (hung_up || memory[PARKED] == GONE)

inline look()
{
#ifdef LATE_LOOK
    cursor = memory[CURSOR];
    gone = IS_GONE
#else
    gone = IS_GONE;
    cursor = memory[CURSOR]
#endif
}

inline sleep_or_hear()
{
    if
    :: atomic { bell[PRODUCER] -> bell[PRODUCER] = 0 }
    :: atomic { early > 0 -> early-- }
    :: hung -> hung_up = 1
    fi
}

inline park()
{
    credit++;
    store(PRODUCER, SPACE, NEED);
    fence(PRODUCER);
#ifdef REMOTE
    fence_remote();
#endif
    cursor = memory[CURSOR];
    if
    :: cursor >= NEED || IS_GONE
    :: else -> sleep_or_hear()
    fi;
    store(PRODUCER, SPACE, NONE)
}

proctype producer()
{
    byte cursor;
    bit hung_up, gone;

    do
    :: true ->
        look();
        if
        :: cursor >= NEED || gone -> break
        :: else -> park()
        fi
    od;
    if
    :: cursor < NEED ->
        assert(memory[PARKED] == GONE);
        assert(left && consumed < NEED)
    :: else
    fi
}

/* ------------------------------------------------------------ consumer --- */

inline publish()
{
    store_release(CONSUMER, CURSOR, consumed);
#ifndef REMOTE
    fence(CONSUMER);
#endif
    if
    :: memory[SPACE] == consumed ->
        atomic { assert(credit > 0); credit--; bell[PRODUCER] = 1 }
    :: else
    fi
}

proctype consumer()
{
    do
    :: consumed < NEED -> consumed++; publish()
    :: true -> break
    od;
    left = 1;
    store_release(CONSUMER, PARKED, GONE);
#ifndef NO_HANGUP
    atomic { pending(CONSUMER) == 0 -> hung = 1 }
#endif
}
