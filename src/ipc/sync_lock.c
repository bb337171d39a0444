/* SPDX-License-Identifier: MIT
 *
 * Taking a robust lock the long way; sync_lock.h has the theory.
 */
#include "sync_lock.h"

/* So many sleeps for nothing, and a waiter claims its turn. */
#define LOSSES_MOST 3

/* One attempt to take a lock: what it has been through. */
struct attempt {
    struct wefti_object *object;
    const struct wefti_lock_rules *rules;
    uint64_t self;
    unsigned sleeps;
    bool has_stepped_back;
};

/* A free lock that others are to have first. */
static bool must_step_back(const struct attempt *attempt, uint64_t state)
{
    return (state & WEFTI_LOCK_TURN) != 0 && !attempt->has_stepped_back &&
           (attempt->rules->readers || attempt->sleeps == 0);
}

static uint64_t taken_state(const struct attempt *attempt, uint64_t state)
{
    uint64_t waiters =
        attempt->sleeps > 0 ? WEFTI_LOCK_WAITERS : state & WEFTI_LOCK_WAITERS;

    return attempt->self | attempt->rules->taken | waiters;
}

/*
 * Takes a lock that is free, or tells why not. WEFT_EAGAIN: the state has
 * changed; `*state` is the new one.
 */
static weft_status take_free(const struct attempt *attempt, uint64_t *state)
{
    if ((*state & WEFTI_LOCK_INCONSISTENT) != 0) {
        return WEFT_ENOTRECOVERABLE;
    }
    /*
     * Acquires what the last owner has written; sequentially consistent, as
     * a writer looks at the readers' seats next (sync_rwlock.c).
     */
    return atomic_compare_exchange_strong(&attempt->object->state, state,
                                          taken_state(attempt, *state))
               ? WEFT_OK
               : WEFT_EAGAIN;
}

/*
 * The owner is dead. One that had only waited for readers has left nothing
 * half done, unless it had that from another one.
 */
static weft_status take_over(const struct attempt *attempt, uint64_t state)
{
    bool is_whole = (state & (WEFTI_LOCK_DRAINING | WEFTI_LOCK_INCONSISTENT)) ==
                    WEFTI_LOCK_DRAINING;
    uint64_t taken = attempt->self | attempt->rules->taken |
                     WEFTI_LOCK_WAITERS |
                     (is_whole ? 0 : WEFTI_LOCK_INCONSISTENT);

    if (!atomic_compare_exchange_strong(&attempt->object->state, &state,
                                        taken)) {
        return WEFT_EAGAIN;
    }
    return is_whole ? WEFT_OK : WEFT_EOWNERDEAD;
}

static bool is_free(const void *context)
{
    const struct wefti_object *object = context;

    return (weftos_load_relaxed(&object->state) & WEFTI_IDENTITY) == 0;
}

/* Says in the state that we are about to sleep. False: it has changed. */
static bool announce(const struct attempt *attempt, uint64_t state)
{
    uint64_t announced = state | WEFTI_LOCK_WAITERS;

    if (attempt->sleeps >= LOSSES_MOST && !attempt->rules->readers) {
        announced |= WEFTI_LOCK_TURN;
    }
    return announced == state ||
           atomic_compare_exchange_strong(&attempt->object->state, &state,
                                          announced);
}

/* Lets others have a free lock, for a while. */
static void step_back(struct attempt *attempt, uint64_t state, uint32_t ticket,
                      uint64_t deadline_ns)
{
    uint64_t until = weftos_now_ns() + WEFTI_STEP_BACK_NS;

    if (announce(attempt, state)) {
        (void)wefti_lobby_wait(&attempt->object->lobby, ticket, attempt->self,
                               0, until < deadline_ns ? until : deadline_ns);
        attempt->has_stepped_back = true;
        attempt->sleeps++;
    }
}

/*
 * The lock has an owner: looks for a while whether it goes, then sleeps.
 * WEFT_EPEERDIED: the owner is dead. WEFT_OK: look again.
 */
static weft_status await_owner(struct attempt *attempt, uint64_t state,
                               uint32_t ticket, uint64_t deadline_ns)
{
    struct wefti_lobby *lobby = &attempt->object->lobby;
    uint64_t owner = state & WEFTI_IDENTITY;
    weft_status status;

    if (deadline_ns == WEFT_NOW) {
        return wefti_is_dead(attempt->self, owner) ? WEFT_EPEERDIED
                                                   : WEFT_EAGAIN;
    }
    if (wefti_lobby_spin(lobby, is_free, attempt->object) ||
        !announce(attempt, state)) {
        return WEFT_OK;
    }
    status = wefti_lobby_wait(lobby, ticket, attempt->self, owner, deadline_ns);
    attempt->sleeps++;
    return status == WEFT_EPEERDIED && !wefti_is_dead(attempt->self, owner)
               ? WEFT_OK
               : status;
}

/* One round. WEFT_EAGAIN: another one. */
static weft_status try_once(struct attempt *attempt, uint64_t deadline_ns,
                            bool *is_over)
{
    uint32_t ticket = wefti_lobby_enter(&attempt->object->lobby);
    uint64_t state = weftos_load_relaxed(&attempt->object->state);
    weft_status status;

    *is_over = false;
    if ((state & WEFTI_IDENTITY) != 0) {
        status = await_owner(attempt, state, ticket, deadline_ns);
        if (status == WEFT_EPEERDIED) {
            status = take_over(attempt, state);
            *is_over = status != WEFT_EAGAIN;
        } else {
            *is_over = status != WEFT_OK;
        }
    } else if (must_step_back(attempt, state)) {
        step_back(attempt, state, ticket, deadline_ns);
        status = WEFT_OK;
    } else {
        status = take_free(attempt, &state);
        *is_over = status != WEFT_EAGAIN;
    }
    return status;
}

/*
 * Without the lock: another one may sleep who was to hear of the release that
 * ended our sleep, or who does not know whom it now waits for.
 */
static void leave(const struct attempt *attempt)
{
    if (attempt->sleeps > 0) {
        if (!attempt->rules->readers) { /* where it is not ours to clear */
            (void)atomic_fetch_and(&attempt->object->state, ~WEFTI_LOCK_TURN);
        }
        wefti_lobby_wake(&attempt->object->lobby, false);
    }
}

weft_status wefti_lock_take(struct wefti_object *object, uint64_t self,
                            const struct wefti_lock_rules *rules,
                            uint64_t deadline_ns)
{
    struct attempt attempt = {
        .object = object,
        .rules = rules,
        .self = self,
        /* A try can't wait, so it must not be turned away for ever. */
        .has_stepped_back = deadline_ns == WEFT_NOW,
    };
    weft_status status;
    bool is_over;

    do {
        status = try_once(&attempt, deadline_ns, &is_over);
    } while (!is_over);
    if (status != WEFT_OK && status != WEFT_EOWNERDEAD) {
        leave(&attempt);
    }
    return status;
}

/* -------------------------------------------------------------- release --- */

static void pass_on(struct wefti_object *object, uint64_t released,
                    const struct wefti_lock_rules *rules)
{
    bool all = (released & WEFTI_LOCK_INCONSISTENT) != 0 ||
               (rules->readers && (released & WEFTI_LOCK_TURN) != 0);

    wefti_lobby_wake(&object->lobby, all);
}

void wefti_lock_release(struct wefti_object *object, uint64_t state,
                        const struct wefti_lock_rules *rules)
{
    uint64_t next = (state & WEFTI_LOCK_INCONSISTENT) != 0
                        ? WEFTI_LOCK_INCONSISTENT
                        : state & WEFTI_LOCK_TURN;
    /* Release: the next owner's acquire sees what we have written. */
    uint64_t released =
        atomic_exchange_explicit(&object->state, next, memory_order_release);

    if ((released & (WEFTI_LOCK_WAITERS | WEFTI_LOCK_TURN |
                     WEFTI_LOCK_INCONSISTENT)) != 0) {
        pass_on(object, released, rules);
    }
}

weft_status wefti_lock_recover(struct wefti_object *object, uint64_t self)
{
    uint64_t state = weftos_load_relaxed(&object->state);

    if ((state & WEFTI_IDENTITY) != self ||
        (state & WEFTI_LOCK_INCONSISTENT) == 0) {
        return WEFT_EINVAL;
    }
    (void)atomic_fetch_and(&object->state, ~WEFTI_LOCK_INCONSISTENT);
    return WEFT_OK;
}
