/* SPDX-License-Identifier: MIT
 *
 * Calls that are late before their server hears of them. The server and its
 * client are both this thread's, so that each step is where it should be.
 */
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "peer.h"

#define NAME "late"

/* What a call that is to be late has, and how much later the server looks. */
#define PATIENCE_NS PEER_MS

static weft_service *service;
static weft_client *client;

static void *connect(void *argument)
{
    (void)argument;
    CHECK_STATUS(weft_client_open(NAME, NULL, peer_soon(), &client, NULL),
                 WEFT_OK);
    return NULL;
}

static void begin(const char *property, weft_wait wait)
{
    weft_service_options options = WEFT_SERVICE_OPTIONS_INIT;
    weft_request request;
    pthread_t thread;

    check_case(property);
    options.wait = wait;
    REQUIRE(weft_service_open(NAME, &options, &service, NULL) == WEFT_OK);
    REQUIRE(pthread_create(&thread, NULL, connect, NULL) == 0);
    CHECK_STATUS(weft_service_next(service, &request, peer_soon(), NULL),
                 WEFT_OK);
    CHECK(request.kind == WEFT_REQUEST_CONNECT);
    REQUIRE(pthread_join(thread, NULL) == 0);
    REQUIRE(client != NULL);
}

static void end(void)
{
    weft_client_close(&client);
    weft_service_close(&service);
}

static uint64_t call(char what, uint64_t deadline_ns)
{
    weft_message message = {.data = &what, .bytes = 1};
    uint64_t number = 0;

    CHECK_STATUS(weft_client_begin(client, &message, deadline_ns, &number),
                 WEFT_OK);
    return number;
}

/* The server was busy, or idle, since before that, and until after it. */
static void call_too_late(void)
{
    uint64_t deadline = weft_after_ns(PATIENCE_NS);
    weft_reply reply;

    (void)call('l', deadline);
    CHECK_STATUS(weft_client_next(client, &reply, deadline + PATIENCE_NS),
                 WEFT_ETIMEDOUT);
}

/* That call is told and answered, and nothing else is. */
static void only_told(uint64_t number)
{
    weft_request request;
    weft_reply reply;

    if (CHECK_STATUS(weft_service_next(service, &request, peer_soon(), NULL),
                     WEFT_OK)) {
        CHECK(request.kind == WEFT_REQUEST_CALL && request.call == number);
        CHECK(request.bytes == 1 && memcmp(request.data, "t", 1) == 0);
    }
    CHECK_STATUS(weft_service_next(service, &request, WEFT_NOW, NULL),
                 WEFT_EAGAIN);
    CHECK_STATUS(
        weft_service_reply(service, request.client, number, WEFT_OK, 0, NULL),
        WEFT_OK);
    if (CHECK_STATUS(weft_client_next(client, &reply, peer_soon()), WEFT_OK)) {
        CHECK(reply.call == number);
    }
    CHECK_STATUS(weft_client_next(client, &reply, WEFT_NOW), WEFT_EAGAIN);
}

static void test_late(const char *property, weft_wait wait)
{
    begin(property, wait);
    only_told(call('t', peer_soon()));
    /* Idle: it was last told that there is nothing. */
    call_too_late();
    only_told(call('t', peer_soon()));
    call_too_late();
    only_told(call('t', WEFT_FOREVER));
    end();
}

/* While the server was busy with an earlier call of the client. */
static void test_behind(const char *property, weft_wait wait)
{
    weft_request request;
    weft_reply reply;
    uint64_t first;
    uint64_t last;

    begin(property, wait);
    first = call('t', peer_soon());
    CHECK_STATUS(weft_service_next(service, &request, peer_soon(), NULL),
                 WEFT_OK);
    CHECK(request.call == first);
    call_too_late();
    last = call('t', peer_soon());
    CHECK_STATUS(
        weft_service_reply(service, request.client, first, WEFT_OK, 0, NULL),
        WEFT_OK);
    CHECK_STATUS(weft_client_next(client, &reply, peer_soon()), WEFT_OK);
    CHECK(reply.call == first);
    only_told(last);
    end();
}

void test_main(void)
{
    peer_names_begin();
    test_late("a call that is late when the server hears of it is not told",
              WEFT_WAIT_ADAPTIVE);
    test_late("nor by a server that never spins", WEFT_WAIT_BLOCK);
    test_late("nor by one that never sleeps", WEFT_WAIT_SPIN);
    test_behind("one that got late behind another one is not told",
                WEFT_WAIT_ADAPTIVE);
    test_behind("nor by a server that never spins", WEFT_WAIT_BLOCK);
    test_behind("nor by one that never sleeps", WEFT_WAIT_SPIN);
    peer_names_end();
}
