/* SPDX-License-Identifier: MIT
 *
 * The figures of services, topics and listeners are those of what they did.
 */
#include <string.h>

#include "look.h"
#include "service/serve.h"

#define TOPIC "figures"
#define LISTENER "listener"

/* --------------------------------------------------------------- service -- */

static void check_calls(weft_inspection *inspection, weft_client *client)
{
    weft_endpoint_stats stats;

    check_case("a service counts requests, answers and their bytes");
    serve_call(client, "e123", "e123");
    serve_call(client, "s", "1"); /* two more follow */
    serve_call(client, "n45678", "n45678");
    LOOK_UNTIL(inspection, stats, stats.sent == 6 && stats.parked == 1);
    CHECK(stats.received == 3 && stats.received_bytes == 11);
    CHECK(stats.sent_bytes == 17 && stats.depth == 0);
    CHECK(stats.peers == 1 && stats.admitted == 1 && stats.turned_away == 0);
    CHECK(stats.lost == 0 && stats.cut_off == 0 && stats.queued_bytes == 0);
    CHECK(stats.memory_bytes >= 2 * stats.admitted * 4096);
    CHECK(stats.blocked_ns == 0);
    CHECK((stats.valid & WEFT_STATS_BLOCKED) == 0);
    CHECK((stats.valid & WEFT_STATS_RELIABLE) == 0);
}

static void check_depth(weft_inspection *inspection, weft_client *client)
{
    weft_message message = {.data = (void *)(uintptr_t) "d", .bytes = 1};
    weft_endpoint_stats stats;
    weft_client *other;
    uint64_t call;

    check_case("the depth of a service is the calls that are not answered");
    CHECK_STATUS(weft_client_begin(client, &message, peer_soon(), &call),
                 WEFT_OK);
    CHECK_STATUS(weft_client_begin(client, &message, peer_soon(), &call),
                 WEFT_OK);
    LOOK_UNTIL(inspection, stats, stats.depth == 2);
    CHECK_STATUS(weft_client_cancel(client, call), WEFT_OK);
    LOOK_UNTIL(inspection, stats, stats.depth == 1);
    other = serve_connect();
    CHECK_STATUS(weft_client_begin(other, &message, peer_soon(), &call),
                 WEFT_OK);
    LOOK_UNTIL(inspection, stats, stats.depth == 2 && stats.peers == 2);
    weft_client_close(&other);
    LOOK_UNTIL(inspection, stats, stats.depth == 1 && stats.peers == 1);
}

static void check_queue(weft_inspection *inspection)
{
    weft_message message = {.data = (void *)(uintptr_t) "l", .bytes = 1};
    weft_client *client = serve_connect();
    weft_endpoint_stats stats;
    weft_reply reply;
    uint64_t before;
    uint64_t call;

    check_case("what a client does not take is told, and the memory for it");
    LOOK_UNTIL(inspection, stats, stats.peers == 2);
    before = stats.memory_bytes;
    CHECK_STATUS(weft_client_begin(client, &message, peer_soon(), &call),
                 WEFT_OK);
    LOOK_UNTIL(inspection, stats, stats.queued_bytes >= SERVE_LARGE);
    CHECK(stats.full == 1 && stats.memory_bytes > before);
    CHECK_STATUS(weft_client_next(client, &reply, peer_soon()), WEFT_OK);
    CHECK(reply.bytes == SERVE_LARGE);
    LOOK_UNTIL(inspection, stats, stats.queued_bytes == 0);
    weft_client_close(&client);
    LOOK_UNTIL(inspection, stats, stats.memory_bytes < before);
}

static void test_service(void)
{
    struct serve plan;
    peer_process server;
    weft_inspection *inspection;
    weft_endpoint_stats stats;
    weft_client *client;
    weft_client *dropped;
    weft_reply reply;

    serve_init(&plan);
    server = serve_run(&plan);
    inspection = look_at(SERVE_NAME);
    check_case("a service says what it is before anybody has come");
    LOOK_UNTIL(inspection, stats, stats.parked == 1);
    CHECK(stats.kind == WEFT_ENDPOINT_SERVICE);
    CHECK(stats.owner.pid == server.id && stats.age_ns < 10 * PEER_S);
    CHECK(stats.peers == 0 && stats.received == 0 && stats.sent == 0);
    client = serve_connect();
    check_calls(inspection, client);
    check_depth(inspection, client);
    check_queue(inspection);
    check_case("a client that was dropped is counted");
    dropped = serve_connect();
    CHECK_STATUS(weft_client_call(dropped, "D", 1, &reply, peer_soon()),
                 WEFT_ECLOSED);
    LOOK_UNTIL(inspection, stats, stats.cut_off == 1);
    weft_client_close(&dropped);
    serve_end(&server, &client);
    stats = look_once(inspection, WEFT_ECLOSED);
    CHECK(stats.cut_off == 1 && stats.kind == WEFT_ENDPOINT_SERVICE);
    weft_inspection_close(&inspection);
    peer_gate_deinit(&plan.ready);
}

/* ----------------------------------------------------------------- topic -- */

#define MESSAGES 100u

static void read_all(void *context)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    const peer_gate *gates = context;
    weft_subscriber *subscriber;
    weft_status status;

    CHECK(peer_gate_pass(&gates[1]));
    options.flags = WEFT_SUBSCRIBER_RELIABLE;
    options.wait = WEFT_WAIT_BLOCK;
    REQUIRE(weft_subscriber_open(TOPIC, &options, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    peer_gate_open(&gates[0]);
    do {
        char data[64];
        weft_publication message = {.data = data, .bytes = sizeof(data)};

        status = weft_subscriber_recv(subscriber, &message, peer_soon());
    } while (status == WEFT_OK);
    CHECK_STATUS(status, WEFT_ECLOSED);
    weft_subscriber_close(&subscriber);
}

static void test_topic(void)
{
    weft_publisher *publisher;
    weft_inspection *inspection;
    weft_endpoint_stats stats;
    weft_publisher_stats own = {.size = sizeof(own)};
    peer_process reader;
    peer_gate gates[2];

    check_case("a topic counts messages, and its subscribers");
    peer_gate_init(&gates[0]);
    peer_gate_init(&gates[1]);
    /* Before there is a name, whose socket it would have, too. */
    reader = peer_run(read_all, gates, sizeof(gates));
    REQUIRE(weft_publisher_open(TOPIC, NULL, &publisher, NULL) == WEFT_OK);
    inspection = look_at(TOPIC);
    stats = look_once(inspection, WEFT_OK);
    CHECK(stats.kind == WEFT_ENDPOINT_PUBLISHER);
    CHECK(stats.owner.pid == peer_self());
    CHECK(stats.peers == 0 && stats.sent == 0 && stats.parked == 0);
    CHECK((stats.valid & WEFT_STATS_RECEIVED) == 0);
    peer_gate_open(&gates[1]);
    CHECK(peer_gate_pass(&gates[0]));
    LOOK_UNTIL(inspection, stats, stats.parked == 1);
    CHECK(stats.peers == 1 && stats.reliable == 1 && stats.admitted == 1);
    for (unsigned i = 0; i < MESSAGES; i++) {
        CHECK_STATUS(
            weft_publisher_send(publisher, "0123456789", 10, peer_soon()),
            WEFT_OK);
    }
    stats = look_once(inspection, WEFT_OK);
    CHECK(stats.sent == MESSAGES &&
          stats.sent_bytes == UINT64_C(10) * MESSAGES);
    CHECK(stats.memory_bytes > (UINT64_C(1) << 20));
    CHECK_STATUS(weft_publisher_get_stats(publisher, &own), WEFT_OK);
    CHECK(stats.wakes == own.wakes && stats.wakes > 0);
    CHECK(stats.full == own.full && stats.cut_off == 0);
    weft_publisher_close(&publisher);
    CHECK(peer_ended_well(&reader));
    stats = look_once(inspection, WEFT_ECLOSED);
    CHECK(stats.sent == MESSAGES);
    weft_inspection_close(&inspection);
    peer_gate_deinit(&gates[0]);
    peer_gate_deinit(&gates[1]);
}

/* More than its ring holds: it waits for its reader. */
static void publish_much(void *context)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    const peer_gate *gates = context;
    static char data[1000];
    weft_publisher *publisher;

    options.ring_bytes = (size_t)16 << 10;
    REQUIRE(weft_publisher_open(TOPIC, &options, &publisher, NULL) == WEFT_OK);
    peer_gate_open(&gates[0]);
    CHECK(peer_gate_pass(&gates[1]));
    for (unsigned i = 0; i < MESSAGES; i++) {
        CHECK_STATUS(
            weft_publisher_send(publisher, data, sizeof(data), peer_soon()),
            WEFT_OK);
    }
    peer_gate_open(&gates[0]);
    CHECK(peer_gate_pass(&gates[1]));
    weft_publisher_close(&publisher);
}

static void test_blocked(void)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;
    weft_subscriber *subscriber;
    weft_inspection *inspection;
    weft_endpoint_stats stats;
    peer_process publisher;
    peer_gate gates[2];

    check_case("a publisher that waits for room says so, and for how long");
    peer_gate_init(&gates[0]);
    peer_gate_init(&gates[1]);
    publisher = peer_run(publish_much, gates, sizeof(gates));
    CHECK(peer_gate_pass(&gates[0]));
    options.flags = WEFT_SUBSCRIBER_RELIABLE;
    REQUIRE(weft_subscriber_open(TOPIC, &options, peer_soon(), &subscriber,
                                 NULL) == WEFT_OK);
    inspection = look_at(TOPIC);
    stats = look_once(inspection, WEFT_OK);
    CHECK(stats.blocked_ns == 0 && stats.full == 0);
    peer_gate_open(&gates[1]);
    LOOK_UNTIL(inspection, stats, stats.blocked_ns > PEER_MS);
    CHECK(stats.full == 1 && stats.sent < MESSAGES);
    for (unsigned i = 0; i < MESSAGES; i++) {
        char data[1000];
        weft_publication message = {.data = data, .bytes = sizeof(data)};

        CHECK_STATUS(weft_subscriber_recv(subscriber, &message, peer_soon()),
                     WEFT_OK);
    }
    CHECK(peer_gate_pass(&gates[0]));
    LOOK_UNTIL(inspection, stats, stats.blocked_ns == 0);
    CHECK(stats.sent == MESSAGES &&
          stats.sent_bytes == UINT64_C(1000) * MESSAGES);
    peer_gate_open(&gates[1]);
    CHECK(peer_ended_well(&publisher));
    weft_inspection_close(&inspection);
    weft_subscriber_close(&subscriber);
    peer_gate_deinit(&gates[0]);
    peer_gate_deinit(&gates[1]);
}

/* -------------------------------------------------------------- listener -- */

static void come(void *context)
{
    weft_channel *channel;

    (void)context;
    CHECK_STATUS(
        weft_channel_connect(LISTENER, NULL, peer_soon(), &channel, NULL),
        WEFT_OK);
    weft_channel_close(&channel);
}

static void test_listener(void)
{
    weft_listener *listener;
    weft_channel *channel = NULL;
    weft_inspection *inspection;
    weft_endpoint_stats stats = {.size = sizeof(stats)};
    peer_process peer;

    check_case("a listener answers as it looks for peers, and returns nobody");
    REQUIRE(weft_channel_listen(LISTENER, NULL, &listener, NULL) == WEFT_OK);
    inspection = look_at(LISTENER);
    CHECK_STATUS(weft_inspection_read(inspection, &stats, WEFT_NOW, NULL),
                 WEFT_EAGAIN);
    CHECK(stats.kind == WEFT_ENDPOINT_UNKNOWN && stats.valid == 0);
    CHECK(stats.owner.pid == peer_self());
    CHECK_STATUS(weft_inspection_wait(inspection, WEFT_NOW, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_channel_accept(listener, weft_after_ns(10 * PEER_MS),
                                     &channel, NULL),
                 WEFT_ETIMEDOUT);
    CHECK(channel == NULL);
    stats = look_once(inspection, WEFT_OK);
    CHECK(stats.kind == WEFT_ENDPOINT_LISTENER);
    CHECK(stats.admitted == 0 && stats.turned_away == 0 && stats.parked == 1);
    CHECK((stats.valid & (WEFT_STATS_PEERS | WEFT_STATS_SENT)) == 0);
    peer = peer_run(come, NULL, 0);
    CHECK_STATUS(weft_channel_accept(listener, peer_soon(), &channel, NULL),
                 WEFT_OK);
    stats = look_once(inspection, WEFT_OK);
    CHECK(stats.admitted == 1 && stats.turned_away == 0 && stats.parked == 0);
    CHECK(peer_ended_well(&peer));
    weft_channel_close(&channel);
    CHECK_STATUS(weft_inspection_wait(inspection, WEFT_NOW, NULL), WEFT_EAGAIN);
    CHECK_STATUS(weft_inspection_wait(inspection, weft_after_ns(1), NULL),
                 WEFT_ETIMEDOUT);
    weft_listener_close(&listener);
    (void)look_once(inspection, WEFT_ECLOSED);
    (void)look_once(inspection, WEFT_ECLOSED);
    weft_inspection_close(&inspection);
}

static void test_misuse(void)
{
    weft_inspection *inspection = (weft_inspection *)(uintptr_t)1;
    weft_endpoint_stats stats = {.size = sizeof(stats)};
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_peer owner = {7, 7, 7};

    check_case("wrong arguments, and names that nobody has");
    CHECK_STATUS(
        weft_inspection_open("nobody", WEFT_NOW, &inspection, &owner, &detail),
        WEFT_ENOENT);
    CHECK(inspection == NULL && owner.pid == 0 && detail.status == WEFT_ENOENT);
    CHECK_STATUS(weft_inspection_open("a b", WEFT_NOW, &inspection, NULL, NULL),
                 WEFT_ENAME);
    CHECK_STATUS(weft_inspection_open(NULL, WEFT_NOW, &inspection, NULL, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_inspection_open("a", WEFT_NOW, NULL, NULL, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_inspection_read(NULL, &stats, WEFT_NOW, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_inspection_wait(NULL, WEFT_NOW, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_names_each(NULL, NULL, NULL), WEFT_EINVAL);
    weft_inspection_close(NULL);
    weft_inspection_close(&inspection);
}

void test_main(void)
{
    peer_names_begin();
    test_service();
    test_topic();
    test_blocked();
    test_listener();
    test_misuse();
    peer_names_end();
}
