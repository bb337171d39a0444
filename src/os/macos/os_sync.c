/* SPDX-License-Identifier: MIT
 *
 * os_sync_wait_on_address, public since macOS 14.4; found at run time, so that
 * one build serves older systems too. The prototypes are those of libplatform's
 * <os/os_sync_wait_on_address.h>, which not every SDK has.
 *
 * Of its two timed calls weft uses the one with a time-out in nanoseconds: the
 * other wants ticks of mach_absolute_time. A time-out of 0 is EINVAL.
 */
#include "word.h"

/* What <os/clock.h> has, which older SDKs lack. */
#define CLOCK_MACH_ABSOLUTE_TIME UINT32_C(32)

/* OS_SYNC_WAIT_ON_ADDRESS_SHARED and OS_SYNC_WAKE_BY_ADDRESS_SHARED. */
#define FLAG_SHARED UINT32_C(1)

static int (*wait_untimed)(void *address, uint64_t value, size_t bytes,
                           uint32_t flags);
static int (*wait_timed)(void *address, uint64_t value, size_t bytes,
                         uint32_t flags, uint32_t clock, uint64_t timeout_ns);
static int (*wake_any)(void *address, size_t bytes, uint32_t flags);
static int (*wake_every)(void *address, size_t bytes, uint32_t flags);

static uint32_t flags_for(bool is_shared)
{
    return is_shared ? FLAG_SHARED : 0;
}

static int wait_at(_Atomic uint32_t *word, uint32_t value, bool is_shared,
                   uint64_t timeout_ns)
{
    int result;

    if (timeout_ns == 0) {
        result = wait_untimed(word, value, sizeof(value), flags_for(is_shared));
    } else {
        result = wait_timed(word, value, sizeof(value), flags_for(is_shared),
                            CLOCK_MACH_ABSOLUTE_TIME, timeout_ns);
    }
    return result < 0 ? errno : 0;
}

static int wake_one_at(_Atomic uint32_t *word, bool is_shared)
{
    return wake_any(word, sizeof(uint32_t), flags_for(is_shared)) < 0 ? errno
                                                                      : 0;
}

static int wake_all_at(_Atomic uint32_t *word, bool is_shared)
{
    return wake_every(word, sizeof(uint32_t), flags_for(is_shared)) < 0 ? errno
                                                                        : 0;
}

const struct weftos_way *weftos_find_os_sync(void)
{
    static const struct weftos_way way = {
        .name = "os_sync_wait_on_address",
        .wait = wait_at,
        .wake_one = wake_one_at,
        .wake_all = wake_all_at,
    };

    return weftos_find_function(&wait_untimed, "os_sync_wait_on_address") &&
                   weftos_find_function(
                       &wait_timed, "os_sync_wait_on_address_with_timeout") &&
                   weftos_find_function(&wake_any,
                                        "os_sync_wake_by_address_any") &&
                   weftos_find_function(&wake_every,
                                        "os_sync_wake_by_address_all")
               ? &way
               : NULL;
}
