/* SPDX-License-Identifier: MIT
 *
 * Names under contention: several owners want one, a listener comes while
 * somebody begins to wait for it.
 */
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

#define ROUNDS 200
#define OWNERS 2

/* --------------------------------------------------------------- owners --- */

/* Shared with the children. */
struct race {
    peer_gate start;
    peer_gate tried;
    peer_gate leave;
    atomic_int winners;
};

static void listen_and_die(void *context)
{
    weft_listener *listener;

    (void)context;
    CHECK_STATUS(weft_channel_listen("name", NULL, &listener, NULL), WEFT_OK);
    peer_die();
}

static void compete(void *context)
{
    struct race *race = context;
    weft_listener *listener;
    weft_status status;

    CHECK(peer_gate_pass(&race->start));
    status = weft_channel_listen("name", NULL, &listener, NULL);
    CHECK(status == WEFT_OK || status == WEFT_EINUSE);
    atomic_fetch_add(&race->winners, status == WEFT_OK);
    peer_gate_open(&race->tried);
    CHECK(peer_gate_pass(&race->leave));
    weft_listener_close(&listener);
}

static void race_once(struct race *race)
{
    peer_process former = peer_run(listen_and_die, NULL, 0);
    peer_process owners[OWNERS];

    CHECK(peer_was_killed(&former));
    atomic_store(&race->winners, 0);
    for (unsigned i = 0; i < OWNERS; i++) {
        owners[i] = peer_run(compete, race, 0);
    }
    for (unsigned i = 0; i < OWNERS; i++) {
        peer_gate_open(&race->start);
    }
    for (unsigned i = 0; i < OWNERS; i++) {
        CHECK(peer_gate_pass(&race->tried));
    }
    /* The first to try leaves only when both have tried. */
    CHECK(atomic_load(&race->winners) == 1);
    for (unsigned i = 0; i < OWNERS; i++) {
        peer_gate_open(&race->leave);
    }
    for (unsigned i = 0; i < OWNERS; i++) {
        CHECK(peer_ended_well(&owners[i]));
    }
}

static void test_owners(void)
{
    struct race *race = peer_shared(sizeof(*race));

    check_case("of two who want a dead name exactly one gets it");
    peer_gate_init(&race->start);
    peer_gate_init(&race->tried);
    peer_gate_init(&race->leave);
    for (unsigned i = 0; i < ROUNDS / peer_cost; i++) {
        race_once(race);
    }
    peer_gate_deinit(&race->start);
    peer_gate_deinit(&race->tried);
    peer_gate_deinit(&race->leave);
    peer_unshare(race, sizeof(*race));
}

/* -------------------------------------------------------------- waiting --- */

static void await_name(void *context)
{
    const peer_gate *start = context;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *channel;

    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    CHECK(peer_gate_pass(start));
    CHECK_STATUS(
        weft_channel_connect("name", &options, peer_soon(), &channel, NULL),
        WEFT_OK);
    weft_channel_close(&channel);
}

/* The listener makes directory and name while the other begins to wait. */
static void meet_once(const peer_gate *start)
{
    peer_process child = peer_run(await_name, start, sizeof(*start));
    weft_listener *listener;
    weft_channel *channel;

    peer_gate_open(start);
    REQUIRE(weft_channel_listen("name", NULL, &listener, NULL) == WEFT_OK);
    CHECK_STATUS(weft_channel_accept(listener, peer_soon(), &channel, NULL),
                 WEFT_OK);
    CHECK(peer_ended_well(&child));
    weft_channel_close(&channel);
    weft_listener_close(&listener);
    peer_names_forget();
}

static void test_waiting(void)
{
    peer_gate start;

    check_case("a name that appears as somebody begins to wait is found");
    peer_gate_init(&start);
    for (unsigned i = 0; i < ROUNDS / peer_cost; i++) {
        meet_once(&start);
    }
    peer_gate_deinit(&start);
}

void test_main(void)
{
    peer_names_begin();
    test_owners();
    peer_names_forget();
    test_waiting();
    peer_names_end();
}
