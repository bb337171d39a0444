/* SPDX-License-Identifier: MIT
 *
 * Reading a topic: records in memory that their writer may overwrite at any
 * moment, and may lie about.
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

#include "received.h"
#include "topic.h"

/* As in rx.c: a streaming reader that has caught up lets a batch build. */
#define STREAM_MESSAGES 32
#define LINGER_MOST_US 24
#define LINGER_RING_BYTES_PER_US 65536

/* Empty-handed looks with WEFT_NOW before the kernel is asked for the peer. */
#define EMPTY_LOOKS 64

/* Times that a look with WEFT_NOW goes on at the tail. */
#define OVERTAKEN_MOST 64

/* -------------------------------------------------------------- failure --- */

static weft_status fail(weft_subscriber *subscriber, weft_status status,
                        const char *operation)
{
    weft_detail *detail = &subscriber->site.detail;

    subscriber->failed = status;
    if (detail->status != status) {
        (void)wefti_fail(detail, status, operation);
    }
    wefti_site_poke(&subscriber->site, true);
    return status;
}

static weft_status corrupt(weft_subscriber *subscriber, const char *what)
{
    return fail(subscriber, WEFT_ECORRUPT, what);
}

/* -------------------------------------------------------------- records --- */

static const struct wefti_header *header_of(const weft_subscriber *subscriber)
{
    return (const struct wefti_header *)(const void *)(subscriber->ring +
                                                       (subscriber->read &
                                                        subscriber->mask));
}

/* Acquire: pairs with the release of the publisher's commit. */
static uint64_t word_of(const weft_subscriber *subscriber)
{
    return weftos_load_acquire(&header_of(subscriber)->word);
}

/* May what was read at our position be something else by now? */
static bool is_overtaken(const weft_subscriber *subscriber)
{
    atomic_thread_fence(memory_order_acquire);
    /* Acquire: whoever goes on at the tail then sees one beyond our place. */
    return weftos_load_acquire(&subscriber->head->claim) - subscriber->read >
           subscriber->ring_bytes;
}

static bool is_ready(void *context)
{
    const weft_subscriber *subscriber = context;

    return word_of(subscriber) != 0 || is_overtaken(subscriber);
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
static void publish_cursor(weft_subscriber *subscriber)
{
    uint64_t before = subscriber->published;
    uint64_t wanted;

    wefti_step("publish cursor");
    /* Release: all reads of those bytes are done. */
    weftos_store_release(&subscriber->line.own->cursor,
                         subscriber->read - subscriber->start);
    subscriber->published = subscriber->read;
    weftos_fence_full(); /* topic.h */
    wanted = weftos_load_relaxed(&subscriber->head->home.space_at);
    if (wanted - before - 1 < subscriber->read - before) {
        wefti_step("ring for room");
        (void)wefti_line_ring(&subscriber->line, &subscriber->site.detail);
    }
}

/*
 * Goes past a record. The cursor is published in batches, and when no record is
 * there: the caller may never come back.
 */
static void advance(weft_subscriber *subscriber, uint64_t bytes)
{
    subscriber->read += bytes;
    if (subscriber->is_reliable &&
        (subscriber->read - subscriber->published >= subscriber->batch ||
         word_of(subscriber) == 0)) {
        publish_cursor(subscriber);
    }
}

/* Goes on where the publisher is. WEFT_OK: look again. */
static weft_status catch_up(weft_subscriber *subscriber)
{
    uint64_t tail = weftos_load_acquire(&subscriber->head->tail);

    if (subscriber->is_reliable) {
        return fail(subscriber, WEFT_ELIMIT, "keep up with the publisher");
    }
    if (tail - subscriber->read - 1 >= WEFTI_NONE / 2 ||
        tail % WEFTI_HEADER != 0) {
        return corrupt(subscriber, "check the publisher's tail");
    }
    subscriber->read = tail;
    return WEFT_OK;
}

/* What is there is no record; unless that is because we were overtaken. */
static weft_status reject(weft_subscriber *subscriber, const char *what)
{
    return is_overtaken(subscriber) ? catch_up(subscriber)
                                    : corrupt(subscriber, what);
}

static weft_status take_wrap(weft_subscriber *subscriber, uint64_t length)
{
    uint64_t tail =
        subscriber->ring_bytes - (subscriber->read & subscriber->mask);

    /* At the beginning of the ring nothing is left to pass over. */
    if (length != tail || tail == subscriber->ring_bytes) {
        return reject(subscriber, "check a wrap marker");
    }
    if (is_overtaken(subscriber)) {
        return catch_up(subscriber);
    }
    advance(subscriber, length);
    return WEFT_OK;
}

/* The record is ours: counts it, and what was lost before it. */
static weft_status accept(weft_subscriber *subscriber,
                          weft_publication *publication, uint64_t length,
                          uint64_t sequence)
{
    uint64_t lost = sequence - subscriber->expected;

    if (lost > WEFTI_NONE / 2 || (subscriber->is_reliable && lost != 0)) {
        return corrupt(subscriber, "check the number of a record");
    }
    publication->bytes = (size_t)(length - WEFTI_HEADER);
    publication->sequence = sequence;
    publication->lost = lost;
    subscriber->expected = sequence + 1;
    subscriber->lost += lost;
    subscriber->gaps += lost != 0;
    subscriber->messages++;
    subscriber->bytes += publication->bytes;
    advance(subscriber, wefti_round_up(length));
    return WEFT_OK;
}

static weft_status take_data(weft_subscriber *subscriber,
                             weft_publication *publication, uint64_t length,
                             bool *done)
{
    const struct wefti_header *header = header_of(subscriber);
    uint64_t left =
        subscriber->ring_bytes - (subscriber->read & subscriber->mask);
    uint64_t record = wefti_round_up(length);
    bool fits = length - WEFTI_HEADER <= publication->bytes;
    uint64_t sequence;

    if (length < WEFTI_HEADER || record > subscriber->record_max ||
        record > left) {
        return reject(subscriber, "check a record");
    }
    if (fits) {
        copy_out(publication->data, header, length - WEFTI_HEADER);
    }
    wefti_step("copied");
    sequence =
        weftos_load_relaxed((const weftos_word *)(const void *)&header->tag);
    if (is_overtaken(subscriber)) {
        return catch_up(subscriber);
    }
    if (!fits) {
        publication->bytes = (size_t)(length - WEFTI_HEADER);
        return WEFT_EMSGSIZE;
    }
    *done = true;
    return accept(subscriber, publication, length, sequence);
}

/*
 * Takes what is at our position. WEFT_EAGAIN: nothing. WEFT_OK, and not done:
 * that was no message; look again.
 */
static weft_status take(weft_subscriber *subscriber,
                        weft_publication *publication, bool *done)
{
    uint64_t word = word_of(subscriber);
    uint64_t length = word & WEFTI_LENGTH_MASK;

    if (word == 0) {
        return is_overtaken(subscriber) ? catch_up(subscriber) : WEFT_EAGAIN;
    }
    switch (word >> WEFTI_TYPE_SHIFT) {
    case WEFTI_PLAIN:
        return take_data(subscriber, publication, length, done);
    case WEFTI_WRAP:
        return take_wrap(subscriber, length);
    default:
        return reject(subscriber, "check a record");
    }
}

/* ------------------------------------------------------------------ end --- */

/* Has the publisher, before it hung up, said that it lets go of us? */
static bool is_cut_off(weft_subscriber *subscriber)
{
    struct wefti_rider rider = {0, 0, 0};
    weftos_received received;

    if (weftos_socket_recv(subscriber->line.socket, &received, NULL) !=
        WEFT_OK) {
        return false;
    }
    if (received.bytes == sizeof(rider)) {
        memcpy(&rider, received.data, sizeof(rider));
    }
    wefti_received_drop(&received);
    return rider.magic == WEFTI_MAGIC && rider.type == WEFTI_CUT_OFF;
}

/* What was lost with no record after it. */
static void count_last_lost(weft_subscriber *subscriber)
{
    uint64_t count = weftos_load_relaxed(&subscriber->head->count);
    uint64_t lost = count - subscriber->expected;

    if (!subscriber->is_reliable && lost - 1 < WEFTI_NONE / 2) {
        subscriber->lost += lost;
        subscriber->gaps++;
    }
}

/*
 * Nothing to read, and the publisher has closed or gone? The caller found
 * nothing *before* it learnt that, so it is looked at once more.
 */
static weft_status look_for_end(weft_subscriber *subscriber)
{
    bool closed = weftos_load_acquire(&subscriber->head->home.closed_at) ==
                  subscriber->read;
    weft_status status = WEFT_ECLOSED;

    if ((!closed && !subscriber->site.hung_up) || is_ready(subscriber)) {
        return WEFT_OK;
    }
    if (!closed) {
        status = is_cut_off(subscriber) ? WEFT_ELIMIT
                                        : wefti_line_loss(&subscriber->line);
    }
    count_last_lost(subscriber);
    return fail(subscriber, status, "receive");
}

/* -------------------------------------------------------------- waiting --- */

/*
 * Announces that we sleep for the record at our position. What the publisher
 * has heard once holds until that record is there.
 */
static weft_status arm(weft_subscriber *subscriber, uint64_t deadline_ns)
{
    const struct wefti_rider rider = {WEFTI_MAGIC, WEFTI_PARK,
                                      subscriber->read};
    const struct wefti_line *line = &subscriber->line;
    weft_status status = wefti_site_arm(&subscriber->site, subscriber->read);

    if (status != WEFT_OK || subscriber->parked_for == subscriber->read) {
        return status;
    }
    wefti_step("park");
    status = weftos_socket_send(line->socket, &rider, sizeof(rider), NULL, 0,
                                &subscriber->site.detail);
    if (status == WEFT_OK) {
        subscriber->parked_for = subscriber->read;
    } else if (status == WEFT_EAGAIN) {
        /* The publisher's thread is far behind: it is waited for, first. */
        status =
            weftos_socket_wait(line->socket, true, line->process, deadline_ns,
                               line->interruptible, &subscriber->site.detail);
        status = status == WEFT_OK ? WEFT_EAGAIN : status;
    }
    if (status == WEFT_ECLOSED || status == WEFT_EPEERDIED) {
        subscriber->site.hung_up = true;
        status = WEFT_OK;
    }
    return status;
}

/* One sleep, unless a record has come meanwhile. */
static weft_status sleep_for_record(weft_subscriber *subscriber,
                                    uint64_t deadline_ns)
{
    struct wefti_site *site = &subscriber->site;
    weft_status status = arm(subscriber, deadline_ns);

    if (status == WEFT_EAGAIN) {
        return WEFT_OK; /* there is room for what could not be sent */
    }
    if (status != WEFT_OK) {
        return status;
    }
    wefti_step("armed");
    if (!is_ready(subscriber)) {
        status = look_for_end(subscriber);
        if (status == WEFT_OK && !is_ready(subscriber)) {
            wefti_site_poke(site, false); /* or it would not sleep */
            status = wefti_site_sleep(site, deadline_ns);
        }
    }
    wefti_site_disarm(site);
    return status;
}

/* With WEFT_NOW: has us rung if somebody polls for records. */
static weft_status look_for_record(weft_subscriber *subscriber)
{
    struct wefti_site *site = &subscriber->site;
    weft_status status = WEFT_OK;

    if (site->exposed != WEFTOS_NONE) {
        wefti_site_poke(site, false);
        status = wefti_site_sleep(site, WEFT_NOW);
        if (status == WEFT_OK) {
            status = arm(subscriber, WEFT_NOW);
        }
        if (status == WEFT_EAGAIN) {
            wefti_site_poke(site, true); /* it could not be announced */
        }
    } else if (++subscriber->empties % EMPTY_LOOKS == 0) {
        status = wefti_site_sleep(site, WEFT_NOW);
    }
    if (status == WEFT_OK && !is_ready(subscriber)) {
        status = look_for_end(subscriber);
    }
    if (status == WEFT_OK && is_ready(subscriber)) {
        wefti_site_poke(site, true);
        return WEFT_OK;
    }
    return status != WEFT_OK ? status : WEFT_EAGAIN;
}

/* After a burst: lets the next batch build before it is looked at. */
static void linger(weft_subscriber *subscriber)
{
    uint64_t us = subscriber->ring_bytes / LINGER_RING_BYTES_PER_US;
    uint64_t pauses = (us < LINGER_MOST_US ? us : LINGER_MOST_US) *
                      weftos_get_facts()->pauses_per_us;

    if (subscriber->messages - subscriber->messages_when_empty >=
        STREAM_MESSAGES) {
        while (pauses-- > 0) {
            weftos_pause();
        }
    }
    subscriber->messages_when_empty = subscriber->messages;
}

static bool spin(weft_subscriber *subscriber)
{
    uint64_t us = wefti_site_spin_us(&subscriber->site);

    if (us == 0) {
        return is_ready(subscriber);
    }
    return wefti_spin_eagerly(is_ready, subscriber) ||
           wefti_site_spin(&subscriber->site, us, is_ready, subscriber);
}

/* Spun in vain: sleeps, or only looks whether there is an end to it. */
static weft_status sleep_or_look(weft_subscriber *subscriber,
                                 uint64_t deadline_ns)
{
    weft_status status;

    if (subscriber->line.wait == WEFT_WAIT_SPIN) {
        status = wefti_site_sleep(&subscriber->site, WEFT_NOW);
        if (status == WEFT_OK) {
            status = look_for_end(subscriber);
        }
    } else {
        status = sleep_for_record(subscriber, deadline_ns);
    }
    if (status == WEFT_OK && deadline_ns != WEFT_FOREVER &&
        !is_ready(subscriber) && weftos_now_ns() >= deadline_ns) {
        return WEFT_ETIMEDOUT;
    }
    return status;
}

static weft_status await(weft_subscriber *subscriber, uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;

    if (subscriber->waited_at != subscriber->read) {
        subscriber->waited_at = subscriber->read;
        wefti_line_advance(&subscriber->line);
    }
    if (deadline_ns == WEFT_NOW) {
        status = look_for_record(subscriber);
    } else {
        linger(subscriber);
        if (!spin(subscriber)) {
            status = sleep_or_look(subscriber, deadline_ns);
        }
        wefti_site_poke(&subscriber->site, true);
    }
    if (status == WEFT_EPROTO || status == WEFT_EOS) {
        return fail(subscriber, status, "wait for a message");
    }
    return status;
}

/* -------------------------------------------------------------- receive --- */

/* It is overtaken again and again, or what it reads does not end. */
static bool is_too_late(unsigned looks, uint64_t deadline_ns)
{
    if (looks == 0 || deadline_ns == WEFT_FOREVER) {
        return false;
    }
    return deadline_ns == WEFT_NOW ? looks >= OVERTAKEN_MOST
                                   : weftos_now_ns() >= deadline_ns;
}

weft_status weft_subscriber_recv(weft_subscriber *subscriber,
                                 weft_publication *publication,
                                 uint64_t deadline_ns)
{
    bool done = false;

    if (subscriber == NULL || publication == NULL ||
        (publication->data == NULL && publication->bytes > 0)) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != subscriber->token) {
        return WEFT_EFORKED;
    }
    if (subscriber->failed != WEFT_OK) {
        return subscriber->failed;
    }
    for (unsigned looks = 0;; looks++) {
        weft_status status = take(subscriber, publication, &done);

        if (status == WEFT_EAGAIN) {
            status = await(subscriber, deadline_ns);
        }
        if (status != WEFT_OK || done) {
            return status;
        }
        if (is_too_late(looks, deadline_ns)) {
            return deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT;
        }
    }
}
