/* SPDX-License-Identifier: MIT
 *
 * Clients that have nothing to say cost a server no CPU time, at most three
 * descriptors each and little memory; and all of them are heard again.
 *
 * $WEFT_CLIENTS says how many there are; beyond some 320 that takes a higher
 * limit of open descriptors (`ulimit -n`).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "peer.h"

#define NAME "idlers"
#define CLIENTS 300u
#define HOLDERS 10u /* processes that have them, so many each at most */
#define HELD_MOST 1000u

#define IDLE_NS (3 * PEER_S)

/* One look at the endpoint, when the time is up. */
#define CPU_MOST_NS (WEFT_TEST_TIME_SCALE * UINT64_C(2000000))

/* Windows has more kinds of handles, and no low limit of them. */
#define HANDLES_MOST (peer_forks ? 3u : 7u)
#define BYTES_MOST 20480u /* both sides together */

struct hold {
    unsigned clients;
};

/* ---------------------------------------------------------- the clients --- */

static void call(weft_client *client, const char *request)
{
    weft_reply reply;

    CHECK_STATUS(
        weft_client_call(client, request, strlen(request), &reply, peer_soon()),
        WEFT_OK);
}

/* Takes an event, and says so. */
static void answer_event(weft_client *client)
{
    weft_reply reply;

    if (CHECK_STATUS(weft_client_next(client, &reply, WEFT_FOREVER), WEFT_OK)) {
        CHECK(reply.call == 0 && reply.bytes == 4);
        call(client, "I am");
    }
}

static void hold(void *context)
{
    const struct hold *plan = context;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_client *clients[HELD_MOST];
    weft_reply reply;

    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    for (unsigned i = 0; i < plan->clients; i++) {
        REQUIRE(weft_client_open(NAME, &options, peer_soon(), &clients[i],
                                 NULL) == WEFT_OK);
        call(clients[i], "hello");
    }
    for (unsigned i = 0; i < plan->clients; i++) {
        answer_event(clients[i]);
    }
    for (unsigned i = 0; i < plan->clients; i++) {
        CHECK_STATUS(weft_client_next(clients[i], &reply, peer_soon()),
                     WEFT_ECLOSED);
        weft_client_close(&clients[i]);
    }
}

/* ----------------------------------------------------------- the server --- */

/* Answers so many calls, and notes who comes; NULL: nobody does. */
static void answer_calls(weft_service *service, unsigned calls, uint64_t *come)
{
    unsigned count = 0;

    while (calls > 0) {
        weft_request request;

        REQUIRE(weft_service_next(service, &request, peer_soon(), NULL) ==
                WEFT_OK);
        CHECK(request.kind == WEFT_REQUEST_CALL ||
              (request.kind == WEFT_REQUEST_CONNECT && come != NULL));
        if (request.kind == WEFT_REQUEST_CONNECT && come != NULL) {
            come[count++] = request.client;
        } else {
            CHECK_STATUS(weft_service_reply(service, request.client,
                                            request.call, WEFT_OK, 0, NULL),
                         WEFT_OK);
            calls--;
        }
    }
}

/* The memory of all, pages that they share counted once. */
static uint64_t resident(const peer_process *holders)
{
    uint64_t bytes = guard_resident_bytes(peer_self());

    for (unsigned i = 0; i < HOLDERS; i++) {
        bytes += guard_resident_bytes(holders[i].id);
    }
    return bytes;
}

static void check_silence(weft_service *service, uint64_t ns)
{
    weft_request request;

    CHECK_STATUS(weft_service_next(service, &request, weft_after_ns(ns), NULL),
                 WEFT_ETIMEDOUT);
}

/* Until all are armed there is something to do. */
static void check_time(weft_service *service)
{
    uint64_t cpu_ns;

    check_silence(service, 100 * PEER_MS);
    cpu_ns = guard_cpu_ns();
    check_silence(service, IDLE_NS);
    cpu_ns = guard_cpu_ns() - cpu_ns;
    printf("# %" PRIu64 " us of CPU time\n", cpu_ns / 1000);
    CHECK(cpu_ns <= CPU_MOST_NS);
}

/* Nobody comes, so that what is noted of them stays. */
static void check_all_are_there(weft_service *service, unsigned clients,
                                const uint64_t *come)
{
    weft_message event = {.data = (void *)(uintptr_t) "you?", .bytes = 4};

    for (unsigned i = 0; i < clients; i++) {
        CHECK_STATUS(weft_service_send(service, come[i], &event), WEFT_OK);
    }
    answer_calls(service, clients, NULL);
}

static void test_idle(unsigned clients)
{
    uint64_t *come = peer_shared(clients * sizeof(*come));
    struct hold plan = {clients / HOLDERS};
    peer_process holders[HOLDERS];
    weft_service *service = NULL;
    int handles = check_open_handles();
    uint64_t bytes;

    REQUIRE(plan.clients <= HELD_MOST);
    for (unsigned i = 0; i < HOLDERS; i++) {
        holders[i] = peer_run(hold, &plan, sizeof(plan));
    }
    bytes = resident(holders);
    REQUIRE(weft_service_open(NAME, NULL, &service, NULL) == WEFT_OK);
    answer_calls(service, clients, come);
    check_time(service);
    CHECK(check_open_handles() - handles <=
          (int)(HANDLES_MOST * clients + 4)); /* the server's own */
    bytes = resident(holders) - bytes;
    printf("# %u clients, %d handles and %" PRIu64 " bytes each\n", clients,
           (check_open_handles() - handles) / (int)clients, bytes / clients);
    CHECK(bytes <= (uint64_t)BYTES_MOST * clients);
    check_all_are_there(service, clients, come);
    weft_service_close(&service);
    for (unsigned i = 0; i < HOLDERS; i++) {
        CHECK(peer_ended_well(&holders[i]));
    }
    peer_unshare(come, clients * sizeof(*come));
}

void test_main(void)
{
    const char *text = getenv("WEFT_CLIENTS");
    unsigned clients =
        text != NULL ? (unsigned)strtoul(text, NULL, 10) : CLIENTS / peer_cost;

    peer_names_begin();
    check_case("idle clients cost no time and little else");
    test_idle(clients - clients % HOLDERS);
    peer_names_end();
}
