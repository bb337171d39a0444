/* SPDX-License-Identifier: MIT
 *
 * A pair's other end, inherited by a child: one that runs a function, and one
 * that is a program of its own, by way of WEFT_CHANNEL. The program runs itself
 * for the latter.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "peer.h"

/* ----------------------------------------------------- a new program --- */

/* Sends back what it gets, by an end found in the environment. */
static void echo(void)
{
    weft_channel *channel;
    const char *text = getenv(WEFT_CHANNEL_ENV);
    weft_handle handle = text != NULL ? (weft_handle)strtoimax(text, NULL, 10)
                                      : WEFT_HANDLE_NONE;

    CHECK(peer_is_passed(handle));
    if (CHECK_STATUS(weft_channel_adopt(WEFT_HANDLE_NONE, NULL, peer_soon(),
                                        &channel, NULL),
                     WEFT_OK)) {
        CHECK(getenv(WEFT_CHANNEL_ENV) == NULL);
        CHECK(!peer_is_passed(handle));
        peer_receives(channel, 30, 1);
        CHECK_STATUS(peer_send(channel, 50000, 2, peer_soon()), WEFT_OK);
        weft_channel_close(&channel);
    }
    check_exit_child();
}

static peer_process execute(const char *role, weft_handle theirs)
{
    char number[32];
    peer_process child;

    (void)snprintf(number, sizeof(number), "%" PRIdPTR, theirs);
    peer_pass(theirs);
    peer_set_variable(WEFT_CHANNEL_ENV, number);
    child = peer_execute(role);
    peer_set_variable(WEFT_CHANNEL_ENV, NULL);
    CHECK(peer_close(theirs));
    return child;
}

static void test_program(void)
{
    weft_channel *mine;
    weft_handle theirs;
    weft_peer peer;
    size_t bytes;
    peer_process child;

    check_case("a program finds its end in the environment");
    REQUIRE(weft_channel_pair(NULL, &mine, &theirs, NULL) == WEFT_OK);
    CHECK(!peer_is_passed(theirs));
    CHECK_STATUS(weft_channel_get_peer(mine, &peer), WEFT_EAGAIN);
    CHECK_STATUS(weft_channel_try_recv(mine, NULL, 0, &bytes), WEFT_EAGAIN);
    CHECK_STATUS(weft_channel_try_send(mine, "x", 1), WEFT_EAGAIN);
    child = execute("echo", theirs);
    CHECK_STATUS(peer_send(mine, 30, 1, peer_soon()), WEFT_OK);
    CHECK_STATUS(weft_channel_get_peer(mine, &peer), WEFT_OK);
    CHECK(peer.pid == child.id);
    peer_receives(mine, 50000, 2);
    CHECK_STATUS(weft_channel_recv_until(mine, NULL, 0, &bytes, peer_soon()),
                 WEFT_ECLOSED);
    CHECK(peer_ended_well(&child));
    weft_channel_close(&mine);

    check_case("a program that never adopts and ends is a dead peer");
    REQUIRE(weft_channel_pair(NULL, &mine, &theirs, NULL) == WEFT_OK);
    child = execute("nothing", theirs);
    CHECK_STATUS(weft_channel_recv_until(mine, NULL, 0, &bytes, peer_soon()),
                 WEFT_EPEERDIED);
    CHECK_STATUS(peer_send(mine, 1, 1, peer_soon()), WEFT_EPEERDIED);
    CHECK(peer_ended_well(&child));
    weft_channel_close(&mine);

    check_case("who can't start the child just closes both");
    REQUIRE(weft_channel_pair(NULL, &mine, &theirs, NULL) == WEFT_OK);
    CHECK(peer_close(theirs));
    CHECK_STATUS(peer_send(mine, 1, 1, peer_soon()), WEFT_EPEERDIED);
    weft_channel_close(&mine);
}

/* ------------------------------------------------------ the first word --- */

static bool is_ready(weft_handle handle, uint64_t deadline_ns)
{
    weft_poll *set;
    weft_poll_item item;
    size_t count = 0;

    REQUIRE(weft_poll_open(NULL, &set, NULL) == WEFT_OK);
    REQUIRE(weft_poll_add_handle(set, handle, WEFT_POLL_READ, 1, NULL) ==
            WEFT_OK);
    (void)weft_poll_wait(set, &item, 1, &count, deadline_ns, NULL);
    CHECK_STATUS(weft_poll_remove_handle(set, handle), WEFT_OK);
    weft_poll_close(&set);
    return count == 1;
}

static void test_first_word(void)
{
    weft_channel *mine;
    weft_handle theirs;
    weft_handle handle;
    weft_handle again;
    size_t bytes;
    peer_process child;

    check_case("a handle tells that the peer has spoken");
    CHECK_STATUS(weft_channel_pair_handle(NULL, &handle), WEFT_EINVAL);
    REQUIRE(weft_channel_pair(NULL, &mine, &theirs, NULL) == WEFT_OK);
    CHECK_STATUS(weft_channel_pair_handle(mine, NULL), WEFT_EINVAL);
    REQUIRE(weft_channel_pair_handle(mine, &handle) == WEFT_OK);
    CHECK_STATUS(weft_channel_pair_handle(mine, &again), WEFT_OK);
    CHECK(again == handle);
    CHECK(!is_ready(handle, WEFT_NOW));
    CHECK_STATUS(weft_channel_try_recv(mine, NULL, 0, &bytes), WEFT_EAGAIN);
    CHECK(!is_ready(handle, WEFT_NOW));
    child = execute("echo", theirs);
    CHECK(is_ready(handle, peer_soon()));
    CHECK_STATUS(weft_channel_recv_handle(mine, &again), WEFT_OK);
    CHECK_STATUS(weft_channel_pair_handle(mine, &handle), WEFT_ENOENT);
    CHECK_STATUS(peer_send(mine, 30, 1, peer_soon()), WEFT_OK);
    peer_receives(mine, 50000, 2);
    CHECK(peer_ended_well(&child));
    weft_channel_close(&mine);

    check_case("and that it ends without a word");
    REQUIRE(weft_channel_pair(NULL, &mine, &theirs, NULL) == WEFT_OK);
    REQUIRE(weft_channel_pair_handle(mine, &handle) == WEFT_OK);
    child = execute("nothing", theirs);
    CHECK(is_ready(handle, peer_soon()));
    CHECK_STATUS(weft_channel_recv_handle(mine, &again), WEFT_EPEERDIED);
    CHECK_STATUS(weft_channel_pair_handle(mine, &handle), WEFT_EPEERDIED);
    CHECK(peer_ended_well(&child));
    weft_channel_close(&mine);
}

/* -------------------------------------------------------- wrong handles --- */

static void check_text(const char *text)
{
    weft_channel *channel;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status expected;

    peer_set_variable(WEFT_CHANNEL_ENV, text);
    /* On some systems a variable that is empty is not there. */
    expected = getenv(WEFT_CHANNEL_ENV) != NULL ? WEFT_EINVAL : WEFT_ENOENT;
    CHECK_STATUS(weft_channel_adopt(WEFT_HANDLE_NONE, NULL, peer_soon(),
                                    &channel, &detail),
                 expected);
    CHECK(channel == NULL && detail.operation != NULL);
    peer_set_variable(WEFT_CHANNEL_ENV, NULL);
}

static void test_wrong(void)
{
    weft_channel *channel;
    weft_handle other;

    check_case("without the variable there is nothing to adopt");
    CHECK_STATUS(
        weft_channel_adopt(WEFT_HANDLE_NONE, NULL, peer_soon(), &channel, NULL),
        WEFT_ENOENT);

    check_case("a variable that is no handle's number is refused");
    check_text("");
    check_text("x");
    check_text("-1");
    check_text("7x");
    check_text("99999999999999999999999");
    check_text("9999");

    check_case("a handle of another kind is refused, and closed");
    other = peer_token(1);
    CHECK_STATUS(weft_channel_adopt(other, NULL, peer_soon(), &channel, NULL),
                 WEFT_EINVAL);
    CHECK(!peer_is_open(other));
}

/* ------------------------------------------------ two threads, one pair --- */

static weft_channel *both;
static atomic_int threads[2];

static void *receive_first(void *context)
{
    (void)context;
    threads[0] = peer_thread();
    peer_receives(both, 20, 2);
    return NULL;
}

static void *send_first(void *context)
{
    (void)context;
    threads[1] = peer_thread();
    CHECK_STATUS(peer_send(both, 20, 1, peer_soon()), WEFT_OK);
    return NULL;
}

struct late_child {
    peer_gate start;
    weft_handle theirs;
};

static void adopt_late(void *context)
{
    struct late_child *plan = context;
    weft_channel *channel;

    CHECK(peer_gate_pass(&plan->start));
    if (CHECK_STATUS(
            weft_channel_adopt(plan->theirs, NULL, peer_soon(), &channel, NULL),
            WEFT_OK)) {
        peer_receives(channel, 20, 1);
        CHECK_STATUS(peer_send(channel, 20, 2, peer_soon()), WEFT_OK);
        weft_channel_close(&channel);
    }
}

static void test_both_first(void)
{
    struct late_child plan;
    pthread_t receiver;
    pthread_t sender;
    peer_process child;

    check_case("a sender and a receiver may both be first on a pair");
    peer_gate_init(&plan.start);
    REQUIRE(weft_channel_pair(NULL, &both, &plan.theirs, NULL) == WEFT_OK);
    peer_pass(plan.theirs);
    child = peer_run(adopt_late, &plan, sizeof(plan));
    CHECK(peer_close(plan.theirs));
    REQUIRE(pthread_create(&receiver, NULL, receive_first, NULL) == 0);
    while (threads[0] == 0) {
    }
    CHECK(peer_await_thread_asleep(threads[0]));
    REQUIRE(pthread_create(&sender, NULL, send_first, NULL) == 0);
    while (threads[1] == 0) {
    }
    peer_gate_open(&plan.start);
    REQUIRE(pthread_join(sender, NULL) == 0);
    weft_channel_shutdown(both); /* a child that got nothing ends, too */
    REQUIRE(pthread_join(receiver, NULL) == 0);
    CHECK(peer_ended_well(&child));
    weft_channel_close(&both);
    peer_gate_deinit(&plan.start);
}

void test_main(void)
{
    if (check_arguments[1] != NULL) {
        if (strcmp(check_arguments[1], "echo") == 0) {
            echo();
        }
        check_exit_child();
    }
    test_program();
    test_first_word();
    test_wrong();
    test_both_first();
}
