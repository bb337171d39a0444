/* SPDX-License-Identifier: MIT
 *
 * A forked child has a poll set in name only: it can close it, before or after
 * what is in it, and the parent's goes on.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

static weft_poll *poll;
static weft_channel *first;
static weft_channel *second;
static weft_event event;

static void look_in_child(void)
{
    weft_poll_item item;
    size_t count = 9;

    CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, WEFT_NOW, NULL),
                 WEFT_EFORKED);
    CHECK(count == 0);
    CHECK_STATUS(weft_poll_wake(poll), WEFT_EFORKED);
    CHECK_STATUS(weft_poll_add_channel(poll, first, 0, NULL), WEFT_EFORKED);
    CHECK_STATUS(weft_poll_remove_channel(poll, second), WEFT_EFORKED);
    CHECK_STATUS(weft_poll_remove_event(poll, &event), WEFT_EFORKED);
    CHECK_STATUS(weft_poll_add_handle(poll, 0, WEFT_POLL_READ, 0, NULL),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_poll_remove_handle(poll, 0), WEFT_EFORKED);
}

static void close_set_first(void)
{
    look_in_child();
    weft_poll_close(&poll);
    weft_channel_close(&second);
    weft_channel_close(&first);
}

static void close_channel_first(void)
{
    weft_channel_close(&first);
    weft_channel_close(&second);
    weft_poll_close(&poll);
}

static void run_child(void (*work)(void))
{
    pid_t child = fork();
    int status = 0;

    REQUIRE(child >= 0);
    if (child == 0) {
        work();
        check_exit_child();
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* Armed before the child came, or told before: it is told after. */
static void exchange(unsigned seed)
{
    weft_poll_item item;
    size_t count;

    CHECK_STATUS(peer_send(first, 10, seed, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, peer_soon(), NULL),
                 WEFT_OK);
    CHECK(count == 1 && item.key == 7);
    CHECK(peer_receives(second, 10, seed));
    CHECK_STATUS(weft_event_set(&event), WEFT_OK);
    CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, peer_soon(), NULL),
                 WEFT_OK);
    CHECK(count == 1 && item.key == 8);
    CHECK_STATUS(weft_event_wait_until(&event, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, WEFT_NOW, NULL),
                 WEFT_EAGAIN);
}

void test_main(void)
{
    peer_both_ends(NULL, NULL, &first, &second);
    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    REQUIRE(weft_poll_add_channel(poll, second, 7, NULL) == WEFT_OK);
    REQUIRE(weft_event_init(&event, WEFT_EVENT_AUTO_RESET) == WEFT_OK);
    REQUIRE(weft_poll_add_event(poll, &event, 8, NULL) == WEFT_OK);
    exchange(1);
    check_case("a child's copy does nothing, and is closed");
    run_child(close_set_first);
    exchange(2);
    check_case("so it is when its channel was closed before");
    run_child(close_channel_first);
    exchange(3);
    weft_poll_close(&poll);
    weft_channel_close(&first);
    weft_channel_close(&second);
}
