/* SPDX-License-Identifier: MIT
 *
 * A peer may read the victim's memory and nothing else: every way that the
 * system has to write to it, to change its size or to take it away fails.
 */
#include "ownership.h"
#include "attacker.h"
#include "ipc/received.h"

#include <string.h>

/* Greets like attacker_meet, but keeps the victim's handles. */
static weft_channel *meet(struct attacker *attacker, weftos_received *answer)
{
    struct wefti_settings settings;
    unsigned char none;
    weft_channel *victim;
    size_t bytes;

    memset(attacker, 0, sizeof(*attacker));
    attacker->answer.process = WEFT_HANDLE_NONE;
    attacker->answer.bell.handle = WEFT_HANDLE_NONE;
    REQUIRE(weft_channel_pair(NULL, &victim, &attacker->socket, NULL) ==
            WEFT_OK);
    REQUIRE(weftos_socket_adopt(attacker->socket, NULL) == WEFT_OK);
    REQUIRE(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_init(&attacker->offer, false, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_send(&attacker->offer, attacker->socket, WEFTI_HELLO,
                             &settings, NULL) == WEFT_OK);
    REQUIRE(weft_channel_try_recv(victim, &none, 1, &bytes) == WEFT_EAGAIN);
    REQUIRE(weftos_socket_recv(attacker->socket, answer, NULL) == WEFT_OK);
    REQUIRE(answer->handle_count == WEFTI_GREETING_HANDLES);
    return victim;
}

static void home_is_owned(const void *argument)
{
    struct attacker attacker;
    weftos_received answer;
    weft_channel *victim = meet(&attacker, &answer);

    (void)argument;
    ownership_memory(answer.handles[WEFTI_GREETING_HOME],
                     weftos_get_facts()->page_bytes);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    attacker_forge(&attacker, forged_word(20, WEFTI_DATA, 3, 0), "abcd", 4);
    CHECK_STATUS(victim_receive(victim), WEFT_OK);
    wefti_received_drop(&answer);
    attacker_part(&attacker, &victim);
}

static void segment_is_owned(const void *argument)
{
    static const unsigned char data[20000];
    struct attacker attacker;
    weftos_received answer;
    weft_channel *victim = meet(&attacker, &answer);
    weft_channel_stats stats;

    (void)argument;
    wefti_received_drop(&answer);
    stats.size = sizeof(stats);
    CHECK_STATUS(weft_channel_try_send(victim, data, sizeof(data)), WEFT_OK);
    CHECK_STATUS(weft_channel_get_stats(victim, &stats), WEFT_OK);
    REQUIRE(weftos_socket_recv(attacker.socket, &answer, NULL) == WEFT_OK);
    REQUIRE(answer.handle_count == 1);
    ownership_memory(answer.handles[0], (size_t)stats.sent.ring_bytes);
    CHECK_STATUS(weft_channel_try_send(victim, data, sizeof(data)), WEFT_OK);
    wefti_received_drop(&answer);
    attacker_part(&attacker, &victim);
}

/* The bell is the one thing that a peer may change, and it holds nothing. */
static void bell_can_only_be_rung(const void *argument)
{
    struct attacker attacker;
    weftos_received answer;
    weft_channel *victim = meet(&attacker, &answer);

    (void)argument;
    ownership_bell(answer.handles[WEFTI_GREETING_BELL]);
    wefti_received_drop(&answer);
    attacker_part(&attacker, &victim);
}

void test_main(void)
{
    if (check_lacks("memfd seals")) {
        SKIP("here a peer of the same user can open our memory to write to it");
    }
    hostile_case("nobody can write to our home, or change its size",
                 home_is_owned, NULL);
    hostile_case("nobody can write to our ring, or change its size",
                 segment_is_owned, NULL);
    hostile_case("our doorbell can only be rung", bell_can_only_be_rung, NULL);
}
