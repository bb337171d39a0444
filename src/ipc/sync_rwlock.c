/* SPDX-License-Identifier: MIT
 *
 * The read-write lock: a robust lock for the writers, and a seat for each
 * process that reads.
 *
 * A count of readers alone could not be put right when one of them dies, so
 * each process counts its own, in a seat that names it. Who reads counts
 * itself in its seat and then looks at the lock; who writes takes the lock and
 * then looks at the seats:
 *
 *      reader                          writer
 *      readers += 1                    state = self, DRAINING
 *      load state                      load readers of each seat
 *      taken: readers -= 1, wait       some left: wait until they are gone
 *
 * All of this is sequentially consistent, so one of the two sees the other. A
 * writer waits for one seat at a time and watches its process; if that dies,
 * the writer clears the seat. Only a writer that has the lock does so, and
 * what a dead process left in its seat does not change, so nobody else's
 * count is ever cleared.
 *
 * Fairness: while a writer drains, new readers wait. Readers that wait set
 * TURN, and the release that follows lets them in before the next writer.
 *
 *      seats.identity  a process's, or 0. From 0, or from somebody dead who
 *                      did not read, to a process's own; from somebody dead
 *                      to 0. A process keeps its seat while it lives.
 *      seats.readers   of that process; only it changes them while it lives.
 *      drain           bit 0: a writer sleeps until a reader leaves. Set by the
 *                      writer that drains, cleared by the reader that wakes it.
 *                      Bits 1..30: how often that was; bit 31: as the turn's.
 */
#include "sync_lock.h"

#include <string.h>

struct seat {
    weftos_word identity;
    _Atomic uint32_t readers;
    uint32_t unused;
};

struct rwlock {
    struct wefti_object object;
    _Atomic uint32_t drain;
    uint32_t unused[3];
    struct seat seats[WEFT_RWLOCK_READERS];
};

_Static_assert(sizeof(weft_rwlock) == sizeof(struct rwlock) &&
                   _Alignof(weft_rwlock) % _Alignof(struct rwlock) == 0,
               "the public size is the real one");

#define DRAIN_ASLEEP UINT32_C(1)
#define DRAIN_ONCE UINT32_C(2)

static const struct wefti_lock_rules rules = {
    .taken = WEFTI_LOCK_DRAINING,
    .readers = true,
};

static struct wefti_object *object_of(weft_rwlock *lock)
{
    return (struct wefti_object *)(void *)lock;
}

weft_status weft_rwlock_init(weft_rwlock *lock)
{
    struct rwlock *made = (struct rwlock *)(void *)lock;

    if (!wefti_object_fits(lock)) {
        return WEFT_EINVAL;
    }
    memset((void *)made, 0, sizeof(*made));
    return wefti_object_init(&made->object, WEFTI_RWLOCK, 0);
}

void weft_rwlock_deinit(weft_rwlock *lock)
{
    wefti_object_deinit(object_of(lock), WEFTI_RWLOCK);
}

/* ---------------------------------------------------------------- seats --- */

/* The seat at a distance from where this process looks first. */
static struct seat *seat_at(struct rwlock *lock, uint64_t self, size_t distance)
{
    return &lock->seats[((self >> WEFTI_PID_SHIFT) + distance) %
                        WEFT_RWLOCK_READERS];
}

/* A seat of somebody dead who did not read; looks at one only. */
static struct seat *inherit_seat(struct rwlock *lock, uint64_t self)
{
    static weftos_word counter;
    struct seat *seat =
        seat_at(lock, self, (size_t)atomic_fetch_add(&counter, 1));
    uint64_t owner = weftos_load_relaxed(&seat->identity);

    /* In this order: what the dead one counts does not change any more. */
    return wefti_is_dead(self, owner) && atomic_load(&seat->readers) == 0 &&
                   atomic_compare_exchange_strong(&seat->identity, &owner, self)
               ? seat
               : NULL;
}

/*
 * This process's seat, or NULL: all are taken. Two of its threads may take two
 * at once, which is harmless.
 */
static struct seat *find_seat(struct rwlock *lock, uint64_t self)
{
    for (size_t i = 0; i < WEFT_RWLOCK_READERS; i++) {
        struct seat *seat = seat_at(lock, self, i);

        if (weftos_load_relaxed(&seat->identity) == self) {
            return seat;
        }
    }
    for (size_t i = 0; i < WEFT_RWLOCK_READERS; i++) {
        struct seat *seat = seat_at(lock, self, i);
        uint64_t nobody = 0;

        if (atomic_compare_exchange_strong(&seat->identity, &nobody, self)) {
            return seat;
        }
    }
    return inherit_seat(lock, self);
}

/* Wakes a writer that sleeps until a reader leaves. */
static void ring_drain(struct rwlock *lock)
{
    weftos_site site = {.id = lock->object.lobby.site | 1};
    uint32_t drain = atomic_load(&lock->drain);

    if ((drain & DRAIN_ASLEEP) != 0 &&
        atomic_compare_exchange_strong(&lock->drain, &drain,
                                       (drain & ~DRAIN_ASLEEP) + DRAIN_ONCE)) {
        weftos_word_wake(&lock->drain, UINT32_MAX, &site);
    }
}

/* Counts one reader out of a seat. False: it had none. */
static bool stand_up(struct rwlock *lock, struct seat *seat)
{
    uint32_t readers = atomic_load(&seat->readers);

    do {
        if (readers == 0) {
            return false;
        }
        /* Sequentially consistent, and so a release: see drain_seat. */
    } while (
        !atomic_compare_exchange_weak(&seat->readers, &readers, readers - 1));
    ring_drain(lock);
    return true;
}

/* ---------------------------------------------------------------- drain --- */

/* Whose turn it is to wait for whom: a writer, and one seat. */
struct draining {
    struct rwlock *lock;
    struct seat *seat;
    uint64_t self;
};

static bool is_empty(const void *context)
{
    const struct draining *draining = context;

    /* Sequentially consistent, see the table at the top. */
    return atomic_load(&draining->seat->readers) == 0;
}

/* Says that the writer sleeps; gives the word to sleep at. */
static uint32_t announce_drain(struct rwlock *lock)
{
    uint32_t drain = atomic_load(&lock->drain);
    uint32_t next;

    do {
        next = drain | DRAIN_ASLEEP;
        if ((drain & WEFTOS_WORD_STIRRED) != 0) {
            next = ((drain + DRAIN_ONCE) & ~WEFTOS_WORD_STIRRED) | DRAIN_ASLEEP;
        }
    } while (!atomic_compare_exchange_weak(&lock->drain, &drain, next));
    return next;
}

/* Sleeps until a reader leaves some seat, or this seat's process is dead. */
static weft_status sleep_for_seat(const struct draining *draining,
                                  uint64_t deadline_ns)
{
    struct rwlock *lock = draining->lock;
    uint64_t reader = weftos_load_relaxed(&draining->seat->identity);
    uint32_t ticket = announce_drain(lock);
    weft_status status;

    if (is_empty(draining)) {
        return WEFT_OK;
    }
    status = wefti_word_wait(&lock->drain, ticket, lock->object.lobby.site | 1,
                             draining->self, reader, deadline_ns);
    if (status == WEFT_EPEERDIED) {
        atomic_store(&draining->seat->readers, 0);
        (void)atomic_compare_exchange_strong(&draining->seat->identity, &reader,
                                             0);
        status = WEFT_OK;
    }
    return status;
}

static weft_status drain_seat(const struct draining *draining,
                              uint64_t deadline_ns)
{
    struct wefti_lobby *lobby = &draining->lock->object.lobby;
    weft_status status = WEFT_OK;

    while (status == WEFT_OK && !is_empty(draining)) {
        if (deadline_ns == WEFT_NOW ||
            !wefti_lobby_spin(lobby, is_empty, draining)) {
            status = sleep_for_seat(draining, deadline_ns);
        }
    }
    return status;
}

/* The caller owns the lock, and waits until nobody reads. */
static weft_status drain(struct rwlock *lock, uint64_t self,
                         uint64_t deadline_ns)
{
    struct draining draining = {.lock = lock, .self = self};
    weft_status status = WEFT_OK;

    for (size_t i = 0; i < WEFT_RWLOCK_READERS && status == WEFT_OK; i++) {
        draining.seat = &lock->seats[i];
        status = drain_seat(&draining, deadline_ns);
    }
    if (status == WEFT_OK) {
        (void)atomic_fetch_and(&lock->object.state, ~WEFTI_LOCK_DRAINING);
    } else {
        wefti_lock_release(&lock->object,
                           weftos_load_relaxed(&lock->object.state), &rules);
    }
    return status;
}

/* -------------------------------------------------------------- writing --- */

static weft_status write_until(struct rwlock *lock, uint64_t self,
                               uint64_t deadline_ns)
{
    uint64_t free = 0;
    weft_status status = WEFT_OK;

    /* Sequentially consistent, see the table at the top. */
    if (!atomic_compare_exchange_strong(&lock->object.state, &free,
                                        self | WEFTI_LOCK_DRAINING)) {
        status = wefti_lock_take(&lock->object, self, &rules, deadline_ns);
    }
    if (status == WEFT_EOWNERDEAD) {
        /*
         * The dead writer had waited for all readers, and the lock was never
         * free since: those who are counted only look. So there is nothing to
         * wait for, and the death, which is told once, is told now.
         */
        (void)atomic_fetch_and(&lock->object.state, ~WEFTI_LOCK_DRAINING);
    }
    return status == WEFT_OK ? drain(lock, self, deadline_ns) : status;
}

weft_status weft_rwlock_write_until(weft_rwlock *lock, uint64_t deadline_ns)
{
    uint64_t self;
    weft_status status = wefti_identify(object_of(lock), WEFTI_RWLOCK, &self);

    return status == WEFT_OK
               ? write_until((struct rwlock *)(void *)lock, self, deadline_ns)
               : status;
}

/* -------------------------------------------------------------- reading --- */

/* One attempt to read. */
struct reading {
    struct rwlock *lock;
    struct seat *seat;
    uint64_t self;
    uint64_t state; /* as of the last look at a writer */
    bool slept;
};

/* The readers' turn is over with the first one: the next writer may come. */
static void end_turn(struct wefti_object *object, uint64_t state)
{
    if (atomic_compare_exchange_strong(&object->state, &state, 0) &&
        (state & WEFTI_LOCK_WAITERS) != 0) {
        wefti_lobby_wake(&object->lobby, false);
    }
}

/* Reads, if nobody writes. WEFT_EAGAIN: somebody does. */
static weft_status try_read(const struct reading *reading)
{
    struct wefti_object *object = &reading->lock->object;
    uint64_t state;

    (void)atomic_fetch_add(&reading->seat->readers, 1);
    state = atomic_load(&object->state);
    if ((state & (WEFTI_IDENTITY | WEFTI_LOCK_INCONSISTENT)) == 0) {
        if ((state & WEFTI_LOCK_TURN) != 0) {
            end_turn(object, state);
        }
        return WEFT_OK;
    }
    (void)stand_up(reading->lock, reading->seat);
    return (state & WEFTI_IDENTITY) == 0 ? WEFT_ENOTRECOVERABLE : WEFT_EAGAIN;
}

static bool is_free(const void *context)
{
    const struct wefti_object *object = context;

    return (weftos_load_relaxed(&object->state) & WEFTI_IDENTITY) == 0;
}

/* Waits until nobody writes. WEFT_EPEERDIED: the writer is dead. */
static weft_status await_writer(struct reading *reading, uint32_t ticket,
                                uint64_t deadline_ns)
{
    struct wefti_object *object = &reading->lock->object;
    uint64_t state = weftos_load_relaxed(&object->state);
    uint64_t writer = state & WEFTI_IDENTITY;
    weft_status status;

    reading->state = state;
    if (writer == 0) {
        return WEFT_OK;
    }
    if (deadline_ns == WEFT_NOW) {
        return wefti_is_dead(reading->self, writer) ? WEFT_EPEERDIED
                                                    : WEFT_EAGAIN;
    }
    if (wefti_lobby_spin(&object->lobby, is_free, object) ||
        !atomic_compare_exchange_strong(&object->state, &state,
                                        state | WEFTI_LOCK_WAITERS |
                                            WEFTI_LOCK_TURN)) {
        return WEFT_OK;
    }
    reading->state |= WEFTI_LOCK_WAITERS | WEFTI_LOCK_TURN;
    status = wefti_lobby_wait(&object->lobby, ticket, reading->self, writer,
                              deadline_ns);
    reading->slept = true;
    return status == WEFT_EPEERDIED && !wefti_is_dead(reading->self, writer)
               ? WEFT_OK
               : status;
}

/*
 * The writer is dead. One that still waited for readers has changed nothing,
 * so the lock is free again. False: it has to be taken over.
 */
static bool clear_drainer(const struct reading *reading)
{
    struct wefti_object *object = &reading->lock->object;
    uint64_t state = reading->state;

    if ((state & (WEFTI_LOCK_DRAINING | WEFTI_LOCK_INCONSISTENT)) !=
        WEFTI_LOCK_DRAINING) {
        return false;
    }
    if (atomic_compare_exchange_strong(&object->state, &state,
                                       WEFTI_LOCK_TURN)) {
        wefti_lobby_wake(&object->lobby, true);
    }
    return true;
}

static weft_status read_until(struct reading *reading, uint64_t deadline_ns)
{
    struct wefti_object *object = &reading->lock->object;
    weft_status status;

    do {
        uint32_t ticket = wefti_lobby_enter(&object->lobby);

        status = try_read(reading);
        if (status != WEFT_EAGAIN) {
            break;
        }
        status = await_writer(reading, ticket, deadline_ns);
        if (status == WEFT_EPEERDIED && clear_drainer(reading)) {
            status = WEFT_OK;
        }
    } while (status == WEFT_OK);
    if (status == WEFT_EPEERDIED) {
        return write_until(reading->lock, reading->self, deadline_ns);
    }
    if (status != WEFT_OK && reading->slept) {
        /* The wake that we had may have been another's. */
        wefti_lobby_wake(&object->lobby, false);
    }
    return status;
}

weft_status weft_rwlock_read_until(weft_rwlock *lock, uint64_t deadline_ns)
{
    struct reading reading = {.lock = (struct rwlock *)(void *)lock};
    weft_status status =
        wefti_identify(object_of(lock), WEFTI_RWLOCK, &reading.self);

    if (status != WEFT_OK) {
        return status;
    }
    reading.seat = find_seat(reading.lock, reading.self);
    return reading.seat != NULL
               ? read_until(&reading, deadline_ns)
               : write_until(reading.lock, reading.self, deadline_ns);
}

/* ------------------------------------------------------------ unlocking --- */

static bool stop_reading(struct rwlock *lock, uint64_t self)
{
    for (size_t i = 0; i < WEFT_RWLOCK_READERS; i++) {
        struct seat *seat = seat_at(lock, self, i);

        if (weftos_load_relaxed(&seat->identity) == self &&
            stand_up(lock, seat)) {
            return true;
        }
    }
    return false;
}

weft_status weft_rwlock_unlock(weft_rwlock *lock)
{
    struct rwlock *held = (struct rwlock *)(void *)lock;
    uint64_t self;
    uint64_t state;
    weft_status status = wefti_identify(object_of(lock), WEFTI_RWLOCK, &self);

    if (status != WEFT_OK) {
        return status;
    }
    state = weftos_load_relaxed(&held->object.state);
    /* Another thread that drains does not write yet: this one reads. */
    if ((state & (WEFTI_IDENTITY | WEFTI_LOCK_DRAINING)) != self) {
        return stop_reading(held, self) ? WEFT_OK : WEFT_EINVAL;
    }
    wefti_lock_release(&held->object, state, &rules);
    return WEFT_OK;
}

weft_status weft_rwlock_recover(weft_rwlock *lock)
{
    uint64_t self;
    weft_status status = wefti_identify(object_of(lock), WEFTI_RWLOCK, &self);

    return status == WEFT_OK ? wefti_lock_recover(object_of(lock), self)
                             : status;
}
