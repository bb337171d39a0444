/* SPDX-License-Identifier: MIT
 *
 * How a test ends says what happened: here to a parent that looks.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int status_of(pid_t child)
{
    int status = 0;

    REQUIRE(child > 0);
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void test_main(void)
{
    pid_t child;

    check_case("a false check in a child reaches its parent");
    child = fork();
    if (child == 0) {
        CHECK(1 + 1 == 3);
        check_exit_child();
    }
    CHECK(status_of(child) == 1);

    check_case("a child without a false check ends well");
    child = fork();
    if (child == 0) {
        CHECK(1 + 1 == 2);
        check_exit_child();
    }
    CHECK(status_of(child) == 0);

    check_case("a skipped test is told apart by its status");
    child = fork();
    if (child == 0) {
        SKIP("this is how it looks");
    }
    CHECK(status_of(child) == 77);

    check_case("a failure before the skip is still a failure");
    child = fork();
    if (child == 0) {
        CHECK(1 + 1 == 3);
        SKIP("this is not reached as a skip");
    }
    CHECK(status_of(child) == 1);

    check_case("a test that needs what is false ends there");
    child = fork();
    if (child == 0) {
        REQUIRE(1 + 1 == 3);
        check_exit_child();
    }
    CHECK(status_of(child) == 1);
}
