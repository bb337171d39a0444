/* SPDX-License-Identifier: MIT
 *
 * A server in an event loop, whose other threads answer, and clients in
 * threads: all in one process.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "channel/loop.h"
#include "check.h"
#include "peer.h"

#define NAME "threads"
#define CLIENTS 4u
#define WORKERS 3u
#define CALLS 400u
#define TURNS 3u /* the calls of a client in the loop */
#define BYTES 300

static weft_service *service;

/* -------------------------------------------------------------- handles --- */

/* A client that calls each time that it is told to, and ends. */
struct caller {
    pthread_t thread;
    peer_gate may_call;
    weft_status status;
};

static void *call_when_told(void *argument)
{
    struct caller *caller = argument;
    weft_client *client;
    weft_reply reply;

    caller->status = weft_client_open(NAME, NULL, peer_soon(), &client, NULL);
    for (unsigned i = 0; i < TURNS && caller->status == WEFT_OK; i++) {
        (void)peer_gate_pass(&caller->may_call);
        caller->status =
            weft_client_call(client, "call", 4, &reply, peer_soon());
    }
    weft_client_close(&client);
    return NULL;
}

/* Waits as an event loop does, after a look that has found nothing. */
static void next(weft_request *request)
{
    uint64_t late = peer_soon();
    weft_status status;

    do {
        CHECK(loop_is_ready(weft_service_handle(service), 10000));
        status = weft_service_next(service, request, WEFT_NOW, NULL);
    } while (status == WEFT_EAGAIN && weft_now_ns() < late);
    CHECK_STATUS(status, WEFT_OK);
}

static void check_idle(void)
{
    weft_request request;

    CHECK_STATUS(weft_service_next(service, &request, WEFT_NOW, NULL),
                 WEFT_EAGAIN);
    CHECK(!loop_is_ready(weft_service_handle(service), 0));
}

static void answer(const weft_request *request, weft_status expected)
{
    CHECK_STATUS(weft_service_reply(service, request->client, request->call,
                                    WEFT_OK, 0, NULL),
                 expected);
}

static void test_loop(const char *property, weft_wait wait)
{
    weft_service_options options = WEFT_SERVICE_OPTIONS_INIT;
    struct caller caller;
    weft_request request;
    weft_service *other;

    check_case(property);
    options.wait = wait;
    REQUIRE(weft_service_open(NAME, &options, &service, NULL) == WEFT_OK);
    REQUIRE(weft_service_open("other", NULL, &other, NULL) == WEFT_OK);
    loop_open(weft_service_handle(service), weft_service_handle(other));
    check_idle();
    peer_gate_init(&caller.may_call);
    REQUIRE(pthread_create(&caller.thread, NULL, call_when_told, &caller) == 0);
    next(&request);
    CHECK(request.kind == WEFT_REQUEST_CONNECT);
    for (unsigned i = 0; i < TURNS; i++) {
        check_idle();
        peer_gate_open(&caller.may_call);
        next(&request);
        CHECK(request.kind == WEFT_REQUEST_CALL && request.bytes == 4);
        CHECK(request.deadline_ns != WEFT_FOREVER);
        check_idle();
        answer(&request, WEFT_OK);
        answer(&request, WEFT_ENOENT);
    }
    next(&request);
    CHECK(request.kind == WEFT_REQUEST_DISCONNECT);
    CHECK_STATUS(request.reason, WEFT_ECLOSED);
    check_idle();
    REQUIRE(pthread_join(caller.thread, NULL) == 0);
    CHECK_STATUS(caller.status, WEFT_OK);
    peer_gate_deinit(&caller.may_call);
    loop_close();
    weft_service_close(&other);
    weft_service_close(&service);
}

/* -------------------------------------------------------------- workers --- */

/* A call that waits for a worker. */
struct job {
    struct job *next;
    uint64_t client;
    uint64_t call;
    size_t bytes;
    unsigned char data[BYTES];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct job jobs[CLIENTS];
static struct job *waiting;
static struct job *idle;
static bool is_over;

static void put_job(struct job **list, struct job *job)
{
    (void)pthread_mutex_lock(&mutex);
    job->next = *list;
    *list = job;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
}

/* NULL: it is over. */
static struct job *take_job(struct job **list)
{
    struct job *job;

    (void)pthread_mutex_lock(&mutex);
    while (*list == NULL && !is_over) {
        (void)pthread_cond_wait(&changed, &mutex);
    }
    job = *list;
    if (job != NULL) {
        *list = job->next;
    }
    (void)pthread_mutex_unlock(&mutex);
    return job;
}

static void *work(void *argument)
{
    struct job *job;

    (void)argument;
    while ((job = take_job(&waiting)) != NULL) {
        weft_message message = {.data = job->data, .bytes = job->bytes};
        weft_message news = {.data = "news", .bytes = 4};

        if (job->call % 10 == 0) {
            CHECK_STATUS(weft_service_send(service, job->client, &news),
                         WEFT_OK);
        }
        CHECK_STATUS(weft_service_reply(service, job->client, job->call,
                                        WEFT_OK, 0, &message),
                     WEFT_OK);
        put_job(&idle, job);
    }
    return NULL;
}

static void *call_often(void *argument)
{
    const unsigned *number = argument;
    unsigned char request[BYTES];
    unsigned news = 0;
    weft_client *client;
    weft_reply reply;

    if (!CHECK_STATUS(weft_client_open(NAME, NULL, peer_soon(), &client, NULL),
                      WEFT_OK)) {
        return NULL;
    }
    for (unsigned i = 1; i <= CALLS; i++) {
        size_t bytes = i % BYTES;

        peer_fill(request, bytes, *number * CALLS + i);
        if (!CHECK_STATUS(
                weft_client_call(client, request, bytes, &reply, peer_soon()),
                WEFT_OK) ||
            !CHECK(reply.bytes == bytes &&
                   (bytes == 0 || memcmp(reply.data, request, bytes) == 0))) {
            break;
        }
    }
    while (weft_client_next(client, &reply, WEFT_NOW) == WEFT_OK) {
        news += reply.call == 0;
    }
    CHECK(news == CALLS / 10);
    weft_client_close(&client);
    return NULL;
}

static void serve_until_all_have_left(void)
{
    unsigned gone = 0;

    while (gone < CLIENTS) {
        weft_request request;
        struct job *job;

        if (!CHECK_STATUS(
                weft_service_next(service, &request, peer_soon(), NULL),
                WEFT_OK)) {
            break;
        }
        gone += request.kind == WEFT_REQUEST_DISCONNECT;
        if (request.kind == WEFT_REQUEST_CALL) {
            job = take_job(&idle);
            job->client = request.client;
            job->call = request.call;
            job->bytes = request.bytes;
            memcpy(job->data, request.data, request.bytes);
            put_job(&waiting, job);
        }
    }
}

static void test_workers(void)
{
    pthread_t workers[WORKERS];
    pthread_t clients[CLIENTS];
    unsigned numbers[CLIENTS];

    check_case("any thread answers, and later than the next call comes");
    REQUIRE(weft_service_open(NAME, NULL, &service, NULL) == WEFT_OK);
    for (unsigned i = 0; i < CLIENTS; i++) {
        put_job(&idle, &jobs[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        REQUIRE(pthread_create(&workers[i], NULL, work, NULL) == 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        numbers[i] = i;
        REQUIRE(pthread_create(&clients[i], NULL, call_often, &numbers[i]) ==
                0);
    }
    serve_until_all_have_left();
    (void)pthread_mutex_lock(&mutex);
    is_over = true;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
    for (unsigned i = 0; i < WORKERS; i++) {
        REQUIRE(pthread_join(workers[i], NULL) == 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        REQUIRE(pthread_join(clients[i], NULL) == 0);
    }
    weft_service_close(&service);
}

void test_main(void)
{
    peer_names_begin();
    test_loop("an event loop is told of all that happens at a service",
              WEFT_WAIT_DEFAULT);
    test_loop("and at one that never sleeps in its own calls", WEFT_WAIT_SPIN);
    test_loop("and at one that never spins", WEFT_WAIT_BLOCK);
    test_workers();
    peer_names_end();
}
