/* SPDX-License-Identifier: MIT
 *
 * weft/service.h - one server answers the calls of many clients.
 *
 * A client sends calls and one-way messages; the server answers calls, in any
 * order, with one reply or a stream of them, and sends events of its own. Each
 * client has a pair of rings of its own, so that one that is slow, greedy or
 * hostile harms only itself.
 *
 * Threads: of a service, one thread at a time may use weft_service_next and
 * weft_service_drop, while any number of threads use weft_service_reply and
 * weft_service_send. A client is used by one thread at a time. Different
 * services and clients are independent.
 *
 * Fork, signals and trust: as weft/channel.h says. A forked child can only
 * close its copies.
 */
#ifndef WEFT_SERVICE_H
#define WEFT_SERVICE_H

#include <stdint.h>

#include <weft/base.h>
#include <weft/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --------------------------------------------------------------- server --- */

typedef struct weft_service weft_service;

/* Take requests that carry handles; else their clients get WEFT_EHANDLES. */
#define WEFT_SERVICE_TAKES_HANDLES 1u
/* As WEFT_CHANNEL_INTERRUPTIBLE. */
#define WEFT_SERVICE_INTERRUPTIBLE 2u
/*
 * While other requests wait, the clients that the serving thread has answered
 * are woken together, 32 at most: a wake can take the CPU from the server. Many
 * short answers are given faster so. A client that sleeps may be woken only
 * after the next requests have been answered, so it is not for a server some of
 * whose answers take long.
 */
#define WEFT_SERVICE_GATHERS_WAKES 4u

/* Set it up with WEFT_SERVICE_OPTIONS_INIT; zero means the default. */
typedef struct weft_service_options {
    size_t size; /* sizeof(weft_service_options) */
    weft_wait wait;
    unsigned flags; /* WEFT_SERVICE_... */
    unsigned mode;  /* access mode of the socket; default 0600 */

    /* Clients at a time. More are refused with WEFT_ELIMIT. Default 16384. */
    unsigned clients_max;

    /*
     * What one client may use of the server: unanswered calls (default 256;
     * more are answered with WEFT_ELIMIT); the size of a message, both ways
     * (default 16 MiB); the largest ring of its own that it shows (default
     * 1 MiB), and of the server's for its replies (default 1 MiB); and replies
     * and events that wait because it does not take them, behind the
     * first one (default 4 MiB).
     */
    unsigned calls_max;
    uint64_t message_max_bytes;
    size_t client_ring_max_bytes;
    size_t reply_ring_max_bytes;
    uint64_t queue_max_bytes;

    uint64_t handshake_ns; /* as that of weft_channel_options */

    weft_peer_policy *allow;
    void *allow_context;

    /*
     * With WEFT_SERVICE_TAKES_HANDLES: how many may have come with the
     * unanswered calls of one client. Default 64. Those of a call for which
     * there is no more room are closed, and it is answered with WEFT_ELIMIT.
     * One-way messages, which nothing ends, do not count.
     */
    unsigned handles_max;
} weft_service_options;

#define WEFT_SERVICE_OPTIONS_INIT                                              \
    {                                                                          \
        sizeof(weft_service_options), WEFT_WAIT_DEFAULT, 0, 0, 0, 0, 0, 0, 0,  \
            0, 0, 0, 0, 0                                                      \
    }

/*
 * Takes the name, as weft_channel_listen does. `options` and `detail` may be
 * NULL. On success the caller owns `*out`; on failure it is NULL. WEFT_EINUSE:
 * somebody has the name. WEFT_ENAME, WEFT_EACCES, WEFT_EINVAL, WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_ENOTSUP, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_service_open(const char *name,
                                       const weft_service_options *options,
                                       weft_service **out, weft_detail *detail);

/*
 * Gives the name back and leaves all clients: their calls that are not
 * answered fail with WEFT_ECLOSED. No other thread may be using it. Sets
 * `*service` to NULL, which is allowed before. Since 0.1.
 */
WEFT_API void weft_service_close(weft_service **service);

typedef enum weft_request_kind {
    WEFT_REQUEST_CALL = 1,      /* wants a reply */
    WEFT_REQUEST_ONE_WAY = 2,   /* wants none */
    WEFT_REQUEST_CANCEL = 3,    /* the caller no longer wants that reply */
    WEFT_REQUEST_CONNECT = 4,   /* a client has come */
    WEFT_REQUEST_DISCONNECT = 5 /* it has gone, and so have its calls */
} weft_request_kind;

/* What has happened at a service. */
typedef struct weft_request {
    weft_request_kind kind;
    /*
     * DISCONNECT: WEFT_ECLOSED, in order; WEFT_EPEERDIED; or why it was
     * dropped: WEFT_ECORRUPT, WEFT_EPROTO and others. Else WEFT_OK.
     */
    weft_status reason;
    uint64_t client; /* its number; none is ever used again */
    uint64_t call;   /* CALL, CANCEL: the call's, for the reply */
    /*
     * CALL: when the caller gives up; WEFT_FOREVER. One that was late already
     * when the clock was last read is not told. weft_service_next reads it when
     * it begins, unless it has done so in the last 100 us or so, and when it
     * has slept or an idle client calls; not while it spins.
     */
    uint64_t deadline_ns;
    const void *data; /* valid until the next weft_service_next */
    size_t bytes;
    unsigned handle_count; /* the handles are the caller's to close */
    weft_handle handles[WEFT_HANDLES_MAX];
    weft_peer peer; /* who the client is */
} weft_request;

/*
 * Waits for the next thing to happen: the clients that have something come in
 * turn. The request is filled in on success.
 *
 * WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW): nothing has. WEFT_EINTR: with
 * WEFT_SERVICE_INTERRUPTIBLE. WEFT_ENOMEM, WEFT_ELIMIT, WEFT_EOS: what was to
 * be told stays. Since 0.1.
 */
WEFT_API weft_status weft_service_next(weft_service *service,
                                       weft_request *request,
                                       uint64_t deadline_ns,
                                       weft_detail *detail);

/* More replies of this call follow. */
#define WEFT_REPLY_MORE 1u

/*
 * Answers a call, with `status` as the answer's own: WEFT_OK, or a failure,
 * for which there may be data too. Never blocks: what the client has no room
 * for waits until it has taken the rest.
 *
 * WEFT_OK: the reply is on its way. WEFT_ENOENT: there is no such call: it was
 * answered, or its client has gone. WEFT_ELIMIT: the client does not take its
 * replies, and its queue is full; the call is still open. WEFT_EMSGSIZE: larger
 * than it takes; the call is still open. WEFT_EAGAIN: there are handles with
 * it, and no room; the call is still open. WEFT_ECORRUPT, WEFT_EPROTO: the
 * client breaks the rules, and is let go of. WEFT_EINVAL, WEFT_ENOMEM,
 * WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_service_reply(weft_service *service, uint64_t client,
                                        uint64_t call, weft_status status,
                                        unsigned flags,
                                        const weft_message *message);

/* Sends a client an event, as a reply that nobody has asked for. Since 0.1. */
WEFT_API weft_status weft_service_send(weft_service *service, uint64_t client,
                                       const weft_message *message);

/*
 * Lets go of a client, which finds that the service has closed. There will be
 * no WEFT_REQUEST_DISCONNECT. WEFT_ENOENT: it has gone. Since 0.1.
 */
WEFT_API weft_status weft_service_drop(weft_service *service, uint64_t client);

/*
 * A handle for poll, epoll, kqueue or WaitForMultipleObjects. It may be waited
 * for only after weft_service_next has returned WEFT_EAGAIN to WEFT_NOW; it is
 * ready, level-triggered, when the next call would not. Since 0.1.
 */
WEFT_API weft_handle weft_service_handle(const weft_service *service);

/* --------------------------------------------------------------- client --- */

typedef struct weft_client weft_client;

/*
 * Connects to a service, as weft_channel_connect does to a listener; of the
 * options `full` must be WEFT_FULL_BLOCK. WEFT_EPROTO: what listens there is
 * no service. Otherwise as weft_channel_connect. Since 0.1.
 */
WEFT_API weft_status weft_client_open(const char *name,
                                      const weft_channel_options *options,
                                      uint64_t deadline_ns, weft_client **out,
                                      weft_detail *detail);

/*
 * Connects again after WEFT_ECLOSED, WEFT_EPEERDIED or another failure that
 * stays. The calls in flight are lost, and what was not taken yet is dropped.
 * If this fails the client is as before. WEFT_EINUSE: it is in a poll set,
 * from which it must be removed first. Since 0.1.
 */
WEFT_API weft_status weft_client_reopen(weft_client *client,
                                        uint64_t deadline_ns,
                                        weft_detail *detail);

/* Leaves the service. Sets `*client` to NULL, which is allowed. Since 0.1. */
WEFT_API void weft_client_close(weft_client **client);

/* An answer to a call, or an event. */
typedef struct weft_reply {
    uint64_t call;      /* 0: an event of the server's */
    weft_status status; /* the answer's own */
    unsigned flags;     /* WEFT_REPLY_MORE */
    const void *data;   /* valid until the next call with this client */
    size_t bytes;
    unsigned handle_count; /* the handles are the caller's to close */
    weft_handle handles[WEFT_HANDLES_MAX];
} weft_reply;

/*
 * Calls and waits for the answer, of a stream for the first one. WEFT_OK: there
 * is one; what it says is in `reply->status`. Other answers and events that
 * come meanwhile are kept for weft_client_next.
 *
 * WEFT_ETIMEDOUT, WEFT_EINTR: the server is told that nobody waits any more.
 * WEFT_ELIMIT: too much is kept. Otherwise as weft_channel_send_message and
 * weft_channel_recv_message. Since 0.1.
 */
WEFT_API weft_status weft_client_call(weft_client *client, const void *data,
                                      size_t bytes, weft_reply *reply,
                                      uint64_t deadline_ns);

/*
 * Begins a call, whose answer weft_client_next gives; any number may be in
 * flight. `deadline_ns` is told to the server, and bounds the sending; what
 * the client does when it has passed is its own affair. `message->tag` must be
 * 0. `*call` is never 0. Since 0.1.
 */
WEFT_API weft_status weft_client_begin(weft_client *client,
                                       const weft_message *message,
                                       uint64_t deadline_ns, uint64_t *call);

/* Sends a message that wants no answer. Since 0.1. */
WEFT_API weft_status weft_client_send(weft_client *client,
                                      const weft_message *message,
                                      uint64_t deadline_ns);

/* Gives up a call: no answer to it will come. WEFT_ENOENT: there is no such
 * call. Since 0.1. */
WEFT_API weft_status weft_client_cancel(weft_client *client, uint64_t call);

/*
 * Waits for the next answer or event. As weft_channel_recv_message.
 * Since 0.1.
 */
WEFT_API weft_status weft_client_next(weft_client *client, weft_reply *reply,
                                      uint64_t deadline_ns);

/*
 * A handle to poll for answers, as weft_channel_receiver_handle gives: to be
 * waited for only after weft_client_next has returned WEFT_EAGAIN. Since 0.1.
 */
WEFT_API weft_status weft_client_handle(weft_client *client,
                                        weft_handle *handle);

/* The cause of the last failure. Since 0.1. */
WEFT_API void weft_client_detail(const weft_client *client,
                                 weft_detail *detail);

#ifdef __cplusplus
}
#endif

#endif
