/* SPDX-License-Identifier: MIT
 *
 * ZeroMQ: a PAIR of sockets over ipc. Messages are built in the library's own
 * memory, and read there, so nothing is copied that need not be.
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
} zmq_end;

/* The address is abstract: it leaves no file behind. */
static bool open_address(const bench_case *test, void **shared,
                         char error[BENCH_ERROR_BYTES])
{
    (void)test;
    *shared = peer_address("ipc://@weft-bench-", error);
    return *shared != NULL;
}

static bool fail(bench_side *side, const char *step)
{
    return bench_fail(side, "cannot %s: %s", step, zmq_strerror(errno));
}

static bool set_option(bench_side *side, int option, int value)
{
    zmq_end *state = side->state;

    return zmq_setsockopt(state->socket, option, &value, sizeof(value)) == 0 ||
           fail(side, "set an option");
}

static bool begin(bench_side *side)
{
    zmq_end *state = calloc(1, sizeof(*state));
    int length = peer_queue_length(side->test, QUEUE_LENGTH);

    if (state == NULL) {
        return bench_fail(side, "out of memory");
    }
    side->state = state;
    state->context = zmq_ctx_new();
    state->socket =
        state->context ? zmq_socket(state->context, ZMQ_PAIR) : NULL;
    if (state->socket == NULL) {
        return fail(side, "make a socket");
    }
    if (!set_option(side, ZMQ_SNDHWM, length) ||
        !set_option(side, ZMQ_RCVHWM, length) ||
        !set_option(side, ZMQ_LINGER, 0)) {
        return false;
    }
    if (side->index == 1 && zmq_bind(state->socket, side->shared) != 0) {
        return fail(side, "bind");
    }
    bench_meet(side);
    if (side->index == 0 && zmq_connect(state->socket, side->shared) != 0) {
        return fail(side, "connect");
    }
    return true;
}

static void end(bench_side *side)
{
    zmq_end *state = side->state;

    zmq_close(state->socket);
    zmq_ctx_term(state->context);
    free(state);
}

static bool may_retry(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static bool put(bench_side *side, uint64_t sequence, uint64_t seed)
{
    zmq_end *state = side->state;
    uint64_t deadline = 0;
    zmq_msg_t message;

    (void)sequence;
    if (zmq_msg_init_size(&message, side->test->size_bytes) != 0) {
        return fail(side, "make a message");
    }
    bench_fill(zmq_msg_data(&message), side->test->size_bytes, seed);
    while (zmq_msg_send(&message, state->socket,
                        peer_blocks(side, &deadline) ? 0 : ZMQ_DONTWAIT) < 0) {
        if (!may_retry()) {
            return fail(side, "send");
        }
    }
    return true;
}

static bool take(bench_side *side, uint64_t sequence, uint64_t seed)
{
    zmq_end *state = side->state;
    size_t size = side->test->size_bytes;
    uint64_t deadline = 0;
    zmq_msg_t message;
    bool good;

    zmq_msg_init(&message);
    while (zmq_msg_recv(&message, state->socket,
                        peer_blocks(side, &deadline) ? 0 : ZMQ_DONTWAIT) < 0) {
        if (!may_retry()) {
            return fail(side, "receive");
        }
    }
    if (zmq_msg_size(&message) != size) {
        return bench_fail(side, "a message has %zu bytes",
                          zmq_msg_size(&message));
    }
    good = bench_verify(zmq_msg_data(&message), size, seed) ||
           bench_fail_wrong(side, sequence, zmq_msg_data(&message), size, seed);
    zmq_msg_close(&message);
    return good;
}

PEER_LOOPS(put, take)

static const bench_transport zeromq = {
    .name = "zeromq",
    .slow = true,
    .open = open_address,
    .close = peer_forget,
    .begin = begin,
    .loops = {{ping, echo}, {source, sink}},
    .end = end,
};

PEER_TABLE(zeromq);
PEER_FANINS(&fanin_zeromq);
PEER_FANOUTS(&fanout_zeromq, &fanout_zeromq_nodrop);
