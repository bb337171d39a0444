/* SPDX-License-Identifier: MIT
 *
 * weft/channel.h - two processes exchange messages through shared memory.
 *
 * A channel is duplex and has exactly two ends, in two processes or in one.
 * Each direction is a ring of records in memory that the sending side owns
 * and the receiving side can only read. One end listens and accepts, the
 * other connects by name; or one process makes a pair and a child inherits
 * the other end.
 *
 * Threads: on one channel, one thread at a time may use the sending calls
 * (send, reserve, commit, cancel, flush, shutdown, trim) while one other
 * thread uses the receiving calls (recv, peek, release). Different channels
 * are independent. weft_channel_close needs both to be finished.
 *
 * Fork: a channel belongs to the process that opened it. In a forked child
 * every call on it returns WEFT_EFORKED, except weft_channel_close and
 * weft_listener_close, which free the child's copy and tell the peer nothing.
 *
 * Signals: no call here is safe in a signal handler. A wait that a signal
 * interrupts goes on, unless WEFT_CHANNEL_INTERRUPTIBLE is set. The library
 * installs no handlers, and never raises SIGPIPE.
 *
 * Trust: what arrives from a peer may be hostile. The library checks all of
 * its own structure and reports WEFT_ECORRUPT or WEFT_EPROTO; the payload is
 * the program's to check. After one of these two, or WEFT_EPEERDIED, the
 * direction stays failed and returns the same status again.
 */
#ifndef WEFT_CHANNEL_H
#define WEFT_CHANNEL_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_channel weft_channel;
typedef struct weft_listener weft_listener;

/* A file descriptor; on Windows a HANDLE. */
typedef intptr_t weft_handle;
#define WEFT_HANDLE_NONE ((weft_handle)-1)

/* The most handles that one message can carry. */
#define WEFT_HANDLES_MAX 16

/* The largest message: 1 GiB. */
#define WEFT_MESSAGE_MAX (UINT64_C(1) << 30)

/* The longest name, in bytes, without the terminator. */
#define WEFT_NAME_MAX 63

/* The environment variable in which a child looks for its inherited end. */
#define WEFT_CHANNEL_ENV "WEFT_CHANNEL"

/* -------------------------------------------------------------- options --- */

/* How a call waits when it has to. */
typedef enum weft_wait {
    WEFT_WAIT_DEFAULT = 0,  /* adaptive */
    WEFT_WAIT_SPIN = 1,     /* never sleeps: lowest latency, a whole CPU */
    WEFT_WAIT_ADAPTIVE = 2, /* spins for some tens of us at most, then sleeps */
    WEFT_WAIT_BLOCK = 3     /* sleeps at once */
} weft_wait;

/*
 * What a send does when the peer has not read enough to make room. A send that
 * waits may do so until half of the ring is free.
 */
typedef enum weft_full {
    WEFT_FULL_BLOCK = 0, /* waits until the deadline */
    WEFT_FULL_DROP = 1   /* drops the new message, counts it, returns OK */
} weft_full;

/*
 * Waits return WEFT_EINTR when a signal handler has run. Not with
 * WEFT_WAIT_SPIN, which makes no system call that a signal could end, and not
 * on Windows, which has no signals.
 */
#define WEFT_CHANNEL_INTERRUPTIBLE 1u
/* connect waits until somebody listens at the name, by the deadline. */
#define WEFT_CHANNEL_AWAIT_NAME 2u

/* Who is at the other end, as the kernel says. */
typedef struct weft_peer {
    int64_t pid; /* in this process's namespace; 0 when it is not visible */
    int64_t uid; /* -1 where the system has no such number */
    int64_t gid;
} weft_peer;

/*
 * Returns non-zero to let the peer in. Without a policy only a peer with this
 * process's own effective user id is let in. Called before anything of the
 * peer's is mapped or parsed; must not call weft.
 */
typedef int weft_peer_policy(void *context, const weft_peer *peer);

/* Set it up with WEFT_CHANNEL_OPTIONS_INIT; zero means the default. */
typedef struct weft_channel_options {
    size_t size; /* sizeof(weft_channel_options) */
    weft_wait wait;
    weft_full full;
    unsigned flags; /* WEFT_CHANNEL_... */
    unsigned mode;  /* access mode of a listener's socket; default 0600 */

    /*
     * The ring this end sends through: how large it is at first and how far
     * it may grow under load. Powers of two; both 0 give half a page that
     * grows to 8 MiB. At most 1 GiB.
     */
    size_t ring_bytes;
    size_t ring_max_bytes;

    /* Larger messages are refused, on both ways. Default WEFT_MESSAGE_MAX. */
    uint64_t message_max_bytes;

    /*
     * The largest single ring that this end lets the peer show it. Default
     * 64 MiB. More is WEFT_EPROTO.
     */
    size_t peer_ring_max_bytes;

    /* How long a peer may take over the handshake. Default 5 s. */
    uint64_t handshake_ns;

    weft_peer_policy *allow;
    void *allow_context;
} weft_channel_options;

#define WEFT_CHANNEL_OPTIONS_INIT                                              \
    {                                                                          \
        sizeof(weft_channel_options), WEFT_WAIT_DEFAULT, WEFT_FULL_BLOCK, 0,   \
            0, 0, 0, 0, 0, 0, 0, 0                                             \
    }

/*
 * In every call below that takes them: `options` may be NULL for the
 * defaults, and is read during the call only. An options size that this
 * library does not know is accepted if what lies beyond is all zero, else
 * WEFT_EINVAL. `detail` may be NULL. On failure `*out` is set to NULL.
 */

/* ----------------------------------------------------------- rendezvous --- */

/*
 * Listens at `name`. A name has 1 to WEFT_NAME_MAX letters, digits, '.', '_'
 * and '-' and does not begin with '.'; its socket lies in the user's run-time
 * directory ($WEFT_RUNTIME_DIR, else $XDG_RUNTIME_DIR/weft, else
 * /tmp/weft-UID), which must be the user's own with mode 0700, and is made if
 * it is missing. A name with a '/' is the path of the socket itself, for
 * rendezvous between users: to listen there, its directory must belong to
 * this user or root and be writable to nobody else, unless it is sticky.
 *
 * On Windows a name is that of a pipe of this user's; a path must be that of a
 * pipe, \\.\pipe\NAME, and a mode that lets others in is WEFT_ENOTSUP.
 *
 * A socket that a dead process left is replaced. On success the caller owns
 * `*out` and ends it with weft_listener_close. Does not block.
 *
 * WEFT_EINUSE: somebody listens there. WEFT_ENAME: the name breaks the rules,
 * is too long, or its directory is missing. WEFT_EACCES: the directory is not
 * safe or not writable. WEFT_EINVAL, WEFT_ENOMEM, WEFT_ELIMIT (descriptors),
 * WEFT_ENOTSUP, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_channel_listen(const char *name,
                                         const weft_channel_options *options,
                                         weft_listener **out,
                                         weft_detail *detail);

/*
 * Waits for a peer that completes the handshake and gives its channel. Peers
 * that stall, lie or are not allowed are turned away, each with a line in the
 * log, and hold up nobody: up to 64 handshakes are in progress at a time.
 *
 * WEFT_OK: the caller owns `*out`. WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW).
 * WEFT_EINTR. WEFT_ENOMEM, WEFT_ELIMIT: this process is out of memory or
 * descriptors; the peer that was being let in is gone, later ones may come.
 * WEFT_EFORKED, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_channel_accept(weft_listener *listener,
                                         uint64_t deadline_ns,
                                         weft_channel **out,
                                         weft_detail *detail);

/*
 * A handle that is readable (level-triggered) when weft_channel_accept with
 * WEFT_NOW may have something to do. Owned by the listener. Since 0.1.
 */
WEFT_API weft_handle weft_listener_handle(const weft_listener *listener);

/*
 * Stops listening, removes the name and sets `*listener` to NULL. Channels
 * that were accepted live on. NULL and pointers to NULL are allowed.
 * Since 0.1.
 */
WEFT_API void weft_listener_close(weft_listener **listener);

/*
 * Connects to whoever listens at `name`. With WEFT_CHANNEL_AWAIT_NAME it
 * waits (asleep, told by the kernel) until somebody does, and goes on to the
 * next one if this one ends, up to 15 times, before it has answered.
 *
 * WEFT_OK: the caller owns `*out`. WEFT_ENOENT: nobody listens. WEFT_EACCES:
 * the other side is not who we trust, or does not trust us. WEFT_EVERSION,
 * WEFT_EPROTO: it is not a weft listener that we understand. WEFT_ETIMEDOUT,
 * WEFT_EAGAIN (WEFT_NOW), WEFT_EINTR, WEFT_ENAME, WEFT_EINVAL, WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_EPEERDIED, WEFT_ENOTSUP, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_channel_connect(const char *name,
                                          const weft_channel_options *options,
                                          uint64_t deadline_ns,
                                          weft_channel **out,
                                          weft_detail *detail);

/*
 * Makes a channel without a name. `*mine` is this process's end; `*theirs` is
 * a handle for the process at the other end, which turns it into a channel
 * with weft_channel_adopt. The handle is not inherited over exec until the
 * caller says so (clear FD_CLOEXEC in the child); close it here once the
 * child has it. `*mine` finishes the handshake in its first send or receive,
 * which may then also return what weft_channel_accept does; unless that is a
 * time-out, or memory is short before the child has spoken, it is final.
 *
 * WEFT_EINVAL, WEFT_ENOMEM, WEFT_ELIMIT, WEFT_ENOTSUP, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_channel_pair(const weft_channel_options *options,
                                       weft_channel **mine, weft_handle *theirs,
                                       weft_detail *detail);

/*
 * Makes a channel of the inherited handle. The handle is the channel's from
 * here on, after success and after failure. WEFT_HANDLE_NONE stands for the
 * number in the environment variable WEFT_CHANNEL, which is then removed.
 *
 * WEFT_ENOENT: WEFT_HANDLE_NONE, and the variable is not set. Otherwise as
 * weft_channel_connect. Since 0.1.
 */
WEFT_API weft_status weft_channel_adopt(weft_handle theirs,
                                        const weft_channel_options *options,
                                        uint64_t deadline_ns,
                                        weft_channel **out,
                                        weft_detail *detail);

/*
 * Closes this end and sets `*channel` to NULL. The peer reads what was sent,
 * then gets WEFT_ECLOSED. Does not wait: use weft_channel_flush before it to
 * know that everything was taken. NULL and pointers to NULL are allowed.
 * Since 0.1.
 */
WEFT_API void weft_channel_close(weft_channel **channel);

/* ----------------------------------------------------- send and receive --- */

/*
 * What all of these may return besides their own: WEFT_ECLOSED (the peer
 * closed in order; receiving: everything it sent was read), WEFT_EPEERDIED
 * (likewise), WEFT_ECORRUPT, WEFT_EPROTO, WEFT_ETIMEDOUT, WEFT_EAGAIN (with
 * WEFT_NOW), WEFT_EINTR, WEFT_EFORKED, WEFT_EINVAL, WEFT_ENOMEM (nothing has
 * happened, try again), WEFT_ENOTSUP (a system-call filter refuses what was
 * agreed on), WEFT_EOS. weft_channel_get_detail tells more.
 */

/*
 * Sends a copy of `bytes` bytes, 0 allowed, as one message: all of it or, on
 * failure, none. Large messages are sent in pieces that the peer's receive
 * follows. WEFT_OK says that the message is in the ring, not that it was read:
 * a sender that need not wait may learn of a death only when the ring is full.
 * weft_channel_flush tells.
 *
 * WEFT_EMSGSIZE: larger than either side's message_max_bytes.
 * WEFT_EBUSY: a reservation is open. Since 0.1.
 */
WEFT_API weft_status weft_channel_send_until(weft_channel *channel,
                                             const void *data, size_t bytes,
                                             uint64_t deadline_ns);

/*
 * Receives the next message into `buffer` and sets `*bytes` to its length.
 * The copy is stable: the peer can no longer change it.
 *
 * WEFT_EMSGSIZE: `room` is too small; `*bytes` says what is needed, and the
 * message, which is there as a whole, stays. WEFT_EHANDLES: it carries handles
 * and stays; receive it with weft_channel_recv_message. WEFT_EBUSY: a peek is
 * open. Since 0.1.
 */
WEFT_API weft_status weft_channel_recv_until(weft_channel *channel,
                                             void *buffer, size_t room,
                                             size_t *bytes,
                                             uint64_t deadline_ns);

/* A message with everything that can ride on it. */
typedef struct weft_message {
    void *data;   /* the payload, or where to receive it */
    size_t bytes; /* its length; receiving: the room, then the length */
    uint64_t tag; /* 64 bits for the program */
    unsigned handle_count;
    weft_handle handles[WEFT_HANDLES_MAX];
} weft_message;

/*
 * Sends with a tag and handles. The handles are duplicated; the caller's own
 * stay its own after success and after failure.
 *
 * As weft_channel_send_until; WEFT_ELIMIT: too many handles in flight, or
 * handle_count is over WEFT_HANDLES_MAX. Since 0.1.
 */
WEFT_API weft_status weft_channel_send_message(weft_channel *channel,
                                               const weft_message *message,
                                               uint64_t deadline_ns);

/*
 * Receives with tag and handles. After WEFT_OK the handles are the caller's,
 * closed over exec; after anything else there are none. WEFT_ELIMIT: handles
 * were lost because this process is out of descriptors; the channel has
 * failed.
 *
 * As weft_channel_recv_until, without WEFT_EHANDLES. Since 0.1.
 */
WEFT_API weft_status weft_channel_recv_message(weft_channel *channel,
                                               weft_message *message,
                                               uint64_t deadline_ns);

/*
 * Zero copy, sending: gives `bytes` bytes of room in the ring at `*space`,
 * 16-byte aligned, to be written in place. One reservation at a time; end it
 * with weft_channel_commit or weft_channel_cancel. With WEFT_FULL_DROP a full
 * ring is WEFT_EAGAIN here.
 *
 * WEFT_EMSGSIZE: more than the ring can take at once when it has grown to
 * ring_max_bytes (then send it). Since 0.1.
 */
WEFT_API weft_status weft_channel_reserve(weft_channel *channel, size_t bytes,
                                          void **space, uint64_t deadline_ns);

/*
 * Sends what was reserved, or the first `bytes` bytes of it. Does not wait.
 * WEFT_EINVAL: nothing is reserved, or less than `bytes`. Since 0.1.
 */
WEFT_API weft_status weft_channel_commit(weft_channel *channel, size_t bytes);

/* Gives the reservation back; nothing is sent. Since 0.1. */
WEFT_API void weft_channel_cancel(weft_channel *channel);

/*
 * Zero copy, receiving: `*data` shows the next message in place until
 * weft_channel_release. It is read-only memory of the peer's, and a hostile
 * peer can change it while it is read: read each value once, or use
 * weft_channel_recv_until. A message that came in pieces is put together in
 * private memory first.
 *
 * WEFT_EHANDLES as weft_channel_recv_until. Since 0.1.
 */
WEFT_API weft_status weft_channel_peek(weft_channel *channel, const void **data,
                                       size_t *bytes, uint64_t deadline_ns);

/* Takes the message off the channel; `*data` is gone. Since 0.1. */
WEFT_API void weft_channel_release(weft_channel *channel);

/*
 * Waits until the peer has taken everything that was sent. Since 0.1.
 */
WEFT_API weft_status weft_channel_flush(weft_channel *channel,
                                        uint64_t deadline_ns);

/*
 * Ends the sending direction: the peer reads what was sent, then gets
 * WEFT_ECLOSED. Receiving goes on. Later sends are WEFT_EINVAL. Since 0.1.
 */
WEFT_API weft_status weft_channel_shutdown(weft_channel *channel);

/*
 * Goes back to the smallest ring for sending, to give memory back after a
 * burst. Waits for a little room in the present ring. Since 0.1.
 */
WEFT_API weft_status weft_channel_trim(weft_channel *channel,
                                       uint64_t deadline_ns);

/* Without a deadline, and without waiting. */
static inline weft_status weft_channel_send(weft_channel *channel,
                                            const void *data, size_t bytes)
{
    return weft_channel_send_until(channel, data, bytes, WEFT_FOREVER);
}

static inline weft_status weft_channel_try_send(weft_channel *channel,
                                                const void *data, size_t bytes)
{
    return weft_channel_send_until(channel, data, bytes, WEFT_NOW);
}

static inline weft_status weft_channel_recv(weft_channel *channel, void *buffer,
                                            size_t room, size_t *bytes)
{
    return weft_channel_recv_until(channel, buffer, room, bytes, WEFT_FOREVER);
}

static inline weft_status weft_channel_try_recv(weft_channel *channel,
                                                void *buffer, size_t room,
                                                size_t *bytes)
{
    return weft_channel_recv_until(channel, buffer, room, bytes, WEFT_NOW);
}

/* ---------------------------------------------------------- event loops --- */

/*
 * Handles for poll, epoll, kqueue and the like. The first is readable while
 * a receive, the second while a send would not have to wait (or has failed):
 * level-triggered. Receive or send with WEFT_NOW until WEFT_EAGAIN, then poll.
 * The handle is the channel's and lives as long as it. Asking for one costs
 * two descriptors, once.
 *
 * WEFT_ENOTSUP, WEFT_ELIMIT, WEFT_ENOMEM, WEFT_EFORKED, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_channel_recv_handle(weft_channel *channel,
                                              weft_handle *handle);
WEFT_API weft_status weft_channel_send_handle(weft_channel *channel,
                                              weft_handle *handle);

/*
 * For a channel of weft_channel_pair whose handshake is not finished: a handle
 * that is readable when the peer has spoken, or is gone. Then any other call
 * finishes the handshake, and waits for no more than the rest of it; the handle
 * says nothing from then on. It is the channel's, and costs two descriptors.
 * The two calls above would wait for the peer themselves. No other call on the
 * channel may be in progress.
 *
 * WEFT_ENOENT: the handshake is finished. Otherwise as above, and what the
 * handshake failed with. Since 0.1.
 */
WEFT_API weft_status weft_channel_pair_handle(weft_channel *channel,
                                              weft_handle *handle);

/* ----------------------------------------------------------- inspection --- */

/* One direction of a channel, since it was opened. */
typedef struct weft_flow_stats {
    uint64_t messages;    /* sent, or received */
    uint64_t bytes;       /* of payload */
    uint64_t depth_bytes; /* sending: in the ring now, headers included */
    uint64_t ring_bytes;  /* the size of the present ring */
    uint64_t reseats;     /* moves to another ring */
    uint64_t parks;       /* times this end went to sleep here */
    uint64_t wakes;       /* times this end woke the other (a system call) */
    uint64_t full;        /* sending: times there was no room at first */
    uint64_t dropped;     /* sending: messages dropped (WEFT_FULL_DROP) */
} weft_flow_stats;

typedef struct weft_channel_stats {
    size_t size; /* sizeof(weft_channel_stats), set by the caller */
    weft_flow_stats sent;
    weft_flow_stats received;
} weft_channel_stats;

/*
 * Fills in the counters. Call it from the threads that use the channel, or
 * accept that figures of a moving channel do not match each other exactly.
 * WEFT_EINVAL, WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_channel_get_stats(const weft_channel *channel,
                                            weft_channel_stats *stats);

/*
 * Who is at the other end. WEFT_EAGAIN: the handshake of a weft_channel_pair
 * is not finished. Since 0.1.
 */
WEFT_API weft_status weft_channel_get_peer(const weft_channel *channel,
                                           weft_peer *peer);

/*
 * The latest failure of this end that has a cause to tell; status WEFT_OK if
 * there was none. Since 0.1.
 */
WEFT_API void weft_channel_get_detail(const weft_channel *channel,
                                      weft_detail *detail);

#ifdef __cplusplus
}
#endif

#endif
