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
#include <stdlib.h>
#include <string.h>

#include "received.h"
#include "rx.h"

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

/* Wraps and reseats without a message between them: an honest peer has few. */
#define TURNS_MOST 1000

static void enter_ring(struct wefti_rx *rx, const void *ring, uint64_t bytes)
{
    uint64_t most = bytes / LINGER_RING_BYTES_PER_US;

    rx->ring = ring;
    rx->ring_bytes = bytes;
    rx->mask = bytes - 1;
    rx->batch = wefti_batch(bytes);
    rx->record_max = wefti_record_max(bytes);
    rx->short_end = 0; /* the long way sets it */
    rx->publish_at = 0;
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
    rx->fenced = !line->fences_remote;
    rx->own = line->own;
    rx->peer = line->peer;
    rx->limits = *limits;
    rx->home_bytes = home_bytes / 2;
    rx->home_ring = (const unsigned char *)line->peer + home_bytes / 2;
    rx->segment = WEFTOS_NONE;
    wefti_site_init(&rx->site, line, &line->own->parked_at,
                    &line->peer->fence_mode);
    enter_ring(rx, rx->home_ring, rx->home_bytes);
}

void wefti_rx_deinit(struct wefti_rx *rx, bool forked)
{
    if (!forked) {
        leave_ring(rx);
    }
    weftos_close(rx->segment);
    wefti_site_deinit(&rx->site);
    free(rx->stash);
}

/* -------------------------------------------------------------- failure --- */

weft_status wefti_rx_fail(struct wefti_rx *rx, weft_status status,
                          const char *operation)
{
    rx->failed = status;
    rx->short_end = 0;
    if (rx->site.detail.status != status) {
        rx->site.detail.os_code = 0;
        rx->site.detail.status = status;
        rx->site.detail.operation = operation;
    }
    wefti_site_poke(&rx->site, true);
    return status;
}

weft_status wefti_rx_corrupt(struct wefti_rx *rx, const char *what)
{
    return wefti_rx_fail(rx, WEFT_ECORRUPT, what);
}

/* -------------------------------------------------------------- waiting --- */

static bool has_record(void *context)
{
    return wefti_rx_word(context) != 0;
}

static bool is_closed_here(const struct wefti_rx *rx)
{
    return weftos_load_acquire(&rx->peer->closed_at) == rx->read;
}

bool wefti_rx_is_ready(const struct wefti_rx *rx)
{
    return wefti_rx_word(rx) != 0 || rx->failed != WEFT_OK ||
           rx->site.hung_up || is_closed_here(rx);
}

/*
 * Nothing to read, and the peer has closed or gone? The caller found the ring
 * empty *before* it learnt that, so the ring is looked at once more.
 */
static weft_status look_for_end(struct wefti_rx *rx)
{
    /* Read once: a hostile peer may change it from one look to the next. */
    bool closed = is_closed_here(rx);

    if ((!closed && !rx->site.hung_up) || wefti_rx_word(rx) != 0) {
        return WEFT_OK;
    }
    return wefti_rx_fail(rx, closed ? WEFT_ECLOSED : wefti_line_loss(rx->line),
                         "receive");
}

void wefti_rx_wake_peer(struct wefti_rx *rx)
{
    wefti_step("ring for room");
    rx->wakes++;
    (void)wefti_line_ring(rx->line, &rx->site.detail);
}

/* Looks without waiting, and leaves the mark set if somebody is to poll. */
static weft_status look_for_record(struct wefti_rx *rx, bool is_polled)
{
    weft_status status = WEFT_OK;

    if (is_polled) {
        wefti_site_poke(&rx->site, false);
        status = wefti_site_sleep(&rx->site, WEFT_NOW);
        if (status == WEFT_OK) {
            status = wefti_site_arm(&rx->site, rx->read);
        }
    } else if (++rx->empties % EMPTY_LOOKS == 0) {
        status = wefti_site_sleep(&rx->site, WEFT_NOW);
        /* A poll set that has armed us must look again: poll.h. */
        wefti_site_poke(&rx->site, true);
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
            wefti_site_poke(&rx->site, false); /* or it would not sleep */
            status = wefti_site_sleep(&rx->site, deadline_ns);
        }
    }
    wefti_site_disarm(&rx->site);
    return status;
}

/* After a burst: lets the next batch build before it is looked at. */
static void linger(struct wefti_rx *rx)
{
    if (wefti_rx_is_streaming(rx)) {
        uint64_t pauses =
            (uint64_t)rx->linger_us * weftos_get_facts()->pauses_per_us;

        while (pauses-- > 0) {
            weftos_pause();
        }
    }
    rx->messages_when_empty = rx->messages;
    rx->publish_at = 0;
}

static bool spin(struct wefti_rx *rx)
{
    uint64_t us = wefti_site_spin_us(&rx->site);

    if (us == 0) {
        return has_record(rx);
    }
    return wefti_spin_eagerly(has_record, rx) ||
           wefti_site_spin(&rx->site, us, has_record, rx);
}

/* Spun in vain: sleeps, or only looks whether there is an end to it. */
static weft_status sleep_or_look(struct wefti_rx *rx, uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;

    if (rx->line->wait == WEFT_WAIT_SPIN) {
        status = wefti_site_sleep(&rx->site, WEFT_NOW);
        if (status == WEFT_OK) {
            status = look_for_end(rx);
        }
    } else if (rx->line->wait == WEFT_WAIT_BLOCK ||
               !wefti_yields_take(&rx->site.yields, deadline_ns, has_record,
                                  rx)) {
        status = sleep_for_record(rx, deadline_ns);
    }
    if (status == WEFT_OK && deadline_ns != WEFT_FOREVER && !has_record(rx) &&
        weftos_now_ns() >= deadline_ns) {
        return WEFT_ETIMEDOUT;
    }
    return status;
}

/* These are told by all later calls too. */
static weft_status keep_failure(struct wefti_rx *rx, weft_status status)
{
    return status == WEFT_EPROTO || status == WEFT_EOS
               ? wefti_rx_fail(rx, status, "wait for a message")
               : status;
}

weft_status wefti_rx_await(struct wefti_rx *rx, uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;

    if (rx->waited_at != rx->read) {
        rx->waited_at = rx->read;
        wefti_line_advance(rx->line);
    }
    if (deadline_ns == WEFT_NOW) {
        /* In a poll set it is armed before the set sleeps, not by each look. */
        status = look_for_record(rx, rx->site.exposed != WEFTOS_NONE &&
                                         rx->site.source == NULL);
    } else {
        linger(rx);
        if (!spin(rx)) {
            status = sleep_or_look(rx, deadline_ns);
        }
        wefti_site_poke(&rx->site, true);
    }
    return keep_failure(rx, status);
}

weft_status wefti_rx_arm(struct wefti_rx *rx)
{
    if (wefti_rx_is_ready(rx)) {
        return WEFT_OK;
    }
    if (rx->waited_at != rx->read) {
        rx->waited_at = rx->read;
        wefti_line_advance(rx->line);
    }
    return keep_failure(rx, look_for_record(rx, true));
}

/* -------------------------------------------------------------- records --- */

static bool is_sound(const struct wefti_rx *rx,
                     const struct wefti_record *record, uint64_t length,
                     uint64_t word)
{
    uint64_t tail = rx->ring_bytes - (rx->read & rx->mask);

    if (length < WEFTI_HEADER || record->advance > tail ||
        word >> WEFTI_RESERVED_SHIFT != 0) {
        return false;
    }
    switch (record->type) {
    case WEFTI_DATA:
        return record->advance <= rx->record_max &&
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

bool wefti_rx_parse(const struct wefti_rx *rx, uint64_t word,
                    struct wefti_record *record)
{
    uint64_t length = word & WEFTI_LENGTH_MASK;

    record->header = wefti_rx_header(rx);
    record->advance = wefti_round_up(length);
    record->bytes = length - WEFTI_HEADER;
    record->type = (enum wefti_type)((word >> WEFTI_TYPE_SHIFT) & 0xff);
    record->flags = (unsigned)(word >> WEFTI_FLAGS_SHIFT) & 0xff;
    record->handles = (unsigned)(word >> WEFTI_COUNT_SHIFT) & 0xff;
    return is_sound(rx, record, length, word);
}

bool wefti_is_ring(const weftos_received *received)
{
    struct wefti_rider rider;

    if (received->bytes != sizeof(rider) || received->handle_count != 0) {
        return false;
    }
    memcpy(&rider, received->data, sizeof(rider));
    return rider.magic == WEFTI_MAGIC && rider.type == WEFTI_RING &&
           rider.position == 0;
}

/* An honest peer rings once for each sleep of the hub's. */
#define RINGS_MOST 1000

/* The next control message; a hub passes over those that only ring. */
static weft_status next_control(struct wefti_rx *rx, weftos_received *received)
{
    struct wefti_line *line = rx->line;
    struct wefti_early *early = line->early;

    if (early != NULL && early->count > 0) {
        *received = early->received[0];
        early->count--;
        memmove(&early->received[0], &early->received[1],
                early->count * sizeof(early->received[0]));
        return WEFT_OK;
    }
    for (unsigned i = 0; i < RINGS_MOST; i++) {
        weft_status status =
            weftos_socket_recv(line->socket, received, &rx->site.detail);

        if (status != WEFT_OK || !line->is_hub || !wefti_is_ring(received)) {
            return status;
        }
        wefti_received_drop(received);
    }
    return WEFT_EAGAIN;
}

weft_status wefti_rx_take_rider(struct wefti_rx *rx, enum wefti_type type,
                                unsigned count, weft_handle *handles)
{
    weftos_received received;
    struct wefti_rider rider;
    weft_status status;

    wefti_step("take handles");
    status = next_control(rx, &received);
    if (status == WEFT_EAGAIN || status == WEFT_ECLOSED) {
        memset(&rx->site.detail, 0, sizeof(rx->site.detail));
        return wefti_rx_corrupt(rx, "find the handles of a record");
    }
    if (status != WEFT_OK) {
        return status == WEFT_ENOMEM
                   ? status /* nothing was taken: the caller may try again */
                   : wefti_rx_fail(rx, status,
                                   "receive the handles of a record");
    }
    memset(&rider, 0, sizeof(rider));
    memcpy(&rider, received.data,
           received.bytes < sizeof(rider) ? received.bytes : sizeof(rider));
    if (received.bytes != sizeof(rider) || rider.magic != WEFTI_MAGIC ||
        rider.type != (uint32_t)type || rider.position != rx->read ||
        received.handle_count != count) {
        wefti_received_drop(&received);
        return wefti_rx_corrupt(rx, "match handles with their record");
    }
    memcpy(handles, received.handles, count * sizeof(*handles));
    received.handle_count = 0; /* they are the caller's now */
    wefti_received_drop(&received);
    return WEFT_OK;
}

/*
 * Maps the ring that the stream goes on in. Should memory be short, the handle
 * is kept for the next try.
 */
static weft_status map_ring(struct wefti_rx *rx, uint64_t bytes,
                            const void **ring)
{
    weft_status status = WEFT_OK;

    if ((bytes & (bytes - 1)) != 0 || bytes < rx->home_bytes ||
        bytes > rx->limits.ring_max_bytes) {
        return wefti_rx_fail(rx, WEFT_EPROTO,
                             "accept the size of the peer's ring");
    }
    if (rx->segment == WEFTOS_NONE) {
        status = wefti_rx_take_rider(rx, WEFTI_RESEAT, 1, &rx->segment);
    }
    if (status == WEFT_OK) {
        status = weftos_shm_attach(rx->segment, (size_t)bytes, ring,
                                   &rx->site.detail);
        if (status != WEFT_OK && status != WEFT_ENOMEM) {
            status = wefti_rx_fail(rx, status, "map the peer's ring");
        }
    }
    if (status == WEFT_OK) {
        weftos_close(rx->segment);
        rx->segment = WEFTOS_NONE;
    }
    return status;
}

static weft_status follow_reseat(struct wefti_rx *rx,
                                 const struct wefti_record *record)
{
    const void *ring = rx->home_ring;
    uint64_t bytes;
    weft_status status = WEFT_OK;

    memcpy(&bytes, record->header + 1, sizeof(bytes));
    if ((record->handles == 0) != (bytes == 0)) {
        return wefti_rx_corrupt(rx, "check a move to another ring");
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

/* Takes a record that is no message. */
static weft_status take_turn(struct wefti_rx *rx,
                             const struct wefti_record *record)
{
    weft_status status = WEFT_OK;

    if (rx->turned_at != rx->messages) { /* the short way leaves turns alone */
        rx->turned_at = rx->messages;
        rx->turns = 0;
    }
    if (++rx->turns > TURNS_MOST) {
        return wefti_rx_corrupt(rx, "follow the peer's turns");
    }
    if (record->type == WEFTI_RESEAT) {
        status = follow_reseat(rx, record);
    }
    if (status == WEFT_OK) {
        wefti_rx_advance(rx, record->advance);
    }
    return status;
}

weft_status wefti_rx_next(struct wefti_rx *rx, struct wefti_record *record,
                          uint64_t deadline_ns)
{
    for (;;) {
        uint64_t word = wefti_rx_word(rx);
        weft_status status;

        wefti_rx_set_short_end(rx);
        if (word == 0) {
            status = wefti_rx_await(rx, deadline_ns);
        } else if (!wefti_rx_parse(rx, word, record)) {
            status = wefti_rx_corrupt(rx, "check a record");
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

void wefti_rx_leave(struct wefti_rx *rx)
{
    if (rx->published != rx->read) {
        wefti_rx_publish(rx);
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
    stats->ring_bytes = rx->ring_bytes;
    stats->reseats = rx->reseats;
    stats->parks = rx->site.parks;
    stats->wakes = rx->wakes;
}
