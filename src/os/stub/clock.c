/* SPDX-License-Identifier: MIT
 *
 * A clock from the C library.
 *
 * C11 promises calendar time only. It may be set back by the administrator;
 * the greatest reading so far stands in for the later one then, so that the
 * clock of this process never runs backwards.
 */
#include <stdatomic.h>
#include <time.h>

#include "stub.h"

static _Atomic uint64_t latest_ns;

uint64_t weftos_now_ns(void)
{
    struct timespec now = {0};
    uint64_t latest = atomic_load_explicit(&latest_ns, memory_order_relaxed);
    uint64_t now_ns;

    (void)timespec_get(&now, TIME_UTC);
    now_ns =
        (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
    do {
        if (now_ns <= latest) {
            return latest;
        }
        /* Relaxed: the value is all that threads share here. */
    } while (!atomic_compare_exchange_weak_explicit(&latest_ns, &latest, now_ns,
                                                    memory_order_relaxed,
                                                    memory_order_relaxed));
    return now_ns;
}
