/* SPDX-License-Identifier: MIT
 *
 * Boost.Interprocess: a message_queue each way, made before the fork.
 */
#include <stdio.h>
#include <stdlib.h>

#include "boost_queue.h"
#include "peer.h"

/* For small messages. The library takes what it is told. */
#define QUEUE_LENGTH 1024

/* What both sides inherit: side i receives from [i]. */
typedef struct boost_queues {
    boost_queue *queues[2];
} boost_queues;

typedef struct boost_end {
    boost_queue *out;
    boost_queue *in;
    unsigned char *outgoing;
    unsigned char *incoming;
} boost_end;

static void close_queues(const bench_case *test, void *shared)
{
    boost_queues *queues = shared;

    (void)test;
    boost_queue_free(queues->queues[0]);
    boost_queue_free(queues->queues[1]);
    free(queues);
}

static bool open_queues(const bench_case *test, void **shared,
                        char error[BENCH_ERROR_BYTES])
{
    boost_queues *queues = calloc(1, sizeof(*queues));
    size_t length = (size_t)peer_queue_length(test, QUEUE_LENGTH);

    if (queues == NULL) {
        snprintf(error, BENCH_ERROR_BYTES, "out of memory");
        return false;
    }
    for (int i = 0; i < 2; i++) {
        char *name = peer_address("weft-bench-", error);

        if (name != NULL) {
            queues->queues[i] = boost_queue_new(name, length, test->size_bytes,
                                                error, BENCH_ERROR_BYTES);
        }
        free(name);
        if (queues->queues[i] == NULL) {
            close_queues(test, queues);
            return false;
        }
    }
    *shared = queues;
    return true;
}

static bool begin(bench_side *side)
{
    boost_queues *queues = side->shared;
    boost_end *state = calloc(1, sizeof(*state));

    if (state == NULL) {
        return bench_fail(side, "out of memory");
    }
    side->state = state;
    state->in = queues->queues[side->index];
    state->out = queues->queues[1 - side->index];
    state->outgoing = malloc(side->test->size_bytes);
    state->incoming = malloc(side->test->size_bytes);
    if (state->outgoing == NULL || state->incoming == NULL) {
        return bench_fail(side, "out of memory");
    }
    return true;
}

static void end(bench_side *side)
{
    boost_end *state = side->state;

    free(state->outgoing);
    free(state->incoming);
    free(state);
}

static bool put(bench_side *side, uint64_t sequence, uint64_t seed)
{
    boost_end *state = side->state;
    size_t size = side->test->size_bytes;
    uint64_t deadline = 0;

    (void)sequence;
    bench_fill(state->outgoing, size, seed);
    while (!boost_queue_send(state->out, state->outgoing, size,
                             peer_blocks(side, &deadline))) {
    }
    return true;
}

static bool take(bench_side *side, uint64_t sequence, uint64_t seed)
{
    boost_end *state = side->state;
    size_t size = side->test->size_bytes;
    uint64_t deadline = 0;
    size_t bytes = 0;

    while (!boost_queue_receive(state->in, state->incoming, size, &bytes,
                                peer_blocks(side, &deadline))) {
    }
    if (bytes != size) {
        return bench_fail(side, "a message has %zu bytes", bytes);
    }
    return bench_verify(state->incoming, size, seed) ||
           bench_fail_wrong(side, sequence, state->incoming, size, seed);
}

PEER_LOOPS(put, take)

static const bench_transport boost = {
    .name = "boost",
    .slow = true,
    .open = open_queues,
    .close = close_queues,
    .begin = begin,
    .loops = {{ping, echo}, {source, sink}},
    .end = end,
};

PEER_TABLE(boost);
PEER_NO_FANIN;
PEER_NO_FANOUT;
