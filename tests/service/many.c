/* SPDX-License-Identifier: MIT
 *
 * Many clients, each in a process of its own, call one server at once: every
 * answer is to its own call.
 */
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "serve.h"

#define CLIENTS 100u
#define CALLS 300u

struct load {
    atomic_uint connected;
    atomic_uint calls[CLIENTS];
};

struct errand {
    struct load *load;
    unsigned number;
};

static void call_often(void *context)
{
    const struct errand *errand = context;
    struct load *load = errand->load;
    weft_client *client = serve_connect();
    unsigned clients = CLIENTS / peer_cost;

    load->connected++;
    while (load->connected < clients) {
        serve_call(client, "e", "e"); /* who is early loads the server */
    }
    for (unsigned i = 0; i < CALLS; i++) {
        unsigned char request[64];
        weft_reply reply;

        peer_fill(request, sizeof(request), errand->number * CALLS + i);
        request[0] = 'e';
        if (!CHECK_STATUS(weft_client_call(client, request, sizeof(request),
                                           &reply, peer_soon()),
                          WEFT_OK) ||
            !CHECK(reply.bytes == sizeof(request) &&
                   memcmp(reply.data, request, sizeof(request)) == 0)) {
            break;
        }
        load->calls[errand->number]++;
    }
    weft_client_close(&client);
}

static void test_many(weft_wait wait, bool gathers_wakes)
{
    struct load *load = peer_shared(sizeof(*load));
    peer_process children[CLIENTS];
    unsigned clients = CLIENTS / peer_cost;
    struct serve plan;
    peer_process server;
    weft_client *client;

    serve_init(&plan);
    plan.wait = wait;
    plan.gathers_wakes = gathers_wakes;
    server = serve_run(&plan);
    for (unsigned i = 0; i < clients; i++) {
        struct errand errand = {load, i};

        children[i] = peer_run(call_often, &errand, sizeof(errand));
    }
    for (unsigned i = 0; i < clients; i++) {
        CHECK(peer_ended_well(&children[i]));
        CHECK(load->calls[i] == CALLS);
    }
    client = serve_connect();
    serve_end(&server, &client);
    peer_gate_deinit(&plan.ready);
    peer_unshare(load, sizeof(*load));
}

void test_main(void)
{
    peer_names_begin();
    check_case("many clients are answered, each its own calls");
    test_many(WEFT_WAIT_ADAPTIVE, false);
    check_case("the same, of a server that never spins");
    test_many(WEFT_WAIT_BLOCK, false);
    check_case("the same, of one that gathers its wakes");
    test_many(WEFT_WAIT_BLOCK, true);
    test_many(WEFT_WAIT_ADAPTIVE, true);
    peer_names_end();
}
