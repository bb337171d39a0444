/* SPDX-License-Identifier: MIT
 *
 * rx.h - what the files of the consumer share: rx.c waits for records and
 * checks them, message.c makes messages of them. The functions that each
 * message runs through are inline.
 */
#ifndef WEFTI_RX_H
#define WEFTI_RX_H

#include "os/compiler.h"
#include "ring.h"

/* One record's word, taken apart and checked. */
struct wefti_record {
    const struct wefti_header *header;
    uint64_t advance; /* bytes of ring, with the header and the padding */
    uint64_t bytes;   /* of payload */
    enum wefti_type type;
    unsigned flags;
    unsigned handles;
};

/* Latches a failure of the receiving direction, and returns it. */
weft_status wefti_rx_fail(struct wefti_rx *rx, weft_status status,
                          const char *operation);
weft_status wefti_rx_corrupt(struct wefti_rx *rx, const char *what);

/* Takes the handles that ride with the record at rx->read. */
weft_status wefti_rx_take_rider(struct wefti_rx *rx, enum wefti_type type,
                                unsigned count, weft_handle *handles);

/* Is this only a ring of a client's? */
bool wefti_is_ring(const weftos_received *received);

/* Wakes the producer, which sleeps for some of the room up to rx->read. */
void wefti_rx_wake_peer(struct wefti_rx *rx);

/*
 * For a poll set: is there a record, or an end or failure to tell of? And has
 * the peer ring for what comes next: with WEFT_EAGAIN the exposed handle will
 * be ready then.
 */
bool wefti_rx_is_ready(const struct wefti_rx *rx);
weft_status wefti_rx_arm(struct wefti_rx *rx);

/* Waits for a record; WEFT_OK may come early. */
weft_status wefti_rx_await(struct wefti_rx *rx, uint64_t deadline_ns);

/* Takes a word apart; false if no honest producer makes such a record here. */
bool wefti_rx_parse(const struct wefti_rx *rx, uint64_t word,
                    struct wefti_record *record);

/*
 * Waits for the next record of a message, and leaves it where it is. Wraps
 * and moves to other rings are done on the way.
 */
weft_status wefti_rx_next(struct wefti_rx *rx, struct wefti_record *record,
                          uint64_t deadline_ns);

static inline const struct wefti_header *
wefti_rx_header(const struct wefti_rx *rx)
{
    return (const struct wefti_header *)(const void *)(rx->ring +
                                                       (rx->read & rx->mask));
}

/* The word of the next record, 0 if there is none yet. */
static inline uint64_t wefti_rx_word(const struct wefti_rx *rx)
{
    /* Acquire: pairs with the release in wefti_tx_commit_word and the short
     * way. */
    return weftos_load_acquire(&wefti_rx_header(rx)->word);
}

/* Lets the producer have the room of what was read. */
static inline void wefti_rx_publish(struct wefti_rx *rx)
{
    uint64_t before = rx->published;
    uint64_t wanted;

    wefti_step("publish cursor");
    /* Release: all reads of those bytes are done. */
    weftos_store_release(&rx->own->cursor, rx->read);
    rx->published = rx->read;
    /* Between the store and the load: see park.h. */
    if (rx->fenced) {
        weftos_fence_full();
    } else {
        weftos_fence_compiler();
    }
    wanted = weftos_load_relaxed(&rx->peer->space_at);
    if (wanted - before - 1 < rx->read - before) {
        wefti_rx_wake_peer(rx);
    }
}

/* Messages in a row, without finding the ring empty, that make a stream. */
#define WEFTI_STREAM_MESSAGES 32

static inline bool wefti_rx_is_streaming(const struct wefti_rx *rx)
{
    return rx->messages - rx->messages_when_empty >= WEFTI_STREAM_MESSAGES;
}

/* Publishes, and decides from where on to do so again. */
static inline void wefti_rx_publish_batch(struct wefti_rx *rx)
{
    wefti_rx_publish(rx);
    rx->publish_at = wefti_rx_is_streaming(rx) ? rx->read + rx->batch : 0;
}

/* A wrap or a move to another ring may be all that ever comes. */
static inline bool wefti_rx_has_message(const struct wefti_rx *rx)
{
    return ((wefti_rx_word(rx) >> WEFTI_TYPE_SHIFT) & 0xff) == WEFTI_DATA;
}

/*
 * Goes past a record. In a stream the cursor is published in batches, and
 * when no message is there: the caller may never come back, and the
 * producer may wait for all of it to be taken. Outside one it is published at
 * once, because a look at the next record can cost the transfer of a line
 * that the caller need not wait for.
 */
WEFTOS_INLINE void wefti_rx_advance(struct wefti_rx *rx, uint64_t bytes)
{
    rx->read += bytes;
    if (rx->read >= rx->publish_at || !wefti_rx_has_message(rx)) {
        wefti_rx_publish_batch(rx);
    }
}

/* The short way takes whole messages only, in order, from a clean start. */
static inline void wefti_rx_set_short_end(struct wefti_rx *rx)
{
    rx->short_end = rx->failed != WEFT_OK || rx->is_peeked || rx->assembling
                        ? 0
                        : (rx->read & ~rx->mask) + rx->mask + 1;
}

/*
 * The short way of a message that is one record, and has a tag or, with NULL
 * for it, none: some eighty instructions for a line. False: take the long way,
 * which also finds out why.
 */
WEFTOS_INLINE bool wefti_rx_receive_briefly(struct wefti_rx *rx, void *room,
                                            uint64_t room_bytes, size_t *bytes,
                                            uint64_t *tag)
{
    uint64_t read = rx->read;
    const struct wefti_header *header =
        (const struct wefti_header *)(const void *)(rx->ring +
                                                    (read & rx->mask));
    uint64_t word = weftos_load_acquire(&header->word); /* wefti_rx_word */
    uint64_t length = word & WEFTI_LENGTH_MASK;
    uint64_t payload = length - WEFTI_HEADER; /* huge if that is too short */
    uint64_t record = wefti_round_up(length);

    if (word >> WEFTI_TYPE_SHIFT !=
            (tag != NULL ? WEFTI_PLAIN_TAGGED : WEFTI_PLAIN) ||
        payload > room_bytes || read + record > rx->short_end) {
        return false;
    }
    if (tag != NULL) {
        *tag = header->tag;
    }
    wefti_copy(room, header + 1, payload);
    *bytes = (size_t)payload;
    rx->messages++;
    rx->bytes += payload;
    wefti_rx_advance(rx, record);
    return true;
}

WEFTOS_INLINE bool wefti_rx_receive_short(struct wefti_rx *rx, void *room,
                                          uint64_t room_bytes, size_t *bytes)
{
    return wefti_rx_receive_briefly(rx, room, room_bytes, bytes, NULL);
}

/* The same for a message that is shown in place. */
WEFTOS_INLINE bool wefti_rx_peek_short(struct wefti_rx *rx, const void **data,
                                       size_t *bytes)
{
    const struct wefti_header *header = wefti_rx_header(rx);
    uint64_t word = wefti_rx_word(rx);
    uint64_t length = word & WEFTI_LENGTH_MASK;
    uint64_t record = wefti_round_up(length);

    if (word >> WEFTI_TYPE_SHIFT != WEFTI_PLAIN || length < WEFTI_HEADER ||
        rx->read + record > rx->short_end) {
        return false;
    }
    *data = header + 1;
    *bytes = (size_t)(length - WEFTI_HEADER);
    rx->peeked = record;
    rx->is_peeked = true;
    rx->short_end = 0;
    rx->bytes += length - WEFTI_HEADER;
    return true;
}

#endif
