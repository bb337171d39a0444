/* SPDX-License-Identifier: MIT
 *
 * Listening, connecting and waiting by name.
 */
#include <string.h>

#include "check.h"
#include "peer.h"

static weft_status listen_at(const char *name, weft_listener **out)
{
    return weft_channel_listen(name, NULL, out, NULL);
}

/* For names that nobody can listen at. */
static void check_refused(const char *name, weft_status expected)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_listener *listener;

    CHECK_STATUS(weft_channel_listen(name, NULL, &listener, &detail), expected);
    CHECK(listener == NULL);
    CHECK_STATUS(detail.status, expected);
    CHECK(detail.operation != NULL);
    weft_listener_close(&listener);
}

/* ----------------------------------------------------------- connecting --- */

static weft_channel *connect_with(unsigned flags)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *channel;

    options.flags = flags;
    if (CHECK_STATUS(
            weft_channel_connect("name", &options, peer_soon(), &channel, NULL),
            WEFT_OK)) {
        CHECK_STATUS(peer_send(channel, 9, 9, peer_soon()), WEFT_OK);
    }
    return channel;
}

/* What the listener's side has to say before this one goes. */
static void leave(weft_channel *channel)
{
    if (channel != NULL) {
        peer_receives(channel, 8, 8);
    }
    weft_channel_close(&channel);
}

static void connect_now(void *context)
{
    (void)context;
    leave(connect_with(0));
}

static void await_name(void *context)
{
    (void)context;
    leave(connect_with(WEFT_CHANNEL_AWAIT_NAME));
}

/* Lets one peer in that connect_now or await_name made. */
static void serve_one(weft_listener *listener, peer_process child)
{
    weft_channel *channel;
    weft_peer peer;

    if (CHECK_STATUS(weft_channel_accept(listener, peer_soon(), &channel, NULL),
                     WEFT_OK)) {
        CHECK_STATUS(weft_channel_get_peer(channel, &peer), WEFT_OK);
        CHECK(peer.pid == child.id);
        peer_receives(channel, 9, 9);
        CHECK_STATUS(peer_send(channel, 8, 8, peer_soon()), WEFT_OK);
    }
    CHECK(peer_ended_well(&child));
    weft_channel_close(&channel);
}

static void meet(weft_listener *listener)
{
    serve_one(listener, peer_run(connect_now, NULL, 0));
}

static void test_meeting(void)
{
    weft_listener *listener;
    weft_channel *channel;

    check_case("nobody is found where nobody listens");
    CHECK_STATUS(
        weft_channel_connect("name", NULL, peer_soon(), &channel, NULL),
        WEFT_ENOENT);
    CHECK(channel == NULL);

    check_case("two meet at a name");
    REQUIRE(listen_at("name", &listener) == WEFT_OK);
    CHECK_STATUS(weft_channel_accept(listener, WEFT_NOW, &channel, NULL),
                 WEFT_EAGAIN);
    CHECK_STATUS(weft_channel_accept(listener, 1, &channel, NULL),
                 WEFT_ETIMEDOUT);
    meet(listener);
    meet(listener);

    check_case("a name that is taken is refused");
    check_refused("name", WEFT_EINUSE);
    meet(listener);

    check_case("a close removes the name");
    weft_listener_close(&listener);
    CHECK(listener == NULL);
    CHECK_STATUS(
        weft_channel_connect("name", NULL, peer_soon(), &channel, NULL),
        WEFT_ENOENT);
}

/* ----------------------------------------------------------------- many --- */

enum { CHILDREN = 10, EACH = 10, MANY = CHILDREN * EACH };

static void connect_each(void *context)
{
    weft_channel *channels[EACH];

    (void)context;
    for (unsigned i = 0; i < EACH; i++) {
        channels[i] = connect_with(0);
    }
    for (unsigned i = 0; i < EACH; i++) {
        leave(channels[i]);
    }
}

static void test_many(void)
{
    weft_listener *listener;
    weft_channel *channels[MANY];
    peer_process children[CHILDREN];

    check_case("a listener can have a hundred channels at once");
    REQUIRE(listen_at("name", &listener) == WEFT_OK);
    for (unsigned i = 0; i < CHILDREN; i++) {
        children[i] = peer_run(connect_each, NULL, 0);
    }
    for (unsigned i = 0; i < MANY; i++) {
        CHECK_STATUS(
            weft_channel_accept(listener, peer_soon(), &channels[i], NULL),
            WEFT_OK);
    }
    weft_listener_close(&listener);
    for (unsigned i = 0; i < MANY; i++) {
        peer_receives(channels[i], 9, 9);
        CHECK_STATUS(peer_send(channels[i], 8, 8, peer_soon()), WEFT_OK);
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
    for (unsigned i = 0; i < MANY; i++) {
        weft_channel_close(&channels[i]);
    }
}

/* ----------------------------------------------------------- dead names --- */

static void listen_and_die(void *context)
{
    weft_listener *listener;

    (void)context;
    CHECK_STATUS(listen_at("name", &listener), WEFT_OK);
    peer_die();
}

static void leave_dead_name(void)
{
    peer_process owner = peer_run(listen_and_die, NULL, 0);

    CHECK(peer_was_killed(&owner));
}

static void test_dead(void)
{
    weft_listener *listener;
    weft_channel *channel;

    check_case("the name of a dead owner is nobody's, and is replaced");
    leave_dead_name();
    CHECK_STATUS(
        weft_channel_connect("name", NULL, peer_soon(), &channel, NULL),
        WEFT_ENOENT);
    REQUIRE(listen_at("name", &listener) == WEFT_OK);
    meet(listener);
    weft_listener_close(&listener);
}

/* ---------------------------------------------------------- wrong names --- */

static void test_names(void)
{
    char text[WEFT_NAME_MAX + 2];
    weft_listener *listener;
    weft_channel *channel;

    check_case("names that break the rules are refused");
    check_refused("", WEFT_ENAME);
    check_refused(".name", WEFT_ENAME);
    check_refused("a b", WEFT_ENAME);
    check_refused("a\nb", WEFT_ENAME);
    check_refused("a\\b", WEFT_ENAME);
    check_refused("\xc3\xa9", WEFT_ENAME);
    CHECK_STATUS(weft_channel_connect("a*", NULL, WEFT_NOW, &channel, NULL),
                 WEFT_ENAME);

    check_case("a name of WEFT_NAME_MAX bytes is right, a longer one wrong");
    memset(text, 'x', sizeof(text));
    text[WEFT_NAME_MAX + 1] = '\0';
    check_refused(text, WEFT_ENAME);
    text[WEFT_NAME_MAX] = '\0';
    CHECK_STATUS(listen_at(text, &listener), WEFT_OK);
    weft_listener_close(&listener);
}

/* -------------------------------------------------------------- waiting --- */

static void test_await(const char *title)
{
    peer_process child = peer_run(await_name, NULL, 0);
    weft_listener *listener;

    check_case(title);
    CHECK(peer_await_asleep(&child));
    REQUIRE(listen_at("name", &listener) == WEFT_OK);
    serve_one(listener, child);
    weft_listener_close(&listener);
}

/* Waits until somebody has come, and lets nobody in. */
static void await_knock(weft_listener *listener)
{
    weft_poll *poll = NULL;
    weft_poll_item item;
    size_t count;

    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    CHECK_STATUS(weft_poll_add_handle(poll, weft_listener_handle(listener),
                                      WEFT_POLL_READ, 1, NULL),
                 WEFT_OK);
    CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, peer_soon(), NULL),
                 WEFT_OK);
    CHECK_STATUS(weft_poll_remove_handle(poll, weft_listener_handle(listener)),
                 WEFT_OK);
    weft_poll_close(&poll);
}

/* As one who has died, and whose last handles the system is about to close. */
static void test_await_after_last(void)
{
    peer_process child = peer_run(await_name, NULL, 0);
    weft_listener *listener;

    check_case("who waits for a name is not put off by one who ends");
    REQUIRE(listen_at("name", &listener) == WEFT_OK);
    await_knock(listener);
    weft_listener_close(&listener);
    REQUIRE(listen_at("name", &listener) == WEFT_OK);
    serve_one(listener, child);
    weft_listener_close(&listener);
}

static void test_awaits(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *channel;

    test_await("who waits for a name finds it");
    peer_names_forget();
    test_await("who waits for a name finds it in a new directory");
    leave_dead_name();
    test_await("who waits for a name finds who replaces the dead");
    test_await_after_last();

    check_case("who waits for a name waits no longer than it wants");
    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    CHECK_STATUS(weft_channel_connect("name", &options,
                                      weft_after_ns(10 * PEER_MS), &channel,
                                      NULL),
                 WEFT_ETIMEDOUT);
    CHECK_STATUS(
        weft_channel_connect("name", &options, WEFT_NOW, &channel, NULL),
        WEFT_EAGAIN);
}

void test_main(void)
{
    peer_names_begin();
    test_meeting();
    test_many();
    test_dead();
    test_names();
    test_awaits();

    check_case("nothing is left over but the run-time directory");
    peer_names_end();
}
