/* SPDX-License-Identifier: MIT
 *
 * Calls and their answers, between a client and a server in two processes.
 */
#include <stdlib.h>
#include <string.h>

#include "channel/loop.h"
#include "check.h"
#include "serve.h"

static struct serve plan;
static peer_process server;
static weft_client *client;

static void begin(const char *property, weft_wait wait)
{
    check_case(property);
    serve_init(&plan);
    plan.wait = wait;
    plan.calls_max = 4;
    plan.takes_handles = true;
    plan.handles_max = 3;
    server = serve_run(&plan);
    client = serve_connect();
}

static void end(void)
{
    serve_end(&server, &client);
    peer_gate_deinit(&plan.ready);
}

/* The next answer; it must be to that call, and say that. */
static void next_is(uint64_t call, unsigned flags, const char *text)
{
    weft_reply reply;

    if (CHECK_STATUS(weft_client_next(client, &reply, peer_soon()), WEFT_OK)) {
        CHECK(reply.call == call && reply.flags == flags);
        CHECK_STATUS(reply.status, WEFT_OK);
        CHECK(reply.bytes == strlen(text) &&
              memcmp(reply.data, text, reply.bytes) == 0);
    }
}

static uint64_t begin_call(const char *request)
{
    weft_message message = {.data = (void *)(uintptr_t)request,
                            .bytes = strlen(request)};
    uint64_t call = 0;

    CHECK_STATUS(weft_client_begin(client, &message, peer_soon(), &call),
                 WEFT_OK);
    CHECK(call != 0);
    return call;
}

static void test_answers(weft_wait wait)
{
    weft_reply reply;

    begin("a call is answered, or told why not", wait);
    serve_call(client, "echo", "echo");
    for (unsigned i = 0; i < 1000; i++) {
        serve_call(client, "e", "e");
    }
    if (CHECK_STATUS(weft_client_call(client, "fail", 4, &reply, peer_soon()),
                     WEFT_OK)) {
        CHECK_STATUS(reply.status, WEFT_EACCES);
        CHECK(reply.bytes == 4 && memcmp(reply.data, "fail", 4) == 0);
    }
    CHECK_STATUS(weft_client_call(client, NULL, 0, &reply, WEFT_FOREVER),
                 WEFT_OK);
    CHECK(reply.bytes == 0);
    end();
}

static void test_sizes(void)
{
    static const size_t sizes[] = {1,     15,     16,      1000,   1024,
                                   4096,  16384,  65536,   100000, 1048576,
                                   65537, 999999, 5000000, 2,      700000};

    begin("requests and answers of all sizes come whole", WEFT_WAIT_ADAPTIVE);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        static unsigned char data[5000000]; /* the largest */
        weft_reply reply;

        peer_fill(data, sizes[i], i);
        data[0] = 'e';
        if (CHECK_STATUS(
                weft_client_call(client, data, sizes[i], &reply, peer_soon()),
                WEFT_OK)) {
            CHECK(reply.bytes == sizes[i] &&
                  memcmp(reply.data, data, sizes[i]) == 0);
        }
    }
    end();
}

static void test_in_flight(void)
{
    uint64_t first;
    uint64_t second;
    uint64_t third;
    weft_reply reply;

    begin("many calls are in flight, and answered in any order",
          WEFT_WAIT_ADAPTIVE);
    first = begin_call("d1");
    second = begin_call("d2");
    third = begin_call("d3");
    CHECK(first != second && second != third && first != third);
    serve_call(client, "a", "a");
    next_is(third, 0, "");
    next_is(second, 0, "");
    next_is(first, 0, "");
    CHECK_STATUS(weft_client_next(client, &reply, WEFT_NOW), WEFT_EAGAIN);
    end();
}

static void test_too_many(void)
{
    uint64_t calls[5];
    weft_reply reply;

    begin("a call beyond the quota is refused, and the others are not",
          WEFT_WAIT_ADAPTIVE);
    for (unsigned i = 0; i < 5; i++) {
        calls[i] = begin_call("d");
    }
    if (CHECK_STATUS(weft_client_next(client, &reply, peer_soon()), WEFT_OK)) {
        CHECK(reply.call == calls[4]);
        CHECK_STATUS(reply.status, WEFT_ELIMIT);
    }
    CHECK_STATUS(weft_client_cancel(client, calls[1]), WEFT_OK);
    serve_call(client, "a", "a");
    next_is(calls[3], 0, "");
    next_is(calls[2], 0, "");
    next_is(calls[0], 0, "");
    end();
}

static void test_stream(void)
{
    uint64_t call;
    weft_reply reply;

    begin("an answer may be a stream", WEFT_WAIT_ADAPTIVE);
    call = begin_call("s");
    next_is(call, WEFT_REPLY_MORE, "1");
    next_is(call, WEFT_REPLY_MORE, "2");
    next_is(call, 0, "3");
    if (CHECK_STATUS(weft_client_call(client, "s", 1, &reply, peer_soon()),
                     WEFT_OK)) {
        CHECK(reply.flags == WEFT_REPLY_MORE);
        call = reply.call;
    }
    serve_call(client, "e", "e");
    next_is(call, WEFT_REPLY_MORE, "2");
    next_is(call, 0, "3");
    end();
}

static void test_news(void)
{
    weft_message message = {.data = "one way", .bytes = 7};

    begin("both sides send what nobody has asked for", WEFT_WAIT_ADAPTIVE);
    CHECK_STATUS(weft_client_send(client, &message, peer_soon()), WEFT_OK);
    serve_call(client, "n", "n");
    next_is(0, 0, "news");
    end();
}

static void test_cancel(void)
{
    static const char one[] = {1, 0};
    uint64_t call;
    weft_reply reply;

    begin("a call that is given up is answered no more", WEFT_WAIT_ADAPTIVE);
    call = begin_call("d");
    CHECK_STATUS(weft_client_cancel(client, call), WEFT_OK);
    CHECK_STATUS(weft_client_cancel(client, call), WEFT_ENOENT);
    serve_call(client, "c", one);
    serve_call(client, "a", "a");
    CHECK_STATUS(weft_client_next(client, &reply, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_client_call(client, "d", 1, &reply, weft_after_ns(1000)),
                 WEFT_ETIMEDOUT);
    serve_call(client, "a", "a");
    CHECK_STATUS(weft_client_next(client, &reply, WEFT_NOW), WEFT_EAGAIN);
    end();
}

/* What the server is told of a call of so many bytes. */
static void check_deadline(size_t bytes, uint64_t deadline)
{
    static unsigned char data[100000] = "t";
    uint64_t told = 0;
    weft_reply reply;

    if (CHECK_STATUS(weft_client_call(client, data, bytes, &reply, deadline),
                     WEFT_OK) &&
        CHECK(reply.bytes == sizeof(told))) {
        memcpy(&told, reply.data, sizeof(told));
        CHECK(told == deadline);
    }
}

static void test_deadline(void)
{
    static const size_t sizes[] = {1, 15, 256, 257, 100000};

    begin("the server is told when the caller gives up", WEFT_WAIT_ADAPTIVE);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        check_deadline(sizes[i], peer_soon());
        check_deadline(sizes[i], WEFT_FOREVER);
    }
    end();
}

static void test_handles(void)
{
    weft_message message = {.data = "h", .bytes = 1, .handle_count = 2};
    weft_reply reply;
    uint64_t call;

    begin("handles ride with requests and answers", WEFT_WAIT_ADAPTIVE);
    for (unsigned round = 0; round < 20; round++) {
        message.handles[0] = peer_token(round);
        message.handles[1] = peer_token(100 + round);
        CHECK_STATUS(weft_client_begin(client, &message, peer_soon(), &call),
                     WEFT_OK);
        CHECK(peer_close(message.handles[0]) && peer_close(message.handles[1]));
        if (CHECK_STATUS(weft_client_next(client, &reply, peer_soon()),
                         WEFT_OK) &&
            CHECK(reply.call == call && reply.handle_count == 2)) {
            CHECK(peer_token_is(reply.handles[0], round));
            CHECK(peer_token_is(reply.handles[1], 100 + round));
        }
    }
    end();
}

/* A call that stays open, with so many handles. */
static uint64_t begin_with_handles(unsigned count)
{
    weft_message message = {.data = "d", .bytes = 1, .handle_count = count};
    uint64_t call = 0;

    for (unsigned i = 0; i < count; i++) {
        message.handles[i] = peer_token(i);
    }
    CHECK_STATUS(weft_client_begin(client, &message, peer_soon(), &call),
                 WEFT_OK);
    for (unsigned i = 0; i < count; i++) {
        CHECK(peer_close(message.handles[i]));
    }
    return call;
}

static void test_too_many_handles(void)
{
    weft_reply reply;
    uint64_t first;
    uint64_t second;
    int before;

    begin("handles beyond the quota are closed, and their call is refused",
          WEFT_WAIT_ADAPTIVE);
    before = serve_open_handles(client);
    first = begin_with_handles(2);
    second = begin_with_handles(2);
    if (CHECK_STATUS(weft_client_next(client, &reply, peer_soon()), WEFT_OK)) {
        CHECK(reply.call == second);
        CHECK_STATUS(reply.status, WEFT_ELIMIT);
    }
    CHECK(serve_open_handles(client) == before);
    second = begin_with_handles(1);
    serve_call(client, "a", "a");
    next_is(second, 0, "");
    next_is(first, 0, "");
    first = begin_with_handles(3); /* those that were answered count no more */
    serve_call(client, "a", "a");
    next_is(first, 0, "");
    CHECK(serve_open_handles(client) == before);
    end();
}

static void test_slow_taker(void)
{
    uint64_t calls[3];
    weft_reply reply;
    unsigned char *expected = malloc(SERVE_LARGE);

    REQUIRE(expected != NULL);
    peer_fill(expected, SERVE_LARGE, 7);
    begin("answers wait for a client that does not take them",
          WEFT_WAIT_ADAPTIVE);
    calls[0] = begin_call("d");
    calls[1] = begin_call("l");
    calls[2] = begin_call("a");
    for (unsigned i = 0; i < 3; i++) {
        if (CHECK_STATUS(weft_client_next(client, &reply, peer_soon()),
                         WEFT_OK) &&
            reply.call == calls[1]) {
            CHECK_STATUS(reply.status, WEFT_OK);
            CHECK(reply.bytes == SERVE_LARGE &&
                  memcmp(reply.data, expected, SERVE_LARGE) == 0);
        }
    }
    free(expected);
    end();
}

/* What a loop waits for; the other client has the first one answered. */
static void test_client_handle(void)
{
    weft_client *other;
    weft_handle handle;
    weft_handle others;
    weft_reply reply;
    uint64_t call;

    begin("a client's handle is ready when an answer is there",
          WEFT_WAIT_ADAPTIVE);
    other = serve_connect();
    CHECK_STATUS(weft_client_handle(client, &handle), WEFT_OK);
    CHECK_STATUS(weft_client_handle(other, &others), WEFT_OK);
    CHECK_STATUS(weft_client_handle(client, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_client_handle(NULL, &handle), WEFT_EINVAL);
    CHECK_STATUS(weft_client_handle(client, &handle), WEFT_OK);
    call = begin_call("d");
    serve_call(client, "e", "e"); /* so the server has taken the first */
    CHECK_STATUS(weft_client_next(client, &reply, WEFT_NOW), WEFT_EAGAIN);
    loop_open(handle, others);
    CHECK(!loop_is_ready(handle, 0));
    serve_call(other, "a", "a");
    CHECK(loop_is_ready(handle, 10000));
    next_is(call, 0, "");
    CHECK_STATUS(weft_client_next(client, &reply, WEFT_NOW), WEFT_EAGAIN);
    CHECK(!loop_is_ready(handle, 0));
    loop_close();
    weft_client_close(&other);
    end();
}

static void test_misuse(void)
{
    weft_message message = {.data = NULL, .bytes = 1};
    weft_reply reply;
    uint64_t call = 0;

    begin("wrong arguments are refused", WEFT_WAIT_ADAPTIVE);
    CHECK_STATUS(weft_client_begin(client, NULL, WEFT_NOW, &call), WEFT_EINVAL);
    CHECK_STATUS(weft_client_begin(client, &message, WEFT_NOW, &call),
                 WEFT_EINVAL);
    message = (weft_message){.tag = 1};
    CHECK_STATUS(weft_client_begin(client, &message, WEFT_NOW, &call),
                 WEFT_EINVAL);
    message.tag = 0;
    CHECK_STATUS(weft_client_begin(client, &message, WEFT_NOW, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_client_begin(NULL, &message, WEFT_NOW, &call),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_client_call(client, "", 0, NULL, WEFT_NOW), WEFT_EINVAL);
    CHECK_STATUS(weft_client_next(client, NULL, WEFT_NOW), WEFT_EINVAL);
    CHECK_STATUS(weft_client_next(NULL, &reply, WEFT_NOW), WEFT_EINVAL);
    CHECK_STATUS(weft_client_cancel(client, 1), WEFT_ENOENT);
    CHECK_STATUS(weft_client_cancel(NULL, 1), WEFT_EINVAL);
    CHECK_STATUS(weft_service_next(NULL, NULL, WEFT_NOW, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_service_reply(NULL, 1, 1, WEFT_OK, 0, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_service_send(NULL, 1, &message), WEFT_EINVAL);
    CHECK_STATUS(weft_service_drop(NULL, 1), WEFT_EINVAL);
    CHECK(weft_service_handle(NULL) == WEFT_HANDLE_NONE);
    end();
}

void test_main(void)
{
    peer_names_begin();
    test_answers(WEFT_WAIT_ADAPTIVE);
    test_answers(WEFT_WAIT_BLOCK);
    test_answers(WEFT_WAIT_SPIN);
    test_sizes();
    test_in_flight();
    test_too_many();
    test_stream();
    test_news();
    test_cancel();
    test_deadline();
    test_handles();
    test_too_many_handles();
    test_slow_taker();
    test_client_handle();
    test_misuse();
    peer_names_end();
}
