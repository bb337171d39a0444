/* SPDX-License-Identifier: MIT
 *
 * weft/state.h - the latest value of something, by name: a position, a reading,
 * a configuration. One process sets it, any number of processes get it.
 *
 * Each value is whole: a reader gets the newest one that was set completely,
 * never a mixture of two, also when the writer was killed in the middle of the
 * next. What was set in between is not kept; a topic (weft/topic.h) is for
 * those who need everything. Each value has a version, from 1 on, one more each
 * time. To set and to get take no lock, wait for nobody, and make no system
 * call but the wake for those who sleep in weft_state_wait.
 *
 * The state lies in memory with a name, as weft_shared_open makes it. Those who
 * may open it trust each other: each of them could write anything there, or
 * take the file away. A reader still believes nothing that it finds there:
 * what can't be is WEFT_ECORRUPT, and no content of the memory makes a call
 * here leave the memory, or go on for ever.
 *
 * The state lives as long as anybody has it open, with or without a writer:
 * the writer's program may be started again, and goes on where it was.
 *
 * Writer: one process at a time, the one that has it open with
 * WEFT_STATE_WRITE. When it dies the next one may open it so at once. A process
 * stays the writer over exec, until it ends. As with weft/sync.h, deaths are
 * not noticed across PID namespaces: there a dead writer is never replaced,
 * before all have closed the state.
 *
 * Threads: all calls may be made by any thread, and several at a time, except
 * that weft_state_set is called by one thread at a time, and weft_state_close
 * while no other call is in progress. To set is no cancellation point.
 *
 * Fork: a child does not inherit the memory. It may only close the handle; the
 * other calls return WEFT_EFORKED.
 *
 * Signals: no call here is safe in a signal handler.
 */
#ifndef WEFT_STATE_H
#define WEFT_STATE_H

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A state that is open. */
typedef struct weft_state weft_state;

/* The largest value, in bytes; four of them are kept in memory. */
#define WEFT_STATE_BYTES_MAX ((size_t)256 << 20)

/* This process sets the values. */
#define WEFT_STATE_WRITE 1u
/*
 * weft_state_wait goes on when the writer closes the state or dies: for
 * readers to whom any writer is right, also the next one.
 */
#define WEFT_STATE_ANY_WRITER 2u

/* Set it up with WEFT_STATE_OPTIONS_INIT; zero means the default. */
typedef struct weft_state_options {
    size_t size;    /* sizeof(weft_state_options) */
    unsigned mode;  /* who else may open it; default 0600: this user */
    unsigned flags; /* WEFT_STATE_... */
} weft_state_options;

#define WEFT_STATE_OPTIONS_INIT                                                \
    {                                                                          \
        sizeof(weft_state_options), 0, 0                                       \
    }

/*
 * Opens the state of a name, or makes it, for values of at most `bytes_max`
 * bytes, if nobody has it open; `bytes_max` 0 only opens, whatever it was made
 * with. Names are those of weft_shared_open, kept apart from them; that of a
 * path gets ".weft-state". `options` and `detail` may be NULL. On success the
 * caller owns `*out`; on failure it is NULL. It blocks while another process
 * makes or opens a state of the same directory: for a moment.
 *
 * WEFT_ENOENT: `bytes_max` is 0 and nobody has it open. WEFT_EINUSE: it was
 * made with another `bytes_max`, or (WEFT_STATE_WRITE) it has a writer; the
 * detail says which. WEFT_ENAME: the name breaks the rules. WEFT_EACCES: it is
 * another user's, or its place is not safe. WEFT_ECORRUPT: what has this name
 * is no state. WEFT_EINVAL, WEFT_ENOMEM, WEFT_ELIMIT, WEFT_ENOTSUP, WEFT_EOS.
 * Since 0.1.
 */
WEFT_API weft_status weft_state_open(const char *name, size_t bytes_max,
                                     const weft_state_options *options,
                                     weft_state **out, weft_detail *detail);

/*
 * Closes it and sets `*state` to NULL, which is allowed before. The last value
 * stays, as long as others have it open; those who wait are told that the
 * writer has closed it. Since 0.1.
 */
WEFT_API void weft_state_close(weft_state **state);

/*
 * Sets the value: copies `bytes` bytes, which may be 0. Does not block; one
 * system call, or as many as there are sleepers, if anybody sleeps for it.
 *
 * WEFT_OK. WEFT_EMSGSIZE: it is larger than `bytes_max`; nothing was set.
 * WEFT_EINVAL: the state is not open with WEFT_STATE_WRITE. WEFT_EFORKED.
 * Since 0.1.
 */
WEFT_API weft_status weft_state_set(weft_state *state, const void *data,
                                    size_t bytes);

/*
 * Gets the latest value: copies it to `data`, which has room for `*bytes`
 * bytes; sets `*bytes` to its size, and `*version`, unless that is NULL, to its
 * version. Does not block. A writer that dies takes no value with it.
 *
 * WEFT_OK. WEFT_EAGAIN: nothing was set yet, and `*version` is 0; or the writer
 * was faster many times in a row, and `*version` is that of a value that was
 * missed: try again, with a higher priority. WEFT_EMSGSIZE: it is larger than
 * the room; `*bytes` and `*version` are set, and nothing else.
 * WEFT_ECORRUPT: somebody has scribbled on the memory. WEFT_EINVAL,
 * WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_state_get(const weft_state *state, void *data,
                                    size_t *bytes, uint64_t *version);

/*
 * Waits until the latest version is another one than `version`, which is that
 * of the last weft_state_get, or 0. It uses no CPU meanwhile, and a signal does
 * not end it. Several versions may have come and gone.
 *
 * WEFT_OK: there is another one. WEFT_ECLOSED: there is none, and the writer
 * has closed the state. WEFT_EPEERDIED: there is none, and the writer is dead.
 * (Neither of the two with WEFT_STATE_ANY_WRITER. Before the first value a
 * state without a writer is waited for in any case.) WEFT_ETIMEDOUT,
 * WEFT_EAGAIN (WEFT_NOW). WEFT_EFORKED, WEFT_EINVAL. WEFT_ECORRUPT: somebody
 * has scribbled on the memory. WEFT_ENOMEM, WEFT_ELIMIT, WEFT_ENOTSUP,
 * WEFT_EOS: this process can't wait. Since 0.1.
 */
WEFT_API weft_status weft_state_wait(const weft_state *state, uint64_t version,
                                     uint64_t deadline_ns);

/*
 * The latest version; 0: nothing was set yet, or `state` is NULL or of the
 * parent process. Costs one load. Since 0.1.
 */
WEFT_API uint64_t weft_state_version(const weft_state *state);

/* What the largest value may have, as the state was made. Since 0.1. */
WEFT_API size_t weft_state_bytes_max(const weft_state *state);

#ifdef __cplusplus
}
#endif

#endif
