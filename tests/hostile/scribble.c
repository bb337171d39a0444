/* SPDX-License-Identifier: MIT
 *
 * Random mutations: a hostile process writes over every page that it may
 * write while this one, the victim, receives, sends, flushes, peeks and trims
 * with deadlines. Whatever it is told, it must be told in time, with a status
 * that its interface names, and without a leak.
 *
 *     test_hostile_scribble [SEED [MUTATIONS]]
 *
 * or WEFT_SEED and WEFT_MUTATIONS in the environment. A mutation is counted
 * when it was made while the victim still used the connection in at least
 * one direction. The seed fixes what either process does; which comes first
 * is up to the scheduler, so a failure may take several runs to return.
 */
#include "scribble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "peer.h"

#define MUTATIONS_DEFAULT UINT64_C(20000)
#define SEED_DEFAULT UINT64_C(20250101)

/* Calls on one connection, of which a peer that does nothing ends none. */
#define CALLS_MOST 1000

#define STATUSES 22

struct victim {
    struct scribble_board *board;
    weft_listener *listeners[SCRIBBLE_NAMES];
    uint64_t random;
    uint64_t connection;
    uint64_t told[STATUSES]; /* how often each status was returned */
    weft_channel *channel;
    weft_handle token; /* rides with messages */
    bool cannot_send;
    bool cannot_receive;
};

const char *scribble_name(uint64_t connection)
{
    static const char *const names[SCRIBBLE_NAMES] = {"adaptive", "spin",
                                                      "block", "drop"};

    return names[connection % SCRIBBLE_NAMES];
}

static void listen_at_all(struct victim *victim)
{
    static const weft_wait waits[SCRIBBLE_NAMES] = {
        WEFT_WAIT_ADAPTIVE, WEFT_WAIT_SPIN, WEFT_WAIT_BLOCK, WEFT_WAIT_DEFAULT};

    for (unsigned i = 0; i < SCRIBBLE_NAMES; i++) {
        weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

        options.wait = waits[i];
        options.full = i == 3 ? WEFT_FULL_DROP : WEFT_FULL_BLOCK;
        options.message_max_bytes = 1 << 20;
        options.peer_ring_max_bytes = 1 << 20;
        options.ring_max_bytes = 1 << 18;
        REQUIRE(weft_channel_listen(scribble_name(i), &options,
                                    &victim->listeners[i], NULL) == WEFT_OK);
    }
}

/* --------------------------------------------------------------- calls --- */

static unsigned char room[1 << 20];

static uint64_t some_deadline(struct victim *victim)
{
    switch (scribble_below(&victim->random, 4)) {
    case 0:
        return WEFT_NOW;
    case 1:
        return weft_after_ns(300000);
    default:
        return weft_after_ns(30000);
    }
}

static void close_handles(weft_message *message)
{
    for (unsigned i = 0; i < message->handle_count; i++) {
        CHECK(peer_close(message->handles[i]));
    }
}

static weft_status receive_some(struct victim *victim)
{
    weft_message message;
    weft_status status;

    memset(&message, 0, sizeof(message));
    message.data = room;
    message.bytes =
        scribble_below(&victim->random, 4) == 0 ? 100 : sizeof(room);
    status = weft_channel_recv_message(victim->channel, &message,
                                       some_deadline(victim));
    if (status == WEFT_OK) {
        close_handles(&message);
    }
    return status;
}

static weft_status peek_some(struct victim *victim)
{
    const unsigned char *data;
    const void *found;
    size_t bytes = 0;
    weft_status status = weft_channel_peek(victim->channel, &found, &bytes,
                                           some_deadline(victim));

    if (status == WEFT_OK) {
        data = found;
        for (size_t i = 0; i < bytes; i++) { /* every byte can be read */
            room[i % sizeof(room)] ^= data[i];
        }
        weft_channel_release(victim->channel);
    }
    return status;
}

static weft_status receive_any(struct victim *victim)
{
    size_t bytes = 0;

    switch (scribble_below(&victim->random, 8)) {
    case 0:
    case 1:
    case 2:
        return receive_some(victim);
    case 3:
    case 4:
        return peek_some(victim);
    case 5:
        return weft_channel_recv_until(victim->channel, room, 64, &bytes,
                                       some_deadline(victim));
    default:
        return weft_channel_recv_until(victim->channel, room, sizeof(room),
                                       &bytes, some_deadline(victim));
    }
}

static weft_status send_some(struct victim *victim)
{
    static const size_t sizes[] = {1, 16, 100, 1000, 5000, 60000};
    weft_message message;

    memset(&message, 0, sizeof(message));
    message.data = room;
    message.bytes = (size_t)scribble_below(
        &victim->random, sizes[scribble_below(&victim->random, 6)] + 1);
    message.handle_count = scribble_below(&victim->random, 16) == 0;
    message.handles[0] = victim->token;
    return weft_channel_send_message(victim->channel, &message,
                                     some_deadline(victim));
}

static weft_status reserve_some(struct victim *victim)
{
    size_t bytes = (size_t)scribble_below(&victim->random, 3000);
    void *space;
    weft_status status = weft_channel_reserve(victim->channel, bytes, &space,
                                              some_deadline(victim));

    if (status == WEFT_OK) {
        memset(space, 7, bytes);
        if (scribble_below(&victim->random, 4) == 0) {
            weft_channel_cancel(victim->channel);
        } else {
            status = weft_channel_commit(victim->channel, bytes);
        }
    }
    return status;
}

static weft_status send_any(struct victim *victim)
{
    switch (scribble_below(&victim->random, 16)) {
    case 0:
    case 1:
        return weft_channel_flush(victim->channel, some_deadline(victim));
    case 2:
        return weft_channel_trim(victim->channel, some_deadline(victim));
    case 3:
    case 4:
    case 5:
        return reserve_some(victim);
    default:
        return send_some(victim);
    }
}

/* What else there is to call, now and then. */
static void look(struct victim *victim)
{
    weft_channel_stats stats;
    weft_detail detail;
    weft_handle handle;

    stats.size = sizeof(stats);
    CHECK_STATUS(weft_channel_get_stats(victim->channel, &stats), WEFT_OK);
    weft_channel_get_detail(victim->channel, &detail);
    switch (scribble_below(&victim->random, 8)) {
    case 0:
        CHECK_STATUS(weft_channel_recv_handle(victim->channel, &handle),
                     WEFT_OK);
        break;
    case 1:
        CHECK_STATUS(weft_channel_send_handle(victim->channel, &handle),
                     WEFT_OK);
        break;
    default:
        break;
    }
}

/* ------------------------------------------------------------- verdict --- */

static bool is_end(weft_status status)
{
    return status == WEFT_ECORRUPT || status == WEFT_EPROTO ||
           status == WEFT_EPEERDIED || status == WEFT_ECLOSED ||
           status == WEFT_ELIMIT;
}

static bool is_named(weft_status status)
{
    return status == WEFT_OK || status == WEFT_EAGAIN ||
           status == WEFT_ETIMEDOUT || status == WEFT_EMSGSIZE ||
           status == WEFT_EHANDLES || is_end(status);
}

static void judge(struct victim *victim, weft_status status, uint64_t began)
{
    CHECK_IN_TIME(began, 0);
    CHECK(is_named(status));
    if ((unsigned)-status < STATUSES) {
        victim->told[-status]++;
    }
}

static void call_once(struct victim *victim)
{
    uint64_t began = weft_now_ns();
    weft_status status;

    if (scribble_below(&victim->random, 64) == 0) {
        look(victim);
    }
    if (!victim->cannot_receive && scribble_below(&victim->random, 2) == 0) {
        status = receive_any(victim);
        victim->cannot_receive = is_end(status);
        judge(victim, status, began);
    } else if (!victim->cannot_send) {
        status = send_any(victim);
        /* Too many handles in flight end no direction. */
        victim->cannot_send = is_end(status) && status != WEFT_ELIMIT;
        judge(victim, status, began);
    }
}

static void use_channel(struct victim *victim)
{
    static char doing[80];

    (void)snprintf(doing, sizeof(doing), "seed %llu, connection %llu",
                   (unsigned long long)victim->board->seed,
                   (unsigned long long)victim->connection);
    guard_watch(doing, 30);
    victim->cannot_send = false;
    victim->cannot_receive = false;
    for (unsigned i = 0; i < CALLS_MOST; i++) {
        call_once(victim);
        if (victim->cannot_send && victim->cannot_receive) {
            break;
        }
    }
    victim->board->live = 0;
    weft_channel_close(&victim->channel);
}

/* ----------------------------------------------------------------- run --- */

static uint64_t number(unsigned argument, const char *variable,
                       uint64_t instead)
{
    const char *text = getenv(variable);
    char *end = NULL;
    uint64_t parsed;

    for (unsigned i = 0; check_arguments[i] != NULL; i++) {
        text = i == argument ? check_arguments[i] : text;
    }
    if (text == NULL) {
        return instead;
    }
    parsed = strtoull(text, &end, 10);
    REQUIRE(end != text && *end == '\0');
    return parsed;
}

static struct scribble_board *open_board(void)
{
    struct scribble_board *board = peer_shared(sizeof(*board));

    board->seed = number(1, "WEFT_SEED", SEED_DEFAULT);
    return board;
}

static void serve(struct victim *victim, uint64_t mutations)
{
    while (victim->board->mutations < mutations) {
        weft_listener *listener =
            victim->listeners[++victim->connection % SCRIBBLE_NAMES];
        weft_status status = weft_channel_accept(
            listener, weft_after_ns(5 * LATE_NS), &victim->channel, NULL);

        if (!CHECK_STATUS(status, WEFT_OK)) {
            break; /* the hostile process has ended */
        }
        victim->board->live = victim->connection;
        use_channel(victim);
    }
}

static void report(const struct victim *victim, bool failed)
{
    printf("# %s%llu mutations, %llu connections, seed %llu\n",
           failed ? "failed: " : "",
           (unsigned long long)victim->board->mutations,
           (unsigned long long)victim->connection,
           (unsigned long long)victim->board->seed);
    for (int i = 0; i < STATUSES; i++) {
        if (victim->told[i] > 0) {
            printf("#   %-16s %llu\n", weft_status_name((weft_status)-i),
                   (unsigned long long)victim->told[i]);
        }
    }
}

static void end_attack(struct victim *victim, peer_process *child)
{
    victim->board->stop = true;
    for (unsigned i = 0; i < SCRIBBLE_NAMES; i++) {
        weft_listener_close(&victim->listeners[i]);
    }
    CHECK(peer_ended_well(child));
}

void test_main(void)
{
    static struct victim victim;
    uint64_t mutations = number(2, "WEFT_MUTATIONS", MUTATIONS_DEFAULT);
    int mappings = guard_mappings();
    peer_process child;

    check_case("a peer that writes over all it may does no harm");
    guard_count_strays();
    peer_names_begin();
    victim.board = open_board();
    victim.random = ~victim.board->seed;
    printf("# seed %llu\n", (unsigned long long)victim.board->seed);
    victim.token = peer_token(1);
    listen_at_all(&victim);
    child = peer_run(scribble_attack, victim.board, 0);
    serve(&victim, mutations);
    end_attack(&victim, &child);
    CHECK(victim.board->mutations >= mutations);
    report(&victim, hostile_noted());
    CHECK(peer_token_is(victim.token, 1));
    peer_unshare(victim.board, sizeof(*victim.board));
    CHECK(guard_mappings() == mappings);
    peer_names_end();
    /* What it sends may cross with the end of a connection. */
    CHECK(guard_close_strays() <= victim.connection / 10);
}
