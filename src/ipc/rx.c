/* SPDX-License-Identifier: MIT
 *
 * The consumer: reads records out of memory that a possibly hostile peer may
 * change at any moment.
 *
 * Each header word is read once, with acquire order, and checked against our
 * own idea of the ring; from then on only the local copy counts. Every record
 * that is accepted moves the position on by at least 16 bytes, and those that
 * are no message are counted, so nothing a peer writes can make a call here
 * loop. Handles are only asked of the socket when a record says that they are
 * due, and then they must be there.
 */
#include <string.h>

#include "ring.h"

/* Records in a row, without finding the ring empty, that make a stream. */
#define STREAM_RECORDS 32

/*
 * A streaming reader that has caught up lets a batch build before it looks
 * again: a reader close behind the writer takes each line out of the writer's
 * cache, one that lags reads from the shared cache, four to six times faster.
 * The longest wait, and a bound by ring size: 64 bytes of ring a nanosecond
 * is more than any writer fills.
 */
#define LINGER_MOST_US 24
#define LINGER_RING_BYTES_PER_US 65536

/* Empty-handed looks with WEFT_NOW before the kernel is asked for the peer. */
#define EMPTY_LOOKS 64

/* Wraps and reseats that may follow each other: a trim, and a growth. */
#define TURNS_MOST 8

/* A stash this large is kept for the next message. */
#define STASH_KEPT_BYTES (UINT64_C(1) << 20)

static void enter_ring(struct wefti_rx *rx, const void *ring, uint64_t bytes)
{
    uint64_t most = bytes / LINGER_RING_BYTES_PER_US;

    rx->ring = ring;
    rx->ring_bytes = bytes;
    rx->mask = bytes - 1;
    rx->batch = wefti_batch(bytes);
    rx->linger_us = (uint32_t)(most < LINGER_MOST_US ? most : LINGER_MOST_US);
}

static void leave_ring(const struct wefti_rx *rx)
{
    if (rx->ring != rx->home_ring) {
        weftos_shm_unmap(rx->ring, rx->ring_bytes);
    }
}

void wefti_rx_init(struct wefti_rx *rx, struct wefti_line *line,
                   uint64_t home_bytes, const struct wefti_limits *limits)
{
    memset(rx, 0, sizeof(*rx));
    rx->line = line;
    rx->own = line->own;
    rx->peer = line->peer;
    rx->limits = *limits;
    rx->home_bytes = home_bytes / 2;
    rx->home_ring = (const unsigned char *)line->peer + home_bytes / 2;
    wefti_site_init(&rx->site, line, &line->own->parked_at, true);
    enter_ring(rx, rx->home_ring, rx->home_bytes);
}

void wefti_rx_deinit(struct wefti_rx *rx, bool forked)
{
    if (!forked) {
        leave_ring(rx);
    }
    wefti_site_deinit(&rx->site);
    weftos_free(rx->stash);
}

/* --------------------------------------------------------------- failure --- */

static weft_status fail(struct wefti_rx *rx, weft_status status,
                        const char *operation)
{
    rx->failed = status;
    if (rx->site.detail.status == WEFT_OK) {
        rx->site.detail.status = status;
        rx->site.detail.operation = operation;
    }
    wefti_site_poke(&rx->site, true);
    return status;
}

static weft_status corrupt(struct wefti_rx *rx, const char *what)
{
    return fail(rx, WEFT_ECORRUPT, what);
}

/* --------------------------------------------------------------- waiting --- */

static const struct wefti_header *next_header(const struct wefti_rx *rx)
{
    return (const struct wefti_header *)(const void *)(rx->ring +
                                                       (rx->read & rx->mask));
}

/* The word of the next record, 0 if there is none yet. */
static inline uint64_t next_word(const struct wefti_rx *rx)
{
    /* Acquire: pairs with the release in tx.c's publish. */
    return weftos_load_acquire(&next_header(rx)->word);
}

static bool has_record(void *context)
{
    return next_word(context) != 0;
}

static bool is_closed_here(const struct wefti_rx *rx)
{
    return weftos_load_acquire(&rx->peer->closed_at) == rx->read;
}

/*
 * Nothing to read, and the peer has closed or gone? The caller found the ring
 * empty *before* it learnt that, so the ring is looked at once more.
 */
static weft_status look_for_end(struct wefti_rx *rx)
{
    if (!is_closed_here(rx) && !rx->site.hung_up) {
        return WEFT_OK;
    }
    if (next_word(rx) != 0) {
        return WEFT_OK;
    }
    if (is_closed_here(rx)) {
        return fail(rx, WEFT_ECLOSED, "receive");
    }
    return fail(rx, WEFT_EPEERDIED, "receive");
}

/* Lets the producer have the room of what was read. */
static void publish_cursor(struct wefti_rx *rx)
{
    uint64_t before = rx->published;
    uint64_t wanted;

    wefti_step("publish cursor");
    /* Release: all reads of those bytes are done. */
    weftos_store_release(&rx->own->cursor, rx->read);
    rx->published = rx->read;
    weftos_fence_full(); /* before the load: see park.h */
    wanted = weftos_load_relaxed(&rx->peer->space_at);
    if (wanted - before - 1 < rx->read - before) {
        wefti_step("ring for room");
        rx->wakes++;
        (void)weftos_bell_ring(&rx->line->bell, NULL);
    }
}

/* With WEFT_NOW: leaves the mark set if somebody polls for records. */
static weft_status look_for_record(struct wefti_rx *rx)
{
    weft_status status;

    if (rx->site.exposed == WEFTOS_NONE) {
        if (++rx->empties % EMPTY_LOOKS != 0) {
            return WEFT_EAGAIN;
        }
        status = wefti_site_sleep(&rx->site, WEFT_NOW);
    } else {
        wefti_site_poke(&rx->site, false);
        status = wefti_site_sleep(&rx->site, WEFT_NOW);
        if (status == WEFT_OK) {
            status = wefti_site_arm(&rx->site, rx->read);
        }
    }
    if (status == WEFT_OK && !has_record(rx)) {
        status = look_for_end(rx);
    }
    if (status == WEFT_OK && has_record(rx)) {
        wefti_site_poke(&rx->site, true);
        return WEFT_OK;
    }
    return status != WEFT_OK ? status : WEFT_EAGAIN;
}

/* One sleep, unless a record has come meanwhile. */
static weft_status sleep_for_record(struct wefti_rx *rx, uint64_t deadline_ns)
{
    weft_status status = wefti_site_arm(&rx->site, rx->read);

    if (status != WEFT_OK) {
        return status;
    }
    wefti_step("armed");
    if (!has_record(rx)) {
        status = look_for_end(rx);
        if (status == WEFT_OK && !has_record(rx)) {
            status = wefti_site_sleep(&rx->site, deadline_ns);
        }
    }
    wefti_site_disarm(&rx->site);
    return status;
}

/* After a burst: lets the next batch build before it is looked at. */
static void linger(struct wefti_rx *rx)
{
    if (rx->taken >= STREAM_RECORDS) {
        uint64_t pauses =
            (uint64_t)rx->linger_us * weftos_get_facts()->pauses_per_us;

        while (pauses-- > 0) {
            weftos_pause();
        }
    }
    rx->taken = 0;
}

/* Waits for a record; WEFT_OK may come early. */
static weft_status await_record(struct wefti_rx *rx, uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;

    if (rx->published != rx->read) {
        publish_cursor(rx);
    }
    if (deadline_ns == WEFT_NOW) {
        return look_for_record(rx);
    }
    linger(rx);
    if (!wefti_site_spin(&rx->site, has_record, rx, deadline_ns)) {
        if (rx->line->wait == WEFT_WAIT_SPIN) {
            status = look_for_end(rx);
        } else {
            status = sleep_for_record(rx, deadline_ns);
        }
        if (status == WEFT_OK && deadline_ns != WEFT_FOREVER &&
            !has_record(rx) && weftos_now_ns() >= deadline_ns) {
            status = WEFT_ETIMEDOUT;
        }
    }
    if (status == WEFT_EPROTO || status == WEFT_EOS) {
        return fail(rx, status, "wait for a message");
    }
    wefti_site_poke(&rx->site, true);
    return status;
}

/* --------------------------------------------------------------- records --- */

/* One record's word, taken apart and checked. */
struct record {
    const struct wefti_header *header;
    uint64_t advance; /* bytes of ring, with the header and the padding */
    uint64_t bytes;   /* of payload */
    enum wefti_type type;
    unsigned flags;
    unsigned handles;
};

static bool is_sound(const struct wefti_rx *rx, const struct record *record,
                     uint64_t length, uint64_t word)
{
    uint64_t tail = rx->ring_bytes - (rx->read & rx->mask);

    if (length < WEFTI_HEADER || record->advance > tail ||
        word >> WEFTI_RESERVED_SHIFT != 0) {
        return false;
    }
    switch (record->type) {
    case WEFTI_DATA:
        return record->advance <= wefti_record_max(rx->ring_bytes) &&
               (record->flags & ~WEFTI_FLAGS_KNOWN) == 0 &&
               record->handles <= WEFT_HANDLES_MAX &&
               (record->handles == 0 ||
                (record->flags & (WEFTI_LAST | WEFTI_HANDLES)) ==
                    (WEFTI_LAST | WEFTI_HANDLES));
    case WEFTI_WRAP:
        return length == tail && tail < rx->ring_bytes && record->flags == 0 &&
               record->handles == 0;
    case WEFTI_RESEAT:
        return length == WEFTI_HEADER + WEFTI_RESEAT_BYTES &&
               record->flags == 0 && record->handles <= 1;
    }
    return false;
}

static bool parse(const struct wefti_rx *rx, uint64_t word,
                  struct record *record)
{
    uint64_t length = word & WEFTI_LENGTH_MASK;

    record->header = next_header(rx);
    record->advance = wefti_round_up(length);
    record->bytes = length - WEFTI_HEADER;
    record->type = (enum wefti_type)((word >> WEFTI_TYPE_SHIFT) & 0xff);
    record->flags = (unsigned)(word >> WEFTI_FLAGS_SHIFT) & 0xff;
    record->handles = (unsigned)(word >> WEFTI_COUNT_SHIFT) & 0xff;
    return is_sound(rx, record, length, word);
}

/* Takes the handles that ride with the record at rx->read. */
static weft_status take_rider(struct wefti_rx *rx, enum wefti_type type,
                              unsigned count, weft_handle *handles)
{
    weftos_received received;
    struct wefti_rider rider;
    weft_status status;

    wefti_step("take handles");
    status =
        weftos_socket_recv(rx->line->socket, &received, &rx->site.detail);
    if (status == WEFT_EAGAIN || status == WEFT_ECLOSED) {
        memset(&rx->site.detail, 0, sizeof(rx->site.detail));
        return corrupt(rx, "find the handles of a record");
    }
    if (status != WEFT_OK) {
        return fail(rx, status, "receive the handles of a record");
    }
    memset(&rider, 0, sizeof(rider));
    memcpy(&rider, received.data,
           received.bytes < sizeof(rider) ? received.bytes : sizeof(rider));
    if (received.bytes != sizeof(rider) || rider.magic != WEFTI_MAGIC ||
        rider.type != (uint32_t)type || rider.position != rx->read ||
        received.handle_count != count) {
        weftos_received_drop(&received);
        return corrupt(rx, "match handles with their record");
    }
    memcpy(handles, received.handles, count * sizeof(*handles));
    received.handle_count = 0; /* they are the caller's now */
    weftos_received_drop(&received);
    return WEFT_OK;
}

/* Maps the ring that the stream goes on in. */
static weft_status map_ring(struct wefti_rx *rx, uint64_t bytes,
                            const void **ring)
{
    weft_handle object;
    weft_status status;

    if ((bytes & (bytes - 1)) != 0 || bytes < rx->home_bytes ||
        bytes > rx->limits.ring_max_bytes) {
        return fail(rx, WEFT_EPROTO, "accept the size of the peer's ring");
    }
    status = take_rider(rx, WEFTI_RESEAT, 1, &object);
    if (status != WEFT_OK) {
        return status;
    }
    status = weftos_shm_attach(object, (size_t)bytes, ring, &rx->site.detail);
    weftos_close(object);
    return status == WEFT_OK ? WEFT_OK
                             : fail(rx, status, "map the peer's ring");
}

static weft_status follow_reseat(struct wefti_rx *rx,
                                 const struct record *record)
{
    const void *ring = rx->home_ring;
    uint64_t bytes;
    weft_status status = WEFT_OK;

    memcpy(&bytes, record->header + 1, sizeof(bytes));
    if ((record->handles == 0) != (bytes == 0)) {
        return corrupt(rx, "check a move to another ring");
    }
    if (bytes != 0) {
        status = map_ring(rx, bytes, &ring);
    }
    if (status != WEFT_OK) {
        return status;
    }
    leave_ring(rx);
    enter_ring(rx, ring, bytes != 0 ? bytes : rx->home_bytes);
    rx->reseats++;
    return WEFT_OK;
}

static inline void advance(struct wefti_rx *rx, uint64_t bytes)
{
    rx->read += bytes;
    if (rx->read - rx->published >= rx->batch) {
        publish_cursor(rx);
    }
}

/* Takes a record that is no message. */
static weft_status take_turn(struct wefti_rx *rx, const struct record *record)
{
    weft_status status = WEFT_OK;

    if (++rx->turns > TURNS_MOST) {
        return corrupt(rx, "follow the peer's turns");
    }
    if (record->type == WEFTI_RESEAT) {
        status = follow_reseat(rx, record);
    }
    if (status == WEFT_OK) {
        advance(rx, record->advance);
    }
    return status;
}

/* Waits for the next record of a message, and leaves it where it is. */
static inline weft_status next_data(struct wefti_rx *rx, struct record *record,
                                    uint64_t deadline_ns)
{
    for (;;) {
        uint64_t word = next_word(rx);
        weft_status status;

        if (word == 0) {
            status = await_record(rx, deadline_ns);
        } else if (!parse(rx, word, record)) {
            status = corrupt(rx, "check a record");
        } else if (record->type == WEFTI_DATA) {
            rx->turns = 0;
            return WEFT_OK;
        } else {
            status = take_turn(rx, record);
        }
        if (status != WEFT_OK) {
            return status;
        }
    }
}

static inline void finish_record(struct wefti_rx *rx, uint64_t bytes)
{
    rx->taken++;
    rx->empties = 0;
    advance(rx, bytes);
    wefti_line_advance(rx->line);
}

/* -------------------------------------------------------------- messages --- */

/* Makes the stash hold `bytes` bytes. What it held is kept. */
static weft_status grow_stash(struct wefti_rx *rx, uint64_t bytes)
{
    unsigned char *larger;

    if (bytes <= rx->stash_bytes) {
        return WEFT_OK;
    }
    larger = weftos_alloc((size_t)bytes);
    if (larger == NULL) {
        return WEFT_ENOMEM;
    }
    weftos_free(rx->stash);
    rx->stash = larger;
    rx->stash_bytes = bytes;
    return WEFT_OK;
}

static void forget_stash(struct wefti_rx *rx)
{
    if (rx->stash_bytes > STASH_KEPT_BYTES) {
        weftos_free(rx->stash);
        rx->stash = NULL;
        rx->stash_bytes = 0;
    }
}

/* Where a message goes, and what comes of it. */
struct sink {
    unsigned char *room;
    uint64_t room_bytes;
    bool into_stash; /* not to `room` */
    weft_handle *handle_room; /* NULL: the caller takes none */
    uint64_t bytes;
    uint64_t tag;
    unsigned handle_count;
};

static unsigned char *room_of(const struct wefti_rx *rx,
                              const struct sink *sink)
{
    return sink->into_stash ? rx->stash : sink->room;
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
                                       const struct record *record,
                                       struct sink *sink)
{
    sink->handle_count = record->handles;
    return record->handles == 0 ? WEFT_OK
                                : take_rider(rx, WEFTI_DATA, record->handles,
                                             sink->handle_room);
}

/*
 * Begins a message that comes in pieces. The stash is there before anything
 * is taken out of the ring: if the deadline passes in the middle, what has
 * come so far must have a place to stay.
 */
static weft_status begin_pieces(struct wefti_rx *rx,
                                const struct record *record, struct sink *sink)
{
    uint64_t total;
    weft_status status;

    if (record->bytes < WEFTI_TOTAL_BYTES) {
        return corrupt(rx, "read the length of a message");
    }
    memcpy(&total, record->header + 1, sizeof(total));
    if (total > rx->limits.message_max_bytes) {
        return fail(rx, WEFT_EPROTO, "accept the length of a message");
    }
    rx->carries = (record->flags & WEFTI_HANDLES) != 0;
    status = check_sink(sink, total, rx->carries);
    if (status == WEFT_OK) {
        status = grow_stash(rx, total);
    }
    if (status == WEFT_OK) {
        rx->total = total;
        rx->have = 0;
        rx->assembling = true;
    }
    return status;
}

/* Copies one piece to its place in the message. */
static weft_status copy_piece(struct wefti_rx *rx, const struct record *record,
                              const struct sink *sink)
{
    uint64_t skip =
        (record->flags & WEFTI_FIRST) != 0 ? WEFTI_TOTAL_BYTES : 0;
    uint64_t bytes = record->bytes - skip;
    bool last = (record->flags & WEFTI_LAST) != 0;

    if (bytes > rx->total - rx->have ||
        (last && bytes != rx->total - rx->have)) {
        return corrupt(rx, "fit the pieces of a message");
    }
    if (bytes > 0) {
        memcpy(room_of(rx, sink) + rx->have,
               (const unsigned char *)(record->header + 1) + skip, bytes);
    }
    rx->have += bytes;
    return WEFT_OK;
}

/*
 * Takes a piece of a message in several. A first one ends a message that the
 * sender gave up half-way.
 */
static weft_status take_piece(struct wefti_rx *rx, const struct record *record,
                              struct sink *sink)
{
    weft_status status = WEFT_OK;

    if ((record->flags & WEFTI_FIRST) != 0) {
        rx->assembling = false;
        status = begin_pieces(rx, record, sink);
    } else if (!rx->assembling) {
        status = corrupt(rx, "find the beginning of a message");
    }
    if (status == WEFT_OK) {
        status = copy_piece(rx, record, sink);
    }
    if (status == WEFT_OK && (record->flags & WEFTI_LAST) != 0) {
        sink->tag = record->header->tag;
        sink->bytes = rx->total;
        status = take_handles(rx, record, sink);
        rx->assembling = false;
    }
    if (status == WEFT_OK) {
        finish_record(rx, record->advance);
    }
    return status;
}

/* Takes a message that is one record. */
static inline weft_status take_whole(struct wefti_rx *rx,
                                     const struct record *record,
                                     struct sink *sink)
{
    weft_status status = check_sink(sink, record->bytes,
                                    (record->flags & WEFTI_HANDLES) != 0);

    if (status == WEFT_OK) {
        status = take_handles(rx, record, sink);
    }
    if (status != WEFT_OK) {
        return status;
    }
    rx->assembling = false;
    sink->bytes = record->bytes;
    sink->tag = record->header->tag;
    if (record->bytes > 0) {
        memcpy(sink->room, record->header + 1, record->bytes);
    }
    finish_record(rx, record->advance);
    return WEFT_OK;
}

#define WHOLE (WEFTI_FIRST | WEFTI_LAST)

/* Takes up a message of which a part is in the stash. */
static weft_status resume(struct wefti_rx *rx, const struct sink *sink)
{
    struct sink wanted = *sink;
    weft_status status = check_sink(&wanted, rx->total, rx->carries);

    if (status == WEFT_OK && !sink->into_stash && rx->have > 0) {
        memcpy(sink->room, rx->stash, rx->have);
    }
    return status;
}

/* Puts by what has come of a message. */
static void put_by(struct wefti_rx *rx, const struct sink *sink)
{
    if (rx->assembling && !sink->into_stash && rx->have > 0) {
        memcpy(rx->stash, sink->room, rx->have);
    }
}

/*
 * Takes the next message, or stops before one that is whole if the sink is
 * the stash: a peek shows that in place.
 */
static inline weft_status take_message(struct wefti_rx *rx,
                                       struct record *record,
                                       struct sink *sink, uint64_t deadline_ns)
{
    if (rx->assembling) {
        weft_status status = resume(rx, sink);

        if (status != WEFT_OK) {
            sink->bytes = rx->total;
            return status;
        }
    }
    for (;;) {
        weft_status status = next_data(rx, record, deadline_ns);

        if (status == WEFT_OK && (record->flags & WHOLE) == WHOLE) {
            return sink->into_stash ? check_sink(sink, 0,
                                                 (record->flags &
                                                  WEFTI_HANDLES) != 0)
                                    : take_whole(rx, record, sink);
        }
        if (status == WEFT_OK) {
            status = take_piece(rx, record, sink);
        }
        if (status != WEFT_OK) {
            put_by(rx, sink);
            return status;
        }
        if ((record->flags & WEFTI_LAST) != 0) {
            return WEFT_OK;
        }
    }
}

weft_status wefti_rx_receive(struct wefti_rx *rx, weft_message *message,
                             bool handles, uint64_t deadline_ns)
{
    struct sink sink;
    struct record record;
    weft_status status;

    if (rx->failed != WEFT_OK || rx->is_peeked) {
        return rx->failed != WEFT_OK ? rx->failed : WEFT_EBUSY;
    }
    sink.room = message->data;
    sink.room_bytes = message->bytes;
    sink.into_stash = false;
    sink.handle_room = handles ? message->handles : NULL;
    sink.handle_count = 0;
    status = take_message(rx, &record, &sink, deadline_ns);
    message->handle_count = 0;
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

weft_status wefti_rx_peek(struct wefti_rx *rx, const void **data,
                          size_t *bytes, uint64_t deadline_ns)
{
    struct sink sink;
    struct record record;
    weft_status status;

    if (rx->failed != WEFT_OK || rx->is_peeked) {
        return rx->failed != WEFT_OK ? rx->failed : WEFT_EBUSY;
    }
    memset(&sink, 0, sizeof(sink));
    sink.into_stash = true;
    status = take_message(rx, &record, &sink, deadline_ns);
    if (status != WEFT_OK) {
        return status;
    }
    if ((record.flags & WHOLE) == WHOLE) {
        rx->assembling = false;
        rx->peeked = record.advance;
        *data = record.header + 1;
        *bytes = (size_t)record.bytes;
    } else {
        rx->peeked = 0;
        *data = rx->stash;
        *bytes = (size_t)rx->total;
    }
    rx->is_peeked = true;
    rx->bytes += *bytes;
    return WEFT_OK;
}

void wefti_rx_release(struct wefti_rx *rx)
{
    if (!rx->is_peeked) {
        return;
    }
    rx->is_peeked = false;
    rx->messages++;
    if (rx->peeked > 0) {
        finish_record(rx, rx->peeked);
    } else {
        forget_stash(rx);
    }
}

void wefti_rx_leave(struct wefti_rx *rx)
{
    if (rx->published != rx->read) {
        publish_cursor(rx);
    }
    wefti_step("leave");
    /* Release: whoever sees that we are gone sees our last cursor. */
    weftos_store_release(&rx->own->parked_at, WEFTI_GONE);
}

weft_status wefti_rx_expose(struct wefti_rx *rx, weft_handle *handle)
{
    return wefti_site_expose(&rx->site, handle);
}

void wefti_rx_stats(const struct wefti_rx *rx, weft_flow_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    stats->messages = rx->messages;
    stats->bytes = rx->bytes;
    stats->depth_bytes = rx->read - rx->published;
    stats->ring_bytes = rx->ring_bytes;
    stats->reseats = rx->reseats;
    stats->parks = rx->site.parks;
    stats->wakes = rx->wakes;
}
