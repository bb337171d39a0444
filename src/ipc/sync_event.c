/* SPDX-License-Identifier: MIT
 *
 * The event.
 *
 *      bits    name       means
 *      0       SET        it is set
 *      1       AUTO       who gets through resets it. Constant.
 *      2       WAITERS    somebody may sleep in the lobby. Set by who is
 *                         about to sleep, and by who has slept and resets the
 *                         event (others may sleep still). Cleared after the
 *                         wake: where a setter was killed before it woke, the
 *                         next one does.
 *      3..31   0
 *      32..63  how often it was set. Who waits at an event without AUTO gets
 *              through when this has changed, though it be reset again.
 */
#include <weft/sync.h>

#include "sync_lobby.h"
#include "sync_watch.h"

_Static_assert(sizeof(weft_event) == sizeof(struct wefti_object) &&
                   _Alignof(weft_event) % _Alignof(struct wefti_object) == 0,
               "an event is an object");

#define SET UINT64_C(1)
#define AUTO UINT64_C(2)
#define WAITERS UINT64_C(4)
#define TIMES (UINT64_C(1) << 32)

/* One wait: what it looks at. */
struct visit {
    struct wefti_object *object;
    uint64_t self;
    uint64_t first; /* the state that it came upon */
    bool slept;
};

static struct wefti_object *object_of(weft_event *event)
{
    return (struct wefti_object *)(void *)event;
}

weft_status weft_event_init(weft_event *event, unsigned flags)
{
    uint64_t state = ((flags & WEFT_EVENT_SET) != 0 ? SET : 0) |
                     ((flags & WEFT_EVENT_AUTO_RESET) != 0 ? AUTO : 0);

    return (flags & ~(WEFT_EVENT_SET | WEFT_EVENT_AUTO_RESET)) != 0
               ? WEFT_EINVAL
               : wefti_object_init(object_of(event), WEFTI_EVENT, state);
}

void weft_event_deinit(weft_event *event)
{
    wefti_object_deinit(object_of(event), WEFTI_EVENT);
}

/* -------------------------------------------------------------- waiting --- */

static bool lets_through(const struct visit *visit, uint64_t state)
{
    return (state & SET) != 0 ||
           ((state & AUTO) == 0 && state / TIMES != visit->first / TIMES);
}

static bool is_open(const void *context)
{
    const struct visit *visit = context;

    return lets_through(visit, weftos_load_relaxed(&visit->object->state));
}

/* Gets through, if that is possible now; resets it if it is AUTO. */
static bool pass(const struct visit *visit)
{
    /* Acquire: what was done before the set, pairs with its release. */
    uint64_t state = weftos_load_acquire(&visit->object->state);

    while (lets_through(visit, state)) {
        uint64_t next = (state & ~SET) | (visit->slept ? WAITERS : 0);

        if ((state & AUTO) == 0 ||
            atomic_compare_exchange_weak_explicit(&visit->object->state, &state,
                                                  next, memory_order_acquire,
                                                  memory_order_acquire)) {
            return true;
        }
    }
    return false;
}

/* Says that we are about to sleep. False: there is no need to. */
static bool announce(const struct visit *visit)
{
    uint64_t state = weftos_load_relaxed(&visit->object->state);

    while (!lets_through(visit, state)) {
        if ((state & WAITERS) != 0 ||
            atomic_compare_exchange_weak(&visit->object->state, &state,
                                         state | WAITERS)) {
            return true;
        }
    }
    return false;
}

static void leave(const struct visit *visit)
{
    uint64_t state = atomic_fetch_or(&visit->object->state, WAITERS);

    if ((state & SET) != 0) {
        wefti_lobby_wake(&visit->object->lobby, (state & AUTO) == 0);
    }
}

static weft_status wait_long(struct visit *visit, uint64_t deadline_ns)
{
    struct wefti_lobby *lobby = &visit->object->lobby;

    for (;;) {
        uint32_t ticket = wefti_lobby_enter(lobby);
        weft_status status;

        if (pass(visit)) {
            return WEFT_OK;
        }
        if (wefti_lobby_spin(lobby, is_open, visit) || !announce(visit)) {
            continue;
        }
        status = wefti_lobby_wait(lobby, ticket, visit->self, 0, deadline_ns);
        visit->slept = true;
        if (status != WEFT_OK && status != WEFT_EPEERDIED) {
            leave(visit);
            return status;
        }
    }
}

/* Another one's wait is all the same to who only watches. */
static bool is_set(const struct wefti_object *object)
{
    return (weftos_load_relaxed(&object->state) & SET) != 0;
}

/* Says that we are about to sleep. False: it is set. */
static bool announce_watch(struct wefti_object *object)
{
    return (atomic_fetch_or(&object->state, WAITERS) & SET) == 0;
}

/* As wait_long, but it resets nothing, and passes on what woke it. */
weft_status wefti_event_watch(void *event, const _Atomic uint32_t *order)
{
    struct visit visit = {.object = object_of(event)};
    struct wefti_lobby *lobby = &visit.object->lobby;
    weft_status status = wefti_identify(visit.object, WEFTI_EVENT, &visit.self);

    while (status == WEFT_OK) {
        uint32_t ticket = wefti_lobby_enter(lobby);

        if (is_set(visit.object) || atomic_load(order) != WEFTI_WATCH) {
            break;
        }
        if (announce_watch(visit.object)) {
            status =
                wefti_lobby_wait(lobby, ticket, visit.self, 0, WEFT_FOREVER);
            status = status == WEFT_EPEERDIED ? WEFT_OK : status;
            visit.slept = true;
        }
    }
    if (visit.slept) {
        leave(&visit);
    }
    return status;
}

bool wefti_event_is_set(const void *event)
{
    return is_set((const struct wefti_object *)event);
}

weft_status weft_event_wait_until(weft_event *event, uint64_t deadline_ns)
{
    struct visit visit = {.object = object_of(event)};
    weft_status status = wefti_identify(visit.object, WEFTI_EVENT, &visit.self);

    if (status != WEFT_OK) {
        return status;
    }
    visit.first = weftos_load_relaxed(&visit.object->state);
    if (pass(&visit)) {
        return WEFT_OK;
    }
    return deadline_ns == WEFT_NOW ? WEFT_EAGAIN
                                   : wait_long(&visit, deadline_ns);
}

/* -------------------------------------------------------------- setting --- */

/* Wakes for a set, after which the state was this one. */
static void wake(struct wefti_object *object, uint64_t state)
{
    wefti_lobby_wake(&object->lobby, (state & AUTO) == 0);
    /*
     * If it is set still, nobody has begun to sleep since: who slept before
     * is awake, or says again that others may sleep as it gets through.
     */
    (void)atomic_compare_exchange_strong_explicit(
        &object->state, &state, state & ~WAITERS, memory_order_relaxed,
        memory_order_relaxed);
}

weft_status weft_event_set(weft_event *event)
{
    struct wefti_object *object = object_of(event);
    uint64_t self;
    uint64_t state;
    uint64_t next;
    weft_status status = wefti_identify(object, WEFTI_EVENT, &self);

    if (status != WEFT_OK) {
        return status;
    }
    state = weftos_load_relaxed(&object->state);
    do {
        if ((state & WAITERS) != 0) {
            /* From here on we owe a wake. */
            (void)wefti_lobby_list_waker(&object->lobby, self);
        }
        /*
         * Release: pairs with the acquire in pass. What is set is stored
         * once more, for what the caller has written since.
         */
        next = (state & SET) != 0 ? state : (state | SET) + TIMES;
    } while (!atomic_compare_exchange_weak_explicit(&object->state, &state,
                                                    next, memory_order_release,
                                                    memory_order_relaxed));
    if ((next & WAITERS) != 0) {
        wake(object, next);
    }
    return WEFT_OK;
}

weft_status weft_event_reset(weft_event *event)
{
    struct wefti_object *object = object_of(event);
    uint64_t self;
    weft_status status = wefti_identify(object, WEFTI_EVENT, &self);

    if (status == WEFT_OK) {
        (void)atomic_fetch_and_explicit(&object->state, ~SET,
                                        memory_order_acquire);
    }
    return status;
}
