/* SPDX-License-Identifier: MIT
 *
 * How a test ends says what happened: here to a parent that looks.
 */
#include "check.h"
#include "peer.h"

static void check_falsely(void *context)
{
    (void)context;
    CHECK(1 + 1 == 3);
}

static void check_truly(void *context)
{
    (void)context;
    CHECK(1 + 1 == 2);
}

static void skip(void *context)
{
    (void)context;
    SKIP("this is how it looks");
}

static void fail_and_skip(void *context)
{
    (void)context;
    CHECK(1 + 1 == 3);
    SKIP("this is not reached as a skip");
}

static void require(void *context)
{
    (void)context;
    REQUIRE(1 + 1 == 3);
    check_exit_child();
}

static void die(void *context)
{
    (void)context;
    peer_die();
}

static int status_of(peer_task *task)
{
    peer_process child = peer_run(task, NULL, 0);

    return peer_status(&child);
}

void test_main(void)
{
    check_case("a false check in a child reaches its parent");
    CHECK(status_of(check_falsely) == 1);

    check_case("a child without a false check ends well");
    CHECK(status_of(check_truly) == 0);

    check_case("a skipped test is told apart by its status");
    CHECK(status_of(skip) == 77);

    check_case("a failure before the skip is still a failure");
    CHECK(status_of(fail_and_skip) == 1);

    check_case("a test that needs what is false ends there");
    CHECK(status_of(require) == 1);

    check_case("a child that was killed is told apart");
    CHECK(status_of(die) == PEER_KILLED);
}
