/* SPDX-License-Identifier: MIT
 *
 * Who may ask whom: root may ask everybody, others only themselves.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

/* A user that has nothing on this machine. */
#define STRANGER 64999

struct plan {
    peer_gate ready;
    peer_gate end;
};

/* The usual run-time directory: this test's own is not the other user's. */
static void become_stranger(void)
{
    REQUIRE(setgroups(0, NULL) == 0 && setgid(STRANGER) == 0 &&
            setuid(STRANGER) == 0);
    (void)unsetenv("WEFT_RUNTIME_DIR");
    (void)unsetenv("XDG_RUNTIME_DIR");
}

static uint64_t give(void *context, const weft_memory_demand *demand)
{
    (void)context;
    CHECK(demand->asker.uid == 0);
    return 7;
}

static void listen(void *context)
{
    const struct plan *plan = context;
    weft_memory_listener *listener = NULL;
    char directory[64];

    become_stranger();
    CHECK_STATUS(weft_memory_on_pressure(NULL, give, NULL, &listener, NULL),
                 WEFT_OK);
    peer_gate_open(&plan->ready);
    CHECK(peer_gate_pass(&plan->end));
    weft_memory_listener_close(&listener);
    (void)snprintf(directory, sizeof(directory), "/tmp/weft-%d", STRANGER);
    CHECK(rmdir(directory) == 0);
}

static void ask_as_stranger(void *context)
{
    weft_memory_ask_options options = WEFT_MEMORY_ASK_OPTIONS_INIT;
    weft_detail detail;
    size_t count = 1;

    (void)context;
    become_stranger();
    options.flags = WEFT_MEMORY_ASK_EVERYBODY;
    CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MILD, &options, WEFT_FOREVER, NULL,
                                 0, &count, &detail),
                 WEFT_EACCES);
    CHECK(detail.operation != NULL && count == 0);
}

void test_main(void)
{
    weft_memory_ask_options options = WEFT_MEMORY_ASK_OPTIONS_INIT;
    weft_memory_answer answer;
    struct plan plan;
    peer_process child;
    peer_process asker;
    size_t count = 0;

    if (geteuid() != 0) {
        SKIP("only root may be another user");
    }
    peer_names_begin();
    peer_gate_init(&plan.ready);
    peer_gate_init(&plan.end);
    child = peer_run(listen, &plan, sizeof(plan));
    CHECK(peer_gate_pass(&plan.ready));

    check_case("another user's listener is not asked");
    CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MILD, NULL, WEFT_FOREVER, NULL, 0,
                                 &count, NULL),
                 WEFT_OK);
    CHECK(count == 0);

    check_case("but by root, who asks everybody");
    options.flags = WEFT_MEMORY_ASK_EVERYBODY;
    options.pid = child.id;
    CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MILD, &options, peer_soon(), &answer,
                                 1, &count, NULL),
                 WEFT_OK);
    CHECK(count == 1 && answer.kind == WEFT_ANSWER_GIVEN);
    CHECK(answer.who.uid == STRANGER && answer.claimed_bytes == 7);

    check_case("which is for root alone");
    asker = peer_run(ask_as_stranger, NULL, 0);
    CHECK(peer_ended_well(&asker));
    peer_gate_open(&plan.end);
    CHECK(peer_ended_well(&child));
    peer_gate_deinit(&plan.ready);
    peer_gate_deinit(&plan.end);
    peer_names_end();
}
