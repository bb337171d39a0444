/* SPDX-License-Identifier: MIT
 *
 * close.pml - an orderly close meets a consumer that waits.
 *
 * The producer stores `closed_at`, the position after its last record, with
 * release order, fences, whatever the fence mode is, and rings whoever is
 * parked. If it closes the channel, and not only this direction, it then hangs
 * up the socket; who hears that also sees all that was stored before it. The
 * consumer is at the end when it has consumed up to exactly closed_at.
 *
 * Before it calls anything the end, the consumer looks at the next length
 * once more: it may have loaded that as 0 before the last record came, and
 * the rest after the close. A spinning consumer asks for the hang-up in just
 * this order.
 *
 * Holds: the consumer ends, it has every record when it does, and it never
 * takes an orderly close for a death: a hang-up without a closed_at that
 * fits. It was rung at most once for each park, plus once for the close:
 * parked_at may still show a park that was already rung. EXACT rings only if
 * parked_at is the final position; that is enough, and then the bound is one
 * for a park, as long as every commit was tested for a sleeper. A wrap marker
 * that was left alone, because its record was given up, was not: so the C
 * code rings all.
 *
 * Must fail: without the fence before the load of parked_at (NO_CLOSE_FENCE)
 * or the re-check of closed_at after the park (NO_CLOSED_RECHECK) the end is
 * slept through, if there is no hang-up. Without the second look at the
 * length (NO_SECOND_LOOK) a close looks like a death, and if closed_at were a
 * mere flag (CLOSE_FLAG), records would be lost.
 */
#define NMSG 2
#define PARKED (NMSG + 1) /* the length word after the last record stays 0 */
#define CLOSED (NMSG + 2)
#define WORDS (NMSG + 3)
#include "memory.pml"

byte parks, wakes;
bit hung; /* the kernel says so */

#ifdef EXACT
#define WAKES_MAX parks
#else
#define WAKES_MAX (parks + 1)
#endif

init
{
    atomic {
        memory[PARKED] = NONE;
        memory[CLOSED] = NONE;
        run producer();
        run consumer()
    }
}

inline ring()
{
    atomic { bell[CONSUMER] = 1; wakes++; assert(wakes <= WAKES_MAX) }
}

inline commit()
{
    store_release(PRODUCER, written, 1);
#ifndef ASYM
    fence(PRODUCER);
#endif
    if
    :: memory[PARKED] == written -> ring()
    :: else
    fi;
    written++
}

inline close()
{
    store_release(PRODUCER, CLOSED, written);
#ifndef NO_CLOSE_FENCE
    fence(PRODUCER);
#endif
    parked = memory[PARKED];
    if
#ifdef EXACT
    :: parked == written -> ring()
#else
    :: parked != NONE -> ring()
#endif
    :: else
    fi;
    parked = 0
}

/* Closes after 0 to NMSG records, with a hang-up or without. */
proctype producer()
{
    byte written, parked;

    do
    :: written < NMSG -> commit()
    :: break
    od;
    close();
    if
    :: atomic { pending(PRODUCER) == 0 -> hung = 1 }
    :: skip
    fi
}

#ifdef CLOSE_FLAG
#define IS_CLOSED (memory[CLOSED] != NONE)
#else
#define IS_CLOSED (memory[CLOSED] == got)
#endif

/* No record was there: is this the end? */
inline look_for_end()
{
    if
    :: IS_CLOSED || hung_up ->
        if
#ifndef NO_SECOND_LOOK
        :: memory[got] != 0
#endif
        :: else ->
            assert(IS_CLOSED);
            ended = 1
        fi
    :: else
    fi
}

/* A sleep ends by a ring, for no reason, or by a hang-up. */
inline sleep_or_hear()
{
    if
    :: atomic { bell[CONSUMER] -> bell[CONSUMER] = 0 }
    :: atomic { early > 0 -> early-- }
    :: hung -> hung_up = 1
    fi
}

inline park()
{
    parks++;
    store(CONSUMER, PARKED, got);
    fence(CONSUMER);
#ifdef ASYM
    fence_remote();
#endif
    if
    :: memory[got] != 0
    :: else ->
#ifndef NO_CLOSED_RECHECK
        look_for_end();
#endif
        if
        :: ended || memory[got] != 0
        :: else -> sleep_or_hear()
        fi
    fi;
    store(CONSUMER, PARKED, NONE)
}

/* Spun in vain: only asks the kernel, and looks. */
inline spin()
{
    if
    :: hung -> hung_up = 1
    :: !hung -> (memory[got] != 0 || memory[CLOSED] != NONE || hung)
    fi;
    look_for_end()
}

proctype consumer()
{
    byte got;
    bit hung_up, ended;

    do
    :: ended -> break
    :: !ended && memory[got] != 0 -> got++
    :: !ended && memory[got] == 0 ->
#ifdef NO_CLOSED_RECHECK
        look_for_end();
#endif
        if
        :: ended
        :: !ended -> park()
#ifdef SPIN
        :: !ended -> spin()
#endif
        fi
    od;
    assert(got == memory[CLOSED])
}
