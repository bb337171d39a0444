/* SPDX-License-Identifier: MIT
 *
 * Eclipse iceoryx with one server and its clients. Requests are written and
 * read in the shared chunks, and answers too; all wait with their wait sets.
 * Its daemon, iox-roudi, must be running. The runtime ends with the process,
 * see iceoryx.c.
 *
 * A server does not hear of a client that has gone. So each takes its leave by
 * a request that has a number of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iceoryx_binding_c/client.h>
#include <iceoryx_binding_c/request_header.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/server.h>
#include <iceoryx_binding_c/wait_set.h>

#include "peer.h"

/* The library's limit for a server. */
#define CLIENTS_MOST 256

#define FAREWELL 1

typedef struct iox_end {
    iox_client_storage_t client_memory;
    iox_server_storage_t server_memory;
    iox_ws_storage_t wait_set_memory;
    iox_client_t client;
    iox_server_t server;
    iox_ws_t wait_set;
    const void *answer; /* a client's last one, or NULL */
} iox_end;

static void choose(char address[FANIN_ADDRESS_BYTES])
{
    peer_choose(address, FANIN_ADDRESS_BYTES, "weft-bench-");
}

static iox_end *make_end(fanin_side *side)
{
    iox_end *state = calloc(1, sizeof(*state));
    char name[FANIN_ADDRESS_BYTES + 16];

    side->state = state;
    if (state == NULL) {
        bench_fail(&side->base, "out of memory");
        return NULL;
    }
    snprintf(name, sizeof(name), "%s-%u", side->address, side->base.index);
    iox_runtime_init(name); /* does nothing the second time */
    state->wait_set = iox_ws_init(&state->wait_set_memory);
    return state;
}

static void free_end(iox_end *state)
{
    iox_ws_deinit(state->wait_set);
    free(state);
}

static void sleep_at(iox_end *state)
{
    iox_notification_info_t notification;
    uint64_t missed;

    (void)iox_ws_wait(state->wait_set, &notification, 1, &missed);
}

/* --------------------------------------------------------------- server --- */

static bool open_server(fanin_side *side)
{
    iox_end *state;
    iox_server_options_t options;

    if (fanin_connections(side->test) > CLIENTS_MOST) {
        return bench_fail(&side->base,
                          "iceoryx has room for %d clients, "
                          "spare ones included",
                          CLIENTS_MOST);
    }
    state = make_end(side);
    if (state == NULL) {
        return false;
    }
    iox_server_options_init(&options);
    state->server = iox_server_init(&state->server_memory, "weft-bench",
                                    side->address, "calls", &options);
    return iox_ws_attach_server_state(state->wait_set, state->server,
                                      ServerState_HAS_REQUEST, 0,
                                      NULL) == WaitSetResult_SUCCESS ||
           bench_fail(&side->base, "cannot attach to the wait set");
}

static bool send_answer(fanin_side *side, const void *request)
{
    iox_end *state = side->state;
    size_t size = side->test->size_bytes;
    enum iox_AllocationResult room;
    enum iox_ServerSendResult sent;
    void *answer;

    room = iox_server_loan_response(state->server, request, &answer,
                                    (uint32_t)size);
    if (room != AllocationResult_SUCCESS) {
        return bench_fail(&side->base, "cannot loan a chunk: result %d",
                          (int)room);
    }
    if (!fanin_answer(side, request, size, answer)) {
        iox_server_release_response(state->server, answer);
        return false;
    }
    sent = iox_server_send(state->server, answer);
    return sent == ServerSendResult_SUCCESS ||
           bench_fail(&side->base, "cannot answer: result %d", (int)sent);
}

static bool serve(fanin_side *side)
{
    iox_end *state = side->state;
    unsigned left = fanin_connections(side->test);
    bool good = true;

    while (good && left > 0) {
        const void *request;
        enum iox_ServerRequestResult result =
            iox_server_take_request(state->server, &request);

        if (result == ServerRequestResult_NO_PENDING_REQUESTS) {
            sleep_at(state);
            continue;
        }
        if (result != ServerRequestResult_SUCCESS) {
            return bench_fail(&side->base, "cannot take a request: result %d",
                              (int)result);
        }
        if (iox_request_header_get_sequence_id_const(
                iox_request_header_from_payload_const(request)) == FAREWELL) {
            left--;
        } else {
            good = send_answer(side, request);
        }
        iox_server_release_request(state->server, request);
    }
    return good;
}

static void close_server(fanin_side *side)
{
    iox_end *state = side->state;

    if (state == NULL) {
        return;
    }
    iox_ws_detach_server_state(state->wait_set, state->server,
                               ServerState_HAS_REQUEST);
    iox_server_deinit(state->server);
    free_end(state);
}

/* --------------------------------------------------------------- client --- */

static bool connect_server(fanin_side *side)
{
    iox_end *state = make_end(side);
    iox_client_options_t options;

    if (state == NULL) {
        return false;
    }
    iox_client_options_init(&options);
    state->client = iox_client_init(&state->client_memory, "weft-bench",
                                    side->address, "calls", &options);
    if (iox_ws_attach_client_state(state->wait_set, state->client,
                                   ClientState_HAS_RESPONSE, 0,
                                   NULL) != WaitSetResult_SUCCESS) {
        return bench_fail(&side->base, "cannot attach to the wait set");
    }
    while (iox_client_get_connection_state(state->client) !=
           ConnectionState_CONNECTED) {
        bench_sys_yield();
    }
    return true;
}

/* Sends a request, which for a call is copied from `data`. */
static bool send_request(fanin_side *side, const void *data, int64_t number)
{
    iox_end *state = side->state;
    size_t size = side->test->size_bytes;
    enum iox_AllocationResult room;
    enum iox_ClientSendResult sent;
    void *chunk;

    room = iox_client_loan_request(state->client, &chunk, (uint32_t)size);
    if (room != AllocationResult_SUCCESS) {
        return bench_fail(&side->base, "cannot loan a chunk: result %d",
                          (int)room);
    }
    if (data != NULL) {
        memcpy(chunk, data, size);
    }
    iox_request_header_set_sequence_id(iox_request_header_from_payload(chunk),
                                       number);
    sent = iox_client_send(state->client, chunk);
    return sent == ClientSendResult_SUCCESS ||
           bench_fail(&side->base, "cannot send: result %d", (int)sent);
}

static void release(iox_end *state)
{
    if (state->answer != NULL) {
        iox_client_release_response(state->client, state->answer);
        state->answer = NULL;
    }
}

static bool call(fanin_side *side, const void *request, const void **answer,
                 size_t *bytes)
{
    iox_end *state = side->state;
    enum iox_ChunkReceiveResult result;

    release(state);
    if (!send_request(side, request, 0)) {
        return false;
    }
    while ((result = iox_client_take_response(state->client, &state->answer)) ==
           ChunkReceiveResult_NO_CHUNK_AVAILABLE) {
        sleep_at(state);
    }
    if (result != ChunkReceiveResult_SUCCESS) {
        state->answer = NULL;
        return bench_fail(&side->base, "cannot take an answer: result %d",
                          (int)result);
    }
    *answer = state->answer;
    *bytes = side->test->size_bytes; /* chunks have no length */
    return true;
}

static void leave(fanin_side *side)
{
    iox_end *state = side->state;

    if (state == NULL) {
        return;
    }
    release(state);
    (void)send_request(side, NULL, FAREWELL);
    iox_ws_detach_client_state(state->wait_set, state->client,
                               ClientState_HAS_RESPONSE);
    iox_client_deinit(state->client);
    free_end(state);
}

const fanin_transport fanin_iceoryx = {
    .name = "iceoryx",
    .choose = choose,
    .forget = peer_leave_nothing,
    .open = open_server,
    .serve = serve,
    .close = close_server,
    .connect = connect_server,
    .call = call,
    .leave = leave,
};
