/* SPDX-License-Identifier: MIT
 *
 * More clients wait for one name than the system has watches for a user (of
 * inotify: 128 by default), and come all at once when it appears: all are let
 * in, and none is turned away. Then the same again while some of those who wait
 * are killed, or give up.
 */
#include <stdatomic.h>

#include "channel/names_serve.h"
#include "check.h"
#include "peer.h"

#define NAME "crowd"
#define CLIENTS 300u

struct plan {
    peer_gate begun;  /* opened by each before it waits */
    uint64_t give_up; /* so long it waits; 0: until somebody is there */
};

static weft_status connect_client(uint64_t deadline_ns, weft_client **client)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    return weft_client_open(NAME, &options, deadline_ns, client, NULL);
}

static void call_once(void *context)
{
    const struct plan *plan = context;
    weft_client *client = NULL;
    weft_reply reply;

    peer_gate_open(&plan->begun);
    if (CHECK_STATUS(connect_client(peer_soon(), &client), WEFT_OK)) {
        CHECK_STATUS(weft_client_call(client, "", 0, &reply, peer_soon()),
                     WEFT_OK);
    }
    weft_client_close(&client);
}

static void give_up(void *context)
{
    const struct plan *plan = context;
    weft_client *client = NULL;

    peer_gate_open(&plan->begun);
    CHECK_STATUS(connect_client(weft_after_ns(plan->give_up), &client),
                 WEFT_ETIMEDOUT);
}

/* Takes the name, and answers all who come. */
static void serve(unsigned clients)
{
    weft_service *service = names_service(NAME);

    names_serve(service, clients);
    weft_service_close(&service);
}

static void start(const struct plan *plan, peer_task *task,
                  peer_process *children, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        children[i] = peer_run(task, plan, sizeof(*plan));
    }
    for (unsigned i = 0; i < count; i++) {
        REQUIRE(peer_gate_pass(&plan->begun));
    }
}

static void await_all_asleep(const peer_process *children, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        CHECK(peer_await_asleep(&children[i]));
    }
}

static void end(peer_process *children, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
}

static void test_all_come(const struct plan *plan)
{
    peer_process children[CLIENTS];

    check_case("all who wait for a name find it, however many");
    start(plan, call_once, children, CLIENTS);
    await_all_asleep(children, CLIENTS);
    serve(CLIENTS);
    end(children, CLIENTS);
}

/* The first ones, who have the watches, all go; the others wait on. */
static void test_some_go(struct plan *plan)
{
    static peer_process children[CLIENTS];
    unsigned leaving = CLIENTS / 2;
    unsigned killed = leaving / 2;

    check_case("those who wait are not held up by those who leave or die");
    plan->give_up = PEER_S;
    start(plan, give_up, children, leaving);
    await_all_asleep(children, leaving);
    start(plan, call_once, children + leaving, CLIENTS - leaving);
    await_all_asleep(children + leaving, CLIENTS - leaving);
    for (unsigned i = 0; i < killed; i++) {
        peer_kill(&children[i]);
    }
    end(children + killed, leaving - killed);
    await_all_asleep(children + leaving, CLIENTS - leaving);
    serve(CLIENTS - leaving);
    end(children + leaving, CLIENTS - leaving);
}

void test_main(void)
{
    struct plan plan = {.give_up = 0};

    peer_names_begin();
    peer_gate_init(&plan.begun);
    test_all_come(&plan);
    test_some_go(&plan);
    peer_gate_deinit(&plan.begun);
    peer_names_end();
}
