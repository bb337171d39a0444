/* SPDX-License-Identifier: MIT
 *
 * weft/topic.h - some publish, any number subscribe.
 *
 * A publisher writes each message once, into a ring in memory that it owns.
 * All its subscribers can read that ring, and none can write it, so a message
 * costs the publisher the same for one of them and for a thousand. Each
 * subscriber chooses to be
 *
 * - lossy (the default): the publisher never waits for it. What it is too
 *   slow for is overwritten, and it is told exactly how many messages it lost.
 *   It never sees a part of a message, or a message that is mixed up.
 * - reliable: it gets every message. When the ring is full of what it has not
 *   taken, the publisher waits for it; or lets go of it, after a time that the
 *   publisher sets.
 *
 * Who only looks on, and must not be noticed, taps the topic instead.
 *
 * A topic is a name that publishers share, 64 of them at a time. No other
 * process is needed for that. Whoever subscribes gets the messages of all,
 * those of one publisher in their order, and of publishers that come later too.
 *
 * Threads: a publisher is used by one thread at a time, and so is a
 * subscriber or tap. Different ones are independent. weft_publisher_open starts
 * a thread, which lives until weft_publisher_close: it lets subscribers in,
 * hears of their end, and wakes those that sleep, so that the publishing thread
 * need not. All signals are blocked in it. The policy `allow` of a publisher is
 * called in that thread.
 *
 * Fork: a publisher, subscriber or tap belongs to the process that opened it.
 * In a forked child every call on it returns WEFT_EFORKED, except for the two
 * that close, which free the child's copy and tell nobody. The child does not
 * have the publisher's thread.
 *
 * Signals and trust: as weft/channel.h says.
 */
#ifndef WEFT_TOPIC_H
#define WEFT_TOPIC_H

#include <stdint.h>

#include <weft/base.h>
#include <weft/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------ publisher --- */

typedef struct weft_publisher weft_publisher;

/* As WEFT_CHANNEL_INTERRUPTIBLE. */
#define WEFT_PUBLISHER_INTERRUPTIBLE 1u
/* Share the name with no other publisher. */
#define WEFT_PUBLISHER_SOLE 2u

/* Set it up with WEFT_PUBLISHER_OPTIONS_INIT; zero means the default. */
typedef struct weft_publisher_options {
    size_t size; /* sizeof(weft_publisher_options) */
    weft_wait wait;
    unsigned flags; /* WEFT_PUBLISHER_... */
    unsigned mode;  /* access mode of the socket; default 0600 */

    /* Subscribers at a time. More are refused with WEFT_ELIMIT. Default 16384.
     */
    unsigned subscribers_max;

    /*
     * The ring: a power of two, 16 KiB to 1 GiB. Default 1 MiB. All of it is
     * allocated at once. It is also the history that late ones can have.
     */
    size_t ring_bytes;

    /*
     * A reliable subscriber for which the publisher has had no room for so long
     * is let go of. The default, 0: never.
     */
    uint64_t cut_off_ns;

    uint64_t handshake_ns; /* as that of weft_channel_options */

    weft_peer_policy *allow;
    void *allow_context;
} weft_publisher_options;

#define WEFT_PUBLISHER_OPTIONS_INIT                                            \
    {                                                                          \
        sizeof(weft_publisher_options), WEFT_WAIT_DEFAULT, 0, 0, 0, 0, 0, 0,   \
            0, 0                                                               \
    }

/*
 * Takes the name, as weft_channel_listen does, or shares it with the publishers
 * that have it: those are told, and asked, one after the other, for
 * `handshake_ns` each at most. `options` and `detail` may be NULL. On success
 * the caller owns `*out`; on failure it is NULL. WEFT_EINUSE: what has the name
 * is no publisher, or one of the two will not share it. WEFT_ELIMIT: no thread
 * or descriptor is left, or 64 publishers have the name. WEFT_ETIMEDOUT: who
 * has the name does not answer. WEFT_EVERSION: it speaks another protocol.
 * WEFT_ENAME,
 * WEFT_EACCES, WEFT_EINVAL, WEFT_ENOMEM, WEFT_ENOTSUP, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_publisher_open(const char *name,
                                         const weft_publisher_options *options,
                                         weft_publisher **out,
                                         weft_detail *detail);

/*
 * Gives the name back. Subscribers take what they have not taken yet, and then
 * find WEFT_ECLOSED; none is waited for. Waits for the publisher's thread to
 * end. Sets `*publisher` to NULL, which is allowed before. Since 0.1.
 */
WEFT_API void weft_publisher_close(weft_publisher **publisher);

/*
 * Publishes a message. Waits only if the ring is full of what a reliable
 * subscriber has not taken.
 *
 * WEFT_OK: it is in the ring, for all who have subscribed. WEFT_EMSGSIZE: it
 * is larger than weft_publisher_message_max. WEFT_ETIMEDOUT, WEFT_EAGAIN
 * (WEFT_NOW): there is no room; nothing was published. WEFT_EINTR: with
 * WEFT_PUBLISHER_INTERRUPTIBLE, the same. WEFT_EBUSY: a reservation is open.
 * WEFT_EOS: the subscribers can't be woken any more; this stays. WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_ENOTSUP: it can't wait. WEFT_EINVAL, WEFT_EFORKED. Since
 * 0.1.
 */
WEFT_API weft_status weft_publisher_send(weft_publisher *publisher,
                                         const void *data, size_t bytes,
                                         uint64_t deadline_ns);

/*
 * Zero copy: gives `bytes` bytes of room in the ring at `*space`, 16-byte
 * aligned, to be written in place. Nobody sees them before they are committed.
 * One reservation at a time; end it with weft_publisher_commit or
 * weft_publisher_cancel. It waits as weft_publisher_send does.
 *
 * As weft_publisher_send; `*space` is NULL unless this returns WEFT_OK. Since
 * 0.1.
 */
WEFT_API weft_status weft_publisher_reserve(weft_publisher *publisher,
                                            size_t bytes, void **space,
                                            uint64_t deadline_ns);

/*
 * Publishes what was reserved, or the first `bytes` bytes of it. Does not wait.
 * WEFT_EINVAL: nothing is reserved, or less than `bytes`; a reservation stays.
 * WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_publisher_commit(weft_publisher *publisher,
                                           size_t bytes);

/*
 * Gives the reservation back; nothing is published, and `*space` is gone. NULL,
 * and that nothing is reserved, is allowed. Since 0.1.
 */
WEFT_API void weft_publisher_cancel(weft_publisher *publisher);

/*
 * The largest message that can be published: somewhat less than half of the
 * ring. 0 for NULL. Since 0.1.
 */
WEFT_API size_t weft_publisher_message_max(const weft_publisher *publisher);

/* A publisher, since it was opened. */
typedef struct weft_publisher_stats {
    size_t size;          /* sizeof(weft_publisher_stats), set by the caller */
    uint64_t messages;    /* published */
    uint64_t bytes;       /* of payload */
    uint64_t full;        /* times there was no room at first */
    uint64_t cut_off;     /* subscribers let go of because they were too slow */
    uint64_t wakes;       /* times its thread was woken (a system call) */
    unsigned subscribers; /* now */
    unsigned reliable;    /* of them */
} weft_publisher_stats;

/*
 * To be called by the thread that publishes. WEFT_EINVAL: `stats->size` is not
 * that of this version. WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_publisher_get_stats(weft_publisher *publisher,
                                              weft_publisher_stats *stats);

/* ----------------------------------------------------------- subscriber --- */

typedef struct weft_subscriber weft_subscriber;

/* Get every message. */
#define WEFT_SUBSCRIBER_RELIABLE 1u
/*
 * Begin with what is still in the ring; else with what is published after
 * weft_subscriber_open has returned. As the ring goes round, whole sixteenths
 * of it are forgotten at a time.
 */
#define WEFT_SUBSCRIBER_HISTORY 2u
/* As those of weft_channel_options. */
#define WEFT_SUBSCRIBER_INTERRUPTIBLE 4u
#define WEFT_SUBSCRIBER_AWAIT_NAME 8u
/*
 * Go on when there is no publisher, at first or any more: whoever begins next
 * is waited for. Who turns us away, or is no publisher, is not asked again
 * before the name is taken anew.
 */
#define WEFT_SUBSCRIBER_STAYS 16u

/* Set it up with WEFT_SUBSCRIBER_OPTIONS_INIT; zero means the default. */
typedef struct weft_subscriber_options {
    size_t size; /* sizeof(weft_subscriber_options) */
    weft_wait wait;
    unsigned flags; /* WEFT_SUBSCRIBER_... */
    /* The largest ring of a publisher's to be mapped. Default 64 MiB. */
    size_t ring_max_bytes;
    uint64_t handshake_ns;   /* as that of weft_channel_options */
    weft_peer_policy *allow; /* asked of each publisher */
    void *allow_context;
} weft_subscriber_options;

#define WEFT_SUBSCRIBER_OPTIONS_INIT                                           \
    {                                                                          \
        sizeof(weft_subscriber_options), WEFT_WAIT_DEFAULT, 0, 0, 0, 0, 0      \
    }

/*
 * Joins all publishers of a topic, as weft_channel_connect connects to a
 * listener. It is enough that one lets us in; the others' refusals are logged.
 * Otherwise the last failure is told. WEFT_EPROTO: what has the name is no
 * publisher, or its ring is too large. WEFT_ELIMIT: it has too many
 * subscribers. Otherwise as weft_channel_connect. Since 0.1.
 */
WEFT_API weft_status weft_subscriber_open(
    const char *name, const weft_subscriber_options *options,
    uint64_t deadline_ns, weft_subscriber **out, weft_detail *detail);

/* Leaves the topic. Sets `*subscriber` to NULL, which is allowed. Since 0.1. */
WEFT_API void weft_subscriber_close(weft_subscriber **subscriber);

/* A message of a topic. */
typedef struct weft_publication {
    void *data;   /* where to receive it */
    size_t bytes; /* the room there; then the message's length */
    uint64_t
        publisher;     /* whose it is: a number for as long as that one is in */
    uint64_t sequence; /* its number; the publisher's first one is 0 */
    /*
     * The publisher's messages that were lost between this and the last one:
     * lossy, or the first ones of a publisher that came later and was too fast
     * to be joined before its ring went round.
     */
    uint64_t lost;
} weft_publication;

/*
 * Receives the next message, each publisher's in the order in which they were
 * published. What is at `data` is undefined unless this returns WEFT_OK.
 *
 * WEFT_EMSGSIZE: `bytes` tells its length, and it stays. WEFT_ETIMEDOUT,
 * WEFT_EAGAIN (WEFT_NOW): there is none. WEFT_EINTR: with
 * WEFT_SUBSCRIBER_INTERRUPTIBLE.
 *
 * How a publisher ends is told once, when all that it had published was taken:
 * WEFT_EPEERDIED, it has died; WEFT_ELIMIT, this reliable subscriber was too
 * slow for it and has been cut off; WEFT_ECORRUPT, WEFT_EPROTO, it breaks the
 * rules; WEFT_EOS. One that has failed us so is not joined again. WEFT_ECLOSED,
 * it has closed, is only told of the last one. While there are others, or with
 * WEFT_SUBSCRIBER_STAYS, the next call goes on; else the status stays.
 *
 * WEFT_ENOMEM, WEFT_ELIMIT, WEFT_EOS: it can't sleep; or, with
 * WEFT_SUBSCRIBER_STAYS, it can't be told of the next publisher or can't join
 * it, and the next call tries again. WEFT_ELIMIT: that one has too many
 * subscribers. WEFT_EINVAL, WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_subscriber_recv(weft_subscriber *subscriber,
                                          weft_publication *publication,
                                          uint64_t deadline_ns);

/*
 * The largest message that can come, as those publishers say that are in; one
 * that comes later may send larger ones. 0: there are none. Since 0.1.
 */
WEFT_API size_t weft_subscriber_message_max(const weft_subscriber *subscriber);

/*
 * A handle for poll, epoll, kqueue or WaitForMultipleObjects. It may be waited
 * for only after weft_subscriber_recv has returned WEFT_EAGAIN to WEFT_NOW; it
 * is ready, level-triggered, when the next call may not. The subscriber's own.
 * Of one that stays, without a publisher, it is ready when somebody may have
 * begun. Since 0.1.
 */
WEFT_API weft_status weft_subscriber_handle(weft_subscriber *subscriber,
                                            weft_handle *handle);

/* A subscriber, since it was opened. */
typedef struct weft_subscriber_stats {
    size_t size;       /* sizeof(weft_subscriber_stats), set by the caller */
    uint64_t messages; /* received */
    uint64_t bytes;    /* of payload */
    /*
     * Messages lost. After WEFT_ECLOSED or WEFT_EPEERDIED, with the messages
     * received, all that were published since it began.
     */
    uint64_t lost;
    uint64_t gaps;       /* places at which some were lost */
    uint64_t parks;      /* times it went to sleep */
    unsigned publishers; /* now */
} weft_subscriber_stats;

/* As weft_publisher_get_stats. Since 0.1. */
WEFT_API weft_status weft_subscriber_get_stats(
    const weft_subscriber *subscriber, weft_subscriber_stats *stats);

/* The cause of the last failure. Since 0.1. */
WEFT_API void weft_subscriber_detail(const weft_subscriber *subscriber,
                                     weft_detail *detail);

/* ------------------------------------------------------------------ tap --- */

/*
 * A tap reads what is published and is nothing to a publisher but one short
 * visit of its thread: it takes no place of subscribers_max, is in no figure of
 * weft_publisher_stats, and nothing of it stays with the publisher. A tap that
 * is slow, has stopped or has died can't slow anybody down.
 *
 * So nobody wakes it either. weft_tap_next never waits: whoever finds nothing
 * comes again later, after a pause of its own, such as 1 to 20 ms. Messages are
 * lost to a tap that comes too late, as to a lossy subscriber, and counted. A
 * ring of R bytes has the last 15/16 R of it, of which each message takes 16
 * bytes and its length, rounded up to 16: of the default 1 MiB, 30,000 messages
 * of up to 16 bytes, or 900 of 1 KiB. At 100,000 of the short ones a second
 * that is 300 ms.
 *
 * What a subscriber is told a tap finds out, by looks that weft_tap_next makes
 * in its caller's time: publishers that come later within 100 ms or so, a
 * publisher's death within 10 ms; or at its next call, where there is a longer
 * time between two. Where the system can't watch a process (an old Linux, or a
 * process of another PID namespace), a death is found out within 100 ms, and
 * the publisher's thread gets a connection so often for that.
 */
typedef struct weft_tap weft_tap;

/* As those of a subscriber, each. */
#define WEFT_TAP_HISTORY 1u
#define WEFT_TAP_INTERRUPTIBLE 2u /* the wait of weft_tap_open */
#define WEFT_TAP_AWAIT_NAME 4u
#define WEFT_TAP_STAYS 8u

/* Set it up with WEFT_TAP_OPTIONS_INIT; zero means the default. */
typedef struct weft_tap_options {
    size_t size;    /* sizeof(weft_tap_options) */
    unsigned flags; /* WEFT_TAP_... */
    /* The rest as in weft_subscriber_options. */
    size_t ring_max_bytes;
    uint64_t handshake_ns;
    weft_peer_policy *allow;
    void *allow_context;
} weft_tap_options;

#define WEFT_TAP_OPTIONS_INIT                                                  \
    {                                                                          \
        sizeof(weft_tap_options), 0, 0, 0, 0, 0                                \
    }

/*
 * Taps all publishers of a topic, as weft_subscriber_open joins them: each
 * checks who comes as it does with its subscribers. It blocks until they have
 * answered, at most until `deadline_ns`, and may allocate. `options` and
 * `detail` may be NULL. On success the caller owns `*out`; on failure it is
 * NULL. The statuses are those of weft_subscriber_open, without WEFT_ELIMIT
 * because of too many subscribers. Since 0.1.
 */
WEFT_API weft_status weft_tap_open(const char *name,
                                   const weft_tap_options *options,
                                   uint64_t deadline_ns, weft_tap **out,
                                   weft_detail *detail);

/* Sets `*tap` to NULL, which is allowed before. Since 0.1. */
WEFT_API void weft_tap_close(weft_tap **tap);

/*
 * Copies the next message, each publisher's in their order, as
 * weft_subscriber_recv; `data` may be NULL if `bytes` is 0. Never blocks.
 *
 * WEFT_EMSGSIZE: `bytes` tells its length, and it stays as long as it is not
 * overwritten. WEFT_EAGAIN: there is none, or none could be read before it was
 * overwritten; come again.
 *
 * How a publisher ends is told as by weft_subscriber_recv: WEFT_EPEERDIED,
 * WEFT_ECORRUPT, WEFT_EPROTO; WEFT_ECLOSED of the last one only. While there
 * are others, or with WEFT_TAP_STAYS, the next call goes on; else the status
 * stays. WEFT_EINVAL, WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_tap_next(weft_tap *tap,
                                   weft_publication *publication);

/* A tap, since it was opened. */
typedef struct weft_tap_stats {
    size_t size;         /* sizeof(weft_tap_stats), set by the caller */
    uint64_t messages;   /* taken */
    uint64_t bytes;      /* of payload */
    uint64_t lost;       /* as in weft_subscriber_stats */
    uint64_t gaps;       /* the same */
    unsigned publishers; /* now */
} weft_tap_stats;

/* As weft_publisher_get_stats. Since 0.1. */
WEFT_API weft_status weft_tap_get_stats(const weft_tap *tap,
                                        weft_tap_stats *stats);

/* The cause of the last failure. Since 0.1. */
WEFT_API void weft_tap_detail(const weft_tap *tap, weft_detail *detail);

#ifdef __cplusplus
}
#endif

#endif
