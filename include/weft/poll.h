/* SPDX-License-Identifier: MIT
 *
 * weft/poll.h - one thread waits for many: channels, clients, services,
 * subscribers, events, semaphores, and whatever else the system can wait for.
 *
 *     weft_poll_add_channel(poll, channel, KEY_OF_CHANNEL, NULL);
 *     weft_poll_add_handle(poll, 0, WEFT_POLL_READ, KEY_OF_INPUT, NULL);
 *     for (;;) {
 *         weft_poll_wait(poll, items, 8, &count, WEFT_FOREVER, NULL);
 *         for (size_t i = 0; i < count; i++) {
 *             ... items[i].key says which one; receive with WEFT_NOW ...
 *         }
 *     }
 *
 * Those that have had something lately are looked at in memory; the others are
 * watched by the system. So a busy set makes no system call for what is busy,
 * and what is idle costs nothing, however many there are. All that is ready
 * comes in turn.
 *
 * Readiness is level-triggered: who takes one message of several, or none, is
 * told again by the next wait. It may be told early: the next call may still
 * return WEFT_EAGAIN. What has ended or failed is ready until it is removed,
 * and its next call says how it ended.
 *
 * An endpoint, which is what the first four are, is in one set at a time, and
 * its own handle (weft_channel_recv_handle and the like) is not to be waited
 * for meanwhile. To close it takes it out. A program with a loop of its own
 * waits for those handles there, and needs no set.
 *
 * Events and semaphores of weft/sync.h are words in memory, which no system can
 * wait for together with anything else: a set has a thread for each of them
 * that is in it, and sleeps until that wakes it. While one is busy the thread
 * rests.
 *
 * Threads: one thread at a time may use a set, and with it the receiving side
 * of each endpoint in it: another may send meanwhile. To close an endpoint is
 * to use its set, too. weft_poll_wake may be called from any thread while the
 * set is open.
 *
 * Fork and signals: as weft/channel.h says. A forked child can only close its
 * copy, which changes nothing for the parent.
 */
#ifndef WEFT_POLL_H
#define WEFT_POLL_H

#include <stddef.h>
#include <stdint.h>

#include <weft/base.h>
#include <weft/channel.h>
#include <weft/service.h>
#include <weft/sync.h>
#include <weft/topic.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_poll weft_poll;

/* As WEFT_CHANNEL_INTERRUPTIBLE, for weft_poll_wait. */
#define WEFT_POLL_INTERRUPTIBLE 1u

/* Set it up with WEFT_POLL_OPTIONS_INIT; zero means the default. */
typedef struct weft_poll_options {
    size_t size; /* sizeof(weft_poll_options) */
    /*
     * How weft_poll_wait waits; the endpoints' own option is for their own
     * calls. WEFT_WAIT_SPIN asks the system now and then, and never sleeps.
     */
    weft_wait wait;
    unsigned flags; /* WEFT_POLL_INTERRUPTIBLE */
} weft_poll_options;

#define WEFT_POLL_OPTIONS_INIT                                                 \
    {                                                                          \
        sizeof(weft_poll_options), WEFT_WAIT_DEFAULT, 0                        \
    }

/*
 * Makes an empty set. `options` and `detail` may be NULL. On success the caller
 * owns `*out`; on failure it is NULL. It takes two descriptors. WEFT_EINVAL,
 * WEFT_ENOMEM, WEFT_ELIMIT, WEFT_ENOTSUP, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_poll_open(const weft_poll_options *options,
                                    weft_poll **out, weft_detail *detail);

/*
 * Removes all that is in the set, which stays open, and frees it. Sets `*poll`
 * to NULL, which is allowed before. Since 0.1.
 */
WEFT_API void weft_poll_close(weft_poll **poll);

/* -------------------------------------------------------------- members --- */

/*
 * Adds an endpoint: it is ready while weft_channel_recv and its like,
 * weft_client_next, weft_service_next or weft_subscriber_recv would not have to
 * wait. `key` is what weft_poll_wait tells; nothing else is done with it. The
 * endpoint stays the caller's. For a channel of weft_channel_pair this finishes
 * the handshake, as its first call would, and may wait for it.
 *
 * WEFT_EINUSE: it is in a set already. WEFT_ENOMEM, WEFT_ELIMIT: as for its
 * handle, which this opens, or in the set. WEFT_EINVAL, WEFT_EFORKED,
 * WEFT_ENOTSUP, WEFT_EOS; and for a channel what its handshake failed with.
 * After a failure nothing was added. Since 0.1.
 */
WEFT_API weft_status weft_poll_add_channel(weft_poll *poll,
                                           weft_channel *channel, uint64_t key,
                                           weft_detail *detail);
/* While it is in a set, weft_client_reopen returns WEFT_EINUSE. Since 0.1. */
WEFT_API weft_status weft_poll_add_client(weft_poll *poll, weft_client *client,
                                          uint64_t key, weft_detail *detail);
WEFT_API weft_status weft_poll_add_service(weft_poll *poll,
                                           weft_service *service, uint64_t key,
                                           weft_detail *detail);
WEFT_API weft_status weft_poll_add_subscriber(weft_poll *poll,
                                              weft_subscriber *subscriber,
                                              uint64_t key,
                                              weft_detail *detail);

/*
 * Removes an endpoint. WEFT_ENOENT: it is not in this set. WEFT_EINVAL,
 * WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_poll_remove_channel(weft_poll *poll,
                                              weft_channel *channel);
WEFT_API weft_status weft_poll_remove_client(weft_poll *poll,
                                             weft_client *client);
WEFT_API weft_status weft_poll_remove_service(weft_poll *poll,
                                              weft_service *service);
WEFT_API weft_status weft_poll_remove_subscriber(weft_poll *poll,
                                                 weft_subscriber *subscriber);

/*
 * Adds an event or a semaphore: it is ready while its next wait with WEFT_NOW
 * may succeed. Being told takes nothing of it: others who wait for it get what
 * they would get without the set, and may be faster. An event that is reset as
 * soon as it was set may not be told. The object stays the caller's: it must be
 * removed before it is ended or its memory is unmapped.
 *
 * It costs a thread, in which all signals are blocked, and what the waits of
 * weft/sync.h take; each time that a silent one comes to life, two more system
 * calls and a change of threads. An object can be in several sets.
 *
 * WEFT_EINUSE: it is in this set already. WEFT_EINVAL: it is no such object.
 * WEFT_ELIMIT: no thread is left. WEFT_ENOMEM, WEFT_EFORKED, WEFT_ENOTSUP,
 * WEFT_EOS. After a failure nothing was added. If the thread can't wait, or had
 * to be ended for that and can't be started again, weft_poll_wait returns what
 * weft_event_wait_until would. Since 0.1.
 */
WEFT_API weft_status weft_poll_add_event(weft_poll *poll, weft_event *event,
                                         uint64_t key, weft_detail *detail);
WEFT_API weft_status weft_poll_add_semaphore(weft_poll *poll,
                                             weft_semaphore *semaphore,
                                             uint64_t key, weft_detail *detail);

/* As weft_poll_remove_channel; waits for the thread's end. Since 0.1. */
WEFT_API weft_status weft_poll_remove_event(weft_poll *poll,
                                            const weft_event *event);
WEFT_API weft_status
weft_poll_remove_semaphore(weft_poll *poll, const weft_semaphore *semaphore);

/* What to wait for at a handle, and what happened there. */
#define WEFT_POLL_READ 1u  /* it can be read, or has ended or failed */
#define WEFT_POLL_WRITE 2u /* it can be written to, or has ended or failed */

/*
 * Adds a handle of any other kind, which stays the caller's and must be removed
 * before it is closed. `events` are one or both of WEFT_POLL_READ and
 * WEFT_POLL_WRITE. Those of weft_listener_handle and weft_channel_send_handle
 * go here, with WEFT_POLL_READ: the second one while a send has returned
 * WEFT_EAGAIN.
 *
 * POSIX: a descriptor. WEFT_ENOTSUP: of a kind that the system can't wait for,
 * such as a regular file on Linux.
 * Windows: an event, process, thread, timer or semaphore, and WEFT_POLL_READ
 * alone, which means that it is signalled; else WEFT_ENOTSUP. Being told takes
 * the signal of an auto-reset event, or one of a semaphore, as any wait does.
 * A mutex would be taken by another thread: don't.
 *
 * WEFT_EINUSE: it is in this set already. Else as weft_poll_add_channel.
 * Since 0.1.
 */
WEFT_API weft_status weft_poll_add_handle(weft_poll *poll, weft_handle handle,
                                          unsigned events, uint64_t key,
                                          weft_detail *detail);
WEFT_API weft_status weft_poll_remove_handle(weft_poll *poll,
                                             weft_handle handle);

/* ----------------------------------------------------------------- wait --- */

/* One that is ready. */
typedef struct weft_poll_item {
    uint64_t key;    /* as it was added */
    unsigned events; /* WEFT_POLL_READ for an endpoint */
} weft_poll_item;

/*
 * Waits until something in the set is ready, or the deadline. Fills in `*count`
 * items, `room` at most, which must not be 0. If more are ready the next waits
 * tell them: they begin where this one ended.
 *
 * WEFT_OK with `*count` 0: weft_poll_wake was called. WEFT_ETIMEDOUT,
 * WEFT_EAGAIN (WEFT_NOW): nothing is ready. WEFT_EINTR: with
 * WEFT_POLL_INTERRUPTIBLE. WEFT_EINVAL, WEFT_EFORKED; WEFT_ENOMEM, WEFT_EOS:
 * the system can't wait now. After a failure `*count` is 0, and nothing is
 * lost. Since 0.1.
 */
WEFT_API weft_status weft_poll_wait(weft_poll *poll, weft_poll_item *items,
                                    size_t room, size_t *count,
                                    uint64_t deadline_ns, weft_detail *detail);

/*
 * Ends the wait that is in progress, or else the next one. Wakes may merge.
 * Never blocks. WEFT_EINVAL, WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_poll_wake(weft_poll *poll);

#ifdef __cplusplus
}
#endif

#endif
