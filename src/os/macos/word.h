/* SPDX-License-Identifier: MIT
 *
 * word.h - the ways to wait at words, of which one is chosen at run time.
 *
 *   os_sync    public since macOS 14.4
 *   __ulock    private; what os_sync is made of; since 10.15 for words that
 *              processes share. Not in builds with WEFT_APPLE_APP_STORE_SAFE.
 *   events     kqueue alone; works everywhere, and takes files (events.c)
 *
 * All processes that share words must have chosen the same way, or the first
 * two: those are one table in the kernel. They have, on one machine, unless
 * some were built for the store and others were not, before macOS 14.4.
 */
#ifndef WEFTOS_WORD_H
#define WEFTOS_WORD_H

#include "macos.h"

/*
 * The kernel's ways. Each call gives 0 or an errno, and may give EINTR and
 * EFAULT for no fault of the caller's: the kernel reads the word with
 * interrupts off, and can't bring its page in then.
 */
struct weftos_way {
    const char *name;
    /* Sleeps while `*word` is `value`; `timeout_ns` 0: for ever. */
    int (*wait)(_Atomic uint32_t *word, uint32_t value, bool is_shared,
                uint64_t timeout_ns);
    /* ENOENT: nobody waits. */
    int (*wake_one)(_Atomic uint32_t *word, bool is_shared);
    int (*wake_all)(_Atomic uint32_t *word, bool is_shared);
};

/* NULL: not on this system, or not in this build. */
const struct weftos_way *weftos_find_os_sync(void);
const struct weftos_way *weftos_find_ulock(void);

/* The one that is used; NULL: events. */
const struct weftos_way *weftos_word_way(void);

/*
 * Sets a pointer to a function to the one of that name in a library that is
 * loaded, or to NULL; false.
 */
bool weftos_find_function(void *pointer, const char *name);

/* The contract of os.h, by events. */
weft_status weftos_events_wait(_Atomic uint32_t *word, uint32_t value,
                               const weftos_site *site, uint64_t deadline_ns,
                               bool interruptible, weft_detail *detail);
void weftos_events_wake(_Atomic uint32_t *word, uint32_t count,
                        const weftos_site *site);

#endif
