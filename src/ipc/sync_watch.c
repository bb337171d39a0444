/* SPDX-License-Identifier: MIT
 *
 * The threads that watch events and semaphores; sync_watch.h has the theory.
 */
#include "sync_watch.h"

#include <stdlib.h>

#include "handshake.h"
#include "sync_lobby.h"

struct wefti_watcher {
    _Atomic uint32_t order;
    _Atomic uint32_t has_told;
    _Atomic int failed; /* written before `has_told` */
    wefti_watch *watch;
    wefti_watched *is_ready;
    void *object;
    wefti_watcher_told *told;
    void *context;
    weftos_thread *thread;
};

static void tell(struct wefti_watcher *watcher, weft_status status)
{
    atomic_store(&watcher->failed, (int)status);
    atomic_store(&watcher->has_told, 1);
    watcher->told(watcher->context);
}

static void watch_once(struct wefti_watcher *watcher)
{
    uint32_t order = WEFTI_WATCH;
    weft_status status = watcher->watch(watcher->object, &watcher->order);

    if (atomic_compare_exchange_strong(&watcher->order, &order, WEFTI_REST)) {
        tell(watcher, status);
    }
}

/* False: for want of memory it can't, and the thread is to end. */
static bool rest(struct wefti_watcher *watcher)
{
    uint32_t order = WEFTI_REST;

    return weftos_word_wait(&watcher->order, WEFTI_REST, NULL, WEFT_FOREVER,
                            false, NULL) == WEFT_OK ||
           !atomic_compare_exchange_strong(&watcher->order, &order,
                                           WEFTI_VACANT);
}

static void run(void *context)
{
    struct wefti_watcher *watcher = context;
    uint32_t order;

    while ((order = atomic_load(&watcher->order)) != WEFTI_END) {
        if (order == WEFTI_WATCH) {
            watch_once(watcher);
        } else if (!rest(watcher)) {
            return;
        }
    }
}

weft_status wefti_watcher_open(wefti_watch *watch, wefti_watched *is_ready,
                               void *object, wefti_watcher_told *told,
                               void *context, struct wefti_watcher **out,
                               weft_detail *detail)
{
    struct wefti_watcher *watcher = calloc(1, sizeof(*watcher));
    weft_status status;

    *out = NULL;
    if (watcher == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "watch an object");
    }
    watcher->watch = watch;
    watcher->is_ready = is_ready;
    watcher->object = object;
    watcher->told = told;
    watcher->context = context;
    status = weftos_thread_start(run, watcher, &watcher->thread, detail);
    if (status != WEFT_OK) {
        free(watcher);
        return status;
    }
    *out = watcher;
    return WEFT_OK;
}

void wefti_watcher_close(struct wefti_watcher *watcher, bool forked)
{
    struct wefti_object *object = watcher->object;

    if (!forked) {
        uint32_t order = atomic_exchange(&watcher->order, WEFTI_END);

        weftos_word_wake(&watcher->order, UINT32_MAX, NULL);
        if (order == WEFTI_WATCH) {
            wefti_lobby_wake(&object->lobby, true);
        }
    }
    weftos_thread_join(watcher->thread, forked);
    free(watcher);
}

bool wefti_watcher_is_ready(const struct wefti_watcher *watcher)
{
    return watcher->is_ready(watcher->object);
}

/* Has another thread watch, or tells that there is none. */
static void watch_anew(struct wefti_watcher *watcher)
{
    weft_status status;

    weftos_thread_join(watcher->thread, false);
    watcher->thread = NULL;
    atomic_store(&watcher->order, WEFTI_WATCH);
    status = weftos_thread_start(run, watcher, &watcher->thread, NULL);
    if (status != WEFT_OK) {
        atomic_store(&watcher->order, WEFTI_VACANT);
        tell(watcher, status);
    }
}

weft_status wefti_watcher_arm(struct wefti_watcher *watcher)
{
    uint32_t order = WEFTI_REST;

    if (wefti_watcher_is_ready(watcher)) {
        return WEFT_OK;
    }
    if (atomic_compare_exchange_strong(&watcher->order, &order, WEFTI_WATCH)) {
        weftos_word_wake(&watcher->order, 1, NULL);
    } else if (order == WEFTI_VACANT) {
        watch_anew(watcher);
    }
    return WEFT_EAGAIN;
}

bool wefti_watcher_has_told(struct wefti_watcher *watcher, weft_status *failed)
{
    bool has_told = atomic_exchange(&watcher->has_told, 0) != 0;

    *failed = has_told ? (weft_status)atomic_load(&watcher->failed) : WEFT_OK;
    return has_told;
}

void *wefti_watcher_object(const struct wefti_watcher *watcher)
{
    return watcher->object;
}
