/* SPDX-License-Identifier: MIT
 *
 * weft/inspect.h - which names are in use, and what goes on there.
 *
 *     weft_names_each(show, NULL, NULL);
 *
 *     weft_inspection_open("video", weft_after_ns(100000000), &it, NULL, NULL);
 *     for (;;) {
 *         status = weft_inspection_read(it, &stats, deadline_ns, NULL);
 *         ... stats.valid says which of the figures there are ...
 *     }
 *
 * Each listener, service and publisher keeps its counters in a page of its own,
 * which it shows to those who ask, read-only. It is asked once; after that an
 * inspector reads as often as it likes, and the endpoint neither notices nor
 * does anything. An inspector is no peer: it takes nobody's place, also not
 * where a service has all the clients that it lets in, and nothing stays with
 * the endpoint when it has gone.
 *
 * Who may inspect is who may connect: the endpoint's policy decides. What it
 * says of itself is what its process wrote there, and believed for no other
 * purpose than to be shown; no content of the page makes a call here fail, wait
 * or leave the page.
 *
 * An endpoint answers when its program next looks for peers: a service in
 * weft_service_next, a listener in weft_channel_accept, a publisher always.
 * One that is stopped, or busy elsewhere, does not answer; only who it is can
 * be told then, by the kernel.
 *
 * Threads: an inspection is used by one thread at a time. weft_names_each may
 * be called by any.
 *
 * Fork: a child can only close its copy of an inspection; the other calls
 * return WEFT_EFORKED.
 *
 * Signals: no call here is safe in a signal handler.
 */
#ifndef WEFT_INSPECT_H
#define WEFT_INSPECT_H

#include <stddef.h>
#include <stdint.h>

#include <weft/base.h>
#include <weft/channel.h>
#include <weft/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- names --- */

typedef enum weft_name_kind {
    WEFT_NAME_ENDPOINT = 1, /* somebody listens, or did when he died */
    WEFT_NAME_MEMORY = 2,   /* of weft_shared_open */
    WEFT_NAME_STATE = 3,    /* of weft_state_open */
    WEFT_NAME_OBJECT = 4,   /* of weft_sync_open */
    WEFT_NAME_OTHER = 5     /* memory of another version, perhaps */
} weft_name_kind;

typedef struct weft_name {
    /*
     * As calls take it. That of an endpoint may end in "+1" to "+63": it is a
     * further publisher of the topic before the '+', and only
     * weft_inspection_open takes it. A long one of memory, a state or an object
     * was cut, and ends in a hash: then is_cut is not 0. On Windows, where
     * names of endpoints ignore case, they are in lower case.
     */
    const char *name;
    weft_name_kind kind;
    int is_cut;
    weft_sync_kind object; /* OBJECT: what it says it is; 0: not known */
    uint64_t bytes;        /* what it takes, if it is no endpoint */
} weft_name;

/* Returns 0 to go on. May call weft. The name is valid during the call. */
typedef int weft_name_visit(void *context, const weft_name *name);

/*
 * Visits each plain name of this user's that is in use, sorted, those of
 * endpoints first. Paths are not found, nor what is in other users' or other
 * run-time directories. Memory that nobody has open is left out; whether an
 * endpoint is alive, weft_inspection_open finds out. Takes one lock of the
 * run-time directory for as long as it reads it; allocates.
 *
 * WEFT_OK: all were visited, or `visit` did not go on; there may be none.
 * WEFT_ENOTSUP: this system can't tell. WEFT_EACCES: the run-time
 * directory is not to be trusted. WEFT_ENAME, WEFT_EINVAL, WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_names_each(weft_name_visit *visit, void *context,
                                     weft_detail *detail);

/* ------------------------------------------------------------ endpoints --- */

typedef enum weft_endpoint_kind {
    WEFT_ENDPOINT_UNKNOWN = 0, /* it has not answered */
    WEFT_ENDPOINT_LISTENER = 1,
    WEFT_ENDPOINT_SERVICE = 2,
    WEFT_ENDPOINT_PUBLISHER = 3,
    WEFT_ENDPOINT_TRIM = 4 /* gives memory back when asked: weft/trim.h */
} weft_endpoint_kind;

/* Which figures there are; the others are 0, and mean nothing. */
#define WEFT_STATS_AGE 1u
#define WEFT_STATS_PEERS 2u
#define WEFT_STATS_RELIABLE 4u
#define WEFT_STATS_PARKED 8u
#define WEFT_STATS_ADMITTED 16u
#define WEFT_STATS_TURNED_AWAY 32u
#define WEFT_STATS_CUT_OFF 64u
#define WEFT_STATS_RECEIVED 128u /* and received_bytes */
#define WEFT_STATS_LOST 256u
#define WEFT_STATS_SENT 512u /* and sent_bytes */
#define WEFT_STATS_DEPTH 1024u
#define WEFT_STATS_QUEUED 2048u
#define WEFT_STATS_FULL 4096u
#define WEFT_STATS_BLOCKED 8192u
#define WEFT_STATS_WAKES 16384u
#define WEFT_STATS_MEMORY 32768u

/*
 * An endpoint as it tells of itself, one figure after the other: those of one
 * that is busy do not match each other exactly.
 */
typedef struct weft_endpoint_stats {
    size_t size; /* sizeof(weft_endpoint_stats), set by the caller */
    weft_endpoint_kind kind;
    unsigned valid;  /* WEFT_STATS_... */
    weft_peer owner; /* who listens, as the kernel says */
    uint64_t at_ns;  /* weft_now_ns() when this was read */
    uint64_t age_ns; /* since it began */

    uint64_t peers;    /* clients or subscribers now */
    uint64_t reliable; /* of the subscribers */
    /*
     * 1: the thread that serves or accepts found nothing to do when it last
     * looked, and sleeps, or waits in a poll set or loop of its program's. Of a
     * publisher: how many of its subscribers sleep.
     */
    uint64_t parked;
    uint64_t admitted;    /* peers that were let in */
    uint64_t turned_away; /* peers that were not */
    /*
     * Peers that were let go of: of a service those that broke the rules or
     * were dropped by its program, of a publisher those that were too slow.
     */
    uint64_t cut_off;

    uint64_t received;       /* requests that the service took */
    uint64_t received_bytes; /* their payload */
    /*
     * Of the service's clients: calls whose caller had given up by then, and
     * messages that could not be told. What lossy subscribers lose only they
     * know.
     */
    uint64_t lost;
    uint64_t sent;       /* replies and events, or messages published */
    uint64_t sent_bytes; /* their payload */

    uint64_t depth;        /* calls that are in the server's hands */
    uint64_t queued_bytes; /* replies that wait for clients to take others */
    uint64_t full;         /* times there was no room at first */
    uint64_t blocked_ns;   /* so long it has waited for room; 0: it does not */
    uint64_t wakes;        /* system calls that woke somebody */
    uint64_t memory_bytes; /* shared memory that it owns now */
} weft_endpoint_stats;

typedef struct weft_inspection weft_inspection;

/*
 * Connects to a name and asks to look; the answer is waited for by
 * weft_inspection_read. `name` is as weft_channel_connect takes it, or as
 * weft_names_each gives it. Waits until the deadline at most, and only for a
 * place in the endpoint's queue. `owner` (may be NULL) is filled in if the
 * kernel says who listens, also after a failure; else its pid is 0.
 *
 * On success the caller owns `*out`; on failure it is NULL. WEFT_ENOENT: nobody
 * listens there. WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW): its queue is full.
 * WEFT_ENAME, WEFT_EACCES, WEFT_EINVAL, WEFT_ENOMEM, WEFT_ELIMIT, WEFT_ENOTSUP,
 * WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_inspection_open(const char *name,
                                          uint64_t deadline_ns,
                                          weft_inspection **out,
                                          weft_peer *owner,
                                          weft_detail *detail);

/*
 * Fills in the figures. The first call waits for the answer, until the deadline
 * at most; those that come after it never wait. After a failure of the
 * endpoint, too, `stats` says who it is, and if it had answered what its last
 * figures are.
 *
 * WEFT_OK. WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW): it has not answered yet.
 * WEFT_ECLOSED: it has ended. WEFT_EPEERDIED: its process has; where the system
 * can't watch a process (an old Linux, or a process of another PID namespace)
 * this is found out within 100 ms, and the endpoint gets a connection so often
 * for that. WEFT_EACCES: it does not let us look.
 * WEFT_EVERSION: it speaks another protocol. WEFT_EPROTO: it broke the
 * protocol. These stay. WEFT_EINVAL: `stats->size` is not that of this version.
 * WEFT_ENOMEM, WEFT_ELIMIT, WEFT_EFORKED, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_inspection_read(weft_inspection *inspection,
                                          weft_endpoint_stats *stats,
                                          uint64_t deadline_ns,
                                          weft_detail *detail);

/*
 * Sleeps until the deadline (WEFT_ETIMEDOUT; WEFT_EAGAIN for WEFT_NOW), or
 * until the endpoint's process has ended (WEFT_EPEERDIED). One that ends in
 * order while its process goes on is found by the next weft_inspection_read.
 * Before the first successful read: WEFT_EINVAL. WEFT_EFORKED, WEFT_ENOMEM,
 * WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_inspection_wait(weft_inspection *inspection,
                                          uint64_t deadline_ns,
                                          weft_detail *detail);

/* Sets `*inspection` to NULL, which is allowed before. Since 0.1. */
WEFT_API void weft_inspection_close(weft_inspection **inspection);

#ifdef __cplusplus
}
#endif

#endif
