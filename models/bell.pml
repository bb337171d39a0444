/* SPDX-License-Identifier: MIT
 *
 * bell.pml - a doorbell made of a pipe and edge-triggered epoll.
 *
 * The other models assume a bell that keeps a ring until the sleeper hears
 * it. A pipe has two ways to break that promise. When it is full, a further
 * byte is not written and makes no edge. And epoll looks at the pipe once
 * more when it collects its events: an edge whose byte somebody has read in
 * the meantime is dropped.
 *
 * The owner of the bell has WAITERS sleeping threads (one that receives, one
 * that sends), each with an epoll of its own on the one pipe; the ringer puts
 * work for any of them. Memory is in order: this is about the kernel.
 *
 * READ: who wakes empties the pipe, then looks for work. Holds for one
 * waiter, also on kernels that make an edge only when the pipe was empty
 * (EDGE_IF_EMPTY: Linux 5.5 to 5.13). Fails for two: one empties the pipe
 * before epoll has told the other. PASS_ON: who read at least one byte also
 * wakes the other waiter, by something private. Holds for two; if an empty
 * read passed on too, the two would wake each other for ever.
 *
 * SETTLE: nobody takes the last byte, so no edge is dropped. It asks how many
 * bytes there are and then reads all but one: two steps, so only one thread at
 * a time may do it. All waiters count their parks in one word; who counts the
 * EVERY-th settles, before that park, and begins the count again. A park is
 * rung at most once, so the pipe needs room for the parks between.
 *
 * One thing must be assumed: how often the other waiter parks while one
 * settles, for it does not wait for that: HASTE times at most. Then the pipe
 * must hold EVERY + 2 HASTE + 4 bytes, and with one less an edge is lost.
 * Without the assumption (ANY_HASTE) no pipe is large enough.
 *
 * SETTLE fails when each waiter counts for itself (COUNT_APART): two at once
 * take the last byte as well. It fails at any capacity when done after wakes
 * (AFTER_WAKES): a park whose second look finds work has no wake, but may be
 * rung, so any number of bytes may come for one wake.
 *
 * Must fail: to read after the last look and before the sleep (READ_LATE),
 * and, without any of these, never to read, once the pipe is full.
 */
#ifndef WAITERS
#define WAITERS 1
#endif
#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef HASTE
#define HASTE 1
#endif
#ifndef EVERY
#define EVERY 1
#endif
#ifndef WORK
#define WORK 4 /* more than the capacity, so that the pipe can fill */
#endif

byte bytes;         /* in the pipe */
bit edge[2];        /* each waiter's epoll has an event to look at */
bit poked[2];       /* the same from within, and kept until it is heard */
byte parked[2];     /* the number of the work it sleeps for, 0 awake */
byte put[2];        /* work for each waiter, and what it has done */
byte done[2];
byte parks[2];      /* since the bell was settled */
bit over;

init
{
    atomic {
        run ringer();
        run waiter(0);
        if
        :: WAITERS > 1 -> run waiter(1)
        :: else
        fi
    }
}

#ifdef EDGE_IF_EMPTY
#define MAKES_EDGE (bytes == 0)
#else
#define MAKES_EDGE (bytes < CAPACITY)
#endif

inline ring()
{
    atomic {
        if
        :: MAKES_EDGE -> edge[0] = 1; edge[1] = (WAITERS > 1)
        :: else
        fi;
        if
        :: bytes < CAPACITY -> bytes++
        :: else
        fi
    }
}

proctype ringer()
{
    byte who;

    do
    :: put[0] + put[1] < WORK ->
        select(who : 0 .. WAITERS - 1);
        put[who]++;
        if
        :: parked[who] == put[who] -> ring()
        :: else
        fi
    :: else -> break
    od
}

/* epoll_wait(): an edge counts only if the pipe is still readable. */
inline sleep()
{
    do
    :: atomic { poked[me] -> poked[me] = 0 }; break
    :: atomic { edge[me] && bytes > 0 -> edge[me] = 0 }; break
    :: atomic { edge[me] && bytes == 0 -> edge[me] = 0 }
    :: over -> break
    od
}

inline empty_pipe()
{
    atomic {
        if
        :: bytes > 0 ->
            bytes = 0;
#ifdef PASS_ON
            poked[1 - me] = 1
#endif
        :: else
        fi
    }
}

/* Takes all bytes but one, as far as it knows. */
inline settle()
{
    do
    :: bytes > 1 ->
        surplus = bytes - 1;
        atomic { bytes = (bytes > surplus -> bytes - surplus : 0) };
        surplus = 0
    :: bytes <= 1 -> break
    od
}

#ifdef COUNT_APART
#define COUNTER parks[me]
#else
#define COUNTER parks[0]
#endif
#ifdef ANY_HASTE
#define MAY_COUNT true
#else
#define MAY_COUNT (COUNTER <= EVERY + HASTE)
#endif

inline settle_in_time()
{
    atomic { MAY_COUNT -> number = COUNTER; COUNTER++ };
    if
    :: number == EVERY -> settle(); COUNTER = 0
    :: else
    fi;
    number = 0
}

inline park()
{
#if defined(SETTLE) && !defined(AFTER_WAKES)
    settle_in_time();
#endif
    parked[me] = done[me] + 1;
    if
    :: put[me] > done[me]
    :: else ->
#ifdef READ_LATE
        empty_pipe();
#endif
        sleep();
#if defined(READ)
        empty_pipe()
#elif defined(AFTER_WAKES)
        settle_in_time()
#else
        skip
#endif
    fi;
    parked[me] = 0
}

proctype waiter(byte me)
{
    byte surplus, number;

    do
    :: put[me] > done[me] -> done[me]++
    :: put[me] == done[me] && !over -> park()
    :: over -> break
    od
}

/* When nobody can move, nobody may be asleep with work to do. */
active proctype judge()
{
    timeout -> assert(put[0] == done[0] && put[1] == done[1]);
    over = 1
}
