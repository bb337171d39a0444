/* SPDX-License-Identifier: MIT
 *
 * nng with one server: a REP socket with contexts, which the library's own
 * threads serve, and a REQ socket for each client, over ipc. Each message is
 * built in the library's own memory, and read there.
 */
#include <stdlib.h>
#include <string.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include <weft/sync.h>

#include "peer.h"

/* More than there are threads to serve them. */
#define CONTEXTS 16

/* A request that is awaited, answered, and so on. */
typedef struct nng_worker {
    fanin_side *side;
    nng_ctx context;
    nng_aio *aio; /* NULL: not open */
    bool answers; /* it sends now, else it receives */
} nng_worker;

typedef struct nng_end {
    nng_socket socket;
    bool is_open;
    nng_msg *message;    /* a client's last answer, or NULL */
    weft_semaphore gone; /* the server's: clients that have, or a failure */
    nng_worker workers[CONTEXTS];
} nng_end;

static void choose(char address[FANIN_ADDRESS_BYTES])
{
    peer_choose(address, FANIN_ADDRESS_BYTES, "abstract://weft-bench-");
}

static bool require(fanin_side *side, const char *step, int code)
{
    return code == 0 ||
           bench_fail(&side->base, "cannot %s: %s", step, nng_strerror(code));
}

static nng_end *make_end(fanin_side *side, int (*open)(nng_socket *))
{
    nng_end *state = calloc(1, sizeof(*state));

    side->state = state;
    if (state == NULL) {
        bench_fail(&side->base, "out of memory");
        return NULL;
    }
    state->is_open = require(side, "make a socket", open(&state->socket));
    return state->is_open ? state : NULL;
}

static void close_end(fanin_side *side)
{
    nng_end *state = side->state;

    if (state == NULL) {
        return;
    }
    if (state->message != NULL) {
        nng_msg_free(state->message);
    }
    if (state->is_open) {
        nng_close(state->socket);
    }
    free(state);
}

/* --------------------------------------------------------------- server --- */

static void receive(nng_worker *worker)
{
    worker->answers = false;
    nng_ctx_recv(worker->context, worker->aio);
}

/* Turns a request into its answer, and sends it. False: it has told why. */
static bool answer(nng_worker *worker)
{
    nng_msg *request = nng_aio_get_msg(worker->aio);
    nng_msg *message;
    size_t bytes = nng_msg_len(request);
    bool done =
        require(worker->side, "make a message", nng_msg_alloc(&message, bytes));

    if (done && !fanin_answer(worker->side, nng_msg_body(request), bytes,
                              nng_msg_body(message))) {
        nng_msg_free(message);
        done = false;
    }
    nng_msg_free(request);
    if (done) {
        worker->answers = true;
        nng_aio_set_msg(worker->aio, message);
        nng_ctx_send(worker->context, worker->aio);
    }
    return done;
}

/* In a thread of the library's: a message has come or gone. */
static void go_on(void *context)
{
    nng_worker *worker = context;
    nng_end *state = worker->side->state;
    int code = nng_aio_result(worker->aio);

    if (worker->answers && code != 0) {
        nng_msg_free(nng_aio_get_msg(worker->aio));
    }
    if (code == NNG_ECLOSED || code == NNG_ECANCELED) {
        return;
    }
    if (worker->answers) {
        receive(worker); /* even if that client has gone */
    } else if (!require(worker->side, "receive", code) || !answer(worker)) {
        (void)weft_semaphore_post(&state->gone, FANIN_CLIENTS_MOST * 2);
    }
}

static void count_gone(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    fanin_side *side = context;
    nng_end *state = side->state;

    (void)pipe;
    (void)event;
    (void)weft_semaphore_post(&state->gone, 1);
}

static bool open_worker(fanin_side *side, nng_worker *worker)
{
    nng_end *state = side->state;

    worker->side = side;
    return require(side, "make a context",
                   nng_ctx_open(&worker->context, state->socket)) &&
           require(side, "make a context",
                   nng_aio_alloc(&worker->aio, go_on, worker));
}

static bool open_server(fanin_side *side)
{
    nng_end *state = make_end(side, nng_rep0_open);
    bool done = state != NULL;

    if (done && weft_semaphore_init(&state->gone, 0) != WEFT_OK) {
        return bench_fail(&side->base, "cannot make a semaphore");
    }
    for (size_t i = 0; done && i < CONTEXTS; i++) {
        done = open_worker(side, &state->workers[i]);
    }
    return done &&
           require(side, "watch the clients",
                   nng_pipe_notify(state->socket, NNG_PIPE_EV_REM_POST,
                                   count_gone, side)) &&
           require(side, "listen",
                   nng_listen(state->socket, side->address, NULL, 0));
}

static bool serve(fanin_side *side)
{
    nng_end *state = side->state;

    for (size_t i = 0; i < CONTEXTS; i++) {
        receive(&state->workers[i]);
    }
    for (unsigned i = 0; i < fanin_connections(side->test); i++) {
        if (weft_semaphore_wait(&state->gone) != WEFT_OK) {
            return bench_fail(&side->base, "cannot wait for a semaphore");
        }
    }
    return side->base.report->failed_ns == 0;
}

static void close_server(fanin_side *side)
{
    nng_end *state = side->state;

    for (size_t i = 0; state != NULL && i < CONTEXTS; i++) {
        if (state->workers[i].aio != NULL) {
            nng_aio_stop(state->workers[i].aio);
            nng_aio_free(state->workers[i].aio);
        }
    }
    close_end(side);
}

/* --------------------------------------------------------------- client --- */

static bool connect_server(fanin_side *side)
{
    nng_end *state = make_end(side, nng_req0_open);

    return state != NULL &&
           require(side, "dial",
                   nng_dial(state->socket, side->address, NULL, 0));
}

static bool call(fanin_side *side, const void *request, const void **answer,
                 size_t *bytes)
{
    size_t size = side->test->size_bytes;
    nng_end *state = side->state;
    nng_msg *message;

    if (state->message != NULL) {
        nng_msg_free(state->message);
        state->message = NULL;
    }
    if (!require(side, "make a message", nng_msg_alloc(&message, size))) {
        return false;
    }
    memcpy(nng_msg_body(message), request, size);
    if (!require(side, "send", nng_sendmsg(state->socket, message, 0))) {
        nng_msg_free(message);
        return false;
    }
    if (!require(side, "receive",
                 nng_recvmsg(state->socket, &state->message, 0))) {
        return false;
    }
    *answer = nng_msg_body(state->message);
    *bytes = nng_msg_len(state->message);
    return true;
}

const fanin_transport fanin_nng = {
    .name = "nng",
    .choose = choose,
    .forget = peer_leave_nothing,
    .open = open_server,
    .serve = serve,
    .close = close_server,
    .connect = connect_server,
    .call = call,
    .leave = close_end,
};
