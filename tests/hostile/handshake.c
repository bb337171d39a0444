/* SPDX-License-Identifier: MIT
 *
 * Malformed greetings, to each of the three that read one: the process at the
 * other end of a pair, a listener, and one who connects.
 */
#include "attacker.h"
#include "ipc/received.h"

#include <string.h>

#include "peer.h"

#define HANDLES_MOST 200

/* A greeting before it is sent. */
struct hello {
    unsigned char bytes[300];
    size_t length;
    struct wefti_greeting greeting; /* the first of the bytes */
    weft_handle handles[HANDLES_MOST];
    size_t count;
};

struct fault {
    const char *name;
    void (*spoil)(struct hello *hello);
    weft_status expected;
    weft_status or_else; /* what other systems may say; WEFT_OK: nothing */
};

static void spoil_magic(struct hello *hello)
{
    hello->greeting.magic ^= 1;
}

static void older_protocol(struct hello *hello)
{
    hello->greeting.protocol = WEFTI_PROTOCOL - 1;
}

static void newer_protocol(struct hello *hello)
{
    hello->greeting.protocol = 0xffff;
}

/* A version that we can't know may have a greeting of any length. */
static void newer_and_short(struct hello *hello)
{
    hello->greeting.protocol = WEFTI_PROTOCOL + 1;
    hello->length = 8;
}

static void kind_0(struct hello *hello)
{
    hello->greeting.kind = 0;
}

static void other_kind(struct hello *hello)
{
    hello->greeting.kind =
        hello->greeting.kind == WEFTI_HELLO ? WEFTI_WELCOME : WEFTI_HELLO;
}

static void unknown_kind(struct hello *hello)
{
    hello->greeting.kind = 99;
}

/* With all that a HELLO has. */
static void look_with_handles(struct hello *hello)
{
    hello->greeting.kind = WEFTI_LOOK;
}

static void look_with_home(struct hello *hello)
{
    hello->greeting.kind = WEFTI_LOOK;
    hello->count = 0;
}

static void unknown_refusal(struct hello *hello)
{
    hello->greeting.kind = WEFTI_REFUSE;
    hello->greeting.status = -12345;
}

static void refusal_with_success(struct hello *hello)
{
    hello->greeting.kind = WEFTI_REFUSE;
    hello->greeting.status = WEFT_OK;
}

static void spoil_status(struct hello *hello)
{
    hello->greeting.status = WEFT_EACCES;
}

static void unknown_capability(struct hello *hello)
{
    hello->greeting.capabilities = 2;
}

static void all_capabilities(struct hello *hello)
{
    hello->greeting.capabilities = UINT32_MAX;
}

static void reserved_first(struct hello *hello)
{
    hello->greeting.position = 1;
}

static void reserved_last(struct hello *hello)
{
    hello->greeting.sequence = UINT64_C(1) << 63;
}

static void reserved_between(struct hello *hello)
{
    hello->greeting.topic_flags = 1;
}

static void other_pattern(struct hello *hello)
{
    hello->greeting.pattern = WEFTI_SERVICE;
}

static void unknown_pattern(struct hello *hello)
{
    hello->greeting.pattern = UINT32_MAX;
}

static void no_home_bytes(struct hello *hello)
{
    hello->greeting.home_bytes = 0;
}

static void odd_home_bytes(struct hello *hello)
{
    hello->greeting.home_bytes = 4097;
}

static void small_home_bytes(struct hello *hello)
{
    hello->greeting.home_bytes = WEFTI_HOME_MIN / 2;
}

static void large_home_bytes(struct hello *hello)
{
    hello->greeting.home_bytes = UINT64_C(2) * WEFTI_HOME_MAX;
}

static void double_home_bytes(struct hello *hello)
{
    hello->greeting.home_bytes *= 2;
}

static void endless_home_bytes(struct hello *hello)
{
    hello->greeting.home_bytes = UINT64_MAX;
}

/* 2^32 times what it is: cut to 32 bits it would be right, or nothing. */
static void high_home_bytes(struct hello *hello)
{
    hello->greeting.home_bytes <<= 32;
}

static void empty(struct hello *hello)
{
    hello->length = 0;
}

static void one_byte(struct hello *hello)
{
    hello->length = 1;
}

static void only_magic(struct hello *hello)
{
    hello->length = 4;
}

static void half(struct hello *hello)
{
    hello->length = 32;
}

static void one_short(struct hello *hello)
{
    hello->length--;
}

static void one_long(struct hello *hello)
{
    hello->length++;
}

static void longest(struct hello *hello)
{
    hello->length = WEFTOS_SOCKET_BYTES;
}

static void too_long(struct hello *hello)
{
    hello->length = sizeof(hello->bytes);
}

static void no_handles(struct hello *hello)
{
    hello->count = 0;
}

static void one_handle(struct hello *hello)
{
    hello->count = 1;
}

static void three_handles(struct hello *hello)
{
    hello->count = 3;
}

static void most_handles(struct hello *hello)
{
    hello->count = WEFTOS_SOCKET_HANDLES;
}

static void one_too_many(struct hello *hello)
{
    hello->count = WEFTOS_SOCKET_HANDLES + 1;
}

static void many_handles(struct hello *hello)
{
    hello->count = HANDLES_MOST;
}

static void swapped(struct hello *hello)
{
    weft_handle first = hello->handles[0];

    hello->handles[0] = hello->handles[1];
    hello->handles[1] = first;
}

static void two_homes(struct hello *hello)
{
    hello->handles[1] = hello->handles[0];
}

static void two_bells(struct hello *hello)
{
    hello->handles[0] = hello->handles[1];
}

static const struct fault faults[] = {
    {"another magic", spoil_magic, WEFT_EPROTO, WEFT_OK},
    {"an older protocol", older_protocol, WEFT_EVERSION, WEFT_OK},
    {"a newer protocol", newer_protocol, WEFT_EVERSION, WEFT_OK},
    {"a newer protocol, short", newer_and_short, WEFT_EVERSION, WEFT_OK},
    {"kind 0", kind_0, WEFT_EPROTO, WEFT_OK},
    {"the other side's kind", other_kind, WEFT_EPROTO, WEFT_OK},
    {"an unknown kind", unknown_kind, WEFT_EPROTO, WEFT_OK},
    {"a look that brings a home", look_with_handles, WEFT_EPROTO, WEFT_OK},
    {"a look that speaks of one", look_with_home, WEFT_EPROTO, WEFT_OK},
    {"a refusal for an unknown reason", unknown_refusal, WEFT_EPROTO, WEFT_OK},
    {"a refusal for success", refusal_with_success, WEFT_EPROTO, WEFT_OK},
    {"a status in a greeting", spoil_status, WEFT_EPROTO, WEFT_OK},
    {"an unknown capability", unknown_capability, WEFT_EPROTO, WEFT_OK},
    {"all capabilities", all_capabilities, WEFT_EPROTO, WEFT_OK},
    {"a reserved bit", reserved_first, WEFT_EPROTO, WEFT_OK},
    {"the last reserved bit", reserved_last, WEFT_EPROTO, WEFT_OK},
    {"a reserved bit between", reserved_between, WEFT_EPROTO, WEFT_OK},
    {"the pattern of a service", other_pattern, WEFT_EPROTO, WEFT_OK},
    {"an unknown pattern", unknown_pattern, WEFT_EPROTO, WEFT_OK},
    {"a home of no bytes", no_home_bytes, WEFT_EPROTO, WEFT_OK},
    {"a home of an odd size", odd_home_bytes, WEFT_EPROTO, WEFT_OK},
    {"a home that is too small", small_home_bytes, WEFT_EPROTO, WEFT_OK},
    {"a home that is too large", large_home_bytes, WEFT_EPROTO, WEFT_OK},
    {"a home larger than its object", double_home_bytes, WEFT_EPROTO, WEFT_OK},
    {"a home of all ones", endless_home_bytes, WEFT_EPROTO, WEFT_OK},
    {"a home of 2^44 bytes", high_home_bytes, WEFT_EPROTO, WEFT_OK},
    /* Where a message is a packet, an empty one looks like a hang-up. */
    {"an empty message", empty, WEFT_EPROTO, WEFT_EPEERDIED},
    {"one byte", one_byte, WEFT_EPROTO, WEFT_OK},
    {"the magic alone", only_magic, WEFT_EPROTO, WEFT_OK},
    {"half a greeting", half, WEFT_EPROTO, WEFT_OK},
    {"a byte less", one_short, WEFT_EPROTO, WEFT_OK},
    {"a byte more", one_long, WEFT_EPROTO, WEFT_OK},
    {"the longest message", longest, WEFT_EPROTO, WEFT_OK},
    {"too long a message", too_long, WEFT_EPROTO, WEFT_OK},
    {"no handles", no_handles, WEFT_EPROTO, WEFT_OK},
    {"one handle", one_handle, WEFT_EPROTO, WEFT_OK},
    {"three handles", three_handles, WEFT_EPROTO, WEFT_OK},
    {"as many handles as a message takes", most_handles, WEFT_EPROTO, WEFT_OK},
    {"one handle too many", one_too_many, WEFT_EPROTO, WEFT_OK},
    {"200 handles", many_handles, WEFT_EPROTO, WEFT_OK},
    {"home and bell swapped", swapped, WEFT_EPROTO, WEFT_OK},
    {"a home for a bell", two_homes, WEFT_EPROTO, WEFT_OK},
    {"a bell for a home", two_bells, WEFT_EPROTO, WEFT_OK},
};

static void check_refusal(const struct fault *fault, weft_status status)
{
    if (fault->or_else == WEFT_OK || status != fault->or_else) {
        CHECK_STATUS(status, fault->expected);
    }
}

/* An honest greeting, made worse. */
static void make_hello(struct hello *hello, const struct attacker *attacker,
                       enum wefti_kind kind, const struct fault *fault)
{
    memset(hello, 0, sizeof(*hello));
    attacker_greeting(attacker, kind, &hello->greeting);
    hello->length = sizeof(hello->greeting);
    hello->handles[WEFTI_GREETING_HOME] = attacker->offer.object;
    hello->count = WEFTI_GREETING_HANDLES;
    for (size_t i = WEFTI_GREETING_BELL; i < HANDLES_MOST; i++) {
        hello->handles[i] = attacker->offer.ring;
    }
    fault->spoil(hello);
    memcpy(hello->bytes, &hello->greeting, sizeof(hello->greeting));
}

static void send_hello(weft_handle socket, const struct hello *hello)
{
    CHECK(attacker_send(socket, hello->bytes, hello->length, hello->handles,
                        hello->count));
}

static void pair_refuses(const void *argument)
{
    const struct fault *fault = argument;
    struct attacker attacker;
    struct hello hello;
    weft_channel *victim;

    memset(&attacker, 0, sizeof(attacker));
    REQUIRE(weft_channel_pair(NULL, &victim, &attacker.socket, NULL) ==
            WEFT_OK);
    REQUIRE(weftos_socket_adopt(attacker.socket, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_init(&attacker.offer, false, NULL) == WEFT_OK);
    make_hello(&hello, &attacker, WEFTI_HELLO, fault);
    send_hello(attacker.socket, &hello);
    check_refusal(fault, victim_receive(victim));
    wefti_offer_deinit(&attacker.offer, false);
    weftos_close(attacker.socket);
    weft_channel_close(&victim);
}

static void adopter_refuses(const void *argument)
{
    const struct fault *fault = argument;
    uint64_t began = weft_now_ns();
    struct attacker attacker;
    weft_handle ends[2];
    struct hello hello;
    weft_channel *victim;

    memset(&attacker, 0, sizeof(attacker));
    REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_init(&attacker.offer, false, NULL) == WEFT_OK);
    make_hello(&hello, &attacker, WEFTI_WELCOME, fault);
    send_hello(ends[0], &hello);
    check_refusal(fault, weft_channel_adopt(ends[1], NULL, began + VICTIM_NS,
                                            &victim, NULL));
    CHECK(victim == NULL);
    CHECK_IN_TIME(began, VICTIM_NS);
    wefti_offer_deinit(&attacker.offer, false);
    weftos_close(ends[0]);
}

static weft_handle connect_raw(const char *name)
{
    weft_handle socket = WEFT_HANDLE_NONE;
    weftos_peer peer;

    REQUIRE(weftos_endpoint_connect(name, false, weft_after_ns(LATE_NS), false,
                                    &socket, &peer, NULL) == WEFT_OK);
    return socket;
}

/* Accepts nobody until the listener has answered this one. */
static weft_status await_refusal(weft_listener *listener, weft_handle socket,
                                 weftos_received *answer)
{
    uint64_t late = weft_after_ns(LATE_NS);
    weft_status status;

    do {
        uint64_t began = weft_now_ns();
        weft_channel *victim;

        CHECK_STATUS(
            weft_channel_accept(listener, began + VICTIM_NS / 5, &victim, NULL),
            WEFT_ETIMEDOUT);
        CHECK_IN_TIME(began, VICTIM_NS / 5);
        CHECK(victim == NULL);
        status = weftos_socket_recv(socket, answer, NULL);
    } while (status == WEFT_EAGAIN && weft_now_ns() < late);
    return status;
}

/* A listener turns it away, says why, and waits for somebody else. */
static void listener_refuses(const void *argument)
{
    const struct fault *fault = argument;
    struct attacker attacker;
    struct hello hello;
    weft_listener *listener;
    weft_handle socket;
    weftos_received answer;

    memset(&attacker, 0, sizeof(attacker));
    REQUIRE(weft_channel_listen("victim", NULL, &listener, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_init(&attacker.offer, false, NULL) == WEFT_OK);
    socket = connect_raw("victim");
    make_hello(&hello, &attacker, WEFTI_HELLO, fault);
    send_hello(socket, &hello);
    CHECK_STATUS(await_refusal(listener, socket, &answer), WEFT_OK);
    CHECK(answer.bytes == sizeof(struct wefti_greeting));
    CHECK(answer.handle_count == 0);
    wefti_received_drop(&answer);
    wefti_offer_deinit(&attacker.offer, false);
    weftos_close(socket);
    weft_listener_close(&listener);
}

static void hears_refusal(const void *argument)
{
    static const weft_status told[] = {WEFT_EACCES, WEFT_EVERSION, WEFT_ENOMEM,
                                       WEFT_ELIMIT};
    struct wefti_settings settings;

    (void)argument;
    REQUIRE(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        weft_channel *victim;
        weft_handle ends[2];

        REQUIRE(weftos_socket_pair(ends, NULL) == WEFT_OK);
        wefti_refuse(ends[0], &settings, told[i]);
        CHECK_STATUS(weft_channel_adopt(ends[1], NULL, weft_after_ns(VICTIM_NS),
                                        &victim, NULL),
                     told[i]);
        weftos_close(ends[0]);
    }
}

static void refuses_other_handle(const void *argument)
{
    weft_handle handle = hostile_open(argument, WEFTI_HOME_MIN);
    weft_channel *victim;

    CHECK_STATUS(weft_channel_adopt(handle, NULL, weft_after_ns(VICTIM_NS),
                                    &victim, NULL),
                 WEFT_EINVAL);
}

static void accepts_sound(const void *argument)
{
    struct attacker attacker;
    weft_channel *victim;

    (void)argument;
    attacker_meet(&attacker, NULL, &victim);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    attacker_part(&attacker, &victim);
}

void test_main(void)
{
    peer_names_begin();
    hostile_case("the attacker's own greeting is sound", accepts_sound, NULL);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const char *name = faults[i].name;

        hostile_case(hostile_name(name, "a pair"), pair_refuses, &faults[i]);
        hostile_case(hostile_name(name, "who adopts"), adopter_refuses,
                     &faults[i]);
        hostile_case(hostile_name(name, "a listener"), listener_refuses,
                     &faults[i]);
    }
    hostile_case("the reason of a refusal is told", hears_refusal, NULL);
    for (size_t i = 0; i < hostile_no_sockets.count; i++) {
        const struct hostile_thing *thing = &hostile_no_sockets.list[i];

        hostile_case(hostile_name(thing->name, "as control socket"),
                     refuses_other_handle, thing);
    }
    peer_names_end();
}
