/* SPDX-License-Identifier: MIT
 *
 * tx.h - what the files of the producer share: tx.c makes and commits
 * records, room.c waits for room and moves to larger rings. The functions
 * that each message runs through are inline.
 */
#ifndef WEFTI_TX_H
#define WEFTI_TX_H

#include "os/compiler.h"
#include "ring.h"

/* Commits without a sleeping peer after which a producer calls it a stream. */
#define WEFTI_STREAM_STREAK 256

/* Latches a failure of the sending direction, and returns it. */
weft_status wefti_tx_fail(struct wefti_tx *tx, weft_status status,
                          const char *operation);

/* The peer is gone: in order, or not? */
weft_status wefti_tx_fail_gone(struct wefti_tx *tx);

/* The peer has closed in order. */
bool wefti_tx_has_left(const struct wefti_tx *tx);

/* May a record be begun? The direction's failure, WEFT_EINVAL or WEFT_EBUSY. */
weft_status wefti_tx_may_begin(const struct wefti_tx *tx);

/* The stream goes on in this ring. */
void wefti_tx_enter_ring(struct wefti_tx *tx, void *ring, uint64_t bytes);
void wefti_tx_leave_ring(const struct wefti_tx *tx);

/* Makes the ring as large as a record of this size wants it, if it can be. */
void wefti_tx_fit_ring(struct wefti_tx *tx, uint64_t record);

/* The slow half of wefti_tx_claim: the known room is used up. */
weft_status wefti_tx_make_room(struct wefti_tx *tx, uint64_t record,
                               uint64_t deadline_ns);

/* The peer sleeps, or should be waking up, or is gone. */
void wefti_tx_notice_mark(struct wefti_tx *tx, uint64_t from, uint64_t mark);

/* From here on a sleeper fences for both; see park.h. */
void wefti_tx_leave_fence(struct wefti_tx *tx);

static inline struct wefti_header *wefti_tx_header(const struct wefti_tx *tx,
                                                   uint64_t position)
{
    return (struct wefti_header *)(void *)(tx->ring + (position & tx->mask));
}

/*
 * Zero ahead: the header after a record of this length says "not yet". It
 * comes before the payload, whose first bytes share a line with the word that
 * the consumer polls: that line should be written in one go, and last.
 */
static inline void wefti_tx_zero_ahead(struct wefti_tx *tx, uint64_t length)
{
    wefti_step("zero ahead");
    /* Relaxed: the release of the commit orders it. */
    weftos_store_relaxed(
        &wefti_tx_header(tx, tx->written + wefti_round_up(length))->word, 0);
}

/* Stores a record's word: from here on the consumer may have it. */
static inline void wefti_tx_commit_word(struct wefti_tx *tx, uint64_t length,
                                        uint64_t upper_half)
{
    wefti_step("commit");
    /* Release: the payload and the zero ahead. wefti_rx_word acquires. */
    weftos_store_release(&wefti_tx_header(tx, tx->written)->word,
                         length | upper_half << WEFTI_TYPE_SHIFT);
    wefti_step("committed");
    tx->written += wefti_round_up(length);
}

/* Both, for a record whose payload is there. */
static inline void wefti_tx_publish(struct wefti_tx *tx, uint64_t length,
                                    enum wefti_type type, unsigned flags,
                                    uint64_t handles)
{
    wefti_tx_zero_ahead(tx, length);
    wefti_tx_commit_word(tx, length, wefti_upper_half(type, flags, handles));
}

/* What a record takes up here and now, with a wrap marker if it needs one. */
static inline uint64_t wefti_tx_extent(const struct wefti_tx *tx,
                                       uint64_t record)
{
    uint64_t tail = tx->ring_bytes - (tx->written & tx->mask);

    return record <= tail ? record : tail + record;
}

/*
 * The record just committed is no message. A consumer that has taken all
 * messages may never come to take it, so nobody may wait for that.
 */
static inline void wefti_tx_note_turn(struct wefti_tx *tx, uint64_t bytes)
{
    if (tx->turn_end != tx->written - bytes) {
        tx->turn_begin = tx->written - bytes;
    }
    tx->turn_end = tx->written;
}

/* The end of the last message, which a consumer can be expected to reach. */
static inline uint64_t wefti_tx_message_end(const struct wefti_tx *tx)
{
    return tx->turn_end == tx->written ? tx->turn_begin : tx->written;
}

/* Goes to the ring's beginning if a record does not fit before its end. */
static inline void wefti_tx_wrap_for(struct wefti_tx *tx, uint64_t record)
{
    uint64_t tail = tx->ring_bytes - (tx->written & tx->mask);

    if (record > tail) {
        wefti_tx_publish(tx, tail, WEFTI_WRAP, 0, 0);
        wefti_tx_note_turn(tx, tail);
    }
}

static inline bool wefti_tx_has_room(const struct wefti_tx *tx, uint64_t record)
{
    return tx->written + wefti_tx_extent(tx, record) + 16 <= tx->limit;
}

/* Tests whether the peer sleeps for anything committed since `from`. */
WEFTOS_INLINE void wefti_tx_wake_peer(struct wefti_tx *tx, uint64_t from)
{
    uint64_t mark;

    tx->unrung = tx->written;
    if (tx->fenced) {
        weftos_fence_full();
    } else {
        weftos_fence_compiler();
    }
    mark = weftos_load_relaxed(&tx->peer->parked_at);
    if (mark != WEFTI_NONE) {
        wefti_tx_notice_mark(tx, from, mark);
    } else if (tx->fenced && tx->line->fences_remote &&
               ++tx->streak >= WEFTI_STREAM_STREAK) {
        wefti_tx_leave_fence(tx);
    }
}

/* Up to where the short way may go. */
static inline void wefti_tx_set_stop(struct wefti_tx *tx)
{
    uint64_t lap_end = (tx->written & ~tx->mask) + tx->mask + 1;
    uint64_t room_end = tx->limit > 16 ? tx->limit - 16 : 0;

    tx->stop = lap_end < room_end ? lap_end : room_end;
    /* The short way only tests its own record for a sleeper. */
    if (tx->failed != WEFT_OK || tx->ended || tx->is_reserved ||
        tx->unrung != tx->written) {
        tx->stop = 0;
    }
}

/*
 * The short way of a message into a ring that has room for it: some eighty
 * instructions for a `small` one of a line. With a tag that is not 0, and with
 * `more`, 8 bytes that follow the data, or NULL. False: take the long way,
 * which also finds out why. What it needs is read into locals first: the
 * compiler must assume that the ring and *tx overlap.
 */
WEFTOS_INLINE bool wefti_tx_send_briefly(struct wefti_tx *tx, const void *data,
                                         uint64_t bytes, uint64_t tag,
                                         const uint64_t *more, bool small)
{
    uint64_t mask = tx->mask;
    uint64_t written = tx->written;
    uint64_t payload = bytes + (more != NULL ? sizeof(*more) : 0);
    uint64_t length = WEFTI_HEADER + payload;
    uint64_t next = written + wefti_round_up(length);
    unsigned char *ring = tx->ring;
    struct wefti_header *header;
    struct wefti_header *after;
    unsigned char *to;

    if (bytes > (small ? tx->small_most : tx->large_most) || next > tx->stop) {
        return false;
    }
    header = (struct wefti_header *)(void *)(ring + (written & mask));
    after = (struct wefti_header *)(void *)(ring + (next & mask));
    to = (unsigned char *)(header + 1);
    wefti_step("zero ahead");
    weftos_store_relaxed(&after->word, 0); /* see wefti_tx_zero_ahead */
    if (small) {
        wefti_copy_small(to, data, bytes);
    } else {
        memcpy(to, data, bytes);
    }
    if (more != NULL) {
        memcpy(to + bytes, more, sizeof(*more));
    }
    if (tag != 0) {
        header->tag = tag;
    }
    wefti_step("commit");
    weftos_store_release(&header->word,
                         length | (tag != 0 ? WEFTI_PLAIN_TAGGED : WEFTI_PLAIN)
                                      << WEFTI_TYPE_SHIFT);
    wefti_step("committed");
    tx->written = next;
    tx->messages++;
    tx->bytes += bytes;
    wefti_tx_wake_peer(tx, written);
    return true;
}

WEFTOS_INLINE bool wefti_tx_send_short(struct wefti_tx *tx, const void *data,
                                       uint64_t bytes, bool small)
{
    return wefti_tx_send_briefly(tx, data, bytes, 0, NULL, small);
}

/* The short way to a place in the ring; NULL: take the long way. */
WEFTOS_INLINE void *wefti_tx_reserve_short(struct wefti_tx *tx, uint64_t bytes)
{
    uint64_t next = tx->written + wefti_round_up(WEFTI_HEADER + bytes);

    if (bytes > tx->large_most || next > tx->stop) {
        return NULL;
    }
    tx->reserved = bytes;
    tx->is_reserved = true;
    tx->stop = 0;
    return wefti_tx_header(tx, tx->written) + 1;
}

/*
 * Makes sure that a record of `record` bytes, rounded up, can be written at
 * tx->written.
 */
static inline weft_status wefti_tx_claim(struct wefti_tx *tx, uint64_t record,
                                         uint64_t deadline_ns)
{
    if (!wefti_tx_has_room(tx, record)) {
        weft_status status = wefti_tx_make_room(tx, record, deadline_ns);

        if (status != WEFT_OK) {
            return status;
        }
    }
    wefti_tx_wrap_for(tx, record);
    wefti_tx_set_stop(tx);
    return WEFT_OK;
}

#endif
