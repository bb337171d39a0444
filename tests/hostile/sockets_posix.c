/* SPDX-License-Identifier: MIT
 *
 * A control socket whose description two processes share, as an inherited
 * end's may be, and one that comes to a process with no free descriptor.
 */
#define _GNU_SOURCE
#include "attacker.h"
#include "ipc/received.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#define WHOLE_WITH_HANDLES (WEFTI_FIRST | WEFTI_LAST | WEFTI_HANDLES)

/* Handles of a record that arrive when this process can't take any more. */
static void loses_handles(const void *argument)
{
    struct rlimit before;
    struct rlimit few;
    weft_handle many[WEFT_HANDLES_MAX];
    struct attacker attacker;
    weft_channel *victim;
    weft_status status;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    for (size_t i = 0; i < WEFT_HANDLES_MAX; i++) {
        many[i] = attacker.socket;
    }
    CHECK(attacker_ride(&attacker, WEFTI_DATA, 0, many, WEFT_HANDLES_MAX));
    attacker_forge(
        &attacker,
        forged_word(20, WEFTI_DATA, WHOLE_WITH_HANDLES, WEFT_HANDLES_MAX),
        "abcd", 4);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = before;
    few.rlim_cur = (rlim_t)check_open_handles() + 2;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    status = victim_receive(victim);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_STATUS(status, WEFT_ELIMIT);
    victim_stays_failed(victim, WEFT_ELIMIT);
    attacker_part(&attacker, &victim);
}

/* -------------------------------------------------------------- shared --- */

/*
 * The attacker is the parent, and has kept the end that the victim adopts:
 * one open description, whose flags and options are both's to change.
 */
struct parent {
    struct attacker attacker;
    weft_channel *victim;
    weft_handle kept;
    bool may_block; /* clears O_NONBLOCK */
    atomic_bool stop;
    pthread_t thread;
};

static void *welcome(void *argument)
{
    struct parent *parent = argument;
    struct attacker *attacker = &parent->attacker;
    struct wefti_settings settings;

    REQUIRE(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_init(&attacker->offer, false, NULL) == WEFT_OK);
    CHECK_STATUS(wefti_answer_receive(&attacker->answer, attacker->socket,
                                      WEFTI_HELLO, &settings,
                                      weft_after_ns(LATE_NS), NULL),
                 WEFT_OK);
    CHECK_STATUS(wefti_offer_send(&attacker->offer, attacker->socket,
                                  WEFTI_WELCOME, &settings, NULL),
                 WEFT_OK);
    return NULL;
}

static void adopt_shared(struct parent *parent)
{
    weft_handle ends[2];

    memset(parent, 0, sizeof(*parent));
    REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
    parent->attacker.socket = ends[0];
    parent->kept = fcntl((int)ends[1], F_DUPFD_CLOEXEC, 0);
    REQUIRE(pthread_create(&parent->thread, NULL, welcome, parent) == 0);
    CHECK_STATUS(weft_channel_adopt(ends[1], NULL, weft_after_ns(LATE_NS),
                                    &parent->victim, NULL),
                 WEFT_OK);
    CHECK(pthread_join(parent->thread, NULL) == 0);
    REQUIRE(parent->victim != NULL);
}

static void part_shared(struct parent *parent)
{
    weftos_close(parent->kept);
    attacker_part(&parent->attacker, &parent->victim);
}

static void *toggle(void *argument)
{
    struct parent *parent = argument;
    int fd = (int)parent->kept;

    while (!parent->stop) {
        struct timeval none = {0, 0};
        int least = 1;

        (void)fcntl(fd, F_SETFL, O_NONBLOCK);
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
        if (parent->may_block) {
            (void)fcntl(fd, F_SETFL, 0);
        }
    }
    return NULL;
}

static void bears_toggled_flags(const void *argument)
{
    struct parent parent;
    weft_status status;

    (void)argument;
    adopt_shared(&parent);
    parent.may_block = !check_lacks("sends that never wait");
    REQUIRE(pthread_create(&parent.thread, NULL, toggle, &parent) == 0);
    status = victim_send_handles(parent.victim, parent.attacker.offer.home);
    CHECK(status == WEFT_ETIMEDOUT || status == WEFT_ECORRUPT ||
          status == WEFT_ELIMIT);
    CHECK_STATUS(victim_receive(parent.victim), WEFT_ETIMEDOUT);
    parent.stop = true;
    CHECK(pthread_join(parent.thread, NULL) == 0);
    part_shared(&parent);
}

/* Takes away what is sent to the victim before it can. */
static void misses_stolen_handles(const void *argument)
{
    struct parent parent;
    weftos_received stolen;

    (void)argument;
    adopt_shared(&parent);
    CHECK(attacker_ride(&parent.attacker, WEFTI_DATA, 0,
                        &parent.attacker.socket, 1));
    CHECK_STATUS(weftos_socket_recv(parent.kept, &stolen, NULL), WEFT_OK);
    wefti_received_drop(&stolen);
    attacker_forge(&parent.attacker,
                   forged_word(20, WEFTI_DATA, WHOLE_WITH_HANDLES, 1), "abcd",
                   4);
    CHECK_STATUS(victim_receive(parent.victim), WEFT_ECORRUPT);
    part_shared(&parent);
}

/* Shuts down one way of the victim's own socket. */
static void bears_shutdown(const void *argument)
{
    const int how = *(const int *)argument;
    weft_message message;
    struct parent parent;
    weft_status status;

    adopt_shared(&parent);
    REQUIRE(shutdown((int)parent.kept, how) == 0);
    status = victim_receive(parent.victim);
    CHECK(status == WEFT_EPEERDIED || status == WEFT_ETIMEDOUT);
    memset(&message, 0, sizeof(message));
    message.handle_count = 1;
    status = weft_channel_send_message(parent.victim, &message,
                                       weft_after_ns(VICTIM_NS));
    CHECK(status == WEFT_EPEERDIED || status == WEFT_OK);
    part_shared(&parent);
}

void test_main(void)
{
    static const int ways[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};

    hostile_case("handles lost for want of descriptors are told", loses_handles,
                 NULL);
    hostile_case("changing flags of a shared socket delay nobody",
                 bears_toggled_flags, NULL);
    hostile_case("handles that were stolen on the way are missed",
                 misses_stolen_handles, NULL);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        hostile_case("a shut down socket is a dead peer", bears_shutdown,
                     &ways[i]);
    }
}
