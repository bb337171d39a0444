/* SPDX-License-Identifier: MIT
 *
 * os.h: who holds the other end of a pair is its user, not who made it.
 *
 * Only root can be two users; others skip this.
 */
#define _GNU_SOURCE
#include <sys/types.h>
#include <unistd.h>

#include "contract.h"

#define MAKER 65532
#define HOLDER 65533

struct plan {
    weft_handle end;
    weft_handle other; /* a copy that fork has made */
    uid_t user;
};

/* As another user than the one that made the pair, or as the same. */
static void hold_end(void *context)
{
    const struct plan *plan = context;

    weftos_close(plan->other);
    if (CHECK(setgid(plan->user) == 0 && setuid(plan->user) == 0)) {
        CHECK_STATUS(weftos_socket_adopt(plan->end, NULL), WEFT_OK);
        CHECK_STATUS(weftos_socket_send(plan->end, "m", 1, NULL, 0, NULL),
                     WEFT_OK);
        /* It lives until it was asked about. */
        while (weftos_socket_wait(plan->end, false, WEFTOS_NONE, peer_soon(),
                                  false, NULL) == WEFT_OK) {
            weftos_received received;

            if (weftos_socket_recv(plan->end, &received, NULL) ==
                WEFT_ECLOSED) {
                break;
            }
        }
    }
}

static void check_holder(weft_handle socket, uid_t user)
{
    weftos_received received;
    weft_status status;

    do {
        status = weftos_socket_recv(socket, &received, NULL);
    } while (status == WEFT_EAGAIN &&
             weftos_socket_wait(socket, false, WEFTOS_NONE, peer_soon(), false,
                                NULL) == WEFT_OK);
    if (CHECK_STATUS(status, WEFT_OK) && received.has_sender) {
        CHECK(received.sender.who.uid == (int64_t)user);
        CHECK(received.sender.is_same_user == (user == geteuid()));
        weftos_close(received.process);
    }
}

/*
 * A child of root's, for only root can become somebody: the maker of the pair,
 * which the kernel notes for both ends, and later that user for good.
 */
static void make_pair(void *context)
{
    struct plan plan = {.user = *(const uid_t *)context};
    weft_handle ends[2];
    peer_process child;

    REQUIRE(seteuid(MAKER) == 0);
    REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
    REQUIRE(seteuid(0) == 0);
    CHECK_STATUS(weftos_socket_adopt(ends[0], NULL), WEFT_OK);
    plan.end = ends[1];
    plan.other = ends[0];
    peer_pass(plan.end);
    child = peer_run(hold_end, &plan, sizeof(plan));
    weftos_close(ends[1]);
    REQUIRE(setgid(MAKER) == 0 && setuid(MAKER) == 0);
    check_holder(ends[0], plan.user);
    weftos_close(ends[0]);
    CHECK(peer_ended_well(&child));
}

static void test_holder(uid_t user)
{
    peer_process child = peer_run(make_pair, &user, sizeof(user));

    CHECK(peer_ended_well(&child));
}

void test_main(void)
{
    if (geteuid() != 0) {
        SKIP("only root can become another user");
    }
    check_case("a user is the same where he holds both ends");
    test_holder(MAKER);
    check_case("another user who holds the other end is another user");
    test_holder(HOLDER);
}
