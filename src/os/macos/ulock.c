/* SPDX-License-Identifier: MIT
 *
 * __ulock_wait and __ulock_wake, which are private to Apple: what os_sync is
 * made of, for macOS 10.15 to 14.3. The prototypes and numbers are those of
 * XNU's bsd/sys/ulock.h. Apple's store refuses programs that have these names
 * in them; WEFT_APPLE_APP_STORE_SAFE builds ulock_none.c in place of this.
 */

#include "word.h"

#define COMPARE_AND_WAIT UINT32_C(1)
#define COMPARE_AND_WAIT_SHARED UINT32_C(3)
#define WAKE_ALL UINT32_C(0x100)

/* macOS 11 has the first; it takes nanoseconds, and a spare argument. */
static int (*wait_ns)(uint32_t operation, void *address, uint64_t value,
                      uint64_t timeout_ns, uint64_t spare);
static int (*wait_us)(uint32_t operation, void *address, uint64_t value,
                      uint32_t timeout_us);
static int (*wake)(uint32_t operation, void *address, uint64_t value);

static uint32_t operation_for(bool is_shared)
{
    return is_shared ? COMPARE_AND_WAIT_SHARED : COMPARE_AND_WAIT;
}

/*
 * Up to a microsecond, for 0 would be for ever. What is more than 71 minutes
 * is cut, and the caller comes again.
 */
static uint32_t to_us(uint64_t timeout_ns)
{
    uint64_t us = timeout_ns / 1000 + (timeout_ns % 1000 != 0);

    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static int wait_at(_Atomic uint32_t *word, uint32_t value, bool is_shared,
                   uint64_t timeout_ns)
{
    uint32_t operation = operation_for(is_shared);
    int result;

    if (wait_ns != NULL) {
        result = wait_ns(operation, word, value, timeout_ns, 0);
    } else {
        result = wait_us(operation, word, value, to_us(timeout_ns));
    }
    return result < 0 ? errno : 0; /* more than 0: others wait too */
}

static int wake_one_at(_Atomic uint32_t *word, bool is_shared)
{
    return wake(operation_for(is_shared), word, 0) < 0 ? errno : 0;
}

static int wake_all_at(_Atomic uint32_t *word, bool is_shared)
{
    return wake(operation_for(is_shared) | WAKE_ALL, word, 0) < 0 ? errno : 0;
}

const struct weftos_way *weftos_find_ulock(void)
{
    static const struct weftos_way way = {
        .name = "__ulock",
        .wait = wait_at,
        .wake_one = wake_one_at,
        .wake_all = wake_all_at,
    };
    bool has_wait = weftos_find_function(&wait_ns, "__ulock_wait2");

    has_wait = has_wait || weftos_find_function(&wait_us, "__ulock_wait");
    return has_wait && weftos_find_function(&wake, "__ulock_wake") ? &way
                                                                   : NULL;
}
