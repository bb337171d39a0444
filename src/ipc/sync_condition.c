/* SPDX-License-Identifier: MIT
 *
 * The condition: the lobby's count is the whole of it. Who waits takes a
 * ticket while it holds the mutex, and so before any change that it may have
 * to hear of; a signal advances the count.
 *
 * The state only says whether a signal has anybody to wake: it is a number that
 * is never below that of the sleepers whom no signal has called. Who waits adds
 * one, after it has its ticket; a signal takes one away and wakes at least one;
 * a broadcast takes all. Nobody takes his own away: one who was killed, or
 * timed out, or came back for no reason, has left one too many, and a later
 * signal makes a system call for nothing.
 *
 * Who takes away and is killed before the wake has left too few; so only a
 * member of the lobby takes any, because all sleepers wake when it dies. Others
 * wake and leave the number as it is.
 */
#include "sync_lock.h"

_Static_assert(sizeof(weft_condition) == sizeof(struct wefti_object) &&
                   _Alignof(weft_condition) % _Alignof(struct wefti_object) ==
                       0,
               "a condition is an object");

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
    if (is_called(visit) || status == WEFT_EPEERDIED) {
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
    weft_status status;
    weft_status locked;

    (void)atomic_fetch_add(&visit->object->state, 1);
    status = weft_mutex_unlock(mutex);
    if (status != WEFT_OK) {
        return status;
    }
    status = await_call(visit, deadline_ns);
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
    if (deadline_ns == WEFT_NOW || !wefti_mutex_is_held(mutex)) {
        return wefti_mutex_is_held(mutex) ? WEFT_EAGAIN : WEFT_EINVAL;
    }
    /* Before the ticket, which a new member's list makes an old one. */
    (void)wefti_lobby_list(&visit.object->lobby, visit.self);
    visit.ticket = wefti_lobby_enter(&visit.object->lobby);
    return wait_without(mutex, &visit, deadline_ns);
}

/* -------------------------------------------------------------- calling --- */

/*
 * Wakes one or all. Relaxed: a waiter that this call is for has added itself
 * before it gave the mutex back, which the caller has held since.
 */
static weft_status call(weft_condition *condition, bool all)
{
    struct wefti_object *object = object_of(condition);
    uint64_t self;
    uint64_t state;
    weft_status status = wefti_identify(object, WEFTI_CONDITION, &self);

    if (status != WEFT_OK) {
        return status;
    }
    state = weftos_load_relaxed(&object->state);
    if (state == 0) {
        return WEFT_OK;
    }
    if (wefti_lobby_list_waker(&object->lobby, self)) {
        while (state != 0 && !atomic_compare_exchange_weak(
                                 &object->state, &state, all ? 0 : state - 1)) {
        }
    }
    wefti_lobby_wake(&object->lobby, all);
    return WEFT_OK;
}

weft_status weft_condition_signal(weft_condition *condition)
{
    return call(condition, false);
}

weft_status weft_condition_broadcast(weft_condition *condition)
{
    return call(condition, true);
}
