/* SPDX-License-Identifier: MIT
 *
 * Descriptors in a poll set, for reading and for writing.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

static weft_poll *poll;

/* What is told of the one descriptor, now or in the end; 0: nothing. */
static unsigned events_by(uint64_t deadline_ns)
{
    weft_poll_item items[4];
    size_t count;

    if (weft_poll_wait(poll, items, 4, &count, deadline_ns, NULL) != WEFT_OK) {
        return 0;
    }
    CHECK(count == 1 && items[0].key == 5);
    return items[0].events;
}

static void add(int fd, unsigned events)
{
    CHECK_STATUS(weft_poll_add_handle(poll, fd, events, 5, NULL), WEFT_OK);
}

static void test_pipe(void)
{
    int ends[2];
    char byte = 0;

    REQUIRE(pipe(ends) == 0);
    add(ends[0], WEFT_POLL_READ);
    check_case("a pipe is ready while there is something in it");
    CHECK(events_by(WEFT_NOW) == 0);
    CHECK(write(ends[1], "xy", 2) == 2);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(events_by(WEFT_NOW) == WEFT_POLL_READ);
        CHECK(events_by(peer_soon()) == WEFT_POLL_READ);
        CHECK(read(ends[0], &byte, 1) == 1);
    }
    CHECK(events_by(WEFT_NOW) == 0);
    check_case("and when it has ended");
    CHECK(close(ends[1]) == 0);
    CHECK(events_by(peer_soon()) == WEFT_POLL_READ);
    CHECK_STATUS(weft_poll_remove_handle(poll, ends[0]), WEFT_OK);
    CHECK(events_by(WEFT_NOW) == 0);
    CHECK(close(ends[0]) == 0);
}

static void test_socket(void)
{
    int ends[2];

    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    check_case("a socket may be ready for both");
    add(ends[0], WEFT_POLL_READ | WEFT_POLL_WRITE);
    CHECK(events_by(WEFT_NOW) == WEFT_POLL_WRITE);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(events_by(WEFT_NOW) == (WEFT_POLL_READ | WEFT_POLL_WRITE));
    CHECK_STATUS(weft_poll_remove_handle(poll, ends[0]), WEFT_OK);
    check_case("what was not asked for is not told");
    add(ends[1], WEFT_POLL_READ);
    CHECK(events_by(WEFT_NOW) == 0);
    CHECK(close(ends[0]) == 0);
    CHECK(events_by(peer_soon()) == WEFT_POLL_READ);
    CHECK_STATUS(weft_poll_remove_handle(poll, ends[1]), WEFT_OK);
    add(ends[1], WEFT_POLL_WRITE);
    CHECK(events_by(peer_soon()) == WEFT_POLL_WRITE);
    CHECK_STATUS(weft_poll_remove_handle(poll, ends[1]), WEFT_OK);
    CHECK(close(ends[1]) == 0);
}

/* A descriptor and a channel, both always ready, and room for one. */
static void test_turns(void)
{
    weft_channel *first;
    weft_channel *second;
    unsigned told[2] = {0, 0};
    int ends[2];

    check_case("descriptors and endpoints come in turn");
    REQUIRE(pipe(ends) == 0);
    peer_both_ends(NULL, NULL, &first, &second);
    CHECK_STATUS(weft_poll_add_handle(poll, ends[1], WEFT_POLL_WRITE, 0, NULL),
                 WEFT_OK);
    CHECK_STATUS(weft_poll_add_channel(poll, second, 1, NULL), WEFT_OK);
    CHECK_STATUS(peer_send(first, 10, 0, WEFT_NOW), WEFT_OK);
    for (unsigned i = 0; i < 100; i++) {
        weft_poll_item item;
        size_t count;
        uint64_t end = weft_after_ns(PEER_MS / 10);

        CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, peer_soon(), NULL),
                     WEFT_OK);
        told[item.key]++;
        while (weft_now_ns() < end) { /* as who works on it */
        }
    }
    CHECK(told[0] >= 20 && told[1] >= 20);
    CHECK_STATUS(weft_poll_remove_handle(poll, ends[1]), WEFT_OK);
    weft_channel_close(&first);
    weft_channel_close(&second);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void test_refused(void)
{
    check_case("what is no descriptor is not added");
    CHECK_STATUS(weft_poll_add_handle(poll, 12345, WEFT_POLL_READ, 0, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_poll_remove_handle(poll, 12345), WEFT_ENOENT);
}

void test_main(void)
{
    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    test_pipe();
    test_socket();
    test_turns();
    test_refused();
    weft_poll_close(&poll);
}
