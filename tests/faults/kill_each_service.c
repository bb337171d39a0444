/* SPDX-License-Identifier: MIT
 *
 * Kills a server, or one of its clients, at every step.
 *
 * The victim is a child that goes through a script, and dies as by kill -9 at
 * its Nth step, for N from 1 on until it gets to the end. A step is a mark in
 * the library's own code or any of its calls to the system. A client must have
 * all answers that a dead server had given, learn of the death soon, and be
 * served by the next one. A server must have all that a dead client had sent,
 * learn of the death soon, and serve its other client meanwhile. Neither may
 * hold anything of the dead one.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "ipc/ring.h"
#include "os/fake/fake.h"
#include "os/fake/step.h"
#include "peer.h"
#include "sides.h"

#define NAME "kill"
#define LARGE 30000 /* more than a ring holds at first */
#define PARTS 3u    /* of an answer that is a stream */
#define ONE_WAYS 3u
#define PATIENCE_NS UINT64_C(5000000000)
#define BOUND_NS (WEFT_TEST_TIME_SCALE * UINT64_C(500000000))

struct shared {
    struct wefti_steps steps;
    _Atomic bool is_open;      /* the victim serves */
    _Atomic bool finished;     /* the victim got to the end */
    _Atomic uint64_t answered; /* small answers that the victim has given */
    _Atomic uint64_t sent;     /* one-way messages that it has sent */
    peer_gate ready;           /* opened by each server that is not killed */
};

static struct shared *shared;

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

static void follow_steps(void)
{
    wefti_step_follow(&shared->steps, peer_die);
    fake_before_each(wefti_step);
}

static bool is_victim_gone(void)
{
    return shared->finished || weftos_load_acquire(&shared->steps.died_ns) != 0;
}

/* What is told of a death is told soon after it. */
static void check_delay(void)
{
    uint64_t died_ns = weftos_load_acquire(&shared->steps.died_ns);

    CHECK(died_ns == 0 || weft_now_ns() - died_ns < BOUND_NS);
}

/* --------------------------------------------------------------- server --- */

static weft_service *open_service(void)
{
    weft_service_options options = WEFT_SERVICE_OPTIONS_INIT;
    weft_service *service = NULL;

    options.flags = WEFT_SERVICE_TAKES_HANDLES;
    options.wait = WEFT_WAIT_BLOCK;
    CHECK_STATUS(weft_service_open(NAME, &options, &service, NULL), WEFT_OK);
    return service;
}

/*
 * Answers with the same, in parts if that is asked for by an 's'. What has no
 * room in the ring waits in the server, and dies with it: only small answers
 * count.
 */
static void answer(weft_service *service, const weft_request *request)
{
    const char *data = request->data;
    unsigned parts = request->bytes > 0 && data[0] == 's' ? PARTS : 1;

    for (unsigned i = 1; i <= parts; i++) {
        weft_message message = {.data = (void *)(uintptr_t)request->data,
                                .bytes = request->bytes,
                                .handle_count = request->handle_count};
        weft_status status;

        memcpy(message.handles, request->handles, sizeof(message.handles));
        status =
            weft_service_reply(service, request->client, request->call, WEFT_OK,
                               i < parts ? WEFT_REPLY_MORE : 0, &message);
        CHECK(status == WEFT_OK || status == WEFT_ENOENT);
        if (status == WEFT_OK && request->bytes < LARGE) {
            shared->answered++;
        }
    }
}

static void close_handles(const weft_request *request)
{
    for (unsigned i = 0; i < request->handle_count; i++) {
        CHECK(peer_close(request->handles[i]));
    }
}

/* Serves one client until it leaves. */
static void serve_one(weft_service *service)
{
    weft_request request = {.kind = WEFT_REQUEST_CONNECT};

    while (request.kind != WEFT_REQUEST_DISCONNECT) {
        if (!CHECK_STATUS(weft_service_next(service, &request, soon(), NULL),
                          WEFT_OK)) {
            return;
        }
        if (request.kind == WEFT_REQUEST_CALL) {
            answer(service, &request);
        }
        close_handles(&request);
    }
    CHECK_STATUS(request.reason, WEFT_ECLOSED);
}

/* --------------------------------------------------------------- client --- */

/* Counts the answers that it got; stops at the first failure. */
struct talk {
    weft_client *client;
    uint64_t small; /* answers */
    weft_status status;
};

static bool took(struct talk *talk, weft_status status)
{
    talk->status = status;
    return status == WEFT_OK;
}

/* `what` is the first byte of a request, which the server looks at. */
static bool call(struct talk *talk, char what, size_t bytes)
{
    static unsigned char request[LARGE];
    weft_reply reply;

    sides_fill(request, bytes, bytes);
    request[0] = (unsigned char)what;
    if (!took(talk,
              weft_client_call(talk->client, request, bytes, &reply, soon()))) {
        return false;
    }
    talk->small += bytes < LARGE;
    return CHECK_STATUS(reply.status, WEFT_OK) &&
           CHECK(reply.bytes == bytes &&
                 memcmp(reply.data, request, bytes) == 0);
}

static bool stream(struct talk *talk)
{
    weft_reply reply;

    if (!call(talk, 's', 100)) {
        return false;
    }
    for (unsigned i = 1; i < PARTS; i++) {
        if (!took(talk, weft_client_next(talk->client, &reply, soon()))) {
            return false;
        }
        talk->small++;
        CHECK(reply.bytes == 100);
        CHECK(((reply.flags & WEFT_REPLY_MORE) != 0) == (i < PARTS - 1));
    }
    return true;
}

static bool call_with_handle(struct talk *talk)
{
    weft_message message = {
        .data = (void *)(uintptr_t) "h", .bytes = 1, .handle_count = 1};
    weft_reply reply;
    uint64_t number;
    bool done;

    message.handles[0] = peer_token(5);
    done = took(talk,
                weft_client_begin(talk->client, &message, soon(), &number)) &&
           took(talk, weft_client_next(talk->client, &reply, soon()));
    CHECK(peer_close(message.handles[0]));
    if (done) {
        talk->small++;
        CHECK(reply.call == number && reply.handle_count == 1 &&
              peer_token_is(reply.handles[0], 5));
    }
    return done;
}

static bool send_one_ways(struct talk *talk)
{
    static const weft_message message = {.data = (void *)(uintptr_t) "1",
                                         .bytes = 1};

    for (unsigned i = 0; i < ONE_WAYS; i++) {
        if (!took(talk, weft_client_send(talk->client, &message, soon()))) {
            return false;
        }
        shared->sent++;
    }
    return true;
}

/* Does all that a client can do; the rings grow. */
static bool converse(struct talk *talk)
{
    return call(talk, 'e', 40) && call(talk, 'e', LARGE) && stream(talk) &&
           send_one_ways(talk) && call_with_handle(talk) &&
           call(talk, 'e', 3000);
}

/* -------------------------------------------------- the server is killed - */

static void be_victim_server(void *context)
{
    weft_service *service;

    shared = context;
    follow_steps();
    service = open_service();
    shared->is_open = true;
    serve_one(service);
    weft_service_close(&service);
    wefti_step_follow(NULL, NULL);
    shared->finished = true;
}

static void be_next_server(void *context)
{
    weft_service *service;

    shared = context;
    service = open_service();
    peer_gate_open(&shared->ready);
    serve_one(service);
    weft_service_close(&service);
}

static weft_status connect_client(weft_client **client)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.wait = WEFT_WAIT_BLOCK;
    return weft_client_open(NAME, &options, soon(), client, NULL);
}

/* Talks to the one that comes in place of the dead one. */
static void meet_next(struct talk *talk)
{
    peer_process next = peer_run(be_next_server, shared, 0);

    REQUIRE(peer_gate_pass(&shared->ready));
    if (talk->client == NULL) {
        CHECK_STATUS(connect_client(&talk->client), WEFT_OK);
    } else {
        CHECK_STATUS(weft_client_reopen(talk->client, soon(), NULL), WEFT_OK);
    }
    CHECK(converse(talk));
    CHECK_STATUS(talk->status, WEFT_OK);
    weft_client_close(&talk->client);
    CHECK(peer_ended_well(&next));
}

static void outlive_server(void)
{
    struct talk talk = {NULL, 0, WEFT_OK};
    uint64_t until = soon();
    bool done;

    while (!shared->is_open && !is_victim_gone() &&
           CHECK(weft_now_ns() < until)) {
    }
    done = took(&talk, connect_client(&talk.client)) && converse(&talk);
    check_delay();
    if (!done) {
        CHECK(weftos_load_acquire(&shared->steps.died_ns) != 0);
        CHECK(talk.client != NULL ? talk.status == WEFT_EPEERDIED
                                  : talk.status == WEFT_EPEERDIED ||
                                        talk.status == WEFT_ENOENT);
        CHECK(talk.small >= shared->answered);
        meet_next(&talk);
    }
    weft_client_close(&talk.client);
}

/* --------------------------------------------------- a client is killed -- */

static void be_victim_client(void *context)
{
    struct talk talk = {NULL, 0, WEFT_OK};

    shared = context;
    REQUIRE(peer_gate_pass(&shared->ready));
    follow_steps();
    CHECK_STATUS(connect_client(&talk.client), WEFT_OK);
    CHECK(converse(&talk));
    weft_client_close(&talk.client);
    wefti_step_follow(NULL, NULL);
    shared->finished = true;
}

/* Is served before, while and after the other one dies. */
static void stand_by(void *context)
{
    struct talk talk = {NULL, 0, WEFT_OK};

    shared = context;
    REQUIRE(peer_gate_pass(&shared->ready));
    CHECK_STATUS(connect_client(&talk.client), WEFT_OK);
    while (!is_victim_gone() && CHECK(call(&talk, 'e', 40))) {
    }
    CHECK(call(&talk, 'e', LARGE) && stream(&talk));
    weft_client_close(&talk.client);
}

/* What a server has seen of the two. */
struct seen {
    int bystander;
    int inside;
    uint64_t one_ways;
    bool is_alone; /* the bystander, who is the last one to go, has gone */
};

static void note_end(struct seen *seen, const weft_request *request)
{
    seen->inside--;
    if (request->peer.pid == seen->bystander) {
        seen->is_alone = true;
        CHECK_STATUS(request->reason, WEFT_ECLOSED);
    } else {
        CHECK(request->reason == WEFT_EPEERDIED ||
              request->reason == WEFT_ECLOSED);
        CHECK(seen->one_ways >= shared->sent);
        check_delay();
    }
}

static void serve_both(weft_service *service, struct seen *seen)
{
    while (!seen->is_alone || seen->inside > 0) {
        weft_request request;

        if (!CHECK_STATUS(weft_service_next(service, &request, soon(), NULL),
                          WEFT_OK)) {
            return;
        }
        switch (request.kind) {
        case WEFT_REQUEST_CONNECT:
            seen->inside++;
            break;
        case WEFT_REQUEST_DISCONNECT:
            note_end(seen, &request);
            break;
        case WEFT_REQUEST_CALL:
            answer(service, &request);
            break;
        case WEFT_REQUEST_ONE_WAY:
            seen->one_ways++;
            break;
        case WEFT_REQUEST_CANCEL:
            break;
        }
        close_handles(&request);
    }
}

static void outlive_client(void)
{
    peer_process bystander = peer_run(stand_by, shared, 0);
    struct seen seen = {bystander.id, 0, 0, false};
    weft_service *service = open_service();

    peer_gate_open(&shared->ready);
    peer_gate_open(&shared->ready);
    serve_both(service, &seen);
    weft_service_close(&service);
    CHECK(peer_ended_well(&bystander));
}

/* -------------------------------------------------------------- the test - */

/* False: the victim got to the end. */
static bool kill_at(uint64_t step, peer_task *victim, void (*outlive)(void))
{
    struct sides_holdings before;
    peer_process child;
    int status;

    guard_count_strays();
    before = sides_hold();
    memset(&shared->steps, 0, sizeof(shared->steps));
    shared->is_open = false;
    shared->finished = false;
    shared->answered = 0;
    shared->sent = 0;
    weftos_store_relaxed(&shared->steps.die_at, step);
    child = peer_run(victim, shared, 0);
    outlive();
    status = peer_status(&child);
    CHECK(status == (shared->steps.died_ns != 0 ? PEER_KILLED : 0));
    CHECK(shared->steps.died_ns != 0 || shared->finished);
    CHECK(guard_close_strays() <= 1); /* a handle that was on its way */
    sides_check_holdings(&before);
    return !shared->finished;
}

static void kill_each(const char *name, peer_task *victim,
                      void (*outlive)(void))
{
    uint64_t step = 0;

    check_case(name);
    while (kill_at(++step, victim, outlive)) {
    }
    printf("# %u steps\n", (unsigned)step);
    CHECK(step > 80);
}

void test_main(void)
{
    peer_names_begin();
    shared = peer_shared(sizeof(*shared));
    peer_gate_init(&shared->ready);
    kill_each("a server killed at each step is outlived, and replaced",
              be_victim_server, outlive_server);
    kill_each("a client killed at each step is outlived", be_victim_client,
              outlive_client);
    peer_gate_deinit(&shared->ready);
    peer_unshare(shared, sizeof(*shared));
    peer_names_end();
}
