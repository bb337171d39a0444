/* SPDX-License-Identifier: MIT
 *
 * Listeners among peers that stall, come and go: an honest client gets in,
 * the stalled are dropped when their time is up, and accept keeps its
 * deadline.
 */
#include "attacker.h"
#include "ipc/received.h"

#include <pthread.h>
#include <stdatomic.h>

#include "peer.h"

#define HANDSHAKE_NS UINT64_C(200000000)
#define LOOK_NS UINT64_C(2000000)
#define SILENT 100

/* One more than there are places for handshakes, and for how long each has it.
 */
#define CROWD 65
#define GRACE_NS UINT64_C(100000000)

static weft_listener *listen_briefly(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_listener *listener;

    options.handshake_ns = HANDSHAKE_NS;
    REQUIRE(weft_channel_listen("victim", &options, &listener, NULL) ==
            WEFT_OK);
    return listener;
}

static weft_handle try_connect(void)
{
    weft_handle socket = WEFT_HANDLE_NONE;
    weftos_peer peer;

    (void)weftos_endpoint_connect("victim", false, weft_after_ns(LATE_NS),
                                  false, &socket, &peer, NULL);
    return socket;
}

/* Peers that connect and say nothing: so many, by a thread of their own. */
struct silence {
    weft_handle *sockets;
    unsigned count;
    atomic_bool done;
};

static void *connect_silently(void *argument)
{
    struct silence *silence = argument;

    for (unsigned i = 0; i < silence->count; i++) {
        silence->sockets[i] = try_connect();
    }
    silence->done = true;
    return NULL;
}

/* Not every system has a queue of connections: the listener has to look. */
static void let_connect(weft_listener *listener, weft_handle *sockets,
                        unsigned count)
{
    struct silence silence = {.sockets = sockets, .count = count};
    weft_channel *channel;
    pthread_t thread;

    REQUIRE(pthread_create(&thread, NULL, connect_silently, &silence) == 0);
    while (!silence.done) {
        CHECK_STATUS(weft_channel_accept(listener, weft_after_ns(LOOK_NS),
                                         &channel, NULL),
                     WEFT_ETIMEDOUT);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    for (unsigned i = 0; i < count; i++) {
        REQUIRE(sockets[i] != WEFT_HANDLE_NONE);
    }
}

static void *connect_honestly(void *result)
{
    weft_channel *channel;

    *(weft_status *)result = weft_channel_connect(
        "victim", NULL, weft_after_ns(LATE_NS), &channel, NULL);
    weft_channel_close(&channel);
    return NULL;
}

/* An honest client against a listener that others have got at. */
static void let_honest_in(weft_listener *listener)
{
    uint64_t began = weft_now_ns();
    weft_status status = WEFT_EAGAIN;
    weft_channel *channel;
    pthread_t thread;

    REQUIRE(pthread_create(&thread, NULL, connect_honestly, &status) == 0);
    CHECK_STATUS(weft_channel_accept(listener, began + LATE_NS, &channel, NULL),
                 WEFT_OK);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_STATUS(status, WEFT_OK);
    weft_channel_close(&channel);
}

static void honest_among_silent(const void *argument)
{
    weft_listener *listener = listen_briefly();
    weft_handle silent[SILENT];

    (void)argument;
    let_connect(listener, silent, SILENT);
    let_honest_in(listener);
    for (unsigned i = 0; i < SILENT; i++) {
        weftos_close(silent[i]);
    }
    weft_listener_close(&listener);
}

static bool is_dropped(weft_handle socket)
{
    weftos_received received;
    weft_status status = weftos_socket_recv(socket, &received, NULL);

    if (status == WEFT_OK) { /* a reason, and then the end */
        wefti_received_drop(&received);
        status = weftos_socket_recv(socket, &received, NULL);
    }
    return status == WEFT_ECLOSED;
}

/*
 * All places are taken, and one more comes: who has connected just now may be
 * about to greet.
 */
static void bears_crowd(const void *argument)
{
    uint64_t began = weft_now_ns();
    weft_listener *listener = listen_briefly();
    weft_handle silent[CROWD];
    unsigned dropped = 0;

    (void)argument;
    let_connect(listener, silent, CROWD);
    for (unsigned i = 0; i < CROWD; i++) {
        dropped += is_dropped(silent[i]);
    }
    CHECK(dropped == 0 || weft_now_ns() - began >= GRACE_NS);
    let_honest_in(listener);
    for (unsigned i = 0; i < CROWD; i++) {
        weftos_close(silent[i]);
    }
    weft_listener_close(&listener);
}

static void drops_stalled(const void *argument)
{
    uint64_t began = weft_now_ns();
    weft_listener *listener = listen_briefly();
    weft_channel *channel;
    weft_handle silent[3];

    (void)argument;
    let_connect(listener, silent, 3);
    CHECK_STATUS(
        weft_channel_accept(listener, began + HANDSHAKE_NS / 4, &channel, NULL),
        WEFT_ETIMEDOUT);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(!is_dropped(silent[i]));
    }
    CHECK_STATUS(
        weft_channel_accept(listener, began + 2 * HANDSHAKE_NS, &channel, NULL),
        WEFT_ETIMEDOUT);
    CHECK_IN_TIME(began, 2 * HANDSHAKE_NS);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(is_dropped(silent[i]));
        weftos_close(silent[i]);
    }
    weft_listener_close(&listener);
}

/* --------------------------------------------------------------- flood --- */

struct flood {
    atomic_bool stop;
    unsigned greets; /* 0: hangs up at once; else sends this many bytes */
    atomic_uint connections;
};

static void *come_and_go(void *argument)
{
    static const unsigned char noise[64];
    struct flood *flood = argument;

    while (!flood->stop) {
        weft_handle socket = try_connect();

        if (socket != WEFT_HANDLE_NONE) {
            if (flood->greets > 0) {
                (void)attacker_send(socket, noise, flood->greets, NULL, 0);
            }
            weftos_close(socket);
            flood->connections++;
        }
    }
    return NULL;
}

static void keeps_deadline(weft_listener *listener, uint64_t ns)
{
    uint64_t began = weft_now_ns();
    weft_channel *channel;
    weft_status status =
        weft_channel_accept(listener, began + ns, &channel, NULL);

    CHECK_STATUS(status, WEFT_ETIMEDOUT);
    CHECK_IN_TIME(began, ns);
}

static void bears_flood(const void *argument)
{
    struct flood flood = {.greets = *(const unsigned *)argument};
    weft_listener *listener = listen_briefly();
    weft_channel *channel;
    pthread_t thread;

    REQUIRE(pthread_create(&thread, NULL, come_and_go, &flood) == 0);
    for (unsigned i = 0; i < 10; i++) {
        keeps_deadline(listener, UINT64_C(20000000));
        CHECK_STATUS(weft_channel_accept(listener, WEFT_NOW, &channel, NULL),
                     WEFT_EAGAIN);
    }
    for (unsigned i = 0; i < 5; i++) {
        let_honest_in(listener);
    }
    flood.stop = true;
    /* The flooder may wait for a place in the queue: make some. */
    (void)weft_channel_accept(listener, WEFT_NOW, &channel, NULL);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(flood.connections > 100);
    weft_listener_close(&listener);
}

/* A peer that greets with garbage is told so and gone, and no one else. */
static void garbage_beside_silent(const void *argument)
{
    weft_listener *listener = listen_briefly();
    weft_channel *channel;
    weft_handle both[2];
    weft_handle silent;
    weft_handle loud;

    (void)argument;
    let_connect(listener, both, 2);
    silent = both[0];
    loud = both[1];
    CHECK(attacker_send(loud, "garbage", 7, NULL, 0));
    CHECK_STATUS(weft_channel_accept(listener, weft_after_ns(HANDSHAKE_NS / 10),
                                     &channel, NULL),
                 WEFT_ETIMEDOUT);
    CHECK(is_dropped(loud));
    CHECK(!is_dropped(silent));
    let_honest_in(listener);
    weftos_close(silent);
    weftos_close(loud);
    weft_listener_close(&listener);
}

/* The other way round: a listener that never answers. */
static void connects_to_silence(const void *argument)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    uint64_t began = weft_now_ns();
    weftos_endpoint *endpoint;
    weft_handle handle;
    weft_channel *victim;

    (void)argument;
    options.handshake_ns = HANDSHAKE_NS / 4;
    REQUIRE(weftos_endpoint_open("silence", 0600, &endpoint, &handle, NULL) ==
            WEFT_OK);
    CHECK_STATUS(
        weft_channel_connect("silence", &options, WEFT_FOREVER, &victim, NULL),
        WEFT_ETIMEDOUT);
    CHECK_IN_TIME(began, HANDSHAKE_NS / 4);
    began = weft_now_ns();
    CHECK_STATUS(
        weft_channel_connect("silence", NULL, began + VICTIM_NS, &victim, NULL),
        WEFT_ETIMEDOUT);
    CHECK_IN_TIME(began, VICTIM_NS);
    weftos_endpoint_close(endpoint, false);
}

/* ... or whose queue is full. */
static void connects_to_crowd(const void *argument)
{
    weft_handle crowd[400];
    weftos_endpoint *endpoint;
    weft_handle handle;
    weft_channel *victim;
    uint64_t began;
    unsigned count = 0;

    (void)argument;
    REQUIRE(weftos_endpoint_open("crowd", 0600, &endpoint, &handle, NULL) ==
            WEFT_OK);
    for (weft_status status = WEFT_OK; status == WEFT_OK; count++) {
        weftos_peer peer;

        REQUIRE(count < 400);
        crowd[count] = WEFT_HANDLE_NONE;
        status = weftos_endpoint_connect("crowd", false,
                                         weft_after_ns(VICTIM_NS / 10), false,
                                         &crowd[count], &peer, NULL);
    }
    began = weft_now_ns();
    CHECK_STATUS(
        weft_channel_connect("crowd", NULL, began + VICTIM_NS, &victim, NULL),
        WEFT_ETIMEDOUT);
    CHECK_IN_TIME(began, VICTIM_NS);
    for (unsigned i = 0; i + 1 < count; i++) {
        weftos_close(crowd[i]);
    }
    weftos_endpoint_close(endpoint, false);
}

/* A pair's other end that says nothing, or hangs up. */
static void waits_for_silent_child(const void *argument)
{
    weft_channel *victim;
    weft_handle theirs;

    (void)argument;
    REQUIRE(weft_channel_pair(NULL, &victim, &theirs, NULL) == WEFT_OK);
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    CHECK_STATUS(
        weft_channel_send_until(victim, "x", 1, weft_after_ns(VICTIM_NS / 10)),
        WEFT_ETIMEDOUT);
    weftos_close(theirs);
    CHECK_STATUS(victim_receive(victim), WEFT_EPEERDIED);
    weft_channel_close(&victim);
}

void test_main(void)
{
    static const unsigned nothing = 0;
    static const unsigned noise = 64;

    peer_names_begin();
    hostile_case("100 silent peers keep nobody out", honest_among_silent, NULL);
    hostile_case("a crowd that has just come is borne", bears_crowd, NULL);
    hostile_case("who stalls is dropped when its time is up", drops_stalled,
                 NULL);
    hostile_case("accept keeps its deadline among peers that hang up",
                 bears_flood, &nothing);
    hostile_case("accept keeps its deadline among peers that babble",
                 bears_flood, &noise);
    hostile_case("garbage turns away its sender only", garbage_beside_silent,
                 NULL);
    hostile_case("a listener that never answers is given up",
                 connects_to_silence, NULL);
    hostile_case("a listener whose queue is full is given up",
                 connects_to_crowd, NULL);
    hostile_case("a child that never greets is waited for by the deadline",
                 waits_for_silent_child, NULL);
    peer_names_end();
}
