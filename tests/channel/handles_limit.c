/* SPDX-License-Identifier: MIT
 *
 * Descriptors that ride with messages to a process that may have no more.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

static weft_channel *first;
static weft_channel *second;
static unsigned char room[100];

static weft_status send_three(void)
{
    weft_message message = {.handle_count = 3, .handles = {0, 1, 2}};

    return weft_channel_send_message(first, &message, peer_soon());
}

/* Lets this process open `more` descriptors beyond those that it has. */
static void limit_descriptors(struct rlimit *before, unsigned more)
{
    int next = dup(0);
    struct rlimit limit;

    REQUIRE(next >= 0 && close(next) == 0);
    REQUIRE(getrlimit(RLIMIT_NOFILE, before) == 0);
    limit = *before;
    limit.rlim_cur = (rlim_t)next + more;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void test_exhaustion(const char *name, unsigned more)
{
    weft_message message = {.data = room, .bytes = sizeof(room)};
    struct rlimit before;
    weft_detail detail;
    int open_before;

    check_case(name);
    peer_both_ends(NULL, NULL, &first, &second);
    CHECK_STATUS(send_three(), WEFT_OK);
    CHECK_STATUS(send_three(), WEFT_OK);
    open_before = check_open_handles();
    limit_descriptors(&before, more);
    CHECK_STATUS(weft_channel_recv_message(second, &message, peer_soon()),
                 WEFT_ELIMIT);
    CHECK(message.handle_count == 0);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(check_open_handles() == open_before);
    weft_channel_get_detail(second, &detail);
    CHECK_STATUS(detail.status, WEFT_ELIMIT);

    message.bytes = sizeof(room);
    CHECK_STATUS(weft_channel_recv_message(second, &message, peer_soon()),
                 WEFT_ELIMIT);
    weft_channel_close(&first);
    weft_channel_close(&second);
}

void test_main(void)
{
    test_exhaustion("a receiver without free descriptors is told so", 0);
    test_exhaustion("a receiver with too few descriptors is told so", 2);
}
