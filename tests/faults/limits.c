/* SPDX-License-Identifier: MIT
 *
 * Limits of the system, reached for real: descriptors and address space.
 *
 * For descriptors the limit is set to what a process has open, and raised by
 * one until what it tries succeeds. Each failure before that is WEFT_ELIMIT,
 * says what it was that failed, keeps nothing, and can be tried again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "guard.h"
#include "os/os.h"
#include "peer.h"
#include "sides.h"

#define NAME "limits"
#define SECONDS 20
/* So often a peer asks whether it is still wanted. */
#define SLICE_NS UINT64_C(10000000)
#define PATIENCE_NS UINT64_C(5000000000)
#define SMALL 100
#define LARGE 100000

/* More descriptors than any one call takes. */
#define SLACK_MOST 24

static unsigned char room[LARGE];

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

/* ---------------------------------------------------------- descriptors --- */

static rlim_t full;

/* Leaves room for `slack` more descriptors than are open. */
static void allow(unsigned slack)
{
    struct rlimit limit;
    int first = open("/dev/null", O_RDONLY | O_CLOEXEC);

    REQUIRE(first >= 0);
    (void)close(first);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    full = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)first + slack;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void allow_all(void)
{
    struct rlimit limit;

    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = full;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* A thing to try, which ends itself what it began. */
typedef weft_status attempt(void *context, weft_detail *detail);

/* Tries with more and more descriptors until it succeeds. */
static void raise_until_ok(attempt *try, void *context)
{
    unsigned slack;

    for (slack = 0; slack <= SLACK_MOST; slack++) {
        struct sides_holdings before = sides_hold();
        weft_detail detail = {WEFT_OK, 0, NULL};
        weft_status status;

        allow(slack);
        status = try(context, &detail);
        allow_all();
        sides_check_holdings(&before);
        if (status == WEFT_OK) {
            break;
        }
        CHECK_STATUS(status, WEFT_ELIMIT);
        if (!CHECK(detail.status == status && detail.operation != NULL)) {
            printf("# with %u more, %s: nothing is named\n", slack,
                   weft_status_name(status));
        }
    }
    printf("# %u descriptors were enough\n", slack);
    CHECK(slack > 0 && slack <= SLACK_MOST);
}

static weft_status try_listen(void *context, weft_detail *detail)
{
    weft_listener *listener;
    weft_status status = weft_channel_listen(NAME, NULL, &listener, detail);

    (void)context;
    weft_listener_close(&listener);
    return status;
}

static weft_status try_connect(void *context, weft_detail *detail)
{
    weft_channel *channel;
    weft_status status =
        weft_channel_connect(NAME, NULL, soon(), &channel, detail);

    (void)context;
    weft_channel_close(&channel);
    return status;
}

static weft_status try_await(void *context, weft_detail *detail)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *channel;
    weft_status status;

    (void)context;
    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    status = weft_channel_connect(NAME, &options, soon(), &channel, detail);
    weft_channel_close(&channel);
    return status;
}

/* The peer comes again and again; one that is let down has an error. */
static weft_status try_accept(void *context, weft_detail *detail)
{
    weft_listener *listener = context;
    weft_channel *channel;
    weft_status status =
        weft_channel_accept(listener, soon(), &channel, detail);

    weft_channel_close(&channel);
    return status;
}

static weft_status try_pair(void *context, weft_detail *detail)
{
    weft_channel *channel;
    weft_handle theirs;
    weft_status status = weft_channel_pair(NULL, &channel, &theirs, detail);

    (void)context;
    weft_channel_close(&channel);
    if (status == WEFT_OK) {
        (void)close((int)theirs);
    }
    return status;
}

/* Opens all that a channel ever opens for itself. */
static weft_status expose(weft_channel *channel, weft_detail *detail)
{
    weft_handle handle;
    weft_status status = weft_channel_recv_handle(channel, &handle);

    if (status == WEFT_OK) {
        status = weft_channel_send_handle(channel, &handle);
    }
    weft_channel_get_detail(channel, detail);
    return status;
}

/* ---------------------------------------------------------------- peers --- */

/* Is the peer wanted no more? It has this in memory that both share. */
static _Atomic bool *over;

static void accept_all(void *context)
{
    weft_listener *listener;

    (void)context;
    guard_watch("the peer that accepts", SECONDS);
    REQUIRE(weft_channel_listen(NAME, NULL, &listener, NULL) == WEFT_OK);
    while (!*over) {
        weft_channel *channel;

        (void)weft_channel_accept(listener, weft_after_ns(SLICE_NS), &channel,
                                  NULL);
        weft_channel_close(&channel);
    }
    weft_listener_close(&listener);
}

static void connect_again(void *context)
{
    (void)context;
    guard_watch("the peer that connects", SECONDS);
    while (!*over) {
        weft_channel *channel;

        if (weft_channel_connect(NAME, NULL, soon(), &channel, NULL) !=
            WEFT_OK) {
            guard_nap_us(1000); /* nobody listens yet, or any more */
        }
        weft_channel_close(&channel);
    }
}

static peer_process start_peer(peer_task *play)
{
    *over = false;
    return peer_run(play, NULL, 0);
}

static void end_peer(peer_process *peer)
{
    *over = true;
    CHECK(peer_ended_well(peer));
}

static void check_rendezvous(void)
{
    weft_listener *listener;
    peer_process peer;

    check_case("too few descriptors to listen");
    raise_until_ok(try_listen, NULL);
    check_case("too few descriptors to connect");
    peer = start_peer(accept_all);
    CHECK_STATUS(try_await(NULL, NULL), WEFT_OK);
    raise_until_ok(try_connect, NULL);
    check_case("too few descriptors to wait for a name");
    raise_until_ok(try_await, NULL);
    end_peer(&peer);
    check_case("too few descriptors to accept");
    /* Before there is a listener: a child would have a copy of its socket. */
    peer = start_peer(connect_again);
    REQUIRE(weft_channel_listen(NAME, NULL, &listener, NULL) == WEFT_OK);
    raise_until_ok(try_accept, listener);
    weft_listener_close(&listener);
    end_peer(&peer);
    check_case("too few descriptors to make a pair");
    raise_until_ok(try_pair, NULL);
}

/* -------------------------------------------------------------- talking --- */

/* Sends back what comes, handles and all, with descriptors enough. */
static void echo(weft_channel *channel, void *context)
{
    weft_status status = WEFT_OK;

    (void)context;
    guard_watch("the peer that echoes", SECONDS);
    while (status == WEFT_OK) {
        weft_message message = {.data = room, .bytes = sizeof(room)};

        status = weft_channel_recv_message(channel, &message, soon());
        if (status == WEFT_OK) {
            status = weft_channel_send_message(channel, &message, soon());
            for (unsigned i = 0; i < message.handle_count; i++) {
                CHECK(peer_close(message.handles[i]));
            }
        }
    }
    CHECK(status == WEFT_ECLOSED || status == WEFT_EPEERDIED);
}

static peer_process start_echo(weft_channel **channel)
{
    return peer_start(NULL, NULL, echo, NULL, 0, channel);
}

static weft_status exchange(weft_channel *channel, size_t bytes)
{
    size_t got = 0;
    weft_status status;

    sides_fill(room, bytes, bytes);
    status = weft_channel_send_until(channel, room, bytes, soon());
    if (status == WEFT_OK) {
        memset(room, 0, bytes);
        status =
            weft_channel_recv_until(channel, room, sizeof(room), &got, soon());
    }
    if (status == WEFT_OK) {
        CHECK(got == bytes && sides_matches(room, bytes, bytes));
    }
    return status;
}

/* A growing ring is for speed: without descriptors it stays as it is. */
static void check_growth(void)
{
    weft_channel_stats stats = {.size = sizeof(stats)};
    struct sides_holdings before = sides_hold();
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_channel *channel;
    peer_process peer;

    check_case("too few descriptors for a larger ring: it stays small");
    peer = start_echo(&channel);
    CHECK_STATUS(exchange(channel, SMALL), WEFT_OK);
    CHECK_STATUS(expose(channel, &detail), WEFT_OK);
    allow(0);
    sides_fill(room, LARGE, LARGE);
    CHECK_STATUS(weft_channel_send_until(channel, room, LARGE, soon()),
                 WEFT_OK);
    allow_all();
    CHECK_STATUS(weft_channel_get_stats(channel, &stats), WEFT_OK);
    CHECK(stats.sent.reseats == 0);
    weft_channel_close(&channel);
    CHECK(peer_ended_well(&peer));
    sides_check_holdings(&before);
}

/* A message that comes in a larger ring, or with handles, is lost. */
static void check_lost_handles(const char *title, size_t bytes,
                               unsigned handles)
{
    struct sides_holdings before = sides_hold();
    weft_message message = {.data = room, .bytes = bytes};
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_channel *channel;
    peer_process peer;

    check_case(title);
    peer = start_echo(&channel);
    CHECK_STATUS(exchange(channel, SMALL), WEFT_OK);
    CHECK_STATUS(expose(channel, &detail), WEFT_OK);
    message.handle_count = handles;
    for (unsigned i = 0; i < handles; i++) {
        message.handles[i] = STDIN_FILENO;
    }
    CHECK_STATUS(weft_channel_send_message(channel, &message, soon()), WEFT_OK);
    allow(handles > 0 ? handles - 1 : 0);
    message.bytes = sizeof(room);
    CHECK_STATUS(weft_channel_recv_message(channel, &message, soon()),
                 WEFT_ELIMIT);
    CHECK(message.handle_count == 0);
    allow_all();
    weft_channel_get_detail(channel, &detail);
    CHECK(detail.status == WEFT_ELIMIT && detail.operation != NULL);
    CHECK_STATUS(weft_channel_recv_message(channel, &message, soon()),
                 WEFT_ELIMIT);
    weft_channel_close(&channel);
    CHECK(peer_ended_well(&peer));
    sides_check_holdings(&before);
}

static void check_talking(void)
{
    struct sides_holdings before = sides_hold();
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_channel *channel;
    peer_process peer;

    check_case("too few descriptors for a handle to poll");
    peer = start_echo(&channel);
    CHECK_STATUS(exchange(channel, SMALL), WEFT_OK);
    allow(0);
    CHECK_STATUS(expose(channel, &detail), WEFT_ELIMIT);
    allow_all();
    CHECK(detail.status == WEFT_ELIMIT && detail.operation != NULL);
    CHECK_STATUS(expose(channel, &detail), WEFT_OK);
    CHECK_STATUS(exchange(channel, LARGE), WEFT_OK);
    weft_channel_close(&channel);
    CHECK(peer_ended_well(&peer));
    sides_check_holdings(&before);
    check_growth();
    check_lost_handles("no descriptor for the peer's larger ring", LARGE, 0);
    check_lost_handles("a descriptor too few for a message's handles", SMALL,
                       3);
}

/* -------------------------------------------------------- address space --- */

/* Runs in a child: takes channels until there is no address space left. */
static void use_up_addresses(void *context)
{
    static weft_channel *channels[4096];
    static weft_handle theirs[4096];
    struct rlimit limit;
    weft_status status = WEFT_OK;
    weft_detail detail = {WEFT_OK, 0, NULL};
    size_t count = 0;
    struct sides_holdings before = sides_hold();

    (void)context;
    guard_watch("who uses up the addresses", SECONDS);
    REQUIRE(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = 8 << 20;
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
    while (status == WEFT_OK && count < 4096) {
        status =
            weft_channel_pair(NULL, &channels[count], &theirs[count], &detail);
        count += status == WEFT_OK;
    }
    CHECK_STATUS(status, WEFT_ENOMEM);
    CHECK(detail.status == WEFT_ENOMEM && detail.operation != NULL);
    CHECK(count > 0);
    while (count > 0) {
        count--;
        weft_channel_close(&channels[count]);
        (void)close((int)theirs[count]);
    }
    CHECK_STATUS(try_pair(NULL, &detail), WEFT_OK);
    limit.rlim_cur = limit.rlim_max;
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
    sides_check_holdings(&before);
}

static void check_address_space(void)
{
    peer_process child;

    if (CHECK_SANITIZED) {
        printf("# not under AddressSanitizer, which needs the addresses\n");
        return;
    }
    check_case("the address space is used up");
    child = peer_run(use_up_addresses, NULL, 0);
    CHECK(peer_ended_well(&child));
}

void test_main(void)
{
    over = peer_shared(sizeof(*over));
    peer_names_begin();
    check_rendezvous();
    check_talking();
    check_address_space();
    peer_names_end();
    peer_unshare((void *)(uintptr_t)over, sizeof(*over));
}
