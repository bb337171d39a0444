/* SPDX-License-Identifier: MIT
 *
 * poll.h - poll sets: poll.c waits, poll_sources.c knows what may be in a set.
 *
 * Many endpoints, one sleeper. Those that had something lately are active: they
 * are looked at in memory, in turn. The others are armed: what comes next makes
 * their handle ready, and the system watches that. An endpoint is armed when it
 * has been silent for a while, or when the set goes to sleep, and stays so
 * until its handle is ready. So going to sleep costs as much as there are
 * active ones, and a wake as much as there is news, whatever the number of all.
 *
 *      set                            peer of an armed endpoint
 *      mark, FULL FENCE (park.h)      store record, FULL FENCE
 *      look again: none               load mark: ring
 *      sleep until a handle is ready  (the ring makes the handle ready)
 *
 * Events and semaphores have no handle, but a thread each (sync_watch.h), which
 * wakes the set in its stead; otherwise they are as endpoints.
 *
 * A ring that nobody has collected keeps the handle ready. Arming collects the
 * old ones before it sets the mark, and nobody else collects in the set's stead
 * without making the handle ready again: see wefti_site_poke() in rx.c.
 */
#ifndef WEFTI_POLL_H
#define WEFTI_POLL_H

#include <weft/poll.h>

#include "os/os.h"

/* What a set does with one kind of endpoint. */
struct wefti_poll_kind {
    /* Has it something to tell? Some loads. */
    bool (*is_ready)(const void *object);
    /*
     * Arms it. WEFT_EAGAIN: its handle will be ready when it has something.
     * Else it may have something now, or could not be armed.
     */
    weft_status (*arm)(void *object);
};

/* Something in a set. */
struct wefti_source {
    weft_poll *poll;
    const struct wefti_poll_kind *kind; /* NULL: a handle of another kind */
    void *object;
    struct wefti_source **slot;    /* where the endpoint points to this */
    struct wefti_watcher *watcher; /* of an event or semaphore; else NULL */
    weft_handle handle;
    unsigned events;
    uint64_t key;

    bool is_active;     /* looked at, and perhaps not armed */
    bool must_tell;     /* whatever is_ready() says */
    uint64_t lively_ns; /* when it last had something, roughly */
    uint64_t round;     /* of the wait that last told it ... */
    size_t place;       /* ... as this item */

    struct wefti_source *next;
    struct wefti_source **link; /* what points to this one */
};

struct weft_poll {
    uint64_t token;
    weftos_set *set;
    weft_wait wait;
    bool interruptible;
    _Atomic uint32_t woken;

    struct wefti_source *sources; /* all */
    size_t source_count;
    size_t foreign_count; /* of them, those of no kind */
    size_t watcher_count; /* those that have a watcher */
    _Atomic uint32_t watchers_told;

    struct wefti_source **active; /* room for all */
    size_t active_count;
    size_t active_room;
    size_t turn; /* where the next look begins */

    uint64_t round;    /* of waits */
    uint64_t heard_ns; /* when the system was last asked */
    bool has_more;     /* it had more to tell than there was room for */
    uint32_t spin_us;
    /* The last wait told of handles and had no room for endpoints. */
    bool owes_endpoints;
};

/* For a new source: it is looked at by the next wait. Needs room. */
void wefti_poll_activate(weft_poll *poll, struct wefti_source *source);

/* Takes it out of the list of those that are active, if it is there. */
void wefti_poll_deactivate(weft_poll *poll, struct wefti_source *source);

/* Frees it in a forked child, where it may be in a list of its parent's. */
void wefti_source_forget(struct wefti_source *source);

/*
 * For an endpoint that is about to receive by itself, and so may undo its
 * arming: the next wait looks at it. NULL: it is in no set.
 */
static inline void wefti_source_touch(struct wefti_source *source)
{
    if (source != NULL) {
        wefti_poll_activate(source->poll, source);
    }
}

/*
 * For an endpoint that is about to be closed, in the process that opened it:
 * takes it out of its set. NULL: it is in none.
 */
void wefti_source_leave(struct wefti_source *source);

#endif
