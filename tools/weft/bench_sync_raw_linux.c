/* SPDX-License-Identifier: MIT
 *
 * raw: the least code that does it, over a futex. It sleeps at once, has no
 * deadlines, and a process that dies takes everybody with it.
 *
 * The mutex is a word: 0 free, 1 taken, 2 taken and somebody may sleep. The
 * condition is a count of signals. A semaphore is a value, and how many sleep.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench_sync.h"

typedef struct raw_semaphore {
    _Alignas(BENCH_APART) _Atomic uint32_t value;
    _Atomic uint32_t sleepers;
} raw_semaphore;

typedef struct raw_objects {
    _Alignas(BENCH_APART) _Atomic uint32_t mutex;
    _Alignas(BENCH_APART) _Atomic uint32_t signals;
    raw_semaphore semaphores[2];
} raw_objects;

static void sleep_at(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void wake_one(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool init(void *memory)
{
    (void)memory; /* all zero is all free */
    return true;
}

static void deinit(void *memory)
{
    (void)memory;
}

static bool lock(void *memory)
{
    raw_objects *objects = memory;
    uint32_t found = 0;

    if (atomic_compare_exchange_strong_explicit(&objects->mutex, &found, 1,
                                                memory_order_acquire,
                                                memory_order_relaxed)) {
        return true;
    }
    while (atomic_exchange_explicit(&objects->mutex, 2, memory_order_acquire) !=
           0) {
        sleep_at(&objects->mutex, 2);
    }
    return true;
}

static bool unlock(void *memory)
{
    raw_objects *objects = memory;

    if (atomic_exchange_explicit(&objects->mutex, 0, memory_order_release) ==
        2) {
        wake_one(&objects->mutex);
    }
    return true;
}

static bool await(void *memory)
{
    raw_objects *objects = memory;
    uint32_t seen =
        atomic_load_explicit(&objects->signals, memory_order_relaxed);

    (void)unlock(memory);
    sleep_at(&objects->signals, seen);
    return lock(memory);
}

static bool signal_one(void *memory)
{
    raw_objects *objects = memory;

    atomic_fetch_add_explicit(&objects->signals, 1, memory_order_relaxed);
    wake_one(&objects->signals);
    return true;
}

static bool try_take(raw_semaphore *semaphore)
{
    uint32_t value =
        atomic_load_explicit(&semaphore->value, memory_order_relaxed);

    while (value != 0) {
        if (atomic_compare_exchange_weak_explicit(
                &semaphore->value, &value, value - 1, memory_order_acquire,
                memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

static bool take(void *memory, unsigned which)
{
    raw_semaphore *semaphore = &((raw_objects *)memory)->semaphores[which];

    while (!try_take(semaphore)) {
        atomic_fetch_add(&semaphore->sleepers, 1);
        sleep_at(&semaphore->value, 0);
        atomic_fetch_sub(&semaphore->sleepers, 1);
    }
    return true;
}

static bool post(void *memory, unsigned which)
{
    raw_semaphore *semaphore = &((raw_objects *)memory)->semaphores[which];

    atomic_fetch_add(&semaphore->value, 1);
    if (atomic_load(&semaphore->sleepers) != 0) {
        wake_one(&semaphore->value);
    }
    return true;
}

const sync_family sync_raw = {
    .name = "raw",
    .tests = SYNC_MUTEX_TESTS | SYNC_SEMAPHORE_TESTS,
    .bytes = sizeof(raw_objects),
    .init = init,
    .deinit = deinit,
    .lock = lock,
    .unlock = unlock,
    .wait = await,
    .signal = signal_one,
    .take = take,
    .post = post,
};
