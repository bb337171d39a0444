/* SPDX-License-Identifier: MIT
 *
 * ZeroMQ with one publisher: PUB and SUB over ipc, of which the publisher's is
 * an XPUB, which is the same and also shows the subscriptions. It greets each
 * subscriber, so that this knows when it is in.
 *
 * What does not fit into a subscriber's queue is dropped; or, `zeromq-nodrop`,
 * the publisher waits.
 */
#include <errno.h>
#include <stdlib.h>

#include <zmq.h>

#include "peer.h"

/* The library's default for its queues, in messages. */
#define QUEUE_LENGTH 1000

typedef struct zmq_end {
    void *context;
    void *socket;
    zmq_msg_t message; /* to be published, or received last */
} zmq_end;

static void choose(char address[FANOUT_ADDRESS_BYTES])
{
    peer_choose(address, FANOUT_ADDRESS_BYTES, "ipc://@weft-bench-");
}

static bool fail(fanout_side *side, const char *step)
{
    return bench_fail(&side->base, "cannot %s: %s", step, zmq_strerror(errno));
}

static bool set_option(fanout_side *side, int option, int value)
{
    zmq_end *state = side->state;

    return zmq_setsockopt(state->socket, option, &value, sizeof(value)) == 0 ||
           fail(side, "set an option");
}

static zmq_end *make_end(fanout_side *side, int type)
{
    size_t fit = PEER_QUEUE_BYTES / side->test->size_bytes;
    int length = fit < QUEUE_LENGTH ? (int)fit : QUEUE_LENGTH;
    zmq_end *state = calloc(1, sizeof(*state));

    side->state = state;
    if (state == NULL) {
        bench_fail(&side->base, "out of memory");
        return NULL;
    }
    zmq_msg_init(&state->message);
    state->context = zmq_ctx_new();
    state->socket =
        state->context != NULL ? zmq_socket(state->context, type) : NULL;
    if (state->socket == NULL) {
        fail(side, "make a socket");
        return NULL;
    }
    return set_option(side, ZMQ_SNDHWM, length) &&
                   set_option(side, ZMQ_RCVHWM, length) &&
                   set_option(side, ZMQ_LINGER, 0)
               ? state
               : NULL;
}

static void close_end(fanout_side *side)
{
    zmq_end *state = side->state;

    if (state == NULL) {
        return;
    }
    zmq_msg_close(&state->message);
    if (state->socket != NULL) {
        zmq_close(state->socket);
    }
    if (state->context != NULL) {
        zmq_ctx_term(state->context);
    }
    free(state);
}

static bool receive(fanout_side *side)
{
    zmq_end *state = side->state;

    while (zmq_msg_recv(&state->message, state->socket, 0) < 0) {
        if (errno != EINTR) {
            return fail(side, "receive");
        }
    }
    return true;
}

/* ------------------------------------------------------------ publisher --- */

static bool open_as(fanout_side *side, int nodrop)
{
    zmq_end *state = make_end(side, ZMQ_XPUB);

    if (state == NULL || !set_option(side, ZMQ_XPUB_VERBOSE, 1) ||
        !set_option(side, ZMQ_XPUB_NODROP, nodrop)) {
        return false;
    }
    return (zmq_setsockopt(state->socket, ZMQ_XPUB_WELCOME_MSG, "w", 1) == 0 &&
            zmq_bind(state->socket, side->address) == 0) ||
           fail(side, "bind");
}

static bool open_dropping(fanout_side *side)
{
    return open_as(side, 0);
}

static bool open_waiting(fanout_side *side)
{
    return open_as(side, 1);
}

/* A message tells of each subscription. */
static bool admit(fanout_side *side)
{
    for (unsigned i = 0; i < side->test->subscribers; i++) {
        if (!receive(side)) {
            return false;
        }
    }
    return true;
}

static void *reserve(fanout_side *side)
{
    zmq_end *state = side->state;

    zmq_msg_close(&state->message);
    if (zmq_msg_init_size(&state->message, side->test->size_bytes) != 0) {
        zmq_msg_init(&state->message);
        fail(side, "make a message");
        return NULL;
    }
    return zmq_msg_data(&state->message);
}

static bool publish(fanout_side *side)
{
    zmq_end *state = side->state;

    while (zmq_msg_send(&state->message, state->socket, 0) < 0) {
        if (errno != EINTR) {
            return fail(side, "send");
        }
    }
    return true;
}

/* ----------------------------------------------------------- subscriber --- */

static bool subscribe(fanout_side *side)
{
    zmq_end *state = make_end(side, ZMQ_SUB);

    if (state == NULL) {
        return false;
    }
    return ((zmq_connect(state->socket, side->address) == 0 &&
             zmq_setsockopt(state->socket, ZMQ_SUBSCRIBE, "", 0) == 0) ||
            fail(side, "subscribe")) &&
           receive(side);
}

static bool take(fanout_side *side, fanout_taken *taken)
{
    zmq_end *state = side->state;

    if (!receive(side)) {
        return false;
    }
    taken->data = zmq_msg_data(&state->message);
    taken->bytes = zmq_msg_size(&state->message);
    return true;
}

const fanout_transport fanout_zeromq = {
    .name = "zeromq",
    .loses = true,
    .choose = choose,
    .forget = peer_leave_nothing,
    .open = open_dropping,
    .admit = admit,
    .reserve = reserve,
    .publish = publish,
    .close = close_end,
    .subscribe = subscribe,
    .take = take,
    .leave = close_end,
};

const fanout_transport fanout_zeromq_nodrop = {
    .name = "zeromq-nodrop",
    .choose = choose,
    .forget = peer_leave_nothing,
    .open = open_waiting,
    .admit = admit,
    .reserve = reserve,
    .publish = publish,
    .close = close_end,
    .subscribe = subscribe,
    .take = take,
    .leave = close_end,
};
