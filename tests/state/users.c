/* SPDX-License-Identifier: MIT
 *
 * The state of one user is not another one's, unless its mode says so.
 *
 * Only root can be two users; others skip this.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

#define OTHER 65533

static char folder[] = "/tmp/weft-test-XXXXXX";
static char name[64];

struct visit {
    unsigned mode;
    weft_status expected;
};

static weft_status open_state(unsigned mode, unsigned flags, weft_state **out)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;

    options.mode = mode;
    options.flags = flags;
    return weft_state_open(name, 8, &options, out, NULL);
}

/* As another user. */
static void visit(void *context)
{
    const struct visit *plan = context;
    weft_state *state = NULL;
    uint64_t value = 0;
    size_t bytes = sizeof(value);

    if (!CHECK(setgid(OTHER) == 0 && setuid(OTHER) == 0)) {
        return;
    }
    CHECK_STATUS(open_state(plan->mode, 0, &state), plan->expected);
    if (plan->expected == WEFT_OK && state != NULL) {
        CHECK_STATUS(weft_state_get(state, &value, &bytes, NULL), WEFT_OK);
        CHECK(value == 1);
        CHECK_STATUS(weft_state_wait(state, 1, WEFT_NOW), WEFT_EAGAIN);
    }
    weft_state_close(&state);
}

static void invite(unsigned mode, weft_status expected)
{
    struct visit plan = {mode, expected};
    weft_state *state = NULL;
    uint64_t value = 1;
    peer_process child;

    CHECK_STATUS(open_state(mode, WEFT_STATE_WRITE, &state), WEFT_OK);
    CHECK_STATUS(weft_state_set(state, &value, sizeof(value)), WEFT_OK);
    child = peer_run(visit, &plan, sizeof(plan));
    CHECK(peer_ended_well(&child));
    weft_state_close(&state);
}

void test_main(void)
{
    if (geteuid() != 0) {
        SKIP("only root can become another user");
    }
    REQUIRE(mkdtemp(folder) != NULL && chmod(folder, 01777) == 0);
    (void)snprintf(name, sizeof(name), "%s/name", folder);
    check_case("another user can't open the state of this one");
    invite(0, WEFT_EACCES);
    check_case("one who is let in gets the value");
    invite(0666, WEFT_OK);
    CHECK(rmdir(folder) == 0);
}
