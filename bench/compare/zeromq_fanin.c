/* SPDX-License-Identifier: MIT
 *
 * ZeroMQ with one server: a ROUTER, and a DEALER for each client, over ipc. A
 * message is built in the library's own memory, and read there.
 *
 * A ROUTER is not told that a peer has gone, so a client says so: it sends a
 * message without a payload.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "peer.h"

/* How long a client that has left tries to say so. */
#define LINGER_MS 5000

typedef struct zmq_end {
    void *socket;
    bool is_server;
    zmq_msg_t message; /* that was received last */
} zmq_end;

/* A process needs one for all its connections. */
static void *context;
static unsigned ends;

static void choose(char address[FANIN_ADDRESS_BYTES])
{
    peer_choose(address, FANIN_ADDRESS_BYTES, "ipc://@weft-bench-");
}

static bool fail(fanin_side *side, const char *step)
{
    return bench_fail(&side->base, "cannot %s: %s", step, zmq_strerror(errno));
}

static zmq_end *make_end(fanin_side *side, int type)
{
    int linger = LINGER_MS;
    zmq_end *state = calloc(1, sizeof(*state));

    side->state = state;
    if (state == NULL) {
        bench_fail(&side->base, "out of memory");
        return NULL;
    }
    zmq_msg_init(&state->message);
    context = ends++ == 0 ? zmq_ctx_new() : context;
    state->is_server = type == ZMQ_ROUTER;
    state->socket = context != NULL ? zmq_socket(context, type) : NULL;
    if (state->socket == NULL || zmq_setsockopt(state->socket, ZMQ_LINGER,
                                                &linger, sizeof(linger)) != 0) {
        fail(side, "make a socket");
        return NULL;
    }
    return state;
}

static void close_end(fanin_side *side)
{
    zmq_end *state = side->state;

    if (state == NULL) {
        return;
    }
    zmq_msg_close(&state->message);
    if (state->socket != NULL) {
        if (!state->is_server) {
            (void)zmq_send(state->socket, "", 0, ZMQ_DONTWAIT);
        }
        zmq_close(state->socket);
    }
    if (--ends == 0 && context != NULL) {
        zmq_ctx_term(context);
    }
    free(state);
}

/* Receives a part of a message. */
static bool receive(fanin_side *side, zmq_msg_t *message)
{
    zmq_end *state = side->state;

    while (zmq_msg_recv(message, state->socket, 0) < 0) {
        if (errno != EINTR) {
            return fail(side, "receive");
        }
    }
    return true;
}

static bool send(fanin_side *side, zmq_msg_t *message, int flags)
{
    zmq_end *state = side->state;

    while (zmq_msg_send(message, state->socket, flags) < 0) {
        if (errno != EINTR) {
            return fail(side, "send");
        }
    }
    return true;
}

/* --------------------------------------------------------------- server --- */

static bool open_server(fanin_side *side)
{
    zmq_end *state = make_end(side, ZMQ_ROUTER);

    return state != NULL &&
           (zmq_bind(state->socket, side->address) == 0 || fail(side, "bind"));
}

/* `sender` goes back with the answer. */
static bool answer(fanin_side *side, zmq_msg_t *sender, zmq_msg_t *request)
{
    size_t bytes = zmq_msg_size(request);
    zmq_msg_t message;

    if (zmq_msg_init_size(&message, bytes) != 0) {
        return fail(side, "make a message");
    }
    return fanin_answer(side, zmq_msg_data(request), bytes,
                        zmq_msg_data(&message)) &&
           send(side, sender, ZMQ_SNDMORE) && send(side, &message, 0);
}

static bool serve(fanin_side *side)
{
    unsigned left = 0;
    bool done = true;

    while (done && left < fanin_connections(side->test)) {
        zmq_msg_t sender;
        zmq_msg_t request;

        zmq_msg_init(&sender);
        zmq_msg_init(&request);
        done = receive(side, &sender) && receive(side, &request);
        if (done && zmq_msg_size(&request) == 0) {
            left++;
        } else if (done) {
            done = answer(side, &sender, &request);
        }
        zmq_msg_close(&sender);
        zmq_msg_close(&request);
    }
    return done;
}

/* --------------------------------------------------------------- client --- */

static bool connect_server(fanin_side *side)
{
    zmq_end *state = make_end(side, ZMQ_DEALER);

    return state != NULL && (zmq_connect(state->socket, side->address) == 0 ||
                             fail(side, "connect"));
}

static bool call(fanin_side *side, const void *request, const void **answer,
                 size_t *bytes)
{
    size_t size = side->test->size_bytes;
    zmq_end *state = side->state;
    zmq_msg_t message;

    if (zmq_msg_init_size(&message, size) != 0) {
        return fail(side, "make a message");
    }
    memcpy(zmq_msg_data(&message), request, size);
    if (!send(side, &message, 0) || !receive(side, &state->message)) {
        return false;
    }
    *answer = zmq_msg_data(&state->message);
    *bytes = zmq_msg_size(&state->message);
    return true;
}

const fanin_transport fanin_zeromq = {
    .name = "zeromq",
    .choose = choose,
    .forget = peer_leave_nothing,
    .open = open_server,
    .serve = serve,
    .close = close_end,
    .connect = connect_server,
    .call = call,
    .leave = close_end,
};
