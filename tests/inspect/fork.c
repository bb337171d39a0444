/* SPDX-License-Identifier: MIT
 *
 * A forked child can only close what its parent has open, and to close it
 * changes nothing for the parent: neither an inspection nor what is inspected.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "look.h"

#define NAME "forked"

static void be_child(weft_inspection *inspection, weft_publisher *publisher)
{
    weft_endpoint_stats stats = {.size = sizeof(stats)};

    CHECK_STATUS(weft_inspection_read(inspection, &stats, WEFT_NOW, NULL),
                 WEFT_EFORKED);
    CHECK_STATUS(weft_inspection_wait(inspection, WEFT_NOW, NULL),
                 WEFT_EFORKED);
    weft_inspection_close(&inspection);
    weft_publisher_close(&publisher);
    /* It inspects on its own account. */
    inspection = look_at(NAME);
    stats = look_once(inspection, WEFT_OK);
    CHECK(stats.sent == 1 && stats.owner.pid == getppid());
    weft_inspection_close(&inspection);
    check_exit_child();
}

void test_main(void)
{
    weft_publisher *publisher;
    weft_inspection *inspection;
    weft_endpoint_stats stats;
    int status = -1;
    pid_t child;

    peer_names_begin();
    check_case("a child closes its copies");
    REQUIRE(weft_publisher_open(NAME, NULL, &publisher, NULL) == WEFT_OK);
    inspection = look_at(NAME);
    (void)look_once(inspection, WEFT_OK);
    CHECK_STATUS(weft_publisher_send(publisher, "x", 1, peer_soon()), WEFT_OK);
    peer_await_quiet();
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        be_child(inspection, publisher);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    check_case("and the parent goes on");
    stats = look_once(inspection, WEFT_OK);
    CHECK(stats.sent == 1);
    CHECK_STATUS(weft_publisher_send(publisher, "x", 1, peer_soon()), WEFT_OK);
    stats = look_once(inspection, WEFT_OK);
    CHECK(stats.sent == 2);
    weft_publisher_close(&publisher);
    (void)look_once(inspection, WEFT_ECLOSED);
    weft_inspection_close(&inspection);
    peer_names_end();
}
