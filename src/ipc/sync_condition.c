/* SPDX-License-Identifier: MIT
 *
 * The condition: the lobby's count is the whole of it. Who waits takes a
 * ticket while it holds the mutex, and so before any change that it may have
 * to hear of; a signal advances the count.
 *
 * The state only says whether a signal has anybody to wake:
 *
 *      bits 0..31   how many wait, of this epoch
 *      bits 32..63  the epoch
 *
 * Who waits counts itself in, and out again if the epoch is still the same. A
 * process that is killed while it waits never counts itself out, and every
 * signal would make a system call for nothing. So a broadcast, and whoever is
 * told of a death, wakes all and then begins an epoch with nobody in it, unless
 * somebody was counted meanwhile. The count may be too high, which only costs
 * time; it is never too low while somebody waits who was not woken.
 */
#include <weft/sync.h>

#include "sync_lock.h"

_Static_assert(sizeof(weft_condition) == sizeof(struct wefti_object) &&
                   _Alignof(weft_condition) == _Alignof(struct wefti_object),
               "a condition is an object");

#define COUNT UINT64_C(0xffffffff)
#define EPOCH (COUNT + 1)

static struct wefti_object *object_of(weft_condition *condition)
{
    return (struct wefti_object *)(void *)condition;
}

weft_status weft_condition_init(weft_condition *condition)
{
    return wefti_object_init(object_of(condition), WEFTI_CONDITION, 0);
}

void weft_condition_deinit(weft_condition *condition)
{
    wefti_object_deinit(object_of(condition), WEFTI_CONDITION);
}

/* ------------------------------------------------------------- counting --- */

static uint64_t count_in(struct wefti_object *object)
{
    return (atomic_fetch_add(&object->state, 1) + 1) & ~COUNT;
}

static void count_out(struct wefti_object *object, uint64_t epoch)
{
    uint64_t state = weftos_load_relaxed(&object->state);

    while ((state & ~COUNT) == epoch && (state & COUNT) != 0 &&
           !atomic_compare_exchange_weak(&object->state, &state, state - 1)) {
    }
}

/*
 * Wakes all who wait. Those who were counted before that took their tickets
 * before they were counted, so none of them sleeps on.
 */
static void call_all(struct wefti_object *object, uint64_t state)
{
    wefti_lobby_wake(&object->lobby, true);
    (void)atomic_compare_exchange_strong(&object->state, &state,
                                         (state & ~COUNT) + EPOCH);
}

/* -------------------------------------------------------------- waiting --- */

/* One wait: what it looks at. */
struct visit {
    struct wefti_object *object;
    uint64_t self;
    uint32_t ticket;
};

static bool is_called(const void *context)
{
    const struct visit *visit = context;

    return atomic_load_explicit(&visit->object->lobby.turn,
                                memory_order_relaxed) != visit->ticket;
}

/* Without the mutex: until the count is advanced. */
static weft_status await_call(const struct visit *visit, uint64_t deadline_ns)
{
    struct wefti_lobby *lobby = &visit->object->lobby;
    weft_status status;

    if (wefti_lobby_spin(lobby, is_called, visit)) {
        return WEFT_OK;
    }
    status =
        wefti_lobby_wait(lobby, visit->ticket, visit->self, 0, deadline_ns);
    if (status == WEFT_EPEERDIED) {
        call_all(visit->object, weftos_load_relaxed(&visit->object->state));
    }
    if (is_called(visit)) {
        return WEFT_OK; /* even if that was at the last moment */
    }
    if (status == WEFT_OK) {
        /*
         * Woken, and not called: this wake was another's, who has an older
         * ticket. The kernel may wake a sleeper of higher priority first.
         */
        wefti_lobby_wake(lobby, false);
    }
    return status;
}

static weft_status wait_without(weft_mutex *mutex, const struct visit *visit,
                                uint64_t deadline_ns)
{
    uint64_t epoch = count_in(visit->object);
    weft_status status = weft_mutex_unlock(mutex);
    weft_status locked;

    if (status != WEFT_OK) {
        count_out(visit->object, epoch);
        return status;
    }
    status = await_call(visit, deadline_ns);
    count_out(visit->object, epoch);
    if (status != WEFT_OK && status != WEFT_ETIMEDOUT) {
        return status;
    }
    locked = weft_mutex_lock(mutex);
    return locked != WEFT_OK ? locked : status;
}

weft_status weft_condition_wait_until(weft_condition *condition,
                                      weft_mutex *mutex, uint64_t deadline_ns)
{
    struct visit visit = {.object = object_of(condition)};
    weft_status status =
        wefti_identify(visit.object, WEFTI_CONDITION, &visit.self);

    if (status != WEFT_OK) {
        return status;
    }
    if (deadline_ns == WEFT_NOW) {
        return wefti_mutex_is_held(mutex) ? WEFT_EAGAIN : WEFT_EINVAL;
    }
    /* Before the ticket, which a new member's list makes an old one. */
    (void)wefti_lobby_list(&visit.object->lobby, visit.self);
    visit.ticket = wefti_lobby_enter(&visit.object->lobby);
    return wait_without(mutex, &visit, deadline_ns);
}

/* -------------------------------------------------------------- calling --- */

/*
 * Relaxed: a waiter that this call is for was counted before it gave the mutex
 * back, which the caller has held since.
 */
weft_status weft_condition_signal(weft_condition *condition)
{
    struct wefti_object *object = object_of(condition);
    uint64_t self;
    weft_status status = wefti_identify(object, WEFTI_CONDITION, &self);

    if (status != WEFT_OK ||
        (weftos_load_relaxed(&object->state) & COUNT) == 0) {
        return status;
    }
    (void)wefti_lobby_list(&object->lobby, self);
    wefti_lobby_wake(&object->lobby, false);
    return WEFT_OK;
}

weft_status weft_condition_broadcast(weft_condition *condition)
{
    struct wefti_object *object = object_of(condition);
    uint64_t self;
    uint64_t state;
    weft_status status = wefti_identify(object, WEFTI_CONDITION, &self);

    if (status != WEFT_OK) {
        return status;
    }
    state = weftos_load_relaxed(&object->state);
    if ((state & COUNT) != 0) {
        (void)wefti_lobby_list(&object->lobby, self);
        call_all(object, state);
    }
    return WEFT_OK;
}
