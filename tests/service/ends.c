/* SPDX-License-Identifier: MIT
 *
 * How clients and servers find each other, and how they part: in order, by
 * death, or because one is not let in.
 */
#include <string.h>

#include "check.h"
#include "serve.h"

static struct serve plan;
static peer_process server;
static weft_client *client;

static void begin(const char *property)
{
    check_case(property);
    serve_init(&plan);
    plan.clients_max = 2;
    server = serve_run(&plan);
    client = serve_connect();
}

static void end(void)
{
    serve_end(&server, &client);
    peer_gate_deinit(&plan.ready);
}

/* What a call gives, whatever its answer. */
static weft_status call(const char *request)
{
    weft_reply reply;

    return weft_client_call(client, request, strlen(request), &reply,
                            peer_soon());
}

static void test_server_dies(void)
{
    weft_reply reply;

    begin("a server that dies is missed, and the next one is found");
    serve_call(client, "e", "e");
    CHECK_STATUS(call("k"), WEFT_EPEERDIED);
    CHECK(peer_was_killed(&server));
    CHECK_STATUS(weft_client_next(client, &reply, peer_soon()), WEFT_EPEERDIED);
    CHECK_STATUS(weft_client_reopen(client, peer_soon(), NULL), WEFT_ENOENT);
    CHECK_STATUS(call("e"), WEFT_EPEERDIED);
    server = serve_run(&plan);
    CHECK_STATUS(weft_client_reopen(client, peer_soon(), NULL), WEFT_OK);
    serve_call(client, "e again", "e again");
    end();
}

static void test_server_closes(void)
{
    begin("a server that ends says so");
    serve_call(client, "q", "q");
    CHECK_STATUS(call("e"), WEFT_ECLOSED);
    CHECK(peer_ended_well(&server));
    server = serve_run(&plan);
    CHECK_STATUS(weft_client_reopen(client, peer_soon(), NULL), WEFT_OK);
    end();
}

static void test_dropped(void)
{
    begin("a client that is dropped may come again");
    CHECK_STATUS(call("D"), WEFT_ECLOSED);
    CHECK_STATUS(weft_client_reopen(client, peer_soon(), NULL), WEFT_OK);
    serve_call(client, "e", "e");
    end();
}

static void call_and_die(void *context)
{
    weft_client *mine = serve_connect();

    (void)context;
    serve_call(mine, "e", "e");
    peer_die();
}

static void call_and_leave(void *context)
{
    weft_client *mine = serve_connect();

    (void)context;
    serve_call(mine, "e", "e");
    weft_client_close(&mine);
}

/* The server takes no more than two clients, so those must have gone. */
static void test_clients_go(void)
{
    begin("a client that goes makes room for the next one");
    for (unsigned i = 0; i < 10; i++) {
        peer_process other =
            peer_run(i % 2 == 0 ? call_and_die : call_and_leave, NULL, 0);

        CHECK(i % 2 == 0 ? peer_was_killed(&other) : peer_ended_well(&other));
        serve_call(client, "e", "e");
    }
    end();
}

static void test_full(void)
{
    weft_client *second;
    weft_client *third;
    weft_detail detail;

    begin("a client too many is told so");
    second = serve_connect();
    serve_call(second, "e", "e");
    CHECK_STATUS(
        weft_client_open(SERVE_NAME, NULL, peer_soon(), &third, &detail),
        WEFT_ELIMIT);
    CHECK(third == NULL && detail.status == WEFT_ELIMIT);
    weft_client_close(&second);
    serve_call(client, "e", "e");
    CHECK_STATUS(weft_client_open(SERVE_NAME, NULL, peer_soon(), &third, NULL),
                 WEFT_OK);
    weft_client_close(&third);
    end();
}

static void test_handles_refused(void)
{
    weft_message message = {.data = "h", .bytes = 1, .handle_count = 1};
    weft_reply reply;
    uint64_t number;

    begin("handles are refused by a server that takes none");
    message.handles[0] = peer_token(1);
    CHECK_STATUS(weft_client_begin(client, &message, peer_soon(), &number),
                 WEFT_OK);
    if (CHECK_STATUS(weft_client_next(client, &reply, peer_soon()), WEFT_OK)) {
        CHECK(reply.call == number);
        CHECK_STATUS(reply.status, WEFT_EHANDLES);
    }
    CHECK_STATUS(weft_client_send(client, &message, peer_soon()), WEFT_OK);
    CHECK(peer_token_is(message.handles[0], 1));
    serve_call(client, "e", "e");
    end();
}

/* ------------------------------------------------------- of another kind ---
 */

static void test_not_a_service(void)
{
    weft_listener *listener;
    weft_detail detail;
    weft_client *none;

    check_case("a name that is nobody's is not found");
    CHECK_STATUS(weft_client_open("nobody", NULL, peer_soon(), &none, &detail),
                 WEFT_ENOENT);
    CHECK(none == NULL);
    check_case("a name is taken once");
    REQUIRE(weft_channel_listen(SERVE_NAME, NULL, &listener, NULL) == WEFT_OK);
    CHECK_STATUS(
        weft_service_open(SERVE_NAME, NULL, &(weft_service *){NULL}, &detail),
        WEFT_EINUSE);
    weft_listener_close(&listener);
}

static void listen_for_channel(void *context)
{
    const struct serve *told = context;
    weft_listener *listener;
    weft_channel *channel;

    REQUIRE(weft_channel_listen(SERVE_NAME, NULL, &listener, NULL) == WEFT_OK);
    peer_gate_open(&told->ready);
    CHECK_STATUS(weft_channel_accept(listener, peer_soon(), &channel, NULL),
                 WEFT_OK);
    weft_channel_close(&channel);
    weft_listener_close(&listener);
}

static void test_wrong_pattern(void)
{
    weft_channel *channel;
    weft_detail detail = {WEFT_OK, 0, NULL};

    begin("a channel does not fit a service");
    CHECK_STATUS(
        weft_channel_connect(SERVE_NAME, NULL, peer_soon(), &channel, &detail),
        WEFT_EPROTO);
    CHECK(detail.operation != NULL && strstr(detail.operation, "a channel"));
    end();

    check_case("a client does not fit a channel's listener");
    serve_init(&plan);
    server = peer_run(listen_for_channel, &plan, sizeof(plan));
    REQUIRE(peer_gate_pass(&plan.ready));
    CHECK_STATUS(
        weft_client_open(SERVE_NAME, NULL, peer_soon(), &client, &detail),
        WEFT_EPROTO);
    CHECK(detail.operation != NULL && strstr(detail.operation, "a service"));
    CHECK_STATUS(
        weft_channel_connect(SERVE_NAME, NULL, peer_soon(), &channel, NULL),
        WEFT_OK);
    weft_channel_close(&channel);
    CHECK(peer_ended_well(&server));
    peer_gate_deinit(&plan.ready);
}

/* -------------------------------------------------------------- options --- */

static void refuse(weft_service_options options, const char *what)
{
    weft_service *service;
    weft_detail detail = {WEFT_OK, 0, NULL};

    CHECK_STATUS(weft_service_open(SERVE_NAME, &options, &service, &detail),
                 WEFT_EINVAL);
    CHECK(service == NULL && detail.operation != NULL &&
          strstr(detail.operation, what) != NULL);
}

static void test_options(void)
{
    const weft_service_options good = WEFT_SERVICE_OPTIONS_INIT;
    weft_service_options options = good;
    weft_service *service;
    weft_request request;

    check_case("wrong options are named");
    options.size = 3;
    refuse(options, "size");
    options = good;
    options.flags = 8;
    refuse(options, "flags");
    options = good;
    options.clients_max = UINT32_MAX;
    refuse(options, "clients_max");
    options = good;
    options.calls_max = UINT32_MAX;
    refuse(options, "calls_max");
    options.calls_max = 0;
    options.handles_max = UINT32_MAX;
    refuse(options, "handles_max");
    options = good;
    options.wait = (weft_wait)77;
    refuse(options, "wait");
    options = good;
    options.reply_ring_max_bytes = 5000;
    refuse(options, "ring_max_bytes");
    CHECK_STATUS(weft_service_open(NULL, NULL, &service, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_service_open(SERVE_NAME, NULL, NULL, NULL), WEFT_EINVAL);

    check_case("a server without clients waits for them");
    REQUIRE(weft_service_open(SERVE_NAME, &good, &service, NULL) == WEFT_OK);
    CHECK(weft_service_handle(service) != WEFT_HANDLE_NONE);
    CHECK_STATUS(weft_service_next(service, &request, WEFT_NOW, NULL),
                 WEFT_EAGAIN);
    CHECK_STATUS(
        weft_service_next(service, &request, weft_after_ns(1000000), NULL),
        WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_service_next(service, NULL, WEFT_NOW, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_service_reply(service, 0, 1, WEFT_OK, 0, NULL),
                 WEFT_ENOENT);
    CHECK_STATUS(weft_service_reply(service, 0, 1, (weft_status)1, 0, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_service_reply(service, 0, 1, WEFT_OK, 2, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_service_drop(service, UINT64_MAX), WEFT_ENOENT);
    weft_service_close(&service);
    CHECK(service == NULL);
    weft_service_close(&service);
    weft_service_close(NULL);
    weft_client_close(NULL);
}

void test_main(void)
{
    peer_names_begin();
    test_server_dies();
    test_server_closes();
    test_dropped();
    test_clients_go();
    test_full();
    test_handles_refused();
    test_not_a_service();
    test_wrong_pattern();
    test_options();
    peer_names_end();
}
