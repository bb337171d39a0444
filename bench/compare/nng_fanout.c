/* SPDX-License-Identifier: MIT
 *
 * nng with one publisher: PUB and SUB over ipc. What does not fit into a
 * subscriber's queue is dropped.
 */
#include <stdlib.h>

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>

#include <weft/sync.h>

#include "peer.h"

#define QUEUE_LENGTH 128

typedef struct nng_end {
    nng_socket socket;
    bool is_open;
    nng_msg *message;    /* to be published, or received last; or NULL */
    weft_semaphore come; /* the publisher's: subscribers that have */
} nng_end;

static void choose(char address[FANOUT_ADDRESS_BYTES])
{
    peer_choose(address, FANOUT_ADDRESS_BYTES, "abstract://weft-bench-");
}

static bool require(fanout_side *side, const char *step, int code)
{
    return code == 0 ||
           bench_fail(&side->base, "cannot %s: %s", step, nng_strerror(code));
}

static nng_end *make_end(fanout_side *side, int (*open)(nng_socket *),
                         const char *queue)
{
    nng_end *state = calloc(1, sizeof(*state));

    side->state = state;
    if (state == NULL) {
        bench_fail(&side->base, "out of memory");
        return NULL;
    }
    state->is_open = require(side, "make a socket", open(&state->socket));
    return state->is_open && require(side, "set the queue",
                                     nng_socket_set_int(state->socket, queue,
                                                        QUEUE_LENGTH))
               ? state
               : NULL;
}

static void drop_message(nng_end *state)
{
    if (state->message != NULL) {
        nng_msg_free(state->message);
        state->message = NULL;
    }
}

static void close_end(fanout_side *side)
{
    nng_end *state = side->state;

    if (state == NULL) {
        return;
    }
    drop_message(state);
    if (state->is_open) {
        nng_close(state->socket);
    }
    free(state);
}

/* ------------------------------------------------------------ publisher --- */

static void count_come(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    nng_end *state = context;

    (void)pipe;
    (void)event;
    (void)weft_semaphore_post(&state->come, 1);
}

static bool open_publisher(fanout_side *side)
{
    nng_end *state = make_end(side, nng_pub0_open, NNG_OPT_SENDBUF);

    if (state == NULL) {
        return false;
    }
    if (weft_semaphore_init(&state->come, 0) != WEFT_OK) {
        return bench_fail(&side->base, "cannot make a semaphore");
    }
    return require(side, "watch the subscribers",
                   nng_pipe_notify(state->socket, NNG_PIPE_EV_ADD_POST,
                                   count_come, state)) &&
           require(side, "listen",
                   nng_listen(state->socket, side->address, NULL, 0));
}

static bool admit(fanout_side *side)
{
    nng_end *state = side->state;

    for (unsigned i = 0; i < side->test->subscribers; i++) {
        if (weft_semaphore_wait(&state->come) != WEFT_OK) {
            return bench_fail(&side->base, "cannot wait for a semaphore");
        }
    }
    return true;
}

static void *reserve(fanout_side *side)
{
    nng_end *state = side->state;

    drop_message(state);
    return require(side, "make a message",
                   nng_msg_alloc(&state->message, side->test->size_bytes))
               ? nng_msg_body(state->message)
               : NULL;
}

static bool publish(fanout_side *side)
{
    nng_end *state = side->state;

    if (!require(side, "send", nng_sendmsg(state->socket, state->message, 0))) {
        return false;
    }
    state->message = NULL; /* the library's now */
    return true;
}

/* ----------------------------------------------------------- subscriber --- */

static bool subscribe(fanout_side *side)
{
    nng_end *state = make_end(side, nng_sub0_open, NNG_OPT_RECVBUF);

    return state != NULL &&
           require(
               side, "subscribe",
               nng_socket_set(state->socket, NNG_OPT_SUB_SUBSCRIBE, "", 0)) &&
           require(side, "dial",
                   nng_dial(state->socket, side->address, NULL, 0));
}

static bool take(fanout_side *side, fanout_taken *taken)
{
    nng_end *state = side->state;

    drop_message(state);
    if (!require(side, "receive",
                 nng_recvmsg(state->socket, &state->message, 0))) {
        return false;
    }
    taken->data = nng_msg_body(state->message);
    taken->bytes = nng_msg_len(state->message);
    return true;
}

const fanout_transport fanout_nng = {
    .name = "nng",
    .loses = true,
    .choose = choose,
    .forget = peer_leave_nothing,
    .open = open_publisher,
    .admit = admit,
    .reserve = reserve,
    .publish = publish,
    .close = close_end,
    .subscribe = subscribe,
    .take = take,
    .leave = close_end,
};
