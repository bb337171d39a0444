/* SPDX-License-Identifier: MIT
 *
 * Fails every call to the operating system that a server makes, and then a
 * client, one at a time and in each of its ways. Whatever fails: the other side
 * gets right answers or a failure, and goes on with the next one; who is failed
 * is told or does without; and nothing is kept.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "os/fake/fake.h"
#include "peer.h"
#include "service/serve.h"
#include "sides.h"

#define NAME "failing"
#define LARGE 30000
#define PATIENCE_NS (UINT64_C(500000000) * WEFT_TEST_TIME_SCALE)

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

/* What an honest peer may be told of the other side's failure. */
static bool is_loss(weft_status status)
{
    return status == WEFT_EPEERDIED || status == WEFT_ECLOSED ||
           status == WEFT_ETIMEDOUT || status == WEFT_ENOENT ||
           status == WEFT_ENOMEM || status == WEFT_ELIMIT ||
           status == WEFT_EPROTO || status == WEFT_ECORRUPT ||
           status == WEFT_EOS;
}

/* ------------------------------------------------------ the conversation ---
 */

/* Calls with so many bytes. False: it failed, as it may. */
static bool call(weft_client *client, size_t bytes)
{
    static unsigned char request[LARGE];
    weft_reply reply;
    weft_status status;

    peer_fill(request, bytes, bytes);
    request[0] = 'e';
    status = weft_client_call(client, request, bytes, &reply, soon());
    if (status != WEFT_OK) {
        CHECK(is_loss(status) || (fake_failed_operation() != NULL &&
                                  status == fake_failed_how().status));
        return false;
    }
    /* A server may lack the memory for it. */
    if (reply.status == WEFT_OK) {
        CHECK(reply.bytes == bytes && memcmp(reply.data, request, bytes) == 0);
    }
    return true;
}

/* Three calls that grow the rings, each over a new connection if one failed. */
static unsigned converse(weft_client *client)
{
    static const size_t sizes[] = {40, LARGE, 3000};
    unsigned done = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (call(client, sizes[i])) {
            done++;
        } else if (weft_client_reopen(client, soon(), NULL) == WEFT_OK) {
            done += call(client, sizes[i]);
        }
    }
    return done;
}

/* --------------------------------------------------------- failing clients ---
 */

static bool be_client(uint64_t number, unsigned variant, unsigned *variants)
{
    struct sides_holdings before = sides_hold();
    int64_t live = fake_live_allocations();
    weft_client *client = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    fake_fail_at(number, variant);
    status = weft_client_open(SERVE_NAME, NULL, soon(), &client, &detail);
    CHECK(detail.status == status);
    if (status != WEFT_OK) {
        CHECK(client == NULL && fake_failed_operation() != NULL);
        status = weft_client_open(SERVE_NAME, NULL, soon(), &client, NULL);
    }
    if (CHECK_STATUS(status, WEFT_OK)) {
        CHECK(converse(client) == 3);
    }
    *variants = fake_failed_variants();
    fake_reset();
    weft_client_close(&client);
    CHECK(fake_live_allocations() == live);
    sides_check_holdings(&before);
    return *variants != 0;
}

static void test_clients(void)
{
    struct serve plan;
    peer_process server;
    weft_client *client;
    uint64_t number = 1;
    unsigned variants;

    check_case("each call of a client fails once");
    serve_init(&plan);
    plan.is_attacked = true;
    server = serve_run(&plan);
    (void)be_client(0, 0, &variants); /* what is made once is kept */
    for (; be_client(number, 0, &variants); number++) {
        for (unsigned i = 1; i < variants; i++) {
            unsigned same;

            (void)be_client(number, i, &same);
        }
    }
    CHECK(number > 10);
    client = serve_connect();
    serve_end(&server, &client);
    peer_gate_deinit(&plan.ready);
}

/* --------------------------------------------------------- failing servers ---
 */

struct caller {
    atomic_uint over; /* no more conversations are wanted */
    atomic_uint conversations;
};

/* Has one conversation after the other, whatever the server does. */
static void call_on(void *context)
{
    struct caller *caller = context;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    while (caller->over == 0) {
        weft_client *client = NULL;

        if (weft_client_open(NAME, &options, soon(), &client, NULL) ==
            WEFT_OK) {
            (void)converse(client);
            caller->conversations++;
        }
        weft_client_close(&client);
    }
}

/* Serves until one client has come and gone. */
static void serve_one(weft_service *service)
{
    uint64_t late = weft_after_ns(6 * PATIENCE_NS);
    unsigned failures = 0;
    bool has_gone = false;

    while (!has_gone && weft_now_ns() < late) {
        weft_request request;
        weft_detail detail = {WEFT_OK, 0, NULL};
        weft_status status =
            weft_service_next(service, &request, soon(), &detail);

        CHECK(detail.status == status);
        if (status != WEFT_OK && status != WEFT_ETIMEDOUT) {
            failures++;
            CHECK(fake_failed_operation() != NULL);
        }
        if (status == WEFT_OK && request.kind == WEFT_REQUEST_CALL) {
            weft_message message = {.data = (void *)(uintptr_t)request.data,
                                    .bytes = request.bytes};

            status = weft_service_reply(service, request.client, request.call,
                                        WEFT_OK, 0, &message);
            CHECK(status == WEFT_OK || fake_failed_operation() != NULL);
        }
        has_gone = status == WEFT_OK && request.kind == WEFT_REQUEST_DISCONNECT;
    }
    CHECK(has_gone);
    CHECK(failures <= 1);
}

static bool be_server(uint64_t number, unsigned variant, unsigned *variants)
{
    struct sides_holdings before = sides_hold();
    int64_t live = fake_live_allocations();
    weft_service *service = NULL;
    weft_status status;

    fake_fail_at(number, variant);
    status = weft_service_open(NAME, NULL, &service, NULL);
    if (status != WEFT_OK) {
        CHECK(service == NULL && fake_failed_operation() != NULL);
        status = weft_service_open(NAME, NULL, &service, NULL);
    }
    if (CHECK_STATUS(status, WEFT_OK)) {
        serve_one(service);
    }
    *variants = fake_failed_variants();
    fake_reset();
    weft_service_close(&service);
    CHECK(fake_live_allocations() == live);
    sides_check_holdings(&before);
    return *variants != 0;
}

static void test_servers(void)
{
    struct caller *caller = peer_shared(sizeof(*caller));
    peer_process child;
    uint64_t number = 1;
    unsigned variants;

    check_case("each call of a server fails once");
    child = peer_run(call_on, caller, 0);
    (void)be_server(0, 0, &variants);
    for (; be_server(number, 0, &variants); number++) {
        for (unsigned i = 1; i < variants; i++) {
            unsigned same;

            (void)be_server(number, i, &same);
        }
    }
    caller->over = 1;
    CHECK(number > 10);
    CHECK(caller->conversations > 0);
    CHECK(peer_ended_well(&child));
    peer_unshare(caller, sizeof(*caller));
}

void test_main(void)
{
    peer_names_begin();
    test_clients();
    test_servers();
    peer_names_end();
}
