/* SPDX-License-Identifier: MIT
 *
 * The mutex: a robust lock, and the short way to take and give it back.
 */
#include "sync_lock.h"

_Static_assert(sizeof(weft_mutex) == sizeof(struct wefti_object) &&
                   _Alignof(weft_mutex) % _Alignof(struct wefti_object) == 0,
               "a mutex is an object");

static const struct wefti_lock_rules rules = {.taken = 0, .readers = false};

static struct wefti_object *object_of(weft_mutex *mutex)
{
    return (struct wefti_object *)(void *)mutex;
}

weft_status weft_mutex_init(weft_mutex *mutex)
{
    return wefti_object_init(object_of(mutex), WEFTI_MUTEX, 0);
}

void weft_mutex_deinit(weft_mutex *mutex)
{
    wefti_object_deinit(object_of(mutex), WEFTI_MUTEX);
}

weft_status weft_mutex_lock_until(weft_mutex *mutex, uint64_t deadline_ns)
{
    struct wefti_object *object = object_of(mutex);
    uint64_t self;
    uint64_t free = 0;
    weft_status status = wefti_identify(object, WEFTI_MUTEX, &self);

    if (status != WEFT_OK) {
        return status;
    }
    /* Acquire: pairs with the release in wefti_lock_release. */
    if (atomic_compare_exchange_strong_explicit(&object->state, &free, self,
                                                memory_order_acquire,
                                                memory_order_relaxed)) {
        return WEFT_OK;
    }
    return wefti_lock_take(object, self, &rules, deadline_ns);
}

weft_status weft_mutex_unlock(weft_mutex *mutex)
{
    struct wefti_object *object = object_of(mutex);
    uint64_t self;
    uint64_t state;
    weft_status status = wefti_identify(object, WEFTI_MUTEX, &self);

    if (status != WEFT_OK) {
        return status;
    }
    /* Relaxed: while we own it nobody else changes what is looked at. */
    state = weftos_load_relaxed(&object->state);
    if ((state & WEFTI_IDENTITY) != self) {
        return WEFT_EINVAL;
    }
    wefti_lock_release(object, state, &rules);
    return WEFT_OK;
}

weft_status weft_mutex_recover(weft_mutex *mutex)
{
    struct wefti_object *object = object_of(mutex);
    uint64_t self;
    weft_status status = wefti_identify(object, WEFTI_MUTEX, &self);

    return status == WEFT_OK ? wefti_lock_recover(object, self) : status;
}

bool wefti_mutex_is_held(weft_mutex *mutex)
{
    struct wefti_object *object = object_of(mutex);
    uint64_t self;

    return wefti_identify(object, WEFTI_MUTEX, &self) == WEFT_OK &&
           (weftos_load_relaxed(&object->state) & WEFTI_IDENTITY) == self;
}
