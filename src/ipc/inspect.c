/* SPDX-License-Identifier: MIT
 *
 * Inspections: the other side of a board.
 *
 * To open one sends a LOOK; the answer is taken by the first read, so that who
 * looks at many waits for all of them at once. When the board is mapped the
 * connection is over: what is left is a page, and the kernel's word on whether
 * its writer lives. That is heard beside a socket of our own, because the calls
 * that wait for a process wait for a socket, too.
 */
#include <weft/inspect.h>

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "handshake.h"
#include "received.h"

struct weft_inspection {
    uint64_t token;
    weft_handle socket; /* WEFTOS_NONE when it has answered, or failed */
    weft_peer owner;
    weft_status failed; /* WEFT_OK, or what stays */
    weft_detail detail; /* of that */

    /* From the answer on. */
    weft_endpoint_kind kind;
    const struct wefti_board *board; /* NULL until then */
    uint64_t board_bytes;
    weft_handle process;
    weft_handle pair[2];
    char *name; /* where it is asked for without a process to watch */
    uint64_t probe_at_ns;
    bool has_left; /* nobody was there then */
};

/* Who is asked need not be trusted: nothing of it is relied on. */
static int allow_all(void *context, const weft_peer *peer)
{
    (void)context;
    (void)peer;
    return 1;
}

/* ---------------------------------------------------------- open, close --- */

static weft_status send_look(weft_handle socket, weft_detail *detail)
{
    const struct wefti_greeting greeting =
        wefti_greeting(WEFTI_LOOK, WEFTI_CHANNEL);
    weft_status status;

    wefti_step("send look");
    status = weftos_socket_send(socket, &greeting, sizeof(greeting), NULL, 0,
                                detail);
    /* Who turned us away before this still left its answer. */
    return status == WEFT_ECLOSED ? WEFT_OK : status;
}

static weft_status connect(weft_inspection *inspection, const char *name,
                           uint64_t deadline_ns, weft_detail *detail)
{
    weftos_peer peer;
    weft_status status = weftos_endpoint_connect(
        name, false, deadline_ns, false, &inspection->socket, &peer, detail);

    if (status != WEFT_OK) {
        inspection->socket = WEFTOS_NONE;
        return status;
    }
    inspection->owner = peer.who;
    return send_look(inspection->socket, detail);
}

weft_status weft_inspection_open(const char *name, uint64_t deadline_ns,
                                 weft_inspection **out, weft_peer *owner,
                                 weft_detail *detail)
{
    const weft_peer nobody = {0, -1, -1};
    weft_inspection *inspection;
    weft_status status;

    if (owner != NULL) {
        *owner = nobody;
    }
    if (out == NULL || name == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    status = weftos_process_mark(NULL, NULL, detail);
    if (status != WEFT_OK) {
        return status;
    }
    inspection = calloc(1, sizeof(*inspection));
    if (inspection == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate an inspection");
    }
    inspection->token = weftos_process_token();
    inspection->owner = nobody;
    inspection->socket = WEFTOS_NONE;
    inspection->process = WEFTOS_NONE;
    inspection->pair[0] = WEFTOS_NONE;
    inspection->pair[1] = WEFTOS_NONE;
    status = wefti_copy_name(name, &inspection->name, detail);
    if (status == WEFT_OK) {
        status = connect(inspection, name, deadline_ns, detail);
    }
    if (owner != NULL) {
        *owner = inspection->owner;
    }
    if (status != WEFT_OK) {
        weft_inspection_close(&inspection);
    }
    *out = inspection;
    return status;
}

static void hang_up(weft_inspection *inspection)
{
    weftos_close(inspection->socket);
    inspection->socket = WEFTOS_NONE;
}

void weft_inspection_close(weft_inspection **inspection_)
{
    weft_inspection *inspection;

    if (inspection_ == NULL || *inspection_ == NULL) {
        return;
    }
    inspection = *inspection_;
    *inspection_ = NULL;
    if (weftos_process_token() == inspection->token) {
        weftos_shm_unmap(inspection->board, (size_t)inspection->board_bytes);
    }
    hang_up(inspection);
    weftos_close(inspection->process);
    weftos_close(inspection->pair[0]);
    weftos_close(inspection->pair[1]);
    free(inspection->name);
    free(inspection);
}

/* --------------------------------------------------------------- answer --- */

/* The answer says of which pattern it is: it is checked as one of that. */
static weft_status read_answer(struct wefti_greeting *greeting,
                               const weftos_received *received,
                               weft_detail *detail)
{
    struct wefti_settings settings;
    weft_status status = wefti_settings_init(&settings, NULL, detail);
    uint32_t pattern = WEFTI_CHANNEL;

    if (status != WEFT_OK) {
        return status;
    }
    if (received->bytes == sizeof(*greeting)) {
        memcpy(&pattern,
               received->data + offsetof(struct wefti_greeting, pattern),
               sizeof(pattern));
    }
    if (pattern > WEFTI_DEMAND) {
        return wefti_fail(detail, WEFT_EPROTO, "recognise the endpoint's kind");
    }
    settings.allow = allow_all;
    settings.pattern = (enum wefti_pattern)pattern;
    return wefti_greeting_read(greeting, received, WEFTI_WELCOME, &settings,
                               detail);
}

static weft_status check_answer(const struct wefti_greeting *greeting,
                                const weftos_received *received,
                                weft_detail *detail)
{
    bool sound = greeting->status == 0 && greeting->capabilities == 0 &&
                 greeting->topic_flags == 0 && greeting->ring_max_bytes == 0 &&
                 greeting->message_max_bytes == 0 && greeting->position == 0 &&
                 greeting->sequence == 0 && received->handle_count == 1 &&
                 wefti_is_power_of_two((size_t)greeting->home_bytes) &&
                 greeting->home_bytes >= WEFTI_HOME_MIN &&
                 greeting->home_bytes <= WEFTI_HOME_MAX;

    return sound ? WEFT_OK
                 : wefti_fail(detail, WEFT_EPROTO, "check the answer");
}

static weft_status map_board(weft_inspection *inspection,
                             const struct wefti_greeting *greeting,
                             const weftos_received *received,
                             weft_detail *detail)
{
    const void *base = NULL;
    weft_status status;

    wefti_step("map board");
    status = weftos_shm_attach(received->handles[0],
                               (size_t)greeting->home_bytes, &base, detail);
    if (status != WEFT_OK) {
        return status;
    }
    if (((const struct wefti_board *)base)->magic != WEFTI_MAGIC) {
        weftos_shm_unmap(base, (size_t)greeting->home_bytes);
        return wefti_fail(detail, WEFT_EPROTO, "recognise the board");
    }
    inspection->board = base;
    inspection->board_bytes = greeting->home_bytes;
    return WEFT_OK;
}

static weft_status take_answer(weft_inspection *inspection,
                               weftos_received *received, weft_detail *detail)
{
    static const weft_endpoint_kind kinds[] = {
        [WEFTI_CHANNEL] = WEFT_ENDPOINT_LISTENER,
        [WEFTI_SERVICE] = WEFT_ENDPOINT_SERVICE,
        [WEFTI_TOPIC] = WEFT_ENDPOINT_PUBLISHER,
        [WEFTI_DEMAND] = WEFT_ENDPOINT_TRIM,
    };
    struct wefti_greeting greeting = {.magic = 0};
    weft_status status = read_answer(&greeting, received, detail);

    if (status == WEFT_OK) {
        status = check_answer(&greeting, received, detail);
    }
    if (status == WEFT_OK) {
        status = weftos_socket_pair(inspection->pair, detail);
    }
    if (status == WEFT_OK) {
        status = map_board(inspection, &greeting, received, detail);
    }
    if (status == WEFT_OK) {
        inspection->kind = kinds[greeting.pattern];
        inspection->owner = received->sender.who;
        inspection->process = received->process;
        received->process = WEFTOS_NONE;
    }
    return status;
}

/*
 * Waits for the answer. What comes of it stays: also what we lacked to take it,
 * because it does not come again.
 */
static weft_status await_answer(weft_inspection *inspection,
                                uint64_t deadline_ns, weft_detail *detail)
{
    weftos_received received;
    weft_status status = wefti_greeting_await(inspection->socket, false,
                                              deadline_ns, &received, detail);

    if (status == WEFT_OK) {
        status = take_answer(inspection, &received, detail);
        wefti_received_drop(&received);
    } else if (status == WEFT_EAGAIN || status == WEFT_ETIMEDOUT) {
        return status;
    }
    hang_up(inspection);
    return status;
}

/* -------------------------------------------------------------- reading --- */

/* What each kind knows of itself. */
static unsigned valid_of(weft_endpoint_kind kind)
{
    static const unsigned any = WEFT_STATS_AGE | WEFT_STATS_PARKED |
                                WEFT_STATS_ADMITTED | WEFT_STATS_TURNED_AWAY |
                                WEFT_STATS_MEMORY;
    static const unsigned busy = WEFT_STATS_PEERS | WEFT_STATS_CUT_OFF |
                                 WEFT_STATS_SENT | WEFT_STATS_FULL |
                                 WEFT_STATS_WAKES;

    switch (kind) {
    case WEFT_ENDPOINT_LISTENER:
    case WEFT_ENDPOINT_TRIM:
        return any;
    case WEFT_ENDPOINT_SERVICE:
        return any | busy | WEFT_STATS_RECEIVED | WEFT_STATS_LOST |
               WEFT_STATS_DEPTH | WEFT_STATS_QUEUED;
    case WEFT_ENDPOINT_PUBLISHER:
        return any | busy | WEFT_STATS_RELIABLE | WEFT_STATS_BLOCKED;
    case WEFT_ENDPOINT_UNKNOWN:
        break;
    }
    return 0;
}

/* Of a time that another process says. */
static uint64_t since(uint64_t then_ns, uint64_t now_ns)
{
    return then_ns < now_ns ? now_ns - then_ns : 0;
}

/* Any number is legal, and no two of them need to agree. */
static void copy_board(const weft_inspection *inspection,
                       weft_endpoint_stats *stats)
{
    const struct wefti_board *board = inspection->board;
    uint64_t blocked_since = weftos_load_relaxed(&board->blocked_since_ns);

    stats->age_ns = since(board->since_ns, stats->at_ns);
    stats->peers = weftos_load_relaxed(&board->peers);
    stats->reliable = weftos_load_relaxed(&board->reliable);
    stats->parked = weftos_load_relaxed(&board->parked);
    stats->admitted = weftos_load_relaxed(&board->admitted);
    stats->turned_away = weftos_load_relaxed(&board->turned_away);
    stats->cut_off = weftos_load_relaxed(&board->cut_off);
    stats->received = weftos_load_relaxed(&board->received);
    stats->received_bytes = weftos_load_relaxed(&board->received_bytes);
    stats->lost = weftos_load_relaxed(&board->lost);
    stats->sent = weftos_load_relaxed(&board->sent);
    stats->sent_bytes = weftos_load_relaxed(&board->sent_bytes);
    stats->depth = weftos_load_relaxed(&board->depth);
    stats->queued_bytes = weftos_load_relaxed(&board->queued_bytes);
    stats->full = weftos_load_relaxed(&board->full);
    stats->wakes = weftos_load_relaxed(&board->wakes);
    stats->memory_bytes = weftos_load_relaxed(&board->memory_bytes);
    if (blocked_since != 0) {
        /* It began perhaps after we had looked at the clock. */
        stats->blocked_ns = since(blocked_since, stats->at_ns) + 1;
    }
}

/* Has its process ended? */
static weft_status look_for_death(weft_inspection *inspection,
                                  weft_detail *detail)
{
    uint64_t now_ns = weftos_now_ns();

    if (inspection->process != WEFTOS_NONE) {
        return weftos_socket_wait(inspection->pair[0], false,
                                  inspection->process, WEFT_NOW, false, detail);
    }
    if (!inspection->has_left && now_ns >= inspection->probe_at_ns) {
        inspection->probe_at_ns = now_ns + WEFTI_PROBE_NS;
        inspection->has_left =
            wefti_has_left(inspection->name, inspection->owner.pid);
    }
    return inspection->has_left
               ? wefti_fail(detail, WEFT_EPEERDIED, "find its process")
               : WEFT_EAGAIN;
}

/* Is its process, or the endpoint, at its end? Looked at before the words. */
static weft_status look_for_end(weft_inspection *inspection,
                                weft_detail *detail)
{
    weft_status status;

    /* Acquire: the last of all words is there. */
    if (weftos_load_acquire(&inspection->board->closed) != 0) {
        return wefti_fail(detail, WEFT_ECLOSED, "find the endpoint open");
    }
    status = look_for_death(inspection, detail);
    if (status == WEFT_EPEERDIED &&
        weftos_load_acquire(&inspection->board->closed) != 0) {
        return wefti_fail(detail, WEFT_ECLOSED, "find the endpoint open");
    }
    return status == WEFT_EAGAIN ? WEFT_OK : status;
}

static weft_status read_board(weft_inspection *inspection,
                              weft_endpoint_stats *stats, uint64_t deadline_ns,
                              weft_detail *detail)
{
    weft_status status = inspection->failed;

    if (status != WEFT_OK) {
        *detail = inspection->detail;
    } else if (inspection->board == NULL) {
        status = await_answer(inspection, deadline_ns, detail);
    }
    if (status == WEFT_OK) {
        status = look_for_end(inspection, detail);
    }
    stats->owner = inspection->owner;
    stats->kind = inspection->kind;
    stats->valid = valid_of(inspection->kind);
    stats->at_ns = weftos_now_ns();
    if (inspection->board != NULL) {
        copy_board(inspection, stats);
    }
    return status;
}

weft_status weft_inspection_read(weft_inspection *inspection,
                                 weft_endpoint_stats *stats,
                                 uint64_t deadline_ns, weft_detail *detail)
{
    weft_detail found = {WEFT_OK, 0, NULL};
    size_t size = sizeof(*stats);
    weft_status status;

    if (inspection == NULL || stats == NULL || stats->size != size) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    memset(stats, 0, size);
    stats->size = size;
    if (weftos_process_token() != inspection->token) {
        return wefti_fail(detail, WEFT_EFORKED, "read an endpoint's figures");
    }
    status = read_board(inspection, stats, deadline_ns, &found);
    if (status != WEFT_OK && inspection->socket == WEFTOS_NONE &&
        (inspection->board == NULL || status == WEFT_ECLOSED ||
         status == WEFT_EPEERDIED)) {
        inspection->failed = status;
        inspection->detail = found;
    }
    return wefti_pass(detail, status, &found);
}

/* -------------------------------------------------------------- waiting --- */

/* Without a process to watch: until the next time that it is asked for. */
static weft_status wait_once(weft_inspection *inspection, uint64_t deadline_ns,
                             weft_detail *detail)
{
    bool probes = inspection->process == WEFTOS_NONE &&
                  inspection->probe_at_ns < deadline_ns;
    weft_status status = weftos_socket_wait(
        inspection->pair[0], false, inspection->process,
        probes ? inspection->probe_at_ns : deadline_ns, false, detail);

    if (probes && status == WEFT_ETIMEDOUT) {
        status = look_for_death(inspection, detail);
        return status == WEFT_EAGAIN ? WEFT_OK : status;
    }
    return status;
}

weft_status weft_inspection_wait(weft_inspection *inspection,
                                 uint64_t deadline_ns, weft_detail *detail)
{
    weft_status status;

    if (inspection == NULL || inspection->board == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (weftos_process_token() != inspection->token) {
        return wefti_fail(detail, WEFT_EFORKED, "wait for an endpoint's end");
    }
    /* Nobody writes to our own socket: a wait ends early for no reason. */
    do {
        status = wait_once(inspection, deadline_ns, detail);
    } while (status == WEFT_OK);
    return status;
}
