/* SPDX-License-Identifier: MIT
 *
 * topic_room.pml - the publishing thread waits for the room of its reliable
 * readers; the control thread hears them.
 *
 *      publishing thread              reader
 *      SPACE_AT = mark                CURSOR = position
 *      fence                          fence
 *      look at the cursors            load SPACE_AT
 *      sleep, if there is no room     RING, if the mark lies in what it passed
 *
 * It follows src/ipc/topic_room.c, topic_control.c and publish_cursor in
 * topic_feed.c. The publishing thread and the first reader are the sides of
 * memory.pml; the stores of the second reader are in order. The control thread
 * writes nothing that they read: it looks at the cursors under a lock, and
 * wakes the publishing thread at a word of their process's. With DEATH the
 * first reader may be killed at any time, and its hang-up is heard. Holds: all
 * is published and read, by those who live (no invalid end state), and every
 * run ends.
 *
 * A record is one unit, and the reader finds it by TAIL; topic.pml is about how
 * a reader sleeps.
 */
#ifndef NMSG
#define NMSG 5
#endif
#ifndef R
#define R 2
#endif
#ifndef B
#define B 3 /* of the first reader: positions that it publishes together */
#endif
#define TAIL 0
#define SPACE_AT 1
#define CURSOR(reader) (2 + (reader))
#define WORDS 4
#define PUBLISHER PRODUCER
#define READER CONSUMER
#include "memory.pml"

mtype = { RING, HANGUP };
chan socket = [2 * NMSG] of { mtype };

bit gone;    /* the first reader counts no more */
byte wanted; /* the claim that is waited for; 0: none */
byte events; /* the word; how often it was changed */
bit asleep;
#ifdef DEATH
bit dies;
#endif

init {
    atomic {
        memory[SPACE_AT] = NONE;
        run publisher();
        run control();
        run reader();
        run other_reader()
    }
}

/* wefti_topic_has_room(), under the lock. */
#define HAS_ROOM(end) \
    ((gone || memory[CURSOR(0)] + R >= (end)) && memory[CURSOR(1)] + R >= (end))

/*
 * Which cursor is waited for: the least that there is room with, or that of a
 * ring half of which is free.
 */
#define LEAST (next - R)
#define HALF (written - R / 2)
#ifdef NEED_ONLY
#define MARK LEAST
#else
#define MARK (HALF > LEAST -> HALF : LEAST)
#endif

/* claim(): `over` if there was room. */
inline claim()
{
    atomic {
        over = HAS_ROOM(next);
        wanted = (over -> 0 : next)
    }
}

inline await_room()
{
    do
    :: !over ->
#ifndef SEEN_LATE
        seen = events;
#endif
        mark = MARK;
        store(PUBLISHER, SPACE_AT, mark);
        mark = 0;
#ifndef NO_FENCE_SPACE
        fence(PUBLISHER);
#endif
        claim();
#ifdef SEEN_LATE
        seen = events;
#endif
        if
        :: !over ->
            atomic { asleep = (events == seen) };
            if
            :: !asleep
            :: atomic { asleep && early > 0 -> early--; asleep = 0 }
            fi
        :: else
        fi;
        seen = 0
    :: else -> break
    od;
    store(PUBLISHER, SPACE_AT, NONE)
}

proctype publisher()
{
    byte written, next, seen, mark;
    bit over;

    do
    :: written < NMSG ->
        next = written + 1;
        claim();
        if
        :: !over -> await_room()
        :: else
        fi;
        over = 0;
        written++;
        store_release(PUBLISHER, TAIL, written)
    :: else -> break
    od
}

/* look_for_room() */
inline look_for_room()
{
    atomic {
        found = (wanted != 0 && HAS_ROOM(wanted));
        if
        :: found -> events++; found = 0; asleep = 0
        :: else
        fi
    }
}

proctype control()
{
    bit found;

end:
    do
    :: atomic { socket?RING -> skip }; look_for_room()
    :: atomic { socket?HANGUP -> gone = 1 };
#ifndef NO_LOOK_AT_DEATH
       look_for_room()
#endif
    od
}

/* Rings, if the mark lies in what the cursor has passed. */
inline ring_for_room()
{
    atomic {
        mark = memory[SPACE_AT];
        if
        :: mark > published && mark <= got -> socket!RING
        :: else
        fi;
        mark = 0;
        published = got
    }
}

/* advance(): the caller may never come back for what is not there. */
#ifdef NO_LOOK
#define NOTHING_MORE 0
#else
#define NOTHING_MORE (memory[TAIL] == got)
#endif

proctype reader()
{
    byte got, published, mark;

    {
        do
        :: atomic { got < NMSG && memory[TAIL] > got -> got++ };
            if
            :: got - published >= B || NOTHING_MORE
            :: else -> goto batched
            fi;
            store_release(READER, CURSOR(0), got);
#ifndef NO_FENCE_CURSOR
            fence(READER);
#endif
            ring_for_room();
batched:
            skip
        :: got == NMSG -> break
        od
    }
#ifdef DEATH
    unless { atomic { dies -> socket!HANGUP } }
#endif
}

/* It publishes each record at once, in order. */
proctype other_reader()
{
    byte got, published, mark;

    do
    :: atomic {
           got < NMSG && memory[TAIL] > got ->
           got++;
           memory[CURSOR(1)] = got
       };
       ring_for_room()
    :: got == NMSG -> break
    od
}

#ifdef DEATH
active proctype killer() { if :: dies = 1 :: skip fi }
#endif
