/* SPDX-License-Identifier: MIT
 *
 * A listener that watches the memory itself: where nobody asks, the system's
 * own news of scarce memory are its demands.
 *
 * It sleeps in one place for both, a poll set. The watch is taken out of it
 * for a while after it was ready: on Windows it is so as long as memory is low,
 * and on macOS for each look.
 */
#include "trim_watch.h"

#include <stdbool.h>
#include <stdlib.h>

#include <weft/memory.h>
#include <weft/poll.h>

#include "../base/log.h"
#include "../ipc/handshake.h"

/* The watch's own window: it has nothing new to tell before. */
#define REST_NS UINT64_C(2000000000)

enum { KEY_LISTENER, KEY_WATCH };

struct wefti_trim_watch {
    weft_memory *memory;
    weft_memory_watch *watch;
    weft_poll *poll;
    uint64_t rests_until_ns; /* 0: it is in the set */
};

static weft_status heed(struct wefti_trim_watch *watch, weft_detail *detail)
{
    weft_status status =
        weft_poll_add_handle(watch->poll, wefti_trim_watch_handle(watch),
                             WEFT_POLL_READ, KEY_WATCH, detail);

    watch->rests_until_ns = status == WEFT_OK ? 0 : weft_after_ns(REST_NS);
    return status;
}

static void rest(struct wefti_trim_watch *watch, uint64_t until_ns)
{
    (void)weft_poll_remove_handle(watch->poll, wefti_trim_watch_handle(watch));
    watch->rests_until_ns = until_ns;
}

weft_status wefti_trim_watch_open(weft_handle listener,
                                  struct wefti_trim_watch **out,
                                  weft_detail *detail)
{
    weft_poll_options options = WEFT_POLL_OPTIONS_INIT;
    struct wefti_trim_watch *watch = calloc(1, sizeof(*watch));
    weft_status status;

    if (watch == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a watch");
    }
    options.wait = WEFT_WAIT_BLOCK;
    status = weft_memory_watch_open(NULL, &watch->watch, detail);
    if (status == WEFT_OK) {
        status = weft_memory_open(&watch->memory, detail);
    }
    if (status == WEFT_OK) {
        status = weft_poll_open(&options, &watch->poll, detail);
    }
    if (status == WEFT_OK) {
        status = weft_poll_add_handle(watch->poll, listener, WEFT_POLL_READ,
                                      KEY_LISTENER, detail);
    }
    if (status == WEFT_OK) {
        status = heed(watch, detail);
    }
    if (status != WEFT_OK) {
        wefti_trim_watch_close(&watch);
        return status;
    }
    *out = watch;
    return WEFT_OK;
}

void wefti_trim_watch_close(struct wefti_trim_watch **watch)
{
    if (*watch == NULL) {
        return;
    }
    weft_poll_close(&(*watch)->poll);
    weft_memory_watch_close(&(*watch)->watch);
    weft_memory_close(&(*watch)->memory);
    free(*watch);
    *watch = NULL;
}

weft_handle wefti_trim_watch_handle(const struct wefti_trim_watch *watch)
{
    return weft_memory_watch_handle(watch->watch);
}

/*
 * How much is to be given. That programs wait for memory is news in itself,
 * also where the machine has plenty: it may be their group that has not.
 */
static unsigned look(const struct wefti_trim_watch *watch)
{
    weft_memory_figures figures = {.size = sizeof(figures)};

    if (weft_memory_look(watch->memory, &figures, NULL) != WEFT_OK ||
        figures.pressure < WEFT_PRESSURE_WATCH) {
        return WEFT_TRIM_MILD;
    }
    return (unsigned)figures.pressure;
}

/* 0: there is nothing; then it rests if it was ready all the same. */
static unsigned hear(struct wefti_trim_watch *watch, bool was_ready)
{
    weft_status status = weft_memory_watch_next(watch->watch, WEFT_NOW, NULL);

    if (status == WEFT_OK) {
        rest(watch, weft_after_ns(REST_NS));
        return look(watch);
    }
    if (status == WEFT_EAGAIN || status == WEFT_EINTR) {
        if (was_ready) {
            rest(watch, weft_after_ns(REST_NS));
        }
    } else {
        /* Demands of others are heard all the same. */
        wefti_log(WEFT_LOG_ERROR, "the memory is watched no more: %s",
                  weft_status_text(status));
        rest(watch, WEFT_FOREVER);
    }
    return 0;
}

/* The earlier of the caller's deadline and the end of the watch's rest. */
static uint64_t wake_ns(const struct wefti_trim_watch *watch,
                        uint64_t deadline_ns)
{
    return watch->rests_until_ns != 0 && watch->rests_until_ns < deadline_ns
               ? watch->rests_until_ns
               : deadline_ns;
}

weft_status wefti_trim_watch_wait(struct wefti_trim_watch *watch,
                                  uint64_t deadline_ns, unsigned *level,
                                  weft_detail *detail)
{
    *level = 0;
    for (;;) {
        weft_poll_item items[2];
        size_t count = 0;
        bool is_asked = false;
        uint64_t until_ns;
        weft_status status;

        if (watch->rests_until_ns != 0 &&
            watch->rests_until_ns <= weft_now_ns()) {
            (void)heed(watch, NULL);
        }
        /* Who has waited for its handle may have taken its readiness. */
        if (watch->rests_until_ns == 0) {
            *level = hear(watch, false);
        }
        if (*level != 0) {
            return WEFT_OK;
        }
        until_ns = wake_ns(watch, deadline_ns);
        status =
            weft_poll_wait(watch->poll, items, 2, &count, until_ns, detail);
        if (status == WEFT_ETIMEDOUT && until_ns < deadline_ns) {
            continue; /* the watch has rested */
        }
        if (status != WEFT_OK) {
            return status;
        }
        for (size_t i = 0; i < count; i++) {
            if (items[i].key == KEY_LISTENER) {
                is_asked = true;
            } else {
                *level = hear(watch, true);
            }
        }
        if (is_asked || *level != 0) {
            return WEFT_OK;
        }
    }
}
