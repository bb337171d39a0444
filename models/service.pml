/* SPDX-License-Identifier: MIT
 *
 * service.pml - a server polls its lively clients, arms the others, and sleeps
 * when all are armed.
 *
 *      server                         client
 *      MARK = position                REQUEST = position
 *      fence                          fence
 *      look at REQUEST again          load MARK
 *      sleep at all sockets           RING on the socket, if it is in the range
 *
 * It follows arm, rest and hear in src/ipc/service_next.c, and send_to in
 * service.c. Each client calls CALLS times: it commits a request, waits for the
 * reply as it would in a channel, and goes on. The server and the first client
 * are the sides of memory.pml; the stores of the second client are in order. A
 * socket holds FULL rings: what comes on top is dropped, since those that are
 * there will be heard. A client may be armed while others are busy, too. With
 * GATHER the server owes the wake for a reply while another client has
 * something for it, and wakes all when there is nothing else to do. Holds: all
 * calls are answered (no invalid end state), and every run ends.
 */
#ifndef CALLS
#define CALLS 2
#endif
#ifndef FULL
#define FULL 1
#endif
#define CLIENTS 2
#define REQUEST(client) (client)
#define REPLY(client) (2 + (client))
#define MARK(client) (4 + (client))
#define PARKED(client) (6 + (client))
#define WORDS 8
#define SERVER PRODUCER
#define CLIENT CONSUMER
#include "memory.pml"

byte rings[CLIENTS]; /* in the socket of each */
bit woken[CLIENTS];

init {
    atomic {
        memory[MARK(0)] = NONE;
        memory[MARK(1)] = NONE;
        memory[PARKED(0)] = NONE;
        memory[PARKED(1)] = NONE;
        run server();
        run client();
        run other_client()
    }
}

/* ---------------------------------------------------------------- server -- */

#define IS_READY(client) (memory[REQUEST(client)] > got[client])

/* arm(): `armed` says whether it is silent still. */
inline arm(client)
{
    store(SERVER, MARK(client), got[client] + 1);
#ifndef NO_FENCE_ARM
    fence(SERVER);
#endif
#ifdef NO_SECOND_LOOK
    polled[client] = 0
#else
    if
    :: IS_READY(client) -> store(SERVER, MARK(client), NONE)
    :: else -> polled[client] = 0
    fi
#endif
}

inline wake(client) { woken[client] = 1 }

/* Answers a request. The guess that it may owe comes before the reply. */
inline answer(client, other)
{
    got[client]++;
#ifdef GATHER
    may_owe = polled[other] && IS_READY(other);
#endif
    store_release(SERVER, REPLY(client), got[client]);
#ifndef NO_FENCE_REPLY
    fence(SERVER);
#endif
    if
    :: memory[PARKED(client)] == got[client] ->
        if
        :: may_owe -> owed[client] = 1
        :: else -> wake(client)
        fi
    :: else
    fi;
    may_owe = 0
}

inline ring_owed()
{
#ifndef NO_RING_OWED
    d_step {
        woken[0] = woken[0] || owed[0];
        woken[1] = woken[1] || owed[1];
        owed[0] = 0;
        owed[1] = 0
    }
#else
    skip
#endif
}

/* heed(): one ring of one socket. */
inline hear(client)
{
    atomic { rings[client] > 0 -> rings[client]-- };
#ifndef NO_ACTIVATE
    store(SERVER, MARK(client), NONE);
    polled[client] = 1
#endif
}

#define ANY_READY \
    ((polled[0] && IS_READY(0)) || (polled[1] && IS_READY(1)))

proctype server()
{
    byte got[CLIENTS];
    bit polled[CLIENTS], owed[CLIENTS];
    bit may_owe;

    polled[0] = 1;
    polled[1] = 1;
end:
    do
    :: polled[0] && IS_READY(0) -> answer(0, 1)
    :: polled[1] && IS_READY(1) -> answer(1, 0)
    /* One was silent for a while, and the other was not. */
    :: polled[0] && !IS_READY(0) && polled[1] && IS_READY(1) -> arm(0)
    :: polled[1] && !IS_READY(1) && polled[0] && IS_READY(0) -> arm(1)
    /* There is nothing to do. */
    :: !ANY_READY && (polled[0] || polled[1]) ->
        ring_owed();
        if
        :: polled[1] -> arm(1)
        :: else
        fi;
        if
        :: polled[0] -> arm(0)
        :: else
        fi
    /* It hears of rings while it is busy, and sleeps for them. */
    :: rings[0] > 0 -> hear(0)
    :: rings[1] > 0 -> hear(1)
    od
}

/* --------------------------------------------------------------- clients -- */

inline ring(me)
{
    atomic {
        if
        :: memory[MARK(me)] == sent && rings[me] < FULL -> rings[me]++
        :: else
        fi
    }
}

proctype client()
{
    byte sent;

    do
    :: sent < CALLS ->
        sent++;
        store_release(CLIENT, REQUEST(0), sent);
#ifndef NO_FENCE_REQUEST
        fence(CLIENT);
#endif
        ring(0);
        do
        :: memory[REPLY(0)] == sent -> break
        :: else ->
            store(CLIENT, PARKED(0), sent);
            fence(CLIENT);
            if
            :: memory[REPLY(0)] == sent
            :: else ->
                if
                :: atomic { woken[0] -> woken[0] = 0 }
                :: atomic { early > 0 -> early-- }
                fi
            fi;
            store(CLIENT, PARKED(0), NONE)
        od
    :: else -> break
    od
}

/* Its stores are in order, and it looks for the reply after each. */
proctype other_client()
{
    byte sent;

    do
    :: sent < CALLS ->
        atomic { sent++; memory[REQUEST(1)] = sent };
        ring(1);
        do
        :: atomic { memory[REPLY(1)] == sent -> break }
        :: atomic { memory[REPLY(1)] != sent -> memory[PARKED(1)] = sent };
            if
            :: memory[REPLY(1)] == sent
            :: atomic { woken[1] -> woken[1] = 0 }
            fi;
            memory[PARKED(1)] = NONE
        od
    :: else -> break
    od
}
