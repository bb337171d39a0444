/* SPDX-License-Identifier: MIT
 *
 * A policy is asked about each peer, and what it says counts, though the peer
 * is of our own user.
 */
#include "check.h"
#include "peer.h"

struct asked {
    bool answer;
    unsigned times;
    weft_peer peer; /* the last one */
};

static int answer(void *context, const weft_peer *peer)
{
    struct asked *asked = context;

    asked->times++;
    asked->peer = *peer;
    return asked->answer;
}

/* A child that connects with a policy, and what it is to find. */
struct visit {
    bool answer;
    int listener; /* its process */
    weft_status expected;
};

static void visit(void *context)
{
    const struct visit *plan = context;
    struct asked asked = {.answer = plan->answer};
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *channel;

    options.allow = answer;
    options.allow_context = &asked;
    CHECK_STATUS(
        weft_channel_connect("name", &options, peer_soon(), &channel, NULL),
        plan->expected);
    CHECK(asked.times > 0);
    /* Who turns us away may have hung up before we can ask who it was. */
    CHECK(asked.peer.pid == plan->listener ||
          (plan->expected != WEFT_OK && asked.peer.pid == 0));
    if (channel != NULL) {
        CHECK_STATUS(peer_send(channel, 9, 9, peer_soon()), WEFT_OK);
    }
    weft_channel_close(&channel);
}

/* One visit. True: the visitor came in. */
static bool receive_visitor(bool mine, bool theirs, weft_status expected)
{
    struct asked asked = {.answer = mine};
    struct visit plan = {theirs, peer_self(), expected};
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_listener *listener;
    weft_channel *channel;
    peer_process child;
    bool came;

    options.allow = answer;
    options.allow_context = &asked;
    REQUIRE(weft_channel_listen("name", &options, &listener, NULL) == WEFT_OK);
    child = peer_run(visit, &plan, sizeof(plan));
    came = weft_channel_accept(listener,
                               expected == WEFT_OK ? peer_soon()
                                                   : weft_after_ns(PEER_S),
                               &channel, NULL) == WEFT_OK;
    if (came) {
        peer_receives(channel, 9, 9);
    }
    CHECK(mine || asked.times == 1);
    CHECK(asked.times == 0 || asked.peer.pid == child.id);
    CHECK(peer_ended_well(&child));
    weft_channel_close(&channel);
    weft_listener_close(&listener);
    return came;
}

void test_main(void)
{
    peer_names_begin();
    check_case("a peer comes in where both policies say so");
    CHECK(receive_visitor(true, true, WEFT_OK));
    check_case("a listener's policy turns a peer away");
    CHECK(!receive_visitor(false, true, WEFT_EACCES));
    check_case("a policy of who connects refuses the listener");
    CHECK(!receive_visitor(true, false, WEFT_EACCES));
    peer_names_end();
}
