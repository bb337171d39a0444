/* SPDX-License-Identifier: MIT
 *
 * weft/sync.h - synchronisation objects that processes share: mutex,
 * condition, counting semaphore, read-write lock and event.
 *
 * An object lies in memory that the processes share read-write, at whatever
 * address: memory of the caller's (init/deinit), or of a name (weft_sync_open).
 * All who use it trust each other: each of them can write anything there.
 * Memory that holds no object is WEFT_EINVAL; of an object that was scribbled
 * on nothing is promised but that the library itself stays within it.
 *
 * Owner: a mutex, or a read-write lock held for writing, belongs to a process.
 * Any of its threads may give it back; a thread that ends without doing so
 * leaves it locked. When the process dies, the next one to lock gets
 * WEFT_EOWNERDEAD and the lock, looks after what it protects, and says so with
 * weft_mutex_recover. A process is known by its number and the time of its
 * start, so another one that gets its number is not taken for it. Over exec a
 * process stays the same one, and keeps its locks.
 *
 * Waits: no call here polls. A deadline is absolute (weft_now_ns()), WEFT_NOW
 * and WEFT_FOREVER are as everywhere. A wait that a signal interrupts goes on.
 * A process that dies while it waits, or has just been woken, harms nobody:
 * the others are woken in its place. No thread may be ended inside a call, as
 * another thread's exec does: its process lives on, so nobody would make up for
 * the wakes that it owed. No call is a cancellation point.
 *
 * What is not noticed: deaths across PID namespaces. A process that waits in
 * another namespace than the object was made in is served as all others, but
 * whatever it holds when it dies stays held; and it does not notice when a
 * holder dies. A process that is killed in the middle of
 * weft_semaphore_post, weft_event_set or weft_condition_signal may have done it
 * without waking anybody, if more than four other processes use the object.
 * The next post or set makes up for it; the next signal wakes one.
 *
 * Costs: a process that has waited for others has one thread more, which
 * sleeps until one of those processes dies, and on Linux a descriptor for each
 * of them while it lives. Contended objects that more than four processes
 * sleep at wake all of them each time.
 *
 * Threads: all calls here may be made by any thread at any time, except init
 * and deinit, and open and close, which nobody else may overlap with. The
 * memory must stay mapped until every call has returned.
 *
 * Fork: a child is another process: it owns nothing of what its parent holds.
 * It may use objects in memory that it has inherited. A weft_sync or
 * weft_shared of its parent's it may only close, and only while the descriptors
 * that it has inherited are open.
 *
 * Signals: no call here is safe in a signal handler.
 *
 * Every call can return, beside what it says: WEFT_EINVAL, the memory holds no
 * such object. Those that wait also WEFT_ENOMEM, WEFT_ELIMIT (descriptors,
 * threads), WEFT_ENOTSUP, WEFT_EOS: this process can't wait, and nothing has
 * changed. A call that failed has not taken the object.
 */
#ifndef WEFT_SYNC_H
#define WEFT_SYNC_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- mutex --- */

/* The caller's storage, in shared memory; any content before init. */
typedef struct weft_mutex {
    uint64_t reserved[8];
} weft_mutex;

/*
 * Makes an unlocked mutex of the memory. To be done once, by one process,
 * before the others are told of it. WEFT_ENOTSUP, WEFT_EOS: this system does
 * not tell who a process is. Since 0.1.
 */
WEFT_API weft_status weft_mutex_init(weft_mutex *mutex);

/* Ends it: later calls return WEFT_EINVAL. Nobody may be using it. Since 0.1.
 */
WEFT_API void weft_mutex_deinit(weft_mutex *mutex);

/*
 * Locks. A thread that already holds it waits for itself.
 *
 * WEFT_OK. WEFT_EOWNERDEAD: it is the caller's, but its last owner died while
 * it held it: call weft_mutex_recover when all is in order again.
 * WEFT_ENOTRECOVERABLE: somebody in that place did not; the mutex can be used
 * no more. WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW). Since 0.1.
 */
WEFT_API weft_status weft_mutex_lock_until(weft_mutex *mutex,
                                           uint64_t deadline_ns);

static inline weft_status weft_mutex_lock(weft_mutex *mutex)
{
    return weft_mutex_lock_until(mutex, WEFT_FOREVER);
}

/* Never blocks: WEFT_EAGAIN. */
static inline weft_status weft_mutex_try_lock(weft_mutex *mutex)
{
    return weft_mutex_lock_until(mutex, WEFT_NOW);
}

/*
 * Unlocks. After WEFT_EOWNERDEAD without weft_mutex_recover the mutex is given
 * up: all who wait for it, and all later ones, get WEFT_ENOTRECOVERABLE.
 * WEFT_EINVAL: this process does not hold it. Since 0.1.
 */
WEFT_API weft_status weft_mutex_unlock(weft_mutex *mutex);

/*
 * Says that what the mutex protects is consistent again. WEFT_EINVAL: this
 * process does not hold it, or has no dead owner to answer for. Since 0.1.
 */
WEFT_API weft_status weft_mutex_recover(weft_mutex *mutex);

/* ------------------------------------------------------------ condition --- */

typedef struct weft_condition {
    uint64_t reserved[8];
} weft_condition;

/* As weft_mutex_init and weft_mutex_deinit. Since 0.1. */
WEFT_API weft_status weft_condition_init(weft_condition *condition);
WEFT_API void weft_condition_deinit(weft_condition *condition);

/*
 * Gives the mutex back, waits for a signal or broadcast, and locks the mutex
 * again, however long that takes. It may return for no reason, so it belongs
 * in a loop that looks at what is waited for.
 *
 * WEFT_OK, WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW; the mutex was not given
 * back): the mutex is the caller's. WEFT_EOWNERDEAD: it is too, as from
 * weft_mutex_lock. WEFT_EINVAL: one of the two is no such object, or this
 * process does not hold the mutex. WEFT_ENOTRECOVERABLE, and all other
 * failures: the mutex is not the caller's any more. Since 0.1.
 */
WEFT_API weft_status weft_condition_wait_until(weft_condition *condition,
                                               weft_mutex *mutex,
                                               uint64_t deadline_ns);

static inline weft_status weft_condition_wait(weft_condition *condition,
                                              weft_mutex *mutex)
{
    return weft_condition_wait_until(condition, mutex, WEFT_FOREVER);
}

/*
 * Wakes at least one of those who wait, or all. Does not block; no system call
 * if nobody waits. What they wait for must have been changed while the mutex
 * was held; the call itself may come after the unlock. Since 0.1.
 */
WEFT_API weft_status weft_condition_signal(weft_condition *condition);
WEFT_API weft_status weft_condition_broadcast(weft_condition *condition);

/* ------------------------------------------------------------ semaphore --- */

typedef struct weft_semaphore {
    uint64_t reserved[8];
} weft_semaphore;

/* The largest value of a semaphore. */
#define WEFT_SEMAPHORE_MAX UINT32_C(0x7fffffff)

/* As weft_mutex_init. WEFT_EINVAL: `value` is too large, too. Since 0.1. */
WEFT_API weft_status weft_semaphore_init(weft_semaphore *semaphore,
                                         uint32_t value);
WEFT_API void weft_semaphore_deinit(weft_semaphore *semaphore);

/*
 * Takes one, and waits until there is one. What was taken by a process that
 * dies is gone with it: a semaphore has no owner.
 *
 * WEFT_OK, WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW). Since 0.1.
 */
WEFT_API weft_status weft_semaphore_wait_until(weft_semaphore *semaphore,
                                               uint64_t deadline_ns);

static inline weft_status weft_semaphore_wait(weft_semaphore *semaphore)
{
    return weft_semaphore_wait_until(semaphore, WEFT_FOREVER);
}

/* Never blocks: WEFT_EAGAIN. */
static inline weft_status weft_semaphore_try_wait(weft_semaphore *semaphore)
{
    return weft_semaphore_wait_until(semaphore, WEFT_NOW);
}

/*
 * Takes all that there are, but `most` at most, and waits until there is one:
 * a doorbell that counts, whose hearer wants to know how often it was rung.
 * `*taken` is how many; 0 if the call failed.
 *
 * As weft_semaphore_wait_until. WEFT_EINVAL: `most` is 0, too. Since 0.1.
 */
WEFT_API weft_status weft_semaphore_take_until(weft_semaphore *semaphore,
                                               uint32_t most, uint32_t *taken,
                                               uint64_t deadline_ns);

/*
 * Gives `count`, by whoever took them or not, and wakes as many who wait.
 * Does not block; no system call if nobody waits. WEFT_ELIMIT: the value would
 * exceed WEFT_SEMAPHORE_MAX; nothing was given. Since 0.1.
 */
WEFT_API weft_status weft_semaphore_post(weft_semaphore *semaphore,
                                         uint32_t count);

/* How many there are now; somebody may take them meanwhile. Since 0.1. */
WEFT_API weft_status weft_semaphore_get_value(const weft_semaphore *semaphore,
                                              uint32_t *value);

/* ---------------------------------------------------------------- event --- */

typedef struct weft_event {
    uint64_t reserved[8];
} weft_event;

/* The event is set to begin with. */
#define WEFT_EVENT_SET 1u
/* Each set lets one wait through, which resets it. Else all, until reset. */
#define WEFT_EVENT_AUTO_RESET 2u

/* As weft_mutex_init. WEFT_EINVAL: unknown flags, too. Since 0.1. */
WEFT_API weft_status weft_event_init(weft_event *event, unsigned flags);
WEFT_API void weft_event_deinit(weft_event *event);

/*
 * Waits until it is set. Who waits when an event without auto-reset is set
 * gets through, even if it is reset at once.
 *
 * WEFT_OK, WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW). Since 0.1.
 */
WEFT_API weft_status weft_event_wait_until(weft_event *event,
                                           uint64_t deadline_ns);

static inline weft_status weft_event_wait(weft_event *event)
{
    return weft_event_wait_until(event, WEFT_FOREVER);
}

/*
 * Sets it, or resets it. To set what is set changes nothing. Does not block;
 * no system call if nobody waits. Since 0.1.
 */
WEFT_API weft_status weft_event_set(weft_event *event);
WEFT_API weft_status weft_event_reset(weft_event *event);

/* ------------------------------------------------------ read-write lock --- */

/* How many processes can read at the same time. */
#define WEFT_RWLOCK_READERS 27

/*
 * Larger than the others: a reader that dies must be told from one that reads
 * on, so each process that reads has a place of its own in here.
 */
typedef struct weft_rwlock {
    uint64_t reserved[64];
} weft_rwlock;

/* As weft_mutex_init and weft_mutex_deinit. Since 0.1. */
WEFT_API weft_status weft_rwlock_init(weft_rwlock *lock);
WEFT_API void weft_rwlock_deinit(weft_rwlock *lock);

/*
 * Locks it for reading, together with other readers, or for writing, alone.
 * Writers come before new readers, and readers that have waited for a writer
 * before the next one, so neither side starves. A reader that reads
 * twice can wait for a writer that waits for it. A process beyond
 * WEFT_RWLOCK_READERS reads alone, as a writer does, also for a while after
 * others died: each time that it reads it looks for one such place.
 *
 * A reader that dies has no longer read. WEFT_EOWNERDEAD: a writer died; the
 * caller has the lock, *for writing* even if it asked to read, and answers
 * for it as for a mutex. Otherwise as weft_mutex_lock_until. Since 0.1.
 */
WEFT_API weft_status weft_rwlock_read_until(weft_rwlock *lock,
                                            uint64_t deadline_ns);
WEFT_API weft_status weft_rwlock_write_until(weft_rwlock *lock,
                                             uint64_t deadline_ns);

static inline weft_status weft_rwlock_read(weft_rwlock *lock)
{
    return weft_rwlock_read_until(lock, WEFT_FOREVER);
}

static inline weft_status weft_rwlock_write(weft_rwlock *lock)
{
    return weft_rwlock_write_until(lock, WEFT_FOREVER);
}

/*
 * Unlocks what was locked for either. WEFT_EINVAL: this process neither writes
 * nor reads. Since 0.1.
 */
WEFT_API weft_status weft_rwlock_unlock(weft_rwlock *lock);

/* As weft_mutex_recover. Since 0.1. */
WEFT_API weft_status weft_rwlock_recover(weft_rwlock *lock);

/* -------------------------------------------------------- named memory --- */

/*
 * Memory of a name, for processes that trust each other. A name has letters,
 * digits, '.', '_' and '-', as many as you like, and does not begin with '.'.
 * It means the same to all processes of this user; the names of channels are
 * others. A name with a '/' is a path, for processes of several users, as
 * weft_channel_listen has it; ".weft-memory" or ".weft-object" is added.
 *
 * The memory lives as long as anybody has it open. What is left when the last
 * one died is made anew by the next one. Whoever removes its file takes it from
 * those who use it: where names lie in /tmp, set WEFT_RUNTIME_DIR to a
 * directory that nothing cleans.
 */
typedef struct weft_shared weft_shared;

/*
 * Sets up new memory, which is all zero, before anybody else can open it.
 * Others wait meanwhile: it may neither block, nor open or close anything that
 * has a name.
 */
typedef void weft_shared_maker(void *context, void *base, size_t bytes);

/* Set it up with WEFT_SHARED_OPTIONS_INIT; zero means the default. */
typedef struct weft_shared_options {
    size_t size;   /* sizeof(weft_shared_options) */
    unsigned mode; /* who else may open it; default 0600: this user */
    weft_shared_maker *make;
    void *make_context;
} weft_shared_options;

#define WEFT_SHARED_OPTIONS_INIT                                               \
    {                                                                          \
        sizeof(weft_shared_options), 0, 0, 0                                   \
    }

/*
 * Opens the memory of a name, or makes it if nobody has it open; `bytes` 0
 * only opens. `options` and `detail` may be NULL. On success the caller owns
 * `*out`; on failure it is NULL.
 *
 * WEFT_ENOENT: `bytes` is 0 and nobody has it open. WEFT_EINUSE: it is open
 * with another size. WEFT_ENAME: the name breaks the rules. WEFT_EACCES: it is
 * another user's, or its place is not safe. WEFT_EINVAL, WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_ENOTSUP, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_shared_open(const char *name, size_t bytes,
                                      const weft_shared_options *options,
                                      weft_shared **out, weft_detail *detail);

/* Unmaps it and sets `*shared` to NULL, which is allowed before. Since 0.1. */
WEFT_API void weft_shared_close(weft_shared **shared);

/* Where it is mapped here, and how large it is. Since 0.1. */
WEFT_API void *weft_shared_base(const weft_shared *shared);
WEFT_API size_t weft_shared_bytes(const weft_shared *shared);

/* -------------------------------------------------------- named objects --- */

typedef enum weft_sync_kind {
    WEFT_SYNC_MUTEX = 1,
    WEFT_SYNC_CONDITION = 2,
    WEFT_SYNC_SEMAPHORE = 3,
    WEFT_SYNC_EVENT = 4,
    WEFT_SYNC_RWLOCK = 5
} weft_sync_kind;

/* Set it up with WEFT_SYNC_OPTIONS_INIT; zero means the default. */
typedef struct weft_sync_options {
    size_t size;         /* sizeof(weft_sync_options) */
    unsigned mode;       /* as that of weft_shared_options */
    unsigned flags;      /* of a new event: WEFT_EVENT_... */
    uint32_t value;      /* of a new semaphore */
    uint32_t reserved_0; /* 0 */
} weft_sync_options;

#define WEFT_SYNC_OPTIONS_INIT                                                 \
    {                                                                          \
        sizeof(weft_sync_options), 0, 0, 0, 0                                  \
    }

/* An object with a name, in memory of its own. */
typedef struct weft_sync weft_sync;

/*
 * Opens the object of a name, or makes it if nobody has it open. Its names
 * are the same as those of weft_shared_open, kept apart from them.
 *
 * WEFT_EINUSE: the name is that of an object of another kind. Otherwise as
 * weft_shared_open. Since 0.1.
 */
WEFT_API weft_status weft_sync_open(const char *name, weft_sync_kind kind,
                                    const weft_sync_options *options,
                                    weft_sync **out, weft_detail *detail);

/*
 * Closes it and sets `*sync` to NULL, which is allowed before. What this
 * process holds of it stays held, as long as others have it open. Since 0.1.
 */
WEFT_API void weft_sync_close(weft_sync **sync);

/*
 * The object; NULL if it is of another kind. It is good until weft_sync_close.
 * Since 0.1.
 */
WEFT_API weft_mutex *weft_sync_mutex(const weft_sync *sync);
WEFT_API weft_condition *weft_sync_condition(const weft_sync *sync);
WEFT_API weft_semaphore *weft_sync_semaphore(const weft_sync *sync);
WEFT_API weft_event *weft_sync_event(const weft_sync *sync);
WEFT_API weft_rwlock *weft_sync_rwlock(const weft_sync *sync);

#ifdef __cplusplus
}
#endif

#endif
