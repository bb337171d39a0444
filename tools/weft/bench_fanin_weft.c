/* SPDX-License-Identifier: MIT
 *
 * weft in `weft bench fanin`: a service and its clients, through the public
 * headers only, with the default options but for those of the command line, and
 * wakes that are gathered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/service.h>

#include "bench_fanin.h"

/* How long a client may take to connect. */
#define CONNECT_NS UINT64_C(10000000000)

typedef struct weft_end {
    weft_service *service; /* the server's */
    unsigned char *answer;
    weft_client *client; /* a client's */
} weft_end;

static void choose(char address[FANIN_ADDRESS_BYTES])
{
    snprintf(address, FANIN_ADDRESS_BYTES, "bench-%llx",
             (unsigned long long)weft_now_ns());
}

/* A server takes the name of one that has died, and gives it back. */
static void forget(const char *address)
{
    weft_service *service;

    (void)weft_service_open(address, NULL, &service, NULL);
    weft_service_close(&service);
}

static weft_end *make_end(fanin_side *side)
{
    side->state = calloc(1, sizeof(weft_end));
    if (side->state == NULL) {
        bench_fail(&side->base, "out of memory");
    }
    return side->state;
}

static bool fail(fanin_side *side, const char *step, const weft_detail *detail)
{
    char text[BENCH_ERROR_BYTES / 2];

    weft_detail_text(detail, text, sizeof(text));
    return bench_fail(&side->base, "cannot %s: %s", step, text);
}

/* --------------------------------------------------------------- server --- */

static bool open_service(fanin_side *side)
{
    weft_service_options options = WEFT_SERVICE_OPTIONS_INIT;
    weft_end *state = make_end(side);
    weft_detail detail;

    if (state == NULL) {
        return false;
    }
    state->answer = malloc(side->test->size_bytes);
    if (state->answer == NULL) {
        return bench_fail(&side->base, "out of memory");
    }
    options.wait = side->test->wait;
    options.flags = WEFT_SERVICE_GATHERS_WAKES;
    return weft_service_open(side->address, &options, &state->service,
                             &detail) == WEFT_OK ||
           fail(side, "open a service", &detail);
}

static bool answer_call(fanin_side *side, const weft_request *request)
{
    weft_end *state = side->state;
    weft_message message = {.data = state->answer, .bytes = request->bytes};
    weft_status status;

    if (!fanin_answer(side, request->data, request->bytes, state->answer)) {
        return false;
    }
    status = weft_service_reply(state->service, request->client, request->call,
                                WEFT_OK, 0, &message);
    return status == WEFT_OK || bench_fail(&side->base, "cannot reply: %s",
                                           weft_status_text(status));
}

/* `*left` counts those that have gone. */
static bool handle(fanin_side *side, const weft_request *request,
                   unsigned *left)
{
    switch (request->kind) {
    case WEFT_REQUEST_CALL:
        return answer_call(side, request);
    case WEFT_REQUEST_CONNECT:
        return true;
    case WEFT_REQUEST_DISCONNECT:
        ++*left;
        return request->reason == WEFT_ECLOSED ||
               bench_fail(&side->base, "a client was lost: %s",
                          weft_status_text(request->reason));
    default:
        return bench_fail(&side->base, "a client sent what it should not");
    }
}

static bool serve(fanin_side *side)
{
    weft_end *state = side->state;
    unsigned left = 0;

    while (left < fanin_connections(side->test)) {
        weft_request request;
        weft_detail detail;

        if (weft_service_next(state->service, &request, WEFT_FOREVER,
                              &detail) != WEFT_OK) {
            return fail(side, "wait for requests", &detail);
        }
        if (!handle(side, &request, &left)) {
            return false;
        }
    }
    return true;
}

/* --------------------------------------------------------------- client --- */

static weft_status try_connect(fanin_side *side, const char *name,
                               weft_client **client, weft_detail *detail)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.wait = side->test->wait;
    return weft_client_open(name, &options, weft_after_ns(CONNECT_NS), client,
                            detail);
}

/* Nobody has that name. */
static void prepare(fanin_side *side)
{
    char name[FANIN_ADDRESS_BYTES + sizeof("-none")];
    weft_client *client;

    snprintf(name, sizeof(name), "%s-none", side->address);
    (void)try_connect(side, name, &client, NULL);
    weft_client_close(&client);
}

static bool connect_service(fanin_side *side)
{
    weft_end *state = make_end(side);
    weft_detail detail;

    if (state == NULL) {
        return false;
    }
    return try_connect(side, side->address, &state->client, &detail) ==
               WEFT_OK ||
           fail(side, "connect", &detail);
}

static bool call(fanin_side *side, const void *request, const void **answer,
                 size_t *bytes)
{
    weft_end *state = side->state;
    weft_reply reply;
    weft_status status = weft_client_call(
        state->client, request, side->test->size_bytes, &reply, WEFT_FOREVER);
    weft_detail detail;

    if (status != WEFT_OK) {
        weft_client_detail(state->client, &detail);
        return detail.status == status
                   ? fail(side, "call", &detail)
                   : bench_fail(&side->base, "cannot call: %s",
                                weft_status_text(status));
    }
    if (reply.status != WEFT_OK) {
        return bench_fail(&side->base, "a call was answered: %s",
                          weft_status_text(reply.status));
    }
    *answer = reply.data;
    *bytes = reply.bytes;
    return true;
}

static void close_end(fanin_side *side)
{
    weft_end *state = side->state;

    if (state != NULL) {
        weft_service_close(&state->service);
        weft_client_close(&state->client);
        free(state->answer);
        free(state);
    }
}

const fanin_transport fanin_weft = {
    .name = "weft",
    .has_wait = true,
    .choose = choose,
    .forget = forget,
    .open = open_service,
    .serve = serve,
    .close = close_end,
    .prepare = prepare,
    .connect = connect_service,
    .call = call,
    .leave = close_end,
};
