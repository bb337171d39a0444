/* SPDX-License-Identifier: MIT
 *
 * sync_watch.h - how a poll set hears of events and semaphores.
 *
 * They are words in shared memory, which no system can wait for together with
 * handles. So a set has a thread for each of them, which sleeps in the object's
 * lobby as any other waiter does, but takes nothing. The set gives it orders
 * through a word of their own:
 *
 *      WEFTI_REST     sleep at this word
 *      WEFTI_WATCH    wait until the object is to be had, note that, wake the
 *                     set, and rest
 *      WEFTI_END      end
 *      WEFTI_VACANT   no order: the thread has ended, as it could not sleep at
 *                     this word. For the next watch there must be another one
 *
 * Whoever wakes one waiter of the object may wake this thread instead of one
 * that would take it. So it leaves as one whose time is up does: it says that
 * others may sleep still, and passes the wake on. Of those whom the wake goes
 * to, each watcher leaves the lobby, and is not sent there again while the
 * object is to be had: so it ends at a taker, or when no more are asleep. If
 * its process is killed in between, the sleepers hear of that, as it is listed
 * in the lobby like all others.
 *
 * To end a sleep there for another order everybody in the lobby is woken, which
 * does them no harm.
 */
#ifndef WEFTI_SYNC_WATCH_H
#define WEFTI_SYNC_WATCH_H

#include "os/os.h"

enum { WEFTI_REST, WEFTI_WATCH, WEFTI_END, WEFTI_VACANT };

/*
 * Waits until the object is to be had, or `order` is another than WEFTI_WATCH.
 * WEFT_EINVAL: it is none. Otherwise as what wefti_lobby_wait fails with.
 */
typedef weft_status wefti_watch(void *object, const _Atomic uint32_t *order);
wefti_watch wefti_event_watch;
wefti_watch wefti_semaphore_watch;

/* Is it to be had? One load. */
typedef bool wefti_watched(const void *object);
wefti_watched wefti_event_is_set;
wefti_watched wefti_semaphore_has_some;

/* A thread that watches one object, at rest. */
struct wefti_watcher;
/* In that thread, or in the one that can't have it start. */
typedef void wefti_watcher_told(void *context);
weft_status wefti_watcher_open(wefti_watch *watch, wefti_watched *is_ready,
                               void *object, wefti_watcher_told *told,
                               void *context, struct wefti_watcher **out,
                               weft_detail *detail);
void wefti_watcher_close(struct wefti_watcher *watcher, bool forked);

/*
 * Has it watch. WEFT_EAGAIN: `told` is called when the object is to be had, or
 * can't be watched. WEFT_OK: it is to be had now.
 */
weft_status wefti_watcher_arm(struct wefti_watcher *watcher);
bool wefti_watcher_is_ready(const struct wefti_watcher *watcher);

/* Whether it has told since this was last asked; what its wait failed with. */
bool wefti_watcher_has_told(struct wefti_watcher *watcher, weft_status *failed);

void *wefti_watcher_object(const struct wefti_watcher *watcher);

#endif
