/* SPDX-License-Identifier: MIT
 *
 * Each kind of endpoint in a poll set: ready when its call would not wait, as
 * long as that is so, and not ready else. The set's thread is this process's
 * only one but for the waker, so a peer is another end in this process.
 */
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "peer.h"
#include "service/serve.h"

enum key { KEY_CHANNEL = 1, KEY_CLIENT, KEY_SERVICE, KEY_SUBSCRIBER, KEY_SEND };

static weft_poll *poll;

/* The keys that a wait tells, one bit each; 0 if it does not. */
static unsigned ready_by(uint64_t deadline_ns)
{
    weft_poll_item items[8];
    unsigned keys = 0;
    size_t count;

    if (weft_poll_wait(poll, items, 8, &count, deadline_ns, NULL) == WEFT_OK) {
        for (size_t i = 0; i < count; i++) {
            keys |= 1u << items[i].key;
        }
    }
    return keys;
}

/* Told early is no defect: `key` is, in the end, and nothing else is. */
static bool becomes_ready(enum key key)
{
    return ready_by(peer_soon()) == 1u << key;
}

/* Nothing is ready when all that may have been told early was looked at. */
static bool is_quiet(void)
{
    return ready_by(WEFT_NOW) == 0 && ready_by(weft_after_ns(PEER_MS)) == 0;
}

static weft_status try_recv(weft_channel *channel)
{
    char room[1000];
    size_t bytes;

    return weft_channel_try_recv(channel, room, sizeof(room), &bytes);
}

static void test_channel(weft_wait wait)
{
    weft_channel_options options = peer_options(wait);
    weft_channel *first;
    weft_channel *second;

    peer_both_ends(&options, &options, &first, &second);
    CHECK_STATUS(weft_poll_add_channel(poll, second, KEY_CHANNEL, NULL),
                 WEFT_OK);
    check_case("a channel is ready while there are messages");
    CHECK(is_quiet());
    for (unsigned i = 0; i < 200; i++) {
        CHECK_STATUS(peer_send(first, 100, i, WEFT_NOW), WEFT_OK);
        CHECK_STATUS(peer_send(first, 100, i, WEFT_NOW), WEFT_OK);
        CHECK(becomes_ready(KEY_CHANNEL));
        CHECK(becomes_ready(KEY_CHANNEL));
        CHECK(peer_receives(second, 100, i));
        CHECK(becomes_ready(KEY_CHANNEL));
        CHECK(peer_receives(second, 100, i));
        CHECK(i % 50 != 0 || is_quiet());
    }
    check_case("looks in vain, and waits of its own, lose no wake-up");
    for (unsigned i = 0; i < 200; i++) {
        CHECK(i % 20 != 0 || is_quiet());
        for (unsigned looks = 0; looks < i; looks++) {
            CHECK_STATUS(try_recv(second), WEFT_EAGAIN);
        }
        if (i % 2 == 0) {
            char room[8];
            size_t bytes;

            CHECK_STATUS(weft_channel_recv_until(second, room, sizeof(room),
                                                 &bytes, weft_after_ns(1000)),
                         WEFT_ETIMEDOUT);
        }
        CHECK_STATUS(peer_send(first, 100, i, WEFT_NOW), WEFT_OK);
        CHECK(becomes_ready(KEY_CHANNEL));
        CHECK(peer_receives(second, 100, i));
    }
    check_case("it is ready when the other end has closed, for good");
    CHECK(is_quiet());
    weft_channel_close(&first);
    CHECK(becomes_ready(KEY_CHANNEL));
    CHECK_STATUS(try_recv(second), WEFT_ECLOSED);
    CHECK(becomes_ready(KEY_CHANNEL));
    weft_channel_close(&second);
    CHECK(is_quiet());
}

static void test_send_handle(void)
{
    weft_channel *first;
    weft_channel *second;
    weft_handle handle;
    unsigned sent;

    check_case("room to send is a handle's business");
    peer_both_ends(NULL, NULL, &first, &second);
    REQUIRE(weft_channel_send_handle(first, &handle) == WEFT_OK);
    sent = peer_fill_ring(first, 100);
    CHECK_STATUS(
        weft_poll_add_handle(poll, handle, WEFT_POLL_READ, KEY_SEND, NULL),
        WEFT_OK);
    CHECK(is_quiet());
    while (sent-- > 0) {
        CHECK_STATUS(try_recv(second), WEFT_OK);
    }
    CHECK(becomes_ready(KEY_SEND));
    CHECK_STATUS(weft_poll_remove_handle(poll, handle), WEFT_OK);
    weft_channel_close(&first);
    weft_channel_close(&second);
}

static void test_subscriber(void)
{
    weft_publisher *publisher;
    weft_subscriber *subscriber;

    REQUIRE(weft_publisher_open("news", NULL, &publisher, NULL) == WEFT_OK);
    REQUIRE(weft_subscriber_open("news", NULL, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    CHECK_STATUS(
        weft_poll_add_subscriber(poll, subscriber, KEY_SUBSCRIBER, NULL),
        WEFT_OK);
    check_case("a subscriber is ready while there are messages");
    CHECK(is_quiet());
    for (uint64_t i = 0; i < 200; i++) {
        weft_publication publication = {.data = NULL};

        CHECK_STATUS(weft_publisher_send(publisher, "", 0, WEFT_NOW), WEFT_OK);
        CHECK(becomes_ready(KEY_SUBSCRIBER));
        CHECK(becomes_ready(KEY_SUBSCRIBER));
        CHECK_STATUS(weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                     WEFT_OK);
        CHECK(publication.sequence == i);
        if (i % 2 == 0) {
            CHECK_STATUS(
                weft_subscriber_recv(subscriber, &publication, WEFT_NOW),
                WEFT_EAGAIN);
        }
        CHECK(i % 50 != 0 || is_quiet());
    }
    check_case("it is ready when the topic has ended");
    CHECK(is_quiet());
    weft_publisher_close(&publisher);
    CHECK(becomes_ready(KEY_SUBSCRIBER));
    CHECK_STATUS(weft_poll_remove_subscriber(poll, subscriber), WEFT_OK);
    CHECK_STATUS(weft_poll_remove_subscriber(poll, subscriber), WEFT_ENOENT);
    weft_subscriber_close(&subscriber);
}

/* ------------------------------------------------------------- services --- */

/* Until the call has come, or the set is silent. */
static uint64_t take_call(weft_service *service, uint64_t *client)
{
    weft_request request;

    while (ready_by(weft_after_ns(20 * PEER_MS)) == 1u << KEY_SERVICE) {
        while (weft_service_next(service, &request, WEFT_NOW, NULL) ==
               WEFT_OK) {
            if (request.kind == WEFT_REQUEST_CALL) {
                *client = request.client;
                return request.call;
            }
        }
    }
    return 0;
}

/* A caller's side, in a thread of its own. */
static void *call_twenty(void *context)
{
    const peer_gate *gate = context;
    weft_client *client = NULL;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_reply reply;

    CHECK_STATUS(
        weft_client_open("polled", &options, peer_soon(), &client, NULL),
        WEFT_OK);
    for (unsigned i = 0; client != NULL && i < 20; i++) {
        CHECK(peer_gate_pass(gate));
        CHECK_STATUS(weft_client_call(client, "x", 1, &reply, peer_soon()),
                     WEFT_OK);
    }
    weft_client_close(&client);
    return NULL;
}

static void test_service(void)
{
    weft_service *service;
    weft_request request;
    pthread_t thread;
    peer_gate gate;
    bool has_gone = false;

    peer_gate_init(&gate);
    REQUIRE(weft_service_open("polled", NULL, &service, NULL) == WEFT_OK);
    CHECK_STATUS(weft_poll_add_service(poll, service, KEY_SERVICE, NULL),
                 WEFT_OK);
    check_case("a service is ready when a client comes, calls and goes");
    CHECK(is_quiet());
    REQUIRE(pthread_create(&thread, NULL, call_twenty, &gate) == 0);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t client = 0;
        uint64_t call;

        /* Every other time it was used out of turn before. */
        if (i % 2 != 0) {
            (void)weft_service_next(service, &request, WEFT_NOW, NULL);
        }
        peer_gate_open(&gate);
        for (call = 0; call == 0;) {
            call = take_call(service, &client);
        }
        CHECK_STATUS(
            weft_service_reply(service, client, call, WEFT_OK, 0, NULL),
            WEFT_OK);
    }
    while (!has_gone && ready_by(peer_soon()) == 1u << KEY_SERVICE) {
        while (weft_service_next(service, &request, WEFT_NOW, NULL) ==
               WEFT_OK) {
            has_gone = has_gone || request.kind == WEFT_REQUEST_DISCONNECT;
        }
    }
    CHECK(has_gone);
    CHECK(pthread_join(thread, NULL) == 0);
    weft_service_close(&service);
    peer_gate_deinit(&gate);
}

/* Begins a call, whose number it gives. */
static uint64_t begin(weft_client *client, char request)
{
    weft_message message = {.data = &request, .bytes = 1};
    uint64_t call = 0;

    CHECK_STATUS(weft_client_begin(client, &message, peer_soon(), &call),
                 WEFT_OK);
    return call;
}

static bool takes_answer(weft_client *client, uint64_t call)
{
    weft_reply reply;

    return weft_client_next(client, &reply, WEFT_NOW) == WEFT_OK &&
           reply.call == call;
}

static void test_client(void)
{
    struct serve plan;
    peer_process server;
    weft_service *service;
    weft_client *client;
    weft_reply reply;
    uint64_t call;

    serve_init(&plan);
    server = serve_run(&plan);
    client = serve_connect();
    CHECK_STATUS(weft_poll_add_client(poll, client, KEY_CLIENT, NULL), WEFT_OK);
    CHECK_STATUS(weft_poll_add_client(poll, client, 0, NULL), WEFT_EINUSE);
    check_case("a client is ready when an answer has come");
    CHECK(is_quiet());
    for (unsigned i = 0; i < 50; i++) {
        call = begin(client, 'e');
        CHECK(becomes_ready(KEY_CLIENT));
        CHECK(takes_answer(client, call));
    }
    check_case("and while it has kept one");
    CHECK(is_quiet());
    call = begin(client, 'e');
    serve_call(client, "e", "e");
    CHECK(becomes_ready(KEY_CLIENT));
    CHECK(takes_answer(client, call));
    CHECK(is_quiet());
    check_case("in a set it is not opened again");
    CHECK_STATUS(weft_client_reopen(client, peer_soon(), NULL), WEFT_EINUSE);
    check_case("it is ready when the server was killed while the set waited");
    (void)begin(client, 'k');
    CHECK(becomes_ready(KEY_CLIENT));
    CHECK_STATUS(weft_client_next(client, &reply, WEFT_NOW), WEFT_EPEERDIED);
    CHECK(peer_was_killed(&server));
    CHECK_STATUS(weft_poll_remove_client(poll, client), WEFT_OK);
    CHECK_STATUS(weft_poll_remove_client(poll, client), WEFT_ENOENT);
    weft_client_close(&client);
    peer_gate_deinit(&plan.ready);
    /* Who was killed leaves its name to the next one. */
    REQUIRE(weft_service_open(SERVE_NAME, NULL, &service, NULL) == WEFT_OK);
    weft_service_close(&service);
}

/* ---------------------------------------------------------------- wakes --- */

static void *wake(void *context)
{
    const int *sleeper = context;

    CHECK(peer_await_thread_asleep(*sleeper));
    CHECK_STATUS(weft_poll_wake(poll), WEFT_OK);
    return NULL;
}

static void test_wake(void)
{
    weft_poll_item item;
    pthread_t thread;
    size_t count = 9;
    int self = peer_thread();
    uint64_t end;

    check_case("a wake ends the next wait, and wakes merge");
    CHECK_STATUS(weft_poll_wake(poll), WEFT_OK);
    CHECK_STATUS(weft_poll_wake(poll), WEFT_OK);
    CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, WEFT_NOW, NULL),
                 WEFT_OK);
    CHECK(count == 0);
    CHECK(is_quiet());
    check_case("a wake ends a wait from another thread");
    REQUIRE(pthread_create(&thread, NULL, wake, &self) == 0);
    CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, WEFT_FOREVER, NULL),
                 WEFT_OK);
    CHECK(count == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    check_case("an empty set waits until its deadline");
    end = weft_after_ns(5 * PEER_MS);
    CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, end, NULL),
                 WEFT_ETIMEDOUT);
    CHECK(weft_now_ns() >= end);
}

void test_main(void)
{
    static const weft_wait waits[] = {WEFT_WAIT_DEFAULT, WEFT_WAIT_BLOCK,
                                      WEFT_WAIT_SPIN};

    peer_names_begin();
    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    test_client(); /* before there are threads */
    weft_poll_close(&poll);
    for (unsigned i = 0; i < 3; i++) {
        weft_poll_options options = WEFT_POLL_OPTIONS_INIT;

        options.wait = waits[i];
        REQUIRE(weft_poll_open(&options, &poll, NULL) == WEFT_OK);
        test_channel(waits[i]);
        test_send_handle();
        test_subscriber();
        test_service();
        if (waits[i] != WEFT_WAIT_SPIN) {
            test_wake();
        }
        weft_poll_close(&poll);
    }
    peer_names_end();
}
