/* SPDX-License-Identifier: MIT
 *
 * The producer: makes records, commits them in band, wakes a sleeping
 * consumer, waits for room, and moves to larger rings.
 */
#include <string.h>

#include "base/log.h"
#include "ring.h"

/* Commits without a sleeping peer after which a producer calls it a stream. */
#define STREAM_STREAK 256

/* The first ring after the home's: holds a burst, and whole pieces. */
#define SECOND_RING_BYTES 65536

/* So many times full, each within so long of the last: the ring is small. */
#define FULLS_TO_GROW 8
#define FULLS_WITHIN_NS UINT64_C(10000000)

/* Sends to a peer that should have woken before we ask whether it lives. */
#define STALE_CHECK 64

static void enter_ring(struct wefti_tx *tx, void *ring, uint64_t bytes)
{
    tx->ring = ring;
    tx->ring_bytes = bytes;
    tx->mask = bytes - 1;
    tx->base = tx->written;
    tx->limit = tx->base + bytes - WEFTI_EXIT_BYTES;
    tx->fulls = 0;
}

void wefti_tx_init(struct wefti_tx *tx, struct wefti_line *line,
                   uint64_t home_bytes, const struct wefti_limits *limits,
                   bool can_fence_remote, bool drops)
{
    memset(tx, 0, sizeof(*tx));
    tx->line = line;
    tx->peer = line->peer;
    tx->limits = *limits;
    tx->can_fence_remote = can_fence_remote;
    tx->drops = drops;
    tx->fenced = true;
    tx->home_bytes = home_bytes / 2;
    tx->home_ring = (unsigned char *)line->own + home_bytes / 2;
    wefti_site_init(&tx->site, line, &line->own->space_at, false);
    enter_ring(tx, tx->home_ring, tx->home_bytes);
    if (limits->ring_bytes > tx->home_bytes) {
        tx->limit = 0; /* the first send moves to the ring asked for */
    }
}

static void leave_ring(const struct wefti_tx *tx)
{
    if (tx->ring != tx->home_ring) {
        weftos_shm_unmap(tx->ring, tx->ring_bytes);
    }
}

void wefti_tx_deinit(struct wefti_tx *tx, bool forked)
{
    if (!forked) {
        leave_ring(tx);
    }
    wefti_site_deinit(&tx->site);
}

/* -------------------------------------------------------------- failure --- */

static weft_status fail(struct wefti_tx *tx, weft_status status,
                        const char *operation)
{
    tx->failed = status;
    if (tx->site.detail.status == WEFT_OK) {
        tx->site.detail.status = status;
        tx->site.detail.operation = operation;
    }
    wefti_site_poke(&tx->site, true);
    return status;
}

static bool has_left(const struct wefti_tx *tx)
{
    /* Acquire: its last cursor was stored before. */
    return weftos_load_acquire(&tx->peer->parked_at) == WEFTI_GONE;
}

/* The peer is gone: in order, or not? */
static weft_status fail_gone(struct wefti_tx *tx)
{
    return fail(tx, has_left(tx) ? WEFT_ECLOSED : WEFT_EPEERDIED, "send");
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

static void leave_fence_to_sleeper(struct wefti_tx *tx)
{
    weftos_store_release(&tx->line->own->fence_mode, WEFTI_FENCE_REMOTE);
    /*
     * From here on either the sleeper sees the mode, or we see its mark:
     * both store, fence and load. wefti_site_arm() has the other side.
     */
    weftos_fence_full();
    tx->fenced = false;
}

/* The peer sleeps, or should be waking up, or is gone. */
static void notice_mark(struct wefti_tx *tx, uint64_t from, uint64_t mark)
{
    if (mark - from < tx->written - from) {
        wefti_step("ring");
        fence_by_ourselves(tx);
        tx->stale = 0;
        tx->wakes++;
        if (weftos_bell_ring(&tx->line->bell, &tx->site.detail) != WEFT_OK) {
            tx->failed = tx->site.detail.status;
        }
    } else if (mark == WEFTI_GONE) {
        (void)fail_gone(tx);
    } else if (++tx->stale % STALE_CHECK == 0) {
        if (wefti_site_sleep(&tx->site, WEFT_NOW) == WEFT_OK &&
            tx->site.hung_up) {
            (void)fail_gone(tx);
        }
        wefti_site_poke(&tx->site, true); /* the look took what was due */
    }
}

/* Tests whether the peer sleeps for anything committed since the last test. */
static inline void wake_peer(struct wefti_tx *tx)
{
    uint64_t from = tx->unrung;
    uint64_t mark;

    tx->unrung = tx->written;
    if (tx->fenced) {
        weftos_fence_full();
    } else {
        weftos_fence_compiler();
    }
    mark = weftos_load_relaxed(&tx->peer->parked_at);
    if (mark != WEFTI_NONE) {
        notice_mark(tx, from, mark);
    } else if (tx->fenced && tx->can_fence_remote &&
               ++tx->streak >= STREAM_STREAK) {
        leave_fence_to_sleeper(tx);
    }
}

/* --------------------------------------------------------------- records --- */

static inline struct wefti_header *header_at(const struct wefti_tx *tx,
                                             uint64_t position)
{
    return (struct wefti_header *)(void *)(tx->ring + (position & tx->mask));
}

/* Stores a record's word: from here on the consumer may have it. */
static inline void publish(struct wefti_tx *tx, uint64_t length,
                           enum wefti_type type, unsigned flags,
                           uint64_t handles)
{
    struct wefti_header *header = header_at(tx, tx->written);
    uint64_t next = tx->written + wefti_round_up(length);

    wefti_step("zero ahead");
    /* Relaxed: the release below orders it. */
    weftos_store_relaxed(&header_at(tx, next)->word, 0);
    wefti_step("commit");
    /* Release: the payload and the zero ahead. rx.c's next_word acquires. */
    weftos_store_release(&header->word,
                         length | (uint64_t)type << WEFTI_TYPE_SHIFT |
                             (uint64_t)flags << WEFTI_FLAGS_SHIFT |
                             handles << WEFTI_COUNT_SHIFT);
    wefti_step("committed");
    tx->written = next;
}

/* What a record takes up here and now, with a wrap marker if it needs one. */
static inline uint64_t extent(const struct wefti_tx *tx, uint64_t record)
{
    uint64_t tail = tx->ring_bytes - (tx->written & tx->mask);

    return record <= tail ? record : tail + record;
}

/* Goes to the ring's beginning if a record does not fit before its end. */
static inline void wrap_for(struct wefti_tx *tx, uint64_t record)
{
    uint64_t tail = tx->ring_bytes - (tx->written & tx->mask);

    if (record > tail) {
        publish(tx, tail, WEFTI_WRAP, 0, 0);
    }
}

/* ------------------------------------------------------------------ room --- */

/* Reads the peer's cursor, which may be any number at all. */
static weft_status refresh(struct wefti_tx *tx)
{
    /* Acquire: the consumer has done with the bytes before its cursor. */
    uint64_t cursor = weftos_load_acquire(&tx->peer->cursor);

    if (cursor - tx->cursor > tx->written - tx->cursor) {
        return fail(tx, WEFT_ECORRUPT, "check the peer's cursor");
    }
    if (cursor != tx->cursor) {
        tx->cursor = cursor;
        wefti_line_advance(tx->line);
    }
    tx->limit = (cursor > tx->base ? cursor : tx->base) + tx->ring_bytes -
                WEFTI_EXIT_BYTES;
    return WEFT_OK;
}

/* The caller looks at the cursor after this: it may be the last one. */
static bool is_gone(const struct wefti_tx *tx)
{
    return tx->site.hung_up || has_left(tx);
}

struct goal {
    const struct wefti_home *peer;
    uint64_t position;
};

static bool is_reached(void *context)
{
    const struct goal *goal = context;

    return weftos_load_acquire(&goal->peer->cursor) >= goal->position;
}

/* One sleep, unless the cursor has got there meanwhile. */
static weft_status sleep_for_cursor(struct wefti_tx *tx, uint64_t position,
                                    uint64_t deadline_ns)
{
    /* Do not wake for each small batch: half a ring, if that is written. */
    uint64_t half = tx->cursor + tx->ring_bytes / 2;
    uint64_t mark = half < tx->written ? half : tx->written;
    weft_status status =
        wefti_site_arm(&tx->site, mark > position ? mark : position);

    if (status != WEFT_OK) {
        return status;
    }
    wefti_step("armed for room");
    status = refresh(tx);
    if (status == WEFT_OK && tx->cursor < position && !is_gone(tx)) {
        status = wefti_site_sleep(&tx->site, deadline_ns);
    }
    wefti_site_disarm(&tx->site);
    return status;
}

/* With WEFT_NOW: leaves the mark set if somebody polls for room. */
static weft_status look_for_cursor(struct wefti_tx *tx, uint64_t position)
{
    weft_status status;

    if (tx->site.exposed == WEFTOS_NONE) {
        return WEFT_EAGAIN;
    }
    wefti_site_poke(&tx->site, false);
    status = wefti_site_sleep(&tx->site, WEFT_NOW);
    if (status == WEFT_OK) {
        status = wefti_site_arm(&tx->site, position);
    }
    if (status == WEFT_OK) {
        status = refresh(tx);
    }
    if (status != WEFT_OK) {
        wefti_site_poke(&tx->site, true);
        return status;
    }
    if (tx->cursor >= position) {
        wefti_site_disarm(&tx->site);
        wefti_site_poke(&tx->site, true);
        return WEFT_OK;
    }
    return is_gone(tx) ? fail_gone(tx) : WEFT_EAGAIN;
}

/* Waits until the peer's cursor has reached a position. */
static weft_status await_cursor(struct wefti_tx *tx, uint64_t position,
                                uint64_t deadline_ns)
{
    struct goal goal = {tx->peer, position};

    if (tx->unrung != tx->written) {
        wake_peer(tx); /* for a wrap marker, or it could sleep before it */
    }
    for (;;) {
        bool gone = is_gone(tx);
        weft_status status = refresh(tx);

        if (status != WEFT_OK || tx->cursor >= position) {
            wefti_site_poke(&tx->site, true);
            return status;
        }
        if (gone) {
            return fail_gone(tx);
        }
        if (deadline_ns == WEFT_NOW) {
            return look_for_cursor(tx, position);
        }
        if (wefti_site_spin(&tx->site, is_reached, &goal, deadline_ns)) {
            continue;
        }
        if (tx->line->wait != WEFT_WAIT_SPIN) {
            status = sleep_for_cursor(tx, position, deadline_ns);
        }
        if (status == WEFT_OK && deadline_ns != WEFT_FOREVER &&
            weftos_now_ns() >= deadline_ns && !is_reached(&goal)) {
            status = WEFT_ETIMEDOUT;
        }
        if (status == WEFT_EPROTO || status == WEFT_EOS) {
            return fail(tx, status, "wait for room");
        }
        if (status != WEFT_OK) {
            return status;
        }
    }
}

/* --------------------------------------------------------------- growing --- */

/* Commits the record that sends the consumer to another ring. */
static weft_status commit_reseat(struct wefti_tx *tx, weft_handle object,
                                 uint64_t bytes)
{
    const uint64_t length = WEFTI_HEADER + WEFTI_RESEAT_BYTES;
    struct wefti_rider rider = {WEFTI_MAGIC, WEFTI_RESEAT, 0};
    weft_status status;

    wrap_for(tx, wefti_round_up(length));
    if (bytes != 0) {
        rider.position = tx->written;
        wefti_step("send segment");
        status = weftos_socket_send(tx->line->socket, &rider, sizeof(rider),
                                    &object, 1, NULL);
        if (status != WEFT_OK) {
            return status;
        }
    }
    header_at(tx, tx->written)->tag = 0;
    memcpy(header_at(tx, tx->written) + 1, &bytes, sizeof(bytes));
    publish(tx, length, WEFTI_RESEAT, 0, bytes != 0);
    return WEFT_OK;
}

/*
 * Goes on in a new ring. The exit is kept free in every ring, so this waits
 * for nothing. Whatever fails, the stream stays where it is, intact.
 */
static weft_status reseat(struct wefti_tx *tx, uint64_t bytes)
{
    weft_handle object;
    void *ring;
    weft_status status =
        weftos_shm_create((size_t)bytes, &object, &ring, &tx->site.detail);

    if (status != WEFT_OK) {
        return status;
    }
    status = commit_reseat(tx, object, bytes);
    weftos_close(object);
    if (status != WEFT_OK) {
        weftos_shm_unmap(ring, (size_t)bytes);
        return status;
    }
    leave_ring(tx);
    enter_ring(tx, ring, bytes);
    tx->reseats++;
    wake_peer(tx);
    return WEFT_OK;
}

/* Growing is for speed: if it can't be done, the stream goes on as it is. */
static void try_reseat(struct wefti_tx *tx, uint64_t bytes)
{
    weft_status status = reseat(tx, bytes);

    if (status == WEFT_EAGAIN || status == WEFT_ECLOSED) {
        return; /* the peer has not taken its last handles, or is gone */
    }
    if (status != WEFT_OK) {
        wefti_log(WEFT_LOG_WARNING, "cannot grow a ring to %llu bytes: %s",
                  (unsigned long long)bytes, weft_status_text(status));
        tx->limits.ring_max_bytes = tx->ring_bytes;
        memset(&tx->site.detail, 0, sizeof(tx->site.detail));
    }
}

/* The least ring up to the maximum that takes a record, or the maximum. */
static uint64_t ring_for(const struct wefti_tx *tx, uint64_t record)
{
    uint64_t bytes = SECOND_RING_BYTES;

    while (bytes < tx->limits.ring_max_bytes &&
           wefti_record_max(bytes) < record) {
        bytes *= 2;
    }
    return bytes < tx->limits.ring_max_bytes ? bytes
                                             : tx->limits.ring_max_bytes;
}

/* The ring is full: is it full so often that a larger one pays? */
static bool is_cramped(struct wefti_tx *tx)
{
    uint64_t now = weftos_now_ns();
    bool close = now - tx->full_at_ns < FULLS_WITHIN_NS;

    tx->full_at_ns = now;
    tx->fulls = close ? tx->fulls + 1 : 1;
    return tx->ring == tx->home_ring || tx->fulls >= FULLS_TO_GROW;
}

/* Makes the ring as large as a record of this size wants it. */
static void fit_ring(struct wefti_tx *tx, uint64_t record)
{
    if (tx->ring_bytes < tx->limits.ring_max_bytes &&
        (record > wefti_record_max(tx->ring_bytes) ||
         tx->ring_bytes < tx->limits.ring_bytes)) {
        uint64_t bytes = ring_for(tx, record);

        try_reseat(tx, bytes > tx->limits.ring_bytes ? bytes
                                                     : tx->limits.ring_bytes);
    }
}

/* ----------------------------------------------------------------- claim --- */

static bool has_room(const struct wefti_tx *tx, uint64_t record)
{
    return tx->written + extent(tx, record) + 16 <= tx->limit;
}

/* The slow half of claim(): the known room is used up. */
static weft_status make_room(struct wefti_tx *tx, uint64_t record,
                             uint64_t deadline_ns)
{
    weft_status status;

    fit_ring(tx, record);
    status = refresh(tx);
    if (status != WEFT_OK || has_room(tx, record)) {
        return status;
    }
    tx->full++;
    if (tx->ring_bytes < tx->limits.ring_max_bytes && is_cramped(tx)) {
        bool first = tx->ring == tx->home_ring;

        try_reseat(tx, first ? ring_for(tx, record)
                             : tx->limits.ring_max_bytes);
        if (has_room(tx, record)) {
            return WEFT_OK;
        }
    }
    if (tx->drops) {
        return WEFT_EAGAIN;
    }
    /* The limit follows the cursor at a fixed distance. */
    return await_cursor(tx,
                        tx->written + extent(tx, record) + 16 +
                            WEFTI_EXIT_BYTES - tx->ring_bytes,
                        deadline_ns);
}

/*
 * Makes sure that a record of `record` bytes, rounded up, can be written at
 * tx->written.
 */
static inline weft_status claim(struct wefti_tx *tx, uint64_t record,
                                uint64_t deadline_ns)
{
    if (!has_room(tx, record)) {
        weft_status status = make_room(tx, record, deadline_ns);

        if (status != WEFT_OK) {
            return status;
        }
    }
    wrap_for(tx, record);
    return WEFT_OK;
}

/* --------------------------------------------------------------- sending --- */

/* Sends the handles of the record that is written next. */
static weft_status send_rider(struct wefti_tx *tx, const weft_message *message,
                              uint64_t deadline_ns)
{
    struct wefti_rider rider = {WEFTI_MAGIC, WEFTI_DATA, tx->written};
    struct wefti_line *line = tx->line;

    for (;;) {
        weft_detail detail = {WEFT_OK, 0, NULL};
        weft_status status =
            weftos_socket_send(line->socket, &rider, sizeof(rider),
                               message->handles, message->handle_count, &detail);

        if (status == WEFT_ECLOSED) {
            return fail_gone(tx);
        }
        if (status == WEFT_EOS) {
            return WEFT_EINVAL; /* one of the handles is none */
        }
        if (status != WEFT_EAGAIN || deadline_ns == WEFT_NOW) {
            return status;
        }
        status = weftos_socket_wait(line->socket, true, deadline_ns,
                                    line->interruptible, &detail);
        if (status != WEFT_OK) {
            return status;
        }
    }
}

/* The record at tx->written, as one piece of a message. */
static weft_status send_piece(struct wefti_tx *tx, const weft_message *message,
                              uint64_t offset, uint64_t bytes, unsigned flags,
                              uint64_t deadline_ns)
{
    bool leads = (flags & (WEFTI_FIRST | WEFTI_LAST)) == WEFTI_FIRST;
    uint64_t length =
        WEFTI_HEADER + bytes + (leads ? WEFTI_TOTAL_BYTES : 0);
    uint64_t handles = (flags & WEFTI_LAST) != 0 ? message->handle_count : 0;
    weft_status status = claim(tx, wefti_round_up(length), deadline_ns);
    struct wefti_header *header = header_at(tx, tx->written);
    unsigned char *payload = (unsigned char *)(header + 1);

    if (status == WEFT_OK && handles > 0) {
        wefti_step("send handles");
        status = send_rider(tx, message, deadline_ns);
    }
    if (status != WEFT_OK) {
        return status;
    }
    header->tag = message->tag;
    if (leads) {
        uint64_t total = message->bytes;

        memcpy(payload, &total, sizeof(total));
        payload += sizeof(total);
    }
    if (bytes > 0) {
        memcpy(payload, (const char *)message->data + offset, bytes);
    }
    publish(tx, length, WEFTI_DATA, flags, handles);
    wake_peer(tx);
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
                               unsigned flags, uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;
    uint64_t sent = 0;

    flags |= WEFTI_FIRST;
    while (status == WEFT_OK && sent < message->bytes) {
        uint64_t most = wefti_record_max(tx->ring_bytes);
        uint64_t left = message->bytes - sent;
        uint64_t piece = (most < WEFTI_PIECE_BYTES ? most : WEFTI_PIECE_BYTES) -
                         WEFTI_HEADER - WEFTI_TOTAL_BYTES;

        if (left <= piece) {
            piece = left;
            flags |= WEFTI_LAST;
        }
        status = send_piece(tx, message, sent, piece, flags, deadline_ns);
        flags &= ~WEFTI_FIRST;
        sent += piece;
    }
    return status;
}

static weft_status send_any(struct wefti_tx *tx, const weft_message *message,
                            uint64_t deadline_ns)
{
    uint64_t record = wefti_round_up(WEFTI_HEADER + message->bytes);
    unsigned flags = message->handle_count > 0 ? WEFTI_HANDLES : 0;

    if (record > wefti_record_max(tx->ring_bytes)) {
        fit_ring(tx, wanted_record(message->bytes));
    }
    if (record <= WEFTI_PIECE_BYTES &&
        record <= wefti_record_max(tx->ring_bytes)) {
        return send_piece(tx, message, 0, message->bytes,
                          flags | WEFTI_FIRST | WEFTI_LAST, deadline_ns);
    }
    return send_pieces(tx, message, flags, deadline_ns);
}

weft_status wefti_tx_send(struct wefti_tx *tx, const weft_message *message,
                          uint64_t deadline_ns)
{
    weft_status status;

    if (tx->failed != WEFT_OK || tx->ended || tx->is_reserved) {
        return tx->failed != WEFT_OK ? tx->failed
               : tx->ended           ? WEFT_EINVAL
                                     : WEFT_EBUSY;
    }
    if (message->bytes > tx->limits.message_max_bytes) {
        return WEFT_EMSGSIZE;
    }
    if (message->handle_count > WEFT_HANDLES_MAX) {
        return WEFT_ELIMIT;
    }
    status = send_any(tx, message, deadline_ns);
    if (status == WEFT_OK) {
        tx->messages++;
        tx->bytes += message->bytes;
    } else if (status == WEFT_EAGAIN && tx->drops) {
        tx->dropped++;
        return WEFT_OK;
    }
    return status;
}

weft_status wefti_tx_reserve(struct wefti_tx *tx, size_t bytes, void **space,
                             uint64_t deadline_ns)
{
    uint64_t record = wefti_round_up(WEFTI_HEADER + (uint64_t)bytes);
    weft_status status;

    if (tx->failed != WEFT_OK || tx->ended || tx->is_reserved) {
        return tx->failed != WEFT_OK ? tx->failed
               : tx->ended           ? WEFT_EINVAL
                                     : WEFT_EBUSY;
    }
    if (bytes > tx->limits.message_max_bytes) {
        return WEFT_EMSGSIZE;
    }
    fit_ring(tx, record);
    if (record > wefti_record_max(tx->ring_bytes)) {
        return WEFT_EMSGSIZE;
    }
    status = claim(tx, record, deadline_ns);
    if (status == WEFT_OK) {
        tx->reserved = bytes;
        tx->is_reserved = true;
        *space = header_at(tx, tx->written) + 1;
    }
    return status;
}

weft_status wefti_tx_commit(struct wefti_tx *tx, size_t bytes)
{
    if (!tx->is_reserved || bytes > tx->reserved) {
        return WEFT_EINVAL;
    }
    tx->is_reserved = false;
    header_at(tx, tx->written)->tag = 0;
    publish(tx, WEFTI_HEADER + bytes, WEFTI_DATA, WEFTI_FIRST | WEFTI_LAST, 0);
    tx->messages++;
    tx->bytes += bytes;
    wake_peer(tx);
    return WEFT_OK;
}

void wefti_tx_cancel(struct wefti_tx *tx)
{
    tx->is_reserved = false;
}

/* ------------------------------------------------------------- the others --- */

weft_status wefti_tx_flush(struct wefti_tx *tx, uint64_t deadline_ns)
{
    if (tx->failed != WEFT_OK) {
        return tx->failed;
    }
    return await_cursor(tx, tx->written, deadline_ns);
}

/*
 * The home's ring may only be entered again when the consumer has left it,
 * and it is full of old records: the first header is zeroed first.
 */
weft_status wefti_tx_trim(struct wefti_tx *tx, uint64_t deadline_ns)
{
    const uint64_t record = wefti_round_up(WEFTI_HEADER + WEFTI_RESEAT_BYTES);
    uint64_t after;
    weft_status status;

    if (tx->failed != WEFT_OK || tx->is_reserved) {
        return tx->failed != WEFT_OK ? tx->failed : WEFT_EBUSY;
    }
    if (tx->ring == tx->home_ring) {
        return WEFT_OK;
    }
    status = await_cursor(tx, tx->base, deadline_ns);
    if (status != WEFT_OK) {
        return status;
    }
    after = tx->written + extent(tx, record);
    weftos_store_relaxed(
        &((struct wefti_header *)(void *)(tx->home_ring +
                                          (after & (tx->home_bytes - 1))))
             ->word,
        0);
    (void)commit_reseat(tx, WEFTOS_NONE, 0);
    leave_ring(tx);
    enter_ring(tx, tx->home_ring, tx->home_bytes);
    tx->reseats++;
    wake_peer(tx);
    return WEFT_OK;
}

void wefti_tx_end(struct wefti_tx *tx)
{
    struct wefti_line *line = tx->line;

    if (tx->ended) {
        return;
    }
    tx->ended = true;
    wefti_step("close");
    /* Release: after the last record. */
    weftos_store_release(&line->own->closed_at, tx->written);
    weftos_fence_full();
    if (weftos_load_relaxed(&tx->peer->parked_at) != WEFTI_NONE) {
        (void)weftos_bell_ring(&line->bell, NULL);
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
