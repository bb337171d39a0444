/* SPDX-License-Identifier: MIT
 *
 * Endpoints that do not answer, or end: nobody waits longer than it wants to,
 * and who inspects learns what has happened.
 */
#include "look.h"
#include "service/serve.h"

#define BRIEF_NS (50 * PEER_MS)

static void test_stopped(void)
{
    weft_inspection *inspection = NULL;
    weft_endpoint_stats stats = {.size = sizeof(stats)};
    weft_peer owner;
    struct serve plan;
    peer_process server;
    weft_client *client;

    check_case("of one that is stopped only its process is told, in time");
    serve_init(&plan);
    server = serve_run(&plan);
    CHECK(peer_await_asleep(&server));
    peer_stop(&server);
    CHECK_STATUS(weft_inspection_open(SERVE_NAME, peer_soon(), &inspection,
                                      &owner, NULL),
                 WEFT_OK);
    CHECK(owner.pid == server.id);
    CHECK_STATUS(
        weft_inspection_read(inspection, &stats, weft_after_ns(BRIEF_NS), NULL),
        WEFT_ETIMEDOUT);
    CHECK(stats.owner.pid == server.id && stats.valid == 0);
    CHECK(stats.kind == WEFT_ENDPOINT_UNKNOWN);

    check_case("it answers when it goes on, and is read while it is stopped");
    peer_go_on(&server);
    stats = look_once(inspection, WEFT_OK);
    CHECK(stats.kind == WEFT_ENDPOINT_SERVICE);
    CHECK(peer_await_asleep(&server));
    peer_stop(&server);
    stats = look_once(inspection, WEFT_OK);
    CHECK(stats.peers == 0 && stats.valid != 0);
    peer_go_on(&server);
    client = serve_connect();
    serve_end(&server, &client);

    check_case("one that has closed in order is told apart");
    (void)look_once(inspection, WEFT_ECLOSED);
    weft_inspection_close(&inspection);
    peer_gate_deinit(&plan.ready);
}

static void test_killed(void)
{
    weft_inspection *inspection;
    weft_inspection *unanswered = NULL;
    weft_endpoint_stats stats;
    struct serve plan;
    peer_process server;
    weft_client *client;

    check_case("the death of one that is watched ends the wait");
    serve_init(&plan);
    server = serve_run(&plan);
    inspection = look_at(SERVE_NAME);
    client = serve_connect();
    serve_call(client, "e", "e");
    LOOK_UNTIL(inspection, stats, stats.sent == 1);
    CHECK(peer_await_asleep(&server));
    peer_stop(&server);
    CHECK_STATUS(
        weft_inspection_open(SERVE_NAME, peer_soon(), &unanswered, NULL, NULL),
        WEFT_OK);
    CHECK(peer_strike(server.id));
    CHECK_STATUS(weft_inspection_wait(inspection, peer_soon(), NULL),
                 WEFT_EPEERDIED);
    stats = look_once(inspection, WEFT_EPEERDIED);
    CHECK(stats.sent == 1 && stats.kind == WEFT_ENDPOINT_SERVICE);
    (void)look_once(inspection, WEFT_EPEERDIED);

    check_case("nor is one waited for that died before it answered");
    (void)look_once(unanswered, WEFT_EPEERDIED);
    CHECK(peer_was_killed(&server));
    weft_inspection_close(&unanswered);
    CHECK_STATUS(
        weft_inspection_open(SERVE_NAME, peer_soon(), &unanswered, NULL, NULL),
        WEFT_ENOENT);
    weft_inspection_close(&inspection);
    weft_client_close(&client);
    peer_gate_deinit(&plan.ready);
}

/* Only one client, who is in. */
static void test_full(void)
{
    weft_inspection *inspection;
    weft_endpoint_stats stats;
    struct serve plan;
    peer_process server;
    weft_client *client;
    weft_client *refused = NULL;

    check_case("a service that is full lets nobody in, and inspectors look");
    serve_init(&plan);
    plan.clients_max = 1;
    server = serve_run(&plan);
    client = serve_connect();
    CHECK_STATUS(
        weft_client_open(SERVE_NAME, NULL, peer_soon(), &refused, NULL),
        WEFT_ELIMIT);
    inspection = look_at(SERVE_NAME);
    LOOK_UNTIL(inspection, stats, stats.turned_away == 1);
    CHECK(stats.peers == 1 && stats.admitted == 1);
    serve_end(&server, &client);
    weft_inspection_close(&inspection);
    peer_gate_deinit(&plan.ready);
}

void test_main(void)
{
    peer_names_begin();
    test_stopped();
    test_killed();
    test_full();
    peer_names_end();
}
