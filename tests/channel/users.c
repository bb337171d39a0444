/* SPDX-License-Identifier: MIT
 *
 * Another user is kept out, and let in where both sides' policies say so.
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

/* Lets everybody in, and notes whom it was asked about. */
static int allow_all(void *context, const weft_peer *peer)
{
    int64_t *seen = context;

    *seen = peer->uid;
    return 1;
}

static int allow_none(void *context, const weft_peer *peer)
{
    (void)peer;
    ++*(int *)context;
    return 0;
}

struct visit {
    bool allows;
    weft_status expected;
};

/* As another user. */
static void visit(void *context)
{
    const struct visit *plan = context;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *channel;
    int64_t seen = -1;

    if (!CHECK(setgid(OTHER) == 0 && setuid(OTHER) == 0)) {
        return;
    }
    if (plan->allows) {
        options.allow = allow_all;
        options.allow_context = &seen;
    }
    CHECK_STATUS(
        weft_channel_connect(name, &options, peer_soon(), &channel, NULL),
        plan->expected);
    if (plan->expected == WEFT_OK && channel != NULL) {
        CHECK(seen == 0);
        CHECK_STATUS(peer_send(channel, 9, 9, peer_soon()), WEFT_OK);
    }
    weft_channel_close(&channel);
}

static weft_listener *listen_for(unsigned mode, weft_peer_policy *allow,
                                 void *context)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_listener *listener;

    options.mode = mode;
    options.allow = allow;
    options.allow_context = context;
    REQUIRE(weft_channel_listen(name, &options, &listener, NULL) == WEFT_OK);
    return listener;
}

/* The visitor ends while we accept, so the deadline is what ends that. */
static void turn_away(weft_listener *listener, bool allows)
{
    struct visit plan = {allows, WEFT_EACCES};
    weft_channel *channel;
    peer_process child = peer_run(visit, &plan, sizeof(plan));

    CHECK_STATUS(weft_channel_accept(listener, weft_after_ns(100 * PEER_MS),
                                     &channel, NULL),
                 WEFT_ETIMEDOUT);
    CHECK(channel == NULL);
    CHECK(peer_ended_well(&child));
    weft_listener_close(&listener);
}

static void test_names(void)
{
    struct visit plan = {true, WEFT_OK};
    weft_listener *listener;
    weft_channel *channel;
    weft_peer peer;
    int64_t seen = -1;
    int asked = 0;
    peer_process child;

    check_case("another user can't reach a socket of mode 0600");
    turn_away(listen_for(0, NULL, NULL), true);

    check_case("another user is refused, and does not trust us either");
    turn_away(listen_for(0666, NULL, NULL), false);
    turn_away(listen_for(0666, NULL, NULL), true);
    turn_away(listen_for(0666, allow_all, &seen), false);
    turn_away(listen_for(0666, allow_none, &asked), true);
    CHECK(asked == 1);

    check_case("another user comes in where both sides allow it");
    listener = listen_for(0666, allow_all, &seen);
    child = peer_run(visit, &plan, sizeof(plan));
    if (CHECK_STATUS(weft_channel_accept(listener, peer_soon(), &channel, NULL),
                     WEFT_OK)) {
        CHECK(seen == OTHER);
        CHECK_STATUS(weft_channel_get_peer(channel, &peer), WEFT_OK);
        CHECK(peer.uid == OTHER && peer.gid == OTHER && peer.pid == child.id);
        peer_receives(channel, 9, 9);
    }
    CHECK(peer_ended_well(&child));
    weft_channel_close(&channel);

    check_case("a policy may refuse our own user");
    weft_listener_close(&listener);
    asked = 0;
    listener = listen_for(0, allow_none, &asked);
    CHECK_STATUS(weft_channel_accept(listener, WEFT_NOW, &channel, NULL),
                 WEFT_EAGAIN);
    weft_listener_close(&listener);
    CHECK(asked == 0);
}

static void adopt_as_other(void *context)
{
    weft_channel *channel;

    CHECK(setgid(OTHER) == 0 && setuid(OTHER) == 0);
    CHECK_STATUS(weft_channel_adopt(*(weft_handle *)context, NULL, peer_soon(),
                                    &channel, NULL),
                 WEFT_EACCES);
}

static void test_pair(void)
{
    weft_channel *channel;
    weft_handle theirs;
    size_t bytes;
    peer_process child;

    check_case("a child that became another user can't adopt");
    REQUIRE(weft_channel_pair(NULL, &channel, &theirs, NULL) == WEFT_OK);
    child = peer_run(adopt_as_other, &theirs, sizeof(theirs));
    CHECK(peer_close(theirs));
    CHECK_STATUS(weft_channel_recv_until(channel, NULL, 0, &bytes, peer_soon()),
                 WEFT_EACCES);
    CHECK(peer_ended_well(&child));
    weft_channel_close(&channel);
}

void test_main(void)
{
    if (geteuid() != 0) {
        SKIP("only root can become another user");
    }
    REQUIRE(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
    (void)snprintf(name, sizeof(name), "%s/name", folder);
    test_names();
    test_pair();
    CHECK(rmdir(folder) == 0);
}
