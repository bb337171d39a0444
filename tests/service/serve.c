/* SPDX-License-Identifier: MIT
 *
 * See serve.h.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "serve.h"

#define WAITING_MOST 1024

struct waiting {
    uint64_t client;
    uint64_t call;
};

static struct waiting waiting[WAITING_MOST];
static unsigned waiting_count;
static unsigned char cancelled;
static bool is_attacked;

void serve_init(struct serve *serve)
{
    memset(serve, 0, sizeof(*serve));
    peer_gate_init(&serve->ready);
}

static void answer(weft_service *service, const weft_request *request,
                   weft_status status, unsigned flags, const void *data,
                   size_t bytes)
{
    weft_message message = {.data = (void *)(uintptr_t)data, .bytes = bytes};
    weft_status sent = weft_service_reply(
        service, request->client, request->call, status, flags, &message);

    /* The client may have gone meanwhile. */
    CHECK(sent == WEFT_OK || sent == WEFT_ENOENT ||
          (is_attacked && (sent == WEFT_ELIMIT || sent == WEFT_ECORRUPT)));
}

static void answer_handles(weft_service *service, const weft_request *request)
{
    weft_message message = {.data = (void *)(uintptr_t)request->data,
                            .bytes = request->bytes,
                            .handle_count = request->handle_count};

    memcpy(message.handles, request->handles, sizeof(message.handles));
    CHECK_STATUS(weft_service_reply(service, request->client, request->call,
                                    WEFT_OK, 0, &message),
                 WEFT_OK);
}

static void answer_large(weft_service *service, const weft_request *request)
{
    unsigned char *large = malloc(SERVE_LARGE);

    REQUIRE(large != NULL);
    peer_fill(large, SERVE_LARGE, 7);
    answer(service, request, WEFT_OK, 0, large, SERVE_LARGE);
    free(large);
}

static void answer_handle_count(weft_service *service,
                                const weft_request *request)
{
    int count = check_open_handles();

    answer(service, request, WEFT_OK, 0, &count, sizeof(count));
}

static void answer_waiting(weft_service *service)
{
    while (waiting_count > 0) {
        struct waiting *last = &waiting[--waiting_count];

        (void)weft_service_reply(service, last->client, last->call, WEFT_OK, 0,
                                 NULL);
    }
}

static void send_news(weft_service *service, uint64_t client)
{
    weft_message news = {.data = (void *)(uintptr_t) "news", .bytes = 4};

    CHECK_STATUS(weft_service_send(service, client, &news), WEFT_OK);
}

/* False: the server is to end. */
static bool do_call(weft_service *service, const weft_request *request)
{
    const char *data = request->data;
    char what = request->bytes > 0 ? data[0] : 'e';

    switch (what) {
    case 'f':
        answer(service, request, WEFT_EACCES, 0, data, request->bytes);
        return true;
    case 's':
        answer(service, request, WEFT_OK, WEFT_REPLY_MORE, "1", 1);
        answer(service, request, WEFT_OK, WEFT_REPLY_MORE, "2", 1);
        answer(service, request, WEFT_OK, 0, "3", 1);
        return true;
    case 'd':
        REQUIRE(waiting_count < WAITING_MOST);
        waiting[waiting_count++] =
            (struct waiting){request->client, request->call};
        return true;
    case 'a':
        answer_waiting(service);
        break;
    case 'n':
        send_news(service, request->client);
        break;
    case 't':
        answer(service, request, WEFT_OK, 0, &request->deadline_ns,
               sizeof(request->deadline_ns));
        return true;
    case 'c':
        answer(service, request, WEFT_OK, 0, &cancelled, 1);
        return true;
    case 'h':
        answer_handles(service, request);
        return true;
    case 'l':
        answer_large(service, request);
        return true;
    case 'o':
        answer_handle_count(service, request);
        return true;
    case 'D':
        CHECK_STATUS(weft_service_drop(service, request->client), WEFT_OK);
        return true;
    case 'k':
        peer_die();
    default:
        break;
    }
    answer(service, request, WEFT_OK, 0, data, request->bytes);
    return what != 'q';
}

static bool do_request(weft_service *service, const weft_request *request)
{
    bool goes_on = true;

    switch (request->kind) {
    case WEFT_REQUEST_CALL:
        goes_on = do_call(service, request);
        break;
    case WEFT_REQUEST_CANCEL:
        cancelled++;
        break;
    case WEFT_REQUEST_CONNECT:
        CHECK(request->peer.pid != 0);
        break;
    case WEFT_REQUEST_DISCONNECT:
        CHECK(request->reason == WEFT_ECLOSED ||
              request->reason == WEFT_EPEERDIED || is_attacked);
        break;
    case WEFT_REQUEST_ONE_WAY:
        break;
    }
    for (unsigned i = 0; i < request->handle_count; i++) {
        CHECK(peer_close(request->handles[i]));
    }
    return goes_on;
}

static void serve(void *context)
{
    const struct serve *serve = context;
    weft_service_options options = WEFT_SERVICE_OPTIONS_INIT;
    weft_service *service;
    weft_request request;
    weft_status status;

    is_attacked = serve->is_attacked;
    options.wait = serve->wait;
    options.calls_max = serve->calls_max;
    options.handles_max = serve->handles_max;
    options.clients_max = serve->clients_max;
    options.queue_max_bytes = serve->queue_max_bytes;
    options.flags = (serve->takes_handles ? WEFT_SERVICE_TAKES_HANDLES : 0) |
                    (serve->gathers_wakes ? WEFT_SERVICE_GATHERS_WAKES : 0);
    REQUIRE(weft_service_open(SERVE_NAME, &options, &service, NULL) == WEFT_OK);
    peer_gate_open(&serve->ready);
    do {
        status = weft_service_next(service, &request, peer_soon(), NULL);
    } while (CHECK_STATUS(status, WEFT_OK) && do_request(service, &request));
    weft_service_close(&service);
}

peer_process serve_run(const struct serve *plan)
{
    peer_process server = peer_run(serve, plan, sizeof(*plan));

    REQUIRE(peer_gate_pass(&plan->ready));
    return server;
}

weft_client *serve_connect(void)
{
    weft_client *client;
    weft_status status =
        weft_client_open(SERVE_NAME, NULL, peer_soon(), &client, NULL);

    CHECK_STATUS(status, WEFT_OK);
    REQUIRE(status == WEFT_OK);
    return client;
}

void serve_call(weft_client *client, const char *request, const char *text)
{
    weft_reply reply;

    if (CHECK_STATUS(weft_client_call(client, request, strlen(request), &reply,
                                      peer_soon()),
                     WEFT_OK)) {
        CHECK_STATUS(reply.status, WEFT_OK);
        CHECK(text == NULL || (reply.bytes == strlen(text) &&
                               memcmp(reply.data, text, reply.bytes) == 0));
    }
}

int serve_open_handles(weft_client *client)
{
    weft_reply reply;
    int count = -1;

    if (CHECK_STATUS(weft_client_call(client, "o", 1, &reply, peer_soon()),
                     WEFT_OK) &&
        CHECK(reply.bytes == sizeof(count))) {
        memcpy(&count, reply.data, sizeof(count));
    }
    return count;
}

void serve_end(peer_process *server, weft_client **client)
{
    serve_call(*client, "q", "q");
    weft_client_close(client);
    CHECK(peer_ended_well(server));
}
