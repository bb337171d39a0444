/* SPDX-License-Identifier: MIT
 *
 * What the C library has for processes that share memory: mutexes, robust and
 * plain, with a condition, and semaphores. On macOS they are missing, or bound
 * to one address.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include "bench_sync.h"

typedef struct pthread_objects {
    pthread_mutex_t mutex;
    _Alignas(BENCH_APART) pthread_cond_t condition;
} pthread_objects;

/* These return errors, and leave errno alone. */
static bool is_done(int result)
{
    errno = result;
    return result == 0;
}

static bool init_mutex(pthread_mutex_t *mutex, int robust)
{
    pthread_mutexattr_t attributes;
    bool done;

    if (!is_done(pthread_mutexattr_init(&attributes))) {
        return false;
    }
    done = is_done(pthread_mutexattr_setpshared(&attributes,
                                                PTHREAD_PROCESS_SHARED)) &&
           is_done(pthread_mutexattr_setrobust(&attributes, robust)) &&
           is_done(pthread_mutex_init(mutex, &attributes));
    (void)pthread_mutexattr_destroy(&attributes);
    return done;
}

static bool init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    bool done;

    if (!is_done(pthread_condattr_init(&attributes))) {
        return false;
    }
    done = is_done(pthread_condattr_setpshared(&attributes,
                                               PTHREAD_PROCESS_SHARED)) &&
           is_done(pthread_cond_init(condition, &attributes));
    (void)pthread_condattr_destroy(&attributes);
    return done;
}

static bool init_robust(void *memory)
{
    pthread_objects *objects = memory;

    return init_mutex(&objects->mutex, PTHREAD_MUTEX_ROBUST) &&
           init_condition(&objects->condition);
}

static bool init_plain(void *memory)
{
    pthread_objects *objects = memory;

    return init_mutex(&objects->mutex, PTHREAD_MUTEX_STALLED) &&
           init_condition(&objects->condition);
}

static void deinit(void *memory)
{
    pthread_objects *objects = memory;

    (void)pthread_cond_destroy(&objects->condition);
    (void)pthread_mutex_destroy(&objects->mutex);
}

static bool lock(void *memory)
{
    pthread_objects *objects = memory;

    return is_done(pthread_mutex_lock(&objects->mutex));
}

static bool unlock(void *memory)
{
    pthread_objects *objects = memory;

    return is_done(pthread_mutex_unlock(&objects->mutex));
}

static bool await(void *memory)
{
    pthread_objects *objects = memory;

    return is_done(pthread_cond_wait(&objects->condition, &objects->mutex));
}

static bool signal_one(void *memory)
{
    pthread_objects *objects = memory;

    return is_done(pthread_cond_signal(&objects->condition));
}

const sync_family sync_robust = {
    .name = "robust",
    .tests = SYNC_MUTEX_TESTS,
    .bytes = sizeof(pthread_objects),
    .init = init_robust,
    .deinit = deinit,
    .lock = lock,
    .unlock = unlock,
    .wait = await,
    .signal = signal_one,
};

const sync_family sync_pthread = {
    .name = "pthread",
    .tests = SYNC_MUTEX_TESTS,
    .bytes = sizeof(pthread_objects),
    .init = init_plain,
    .deinit = deinit,
    .lock = lock,
    .unlock = unlock,
    .wait = await,
    .signal = signal_one,
};

/* ----------------------------------------------------------- semaphores --- */

typedef struct sem_objects {
    _Alignas(BENCH_APART) sem_t first;
    _Alignas(BENCH_APART) sem_t second;
} sem_objects;

static sem_t *sem_of(void *memory, unsigned which)
{
    sem_objects *objects = memory;

    return which == 0 ? &objects->first : &objects->second;
}

static bool init_sems(void *memory)
{
    return sem_init(sem_of(memory, 0), 1, 0) == 0 &&
           sem_init(sem_of(memory, 1), 1, 0) == 0;
}

static void deinit_sems(void *memory)
{
    (void)sem_destroy(sem_of(memory, 0));
    (void)sem_destroy(sem_of(memory, 1));
}

static bool take(void *memory, unsigned which)
{
    return sem_wait(sem_of(memory, which)) == 0;
}

static bool post(void *memory, unsigned which)
{
    return sem_post(sem_of(memory, which)) == 0;
}

const sync_family sync_sem = {
    .name = "sem",
    .tests = SYNC_SEMAPHORE_TESTS,
    .bytes = sizeof(sem_objects),
    .init = init_sems,
    .deinit = deinit_sems,
    .take = take,
    .post = post,
};
