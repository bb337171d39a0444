/* SPDX-License-Identifier: MIT
 *
 * os.h - the one contract between weft and the operating system.
 *
 * Everything above this file compiles alike on all systems; everything that
 * differs is behind it, in one directory per system: linux/, macos/, posix/
 * (what these two share), windows/, stub/ (every call "not supported": where a
 * port starts). For the tests fake/ wraps a real back end, and fails or stops
 * it at a chosen call, and double/ has the calls of macOS on Linux.
 *
 * The promises are the weakest that all systems can keep. Above all: a wait
 * may return early for any reason, so every caller loops on its own state
 * with an absolute deadline.
 *
 * Unless a call says otherwise it does not block, may be called from any
 * thread, returns WEFT_OK or a failure, fills `detail` (which may be NULL) on
 * failure only, and leaves no resource behind when it fails. A handle that a
 * call returns is closed over exec.
 */
#ifndef WEFTOS_OS_H
#define WEFTOS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/base.h>
#include <weft/channel.h>
#include <weft/system.h>

#include "atomic.h"

#define WEFTOS_NONE WEFT_HANDLE_NONE

/* ---------------------------------------------------------------- facts --- */

/*
 * What is true of this system; filled once, by the first call, which also
 * enrolls this process with weftos_fence_remote() where that exists.
 */
typedef struct weftos_facts {
    size_t page_bytes;
    unsigned cpus;          /* of the machine */
    bool fence_remote;      /* weftos_fence_remote() reaches enrolled ones */
    unsigned pauses_per_us; /* weftos_pause() calls in a microsecond, >= 1 */
} weftos_facts;

const weftos_facts *weftos_get_facts(void);

/* -------------------------------------------------- environment, clock --- */

/* Removes a variable from this process's environment. Not thread-safe. */
void weftos_environment_remove(const char *name);

/* The monotonic clock that weft_now_ns() documents. */
uint64_t weftos_now_ns(void);

/* The text of an errno or GetLastError() code, written to `text`. */
void weftos_error_text(int os_code, char *text, size_t bytes);

/* The CPU that the calling thread runs on now, or -1. A few ns. */
int weftos_cpu(void);

/* Lets another thread that is ready on this CPU run first. */
void weftos_yield(void);

/* ----------------------------------------------------------------- fork --- */

/*
 * A number of this process's own that a forked child does not share: reading
 * it costs two loads, so every call on a handle can compare it. 0 in a child
 * until weftos_process_mark() gives the child a number of its own.
 */
extern _Atomic(const weftos_word *) weftos_token;

static inline uint64_t weftos_process_token(void)
{
    /* Relaxed: whoever compares it has made its handle after the mark. */
    return weftos_load_relaxed(
        atomic_load_explicit(&weftos_token, memory_order_relaxed));
}

/*
 * Who a process is among all that live and lived on this machine since it was
 * started: its number, which is used again, and a stamp of its start. A pid of
 * 0 is nobody. Processes that see different numbers (of different PID
 * namespaces) have different domains.
 */
typedef struct weftos_process_id {
    uint32_t pid;
    uint32_t stamp; /* below 2^WEFTOS_STAMP_BITS */
} weftos_process_id;

#define WEFTOS_STAMP_BITS 28

/*
 * Makes sure that weftos_process_token() is not 0. `self` and `domain`, which
 * may be NULL, are filled in: who this process is, and where that is true.
 */
weft_status weftos_process_mark(weftos_process_id *self, uint64_t *domain,
                                weft_detail *detail);

/* ----------------------------------------------------- waiting at words --- */

#define WEFTOS_SITE_OTHERS 4

/*
 * A word that processes share, each at an address of its own, and that threads
 * may wait at.
 */
typedef struct weftos_site {
    /*
     * A random number that no other site on this machine has; it lies beside
     * the word. Systems that can't wait at an address find the site by it.
     */
    uint64_t id;
    /*
     * Whose deaths end the wait too; pid 0: nobody's. They must be of this
     * process's domain, and none this process itself.
     */
    weftos_process_id owner;
    weftos_process_id others[WEFTOS_SITE_OTHERS];
} weftos_site;

/*
 * The top bit of a word that processes share is the back end's: it may set it
 * at any time, to end waits. The users of the word pass over it; who clears it
 * changes the rest of the word too, so that nobody waits for the old value.
 */
#define WEFTOS_WORD_STIRRED UINT32_C(0x80000000)

/*
 * Waits while `*word` is `value`; may return early. `site` is NULL for a word
 * of this process's own. Ends for a signal if `interruptible`.
 *
 * WEFT_OK: woken, or changed, or for no reason. WEFT_EPEERDIED: the owner, or
 * one of the others, is not alive; this is told before any waiting, even with
 * WEFT_NOW.
 * WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW), WEFT_EINTR; WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_ENOTSUP, WEFT_EOS: this process can't wait.
 */
weft_status weftos_word_wait(_Atomic uint32_t *word, uint32_t value,
                             const weftos_site *site, uint64_t deadline_ns,
                             bool interruptible, weft_detail *detail);

/*
 * Ends `count` of the waits at the word that have begun, UINT32_MAX for all;
 * with fewer waits than that, later ones may end at once instead. The word
 * must have been changed before. Can't fail in a way that loses a wake.
 */
void weftos_word_wake(_Atomic uint32_t *word, uint32_t count,
                      const weftos_site *site);

/* -------------------------------------------------------------- threads --- */

/* A thread of the library's own. */
typedef struct weftos_thread weftos_thread;
typedef void weftos_thread_work(void *context);

/* Starts one, in which all signals are blocked. */
weft_status weftos_thread_start(weftos_thread_work *work, void *context,
                                weftos_thread **out, weft_detail *detail);

/*
 * Waits until it has ended. NULL is allowed. In a forked child, which has no
 * such thread: only frees.
 */
void weftos_thread_join(weftos_thread *thread, bool forked);

/* -------------------------------------------------------- shared memory --- */

/*
 * Makes a nameless memory object of `bytes` bytes (a multiple of the page),
 * all of it allocated and zero, mapped read-write here and not inherited by
 * fork; nobody can ever map it writable again, or change its size. `*object`
 * is the handle to share; `*base` the mapping. WEFT_ENOMEM when memory, or
 * the memory limit, is used up.
 */
weft_status weftos_shm_create(size_t bytes, weft_handle *object, void **base,
                              weft_detail *detail);

/*
 * Maps a peer's object read-only, after checking that it is what
 * weftos_shm_create makes: exactly `bytes` long, unable to change its size,
 * allocated, and of a kind that can't fault. If not: WEFT_EPROTO. The object
 * stays the caller's to close.
 */
weft_status weftos_shm_attach(weft_handle object, size_t bytes,
                              const void **base, weft_detail *detail);

/*
 * Opens the memory of a name, shared read-write among processes that trust
 * each other, or makes it: zeroed, of `bytes` bytes, for the users that `mode`
 * says. `make` is called for new memory, before anybody else can open it; a
 * maker that dies leaves nothing.
 *
 * The memory lives as long as anybody has it open: what is left when the last
 * one died is made anew. `*bytes` 0 opens only, and is set to the size; what
 * it finds left over, and nobody has open, it removes. Not inherited by fork.
 * Close with weftos_shm_unmap and weftos_close.
 *
 * Without `base`, for which `*bytes` must be 0, it only looks and removes:
 * WEFT_OK then means that somebody has it open, and nothing is to be closed.
 *
 * WEFT_ENOENT: `*bytes` is 0 and nobody has it open. WEFT_EINUSE: it has
 * another size. WEFT_ENAME, WEFT_EACCES, as weftos_endpoint_open.
 */
typedef void weftos_shm_maker(void *base, size_t bytes, void *context);
weft_status weftos_shm_open(const char *name, unsigned mode, size_t *bytes,
                            weftos_shm_maker *make, void *context,
                            weft_handle *handle, void **base,
                            weft_detail *detail);

/* Ends any kind of mapping. NULL is allowed. */
void weftos_shm_unmap(const void *base, size_t bytes);

/* Closes any handle but a waiter; WEFTOS_NONE is allowed. */
void weftos_close(weft_handle handle);

/* --------------------------------------------------------------- fences --- */

/*
 * A full fence in this thread, and in every running thread of every enrolled
 * process. May fail at any time (a system-call filter): then nothing was
 * fenced.
 */
weft_status weftos_fence_remote(weft_detail *detail);

/* --------------------------------------------------- the control socket --- */

/* The most bytes and handles in one control message. */
#define WEFTOS_SOCKET_BYTES 256
#define WEFTOS_SOCKET_HANDLES 18

/* Who is at the other end, and whether it is this process's effective user. */
typedef struct weftos_peer {
    weft_peer who;
    /* Never true of an id that only says "somebody of another namespace". */
    bool is_same_user;
} weftos_peer;

/*
 * Sends one control message whole or not at all. Never blocks, whatever the
 * peer has done to the socket. WEFT_EAGAIN: no room. WEFT_ECLOSED: the peer
 * is gone. WEFT_ELIMIT: too many handles in flight. The handles stay the
 * caller's.
 */
weft_status weftos_socket_send(weft_handle socket, const void *data,
                               size_t bytes, const weft_handle *handles,
                               size_t handle_count, weft_detail *detail);

/* One control message received. */
typedef struct weftos_received {
    unsigned char data[WEFTOS_SOCKET_BYTES];
    size_t bytes;
    weft_handle handles[WEFTOS_SOCKET_HANDLES];
    size_t handle_count;
    bool has_sender;    /* the kernel names the sender */
    weftos_peer sender; /* who called send */
    /*
     * The sender's process, for weftos_waiter_open; WEFTOS_NONE where it can't
     * be watched.
     */
    weft_handle process;
} weftos_received;

/*
 * Receives one control message. Never blocks. On WEFT_OK the handles in it
 * are the caller's. WEFT_EAGAIN: none is there. WEFT_ECLOSED: the peer is gone
 * and all was read. WEFT_EPROTO: too many bytes or handles. WEFT_ELIMIT:
 * handles were lost because this process has no free descriptor; no message
 * that comes after can be relied on, so the connection is to be ended.
 */
weft_status weftos_socket_recv(weft_handle socket, weftos_received *received,
                               weft_detail *detail);

/*
 * A connected pair of control sockets; the second is for another process to
 * adopt.
 */
weft_status weftos_socket_pair(weft_handle ends[2], weft_detail *detail);

/*
 * Makes a handle of unknown origin fit to be a control socket: checks its
 * kind, and asks the kernel to name the sender of each message received.
 */
weft_status weftos_socket_adopt(weft_handle socket, weft_detail *detail);

/*
 * Ends the connection for every process that holds this end. What the peer
 * has not yet received stays there for it.
 */
void weftos_socket_hang_up(weft_handle socket);

/*
 * Waits until a message can be received (or `room`: sent), or hang-up.
 * WEFT_EPEERDIED: `process`, which may be WEFTOS_NONE, has ended, and nothing
 * can be received.
 */
weft_status weftos_socket_wait(weft_handle socket, bool room,
                               weft_handle process, uint64_t deadline_ns,
                               bool interruptible, weft_detail *detail);

/* ------------------------------------------------------------- endpoint --- */

typedef struct weftos_endpoint weftos_endpoint;

/*
 * A plain name may end here in a number, `name+1` to `name+63`, and so may a
 * path: they are the places of those who share the name.
 */
#define WEFTOS_NUMBERS 64

/* The first bytes of a memory with a name, which say what is kept there. */
#define WEFTOS_NAMED_HEAD 16

/* A name of this user's run-time directory. */
typedef struct weftos_named {
    const char *name; /* plain; that of an endpoint may end in a number */
    bool is_memory;   /* of weftos_shm_open; else somebody listened there */
    uint64_t bytes;   /* memory: its size */
    unsigned char head[WEFTOS_NAMED_HEAD]; /* memory: else, and if unknown, 0 */
} weftos_named;

/*
 * Tells of each name, in no order, until `visit` says false. Memory that nobody
 * has open is left out; an endpoint may be one that has died. Nobody is asked,
 * and nothing changed. `visit` must not use names. WEFT_ENOTSUP: this system
 * can't tell.
 */
typedef bool weftos_name_visit(void *context, const weftos_named *named);
weft_status weftos_names_each(weftos_name_visit *visit, void *context,
                              weft_detail *detail);

/*
 * Binds the name, as weft_channel_listen says. Without a name, NULL, it only
 * watches. `*handle`, the endpoint's own, is ready, level-triggered, while
 * weftos_endpoint_wait would return at once.
 */
weft_status weftos_endpoint_open(const char *name, unsigned mode,
                                 weftos_endpoint **out, weft_handle *handle,
                                 weft_detail *detail);

/* Stops listening and removes the name. In a forked child: only frees. */
void weftos_endpoint_close(weftos_endpoint *endpoint, bool forked);

/* The id that stands for a new connection. */
#define WEFTOS_NEW_CONNECTION UINT64_MAX

/*
 * Waits until a connection is pending (`*id` is WEFTOS_NEW_CONNECTION), or
 * until a watched one has a message or has hung up, or its process has ended
 * (`*id` is its own). WEFT_ETIMEDOUT, or WEFT_EAGAIN with WEFT_NOW: nothing
 * happened.
 */
weft_status weftos_endpoint_wait(weftos_endpoint *endpoint,
                                 uint64_t deadline_ns, bool interruptible,
                                 uint64_t *id, weft_detail *detail);

/*
 * Takes one pending connection, adopted as a control socket, and says who made
 * it. The socket is the caller's. WEFT_EAGAIN: none.
 */
weft_status weftos_endpoint_accept(weftos_endpoint *endpoint,
                                   weft_handle *socket, weftos_peer *peer,
                                   weft_detail *detail);

/*
 * Watches a control socket, and a process unless that is WEFTOS_NONE, under an
 * id that no other has, until they are forgotten: they must be, with the same
 * values, before they are closed. With a process, the peer is known: messages
 * that are received from then on may lack their sender.
 */
weft_status weftos_endpoint_watch(weftos_endpoint *endpoint, uint64_t id,
                                  weft_handle socket, weft_handle process,
                                  weft_detail *detail);
void weftos_endpoint_forget(weftos_endpoint *endpoint, uint64_t id,
                            weft_handle socket, weft_handle process);

/*
 * Which places of a name somebody seems to have: bit 0 is the name itself. One
 * that has died may still be among them. Nobody is asked, and nothing changed.
 *
 * With an endpoint, which may be NULL: if somebody takes the first place after
 * that, its wait tells `id`, once, or for no reason. To hear of the next one
 * this has to be called again. One name at a time, until the id is forgotten,
 * with WEFTOS_NONE for both handles. WEFT_ELIMIT: it can't be told of any more
 * names. After a failure none is awaited.
 */
weft_status weftos_endpoint_numbers(const char *name, weftos_endpoint *endpoint,
                                    uint64_t id, uint64_t *numbers,
                                    weft_detail *detail);

/*
 * Connects to a name, and says who listens there. Blocks until `deadline_ns`
 * at most, for a free place in the listener's queue, and if `await` also for
 * the name to appear.
 */
weft_status weftos_endpoint_connect(const char *name, bool await,
                                    uint64_t deadline_ns, bool interruptible,
                                    weft_handle *socket, weftos_peer *peer,
                                    weft_detail *detail);

/* ------------------------------------------------------------ doorbells --- */

/*
 * A doorbell: `*mine` hears it, `*theirs` is for the peer, who rings it.
 * Rings may merge.
 */
weft_status weftos_bell_open(weft_handle *mine, weft_handle *theirs,
                             weft_detail *detail);

/* The ringing end of a peer's doorbell. `handle` is weftos_close's to end. */
typedef struct weftos_bell {
    weft_handle handle;
    bool shared; /* the peer may change how the handle behaves */
} weftos_bell;

/*
 * Checks a peer's ringing end and makes one of our own from it. The handle
 * passed in is used up, after success and after failure. WEFT_EPROTO: it is
 * no doorbell.
 */
weft_status weftos_bell_adopt(weft_handle theirs, weftos_bell *bell,
                              weft_detail *detail);

/*
 * Rings. Never blocks, whatever the peer has done to the other end, and never
 * raises a signal. A doorbell that is full of rings takes no more: then its
 * hearer did not look in time, or has left, and this is still WEFT_OK.
 */
weft_status weftos_bell_ring(const weftos_bell *bell, weft_detail *detail);

/* -------------------------------------------------------------- waiters --- */

/* Why a wait returned; several may be set, or none. */
#define WEFTOS_EVENT_BELL 1u    /* the doorbell, or a poke */
#define WEFTOS_EVENT_SOCKET 2u  /* a control message may be there */
#define WEFTOS_EVENT_HANGUP 4u  /* the control socket's other end is closed */
#define WEFTOS_EVENT_DEATH 8u   /* the process has ended */
#define WEFTOS_EVENT_SIGNAL 16u /* interruptible only: a signal handler ran */

/* Something that hears a doorbell, a control socket and a process. */
typedef struct weftos_waiter weftos_waiter;

/*
 * `process` may be WEFTOS_NONE. The three handles stay the caller's and must
 * outlive the waiter. Two waiters, in two threads, may share a doorbell: each
 * hears each ring.
 */
weft_status weftos_waiter_open(weft_handle bell, weft_handle socket,
                               weft_handle process, weftos_waiter **out,
                               weft_detail *detail);
void weftos_waiter_close(weftos_waiter *waiter);

/*
 * Sleeps until something happens or the deadline passes (events 0). WEFT_NOW
 * only looks. What has happened is told once, but for HANGUP and DEATH, which
 * may be told again. It also makes room in the doorbell: of the waiters that
 * share one, each must be called at least once for each 128 rings that may
 * come for it.
 */
weft_status weftos_waiter_wait(weftos_waiter *waiter, uint64_t deadline_ns,
                               bool interruptible, unsigned *events,
                               weft_detail *detail);

/*
 * The handle that is ready, level-triggered, while a wait would return at once,
 * or while the last call here said so (`ready`). Only a first call fails.
 */
weft_status weftos_waiter_expose(weftos_waiter *waiter, bool ready,
                                 weft_handle *handle, weft_detail *detail);

/* ----------------------------------------------------------------- sets --- */

/* What is waited for at a handle. On Windows READ alone: it is signalled. */
#define WEFTOS_READ 1u
#define WEFTOS_WRITE 2u
/*
 * It may be told only once until it was not ready, and became so again: then
 * who is busy with it is not told so over and over.
 */
#define WEFTOS_ONCE 4u

/* A wait for many handles, each of which has an id. */
typedef struct weftos_set weftos_set;

/* What has happened at a handle: what was asked for, or an end or error. */
typedef struct weftos_news {
    uint64_t id;
    unsigned events;
} weftos_news;

weft_status weftos_set_open(weftos_set **out, weft_detail *detail);

/* NULL is allowed. In a forked child it changes nothing for the parent. */
void weftos_set_close(weftos_set *set);

/*
 * Adds a handle that is not in the set; it must be removed, with the same
 * values, before it is closed. WEFT_ENOTSUP: it can't be waited for.
 */
weft_status weftos_set_add(weftos_set *set, weft_handle handle, unsigned events,
                           uint64_t id, weft_detail *detail);
void weftos_set_remove(weftos_set *set, weft_handle handle, unsigned events,
                       uint64_t id);

/*
 * Waits until something has happened. Handles are level-triggered, but for
 * WEFTOS_ONCE: what is still ready is told again by the next wait, in turn if
 * `room` is too small.
 * An id may come twice, with one event each. WEFT_OK with `*count` 0: a wake,
 * or for no reason. WEFT_ETIMEDOUT, or WEFT_EAGAIN with WEFT_NOW. WEFT_EINTR
 * only if `interruptible`.
 */
weft_status weftos_set_wait(weftos_set *set, uint64_t deadline_ns,
                            bool interruptible, weftos_news *news, size_t room,
                            size_t *count, weft_detail *detail);

/* Ends the wait in progress, or else the next one. From any thread. */
void weftos_set_wake(weftos_set *set);

/* ------------------------------------------------------------- features --- */

/* The work of weft_system_features. */
size_t weftos_features(weft_feature *found, size_t room);

#endif
