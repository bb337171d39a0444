/* SPDX-License-Identifier: MIT
 *
 * nng: a pair of sockets over ipc. Messages are built in the library's own
 * memory, and read there, so nothing is copied that need not be.
 */
#include <stdlib.h>

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include "peer.h"

#define QUEUE_LENGTH 128

typedef struct nng_end {
    nng_socket socket;
} nng_end;

/* The address is abstract: it leaves no file behind. */
static bool open_address(const bench_case *test, void **shared,
                         char error[BENCH_ERROR_BYTES])
{
    (void)test;
    *shared = peer_address("abstract://weft-bench-", error);
    return *shared != NULL;
}

static bool fail(bench_side *side, const char *step, int code)
{
    return bench_fail(side, "cannot %s: %s", step, nng_strerror(code));
}

/* What was asked for must have worked. */
static bool require(bench_side *side, const char *step, int code)
{
    return code == 0 || fail(side, step, code);
}

static bool begin(bench_side *side)
{
    nng_end *state = calloc(1, sizeof(*state));
    int length = peer_queue_length(side->test, QUEUE_LENGTH);

    if (state == NULL) {
        return bench_fail(side, "out of memory");
    }
    side->state = state;
    if (!require(side, "make a socket", nng_pair0_open(&state->socket)) ||
        !require(side, "set the queue",
                 nng_socket_set_int(state->socket, NNG_OPT_SENDBUF, length)) ||
        !require(side, "set the queue",
                 nng_socket_set_int(state->socket, NNG_OPT_RECVBUF, length)) ||
        !require(side, "lift the limit",
                 nng_socket_set_size(state->socket, NNG_OPT_RECVMAXSZ, 0))) {
        return false;
    }
    if (side->index == 1 &&
        !require(side, "listen",
                 nng_listen(state->socket, side->shared, NULL, 0))) {
        return false;
    }
    bench_meet(side);
    return side->index == 1 ||
           require(side, "dial",
                   nng_dial(state->socket, side->shared, NULL, 0));
}

static void end(bench_side *side)
{
    nng_end *state = side->state;

    nng_close(state->socket);
    free(state);
}

static int flags(const bench_side *side, uint64_t *deadline)
{
    return peer_blocks(side, deadline) ? 0 : NNG_FLAG_NONBLOCK;
}

static bool may_retry(int code)
{
    return code == NNG_EAGAIN || code == NNG_EINTR;
}

static bool put(bench_side *side, uint64_t sequence, uint64_t seed)
{
    nng_end *state = side->state;
    uint64_t deadline = 0;
    nng_msg *message;
    int code = nng_msg_alloc(&message, side->test->size_bytes);

    (void)sequence;
    if (code != 0) {
        return fail(side, "make a message", code);
    }
    bench_fill(nng_msg_body(message), side->test->size_bytes, seed);
    do {
        code = nng_sendmsg(state->socket, message, flags(side, &deadline));
    } while (may_retry(code));
    return require(side, "send", code);
}

static bool take(bench_side *side, uint64_t sequence, uint64_t seed)
{
    nng_end *state = side->state;
    size_t size = side->test->size_bytes;
    uint64_t deadline = 0;
    nng_msg *message;
    bool good;
    int code;

    do {
        code = nng_recvmsg(state->socket, &message, flags(side, &deadline));
    } while (may_retry(code));
    if (code != 0) {
        return fail(side, "receive", code);
    }
    if (nng_msg_len(message) != size) {
        return bench_fail(side, "a message has %zu bytes",
                          nng_msg_len(message));
    }
    good = bench_verify(nng_msg_body(message), size, seed) ||
           bench_fail_wrong(side, sequence, nng_msg_body(message), size, seed);
    nng_msg_free(message);
    return good;
}

PEER_LOOPS(put, take)

static const bench_transport nng = {
    .name = "nng",
    .slow = true,
    .open = open_address,
    .close = peer_forget,
    .begin = begin,
    .loops = {{ping, echo}, {source, sink}},
    .end = end,
};

PEER_TABLE(nng);
PEER_FANINS(&fanin_nng);
PEER_FANOUTS(&fanout_nng);
