/* SPDX-License-Identifier: MIT
 *
 * Waiting at words: the choice of a way, and the contract on top of the
 * kernel's own ways. Those do not tell of deaths; posix/watch.h has what does.
 */
#include "word.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "../posix/watch.h"

/* --------------------------------------------------------------- choice --- */

static const struct weftos_way *chosen;

static void choose(void)
{
    chosen = weftos_find_os_sync();
    if (chosen == NULL) {
        chosen = weftos_find_ulock();
    }
}

const struct weftos_way *weftos_word_way(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, choose);
    return chosen;
}

/* C has no conversion from what dlsym gives to a pointer to a function. */
bool weftos_find_function(void *pointer, const char *name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);

    memcpy(pointer, &symbol, sizeof(symbol));
    return symbol != NULL;
}

/* ----------------------------------------------------------------- wait --- */

/*
 * The longest single wait, 11 days: some kernels add the time-out to the clock
 * unchecked (clock_absolutetime_interval_to_deadline), and a sum that wraps
 * around is long over. Who is back early looks again, and waits on.
 */
#define LONGEST_NS UINT64_C(1000000000000000)

/* 0 stands for WEFT_FOREVER; else what is left or the most, and is not 0. */
static bool find_timeout(uint64_t deadline_ns, uint64_t *timeout_ns)
{
    uint64_t now_ns;

    *timeout_ns = 0;
    if (deadline_ns == WEFT_FOREVER) {
        return true;
    }
    now_ns = weftos_now_ns();
    if (deadline_ns <= now_ns) {
        return false;
    }
    *timeout_ns = deadline_ns - now_ns;
    if (*timeout_ns > LONGEST_NS) {
        *timeout_ns = LONGEST_NS;
    }
    return true;
}

/*
 * The kernel does not tell a word that has changed from a wake, nor a wait
 * that was cut short from one that is over. Our own look at the word and at
 * the clock decides; that look also brings in the page that EFAULT misses.
 */
static weft_status sleep_at(const struct weftos_way *way,
                            _Atomic uint32_t *word, uint32_t value,
                            bool is_shared, uint64_t deadline_ns,
                            bool interruptible, weft_detail *detail)
{
    static const char step[] = "wait at a word";

    for (;;) {
        uint64_t timeout_ns;
        int cause;

        if (atomic_load(word) != value) {
            return WEFT_OK;
        }
        if (!find_timeout(deadline_ns, &timeout_ns)) {
            return weftos_fail(
                detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                0, step);
        }
        cause = way->wait(word, value, is_shared, timeout_ns);
        if (cause == 0) {
            return WEFT_OK;
        }
        if (cause != ETIMEDOUT && cause != EFAULT &&
            (cause != EINTR || interruptible)) {
            return weftos_fail(detail, weftos_errno_status(cause), cause, step);
        }
    }
}

weft_status weftos_word_wait(_Atomic uint32_t *word, uint32_t value,
                             const weftos_site *site, uint64_t deadline_ns,
                             bool interruptible, weft_detail *detail)
{
    const struct weftos_way *way = weftos_word_way();
    struct weftos_watch watch;
    weft_status status;

    if (way == NULL) {
        return weftos_events_wait(word, value, site, deadline_ns, interruptible,
                                  detail);
    }
    if (site == NULL || !weftos_watch_is_needed(site)) {
        return sleep_at(way, word, value, site != NULL, deadline_ns,
                        interruptible, detail);
    }
    status =
        weftos_watch_begin(&watch, word, site, deadline_ns == WEFT_NOW, detail);
    if (status == WEFT_OK) {
        status = sleep_at(way, word, value, true, deadline_ns, interruptible,
                          detail);
        weftos_watch_end(&watch);
    }
    return status;
}

/* ----------------------------------------------------------------- wake --- */

/* Until the kernel has said something of the word, and not of its page. */
static int insist(int (*wake)(_Atomic uint32_t *word, bool is_shared),
                  _Atomic uint32_t *word, bool is_shared)
{
    int cause;

    do {
        (void)atomic_load(word);
        cause = wake(word, is_shared);
    } while (cause == EFAULT || cause == EINTR);
    return cause;
}

static void wake_at(const struct weftos_way *way, _Atomic uint32_t *word,
                    uint32_t count, bool is_shared)
{
    if (count == UINT32_MAX) {
        (void)insist(way->wake_all, word, is_shared);
        return;
    }
    while (count > 0 && insist(way->wake_one, word, is_shared) == 0) {
        count--;
    }
}

void weftos_word_wake(_Atomic uint32_t *word, uint32_t count,
                      const weftos_site *site)
{
    const struct weftos_way *way = weftos_word_way();

    if (way == NULL) {
        weftos_events_wake(word, count, site);
    } else {
        wake_at(way, word, count, site != NULL);
    }
}

/* Waits by events hear of deaths themselves: nobody stirs their words. */
void weftos_word_stir(_Atomic uint32_t *word)
{
    const struct weftos_way *way = weftos_word_way();

    (void)atomic_fetch_or(word, WEFTOS_WORD_STIRRED);
    if (way != NULL) {
        wake_at(way, word, UINT32_MAX, true);
    }
}
