/* SPDX-License-Identifier: MIT
 *
 * The producer's room: waiting for the consumer's cursor, and moving to a
 * larger ring when there is never enough.
 */
#include <string.h>

#include "base/log.h"
#include "tx.h"

/* The first ring after the home's: holds a burst, and whole pieces. */
#define SECOND_RING_BYTES 65536

/* Each ring after that is so many times as large. */
#define GROWTH 16

/* So many signs in a row of a ring that is too small, and it grows. */
#define SIGNS_TO_GROW 8

/* Times full within so long of each other are signs. */
#define FULLS_WITHIN_NS UINT64_C(10000000)

/*
 * A ring that was filled at this rate, in bytes per us, and is not nearly
 * empty is a sign as well: a reader this close behind is slow (layout of
 * caches; a ring of several MiB lets it lag). A ping-pong is never deep.
 */
#define STREAM_BYTES_PER_US 1280
#define DEEP_PART 64

/*
 * The home's ring is left as soon as it is full, and also when so little time
 * goes by with each round of it: a ping-pong of small messages loses 10 per
 * cent by its many wraps, and half its 99th percentile.
 */
#define HOME_ROUND_NS 50000

/* Whole records only, and no larger than a piece: a reader follows pieces. */
static void set_short_sizes(struct wefti_tx *tx)
{
    uint64_t record = wefti_record_max(tx->ring_bytes);
    uint64_t most = (record < WEFTI_PIECE_BYTES ? record : WEFTI_PIECE_BYTES) -
                    WEFTI_HEADER;

    if (most > tx->limits.message_max_bytes) {
        most = tx->limits.message_max_bytes;
    }
    tx->large_most = most;
    tx->small_most = most < WEFTI_COPY_SMALL ? most : WEFTI_COPY_SMALL;
}

void wefti_tx_enter_ring(struct wefti_tx *tx, void *ring, uint64_t bytes)
{
    tx->ring = ring;
    tx->ring_bytes = bytes;
    tx->mask = bytes - 1;
    tx->base = tx->written;
    tx->limit = tx->base + bytes - WEFTI_EXIT_BYTES;
    tx->signs = 0;
    wefti_tx_set_stop(tx);
    set_short_sizes(tx);
}

void wefti_tx_leave_ring(const struct wefti_tx *tx)
{
    if (tx->ring != tx->home_ring) {
        weftos_shm_unmap(tx->ring, tx->ring_bytes);
    }
}

/* ----------------------------------------------------------------- room --- */

/* Reads the peer's cursor, which may be any number at all. */
static weft_status refresh(struct wefti_tx *tx)
{
    /* Acquire: the consumer has done with the bytes before its cursor. */
    uint64_t cursor = weftos_load_acquire(&tx->peer->cursor);

    if (cursor - tx->cursor > tx->written - tx->cursor) {
        return wefti_tx_fail(tx, WEFT_ECORRUPT, "check the peer's cursor");
    }
    if (cursor != tx->cursor) {
        tx->cursor = cursor;
        wefti_line_advance(tx->line);
    }
    if (!tx->starts_larger) {
        tx->limit = (cursor > tx->base ? cursor : tx->base) + tx->ring_bytes -
                    WEFTI_EXIT_BYTES;
        wefti_tx_set_stop(tx);
    }
    return WEFT_OK;
}

/* The caller looks at the cursor after this: it may be the last one. */
static bool is_gone(const struct wefti_tx *tx)
{
    return tx->site.hung_up || wefti_tx_has_left(tx);
}

struct goal {
    const struct wefti_home *peer;
    uint64_t position; /* what is needed */
    uint64_t mark;     /* what is worth waking up for: no less */
};

static bool is_reached(void *context)
{
    const struct goal *goal = context;

    return weftos_load_acquire(&goal->peer->cursor) >= goal->position;
}

static bool spin(struct wefti_tx *tx, struct goal *goal)
{
    uint64_t us = wefti_site_spin_us(&tx->site);

    return us != 0 && wefti_site_spin(&tx->site, us, is_reached, goal);
}

/* One sleep, unless the cursor has got there meanwhile. */
static weft_status sleep_for_cursor(struct wefti_tx *tx,
                                    const struct goal *goal,
                                    uint64_t deadline_ns)
{
    weft_status status = wefti_site_arm(&tx->site, goal->mark);

    if (status != WEFT_OK) {
        return status;
    }
    wefti_step("armed for room");
    status = refresh(tx);
    if (status == WEFT_OK && tx->cursor < goal->position && !is_gone(tx)) {
        wefti_site_poke(&tx->site, false); /* or it would not sleep */
        status = wefti_site_sleep(&tx->site, deadline_ns);
    }
    wefti_site_disarm(&tx->site);
    return status;
}

/* Looks with WEFT_NOW that find no room before the kernel is asked. */
#define FRUITLESS_LOOKS 16

/* With WEFT_NOW: leaves the mark set if somebody polls for room. */
static weft_status look_for_cursor(struct wefti_tx *tx, uint64_t position)
{
    weft_status status;

    if (tx->site.exposed == WEFTOS_NONE) {
        if (++tx->fruitless % FRUITLESS_LOOKS != 0) {
            return WEFT_EAGAIN;
        }
        status = wefti_site_sleep(&tx->site, WEFT_NOW);
    } else {
        wefti_site_poke(&tx->site, false);
        status = wefti_site_sleep(&tx->site, WEFT_NOW);
        if (status == WEFT_OK) {
            status = wefti_site_arm(&tx->site, position);
        }
    }
    if (status == WEFT_OK) {
        status = refresh(tx);
    }
    if (status == WEFT_OK && tx->cursor < position) {
        return is_gone(tx) ? wefti_tx_fail_gone(tx) : WEFT_EAGAIN;
    }
    wefti_site_poke(&tx->site, true);
    return status;
}

/* One round of waiting: spins, then sleeps once. */
static weft_status wait_once(struct wefti_tx *tx, struct goal *goal,
                             uint64_t deadline_ns)
{
    weft_status status;

    if (deadline_ns == WEFT_NOW) {
        return look_for_cursor(tx, goal->position);
    }
    if (spin(tx, goal)) {
        return WEFT_OK;
    }
    status = tx->line->wait == WEFT_WAIT_SPIN
                 ? wefti_site_sleep(&tx->site, WEFT_NOW)
                 : sleep_for_cursor(tx, goal, deadline_ns);
    if (status == WEFT_OK && deadline_ns != WEFT_FOREVER && !is_reached(goal) &&
        weftos_now_ns() >= deadline_ns) {
        return WEFT_ETIMEDOUT;
    }
    return status;
}

/* Waits until the peer's cursor has reached the goal. */
static weft_status await_cursor(struct wefti_tx *tx, struct goal *goal,
                                uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;

    if (tx->unrung != tx->written) {
        /* For a wrap marker: the peer may sleep before it. */
        wefti_tx_wake_peer(tx, tx->unrung);
    }
    while (status == WEFT_OK) {
        bool gone = is_gone(tx);

        status = refresh(tx);
        if (status != WEFT_OK || tx->cursor >= goal->position) {
            break;
        }
        if (gone) {
            return wefti_tx_fail_gone(tx);
        }
        status = wait_once(tx, goal, deadline_ns);
        if (status == WEFT_EPROTO || status == WEFT_EOS) {
            return wefti_tx_fail(tx, status, "wait for room");
        }
    }
    /* Whoever polls may look for himself, unless we have just looked. */
    if (status != WEFT_EAGAIN) {
        wefti_site_poke(&tx->site, true);
    }
    return status;
}

/* Waits for this position exactly. */
static weft_status await_exactly(struct wefti_tx *tx, uint64_t position,
                                 uint64_t deadline_ns)
{
    struct goal goal = {tx->peer, position, position};

    return await_cursor(tx, &goal, deadline_ns);
}

/*
 * Waits for this position, and sleeps for half a ring at least, if messages
 * reach so far: a wake for each small batch would cost more than it brings.
 */
static weft_status await_room(struct wefti_tx *tx, uint64_t position,
                              uint64_t deadline_ns)
{
    uint64_t half = tx->cursor + tx->ring_bytes / 2;
    uint64_t end = wefti_tx_message_end(tx);
    uint64_t mark = half < end ? half : end;
    struct goal goal = {tx->peer, position, mark > position ? mark : position};

    return await_cursor(tx, &goal, deadline_ns);
}

/* -------------------------------------------------------------- growing --- */

/* Commits the record that sends the consumer to another ring. */
static weft_status commit_reseat(struct wefti_tx *tx, weft_handle object,
                                 uint64_t bytes)
{
    const uint64_t length = WEFTI_HEADER + WEFTI_RESEAT_BYTES;
    struct wefti_rider rider = {WEFTI_MAGIC, WEFTI_RESEAT, 0};
    weft_status status;

    wefti_tx_wrap_for(tx, wefti_round_up(length));
    if (bytes != 0) {
        rider.position = tx->written;
        wefti_step("send segment");
        status = weftos_socket_send(tx->line->socket, &rider, sizeof(rider),
                                    &object, 1, NULL);
        if (status != WEFT_OK) {
            return status;
        }
    }
    memcpy(wefti_tx_header(tx, tx->written) + 1, &bytes, sizeof(bytes));
    wefti_tx_publish(tx, length, WEFTI_RESEAT, 0, bytes != 0);
    wefti_tx_note_turn(tx, wefti_round_up(length));
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
    wefti_tx_leave_ring(tx);
    tx->starts_larger = false;
    wefti_tx_enter_ring(tx, ring, bytes);
    tx->reseats++;
    wefti_tx_wake_peer(tx, tx->unrung);
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
        tx->starts_larger = false;
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

/* Counts a sign that the ring is too small, or forgets the earlier ones. */
static bool count_sign(struct wefti_tx *tx, bool sign)
{
    tx->signs = sign ? tx->signs + 1 : 0;
    return tx->signs >= SIGNS_TO_GROW;
}

/* The ring is full: so often that a larger one pays? */
static bool is_cramped(struct wefti_tx *tx)
{
    uint64_t now = weftos_now_ns();
    bool close = now - tx->full_at_ns < FULLS_WITHIN_NS;

    tx->full_at_ns = now;
    return tx->ring == tx->home_ring || count_sign(tx, close);
}

/* A ringful has gone by: as part of a stream? */
static bool is_streaming(struct wefti_tx *tx)
{
    uint64_t now = weftos_now_ns();
    bool fast =
        (now - tx->round_at_ns) * STREAM_BYTES_PER_US / 1000 < tx->ring_bytes;
    bool deep = tx->written - tx->cursor >= tx->ring_bytes / DEEP_PART;

    tx->round_at_ns = now;
    return count_sign(tx, fast && deep);
}

/* The home's ring has gone round: in a lively exchange? */
static bool is_lively(struct wefti_tx *tx)
{
    uint64_t now = weftos_now_ns();
    bool fast = now - tx->round_at_ns < HOME_ROUND_NS;

    tx->round_at_ns = now;
    return count_sign(tx, fast);
}

/* There is room, but would a larger ring be faster? */
static bool is_slow(struct wefti_tx *tx)
{
    return tx->ring == tx->home_ring ? is_lively(tx) : is_streaming(tx);
}

static uint64_t next_ring(const struct wefti_tx *tx, uint64_t record)
{
    uint64_t bytes = tx->ring_bytes * GROWTH;

    if (tx->ring == tx->home_ring) {
        return ring_for(tx, record);
    }
    return bytes < tx->limits.ring_max_bytes ? bytes
                                             : tx->limits.ring_max_bytes;
}

void wefti_tx_fit_ring(struct wefti_tx *tx, uint64_t record)
{
    if (tx->ring_bytes < tx->limits.ring_max_bytes &&
        (record > wefti_record_max(tx->ring_bytes) || tx->starts_larger)) {
        uint64_t bytes = ring_for(tx, record);

        try_reseat(tx, bytes > tx->limits.ring_bytes ? bytes
                                                     : tx->limits.ring_bytes);
    }
}

/* ---------------------------------------------------------------- claim --- */

weft_status wefti_tx_make_room(struct wefti_tx *tx, uint64_t record,
                               uint64_t deadline_ns)
{
    weft_status status;

    wefti_tx_fit_ring(tx, record);
    status = refresh(tx);
    if (status != WEFT_OK) {
        return status;
    }
    if (tx->ring_bytes < tx->limits.ring_max_bytes &&
        (wefti_tx_has_room(tx, record) ? is_slow(tx) : is_cramped(tx))) {
        try_reseat(tx, next_ring(tx, record));
    }
    if (wefti_tx_has_room(tx, record)) {
        return WEFT_OK;
    }
    tx->full++;
    /* The limit follows the cursor at a fixed distance. */
    return await_room(tx,
                      tx->written + wefti_tx_extent(tx, record) + 16 +
                          WEFTI_EXIT_BYTES - tx->ring_bytes,
                      tx->drops ? WEFT_NOW : deadline_ns);
}

weft_status wefti_tx_flush(struct wefti_tx *tx, uint64_t deadline_ns)
{
    if (tx->failed != WEFT_OK) {
        return tx->failed;
    }
    return await_exactly(tx, wefti_tx_message_end(tx), deadline_ns);
}

/*
 * The home's ring may only be entered again when the consumer has left it,
 * and it is full of old records: the first header is zeroed first.
 */
weft_status wefti_tx_trim(struct wefti_tx *tx, uint64_t deadline_ns)
{
    const uint64_t record = wefti_round_up(WEFTI_HEADER + WEFTI_RESEAT_BYTES);
    uint64_t after;
    weft_status status = wefti_tx_may_begin(tx);

    if (status != WEFT_OK) {
        return status;
    }
    if (tx->ring == tx->home_ring) {
        return WEFT_OK;
    }
    status = await_exactly(tx, tx->base, deadline_ns);
    if (status != WEFT_OK) {
        return status;
    }
    after = tx->written + wefti_tx_extent(tx, record);
    weftos_store_relaxed(
        &((struct wefti_header *)(void *)(tx->home_ring +
                                          (after & (tx->home_bytes - 1))))
             ->word,
        0);
    (void)commit_reseat(tx, WEFTOS_NONE, 0);
    wefti_tx_leave_ring(tx);
    wefti_tx_enter_ring(tx, tx->home_ring, tx->home_bytes);
    tx->reseats++;
    wefti_tx_wake_peer(tx, tx->unrung);
    return WEFT_OK;
}
