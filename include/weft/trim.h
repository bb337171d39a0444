/* SPDX-License-Identifier: MIT
 *
 * weft/trim.h - programs give memory back when they are asked.
 *
 * Who knows what a program can do without is the program itself. So it listens
 * for demands, gives back what it can, and says how much that was; and others,
 * such as a daemon that sees memory get scarce, ask. It works alike on all
 * systems, and needs no privileges.
 *
 *     static uint64_t give(void *context, const weft_memory_demand *demand)
 *     {
 *         return drop_cache(context, demand->level >= WEFT_TRIM_MODERATE);
 *     }
 *
 *     weft_memory_on_pressure(NULL, give, cache, &listener, NULL);
 *
 * Listeners have names, "weft.memory.pressure.PID", at which whoever asks finds
 * them, and no other process is needed for that: it does not matter who begins
 * first. One that listens sleeps until it is asked, and costs some descriptors
 * and 20 KiB or so.
 *
 * Who may ask: this user's processes, and those of root. Who may listen to
 * whom: see weft_memory_ask. What an answer says is its process's own word: all
 * numbers are possible, also such as nobody can give, so that a sum of them
 * can overflow.
 *
 * A listener acts on 16 demands at once, and after that on 4 a second. Those
 * beyond are refused at once: an asker that never ends can't keep a program
 * from its work, but it may keep it from hearing others. Askers that connect
 * and say nothing take 64 of its descriptors at most, for 5 s each.
 *
 * Threads: weft_memory_on_pressure starts a thread, in which all signals are
 * blocked, and the callback is called there: one demand after the other. It
 * may use weft, but for the listener itself. A listener of
 * weft_memory_listener_open has no thread, and is used by one at a time.
 * weft_memory_ask may be called by any thread, several at a time.
 *
 * Fork: a listener belongs to the process that opened it. In a forked child
 * every call on it returns WEFT_EFORKED, but for the one that closes, which
 * frees the child's copy. The child does not listen, unless it opens one of its
 * own. A child that closes all descriptors changes nothing for its parent.
 *
 * Signals: no call here is safe in a signal handler. The library installs none.
 */
#ifndef WEFT_TRIM_H
#define WEFT_TRIM_H

#include <stddef.h>
#include <stdint.h>

#include <weft/base.h>
#include <weft/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- demands --- */

/*
 * How much is asked for. The numbers are those of weft_pressure: MILD goes with
 * WATCH, MODERATE with TIGHT, CRITICAL with EMERGENCY; and they are the steps
 * 50, 100 and 255 of GLib's GMemoryMonitor.
 *
 * MILD: free what nobody will miss, such as spare buffers and connections that
 * are idle. MODERATE: also caches that are quick to fill again. CRITICAL: all
 * that the program can go on without; the next step is the system's, which ends
 * programs: save what must not be lost.
 *
 * Free large and old things as a whole, and look at none of them first: to walk
 * through a cache that has not been used for long brings it back from swap, so
 * that this costs memory when there is least of it.
 */
typedef enum weft_trim_level {
    WEFT_TRIM_MILD = 1,
    WEFT_TRIM_MODERATE = 2,
    WEFT_TRIM_CRITICAL = 3
} weft_trim_level;

/* "mild" and so on, or "unknown"; static. Since 0.1. */
WEFT_API const char *weft_trim_level_name(weft_trim_level level);

/* What a listener is asked. */
typedef struct weft_memory_demand {
    weft_trim_level level;
    /* When the asker goes on without an answer. What is given later helps. */
    uint64_t deadline_ns;
    weft_peer asker; /* as the kernel says; or see WEFT_MEMORY_LISTENER_WATCH */
} weft_memory_demand;

/* Given back: it is not known how much. */
#define WEFT_TRIM_UNKNOWN UINT64_MAX

/*
 * Gives memory back, and returns how many bytes, or WEFT_TRIM_UNKNOWN. By its
 * own estimate: weft measures besides.
 */
typedef uint64_t weft_memory_trim(void *context,
                                  const weft_memory_demand *demand);

/* ----------------------------------------------------------- listening --- */

typedef struct weft_memory_listener weft_memory_listener;

/*
 * Leave the heap alone. Otherwise, when the program has given what it wants,
 * weft has the C library hand its free memory to the system: most of what is
 * freed stays with the heap for the next time. It takes some ms for 100 MiB,
 * and threads that allocate wait meanwhile.
 */
#define WEFT_MEMORY_LISTENER_KEEPS_HEAP 1u

/*
 * Watch the memory, too: for a program that has to do without a daemon that
 * asks. When the system tells that programs wait for memory (as a
 * weft_memory_watch with its defaults, at most once in 2 s) this is a demand
 * of nobody's: its asker has the pid 0 and the uid -1, which no other has; its
 * deadline is WEFT_FOREVER, and no answer is sent. Its level is that of
 * weft_memory_look then, and MILD where that is calm: it may be a group, such
 * as a container, that has no memory left, and not the machine.
 *
 * It takes some ten descriptors more. Opening fails as weft_memory_watch_open
 * and weft_memory_open do: with WEFT_ENOTSUP where the system does not tell.
 */
#define WEFT_MEMORY_LISTENER_WATCH 2u

/* Set it up with WEFT_MEMORY_LISTENER_OPTIONS_INIT; zero is the default. */
typedef struct weft_memory_listener_options {
    size_t size;    /* sizeof(weft_memory_listener_options) */
    unsigned flags; /* WEFT_MEMORY_LISTENER_... */
} weft_memory_listener_options;

#define WEFT_MEMORY_LISTENER_OPTIONS_INIT                                      \
    {                                                                          \
        sizeof(weft_memory_listener_options), 0                                \
    }

/*
 * Listens from now on, in a thread of its own, and calls `trim` for each
 * demand; NULL gives back the free memory of the heap alone. A call that is in
 * progress when the asker's deadline passes goes on, and is reported as late.
 * `options` and `detail` may be NULL. On success the caller owns `*out`, and
 * ends it with weft_memory_listener_close; on failure it is NULL.
 *
 * WEFT_EINVAL. WEFT_ELIMIT: no thread or descriptor is left, or this process
 * has 64 listeners. WEFT_EACCES: the run-time directory is not to be trusted.
 * WEFT_ENAME, WEFT_ENOMEM, WEFT_ENOTSUP, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_memory_on_pressure(
    const weft_memory_listener_options *options, weft_memory_trim *trim,
    void *context, weft_memory_listener **out, weft_detail *detail);

/*
 * The same without a thread, for programs with a loop of their own:
 * weft_memory_listener_next gives the demands, weft_memory_listener_answer
 * answers them. It fails as weft_memory_on_pressure does. Since 0.1.
 */
WEFT_API weft_status
weft_memory_listener_open(const weft_memory_listener_options *options,
                          weft_memory_listener **out, weft_detail *detail);

/*
 * Listens no more. Waits for a callback that is in progress, so it must not be
 * called by one; who waits for an answer is told that there will be none. Sets
 * `*listener` to NULL, which is allowed before. Since 0.1.
 */
WEFT_API void weft_memory_listener_close(weft_memory_listener **listener);

/*
 * A handle for poll, epoll, kqueue or WaitForMultipleObjects: ready,
 * level-triggered, when weft_memory_listener_next with WEFT_NOW may have
 * something to do. Owned by the listener. WEFT_HANDLE_NONE for one that has a
 * thread. Since 0.1.
 */
WEFT_API weft_handle
weft_memory_listener_handle(const weft_memory_listener *listener);

/*
 * With WEFT_MEMORY_LISTENER_WATCH the second handle to wait for, by the rules
 * of weft_memory_watch_handle: on Windows it stays ready while memory is low,
 * and is to be left alone for 2 s then. WEFT_HANDLE_NONE for one that does not
 * watch or has a thread. Owned by the listener. Since 0.1.
 */
WEFT_API weft_handle
weft_memory_listener_watch_handle(const weft_memory_listener *listener);

/*
 * Waits for the next demand, and measures what this process takes. Several that
 * have come meanwhile are told one after the other.
 *
 * WEFT_OK: it is to be answered. WEFT_EBUSY: the last one is not answered yet.
 * WEFT_ETIMEDOUT, WEFT_EAGAIN (WEFT_NOW): there is none. WEFT_EINVAL, also for
 * one that has a thread. WEFT_ENOMEM, WEFT_ELIMIT, WEFT_EOS: what has come
 * stays, or its asker is told. WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_memory_listener_next(weft_memory_listener *listener,
                                               weft_memory_demand *demand,
                                               uint64_t deadline_ns,
                                               weft_detail *detail);

/*
 * Answers it: `bytes` were given back, or WEFT_TRIM_UNKNOWN. Unless the heap is
 * to be left alone it is trimmed here first. That the asker waits no more is no
 * failure.
 *
 * WEFT_EINVAL: there is nothing to be answered. WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_memory_listener_answer(weft_memory_listener *listener,
                                                 uint64_t bytes);

/* A listener, since it was opened. May be asked for by any thread. */
typedef struct weft_memory_listener_stats {
    size_t size;      /* sizeof(weft_memory_listener_stats), by the caller */
    uint64_t demands; /* answered */
    uint64_t late;    /* of them, after the asker's deadline */
    uint64_t claimed_bytes;  /* in all, of those that knew */
    uint64_t measured_bytes; /* in all, of those that measured less then */
} weft_memory_listener_stats;

/*
 * WEFT_EINVAL: `stats->size` is not that of this version. WEFT_EFORKED. Since
 * 0.1.
 */
WEFT_API weft_status weft_memory_listener_get_stats(
    const weft_memory_listener *listener, weft_memory_listener_stats *stats);

/*
 * Has the C library give the free memory of this process's heap back to the
 * system. How much that was it does not tell. With several allocators in a
 * program it is that of malloc in the C library.
 *
 * WEFT_ENOTSUP: this C library can't (musl). Since 0.1.
 */
WEFT_API weft_status weft_memory_trim_heap(weft_detail *detail);

/* -------------------------------------------------------------- asking --- */

/* How an answer came about. */
typedef enum weft_memory_answer_kind {
    WEFT_ANSWER_GIVEN = 1, /* it has answered */
    WEFT_ANSWER_LATE = 2,  /* not by the deadline */
    WEFT_ANSWER_GONE = 3,  /* it has ended, or listens no more */
    /* It does not let us ask, is asked too often, or breaks the rules. */
    WEFT_ANSWER_REFUSED = 4
} weft_memory_answer_kind;

/* "given" and so on, or "unknown"; static. Since 0.1. */
WEFT_API const char *weft_memory_answer_name(weft_memory_answer_kind kind);

/* Which members of a weft_memory_answer are known. */
#define WEFT_ANSWER_CLAIMED 1u
#define WEFT_ANSWER_MEASURED 2u
#define WEFT_ANSWER_FOOTPRINT 4u
#define WEFT_ANSWER_TOOK 8u

/* What one listener did. */
typedef struct weft_memory_answer {
    weft_memory_answer_kind kind;
    uint32_t valid; /* WEFT_ANSWER_... */
    weft_peer who;  /* as the kernel says */
    /* What its callback says; without one, nothing is claimed. */
    uint64_t claimed_bytes;
    /*
     * By how much its footprint fell: what it has for itself alone, in memory
     * and in swap, without copies of files. Below 0 it has grown meanwhile, for
     * other reasons perhaps.
     */
    int64_t measured_bytes;
    uint64_t footprint_bytes; /* what is left of it */
    uint64_t took_ns;         /* to give; not to wait for its turn */
} weft_memory_answer;

/*
 * Ask all users' listeners, for root alone. Found are those whose run-time
 * directory is /run/user/UID/weft or /tmp/weft-UID.
 */
#define WEFT_MEMORY_ASK_EVERYBODY 1u

/* Set it up with WEFT_MEMORY_ASK_OPTIONS_INIT; zero means the default. */
typedef struct weft_memory_ask_options {
    size_t size;    /* sizeof(weft_memory_ask_options) */
    unsigned flags; /* WEFT_MEMORY_ASK_... */
    int64_t pid;    /* ask this process alone */
} weft_memory_ask_options;

#define WEFT_MEMORY_ASK_OPTIONS_INIT                                           \
    {                                                                          \
        sizeof(weft_memory_ask_options), 0, 0                                  \
    }

/*
 * Asks all that listen, at the same time, and waits until each of them has
 * answered or ended, or until the deadline. There are `*count` answers, of
 * which the first `room` are written; `answers` may be NULL if `room` is 0.
 * Listeners of this process are not asked. `options` and `detail` may be NULL.
 *
 * Asked are the listeners of this user's run-time directory. Of each, the
 * kernel says whose process it is; one of another user's is not asked, and no
 * answer. What a listener can do to the asker is to be late. It takes one
 * descriptor for each, and 256 at most: with more of them the next one is asked
 * when one has answered.
 *
 * WEFT_OK: all were asked; that nobody listens is one way of that. WEFT_EINVAL.
 * WEFT_EACCES: the run-time directory is not to be trusted; EVERYBODY, and this
 * process is not root's. WEFT_ENOTSUP: not on this system, as EVERYBODY on
 * Windows. WEFT_ENAME,
 * WEFT_ENOMEM, WEFT_ELIMIT, WEFT_EOS. After a failure `*count` is 0, though
 * some may have been asked. Since 0.1.
 */
WEFT_API weft_status weft_memory_ask(weft_trim_level level,
                                     const weft_memory_ask_options *options,
                                     uint64_t deadline_ns,
                                     weft_memory_answer *answers, size_t room,
                                     size_t *count, weft_detail *detail);

#ifdef __cplusplus
}
#endif

#endif
