/* SPDX-License-Identifier: MIT
 *
 * The counting semaphore.
 *
 *      bits    name       means
 *      0..30   the value
 *      31      WAITERS    somebody may sleep in the lobby. Set by who is about
 *                         to sleep, and by who has slept and takes one or
 *                         leaves (others may sleep still); cleared by the post,
 *                         which then wakes one, but not by a process whose
 *                         death no sleeper would hear of: if it is killed
 *                         before the wake, the next post wakes. Legal to have
 *                         for nothing.
 *      32..63  0
 *
 * A post wakes one, however much it gives, and that one may take it all.
 * Whoever was woken and leaves some wakes the next one: so two posts that come
 * before the first sleeper has run wake both, though the second one finds
 * WAITERS cleared.
 */
#include <weft/sync.h>

#include "sync_lobby.h"
#include "sync_watch.h"

_Static_assert(sizeof(weft_semaphore) == sizeof(struct wefti_object) &&
                   _Alignof(weft_semaphore) % _Alignof(struct wefti_object) ==
                       0,
               "a semaphore is an object");

#define VALUE ((uint64_t)WEFT_SEMAPHORE_MAX)
#define WAITERS (VALUE + 1)

static struct wefti_object *object_of(const weft_semaphore *semaphore)
{
    return (struct wefti_object *)(uintptr_t)semaphore;
}

weft_status weft_semaphore_init(weft_semaphore *semaphore, uint32_t value)
{
    return value > WEFT_SEMAPHORE_MAX
               ? WEFT_EINVAL
               : wefti_object_init(object_of(semaphore), WEFTI_SEMAPHORE,
                                   value);
}

void weft_semaphore_deinit(weft_semaphore *semaphore)
{
    wefti_object_deinit(object_of(semaphore), WEFTI_SEMAPHORE);
}

/* -------------------------------------------------------------- waiting --- */

static bool has_some(const void *context)
{
    const struct wefti_object *object = context;

    return (weftos_load_relaxed(&object->state) & VALUE) != 0;
}

/*
 * Takes what there is, up to `most`; returns how many. `slept`: the wake may
 * have been for more.
 */
static uint32_t take(struct wefti_object *object, uint32_t most, bool slept)
{
    uint64_t state = weftos_load_relaxed(&object->state);
    uint64_t count;
    uint64_t next;

    do {
        count = (state & VALUE) < most ? state & VALUE : most;
        if (count == 0) {
            return 0;
        }
        next = (state - count) | (slept ? WAITERS : 0);
        /* Acquire: what was done before the post, pairs with its release. */
    } while (!atomic_compare_exchange_weak_explicit(&object->state, &state,
                                                    next, memory_order_acquire,
                                                    memory_order_relaxed));
    if (slept && (next & VALUE) != 0) {
        wefti_lobby_wake(&object->lobby, false);
    }
    return (uint32_t)count;
}

/* Says that we are about to sleep. False: there is no need to. */
static bool announce(struct wefti_object *object)
{
    uint64_t state = weftos_load_relaxed(&object->state);

    while ((state & VALUE) == 0) {
        if ((state & WAITERS) != 0 ||
            atomic_compare_exchange_weak(&object->state, &state,
                                         state | WAITERS)) {
            return true;
        }
    }
    return false;
}

static void leave(struct wefti_object *object)
{
    if ((atomic_fetch_or(&object->state, WAITERS) & VALUE) != 0) {
        wefti_lobby_wake(&object->lobby, false);
    }
}

static weft_status wait_long(struct wefti_object *object, uint64_t self,
                             uint32_t most, uint32_t *taken,
                             uint64_t deadline_ns)
{
    bool slept = false;

    for (;;) {
        uint32_t ticket = wefti_lobby_enter(&object->lobby);
        weft_status status;

        *taken = take(object, most, slept);
        if (*taken != 0) {
            return WEFT_OK;
        }
        if (wefti_lobby_spin(&object->lobby, has_some, object) ||
            !announce(object)) {
            continue;
        }
        status = wefti_lobby_wait(&object->lobby, ticket, self, 0, deadline_ns);
        slept = true;
        if (status != WEFT_OK && status != WEFT_EPEERDIED) {
            leave(object);
            return status;
        }
    }
}

/* As wait_long, but it takes nothing, and passes on what woke it. */
weft_status wefti_semaphore_watch(void *semaphore,
                                  const _Atomic uint32_t *order)
{
    struct wefti_object *object = object_of(semaphore);
    uint64_t self;
    weft_status status = wefti_identify(object, WEFTI_SEMAPHORE, &self);
    bool slept = false;

    while (status == WEFT_OK) {
        uint32_t ticket = wefti_lobby_enter(&object->lobby);

        if (has_some(object) || atomic_load(order) != WEFTI_WATCH) {
            break;
        }
        if (announce(object)) {
            status =
                wefti_lobby_wait(&object->lobby, ticket, self, 0, WEFT_FOREVER);
            status = status == WEFT_EPEERDIED ? WEFT_OK : status;
            slept = true;
        }
    }
    if (slept) {
        leave(object);
    }
    return status;
}

bool wefti_semaphore_has_some(const void *semaphore)
{
    return has_some(object_of(semaphore));
}

static weft_status take_until(weft_semaphore *semaphore, uint32_t most,
                              uint32_t *taken, uint64_t deadline_ns)
{
    struct wefti_object *object = object_of(semaphore);
    uint64_t self;
    weft_status status = wefti_identify(object, WEFTI_SEMAPHORE, &self);

    if (status != WEFT_OK) {
        return status;
    }
    *taken = take(object, most, false);
    if (*taken != 0) {
        return WEFT_OK;
    }
    return deadline_ns == WEFT_NOW
               ? WEFT_EAGAIN
               : wait_long(object, self, most, taken, deadline_ns);
}

weft_status weft_semaphore_wait_until(weft_semaphore *semaphore,
                                      uint64_t deadline_ns)
{
    uint32_t taken;

    return take_until(semaphore, 1, &taken, deadline_ns);
}

weft_status weft_semaphore_take_until(weft_semaphore *semaphore, uint32_t most,
                                      uint32_t *taken, uint64_t deadline_ns)
{
    if (taken == NULL) {
        return WEFT_EINVAL;
    }
    *taken = 0;
    return most == 0 ? WEFT_EINVAL
                     : take_until(semaphore, most, taken, deadline_ns);
}

/* -------------------------------------------------------------- posting --- */

weft_status weft_semaphore_post(weft_semaphore *semaphore, uint32_t count)
{
    struct wefti_object *object = object_of(semaphore);
    uint64_t self;
    uint64_t state;
    uint64_t next;
    weft_status status = wefti_identify(object, WEFTI_SEMAPHORE, &self);

    if (status != WEFT_OK) {
        return status;
    }
    state = weftos_load_relaxed(&object->state);
    do {
        if (count > VALUE - (state & VALUE)) {
            return WEFT_ELIMIT;
        }
        next = (state & VALUE) + count;
        /* From here on we owe a wake. */
        if ((state & WAITERS) != 0 &&
            !wefti_lobby_list_waker(&object->lobby, self)) {
            next |= WAITERS;
        }
        /* Release: pairs with the acquire in take. */
    } while (!atomic_compare_exchange_weak_explicit(&object->state, &state,
                                                    next, memory_order_release,
                                                    memory_order_relaxed));
    if ((state & WAITERS) != 0) {
        wefti_lobby_wake(&object->lobby, false);
    }
    return WEFT_OK;
}

weft_status weft_semaphore_get_value(const weft_semaphore *semaphore,
                                     uint32_t *value)
{
    const struct wefti_object *object = object_of(semaphore);
    uint64_t self;
    weft_status status = wefti_identify(object, WEFTI_SEMAPHORE, &self);

    if (status != WEFT_OK || value == NULL) {
        return status != WEFT_OK ? status : WEFT_EINVAL;
    }
    *value = (uint32_t)(weftos_load_relaxed(&object->state) & VALUE);
    return WEFT_OK;
}
