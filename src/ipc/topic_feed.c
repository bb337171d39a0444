/* SPDX-License-Identifier: MIT
 *
 * Reading a publisher's ring: records in memory that their writer may overwrite
 * at any moment, and may lie about.
 *
 * Nothing that is read counts before it is certain that it was not overwritten
 * meanwhile. The payload is copied out first, in atomic words; then the claim
 * is loaded:
 *
 *      publisher                      subscriber
 *      store claim                    load length, copy
 *      RELEASE FENCE                  ACQUIRE FENCE
 *      write over old records         load claim
 *
 * If the copy has seen any byte of what is written over it, then the load sees
 * the claim that came before, and the copy is thrown away. So a claim of at
 * most one ring beyond our position says that all was sound. That is asked
 * before a record is called corrupt, too, and when there seems to be none.
 *
 * A lossy subscriber that was overtaken goes on at the tail; how much it lost
 * is in the number of the record that it finds there. A reliable one can only
 * be overtaken when the publisher counts on it no more.
 */
#include <string.h>

#include "topic.h"

/* -------------------------------------------------------------- failure --- */

weft_status wefti_feed_fail(struct wefti_feed *feed, weft_status status,
                            const char *operation)
{
    weft_detail *detail = &feed->subscriber->detail;

    feed->gone = status;
    if (detail->status != status) {
        (void)wefti_fail(detail, status, operation);
    }
    return status;
}

static weft_status corrupt(struct wefti_feed *feed, const char *what)
{
    return wefti_feed_fail(feed, WEFT_ECORRUPT, what);
}

/* -------------------------------------------------------------- records --- */

static const struct wefti_header *header_of(const struct wefti_feed *feed)
{
    return (
        const struct wefti_header *)(const void *)(feed->ring +
                                                   (feed->read & feed->mask));
}

/* Acquire: pairs with the release of the publisher's commit. */
static uint64_t word_of(const struct wefti_feed *feed)
{
    return weftos_load_acquire(&header_of(feed)->word);
}

/* May what was read at our position be something else by now? */
static bool is_overtaken(const struct wefti_feed *feed)
{
    atomic_thread_fence(memory_order_acquire);
    /* Acquire: whoever goes on at the tail then sees one beyond our place. */
    return weftos_load_acquire(&feed->head->claim) - feed->read >
           feed->ring_bytes;
}

bool wefti_feed_is_ready(const struct wefti_feed *feed)
{
    return word_of(feed) != 0 || is_overtaken(feed);
}

/* Copies in words: what tears between two of them is found out later. */
static void copy_out(void *to_, const struct wefti_header *header,
                     uint64_t bytes)
{
    const weftos_word *from = (const weftos_word *)(const void *)(header + 1);
    unsigned char *to = to_;
    uint64_t word;

    for (; bytes >= sizeof(word); bytes -= sizeof(word)) {
        word = weftos_load_relaxed(from++);
        memcpy(to, &word, sizeof(word));
        to += sizeof(word);
    }
    if (bytes > 0) {
        word = weftos_load_relaxed(from);
        memcpy(to, &word, bytes);
    }
}

/* The room of what was read is the publisher's again. */
static void publish_cursor(struct wefti_feed *feed)
{
    uint64_t before = feed->published;
    uint64_t wanted;

    wefti_step("publish cursor");
    /* Release: all reads of those bytes are done. */
    weftos_store_release(&feed->line.own->cursor, feed->read - feed->start);
    feed->published = feed->read;
    weftos_fence_full(); /* topic.h */
    wanted = weftos_load_relaxed(&feed->head->home.space_at);
    if (wanted - before - 1 < feed->read - before) {
        wefti_step("ring for room");
        (void)wefti_line_ring(&feed->line, &feed->subscriber->detail);
    }
}

/*
 * Goes past a record. The cursor is published in batches, and when no record is
 * there: the caller may never come back.
 */
static void advance(struct wefti_feed *feed, uint64_t bytes)
{
    feed->read += bytes;
    if (feed->subscriber->is_reliable &&
        (feed->read - feed->published >= feed->batch || word_of(feed) == 0)) {
        publish_cursor(feed);
    }
}

/* Goes on where the publisher is. WEFT_OK: look again. */
static weft_status catch_up(struct wefti_feed *feed)
{
    uint64_t tail = weftos_load_acquire(&feed->head->tail);

    if (feed->subscriber->is_reliable) {
        return wefti_feed_fail(feed, WEFT_ELIMIT, "keep up with the publisher");
    }
    if (tail - feed->read - 1 >= WEFTI_NONE / 2 || tail % WEFTI_HEADER != 0) {
        return corrupt(feed, "check the publisher's tail");
    }
    feed->read = tail;
    feed->rings_in_vain = 0; /* there was something, though not for us */
    return WEFT_OK;
}

/* What is there is no record; unless that is because we were overtaken. */
static weft_status reject(struct wefti_feed *feed, const char *what)
{
    return is_overtaken(feed) ? catch_up(feed) : corrupt(feed, what);
}

static weft_status take_wrap(struct wefti_feed *feed, uint64_t length)
{
    uint64_t tail = feed->ring_bytes - (feed->read & feed->mask);

    /* At the beginning of the ring nothing is left to pass over. */
    if (length != tail || tail == feed->ring_bytes) {
        return reject(feed, "check a wrap marker");
    }
    if (is_overtaken(feed)) {
        return catch_up(feed);
    }
    advance(feed, length);
    return WEFT_OK;
}

/* The record is ours: counts it, and what was lost before it. */
static weft_status accept(struct wefti_feed *feed,
                          weft_publication *publication, uint64_t length,
                          uint64_t sequence)
{
    weft_subscriber *subscriber = feed->subscriber;
    uint64_t lost = sequence - feed->expected;

    if (lost > WEFTI_NONE / 2 || (feed->subscriber->is_reliable && lost != 0)) {
        return corrupt(feed, "check the number of a record");
    }
    lost += feed->missed;
    feed->missed = 0;
    feed->rings_in_vain = 0;
    feed->expected = sequence + 1;
    publication->bytes = (size_t)(length - WEFTI_HEADER);
    publication->publisher = feed->id;
    publication->sequence = sequence;
    publication->lost = lost;
    subscriber->lost += lost;
    subscriber->gaps += lost != 0;
    subscriber->messages++;
    subscriber->bytes += publication->bytes;
    advance(feed, wefti_round_up(length));
    return WEFT_OK;
}

static weft_status take_data(struct wefti_feed *feed,
                             weft_publication *publication, uint64_t length,
                             bool *done)
{
    const struct wefti_header *header = header_of(feed);
    uint64_t left = feed->ring_bytes - (feed->read & feed->mask);
    uint64_t record = wefti_round_up(length);
    bool fits = length - WEFTI_HEADER <= publication->bytes;
    uint64_t sequence;

    if (length < WEFTI_HEADER || record > feed->record_max || record > left) {
        return reject(feed, "check a record");
    }
    if (fits) {
        copy_out(publication->data, header, length - WEFTI_HEADER);
    }
    wefti_step("copied");
    sequence =
        weftos_load_relaxed((const weftos_word *)(const void *)&header->tag);
    if (is_overtaken(feed)) {
        return catch_up(feed);
    }
    if (!fits) {
        publication->bytes = (size_t)(length - WEFTI_HEADER);
        return WEFT_EMSGSIZE;
    }
    *done = true;
    return accept(feed, publication, length, sequence);
}

weft_status wefti_feed_take(struct wefti_feed *feed,
                            weft_publication *publication, bool *done)
{
    uint64_t word = word_of(feed);
    uint64_t length = word & WEFTI_LENGTH_MASK;

    if (word == 0) {
        return is_overtaken(feed) ? catch_up(feed) : WEFT_EAGAIN;
    }
    switch (word >> WEFTI_TYPE_SHIFT) {
    case WEFTI_PLAIN:
        return take_data(feed, publication, length, done);
    case WEFTI_WRAP:
        return take_wrap(feed, length);
    default:
        return reject(feed, "check a record");
    }
}

/* ------------------------------------------------------------------ end --- */

/* What was lost with no record after it. */
static void count_last_lost(struct wefti_feed *feed)
{
    uint64_t count = weftos_load_relaxed(&feed->head->count);
    uint64_t lost = count - feed->expected;
    weft_subscriber *subscriber = feed->subscriber;

    if (!subscriber->is_reliable && lost - 1 < WEFTI_NONE / 2) {
        subscriber->lost += lost;
        subscriber->gaps++;
    }
}

void wefti_feed_look_for_end(struct wefti_feed *feed)
{
    bool closed =
        weftos_load_acquire(&feed->head->home.closed_at) == feed->read;
    weft_status status = WEFT_ECLOSED;

    if ((!closed && !feed->has_hung_up) || wefti_feed_is_ready(feed)) {
        return;
    }
    if (!closed) {
        status = feed->has_cut_off ? WEFT_ELIMIT : wefti_line_loss(&feed->line);
    }
    count_last_lost(feed);
    (void)wefti_feed_fail(feed, status, "receive");
}
