/* SPDX-License-Identifier: MIT
 *
 * lock.h - a lock for the threads of this process, held for short work only.
 *
 * 0 free, 1 held, 2 held and somebody may sleep: the third mutex of Drepper,
 * "Futexes Are Tricky".
 */
#ifndef WEFTI_LOCK_H
#define WEFTI_LOCK_H

#include <stdatomic.h>

#include "os/os.h"

struct wefti_lock {
    _Atomic uint32_t state;
};

static inline void wefti_lock(struct wefti_lock *lock)
{
    uint32_t seen = 0;

    if (atomic_compare_exchange_strong(&lock->state, &seen, 1)) {
        return;
    }
    while (atomic_exchange(&lock->state, 2) != 0) {
        (void)weftos_word_wait(&lock->state, 2, NULL, WEFT_FOREVER, false,
                               NULL);
    }
}

static inline void wefti_unlock(struct wefti_lock *lock)
{
    if (atomic_exchange(&lock->state, 0) == 2) {
        weftos_word_wake(&lock->state, 1, NULL);
    }
}

#endif
