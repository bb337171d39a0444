/* SPDX-License-Identifier: MIT
 *
 * Another user may look where he may connect, and nowhere else.
 *
 * Only root can be two users; others skip this.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "look.h"

#define OTHER 65533

struct visit {
    char name[64];
    weft_status expected;
};

static int allow_all(void *context, const weft_peer *peer)
{
    (void)context;
    (void)peer;
    return 1;
}

/* As another user. */
static void visit(void *context)
{
    const struct visit *plan = context;
    weft_inspection *inspection;
    weft_endpoint_stats stats;

    if (!CHECK(setgid(OTHER) == 0 && setuid(OTHER) == 0)) {
        return;
    }
    inspection = look_at(plan->name);
    stats = look_once(inspection, plan->expected);
    CHECK(stats.owner.uid == 0);
    CHECK((stats.valid != 0) == (plan->expected == WEFT_OK));
    weft_inspection_close(&inspection);
}

static void test_visit(const char *name, weft_peer_policy *allow,
                       weft_status expected)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    struct visit plan = {.expected = expected};
    weft_publisher *publisher;
    peer_process child;

    (void)snprintf(plan.name, sizeof(plan.name), "%s", name);
    options.mode = 0666;
    options.allow = allow;
    REQUIRE(weft_publisher_open(name, &options, &publisher, NULL) == WEFT_OK);
    peer_await_quiet();
    child = peer_run(visit, &plan, sizeof(plan));
    CHECK(peer_ended_well(&child));
    weft_publisher_close(&publisher);
}

void test_main(void)
{
    char folder[] = "/tmp/weft-test-XXXXXX";
    char name[64];

    if (geteuid() != 0) {
        SKIP("only root can be two users");
    }
    REQUIRE(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
    (void)snprintf(name, sizeof(name), "%s/e.sock", folder);
    check_case("another user is not shown anything");
    test_visit(name, NULL, WEFT_EACCES);
    check_case("but by who lets him in");
    test_visit(name, allow_all, WEFT_OK);
    CHECK(rmdir(folder) == 0);
}
