/* SPDX-License-Identifier: MIT
 *
 * A client that keeps no rule harms itself alone: the server lets go of it, or
 * bears it, and answers the others; and it keeps nothing of it.
 */
#include <string.h>

#include "attacker.h"
#include "ipc/received.h"
#include "peer.h"
#include "service/serve.h"

/* What an attack leads to. */
enum outcome { IS_DROPPED, IS_BORNE };

typedef void attack(struct attacker *attacker);

struct plan {
    const char *name;
    attack *attack;
    enum outcome outcome;
};

/* ---------------------------------------------------------- the attacker ---
 */

/* Connects to the server as a client would. */
static void visit(struct attacker *attacker)
{
    struct wefti_settings settings;
    struct wefti_greeting greeting;
    weft_handle handles[WEFTI_GREETING_HANDLES];
    weftos_peer peer;

    memset(attacker, 0, sizeof(*attacker));
    REQUIRE(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    settings.pattern = WEFTI_SERVICE;
    REQUIRE(wefti_offer_init(&attacker->offer, false, NULL) == WEFT_OK);
    REQUIRE(weftos_endpoint_connect(SERVE_NAME, false, peer_soon(), false,
                                    &attacker->socket, &peer, NULL) == WEFT_OK);
    attacker_greeting(attacker, WEFTI_HELLO, &greeting);
    greeting.pattern = WEFTI_SERVICE;
    handles[WEFTI_GREETING_HOME] = attacker->offer.object;
    handles[WEFTI_GREETING_BELL] = attacker->offer.ring;
    REQUIRE(attacker_send(attacker->socket, &greeting, sizeof(greeting),
                          handles, WEFTI_GREETING_HANDLES));
    REQUIRE(wefti_answer_receive(&attacker->answer, attacker->socket,
                                 WEFTI_WELCOME, &settings, peer_soon(),
                                 NULL) == WEFT_OK);
}

static void ring(struct attacker *attacker)
{
    (void)attacker_ride(attacker, WEFTI_RING, 0, NULL, 0);
}

/* A whole message with a tag, and a ring for it. */
static void say(struct attacker *attacker, uint64_t tag, const void *data,
                size_t bytes)
{
    uint64_t at = attacker->at & (attacker_ring_bytes(attacker) - 1);
    struct wefti_header *header =
        (struct wefti_header *)(void *)(attacker_ring(attacker) + at);

    header->tag = tag;
    attacker_forge(attacker,
                   forged_word(WEFTI_HEADER + bytes, WEFTI_DATA,
                               WEFTI_FIRST | WEFTI_LAST | WEFTI_TAGGED, 0),
                   data, bytes);
    ring(attacker);
}

/* -------------------------------------------------------------- attacks --- */

static void send_unknown(struct attacker *attacker)
{
    say(attacker, wefti_tag((enum wefti_parcel)99, 1), "e", 1);
}

static void send_untagged(struct attacker *attacker)
{
    say(attacker, 0, "e", 1);
}

static void send_reply(struct attacker *attacker)
{
    say(attacker, wefti_tag(WEFTI_REPLY, 1), "e", 1);
}

static void send_news(struct attacker *attacker)
{
    say(attacker, wefti_tag(WEFTI_NEWS, 0), "e", 1);
}

static void call_nothing(struct attacker *attacker)
{
    say(attacker, wefti_tag(WEFTI_CALL, 0), "e", 1);
}

static void call_twice(struct attacker *attacker)
{
    say(attacker, wefti_tag(WEFTI_CALL, 5), "d", 1);
    say(attacker, wefti_tag(WEFTI_CALL, 5), "d", 1);
}

static void send_short_due(struct attacker *attacker)
{
    say(attacker, wefti_tag(WEFTI_DUE, 0), "1234567", 7);
}

static void call_with_short_due(struct attacker *attacker)
{
    say(attacker, wefti_tag(WEFTI_CALL_DUE, 5), "1234567", 7);
}

static void call_nothing_with_due(struct attacker *attacker)
{
    say(attacker, wefti_tag(WEFTI_CALL_DUE, 0), "12345678", 8);
}

static void cancel_with_load(struct attacker *attacker)
{
    say(attacker, wefti_tag(WEFTI_CANCEL, 1), "x", 1);
}

static void cancel_unknown(struct attacker *attacker)
{
    say(attacker, wefti_tag(WEFTI_CANCEL, 12345), NULL, 0);
}

static void send_endless_dues(struct attacker *attacker)
{
    uint64_t due = WEFT_FOREVER;

    for (unsigned i = 0; i < 40; i++) {
        say(attacker, wefti_tag(WEFTI_DUE, 0), &due, sizeof(due));
    }
}

static void forge_length(struct attacker *attacker)
{
    attacker_forge(attacker, forged_word(7, WEFTI_DATA, 3, 0), NULL, 0);
    ring(attacker);
}

static void ring_without_end(struct attacker *attacker)
{
    uint64_t late = weft_after_ns(LATE_NS);
    unsigned rings = 0;

    /* Where there is no room the server has to hear the others first. */
    while (rings < 1000 && weft_now_ns() < late) {
        rings += attacker_ride(attacker, WEFTI_RING, 0, NULL, 0);
    }
}

static void ring_with_position(struct attacker *attacker)
{
    (void)attacker_ride(attacker, WEFTI_RING, 1, NULL, 0);
    (void)attacker_ride(attacker, WEFTI_RING, 2, NULL, 0);
    (void)attacker_ride(attacker, WEFTI_RING, 3, NULL, 0);
}

static void ride_without_record(struct attacker *attacker)
{
    weft_handle token = peer_token(1);

    for (unsigned i = 0; i < 5; i++) {
        (void)attacker_ride(attacker, WEFTI_DATA, 0, &token, 1);
    }
    CHECK(peer_token_is(token, 1));
}

static void ride_once(struct attacker *attacker)
{
    weft_handle token = peer_token(1);

    CHECK(attacker_ride(attacker, WEFTI_DATA, 0, &token, 1));
    CHECK(peer_token_is(token, 1));
}

static void ride_wrongly(struct attacker *attacker)
{
    weft_handle token = peer_token(1);

    CHECK(attacker_ride(attacker, WEFTI_DATA, 4096, &token, 1));
    CHECK(peer_token_is(token, 1));
    attacker_forge(attacker,
                   forged_word(WEFTI_HEADER + 1, WEFTI_DATA,
                               WEFTI_FIRST | WEFTI_LAST | WEFTI_HANDLES, 1),
                   "e", 1);
    ring(attacker);
}

static void send_garbage(struct attacker *attacker)
{
    (void)attacker_send(attacker->socket, "garbage", 7, NULL, 0);
    (void)attacker_send(attacker->socket, "garbage", 7, NULL, 0);
    (void)attacker_send(attacker->socket, "garbage", 7, NULL, 0);
}

/* Its cursor is beyond what the server has ever written. */
static void read_ahead(struct attacker *attacker)
{
    weftos_store_release(&attacker->offer.home->cursor, UINT64_C(1) << 40);
    say(attacker, wefti_tag(WEFTI_CALL, 1), "l", 1);
}

/* Calls as often as it may, and takes no answer. */
static void take_nothing(struct attacker *attacker)
{
    uint64_t call = 0;
    const struct wefti_home *server = attacker->answer.home;
    uint64_t end = attacker->at;
    uint64_t late = weft_after_ns(VICTIM_NS);

    while (call < 3000 && weft_now_ns() < late) {
        if (end - weftos_load_acquire(&server->cursor) < 1024) {
            say(attacker, wefti_tag(WEFTI_CALL, ++call), "l", 1);
            end = attacker->at;
        }
    }
}

static void begin_only(struct attacker *attacker)
{
    static const unsigned char total[WEFTI_TOTAL_BYTES + 8] = {0, 0, 8};

    attacker_forge(
        attacker,
        forged_word(WEFTI_HEADER + sizeof(total), WEFTI_DATA, WEFTI_FIRST, 0),
        total, sizeof(total));
    ring(attacker);
}

/* ---------------------------------------------------------------- cases --- */

static bool is_dropped(const struct attacker *attacker)
{
    weftos_received received;
    weft_status status;

    do {
        status = weftos_socket_wait(attacker->socket, false, WEFTOS_NONE,
                                    weft_after_ns(LATE_NS), false, NULL);
        if (status == WEFT_OK) {
            status = weftos_socket_recv(attacker->socket, &received, NULL);
        }
        if (status == WEFT_OK) {
            wefti_received_drop(&received);
        }
    } while (status == WEFT_OK);
    return status == WEFT_ECLOSED;
}

/* After a client has gone the server may take a moment to let go of it. */
static bool comes_back_to(weft_client *client, int handles)
{
    uint64_t late = weft_after_ns(LATE_NS);

    while (serve_open_handles(client) != handles) {
        if (weft_now_ns() >= late) {
            return false;
        }
    }
    return true;
}

static void run(const void *argument)
{
    const struct plan *plan = argument;
    struct serve serve;
    peer_process server;
    weft_client *client;
    struct attacker attacker;
    int handles;

    serve_init(&serve);
    serve.is_attacked = true;
    serve.takes_handles = true;
    serve.queue_max_bytes = 1 << 20;
    server = serve_run(&serve);
    client = serve_connect();
    serve_call(client, "e", "e");
    handles = serve_open_handles(client);
    visit(&attacker);
    plan->attack(&attacker);
    for (unsigned i = 0; i < 100; i++) {
        serve_call(client, "e", "e");
    }
    if (plan->outcome == IS_DROPPED) {
        CHECK(is_dropped(&attacker));
    }
    attacker_leave(&attacker);
    CHECK(comes_back_to(client, handles));
    serve_end(&server, &client);
    peer_gate_deinit(&serve.ready);
}

void test_main(void)
{
    static const struct plan plans[] = {
        {"an unknown parcel", send_unknown, IS_DROPPED},
        {"no tag", send_untagged, IS_DROPPED},
        {"a reply to the server", send_reply, IS_DROPPED},
        {"news to the server", send_news, IS_DROPPED},
        {"a call without a number", call_nothing, IS_DROPPED},
        {"the same call twice", call_twice, IS_DROPPED},
        {"a deadline of 7 bytes", send_short_due, IS_DROPPED},
        {"a call with one of 7 bytes", call_with_short_due, IS_DROPPED},
        {"a call without a number, but one", call_nothing_with_due, IS_DROPPED},
        {"a cancel with a load", cancel_with_load, IS_DROPPED},
        {"a cancel of no call", cancel_unknown, IS_BORNE},
        {"many deadlines and no call", send_endless_dues, IS_BORNE},
        {"a forged length", forge_length, IS_DROPPED},
        {"rings without end", ring_without_end, IS_DROPPED},
        {"rings with a position", ring_with_position, IS_DROPPED},
        {"handles without records", ride_without_record, IS_DROPPED},
        {"handles long before their record", ride_once, IS_BORNE},
        {"handles for another record", ride_wrongly, IS_DROPPED},
        {"garbage on the socket", send_garbage, IS_DROPPED},
        {"a cursor that is ahead", read_ahead, IS_DROPPED},
        {"calls whose answers are not taken", take_nothing, IS_BORNE},
        {"a message without an end", begin_only, IS_BORNE},
    };

    peer_names_begin();
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        hostile_case(plans[i].name, run, &plans[i]);
    }
    peer_names_end();
}
