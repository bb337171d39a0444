/* SPDX-License-Identifier: MIT
 *
 * A publisher: opens a topic and writes its records.
 *
 * What a message costs does not depend on who reads it: one record, two words
 * of the head, a fence, and a look at one word of this process's own. Once in
 * a sixteenth of the ring more of it is claimed; topic_room.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "os/compiler.h"
#include "topic.h"

#define DEFAULT_RING ((size_t)1 << 20)
#define LARGEST_RING ((size_t)1 << 30)
#define DEFAULT_SUBSCRIBERS 16384
#define LARGEST_SUBSCRIBERS (1u << 20)

/* -------------------------------------------------------------- options --- */

static const char *find_fault(const weft_publisher_options *options)
{
    const unsigned known = WEFT_PUBLISHER_INTERRUPTIBLE | WEFT_PUBLISHER_SOLE;

    if ((options->flags & ~known) != 0) {
        return "check the option flags";
    }
    if (options->subscribers_max > LARGEST_SUBSCRIBERS) {
        return "check the option subscribers_max";
    }
    if (options->ring_bytes != 0 &&
        (!wefti_is_power_of_two(options->ring_bytes) ||
         options->ring_bytes < WEFTI_TOPIC_RING_MIN ||
         options->ring_bytes > LARGEST_RING)) {
        return "check the option ring_bytes";
    }
    return NULL;
}

/* Those that a channel has too are checked as its own. */
static weft_status init_settings(struct wefti_settings *settings,
                                 const weft_publisher_options *options,
                                 weft_detail *detail)
{
    weft_channel_options of_channel = WEFT_CHANNEL_OPTIONS_INIT;
    weft_status status;

    of_channel.wait = options->wait;
    of_channel.mode = options->mode;
    of_channel.handshake_ns = options->handshake_ns;
    of_channel.allow = options->allow;
    of_channel.allow_context = options->allow_context;
    status = wefti_settings_init(settings, &of_channel, detail);
    settings->pattern = WEFTI_TOPIC;
    return status;
}

static weft_status take_options(weft_publisher *publisher,
                                const weft_publisher_options *options,
                                weft_detail *detail)
{
    weft_publisher_options copy = WEFT_PUBLISHER_OPTIONS_INIT;
    const char *fault;

    if (!wefti_copy_options(&copy, sizeof(copy), options,
                            offsetof(weft_publisher_options, ring_bytes))) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option size");
    }
    fault = find_fault(&copy);
    if (fault != NULL) {
        return wefti_fail(detail, WEFT_EINVAL, fault);
    }
    publisher->ring_bytes =
        copy.ring_bytes != 0 ? copy.ring_bytes : DEFAULT_RING;
    publisher->readers_max =
        copy.subscribers_max != 0 ? copy.subscribers_max : DEFAULT_SUBSCRIBERS;
    publisher->cut_off_ns = copy.cut_off_ns;
    publisher->interruptible = (copy.flags & WEFT_PUBLISHER_INTERRUPTIBLE) != 0;
    publisher->is_sole = (copy.flags & WEFT_PUBLISHER_SOLE) != 0;
    return init_settings(&publisher->settings, &copy, detail);
}

/* ---------------------------------------------------------- open, close --- */

static weft_status make_segment(weft_publisher *publisher, weft_detail *detail)
{
    size_t page = weftos_get_facts()->page_bytes;
    size_t bytes = page + (size_t)publisher->ring_bytes;
    void *base = NULL;
    weft_status status =
        weftos_shm_create(bytes, &publisher->segment, &base, detail);

    if (status != WEFT_OK) {
        return status;
    }
    publisher->segment_bytes = bytes;
    publisher->head = base;
    publisher->head->home.magic = WEFTI_MAGIC;
    weftos_store_relaxed(&publisher->head->home.parked_at, WEFTI_NONE);
    weftos_store_relaxed(&publisher->head->home.space_at, WEFTI_NONE);
    weftos_store_relaxed(&publisher->head->home.closed_at, WEFTI_NONE);
    publisher->ring = (unsigned char *)base + page;
    publisher->mask = publisher->ring_bytes - 1;
    publisher->record_max = wefti_record_max(publisher->ring_bytes);
    return WEFT_OK;
}

weft_status weft_publisher_open(const char *name,
                                const weft_publisher_options *options,
                                weft_publisher **out, weft_detail *detail)
{
    weft_publisher *publisher;
    weft_status status;

    if (out == NULL || name == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    publisher = calloc(1, sizeof(*publisher));
    if (publisher == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a publisher");
    }
    publisher->segment = WEFTOS_NONE;
    publisher->pokes[0] = WEFTOS_NONE;
    publisher->pokes[1] = WEFTOS_NONE;
    publisher->least = WEFTI_NONE;
    weftos_store_relaxed(&publisher->sleepers, WEFTI_NONE);
    status = take_options(publisher, options, detail);
    if (status == WEFT_OK) {
        status = wefti_check_name(name, detail);
    }
    if (status == WEFT_OK) {
        status = weftos_process_mark(NULL, NULL, detail);
    }
    publisher->token = weftos_process_token();
    if (status == WEFT_OK) {
        status = make_segment(publisher, detail);
    }
    if (status == WEFT_OK) {
        status = wefti_topic_enter(publisher, name, detail);
    }
    if (status != WEFT_OK) {
        weft_publisher_close(&publisher);
    }
    *out = publisher;
    return status;
}

void weft_publisher_close(weft_publisher **publisher_)
{
    weft_publisher *publisher;
    bool forked;

    if (publisher_ == NULL || *publisher_ == NULL) {
        return;
    }
    publisher = *publisher_;
    *publisher_ = NULL;
    forked = weftos_process_token() != publisher->token;
    if (!forked && publisher->head != NULL) {
        atomic_store(&publisher->is_closing, 1);
        wefti_step("close");
        /* Release: after the last record, whose end this says is the last. */
        weftos_store_release(&publisher->head->home.closed_at,
                             publisher->written);
        wefti_step("closed");
    }
    wefti_topic_stop(publisher, forked);
    if (!forked) {
        weftos_shm_unmap(publisher->head, (size_t)publisher->segment_bytes);
    }
    weftos_close(publisher->segment);
    free(publisher);
}

/* ----------------------------------------------------------- publishing --- */

/* The header after a record says "not yet", before that record is there. */
static void zero_ahead(const weft_publisher *publisher, uint64_t next)
{
    wefti_step("zero ahead");
    /* Relaxed: the release of the commit orders it. */
    weftos_store_relaxed(&wefti_topic_header(publisher, next)->word, 0);
}

static void commit_word(const weft_publisher *publisher, uint64_t position,
                        uint64_t word)
{
    wefti_step("commit");
    /* Release: the payload and the zero ahead. A reader's look acquires. */
    weftos_store_release(&wefti_topic_header(publisher, position)->word, word);
    wefti_step("committed");
}

/* How far records may go before there is more to think of. */
static void set_stop(weft_publisher *publisher)
{
    uint64_t lap_end =
        (publisher->written & ~publisher->mask) + publisher->ring_bytes;

    publisher->stop = publisher->claim - WEFTI_HEADER;
    if (publisher->stop > lap_end) {
        publisher->stop = lap_end;
    }
}

/* Makes room at `written`, with a wrap marker before it if that is needed. */
static weft_status make_room(weft_publisher *publisher, uint64_t record,
                             uint64_t deadline_ns)
{
    uint64_t tail =
        publisher->ring_bytes - (publisher->written & publisher->mask);
    uint64_t extent = record <= tail ? record : tail + record;
    uint64_t end = publisher->written + extent + WEFTI_HEADER;
    weft_status status = WEFT_OK;

    if (publisher->is_reserved) {
        return WEFT_EBUSY;
    }
    /* The claim is our own, and read without the lock here. */
    if (end > publisher->claim) {
        status = wefti_topic_claim(publisher, end, deadline_ns);
    }
    if (status != WEFT_OK) {
        return status;
    }
    if (record > tail) {
        zero_ahead(publisher, publisher->written + tail);
        commit_word(publisher, publisher->written,
                    tail | (uint64_t)WEFTI_WRAP << WEFTI_TYPE_SHIFT);
        publisher->written += tail;
    }
    set_stop(publisher);
    return WEFT_OK;
}

/* Does anybody sleep for what was committed since `from`? */
static void wake_readers(weft_publisher *publisher, uint64_t from)
{
    uint64_t sleepers;

    weftos_fence_full(); /* topic.h */
    sleepers = weftos_load_relaxed(&publisher->sleepers);
    if (sleepers - from >= publisher->written - from) {
        return;
    }
    wefti_step("poke");
    wefti_board_set(&publisher->board->wakes, ++publisher->wakes);
    /* So that who spins for us on our own CPU sees that it does. */
    weftos_store_relaxed(&publisher->head->home.cpu,
                         (uint64_t)weftos_cpu() + 1);
    wefti_topic_poke(publisher);
}

/* Room for a message at `written`. */
WEFTOS_INLINE weft_status take_room(weft_publisher *publisher, size_t bytes,
                                    uint64_t deadline_ns)
{
    uint64_t record = wefti_round_up(WEFTI_HEADER + (uint64_t)bytes);

    if (weftos_process_token() != publisher->token) {
        return WEFT_EFORKED;
    }
    if (publisher->failed != WEFT_OK) {
        return publisher->failed;
    }
    if (bytes > publisher->record_max - WEFTI_HEADER) {
        return WEFT_EMSGSIZE;
    }
    return publisher->written + record > publisher->stop
               ? make_room(publisher, record, deadline_ns)
               : WEFT_OK;
}

/* The message at `written`; `from` is where the one before it has ended. */
WEFTOS_INLINE void publish(weft_publisher *publisher, uint64_t from,
                           size_t bytes)
{
    uint64_t length = WEFTI_HEADER + (uint64_t)bytes;
    uint64_t next = publisher->written + wefti_round_up(length);

    zero_ahead(publisher, next);
    wefti_topic_header(publisher, publisher->written)->tag =
        publisher->sequence;
    commit_word(publisher, publisher->written,
                length | WEFTI_PLAIN << WEFTI_TYPE_SHIFT);
    publisher->written = next;
    publisher->sequence++;
    weftos_store_relaxed(&publisher->head->count, publisher->sequence);
    wefti_board_set(&publisher->board->sent, publisher->sequence);
    wefti_board_add(&publisher->board->sent_bytes, bytes);
    /* Release: who resumes here finds the record's header zeroed or done. */
    weftos_store_release(&publisher->head->tail, publisher->written);
    wefti_step("published");
    wake_readers(publisher, from);
}

weft_status weft_publisher_send(weft_publisher *publisher, const void *data,
                                size_t bytes, uint64_t deadline_ns)
{
    weft_status status;
    uint64_t from;

    if (publisher == NULL || (data == NULL && bytes > 0)) {
        return WEFT_EINVAL;
    }
    from = publisher->written;
    status = take_room(publisher, bytes, deadline_ns);
    if (status != WEFT_OK) {
        return status;
    }
    if (bytes > 0) {
        memcpy(wefti_topic_header(publisher, publisher->written) + 1, data,
               bytes);
    }
    publish(publisher, from, bytes);
    return WEFT_OK;
}

/*
 * Meanwhile `stop` is 0, so that nothing else is published. What is written
 * there lies behind a header that says "not yet" until the commit.
 */
weft_status weft_publisher_reserve(weft_publisher *publisher, size_t bytes,
                                   void **space, uint64_t deadline_ns)
{
    weft_status status;
    uint64_t from;

    if (space != NULL) {
        *space = NULL;
    }
    if (publisher == NULL || space == NULL) {
        return WEFT_EINVAL;
    }
    from = publisher->written;
    status = take_room(publisher, bytes, deadline_ns);
    if (status != WEFT_OK) {
        return status;
    }
    publisher->is_reserved = true;
    publisher->reserved = bytes;
    publisher->reserved_from = from;
    publisher->stop = 0;
    *space = wefti_topic_header(publisher, publisher->written) + 1;
    wefti_step("reserved");
    return WEFT_OK;
}

static void end_reservation(weft_publisher *publisher)
{
    publisher->is_reserved = false;
    set_stop(publisher);
}

weft_status weft_publisher_commit(weft_publisher *publisher, size_t bytes)
{
    if (publisher == NULL) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != publisher->token) {
        return WEFT_EFORKED;
    }
    if (!publisher->is_reserved || bytes > publisher->reserved) {
        return WEFT_EINVAL;
    }
    end_reservation(publisher);
    publish(publisher, publisher->reserved_from, bytes);
    return WEFT_OK;
}

void weft_publisher_cancel(weft_publisher *publisher)
{
    if (publisher == NULL || !publisher->is_reserved ||
        weftos_process_token() != publisher->token) {
        return;
    }
    end_reservation(publisher);
    if (publisher->reserved_from != publisher->written) {
        /* A wrap marker: who sleeps for it goes on behind it. */
        weftos_store_release(&publisher->head->tail, publisher->written);
        wake_readers(publisher, publisher->reserved_from);
    }
}

/* ----------------------------------------------------------- inspection --- */

size_t weft_publisher_message_max(const weft_publisher *publisher)
{
    return publisher != NULL ? (size_t)(publisher->record_max - WEFTI_HEADER)
                             : 0;
}

weft_status weft_publisher_get_stats(weft_publisher *publisher,
                                     weft_publisher_stats *stats)
{
    if (publisher == NULL || stats == NULL || stats->size != sizeof(*stats)) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != publisher->token) {
        return WEFT_EFORKED;
    }
    stats->messages = publisher->sequence;
    stats->bytes = weftos_load_relaxed(&publisher->board->sent_bytes);
    stats->full = publisher->full;
    stats->wakes = publisher->wakes;
    wefti_lock(&publisher->lock);
    stats->cut_off = publisher->cut_off;
    stats->subscribers = publisher->reader_count;
    stats->reliable = publisher->reliable_count;
    wefti_unlock(&publisher->lock);
    return WEFT_OK;
}
