/* SPDX-License-Identifier: MIT
 *
 * sync_lock.h - a robust lock over a lobby: the mutex, and the writers' half
 * of the read-write lock.
 *
 * The state is one word that names the owner, so that there is no instant at
 * which it is taken and says not by whom. To take it when it is free, and to
 * give it back when nobody waits, is one atomic instruction each.
 *
 *      bit     name           set means
 *      0       WAITERS        somebody may sleep in the lobby. Set by who is
 *                             about to sleep, and by an owner that has slept
 *                             (others may sleep still); cleared by the release,
 *                             which then wakes. Illegal to miss, legal to have
 *                             for nothing.
 *      1       INCONSISTENT   with an owner: it has the lock from a dead one,
 *                             and has not called recover. Without: nobody can
 *                             have the lock any more. Only the owner changes
 *                             it, so that it may look at it without a lock.
 *      2       TURN           newcomers let those go first who have slept (at
 *                             a mutex), or readers (at a read-write lock); for
 *                             WEFTI_STEP_BACK_NS at most: so long a bit that
 *                             is left over delays one taker. Set by who waits
 *                             too long; kept by the release; cleared by who
 *                             gets the lock, or leaves a mutex.
 *      3       DRAINING       the owner waits for readers to leave, and has
 *                             changed nothing yet. Only the owner changes it.
 *      4..63   the owner's identity, or 0
 *
 * A word of a dead owner is taken over by a compare-exchange from exactly that
 * word: one of those who try succeeds, so each death is told once.
 */
#ifndef WEFTI_SYNC_LOCK_H
#define WEFTI_SYNC_LOCK_H

#include <weft/sync.h>

#include "sync_lobby.h"

#define WEFTI_LOCK_WAITERS UINT64_C(1)
#define WEFTI_LOCK_INCONSISTENT UINT64_C(2)
#define WEFTI_LOCK_TURN UINT64_C(4)
#define WEFTI_LOCK_DRAINING UINT64_C(8)

/* In what the locks differ. */
struct wefti_lock_rules {
    uint64_t taken; /* the flags that a new owner begins with */
    bool readers;   /* TURN is the readers': all others step back */
};

/*
 * Takes the lock, after the caller has failed to do so at once.
 *
 * WEFT_OK. WEFT_EOWNERDEAD: it is the caller's, from a dead owner.
 * WEFT_ENOTRECOVERABLE, WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW), and what
 * wefti_lobby_wait returns: it is not.
 */
weft_status wefti_lock_take(struct wefti_object *object, uint64_t self,
                            const struct wefti_lock_rules *rules,
                            uint64_t deadline_ns);

/*
 * Gives back what the caller owns, which is in this state but for WAITERS and
 * TURN. INCONSISTENT is left to whoever comes next: nobody.
 */
void wefti_lock_release(struct wefti_object *object, uint64_t state,
                        const struct wefti_lock_rules *rules);

/* As weft_mutex_recover. */
weft_status wefti_lock_recover(struct wefti_object *object, uint64_t self);

/* Whether it is a mutex, and this process's now. */
bool wefti_mutex_is_held(weft_mutex *mutex);

#endif
