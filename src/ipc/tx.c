/* SPDX-License-Identifier: MIT
 *
 * The producer: makes messages into records, commits them in band and wakes a
 * sleeping consumer. room.c has the waiting for room.
 */
#include <string.h>

#include "tx.h"

/* Sends to a peer that should have woken before we ask whether it lives. */
#define STALE_CHECK 64

void wefti_tx_init(struct wefti_tx *tx, struct wefti_line *line,
                   uint64_t home_bytes, const struct wefti_limits *limits,
                   bool drops)
{
    memset(tx, 0, sizeof(*tx));
    tx->line = line;
    tx->peer = line->peer;
    tx->limits = *limits;
    tx->drops = drops;
    tx->fenced = true;
    tx->home_bytes = home_bytes / 2;
    tx->home_ring = (unsigned char *)line->own + home_bytes / 2;
    tx->turn_end = WEFTI_NONE;
    wefti_site_init(&tx->site, line, &line->own->space_at, NULL);
    wefti_tx_enter_ring(tx, tx->home_ring, tx->home_bytes);
    if (limits->ring_bytes > tx->home_bytes) {
        tx->starts_larger = true;
        tx->limit = 0; /* the first send moves to the ring asked for */
        tx->stop = 0;
    }
}

void wefti_tx_deinit(struct wefti_tx *tx, bool forked)
{
    if (!forked) {
        wefti_tx_leave_ring(tx);
    }
    wefti_site_deinit(&tx->site);
}

/* -------------------------------------------------------------- failure --- */

weft_status wefti_tx_fail(struct wefti_tx *tx, weft_status status,
                          const char *operation)
{
    tx->failed = status;
    wefti_tx_set_stop(tx);
    if (tx->site.detail.status != status) {
        tx->site.detail.os_code = 0;
        tx->site.detail.status = status;
        tx->site.detail.operation = operation;
    }
    wefti_site_poke(&tx->site, true);
    return status;
}

bool wefti_tx_has_left(const struct wefti_tx *tx)
{
    /* Acquire: its last cursor was stored before. */
    return weftos_load_acquire(&tx->peer->parked_at) == WEFTI_GONE;
}

weft_status wefti_tx_fail_gone(struct wefti_tx *tx)
{
    weft_status loss = wefti_line_loss(tx->line);

    return wefti_tx_fail(
        tx,
        loss == WEFT_EPEERDIED && wefti_tx_has_left(tx) ? WEFT_ECLOSED : loss,
        "send");
}

/* --------------------------------------------------------------- waking --- */

static void fence_by_ourselves(struct wefti_tx *tx)
{
    tx->streak = 0;
    if (!tx->fenced) {
        tx->fenced = true;
        /* Release: a sleeper that sees it sees all unfenced commits too. */
        weftos_store_release(&tx->line->own->fence_mode, WEFTI_FENCE_PLAIN);
    }
}

void wefti_tx_leave_fence(struct wefti_tx *tx)
{
    weftos_store_release(&tx->line->own->fence_mode, WEFTI_FENCE_REMOTE);
    /*
     * From here on either the sleeper sees the mode, or we see its mark:
     * both store, fence and load. wefti_site_arm() has the other side.
     */
    weftos_fence_full();
    tx->fenced = false;
}

void wefti_tx_notice_mark(struct wefti_tx *tx, uint64_t from, uint64_t mark)
{
    if (mark - from < tx->written - from) {
        wefti_step("ring");
        fence_by_ourselves(tx);
        tx->stale = 0;
        tx->wakes++;
        if (tx->line->defers) {
            tx->line->owes_ring = true;
        } else if (wefti_line_ring(tx->line, &tx->site.detail) != WEFT_OK) {
            (void)wefti_tx_fail(tx, tx->site.detail.status, "ring");
        }
    } else if (mark == WEFTI_GONE) {
        (void)wefti_tx_fail_gone(tx);
    } else if (++tx->stale % STALE_CHECK == 0) {
        if (wefti_site_sleep(&tx->site, WEFT_NOW) == WEFT_OK &&
            tx->site.hung_up) {
            (void)wefti_tx_fail_gone(tx);
        }
        wefti_site_poke(&tx->site, true); /* the look took what was due */
    }
}

/* -------------------------------------------------------------- sending --- */

weft_status wefti_tx_may_begin(const struct wefti_tx *tx)
{
    if (tx->failed != WEFT_OK) {
        return tx->failed;
    }
    if (tx->ended) {
        return WEFT_EINVAL;
    }
    return tx->is_reserved ? WEFT_EBUSY : WEFT_OK;
}

/* Sends the handles of the record that is written next. */
static weft_status send_rider(struct wefti_tx *tx, const weft_message *message,
                              uint64_t deadline_ns)
{
    struct wefti_rider rider = {WEFTI_MAGIC, WEFTI_DATA, tx->written};
    struct wefti_line *line = tx->line;
    weft_detail *detail = &tx->site.detail;

    for (;;) {
        weft_status status =
            weftos_socket_send(line->socket, &rider, sizeof(rider),
                               message->handles, message->handle_count, detail);

        if (status == WEFT_EAGAIN && deadline_ns != WEFT_NOW) {
            status =
                weftos_socket_wait(line->socket, true, line->process,
                                   deadline_ns, line->interruptible, detail);
            if (status == WEFT_OK) {
                continue;
            }
        }
        return status == WEFT_ECLOSED || status == WEFT_EPEERDIED
                   ? wefti_tx_fail_gone(tx)
                   : status;
    }
}

/* The record at tx->written, as one piece of a message. */
static weft_status send_piece(struct wefti_tx *tx, const weft_message *message,
                              uint64_t offset, uint64_t bytes, unsigned flags,
                              uint64_t deadline_ns)
{
    bool leads = (flags & (WEFTI_FIRST | WEFTI_LAST)) == WEFTI_FIRST;
    uint64_t length = WEFTI_HEADER + bytes + (leads ? WEFTI_TOTAL_BYTES : 0);
    uint64_t handles = (flags & WEFTI_LAST) != 0 ? message->handle_count : 0;
    weft_status status =
        wefti_tx_claim(tx, wefti_round_up(length), deadline_ns);
    struct wefti_header *header = wefti_tx_header(tx, tx->written);
    unsigned char *payload = (unsigned char *)(header + 1);

    if (status == WEFT_OK && handles > 0) {
        wefti_step("send handles");
        status = send_rider(tx, message, deadline_ns);
    }
    if (status != WEFT_OK) {
        return status;
    }
    wefti_tx_zero_ahead(tx, length);
    if (message->tag != 0) {
        header->tag = message->tag;
        flags |= WEFTI_TAGGED;
    }
    if (leads) {
        uint64_t total = message->bytes;

        memcpy(payload, &total, sizeof(total));
        payload += sizeof(total);
    }
    if (bytes > 0) {
        memcpy(payload, (const char *)message->data + offset, bytes);
    }
    wefti_tx_commit_word(tx, length,
                         wefti_upper_half(WEFTI_DATA, flags, handles));
    wefti_tx_wake_peer(tx, tx->unrung);
    return WEFT_OK;
}

/* The record size that a message of so many bytes wants. */
static uint64_t wanted_record(uint64_t bytes)
{
    uint64_t record = wefti_round_up(WEFTI_HEADER + bytes);

    return record < WEFTI_PIECE_BYTES ? record : WEFTI_PIECE_BYTES;
}

/*
 * In pieces. If the deadline passes between them, the message is over: the
 * next first piece, or the end of the stream, tells the consumer so.
 */
static weft_status send_pieces(struct wefti_tx *tx, const weft_message *message,
                               unsigned flags, uint64_t *sent,
                               uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;

    flags |= *sent == 0 ? WEFTI_FIRST : 0;
    while (status == WEFT_OK && *sent < message->bytes) {
        uint64_t most = wefti_record_max(tx->ring_bytes);
        uint64_t left = message->bytes - *sent;
        uint64_t piece = (most < WEFTI_PIECE_BYTES ? most : WEFTI_PIECE_BYTES) -
                         WEFTI_HEADER - WEFTI_TOTAL_BYTES;

        if (left <= piece) {
            piece = left;
            flags |= WEFTI_LAST;
        }
        status = send_piece(tx, message, *sent, piece, flags, deadline_ns);
        flags &= ~WEFTI_FIRST;
        *sent += status == WEFT_OK ? piece : 0;
    }
    return status;
}

static weft_status send_any(struct wefti_tx *tx, const weft_message *message,
                            uint64_t *sent, uint64_t deadline_ns)
{
    uint64_t record = wefti_round_up(WEFTI_HEADER + message->bytes);
    unsigned flags = message->handle_count > 0 ? WEFTI_HANDLES : 0;

    if (record > wefti_record_max(tx->ring_bytes)) {
        wefti_tx_fit_ring(tx, wanted_record(message->bytes));
    }
    if (*sent == 0 && record <= WEFTI_PIECE_BYTES &&
        record <= wefti_record_max(tx->ring_bytes)) {
        return send_piece(tx, message, 0, message->bytes,
                          flags | WEFTI_FIRST | WEFTI_LAST, deadline_ns);
    }
    return send_pieces(tx, message, flags, sent, deadline_ns);
}

weft_status wefti_tx_send_on(struct wefti_tx *tx, const weft_message *message,
                             uint64_t *sent, uint64_t deadline_ns)
{
    weft_status status;

    if (message->tag != 0 && *sent == 0 && message->handle_count == 0 &&
        wefti_tx_send_briefly(tx, message->data, message->bytes, message->tag,
                              NULL, true)) {
        return WEFT_OK;
    }
    status = wefti_tx_may_begin(tx);
    if (status != WEFT_OK) {
        return status;
    }
    if (message->bytes > tx->limits.message_max_bytes) {
        return WEFT_EMSGSIZE;
    }
    if (message->handle_count > WEFT_HANDLES_MAX) {
        return WEFT_ELIMIT;
    }
    status = send_any(tx, message, sent, deadline_ns);
    if (status == WEFT_OK) {
        tx->messages++;
        tx->bytes += message->bytes;
    } else if (status == WEFT_EAGAIN && tx->drops) {
        tx->dropped++;
        return WEFT_OK;
    }
    return status;
}

weft_status wefti_tx_send(struct wefti_tx *tx, const weft_message *message,
                          uint64_t deadline_ns)
{
    uint64_t sent = 0;

    return wefti_tx_send_on(tx, message, &sent, deadline_ns);
}

weft_status wefti_tx_reserve(struct wefti_tx *tx, size_t bytes, void **space,
                             uint64_t deadline_ns)
{
    uint64_t record = wefti_round_up(WEFTI_HEADER + (uint64_t)bytes);
    weft_status status = wefti_tx_may_begin(tx);

    if (status != WEFT_OK) {
        return status;
    }
    if (bytes > tx->limits.message_max_bytes) {
        return WEFT_EMSGSIZE;
    }
    wefti_tx_fit_ring(tx, record);
    if (record > wefti_record_max(tx->ring_bytes)) {
        return WEFT_EMSGSIZE;
    }
    status = wefti_tx_claim(tx, record, deadline_ns);
    if (status == WEFT_OK) {
        tx->reserved = bytes;
        tx->is_reserved = true;
        wefti_tx_set_stop(tx);
        *space = wefti_tx_header(tx, tx->written) + 1;
    }
    return status;
}

weft_status wefti_tx_commit(struct wefti_tx *tx, size_t bytes)
{
    if (!tx->is_reserved || bytes > tx->reserved || tx->ended) {
        return WEFT_EINVAL;
    }
    tx->is_reserved = false;
    wefti_tx_set_stop(tx);
    wefti_tx_publish(tx, WEFTI_HEADER + bytes, WEFTI_DATA,
                     WEFTI_FIRST | WEFTI_LAST, 0);
    tx->messages++;
    tx->bytes += bytes;
    wefti_tx_wake_peer(tx, tx->unrung);
    return WEFT_OK;
}

void wefti_tx_cancel(struct wefti_tx *tx)
{
    tx->is_reserved = false;
    wefti_tx_set_stop(tx);
    if (tx->unrung != tx->written) {
        wefti_tx_wake_peer(tx, tx->unrung); /* for a wrap marker */
    }
}

/* ----------------------------------------------------------- the others --- */

void wefti_tx_end(struct wefti_tx *tx)
{
    struct wefti_line *line = tx->line;

    if (tx->ended) {
        return;
    }
    tx->ended = true;
    wefti_tx_set_stop(tx);
    wefti_step("close");
    /* Release: after the last record. */
    weftos_store_release(&line->own->closed_at, tx->written);
    weftos_fence_full();
    if (weftos_load_relaxed(&tx->peer->parked_at) != WEFTI_NONE) {
        (void)wefti_line_ring(line, NULL);
    }
}

weft_status wefti_tx_expose(struct wefti_tx *tx, weft_handle *handle)
{
    return wefti_site_expose(&tx->site, handle);
}

void wefti_tx_stats(const struct wefti_tx *tx, weft_flow_stats *stats)
{
    uint64_t cursor = weftos_load_relaxed(&tx->peer->cursor);

    memset(stats, 0, sizeof(*stats));
    stats->messages = tx->messages;
    stats->bytes = tx->bytes;
    /* The cursor is the peer's word for it: no more than what was written. */
    stats->depth_bytes = cursor <= tx->written ? tx->written - cursor : 0;
    stats->ring_bytes = tx->ring_bytes;
    stats->reseats = tx->reseats;
    stats->parks = tx->site.parks;
    stats->wakes = tx->wakes;
    stats->full = tx->full;
    stats->dropped = tx->dropped;
}
