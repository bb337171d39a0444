/* SPDX-License-Identifier: MIT
 *
 * Room in a publisher's ring.
 *
 * The publisher may only write what it has claimed. A claim tells lossy
 * readers what they can't rely on any more, and never takes what a reliable
 * reader has yet to read. Claims are made under the lock, records are written
 * without it: so under the lock whatever is not claimed stays as it is, and a
 * reader can be let in with a position that it will find.
 */
#include "topic.h"

/* How long a publisher that waits for room spins at most. */
#define SPIN_US 20

/* -------------------------------------------------- cursors, under the lock */

void wefti_topic_give_up(weft_publisher *publisher, struct wefti_reader *reader,
                         weft_status why)
{
    if (reader->gone != WEFT_OK) {
        return;
    }
    reader->gone = why;
    if (reader->is_reliable) {
        publisher->reliable_count--;
    }
}

/*
 * How far a reliable reader has come. The word counts from where it began, so
 * that it is right before the reader has stored anything.
 */
static uint64_t look_at_cursor(weft_publisher *publisher,
                               struct wefti_reader *reader)
{
    /* Acquire: its reading of those bytes is done. */
    uint64_t moved = weftos_load_acquire(&reader->answer.home->cursor) -
                     (reader->cursor - reader->start);

    /* The claim, because the control thread can't know what is written. */
    if (moved > publisher->claim - reader->cursor) {
        wefti_topic_give_up(publisher, reader, WEFT_ECORRUPT);
        publisher->has_gone = true;
        return WEFTI_NONE;
    }
    reader->cursor += moved;
    return reader->cursor;
}

static bool counts(const struct wefti_reader *reader)
{
    return reader != NULL && reader->is_reliable && reader->gone == WEFT_OK;
}

/* The one that was behind last time is, most likely, still. */
static bool is_laggard_before(weft_publisher *publisher, uint64_t position)
{
    struct wefti_reader *reader = publisher->laggard < publisher->reader_room
                                      ? publisher->readers[publisher->laggard]
                                      : NULL;

    return counts(reader) && look_at_cursor(publisher, reader) < position;
}

static void find_least(weft_publisher *publisher)
{
    publisher->least = WEFTI_NONE;
    for (unsigned i = 0; i < publisher->reader_room; i++) {
        if (counts(publisher->readers[i])) {
            uint64_t cursor = look_at_cursor(publisher, publisher->readers[i]);

            if (cursor < publisher->least) {
                publisher->least = cursor;
                publisher->laggard = i;
            }
        }
    }
}

/* The end of what may be claimed. */
static uint64_t limit_of(const weft_publisher *publisher)
{
    return publisher->least == WEFTI_NONE
               ? WEFTI_NONE
               : publisher->least + publisher->ring_bytes;
}

bool wefti_topic_has_room(weft_publisher *publisher, uint64_t end)
{
    if (end <= limit_of(publisher)) {
        return true;
    }
    /* Somebody counts, so that the end lies beyond the first lap. */
    if (is_laggard_before(publisher, end - publisher->ring_bytes)) {
        return false;
    }
    find_least(publisher);
    return end <= limit_of(publisher);
}

/* ------------------------------------------------------------- claiming --- */

/* Notes the record that comes next, for late readers. Under the lock. */
static void note_anchor(weft_publisher *publisher)
{
    uint64_t count = publisher->anchor_count;
    struct wefti_anchor *last =
        &publisher->anchors[(count - 1) % WEFTI_ANCHORS];

    if (count == 0 || publisher->written - last->position >=
                          wefti_claim_step(publisher->ring_bytes)) {
        publisher->anchors[count % WEFTI_ANCHORS] =
            (struct wefti_anchor){publisher->written, publisher->sequence};
        publisher->anchor_count++;
    }
}

/* Claims a step more than is needed, if it can have that. */
static weft_status claim(weft_publisher *publisher, uint64_t end)
{
    weft_status status = WEFT_EAGAIN;
    bool has_gone;

    wefti_lock(&publisher->lock);
    if (publisher->is_broken) {
        publisher->failed = WEFT_EOS;
    }
    if (wefti_topic_has_room(publisher, end)) {
        uint64_t limit = limit_of(publisher);
        uint64_t wanted = end + wefti_claim_step(publisher->ring_bytes);

        publisher->claim = wanted < limit ? wanted : limit;
        publisher->wanted = 0;
        note_anchor(publisher);
        wefti_step("claim");
        weftos_store_release(&publisher->head->claim, publisher->claim);
        status = WEFT_OK;
    } else {
        publisher->wanted = end;
    }
    has_gone = publisher->has_gone;
    wefti_unlock(&publisher->lock);
    if (has_gone) {
        wefti_topic_poke(publisher);
    }
    /* Release: before anything is overwritten; see layout.h. */
    atomic_thread_fence(memory_order_release);
    return status;
}

/* -------------------------------------------------------------- waiting --- */

/* Lets go of all that stand in the way. */
static void cut_off(weft_publisher *publisher, uint64_t end)
{
    uint64_t position = end - publisher->ring_bytes;

    wefti_lock(&publisher->lock);
    for (unsigned i = 0; i < publisher->reader_room; i++) {
        struct wefti_reader *reader = publisher->readers[i];

        if (counts(reader) && look_at_cursor(publisher, reader) < position) {
            wefti_topic_give_up(publisher, reader, WEFT_ELIMIT);
            publisher->has_gone = true;
            wefti_board_set(&publisher->board->cut_off, ++publisher->cut_off);
        }
    }
    find_least(publisher);
    wefti_unlock(&publisher->lock);
}

/* Half of the ring, or all that it holds: so that the wait was worth it. */
static uint64_t room_mark(const weft_publisher *publisher, uint64_t end)
{
    uint64_t least = end - publisher->ring_bytes;
    uint64_t half = publisher->written - publisher->ring_bytes / 2;

    return half > least ? half : least;
}

/* Looks for a while whether the control thread has found room. */
static bool spin(const weft_publisher *publisher, uint32_t seen)
{
    uint64_t pauses = (uint64_t)SPIN_US * weftos_get_facts()->pauses_per_us;

    if (publisher->settings.wait == WEFT_WAIT_BLOCK ||
        weftos_get_facts()->cpus < 2) {
        return false;
    }
    while (pauses-- > 0) {
        /* Relaxed: it only ends the spinning. */
        if (atomic_load_explicit(&publisher->room_events,
                                 memory_order_relaxed) != seen) {
            return true;
        }
        weftos_pause();
    }
    return publisher->settings.wait == WEFT_WAIT_SPIN;
}

static weft_status sleep_for_room(weft_publisher *publisher, uint32_t seen,
                                  uint64_t deadline_ns)
{
    weft_status status;

    if (spin(publisher, seen)) {
        return WEFT_OK;
    }
    status = weftos_word_wait(&publisher->room_events, seen, NULL, deadline_ns,
                              publisher->interruptible, NULL);
    return status == WEFT_ETIMEDOUT || status == WEFT_EAGAIN ? WEFT_OK : status;
}

static weft_status await_room(weft_publisher *publisher, uint64_t end,
                              uint64_t deadline_ns)
{
    uint64_t cut_at = WEFT_FOREVER;

    if (publisher->blocked_since_ns == 0) {
        publisher->blocked_since_ns = weftos_now_ns();
        wefti_board_set(&publisher->board->full, ++publisher->full);
    }
    if (publisher->cut_off_ns != 0) {
        cut_at = publisher->blocked_since_ns + publisher->cut_off_ns;
    }
    wefti_board_set(&publisher->board->blocked_since_ns,
                    publisher->blocked_since_ns);
    for (;;) {
        uint32_t seen = atomic_load(&publisher->room_events);
        weft_status status;
        uint64_t now;

        weftos_store_relaxed(&publisher->head->home.space_at,
                             room_mark(publisher, end));
        weftos_fence_full(); /* now the cursors are looked at; see topic.h */
        wefti_step("armed for room");
        status = claim(publisher, end);
        if (status != WEFT_EAGAIN) {
            return status;
        }
        now = weftos_now_ns();
        if (now >= cut_at) {
            cut_off(publisher, end);
            cut_at = WEFT_FOREVER; /* all that were in the way are gone */
            continue;
        }
        if (deadline_ns != WEFT_FOREVER && now >= deadline_ns) {
            return deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT;
        }
        status = sleep_for_room(publisher, seen,
                                cut_at < deadline_ns ? cut_at : deadline_ns);
        if (status != WEFT_OK) {
            return status;
        }
    }
}

weft_status wefti_topic_claim(weft_publisher *publisher, uint64_t end,
                              uint64_t deadline_ns)
{
    weft_status status = claim(publisher, end);

    if (status == WEFT_EAGAIN) {
        status = await_room(publisher, end, deadline_ns);
        weftos_store_relaxed(&publisher->head->home.space_at, WEFTI_NONE);
        wefti_board_set(&publisher->board->blocked_since_ns, 0);
    }
    if (status == WEFT_OK) {
        publisher->blocked_since_ns = 0;
    }
    return status;
}
