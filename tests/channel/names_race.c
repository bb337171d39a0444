/* SPDX-License-Identifier: MIT
 *
 * Names under contention: several owners want one, a listener comes while
 * somebody begins to wait for it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

#define ROUNDS 200
#define OWNERS 2

static char folder[] = "/tmp/weft-test-XXXXXX";
static char run[64];

/* ---------------------------------------------------------------- owners ---
 */

static peer_gate start;
static peer_gate tried;
static peer_gate leave;
static int *won; /* shared with the children */

static void listen_and_die(void *context)
{
    weft_listener *listener;

    CHECK_STATUS(weft_channel_listen(context, NULL, &listener, NULL), WEFT_OK);
    (void)raise(SIGKILL);
}

static void compete(void *context)
{
    int *mine = context;
    weft_listener *listener;
    weft_status status;

    CHECK(peer_gate_pass(&start));
    status = weft_channel_listen("name", NULL, &listener, NULL);
    CHECK(status == WEFT_OK || status == WEFT_EINUSE);
    *mine = status == WEFT_OK;
    peer_gate_open(&tried);
    CHECK(peer_gate_pass(&leave));
    weft_listener_close(&listener);
}

static void race_once(void)
{
    pid_t pids[OWNERS];
    int winners = 0;

    CHECK(!peer_ended_well(peer_fork(listen_and_die, "name")));
    for (unsigned i = 0; i < OWNERS; i++) {
        pids[i] = peer_fork(compete, &won[i]);
    }
    for (unsigned i = 0; i < OWNERS; i++) {
        peer_gate_open(&start);
    }
    for (unsigned i = 0; i < OWNERS; i++) {
        CHECK(peer_gate_pass(&tried));
    }
    for (unsigned i = 0; i < OWNERS; i++) {
        winners += won[i];
    }
    for (unsigned i = 0; i < OWNERS; i++) {
        peer_gate_open(&leave);
    }
    CHECK(peer_ended_well(pids[0]));
    CHECK(peer_ended_well(pids[1]));
    /* The first to try leaves only when both have tried. */
    CHECK(winners == 1);
}

static void test_owners(void)
{
    check_case("of two who want a dead name exactly one gets it");
    won = mmap(NULL, OWNERS * sizeof(*won), PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(won != MAP_FAILED);
    peer_gate_init(&start);
    peer_gate_init(&tried);
    peer_gate_init(&leave);
    for (unsigned i = 0; i < ROUNDS; i++) {
        race_once();
    }
    peer_gate_deinit(&start);
    peer_gate_deinit(&tried);
    peer_gate_deinit(&leave);
    CHECK(munmap(won, OWNERS * sizeof(*won)) == 0);
}

/* --------------------------------------------------------------- waiting ---
 */

static void await_name(void *context)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *channel;

    (void)context;
    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    CHECK(peer_gate_pass(&start));
    CHECK_STATUS(
        weft_channel_connect("name", &options, peer_soon(), &channel, NULL),
        WEFT_OK);
    weft_channel_close(&channel);
}

/* The listener makes directory and name while the other begins to wait. */
static void meet_once(void)
{
    weft_listener *listener;
    weft_channel *channel;
    pid_t pid = peer_fork(await_name, NULL);

    peer_gate_open(&start);
    REQUIRE(weft_channel_listen("name", NULL, &listener, NULL) == WEFT_OK);
    CHECK_STATUS(weft_channel_accept(listener, peer_soon(), &channel, NULL),
                 WEFT_OK);
    CHECK(peer_ended_well(pid));
    weft_channel_close(&channel);
    weft_listener_close(&listener);
    CHECK(rmdir(run) == 0);
}

static void test_waiting(void)
{
    check_case("a name that appears as somebody begins to wait is found");
    peer_gate_init(&start);
    for (unsigned i = 0; i < ROUNDS; i++) {
        meet_once();
    }
    peer_gate_deinit(&start);
}

void test_main(void)
{
    REQUIRE(mkdtemp(folder) != NULL);
    (void)snprintf(run, sizeof(run), "%s/run", folder);
    REQUIRE(setenv("WEFT_RUNTIME_DIR", run, 1) == 0);
    test_owners();
    CHECK(rmdir(run) == 0);
    test_waiting();
    CHECK(rmdir(folder) == 0);
}
