/* SPDX-License-Identifier: MIT
 *
 * What comes into a poll set and goes out of it, and what is refused.
 */
#include "check.h"
#include "peer.h"

#define NAME "members"

static weft_poll *poll;
static weft_channel *first;
static weft_channel *second;

static weft_status wait_for(uint64_t *key, uint64_t deadline_ns)
{
    weft_poll_item item = {0, 0};
    size_t count = 9;
    weft_status status =
        weft_poll_wait(poll, &item, 1, &count, deadline_ns, NULL);

    CHECK(count == (status == WEFT_OK ? 1 : 0));
    CHECK(status != WEFT_OK || item.events == WEFT_POLL_READ);
    *key = item.key;
    return status;
}

static void test_options(void)
{
    weft_poll_options options = WEFT_POLL_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_poll *other = NULL;
    weft_poll *none = NULL;

    check_case("options are checked");
    options.flags = 0x80;
    CHECK_STATUS(weft_poll_open(&options, &other, &detail), WEFT_EINVAL);
    CHECK(other == NULL && detail.status == WEFT_EINVAL);
    options.flags = WEFT_POLL_INTERRUPTIBLE;
    options.wait = (weft_wait)99;
    CHECK_STATUS(weft_poll_open(&options, &other, NULL), WEFT_EINVAL);
    options.wait = WEFT_WAIT_BLOCK;
    options.size = 1;
    CHECK_STATUS(weft_poll_open(&options, &other, NULL), WEFT_EINVAL);
    options.size = sizeof(options) - 1;
    CHECK_STATUS(weft_poll_open(&options, &other, NULL), WEFT_EINVAL);
    options.size = sizeof(options);
    CHECK_STATUS(weft_poll_open(&options, NULL, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_open(&options, &other, NULL), WEFT_OK);
    weft_poll_close(&other);
    CHECK(other == NULL);
    weft_poll_close(&other);
    weft_poll_close(NULL);
    CHECK_STATUS(weft_poll_wake(none), WEFT_EINVAL);
}

static void test_arguments(void)
{
    weft_poll_item item;
    size_t count = 9;

    check_case("arguments are checked");
    CHECK_STATUS(weft_poll_wait(NULL, &item, 1, &count, WEFT_NOW, NULL),
                 WEFT_EINVAL);
    CHECK(count == 0);
    CHECK_STATUS(weft_poll_wait(poll, NULL, 1, &count, WEFT_NOW, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_poll_wait(poll, &item, 0, &count, WEFT_NOW, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_poll_wait(poll, &item, 1, NULL, WEFT_NOW, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_poll_add_channel(NULL, first, 0, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_add_channel(poll, NULL, 0, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_add_client(poll, NULL, 0, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_add_service(poll, NULL, 0, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_add_subscriber(poll, NULL, 0, NULL), WEFT_EINVAL);
    CHECK_STATUS(
        weft_poll_add_handle(poll, WEFT_HANDLE_NONE, WEFT_POLL_READ, 0, NULL),
        WEFT_EINVAL);
    CHECK_STATUS(weft_poll_add_handle(poll, 0, 0, 0, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_add_handle(poll, 0, 4, 0, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_remove_channel(poll, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_remove_client(poll, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_remove_service(poll, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_remove_subscriber(poll, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_poll_remove_handle(NULL, 0), WEFT_EINVAL);
}

static void test_channel(void)
{
    weft_poll *other;
    uint64_t key;

    REQUIRE(weft_poll_open(NULL, &other, NULL) == WEFT_OK);
    check_case("an endpoint is in one set, once");
    CHECK_STATUS(weft_poll_remove_channel(poll, second), WEFT_ENOENT);
    CHECK_STATUS(weft_poll_add_channel(poll, second, 7, NULL), WEFT_OK);
    CHECK_STATUS(weft_poll_add_channel(poll, second, 8, NULL), WEFT_EINUSE);
    CHECK_STATUS(weft_poll_add_channel(other, second, 8, NULL), WEFT_EINUSE);
    CHECK_STATUS(weft_poll_remove_channel(other, second), WEFT_ENOENT);
    check_case("it is told by its key, and not when it was removed");
    CHECK_STATUS(peer_send(first, 10, 0, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(wait_for(&key, peer_soon()), WEFT_OK);
    CHECK(key == 7);
    CHECK_STATUS(weft_poll_remove_channel(poll, second), WEFT_OK);
    CHECK_STATUS(wait_for(&key, WEFT_NOW), WEFT_EAGAIN);
    check_case("it may be in another set then");
    CHECK_STATUS(weft_poll_add_channel(other, second, 1, NULL), WEFT_OK);
    weft_poll_close(&other);
    check_case("or in this one, when that was closed");
    CHECK_STATUS(weft_poll_add_channel(poll, second, UINT64_MAX, NULL),
                 WEFT_OK);
    CHECK_STATUS(wait_for(&key, peer_soon()), WEFT_OK);
    CHECK(key == UINT64_MAX);
    CHECK(peer_receives(second, 10, 0));
    check_case("to close it takes it out");
    CHECK_STATUS(weft_poll_add_channel(poll, first, 1, NULL), WEFT_OK);
    weft_channel_close(&second);
    CHECK_STATUS(wait_for(&key, peer_soon()), WEFT_OK);
    CHECK(key == 1);
    weft_channel_close(&first);
    CHECK_STATUS(wait_for(&key, WEFT_NOW), WEFT_EAGAIN);
}

static void test_pair(void)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *mine;
    weft_handle theirs;
    weft_status status;

    check_case("a channel whose other end nobody has is not added");
    options.handshake_ns = PEER_MS;
    REQUIRE(weft_channel_pair(&options, &mine, &theirs, NULL) == WEFT_OK);
    status = weft_poll_add_channel(poll, mine, 0, NULL);
    CHECK(status == WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_poll_remove_channel(poll, mine), WEFT_ENOENT);
    weft_channel_close(&mine);
    CHECK(peer_close(theirs));
}

static void test_handle(void)
{
    weft_listener *listener;
    weft_channel *channel;
    weft_handle handle;
    uint64_t key;

    check_case("a handle is in a set once");
    REQUIRE(weft_channel_listen(NAME, NULL, &listener, NULL) == WEFT_OK);
    handle = weft_listener_handle(listener);
    CHECK_STATUS(weft_poll_remove_handle(poll, handle), WEFT_ENOENT);
    CHECK_STATUS(weft_poll_add_handle(poll, handle, WEFT_POLL_READ, 3, NULL),
                 WEFT_OK);
    CHECK_STATUS(weft_poll_add_handle(poll, handle, WEFT_POLL_READ, 4, NULL),
                 WEFT_EINUSE);
    CHECK_STATUS(weft_channel_accept(listener, WEFT_NOW, &channel, NULL),
                 WEFT_EAGAIN);
    CHECK_STATUS(weft_poll_remove_handle(poll, handle), WEFT_OK);
    CHECK_STATUS(weft_poll_remove_handle(poll, handle), WEFT_ENOENT);
    CHECK_STATUS(wait_for(&key, WEFT_NOW), WEFT_EAGAIN);
    weft_listener_close(&listener);
}

static void test_service(void)
{
    weft_service *service;
    uint64_t key;

    check_case(
        "a service is in one set, once, and leaves it when it is closed");
    REQUIRE(weft_service_open(NAME, NULL, &service, NULL) == WEFT_OK);
    CHECK_STATUS(weft_poll_add_service(poll, service, 5, NULL), WEFT_OK);
    CHECK_STATUS(weft_poll_add_service(poll, service, 5, NULL), WEFT_EINUSE);
    CHECK_STATUS(wait_for(&key, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_poll_remove_service(poll, service), WEFT_OK);
    CHECK_STATUS(weft_poll_remove_service(poll, service), WEFT_ENOENT);
    CHECK_STATUS(weft_poll_add_service(poll, service, 5, NULL), WEFT_OK);
    weft_service_close(&service);
    CHECK_STATUS(wait_for(&key, WEFT_NOW), WEFT_EAGAIN);
}

void test_main(void)
{
    peer_names_begin();
    peer_both_ends(NULL, NULL, &first, &second);
    test_options();
    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    test_arguments();
    test_channel();
    test_pair();
    test_handle();
    test_service();
    weft_poll_close(&poll);
    peer_names_end();
}
