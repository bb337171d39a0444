/* SPDX-License-Identifier: MIT
 *
 * reseat.pml - the producer moves to another ring while records are in
 * flight.
 *
 * Two segments of the producer's, a small and a large one. To move it sends
 * the other segment's handle on the control socket (which keeps order),
 * commits a RESEAT record in the old ring, and goes on in the new one: at the
 * position after RESEAT, `base`, for positions never start again. The
 * consumer takes the handle when it meets RESEAT. The new ring is empty, so
 * the limit is max(cursor, base) + its size, also while the consumer is still
 * in the old one. All records here have one unit, and every second one has a
 * handle of its own on the same socket.
 *
 * The producer moves to the large ring and back (growth, then trim). Each
 * record leaves EXIT units of its ring free, so that a move never waits for
 * room. The second move uses the first segment again, which is full of old
 * records. That is allowed when the consumer has published a cursor beyond
 * its RESEAT: the producer waits for that, and then zeroes the first length.
 * The consumer publishes as in ring.pml; after a RESEAT it looks at the first
 * length in the new ring. REMOTE is as there, too.
 *
 * Holds: each record arrives once and in order with its own handle, no unit
 * that is needed is overwritten, nobody is left asleep. Must fail: the RESEAT
 * committed before the handle is sent (HANDLE_LATE), the segment entered
 * again before it is drained (RECYCLE_EARLY) or with its first length not
 * zeroed (NO_CLEAR), and a move from a ring without an exit (NO_EXIT).
 */
#ifndef NMSG
#define NMSG 4
#endif
#define MOVES 2
#define SMALL 3
#define LARGE 4
#ifndef B
#define B 2
#endif
#define PARKED (SMALL + LARGE)
#define CURSOR (PARKED + 1)
#define SPACE (PARKED + 2)
#define WORDS (PARKED + 3)
#include "memory.pml"

/* The length words' values: a number that tells one record from another. */
#define RECORD(sequence) (1 + (sequence))
#define WITH_HANDLE(sequence) (65 + (sequence))
#define RESEAT 200
#define IS_RECORD(header) (header == RECORD(sequence))
#define IS_WITH_HANDLE(header) (header == WITH_HANDLE(sequence))

/* Where a segment begins in memory, and how many units it has. */
#define BEGIN(segment) ((segment) * SMALL)
#define UNITS(segment) ((segment) -> LARGE : SMALL)
#define UNIT(segment, position) \
    (BEGIN(segment) + (position) % UNITS(segment))

chan socket = [3] of { byte };

byte data_credit, space_credit; /* parks that have not been rung */
byte consumed;                  /* what the consumer is done with */

init
{
    atomic {
        memory[PARKED] = NONE;
        memory[SPACE] = NONE;
        run producer();
        run consumer()
    }
}

inline ring(who, credit)
{
    atomic { assert(credit > 0); credit--; bell[who] = 1 }
}

/* ------------------------------------------------------------ producer --- */

/* A record and the length word after it need two units; RESEAT takes one. */
#define NEED 2
#ifdef NO_EXIT
#define EXIT 0
#else
#define EXIT 1
#endif
#define EMPTIED ((cursor > base) -> cursor : base)
#define FIRST_NEEDED ((consumed > base) -> consumed : base)
#define HAS_ROOM (written + NEED + EXIT <= EMPTIED + UNITS(segment))

/* Sleeps until the consumer has published `target`. */
inline wait_for_cursor()
{
    do
    :: cursor >= target -> break
    :: else ->
        space_credit++;
        store(PRODUCER, SPACE, target);
        fence(PRODUCER);
#ifdef REMOTE
        fence_remote();
#endif
        cursor = memory[CURSOR];
        if
        :: cursor >= target
        :: else -> sleep(PRODUCER)
        fi;
        store(PRODUCER, SPACE, NONE);
        cursor = memory[CURSOR]
    od;
    target = 0
}

inline wait_for_room()
{
    if
    :: HAS_ROOM
    :: else ->
        target = written + NEED + EXIT - UNITS(segment);
        wait_for_cursor()
    fi
}

inline commit(header)
{
    assert(written + 1 < FIRST_NEEDED + UNITS(segment));
    unit = UNIT(segment, written + 1);
    store(PRODUCER, unit, 0);
    unit = UNIT(segment, written);
    store_release(PRODUCER, unit, header);
    unit = 0;
    written++;
    fence(PRODUCER);
    if
    :: memory[PARKED] == written - 1 -> ring(CONSUMER, data_credit)
    :: else
    fi
}

inline write_record()
{
    if
    :: sequence % 2 == 0 -> payload = RECORD(sequence)
    :: else -> payload = WITH_HANDLE(sequence); socket!payload
    fi;
    wait_for_room();
    commit(payload);
    payload = 0;
    sequence++
}

/* Makes the other segment fit for use: drained, and its first length 0. */
inline recycle()
{
#ifndef RECYCLE_EARLY
    target = base;
    wait_for_cursor();
#endif
#ifndef NO_CLEAR
    unit = UNIT(1 - segment, written + 1);
    store(PRODUCER, unit, 0);
    unit = 0
#else
    skip
#endif
}

inline move()
{
    if
    :: moves > 1 -> recycle()
    :: else
    fi;
#ifndef HANDLE_LATE
    socket!RESEAT;
#endif
    commit(RESEAT);
#ifdef HANDLE_LATE
    socket!RESEAT;
#endif
    segment = 1 - segment;
    base = written
}

proctype producer()
{
    byte written, base, cursor, sequence, payload, unit, target, moves;
    bit segment;

    do
    :: sequence < NMSG -> write_record()
    :: sequence < NMSG && moves < MOVES -> moves++; move()
    :: sequence == NMSG -> break
    od
}

/* ------------------------------------------------------------ consumer --- */

inline publish()
{
    store_release(CONSUMER, CURSOR, consumed);
#ifndef REMOTE
    fence(CONSUMER);
#endif
    space = memory[SPACE];
    if
    :: published < space && space <= consumed -> ring(PRODUCER, space_credit)
    :: else
    fi;
    published = consumed;
    space = 0
}

inline park()
{
    data_credit++;
    store(CONSUMER, PARKED, consumed);
    fence(CONSUMER);
    if
    :: memory[UNIT(segment, consumed)] != 0
    :: else -> sleep(CONSUMER)
    fi;
    store(CONSUMER, PARKED, NONE)
}

inline find_empty()
{
    assert(published == consumed);
    park()
}

/* A handle that is due must be there, and be the right one. */
inline take_handle()
{
    assert(nempty(socket));
    socket?handle;
    assert(handle == header);
    handle = 0
}

/* Is there a reason, in a stream, to publish the cursor after a record? */
#define IS_DUE \
    (consumed - published >= B || memory[UNIT(segment, consumed)] == 0)

inline take_record()
{
    if
    :: header == RESEAT -> take_handle(); segment = 1 - segment
    :: IS_RECORD(header) -> sequence++
    :: IS_WITH_HANDLE(header) -> take_handle(); sequence++
    :: else -> assert(false)
    fi;
    consumed++;
    if
    :: IS_DUE -> publish()
    :: publish() /* not in a stream */
    :: !IS_DUE
    fi
}

proctype consumer()
{
    byte published, sequence, header, handle, space;
    bit segment;

    do
    :: sequence < NMSG ->
        header = memory[UNIT(segment, consumed)];
        if
        :: header == 0 -> find_empty()
        :: else -> take_record(); header = 0
        fi
    :: else -> break
    od
}
