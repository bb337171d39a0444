/* SPDX-License-Identifier: MIT
 *
 * ring.pml - the whole ring: records of several sizes, wrap markers, lengths
 * zeroed ahead, cursors published in batches, and both sleeps at once: for
 * data and for space.
 *
 * The ring has R units (of 16 bytes), records of 1 to M units lie in one
 * piece, and a record that does not fit before the end follows a marker that
 * fills the rest. A batch (marker and record) needs one unit more than its
 * size: the length word after it, which is zeroed before it is committed.
 *
 * The consumer publishes its cursor after each record outside a stream. In a
 * stream it does so when B units were consumed since it last did, and when
 * the length word after the record is still 0. What a stream is, the model
 * leaves open: after any record the consumer may publish at once. So nothing
 * is unpublished when it finds the ring empty, which is asserted.
 *
 * Each unit carries the sequence number of its record. So the consumer knows
 * when it reads a stale length, a torn record or one that was overwritten,
 * and the producer asserts that it never stores to a unit that the consumer
 * still needs.
 *
 * Who pays for the fences: by itself each side does. REMOTE is a pair of
 * sides that can fence each other: then the consumer does not fence after its
 * cursor, and a producer that sleeps for room fences both. ASYM has that, and
 * a producer that has declared the same for its commits.
 *
 * The producer sleeps for half a ring, or for all that is written if that is
 * less, so that it is not woken for each small batch; and for more only if it
 * needs more. FLUSH: at the end it waits until everything was taken, from a
 * consumer that does not call again after the last record. SPIN: the consumer
 * watches the length word instead of parking.
 *
 * Holds if a batch fits into an empty ring at every offset. Before a record
 * of M units at most M - 1 are lost to the marker, and one is zeroed after
 * it: 2M <= R.
 *
 * Must fail: a larger M; ZERO_LATE, which zeroes the next length after the
 * commit; ZERO_NEVER; NO_ZERO_ROOM, which forgets the one unit;
 * NO_FENCE_DATA, NO_FENCE_SPACE and NO_FENCE_CURSOR, each without one fence;
 * REMOTE with NO_REMOTE, which leaves the consumer unfenced; and with PSO also
 * RELAXED_COMMIT, a length stored without release order.
 *
 * NO_LOOK publishes in batches only. Then a flush hangs, and so does a sleep
 * for half a ring, beside a consumer that took everything. With NEED_ONLY, a
 * producer that sleeps for no more than it needs, NO_LOOK holds if
 * 2M + B - 1 <= R, and that is sharp: one more unit deadlocks. The C code
 * keeps 2M + B + 1 <= R, in units, though its consumer looks.
 *
 * GIVE_UP: the producer may give a record up when the marker before it is
 * there already (a reservation that was cancelled), and the marker stays
 * alone. It is tested for a sleeper at once; if not (SILENT), one that sleeps
 * for it is missed by the next record, which tests for itself only. A flush
 * that waits for the marker hangs, if the consumer does not call again.
 * ALONE_IS_NONE is the cure, on both sides: the producer waits for no more
 * than its last record, and to the consumer's look a marker is nothing.
 */
#ifndef R
#define R 4
#endif
#ifndef M
#define M 1
#endif
#ifndef B
#define B 2
#endif
#ifndef NMSG
#define NMSG 6
#endif
#ifdef RELAXED_COMMIT
#define COMMIT_RELEASES 0
#else
#define COMMIT_RELEASES 1
#endif
#ifdef ASYM
#define REMOTE
#endif
#if !defined(ZERO_LATE) && !defined(ZERO_NEVER)
#define ZERO_AHEAD
#endif
#define PARKED R
#define CURSOR (R + 1)
#define SPACE (R + 2)
#define WORDS (R + 3)
#include "memory.pml"

/* A unit: 0 not committed; a header: sequence and length; or payload. */
#define HEADER(sequence, length) (((sequence) % 8) * 8 + (length))
#define MARKER 7
#define PAYLOAD(sequence) (64 + (sequence) % 8)

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

#define OFFSET(position) ((position) % R)
#define PADDING(length) \
    ((OFFSET(written) + length > R) -> (R - OFFSET(written)) : 0)

#ifdef NO_ZERO_ROOM
#define ROOM (PADDING(length) + length)
#else
#define ROOM (PADDING(length) + length + 1)
#endif

inline put(position, data, ordered)
{
    assert(position < consumed + R);
    slot = OFFSET(position);
    store_as(PRODUCER, slot, data, ordered);
    slot = 0
}

/* Commits the record of `size` units whose header is `header`. */
inline commit(size)
{
#ifdef ZERO_AHEAD
    put(written + size, 0, 0);
#endif
    put(written, header, COMMIT_RELEASES);
#ifdef ZERO_LATE
    put(written + size, 0, 0);
#endif
    written = written + size;
    header = 0
}

/* Waits for room, and goes to the ring's beginning if it has to. */
inline claim()
{
    if
    :: written + ROOM <= cursor + R
    :: else -> target = written + ROOM - R; wait_for_cursor()
    fi;
    if
    :: PADDING(length) > 0 ->
        header = HEADER(sequence, MARKER);
        size = R - OFFSET(written);
        commit(size);
        size = 0
    :: else ->
        unrung = written /* the short way tests for its own record only */
    fi
}

inline write_record()
{
    unit = 1;
    do
    :: unit < length ->
        payload = PAYLOAD(sequence);
        put(written + unit, payload, 0);
        unit++
    :: else -> break
    od;
    unit = 0;
    payload = 0;
    header = HEADER(sequence, length);
    commit(length);
    sequence++;
    recorded = written
}

inline ring_if_parked()
{
#if !defined(ASYM) && !defined(NO_FENCE_DATA)
    fence(PRODUCER);
#endif
    parked = memory[PARKED];
    if
    :: parked >= unrung && parked < written -> ring(CONSUMER, data_credit)
    :: else
    fi;
    parked = 0;
    unrung = written
}

#ifdef ALONE_IS_NONE
#define END recorded
#else
#define END written
#endif
#ifdef NEED_ONLY
#define MARK target
#else
#define LESSER(a, b) ((a) < (b) -> (a) : (b))
#define HALF LESSER(cursor + R / 2, END)
#define MARK (HALF > target -> HALF : target)
#endif

/* Sleeps until the consumer has published `target`. The mark is for good. */
inline wait_for_cursor()
{
    cursor = memory[CURSOR];
    mark = MARK;
    if
    :: unrung != written -> ring_if_parked() /* a marker that is alone */
    :: else
    fi;
    cursor = memory[CURSOR];
    do
    :: cursor >= target -> break
    :: else ->
        space_credit++;
        store(PRODUCER, SPACE, mark);
#ifndef NO_FENCE_SPACE
        fence(PRODUCER);
#endif
#if defined(REMOTE) && !defined(NO_REMOTE)
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
    target = 0;
    mark = 0
}

proctype producer()
{
    byte written, recorded, unrung, cursor, sequence, length, size, slot, unit;
    byte header, payload, parked, target, mark;
    bit given_up;

    do
    :: sequence < NMSG ->
        select(length : 1 .. M);
        claim();
        write_record();
        ring_if_parked()
#ifdef GIVE_UP
    :: !given_up ->
        given_up = 1;
        select(length : 1 .. M);
        claim();
#ifndef SILENT
        ring_if_parked()
#endif
#endif
    :: sequence == NMSG -> break
    od;
#ifdef FLUSH
    target = END;
    wait_for_cursor()
#endif
}

/* ------------------------------------------------------------ consumer --- */

inline publish()
{
    store_release(CONSUMER, CURSOR, consumed);
#if !defined(REMOTE) && !defined(NO_FENCE_CURSOR)
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
#ifdef ASYM
    fence_remote();
#endif
    if
    :: memory[OFFSET(consumed)] != 0
    :: else -> sleep(CONSUMER)
    fi;
    store(CONSUMER, PARKED, NONE)
}

inline find_empty()
{
#ifndef NO_LOOK
    assert(published == consumed);
#endif
#ifdef SPIN
    memory[OFFSET(consumed)] != 0
#else
    park()
#endif
}

#define NEXT memory[OFFSET(consumed)]
#ifdef ALONE_IS_NONE
#define IS_NONE(header) ((header) == 0 || (header) % 8 == MARKER)
#else
#define IS_NONE(header) ((header) == 0)
#endif

/* Is there a reason, in a stream, to publish the cursor after a record? */
#ifdef NO_LOOK
#define IS_DUE (consumed - published >= B)
#else
#define IS_DUE (consumed - published >= B || IS_NONE(NEXT))
#endif

inline take_record()
{
    assert(header / 8 == sequence % 8);
    header = header % 8;
    if
    :: header == MARKER ->
        assert(OFFSET(consumed) != 0);
        consumed = consumed + R - OFFSET(consumed)
    :: else ->
        assert(header <= M && OFFSET(consumed) + header <= R);
        unit = 1;
        do
        :: unit < header ->
            assert(memory[OFFSET(consumed) + unit] == PAYLOAD(sequence));
            unit++
        :: else -> break
        od;
        unit = 0;
        consumed = consumed + header;
        sequence++
    fi;
    if
    :: IS_DUE -> publish()
    :: publish() /* not in a stream */
    :: !IS_DUE
    fi
}

proctype consumer()
{
    byte published, sequence, header, unit, space;

    do
    :: sequence < NMSG ->
        header = memory[OFFSET(consumed)];
        if
        :: header == 0 -> find_empty()
        :: else -> take_record(); header = 0
        fi
    :: else -> break
    od
}
