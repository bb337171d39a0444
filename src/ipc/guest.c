/* SPDX-License-Identifier: MIT
 *
 * One client of a service: what it has called for, what waits for it, and what
 * its socket tells.
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "received.h"

struct wefti_guest *wefti_guest_create(weft_channel *channel,
                                       const struct wefti_quota *quota)
{
    struct wefti_guest *guest = calloc(1, sizeof(*guest));

    if (guest != NULL) {
        guest->channel = channel;
        guest->quota = quota;
        guest->due_ns = WEFT_FOREVER;
        (void)weft_channel_get_peer(channel, &guest->peer);
    }
    return guest;
}

static uint64_t letter_bytes(const struct wefti_letter *letter)
{
    return sizeof(*letter) + letter->message.bytes;
}

static void drop_first(struct wefti_guest *guest)
{
    struct wefti_letter *letter = guest->first;

    guest->first = letter->next;
    guest->queued_bytes -= letter_bytes(letter);
    free(letter);
}

void wefti_guest_close(struct wefti_guest *guest)
{
    while (guest->first != NULL) {
        drop_first(guest);
    }
    weft_channel_close(&guest->channel);
    free(guest->calls.open);
    free(guest);
}

/* ---------------------------------------------------------------- calls --- */

weft_status wefti_guest_add_call(struct wefti_guest *guest, uint64_t call,
                                 unsigned handles)
{
    if (wefti_calls_have(&guest->calls, call)) {
        return WEFT_EPROTO;
    }
    if (guest->calls.count >= guest->quota->calls_max ||
        guest->calls.handles + handles > guest->quota->handles_max) {
        return WEFT_ELIMIT;
    }
    return wefti_calls_add(&guest->calls, call, handles) ? WEFT_OK
                                                         : WEFT_ENOMEM;
}

/* -------------------------------------------------------------- sending --- */

/* The first one, which may be on its way, is free. */
static uint64_t bytes_behind_first(const struct wefti_guest *guest)
{
    return guest->queued_bytes - letter_bytes(guest->first);
}

/* A copy of what is left of a message. */
static weft_status queue(struct wefti_guest *guest, const weft_message *message,
                         uint64_t sent)
{
    uint64_t bytes = sizeof(struct wefti_letter) + message->bytes;
    struct wefti_letter *letter;

    if (message->handle_count > 0) {
        return WEFT_EAGAIN; /* they would have to be kept, too */
    }
    if (guest->first != NULL &&
        bytes_behind_first(guest) + bytes > guest->quota->queue_max_bytes) {
        return WEFT_ELIMIT;
    }
    letter = calloc(1, (size_t)bytes);
    if (letter == NULL) {
        return WEFT_ENOMEM;
    }
    letter->next = NULL;
    letter->sent = sent;
    letter->message = *message;
    letter->message.data = letter->data;
    if (message->bytes > 0) {
        memcpy(letter->data, message->data, message->bytes);
    }
    if (guest->first == NULL) {
        guest->first = letter;
    } else {
        guest->last->next = letter;
    }
    guest->last = letter;
    guest->queued_bytes += bytes;
    return WEFT_OK;
}

/* Nobody can send to it any more: the server's thread is told by the socket. */
static void give_up(struct wefti_guest *guest)
{
    while (guest->first != NULL) {
        drop_first(guest);
    }
    weftos_socket_hang_up(wefti_channel_line(guest->channel)->socket);
}

static weft_status send_queued(struct wefti_guest *guest)
{
    struct wefti_tx *tx = wefti_channel_tx(guest->channel);
    weft_status status = WEFT_OK;

    while (status == WEFT_OK && guest->first != NULL) {
        struct wefti_letter *letter = guest->first;

        status =
            wefti_tx_send_on(tx, &letter->message, &letter->sent, WEFT_NOW);
        if (status == WEFT_OK) {
            drop_first(guest);
        }
    }
    return status;
}

/* Half a ring, or all that it holds: as who waits for room in a channel. */
static uint64_t room_mark(const struct wefti_tx *tx)
{
    uint64_t half = tx->cursor + tx->ring_bytes / 2;
    uint64_t end = wefti_tx_message_end(tx);

    return half < end ? half : end;
}

void wefti_guest_flush(struct wefti_guest *guest)
{
    struct wefti_tx *tx = wefti_channel_tx(guest->channel);
    uint64_t armed_at = WEFTI_NONE;
    weft_status status = send_queued(guest);

    /* Armed for this cursor, and it has not moved since: a ring will come. */
    while (status == WEFT_EAGAIN && armed_at != tx->cursor) {
        armed_at = tx->cursor;
        status = wefti_site_arm(&tx->site, room_mark(tx));
        if (status == WEFT_OK) {
            status = send_queued(guest);
        }
    }
    if (status != WEFT_EAGAIN) {
        wefti_site_disarm(&tx->site);
    }
    if (status != WEFT_OK && status != WEFT_EAGAIN) {
        give_up(guest);
    }
}

weft_status wefti_guest_send(struct wefti_guest *guest,
                             const weft_message *message)
{
    struct wefti_tx *tx = wefti_channel_tx(guest->channel);
    uint64_t sent = 0;
    weft_status status = WEFT_EAGAIN;

    if (message->bytes > tx->limits.message_max_bytes) {
        return WEFT_EMSGSIZE;
    }
    if (guest->first == NULL) {
        status = wefti_tx_send_on(tx, message, &sent, WEFT_NOW);
    }
    if (status == WEFT_EAGAIN) {
        status = queue(guest, message, sent);
        if (status == WEFT_OK) {
            wefti_guest_flush(guest);
        }
        return status;
    }
    if (status == WEFT_ECORRUPT || status == WEFT_EPROTO ||
        status == WEFT_EOS) {
        give_up(guest);
    }
    return status;
}

/* -------------------------------------------------------------- hearing --- */

/* The kernel says that nothing more will come. */
static void note_end(struct wefti_guest *guest)
{
    wefti_channel_rx(guest->channel)->site.hung_up = true;
}

/* Keeps handles that have come before their record. */
static weft_status keep_early(struct wefti_line *line,
                              weftos_received *received)
{
    if (line->early == NULL) {
        line->early = calloc(1, sizeof(*line->early));
    }
    if (line->early == NULL) {
        wefti_received_drop(received);
        return WEFT_ENOMEM;
    }
    line->early->received[line->early->count++] = *received;
    return WEFT_OK;
}

/*
 * An honest client rings once for each time that it was armed, for a record or
 * for room; late rings are few. So many of which nothing comes are an attack.
 */
#define IDLE_RINGS_MOST 1000

static weft_status count_ring(struct wefti_guest *guest)
{
    /* Either grows: what was taken of the client's, and what it has taken. */
    uint64_t progress =
        wefti_channel_rx(guest->channel)->read +
        weftos_load_relaxed(&wefti_channel_line(guest->channel)->progress);

    if (progress != guest->progress) {
        guest->progress = progress;
        guest->idle_rings = 0;
    }
    return ++guest->idle_rings < IDLE_RINGS_MOST ? WEFT_OK : WEFT_EPROTO;
}

/*
 * One control message. WEFT_EAGAIN: there is none, or it must wait; see
 * WEFTI_EARLY_MOST in park.h.
 */
static weft_status hear_one(struct wefti_guest *guest)
{
    struct wefti_line *line = wefti_channel_line(guest->channel);
    bool has_record = wefti_rx_word(wefti_channel_rx(guest->channel)) != 0;
    unsigned early = line->early != NULL ? line->early->count : 0;
    weftos_received received;
    weft_status status;

    if (early > 0 && has_record) {
        return WEFT_EAGAIN;
    }
    if (early == WEFTI_EARLY_MOST) {
        return WEFT_EPROTO;
    }
    status = weftos_socket_recv(line->socket, &received, NULL);
    if (status != WEFT_OK) {
        return status;
    }
    if (wefti_is_ring(&received)) {
        wefti_received_drop(&received);
        return count_ring(guest);
    }
    return keep_early(line, &received);
}

static bool has_died(const struct wefti_line *line)
{
    return line->process != WEFTOS_NONE &&
           weftos_socket_wait(line->socket, false, line->process, WEFT_NOW,
                              false, NULL) == WEFT_EPEERDIED;
}

/* One at a time: if there is more, the endpoint says so again. */
void wefti_guest_hear(struct wefti_guest *guest)
{
    weft_status status;

    wefti_site_disarm(&wefti_channel_rx(guest->channel)->site);
    status = hear_one(guest);
    if (status == WEFT_ECLOSED ||
        (status == WEFT_EAGAIN &&
         has_died(wefti_channel_line(guest->channel)))) {
        note_end(guest);
    } else if (status != WEFT_OK && status != WEFT_EAGAIN) {
        guest->gone = status;
    }
}
