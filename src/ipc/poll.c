/* SPDX-License-Identifier: MIT
 *
 * Poll sets: opening, closing and waiting; poll.h has the theory.
 */
#include "poll.h"

#include <stdlib.h>

#include "handshake.h"
#include "park.h"
#include "sync_watch.h"

/* An endpoint that is silent for so long, while others are busy, is armed. */
#define IDLE_NS UINT64_C(2000000)

/* While endpoints are busy the system is asked so often for the others. */
#define HEAR_NS 50000

/* So much news at a time. */
#define NEWS_MOST 64

/* Looks of a wait with WEFT_NOW of which nothing comes. */
#define FRUITLESS_MOST 16

/* What a wait fills in. */
struct batch {
    weft_poll_item *items;
    size_t room;
    size_t count;
};

/* ---------------------------------------------------------- open, close --- */

static weft_status take_options(weft_poll *poll,
                                const weft_poll_options *options,
                                weft_detail *detail)
{
    weft_poll_options copy = WEFT_POLL_OPTIONS_INIT;

    if (!wefti_copy_options(&copy, sizeof(copy), options, sizeof(copy))) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option size");
    }
    if ((copy.flags & ~WEFT_POLL_INTERRUPTIBLE) != 0) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option flags");
    }
    switch (copy.wait) {
    case WEFT_WAIT_DEFAULT:
    case WEFT_WAIT_ADAPTIVE:
    case WEFT_WAIT_BLOCK:
    case WEFT_WAIT_SPIN:
        break;
    default:
        return wefti_fail(detail, WEFT_EINVAL, "check the option wait");
    }
    poll->wait = copy.wait;
    poll->interruptible = (copy.flags & WEFT_POLL_INTERRUPTIBLE) != 0;
    return WEFT_OK;
}

weft_status weft_poll_open(const weft_poll_options *options, weft_poll **out,
                           weft_detail *detail)
{
    weft_poll *poll;
    weft_status status;

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    poll = calloc(1, sizeof(*poll));
    if (poll == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a poll set");
    }
    poll->spin_us = WEFTI_SPIN_MOST_US;
    status = take_options(poll, options, detail);
    if (status == WEFT_OK) {
        status = weftos_process_mark(NULL, NULL, detail);
    }
    if (status == WEFT_OK) {
        status = weftos_set_open(&poll->set, detail);
    }
    if (status != WEFT_OK) {
        free(poll);
        return status;
    }
    poll->token = weftos_process_token();
    *out = poll;
    return WEFT_OK;
}

void weft_poll_close(weft_poll **poll_)
{
    weft_poll *poll;
    bool forked;

    if (poll_ == NULL || *poll_ == NULL) {
        return;
    }
    poll = *poll_;
    *poll_ = NULL;
    forked = weftos_process_token() != poll->token;
    while (poll->sources != NULL) {
        struct wefti_source *first = poll->sources;

        if (forked) {
            /* The endpoint may have been closed, and knows that it has. */
            poll->sources = first->next;
            wefti_source_forget(first);
        } else {
            wefti_source_leave(first);
        }
    }
    weftos_set_close(poll->set);
    free(poll->active);
    free(poll);
}

/* --------------------------------------------------------------- active --- */

void wefti_poll_activate(weft_poll *poll, struct wefti_source *source)
{
    if (!source->is_active) {
        source->is_active = true;
        source->lively_ns = poll->heard_ns;
        poll->active[poll->active_count++] = source;
    }
}

static void deactivate_at(weft_poll *poll, size_t index)
{
    poll->active[index]->is_active = false;
    poll->active[index] = poll->active[--poll->active_count];
}

void wefti_poll_deactivate(weft_poll *poll, struct wefti_source *source)
{
    for (size_t i = 0; source->is_active && i < poll->active_count; i++) {
        if (poll->active[i] == source) {
            deactivate_at(poll, i);
        }
    }
}

static bool is_ready(const struct wefti_source *source)
{
    return source->must_tell || source->kind->is_ready(source->object);
}

static bool is_any_ready(const weft_poll *poll)
{
    for (size_t i = 0; i < poll->active_count; i++) {
        if (is_ready(poll->active[i])) {
            return true;
        }
    }
    return false;
}

/* False: it has something, or its own call will say why it can't be armed. */
static bool arm(struct wefti_source *source)
{
    source->must_tell = source->kind->arm(source->object) != WEFT_EAGAIN;
    return !source->must_tell;
}

static void arm_all(weft_poll *poll)
{
    for (size_t i = poll->active_count; i-- > 0;) {
        if (arm(poll->active[i])) {
            deactivate_at(poll, i);
        }
    }
}

/* -------------------------------------------------------------- telling --- */

/* What was told in this wait already is only added to. */
static void tell(const weft_poll *poll, struct batch *batch,
                 struct wefti_source *source, unsigned events)
{
    if (source->round != poll->round) {
        source->round = poll->round;
        source->place = batch->count++;
        batch->items[source->place].key = source->key;
        batch->items[source->place].events = 0;
    }
    batch->items[source->place].events |= events;
}

/* Goes once around those that are active. */
static void gather(weft_poll *poll, struct batch *batch)
{
    for (size_t left = poll->active_count; left > 0; left--) {
        struct wefti_source *source;
        bool ready;

        if (batch->count == batch->room || poll->active_count == 0) {
            return;
        }
        poll->turn = poll->turn < poll->active_count ? poll->turn : 0;
        source = poll->active[poll->turn];
        ready = is_ready(source);
        if (!ready && poll->heard_ns - source->lively_ns > IDLE_NS) {
            if (arm(source)) {
                deactivate_at(poll, poll->turn);
                continue;
            }
            ready = true;
        }
        if (ready) {
            source->must_tell = false;
            source->lively_ns = poll->heard_ns;
            tell(poll, batch, source, WEFT_POLL_READ);
        }
        poll->turn++;
    }
}

/* -------------------------------------------------------------- hearing --- */

/*
 * The handle of an endpoint is ready. If there is nothing to see yet the reason
 * must be asked for: a ring for nothing, a death, a client that has come.
 */
static void heed_endpoint(weft_poll *poll, struct wefti_source *source)
{
    if (is_ready(source) || !arm(source)) {
        wefti_poll_activate(poll, source);
    } else {
        wefti_poll_deactivate(poll, source);
    }
}

/* Events and semaphores whose threads have woken the set. */
static weft_status heed_watchers(weft_poll *poll, weft_detail *detail)
{
    weft_status status = WEFT_OK;

    if (poll->watcher_count == 0 ||
        atomic_exchange(&poll->watchers_told, 0) == 0) {
        return WEFT_OK;
    }
    for (struct wefti_source *source = poll->sources; source != NULL;
         source = source->next) {
        weft_status failed = WEFT_OK;

        if (source->watcher == NULL ||
            !wefti_watcher_has_told(source->watcher, &failed)) {
            continue;
        }
        if (failed != WEFT_OK) {
            status = wefti_fail(detail, failed, "watch an object");
            wefti_poll_activate(poll, source);
        } else {
            heed_endpoint(poll, source);
        }
    }
    return status;
}

/*
 * Asks the system. Handles that are no endpoint's are told at once: some can't
 * be asked twice, so that no more is taken of them than there is room for.
 */
static weft_status hear(weft_poll *poll, struct batch *batch,
                        uint64_t deadline_ns, weft_detail *detail)
{
    weftos_news news[NEWS_MOST];
    size_t room = batch->room - batch->count;
    size_t active = poll->active_count;
    size_t count = 0;
    weft_status status;

    if (poll->foreign_count == 0 || room > NEWS_MOST) {
        room = NEWS_MOST;
    }
    status = weftos_set_wait(poll->set, deadline_ns, poll->interruptible, news,
                             room, &count, detail);
    poll->heard_ns = weftos_now_ns();
    poll->has_more = false;
    if (status != WEFT_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        struct wefti_source *source =
            (struct wefti_source *)(uintptr_t)news[i].id;

        if (source->kind != NULL) {
            heed_endpoint(poll, source);
        } else if ((news[i].events & source->events) != 0) {
            tell(poll, batch, source, news[i].events & source->events);
        }
    }
    poll->has_more = count == room && poll->active_count > active;
    return heed_watchers(poll, detail);
}

/* -------------------------------------------------------------- waiting --- */

/* Looks for a while at those that are active. True: one has something. */
static bool spin(weft_poll *poll)
{
    const weftos_facts *facts = weftos_get_facts();
    uint64_t us =
        poll->wait == WEFT_WAIT_SPIN ? WEFTI_SPIN_MOST_US : poll->spin_us;
    uint64_t pauses;

    if (poll->active_count == 0 || poll->wait == WEFT_WAIT_BLOCK ||
        facts->cpus < 2) {
        return false;
    }
    pauses = us * facts->pauses_per_us / poll->active_count;
    for (uint64_t i = 0; i < pauses; i++) {
        if (is_any_ready(poll)) {
            wefti_spin_learn(&poll->spin_us, true);
            return true;
        }
        weftos_pause();
    }
    return false;
}

static weft_status too_late(uint64_t deadline_ns, weft_detail *detail)
{
    return wefti_fail(detail,
                      deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                      "wait for a poll set");
}

/* Asks, and never sleeps. */
static weft_status look_on(weft_poll *poll, struct batch *batch,
                           uint64_t deadline_ns, weft_detail *detail)
{
    weft_detail found = {WEFT_OK, 0, NULL};
    weft_status status = hear(poll, batch, WEFT_NOW, &found);

    if (status != WEFT_EAGAIN) {
        return wefti_pass(detail, status, &found);
    }
    return deadline_ns == WEFT_FOREVER || poll->heard_ns < deadline_ns
               ? WEFT_OK
               : too_late(deadline_ns, detail);
}

/* Waits until somebody has something, perhaps. */
static weft_status rest(weft_poll *poll, struct batch *batch,
                        uint64_t deadline_ns, weft_detail *detail)
{
    uint64_t began;
    weft_status status;

    if (deadline_ns != WEFT_NOW) {
        if (spin(poll)) {
            return WEFT_OK;
        }
        if (poll->wait == WEFT_WAIT_SPIN) {
            return look_on(poll, batch, deadline_ns, detail);
        }
    }
    arm_all(poll);
    if (poll->active_count > 0) {
        return WEFT_OK;
    }
    if (deadline_ns == WEFT_NOW) {
        return hear(poll, batch, WEFT_NOW, detail);
    }
    began = weftos_now_ns();
    status = hear(poll, batch, deadline_ns, detail);
    wefti_spin_learn(&poll->spin_us,
                     poll->heard_ns - began < WEFTI_SHORT_SLEEP_NS);
    return status;
}

/* Handles that are ready again and again, for nothing, don't keep the caller.
 */
static bool is_flooded(unsigned looks, uint64_t deadline_ns)
{
    if (deadline_ns == WEFT_NOW) {
        return looks >= FRUITLESS_MOST;
    }
    return looks > 0 && deadline_ns != WEFT_FOREVER &&
           weftos_now_ns() >= deadline_ns;
}

/*
 * While endpoints are busy: what else is there? Not if the last wait had no
 * room for them: it is their turn.
 */
static weft_status hear_others(weft_poll *poll, struct batch *batch,
                               weft_detail *detail)
{
    weft_status status;

    if (poll->active_count == 0 || poll->owes_endpoints ||
        (!poll->has_more && weftos_now_ns() - poll->heard_ns < HEAR_NS)) {
        return WEFT_OK;
    }
    status = hear(poll, batch, WEFT_NOW, detail);
    return status == WEFT_EAGAIN ? WEFT_OK : status;
}

static weft_status await(weft_poll *poll, struct batch *batch,
                         uint64_t deadline_ns, weft_detail *detail)
{
    weft_status status;
    size_t heard;

    poll->round++;
    status = hear_others(poll, batch, detail);
    for (unsigned looks = 0; status == WEFT_OK; looks++) {
        heard = batch->count;
        gather(poll, batch);
        poll->owes_endpoints = heard > 0 && batch->count == batch->room;
        /* Relaxed would do: who wakes has stored what it is about before. */
        if (atomic_exchange(&poll->woken, 0) != 0 || batch->count > 0) {
            return WEFT_OK;
        }
        status = is_flooded(looks, deadline_ns)
                     ? too_late(deadline_ns, detail)
                     : rest(poll, batch, deadline_ns, detail);
    }
    return status;
}

weft_status weft_poll_wait(weft_poll *poll, weft_poll_item *items, size_t room,
                           size_t *count, uint64_t deadline_ns,
                           weft_detail *detail)
{
    struct batch batch = {items, room, 0};
    weft_detail found = {WEFT_OK, 0, NULL};
    weft_status status;

    if (count != NULL) {
        *count = 0;
    }
    if (poll == NULL || items == NULL || room == 0 || count == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (weftos_process_token() != poll->token) {
        return wefti_fail(detail, WEFT_EFORKED, "wait for a poll set");
    }
    status = await(poll, &batch, deadline_ns, &found);
    *count = batch.count;
    return wefti_pass(detail, status, &found);
}

/*
 *      waker                          set
 *      woken = 1                      sleep until the set is woken
 *      was it 0? wake the set         woken = 0; was it 1? return
 *
 * The wake stays with the system until a sleep takes it. One that comes when
 * the wait has already seen the flag ends a later sleep early, for nothing.
 */
weft_status weft_poll_wake(weft_poll *poll)
{
    if (poll == NULL) {
        return WEFT_EINVAL;
    }
    if (weftos_process_token() != poll->token) {
        return WEFT_EFORKED;
    }
    if (atomic_exchange(&poll->woken, 1) == 0) {
        weftos_set_wake(poll->set);
    }
    return WEFT_OK;
}
