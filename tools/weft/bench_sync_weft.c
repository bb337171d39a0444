/* SPDX-License-Identifier: MIT
 *
 * weft's own synchronisation objects.
 */
#include "bench_sync.h"

#include <weft/sync.h>

typedef struct weft_objects {
    weft_mutex mutex;
    weft_condition condition;
    weft_semaphore semaphores[2];
} weft_objects;

static bool weft_init(void *memory)
{
    weft_objects *objects = memory;

    return weft_mutex_init(&objects->mutex) == WEFT_OK &&
           weft_condition_init(&objects->condition) == WEFT_OK &&
           weft_semaphore_init(&objects->semaphores[0], 0) == WEFT_OK &&
           weft_semaphore_init(&objects->semaphores[1], 0) == WEFT_OK;
}

static void weft_deinit(void *memory)
{
    weft_objects *objects = memory;

    weft_semaphore_deinit(&objects->semaphores[0]);
    weft_semaphore_deinit(&objects->semaphores[1]);
    weft_condition_deinit(&objects->condition);
    weft_mutex_deinit(&objects->mutex);
}

static bool weft_lock(void *memory)
{
    weft_objects *objects = memory;

    return weft_mutex_lock(&objects->mutex) == WEFT_OK;
}

static bool weft_unlock(void *memory)
{
    weft_objects *objects = memory;

    return weft_mutex_unlock(&objects->mutex) == WEFT_OK;
}

static bool weft_await(void *memory)
{
    weft_objects *objects = memory;

    return weft_condition_wait(&objects->condition, &objects->mutex) == WEFT_OK;
}

static bool weft_signal(void *memory)
{
    weft_objects *objects = memory;

    return weft_condition_signal(&objects->condition) == WEFT_OK;
}

static bool weft_take(void *memory, unsigned which)
{
    weft_objects *objects = memory;

    return weft_semaphore_wait(&objects->semaphores[which]) == WEFT_OK;
}

static bool weft_post(void *memory, unsigned which)
{
    weft_objects *objects = memory;

    return weft_semaphore_post(&objects->semaphores[which], 1) == WEFT_OK;
}

const sync_family sync_weft = {
    .name = "weft",
    .tests = SYNC_MUTEX_TESTS | SYNC_SEMAPHORE_TESTS,
    .bytes = sizeof(weft_objects),
    .init = weft_init,
    .deinit = weft_deinit,
    .lock = weft_lock,
    .unlock = weft_unlock,
    .wait = weft_await,
    .signal = weft_signal,
    .take = weft_take,
    .post = weft_post,
};
