/* SPDX-License-Identifier: MIT
 *
 * The consumer's messages: whole ones out of one record, large ones out of
 * pieces, with what rides on them.
 */
#include <stdlib.h>
#include <string.h>

#include "rx.h"

/* A stash this large is kept for the next message. */
#define STASH_KEPT_BYTES (UINT64_C(1) << 20)

static inline void set_assembling(struct wefti_rx *rx, bool on)
{
    rx->assembling = on;
    wefti_rx_set_short_end(rx);
}

/* Where a message goes, and what comes of it. */
struct sink {
    unsigned char *room;
    uint64_t room_bytes;
    bool into_stash;          /* not to `room` */
    bool spills;              /* pieces gather in the stash all the same */
    weft_handle *handle_room; /* NULL: the caller takes none */
    uint64_t bytes;
    uint64_t tag;
    unsigned handle_count;
};

static inline uint64_t tag_of(const struct wefti_record *record)
{
    return (record->flags & WEFTI_TAGGED) != 0 ? record->header->tag : 0;
}

/* May a message like this be given to the caller? */
static inline weft_status check_sink(struct sink *sink, uint64_t bytes,
                                     bool carries)
{
    if (carries && sink->handle_room == NULL) {
        return WEFT_EHANDLES;
    }
    if (!sink->into_stash && bytes > sink->room_bytes) {
        sink->bytes = bytes;
        return WEFT_EMSGSIZE;
    }
    return WEFT_OK;
}

static inline weft_status take_handles(struct wefti_rx *rx,
                                       const struct wefti_record *record,
                                       struct sink *sink)
{
    sink->handle_count = record->handles;
    return record->handles == 0
               ? WEFT_OK
               : wefti_rx_take_rider(rx, WEFTI_DATA, record->handles,
                                     sink->handle_room);
}

/* --------------------------------------------------------------- pieces --- */

/*
 * Pieces go to the caller's room if the message fits there; else, and once a
 * call has had to stop half-way, to the stash. The last piece stays in the
 * ring until the caller can take the message: only then is it certain that
 * there is one, for the sender may give it up before.
 */

/* Makes the stash hold `bytes` bytes; what it holds now is over. */
static weft_status grow_stash(struct wefti_rx *rx, uint64_t bytes)
{
    unsigned char *larger;

    if (bytes <= rx->stash_bytes) {
        return WEFT_OK;
    }
    larger = calloc(1, (size_t)bytes);
    if (larger == NULL) {
        rx->site.detail.status = WEFT_ENOMEM;
        rx->site.detail.os_code = 0;
        rx->site.detail.operation = "allocate room for a message in pieces";
        return WEFT_ENOMEM;
    }
    free(rx->stash);
    rx->stash = larger;
    rx->stash_bytes = bytes;
    return WEFT_OK;
}

static void forget_stash(struct wefti_rx *rx)
{
    if (rx->stash_bytes > STASH_KEPT_BYTES) {
        free(rx->stash);
        rx->stash = NULL;
        rx->stash_bytes = 0;
    }
}

/*
 * Begins a message that comes in pieces. The stash is there before anything
 * is taken out of the ring: if the deadline passes in the middle, what has
 * come so far must have a place to stay.
 */
static weft_status begin_pieces(struct wefti_rx *rx,
                                const struct wefti_record *record,
                                struct sink *sink)
{
    uint64_t total;
    weft_status status;

    if (record->bytes <= WEFTI_TOTAL_BYTES) {
        return wefti_rx_corrupt(rx, "read the length of a message");
    }
    memcpy(&total, record->header + 1, sizeof(total));
    if (total > rx->limits.message_max_bytes) {
        return wefti_rx_fail(rx, WEFT_EPROTO, "accept the length of a message");
    }
    status = grow_stash(rx, total);
    if (status == WEFT_OK) {
        rx->carries = (record->flags & WEFTI_HANDLES) != 0;
        rx->total = total;
        rx->have = 0;
        set_assembling(rx, true);
        sink->spills = check_sink(sink, total, rx->carries) != WEFT_OK;
    }
    return status;
}

/* Copies one piece to its place in the message. */
static void copy_piece(struct wefti_rx *rx, const struct wefti_record *record,
                       const struct sink *sink)
{
    bool stashes = sink->into_stash || sink->spills;
    uint64_t skip = (record->flags & WEFTI_FIRST) != 0 ? WEFTI_TOTAL_BYTES : 0;
    uint64_t bytes = record->bytes - skip;

    if (bytes > 0) {
        memcpy((stashes ? rx->stash : sink->room) + rx->have,
               (const unsigned char *)(record->header + 1) + skip, bytes);
    }
    rx->have += bytes;
}

/* The pieces must add up; only the last may be empty, and carry handles. */
static bool piece_fits(const struct wefti_rx *rx,
                       const struct wefti_record *record)
{
    uint64_t skip = (record->flags & WEFTI_FIRST) != 0 ? WEFTI_TOTAL_BYTES : 0;
    uint64_t bytes = record->bytes - skip;
    uint64_t left = rx->total - rx->have;

    if ((record->flags & WEFTI_LAST) != 0) {
        return bytes == left && (record->handles == 0 || rx->carries);
    }
    return bytes > 0 && bytes <= left;
}

/* The last piece is there: the message can be given out, or not yet. */
static weft_status finish_pieces(struct wefti_rx *rx,
                                 const struct wefti_record *record,
                                 struct sink *sink)
{
    weft_status status = check_sink(sink, rx->total, rx->carries);

    if (status == WEFT_OK) {
        status = take_handles(rx, record, sink);
    }
    if (status != WEFT_OK) {
        return status;
    }
    if (sink->spills && !sink->into_stash && rx->have > 0) {
        memcpy(sink->room, rx->stash, rx->have);
    }
    sink->spills = false;
    copy_piece(rx, record, sink);
    sink->tag = tag_of(record);
    sink->bytes = rx->total;
    set_assembling(rx, false);
    return WEFT_OK;
}

/*
 * Takes a piece of a message in several. A first one ends a message that the
 * sender gave up half-way.
 */
static weft_status take_piece(struct wefti_rx *rx,
                              const struct wefti_record *record,
                              struct sink *sink)
{
    weft_status status = WEFT_OK;

    if ((record->flags & WEFTI_FIRST) != 0) {
        set_assembling(rx, false);
        status = begin_pieces(rx, record, sink);
    } else if (!rx->assembling) {
        status = wefti_rx_corrupt(rx, "find the beginning of a message");
    }
    if (status == WEFT_OK && !piece_fits(rx, record)) {
        status = wefti_rx_corrupt(rx, "fit the pieces of a message");
    }
    if (status != WEFT_OK) {
        return status;
    }
    if ((record->flags & WEFTI_LAST) != 0) {
        status = finish_pieces(rx, record, sink);
    } else {
        copy_piece(rx, record, sink);
    }
    if (status == WEFT_OK) {
        wefti_rx_advance(rx, record->advance);
    }
    return status;
}

/* Puts by what has come of a message. */
static void put_by(struct wefti_rx *rx, const struct sink *sink)
{
    if (rx->assembling && !sink->into_stash && !sink->spills && rx->have > 0) {
        memcpy(rx->stash, sink->room, rx->have);
    }
}

/* ------------------------------------------------------------- messages --- */

/* Takes a message that is one record. */
static inline weft_status take_whole(struct wefti_rx *rx,
                                     const struct wefti_record *record,
                                     struct sink *sink)
{
    weft_status status =
        check_sink(sink, record->bytes, (record->flags & WEFTI_HANDLES) != 0);

    if (status == WEFT_OK) {
        status = take_handles(rx, record, sink);
    }
    if (status != WEFT_OK) {
        return status;
    }
    set_assembling(rx, false);
    sink->bytes = record->bytes;
    sink->tag = tag_of(record);
    if (record->bytes > 0) {
        wefti_copy(sink->room, record->header + 1, record->bytes);
    }
    wefti_rx_advance(rx, record->advance);
    return WEFT_OK;
}

#define WHOLE (WEFTI_FIRST | WEFTI_LAST)

/* So many bytes of pieces go by between looks at the deadline: about 1 ms. */
#define LOOK_BYTES (UINT64_C(8) << 20)

/* Messages in a row that the sender gave up: an attack, or worse. */
#define GIVEN_UP_MOST 10000

/*
 * A peer can let pieces go by for ever, all of them sound. So now and then
 * the deadline is looked at, and a peer that never ends a message is corrupt.
 */
struct patience {
    uint64_t until;    /* position of the next look */
    unsigned given_up; /* messages begun in vain */
};

static weft_status bear(struct wefti_rx *rx, struct patience *patience,
                        const struct wefti_record *record, uint64_t deadline_ns)
{
    if ((record->flags & WEFTI_FIRST) != 0 &&
        ++patience->given_up > GIVEN_UP_MOST) {
        return wefti_rx_corrupt(rx, "find an end to any message");
    }
    if (rx->read < patience->until || wefti_rx_word(rx) == 0) {
        return WEFT_OK;
    }
    patience->until = rx->read + LOOK_BYTES;
    if (deadline_ns == WEFT_NOW) {
        wefti_site_poke(&rx->site, true); /* there is more to take at once */
        return WEFT_EAGAIN;
    }
    return deadline_ns != WEFT_FOREVER && weftos_now_ns() >= deadline_ns
               ? WEFT_ETIMEDOUT
               : WEFT_OK;
}

/*
 * Takes the next message, or stops before one that is whole if the sink is
 * the stash: a peek shows that in place.
 */
static weft_status take_message(struct wefti_rx *rx,
                                struct wefti_record *record, struct sink *sink,
                                uint64_t deadline_ns)
{
    struct patience patience = {rx->read + LOOK_BYTES, 0};
    weft_status status = WEFT_OK;

    sink->spills = rx->assembling; /* the beginning lies in the stash */
    while (status == WEFT_OK) {
        status = wefti_rx_next(rx, record, deadline_ns);
        if (status == WEFT_OK && (record->flags & WHOLE) == WHOLE) {
            bool carries = (record->flags & WEFTI_HANDLES) != 0;

            return sink->into_stash ? check_sink(sink, 0, carries)
                                    : take_whole(rx, record, sink);
        }
        if (status == WEFT_OK) {
            status = take_piece(rx, record, sink);
        }
        if (status == WEFT_OK && (record->flags & WEFTI_LAST) != 0) {
            return WEFT_OK;
        }
        if (status == WEFT_OK) {
            status = bear(rx, &patience, record, deadline_ns);
        }
    }
    put_by(rx, sink);
    return status;
}

/* The long way of a message, and of whatever else may come. */
static weft_status receive(struct wefti_rx *rx, weft_message *message,
                           bool handles, uint64_t deadline_ns)
{
    struct sink sink = {
        .room = message->data,
        .room_bytes = message->bytes,
        .handle_room = handles ? message->handles : NULL,
    };
    struct wefti_record record;
    weft_status status;

    message->handle_count = 0;
    if (rx->failed != WEFT_OK || rx->is_peeked) {
        return rx->failed != WEFT_OK ? rx->failed : WEFT_EBUSY;
    }
    status = take_message(rx, &record, &sink, deadline_ns);
    if (status == WEFT_OK) {
        message->bytes = (size_t)sink.bytes;
        message->tag = sink.tag;
        message->handle_count = sink.handle_count;
        rx->messages++;
        rx->bytes += sink.bytes;
        forget_stash(rx);
    } else if (status == WEFT_EMSGSIZE) {
        message->bytes = (size_t)sink.bytes;
    }
    return status;
}

weft_status wefti_rx_receive_plain(struct wefti_rx *rx, void *room,
                                   uint64_t room_bytes, size_t *bytes,
                                   uint64_t deadline_ns)
{
    weft_message message; /* not cleared: the handles are not looked at */
    weft_status status;

    /* The common case waits once, and then the short way is open. */
    if (!rx->is_peeked && !rx->assembling && rx->failed == WEFT_OK &&
        wefti_rx_word(rx) == 0) {
        status = wefti_rx_await(rx, deadline_ns);
        if (status != WEFT_OK) {
            return status;
        }
        if (room != NULL &&
            wefti_rx_receive_short(rx, room, room_bytes, bytes)) {
            return WEFT_OK;
        }
    }
    message.data = room;
    message.bytes = (size_t)room_bytes;
    status = receive(rx, &message, false, deadline_ns);
    if (status == WEFT_OK || status == WEFT_EMSGSIZE) {
        *bytes = message.bytes;
    }
    return status;
}

weft_status wefti_rx_receive(struct wefti_rx *rx, weft_message *message,
                             bool handles, uint64_t deadline_ns)
{
    size_t room_bytes = message->bytes;
    weft_status status;

    message->handle_count = 0;
    if (message->data == NULL) {
        return receive(rx, message, handles, deadline_ns);
    }
    if (wefti_rx_receive_briefly(rx, message->data, room_bytes, &message->bytes,
                                 &message->tag)) {
        return WEFT_OK;
    }
    /* The common case waits once, and then the short way is open. */
    if (!rx->is_peeked && !rx->assembling && rx->failed == WEFT_OK &&
        wefti_rx_word(rx) == 0) {
        status = wefti_rx_await(rx, deadline_ns);
        if (status != WEFT_OK) {
            return status;
        }
        if (wefti_rx_receive_briefly(rx, message->data, room_bytes,
                                     &message->bytes, &message->tag)) {
            return WEFT_OK;
        }
    }
    return receive(rx, message, handles, deadline_ns);
}

weft_status wefti_rx_peek(struct wefti_rx *rx, const void **data, size_t *bytes,
                          uint64_t deadline_ns)
{
    struct sink sink = {.into_stash = true};
    struct wefti_record record;
    weft_status status;

    if (rx->failed != WEFT_OK || rx->is_peeked) {
        return rx->failed != WEFT_OK ? rx->failed : WEFT_EBUSY;
    }
    status = take_message(rx, &record, &sink, deadline_ns);
    if (status != WEFT_OK) {
        return status;
    }
    if ((record.flags & WHOLE) == WHOLE) {
        set_assembling(rx, false);
        rx->peeked = record.advance;
        *data = record.header + 1;
        *bytes = (size_t)record.bytes;
    } else {
        rx->peeked = 0;
        *data = rx->stash;
        *bytes = (size_t)rx->total;
    }
    rx->is_peeked = true;
    wefti_rx_set_short_end(rx);
    rx->bytes += *bytes;
    return WEFT_OK;
}

void wefti_rx_release(struct wefti_rx *rx)
{
    if (!rx->is_peeked) {
        return;
    }
    rx->is_peeked = false;
    wefti_rx_set_short_end(rx);
    rx->messages++;
    if (rx->peeked > 0) {
        wefti_rx_advance(rx, rx->peeked);
    } else {
        forget_stash(rx);
    }
}
