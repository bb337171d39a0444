/* SPDX-License-Identifier: MIT
 *
 * The attacker's tools; attacker.h has the idea. What differs between systems
 * is in attacker_linux.c and the like.
 */
#include "attacker.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "peer.h"

/* --------------------------------------------------------------- cases --- */

static atomic_uint notes;

bool hostile_note(bool truth)
{
    notes += !truth;
    return truth;
}

bool hostile_noted(void)
{
    return notes > 0;
}

#define NAME_BYTES 120

/* What a case's child is told. */
struct plan {
    char name[NAME_BYTES];
    uintptr_t body;
    uintptr_t argument; /* 0: NULL */
};

/* What is in this program has the same distance from it in a child. */
static uintptr_t number_of(const void *argument)
{
    return argument == NULL ? 0 : (uintptr_t)argument - (uintptr_t)&notes;
}

static const void *argument_of(uintptr_t number)
{
    return number == 0 ? NULL : (const void *)(number + (uintptr_t)&notes);
}

static void run_body(void *context)
{
    const struct plan *plan = context;
    hostile_body *body = (hostile_body *)peer_function_of(plan->body);
    int handles;
    int mappings;

    notes = 0;
    guard_watch(plan->name, 19);
    handles = check_open_handles();
    mappings = guard_mappings();
    body(argument_of(plan->argument));
    CHECK(check_open_handles() == handles);
    CHECK(guard_mappings() == mappings);
    /* Without the parent's exit handlers, leak reports and failures. */
    _Exit(notes == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

void hostile_case(const char *name, hostile_body *body, const void *argument)
{
    struct plan plan = {.body = peer_number_of((peer_function *)body),
                        .argument = number_of(argument)};
    peer_process child;

    check_case(name);
    (void)snprintf(plan.name, sizeof(plan.name), "%s", name);
    child = peer_run(run_body, &plan, sizeof(plan));
    /* Its watchdog is what ends it, after a bit less than twice this. */
    (void)peer_await_end(&child);
    CHECK(peer_ended_well(&child));
}

const char *hostile_name(const char *what, const char *how)
{
    static char buffers[2][NAME_BYTES];
    static unsigned turn;
    char *name = buffers[turn++ % 2];

    (void)snprintf(name, sizeof(buffers[0]), "%s: %s", what, how);
    return name;
}

/* ------------------------------------------------------------ attacker --- */

void attacker_greeting(const struct attacker *attacker, enum wefti_kind kind,
                       struct wefti_greeting *greeting)
{
    memset(greeting, 0, sizeof(*greeting));
    greeting->magic = WEFTI_MAGIC;
    greeting->protocol = WEFTI_PROTOCOL;
    greeting->kind = (uint16_t)kind;
    greeting->home_bytes = attacker->offer.home_bytes;
    greeting->ring_max_bytes = UINT64_C(64) << 20;
    greeting->message_max_bytes = WEFT_MESSAGE_MAX;
}

bool attacker_ride(const struct attacker *attacker, uint32_t type,
                   uint64_t position, const weft_handle *handles, size_t count)
{
    struct wefti_rider rider = {WEFTI_MAGIC, type, position};

    return attacker_send(attacker->socket, &rider, sizeof(rider), handles,
                         count);
}

void attacker_meet_claiming(struct attacker *attacker,
                            const weft_channel_options *options,
                            uint64_t ring_max_bytes, uint64_t message_max_bytes,
                            weft_channel **victim)
{
    struct wefti_settings settings;
    struct wefti_greeting greeting;
    weft_handle handles[WEFTI_GREETING_HANDLES];
    unsigned char none;
    size_t bytes;

    memset(attacker, 0, sizeof(*attacker));
    REQUIRE(weft_channel_pair(options, victim, &attacker->socket, NULL) ==
            WEFT_OK);
    REQUIRE(weftos_socket_adopt(attacker->socket, NULL) == WEFT_OK);
    REQUIRE(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_init(&attacker->offer, false, NULL) == WEFT_OK);
    attacker_greeting(attacker, WEFTI_HELLO, &greeting);
    greeting.ring_max_bytes = ring_max_bytes;
    greeting.message_max_bytes = message_max_bytes;
    handles[WEFTI_GREETING_HOME] = attacker->offer.object;
    handles[WEFTI_GREETING_BELL] = attacker->offer.ring;
    REQUIRE(attacker_send(attacker->socket, &greeting, sizeof(greeting),
                          handles, WEFTI_GREETING_HANDLES));
    /* The victim's first look finishes its half of the handshake. */
    REQUIRE(weft_channel_try_recv(*victim, &none, sizeof(none), &bytes) ==
            WEFT_EAGAIN);
    REQUIRE(wefti_answer_receive(&attacker->answer, attacker->socket,
                                 WEFTI_WELCOME, &settings,
                                 weft_after_ns(LATE_NS), NULL) == WEFT_OK);
}

void attacker_meet(struct attacker *attacker,
                   const weft_channel_options *options, weft_channel **victim)
{
    attacker_meet_claiming(attacker, options, UINT64_C(64) << 20,
                           WEFT_MESSAGE_MAX, victim);
}

void attacker_leave(struct attacker *attacker)
{
    wefti_answer_deinit(&attacker->answer, false);
    wefti_offer_deinit(&attacker->offer, false);
    weftos_close(attacker->socket);
}

void attacker_part(struct attacker *attacker, weft_channel **victim)
{
    attacker_leave(attacker);
    weft_channel_close(victim);
}

unsigned char *attacker_ring(const struct attacker *attacker)
{
    return (unsigned char *)attacker->offer.home +
           attacker->offer.home_bytes / 2;
}

uint64_t attacker_ring_bytes(const struct attacker *attacker)
{
    return attacker->offer.home_bytes / 2;
}

void attacker_forge(struct attacker *attacker, uint64_t word,
                    const void *payload, size_t bytes)
{
    uint64_t mask = attacker_ring_bytes(attacker) - 1;
    uint64_t offset = attacker->at & mask;
    uint64_t next =
        (attacker->at + wefti_round_up(word & WEFTI_LENGTH_MASK)) & mask;
    unsigned char *ring = attacker_ring(attacker);

    weftos_store_relaxed(&((struct wefti_header *)(void *)(ring + next))->word,
                         0);
    if (bytes > 0) {
        memcpy(ring + offset + WEFTI_HEADER, payload, bytes);
    }
    weftos_store_release(
        &((struct wefti_header *)(void *)(ring + offset))->word, word);
    attacker->at += wefti_round_up(word & WEFTI_LENGTH_MASK);
}

/* ------------------------------------------------------------- objects --- */

weft_handle hostile_memory(uint64_t bytes)
{
    weft_handle object = WEFT_HANDLE_NONE;
    uint32_t magic = WEFTI_MAGIC;
    void *base;

    REQUIRE(weftos_shm_create((size_t)bytes, &object, &base, NULL) == WEFT_OK);
    memcpy(base, &magic, sizeof(magic));
    weftos_shm_unmap(base, (size_t)bytes);
    return object;
}

weft_handle hostile_open(const struct hostile_thing *thing, uint64_t bytes)
{
    weft_handle handle = thing->open(bytes);

    if (handle == WEFT_HANDLE_NONE) {
        printf("# this machine has none: %s\n", thing->name);
        CHECK(thing->may_lack);
    }
    return handle;
}

/* -------------------------------------------------------------- victim --- */

static unsigned char room[1 << 20];

weft_status victim_receive(weft_channel *victim)
{
    uint64_t began = weft_now_ns();
    weft_message message;
    weft_status status;

    memset(&message, 0, sizeof(message));
    message.data = room;
    message.bytes = sizeof(room);
    status = weft_channel_recv_message(victim, &message, began + VICTIM_NS);
    CHECK_IN_TIME(began, VICTIM_NS);
    if (status == WEFT_OK) {
        CHECK(message.bytes <= sizeof(room));
        for (unsigned i = 0; i < message.handle_count; i++) {
            weftos_close(message.handles[i]);
        }
    }
    return status;
}

weft_status victim_receive_plain(weft_channel *victim)
{
    uint64_t began = weft_now_ns();
    size_t bytes = 0;
    weft_status status = weft_channel_recv_until(victim, room, sizeof(room),
                                                 &bytes, began + VICTIM_NS);

    CHECK_IN_TIME(began, VICTIM_NS);
    return status;
}

weft_status victim_peek(weft_channel *victim)
{
    uint64_t began = weft_now_ns();
    const void *data;
    size_t bytes = 0;
    weft_status status =
        weft_channel_peek(victim, &data, &bytes, began + VICTIM_NS);

    CHECK_IN_TIME(began, VICTIM_NS);
    if (status == WEFT_OK) {
        weft_channel_release(victim);
    }
    return status;
}

weft_status victim_send_handles(weft_channel *victim, struct wefti_home *home)
{
    weft_message message;
    weft_status status = WEFT_OK;
    uint64_t cursor = 0;

    memset(&message, 0, sizeof(message));
    message.handle_count = 1;
    message.handles[0] = peer_token(1);
    for (unsigned i = 0; i < 100000 && status == WEFT_OK; i++) {
        uint64_t began = weft_now_ns();

        status =
            weft_channel_send_message(victim, &message, began + VICTIM_NS / 5);
        CHECK_IN_TIME(began, VICTIM_NS / 5);
        cursor += status == WEFT_OK ? WEFTI_HEADER : 0;
        if (home != NULL) {
            weftos_store_release(&home->cursor, cursor);
        }
    }
    CHECK(peer_close(message.handles[0]));
    return status;
}

void victim_stays_failed(weft_channel *victim, weft_status status)
{
    unsigned char none;
    size_t bytes;

    CHECK_STATUS(weft_channel_try_recv(victim, &none, 1, &bytes), status);
    CHECK_STATUS(victim_receive(victim), status);
    CHECK_STATUS(victim_peek(victim), status);
}
