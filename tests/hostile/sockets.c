/* SPDX-License-Identifier: MIT
 *
 * The control socket in hostile hands: floods, a buffer that nobody empties,
 * and a description that two processes share, as an inherited end's may be.
 */
#define _GNU_SOURCE
#include "attacker.h"
#include "ipc/received.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define WHOLE_WITH_HANDLES (WEFTI_FIRST | WEFTI_LAST | WEFTI_HANDLES)

/* -------------------------------------------------------------- floods --- */

static void flood_with(const struct attacker *attacker, size_t handles)
{
    weft_handle many[WEFT_HANDLES_MAX];
    unsigned sent = 0;

    for (size_t i = 0; i < WEFT_HANDLES_MAX; i++) {
        many[i] = attacker->socket;
    }
    while (attacker_ride(attacker, WEFTI_DATA, sent, many, handles)) {
        sent++;
    }
    CHECK(sent > 0);
}

/* Messages without records are not even looked at. */
static void bears_riders(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;
    int before;

    attacker_meet(&attacker, NULL, &victim);
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    before = check_open_handles();
    flood_with(&attacker, *(const size_t *)argument);
    CHECK_STATUS(victim_receive(victim), WEFT_ETIMEDOUT);
    CHECK(check_open_handles() == before);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    attacker_forge(&attacker, forged_word(20, WEFTI_DATA, 3, 0), "abcd", 4);
    CHECK_STATUS(victim_receive(victim), WEFT_OK);
    /* The first of the flood is not for this record. */
    attacker_forge(&attacker,
                   forged_word(20, WEFTI_DATA, WHOLE_WITH_HANDLES, 2), "abcd",
                   4);
    CHECK_STATUS(victim_receive(victim), WEFT_ECORRUPT);
    attacker_part(&attacker, &victim);
}

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

/* ---------------------------------------------------------------- full --- */

/* To a peer that reads its ring but not its socket, or has left. */
static weft_status send_handles(const struct attacker *attacker,
                                weft_channel *victim)
{
    weft_message message;
    weft_status status = WEFT_OK;
    uint64_t cursor = 0;

    memset(&message, 0, sizeof(message));
    message.handle_count = 1;
    message.handles[0] = STDIN_FILENO;
    for (unsigned i = 0; i < 100000 && status == WEFT_OK; i++) {
        uint64_t began = weft_now_ns();

        status =
            weft_channel_send_message(victim, &message, began + VICTIM_NS / 5);
        CHECK_IN_TIME(began, VICTIM_NS / 5);
        cursor += status == WEFT_OK ? 16 : 0;
        if (attacker->offer.home != NULL) {
            weftos_store_release(&attacker->offer.home->cursor, cursor);
        }
    }
    return status;
}

static void gives_up_full_socket(const void *argument)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    struct attacker attacker;
    weft_channel *victim;
    weft_status status;

    (void)argument;
    options.ring_max_bytes = 2048; /* no growth, or its rider counts too */
    attacker_meet(&attacker, &options, &victim);
    status = send_handles(&attacker, victim);
    CHECK(status == WEFT_ETIMEDOUT || status == WEFT_ELIMIT);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    attacker_leave(&attacker);
    CHECK_STATUS(send_handles(&attacker, victim), WEFT_EPEERDIED);
    weft_channel_close(&victim);
}

/* A ring that wants to grow can't say so, and goes on as it is. */
static void does_not_grow_by_full_socket(const void *argument)
{
    static const unsigned char data[100];
    weft_channel_stats stats;
    struct attacker attacker;
    weft_channel *victim;
    weft_status status;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    status = send_handles(&attacker, victim);
    CHECK(status == WEFT_ETIMEDOUT || status == WEFT_ELIMIT ||
          status == WEFT_ECORRUPT);
    if (status == WEFT_ETIMEDOUT) {
        do {
            status = weft_channel_send_until(victim, data, sizeof(data),
                                             weft_after_ns(VICTIM_NS / 5));
        } while (status == WEFT_OK);
        CHECK_STATUS(status, WEFT_ETIMEDOUT);
        stats.size = sizeof(stats);
        CHECK_STATUS(weft_channel_get_stats(victim, &stats), WEFT_OK);
        CHECK(stats.sent.ring_bytes <= 2048 || stats.sent.reseats > 0);
    }
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
    atomic_bool stop;
    pthread_t thread;
};

static void *welcome(void *argument)
{
    struct parent *parent = argument;
    struct attacker *attacker = &parent->attacker;
    struct wefti_settings settings;

    REQUIRE(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_init(&attacker->offer, NULL) == WEFT_OK);
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
        (void)fcntl(fd, F_SETFL, 0);
    }
    return NULL;
}

static void bears_toggled_flags(const void *argument)
{
    struct parent parent;
    weft_status status;

    (void)argument;
    adopt_shared(&parent);
    REQUIRE(pthread_create(&parent.thread, NULL, toggle, &parent) == 0);
    status = send_handles(&parent.attacker, parent.victim);
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
    static const size_t none = 0;
    static const size_t all = WEFT_HANDLES_MAX;
    static const int ways[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};

    hostile_case("a flood of messages without records does no harm",
                 bears_riders, &none);
    hostile_case("a flood of handles without records does no harm",
                 bears_riders, &all);
    hostile_case("handles lost for want of descriptors are told", loses_handles,
                 NULL);
    hostile_case("a socket that nobody empties delays no send",
                 gives_up_full_socket, NULL);
    hostile_case("a socket that nobody empties stops growth only",
                 does_not_grow_by_full_socket, NULL);
    hostile_case("changing flags of a shared socket delay nobody",
                 bears_toggled_flags, NULL);
    hostile_case("handles that were stolen on the way are missed",
                 misses_stolen_handles, NULL);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        hostile_case("a shut down socket is a dead peer", bears_shutdown,
                     &ways[i]);
    }
}
