/* SPDX-License-Identifier: MIT
 *
 * weft/memory.h - what the memory of this machine does, and who uses it.
 *
 * Figures are the system's own, in bytes. What is not known is absent from the
 * `valid` mask, and never 0. A figure that weft works out says by which method.
 *
 * Threads: one thread at a time may use a weft_memory or a watch; different
 * ones are independent. Fork: in a forked child every call returns
 * WEFT_EFORKED, but for the closing ones, which free the child's copy. Signals:
 * nothing here is safe in a signal handler.
 */
#ifndef WEFT_MEMORY_H
#define WEFT_MEMORY_H

#include <stdbool.h>

#include <weft/base.h>
#include <weft/channel.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_memory weft_memory;

/*
 * Prepares to look at the memory of this machine: it keeps some files open, so
 * that a look is cheap; those that are missing are missed by the look. The
 * caller ends it with weft_memory_close.
 *
 * WEFT_OK; WEFT_EINVAL; WEFT_ENOMEM; WEFT_ELIMIT; WEFT_ENOTSUP: not on this
 * system yet; WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_memory_open(weft_memory **out, weft_detail *detail);

/* Sets `*memory` to NULL. NULL and pointers to NULL are allowed. Since 0.1. */
WEFT_API void weft_memory_close(weft_memory **memory);

/* -------------------------------------------------------------- figures --- */

/*
 * The figures: symbol, value, member without "_bytes" and name.
 *
 * TOTAL: what the system manages. AVAILABLE: what programs can have without
 * anything else of theirs going to swap or the compressor, as the system
 * estimates it; `available_method` says what weft adds to that. USED: the rest
 * of TOTAL. FREE: holds nothing. LISTED: free too, but in lists that the CPUs
 * keep for themselves, so that no other figure has it. CACHED: copies of
 * files, and what the system can build again. ANONYMOUS: of programs, without
 * a file behind it. SHARED: shared memory and files in memory. KERNEL: the
 * system's own that it can't give up; on macOS, which does not tell them apart,
 * also what programs have locked. DIRTY: of files, and not written yet.
 * LOCKED: must stay in memory. SWAP_TOTAL, SWAP_FREE: of all swap, also of such
 * that lies compressed in memory. PACKED: what lies compressed in memory, at
 * its size before; PACK: the memory that this takes. COMMITTED: what programs
 * were promised; COMMIT_LIMIT: what can be. LIMIT: of the groups (of a
 * container, a job) that this process is in the limit that leaves the least,
 * absent where there is none; LIMIT_USED: what is counted against it.
 */
#define WEFT_MEMORY_FIGURE_LIST(X)                                             \
    X(WEFT_MEMORY_TOTAL, 0, total)                                             \
    X(WEFT_MEMORY_AVAILABLE, 1, available)                                     \
    X(WEFT_MEMORY_USED, 2, used)                                               \
    X(WEFT_MEMORY_FREE, 3, free)                                               \
    X(WEFT_MEMORY_LISTED, 4, listed)                                           \
    X(WEFT_MEMORY_CACHED, 5, cached)                                           \
    X(WEFT_MEMORY_ANONYMOUS, 6, anonymous)                                     \
    X(WEFT_MEMORY_SHARED, 7, shared)                                           \
    X(WEFT_MEMORY_KERNEL, 8, kernel)                                           \
    X(WEFT_MEMORY_DIRTY, 9, dirty)                                             \
    X(WEFT_MEMORY_LOCKED, 10, locked)                                          \
    X(WEFT_MEMORY_SWAP_TOTAL, 11, swap_total)                                  \
    X(WEFT_MEMORY_SWAP_FREE, 12, swap_free)                                    \
    X(WEFT_MEMORY_PACKED, 13, packed)                                          \
    X(WEFT_MEMORY_PACK, 14, pack)                                              \
    X(WEFT_MEMORY_COMMITTED, 15, committed)                                    \
    X(WEFT_MEMORY_COMMIT_LIMIT, 16, commit_limit)                              \
    X(WEFT_MEMORY_LIMIT, 17, limit)                                            \
    X(WEFT_MEMORY_LIMIT_USED, 18, limit_used)

typedef enum weft_memory_figure {
#define WEFT_MEMORY_FIGURE_ENUM(symbol, value, name) symbol = (value),
    WEFT_MEMORY_FIGURE_LIST(WEFT_MEMORY_FIGURE_ENUM)
#undef WEFT_MEMORY_FIGURE_ENUM
} weft_memory_figure;

#define WEFT_MEMORY_FIGURE_COUNT 19

/* "total" and so on; static; "" of no figure. Since 0.1. */
WEFT_API const char *weft_memory_figure_name(weft_memory_figure figure);

/*
 * How scarce memory is. CALM: it is not. WATCH: less than 20 % is available.
 * TIGHT: less than 10 %; or less than 20 % and programs have waited for memory
 * for 0.1 % of the last 10 s. EMERGENCY: less than 3 % is available and less
 * than 5 % of swap, and for 10 % of the last 10 s everything has waited. On a
 * system that does not tell how long programs wait there is no EMERGENCY
 * unless it says so itself. macOS judges by itself: its normal is CALM, its
 * warning TIGHT, critical EMERGENCY; Windows says when memory is low: TIGHT.
 * That programs wait is no proof alone: with memory
 * to spare they wait for something else.
 */
typedef enum weft_pressure {
    WEFT_PRESSURE_CALM = 0,
    WEFT_PRESSURE_WATCH = 1,
    WEFT_PRESSURE_TIGHT = 2,
    WEFT_PRESSURE_EMERGENCY = 3
} weft_pressure;

/* "calm" and so on, or "unknown"; static. Since 0.1. */
WEFT_API const char *weft_pressure_name(weft_pressure pressure);

/* One look. All strings are terminated, and "" where they do not apply. */
typedef struct weft_memory_figures {
    size_t size;    /* sizeof(weft_memory_figures), set by the caller */
    uint32_t valid; /* bit N: the figure N of the list */
#define WEFT_MEMORY_FIGURE_MEMBER(symbol, value, name) uint64_t name##_bytes;
    WEFT_MEMORY_FIGURE_LIST(WEFT_MEMORY_FIGURE_MEMBER)
#undef WEFT_MEMORY_FIGURE_MEMBER
    /*
     * Programs that have waited for memory: for how long in all, of some or of
     * all that were not idle, and for which part of the last 10 s, in
     * millionths.
     */
    bool has_stalls;
    uint64_t stall_some_ns;
    uint64_t stall_all_ns;
    uint32_t stall_some_ppm;
    uint32_t stall_all_ppm;
    weft_pressure pressure;
    char pressure_reason[96]; /* such as "12 % available" */
    char available_method[64];
    char limit_source[96]; /* such as "cgroup v2 memory.max of /work" */
} weft_memory_figures;

/*
 * Looks once. `*figures` is the caller's. Takes some 100 us, and waits for
 * nothing.
 *
 * WEFT_OK; WEFT_EINVAL; WEFT_EFORKED; WEFT_EOS: the system does not tell even
 * the total. Since 0.1.
 */
WEFT_API weft_status weft_memory_look(weft_memory *memory,
                                      weft_memory_figures *figures,
                                      weft_detail *detail);

/* ------------------------------------------------------------- counters --- */

/*
 * What the system has counted since it began: symbol, value, member.
 *
 * REFAULTED_FILE: copies of files that were read again, in bytes, though they
 * had been in memory: they were dropped too early. REFAULTED_ANONYMOUS: the
 * same of programs' own memory, that was in swap or compressed. SWAPPED_IN,
 * SWAPPED_OUT: bytes that went from swap and to it. MAJOR_FAULTS: how often a
 * program had to wait for a page that was not in memory.
 */
#define WEFT_MEMORY_COUNTER_LIST(X)                                            \
    X(WEFT_MEMORY_REFAULTED_FILE, 0, refaulted_file_bytes)                     \
    X(WEFT_MEMORY_REFAULTED_ANONYMOUS, 1, refaulted_anonymous_bytes)           \
    X(WEFT_MEMORY_SWAPPED_IN, 2, swapped_in_bytes)                             \
    X(WEFT_MEMORY_SWAPPED_OUT, 3, swapped_out_bytes)                           \
    X(WEFT_MEMORY_MAJOR_FAULTS, 4, major_faults)

typedef enum weft_memory_counter {
#define WEFT_MEMORY_COUNTER_ENUM(symbol, value, member) symbol = (value),
    WEFT_MEMORY_COUNTER_LIST(WEFT_MEMORY_COUNTER_ENUM)
#undef WEFT_MEMORY_COUNTER_ENUM
} weft_memory_counter;

typedef struct weft_memory_counters {
    size_t size;    /* sizeof(weft_memory_counters), set by the caller */
    uint32_t valid; /* bit N: the counter N of the list */
#define WEFT_MEMORY_COUNTER_MEMBER(symbol, value, member) uint64_t member;
    WEFT_MEMORY_COUNTER_LIST(WEFT_MEMORY_COUNTER_MEMBER)
#undef WEFT_MEMORY_COUNTER_MEMBER
} weft_memory_counters;

/*
 * Reads the counters. `*counters` is the caller's. Takes some 50 us, and waits
 * for nothing.
 *
 * WEFT_OK; WEFT_EINVAL; WEFT_EFORKED; WEFT_ENOTSUP: not on this system yet;
 * WEFT_ELIMIT; WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_memory_count(weft_memory *memory,
                                       weft_memory_counters *counters,
                                       weft_detail *detail);

/* ------------------------------------------------------------ processes --- */

/* Which members of a weft_memory_process are known. */
#define WEFT_MEMORY_PROCESS_RESIDENT 1u
#define WEFT_MEMORY_PROCESS_FOOTPRINT 2u
#define WEFT_MEMORY_PROCESS_PRIVATE 4u
#define WEFT_MEMORY_PROCESS_SWAPPED 8u
#define WEFT_MEMORY_PROCESS_OWNER 16u
#define WEFT_MEMORY_PROCESS_OWN 32u
#define WEFT_MEMORY_PROCESS_CPU 64u
#define WEFT_MEMORY_PROCESS_COMMITTED 128u

/* What a process takes of the memory. */
typedef struct weft_memory_process {
    uint32_t valid; /* WEFT_MEMORY_... */
    int64_t pid;
    int64_t parent;   /* 0 on Windows where that has ended */
    uint64_t started; /* with `pid` it names this process, and no later one */
    uint32_t owner;   /* the user's number; not on Windows */
    bool is_kernel;   /* a thread of the system's own */
    char name[64];    /* what it says it is called; anything may be in it */
    /*
     * In RAM, by the system's quick counters; what several have in common
     * counts in each. From weft_memory_processes on.
     */
    uint64_t resident_bytes;
    /*
     * Its share: what N have in common counts for an Nth (Linux: PSS; macOS:
     * the footprint, which has what is compressed, too; Windows: the private
     * working set). From weft_memory_measure on; where the system counts it
     * anyway, as macOS and Windows do, from weft_memory_processes on.
     */
    uint64_t footprint_bytes;
    uint64_t private_bytes; /* what nobody else has: comes free when it ends */
    uint64_t swapped_bytes; /* its share of swap, or of what is compressed */
    /*
     * What it has allocated and touched, wherever that is: in RAM without a
     * file behind it, or in swap; on Windows what it was promised. What a leak
     * grows. From weft_memory_glance on.
     */
    uint64_t own_bytes;
    /*
     * The CPU time that its threads have used so far. From
     * weft_memory_processes on; Linux counts it in steps of 10 ms.
     */
    uint64_t cpu_ns;
    /* What it was promised, touched or not. From the list on; Windows alone. */
    uint64_t committed_bytes;
} weft_memory_process;

/*
 * Lists all processes that this user may see, by rising numbers: `*count` of
 * them, of which the first `room` are written. `processes` may be NULL if
 * `room` is 0. What is told here is cheap: some 10 us for each. On macOS
 * nothing but who it is is told of another user's process, unless to root.
 *
 * WEFT_OK; WEFT_EINVAL; WEFT_EFORKED; WEFT_ENOMEM; WEFT_ELIMIT; WEFT_ENOTSUP:
 * not on this system yet; WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_memory_processes(weft_memory *memory,
                                           weft_memory_process *processes,
                                           size_t room, size_t *count,
                                           weft_detail *detail);

/*
 * Finds out what one of the list takes exactly: 2 ms for each 100 MiB.
 *
 * WEFT_ENOENT: it has ended, or its number is another's now. WEFT_EACCES: this
 * user may not look; what was known stays. WEFT_EINVAL, WEFT_EFORKED,
 * WEFT_ENOTSUP, WEFT_ELIMIT, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_memory_measure(weft_memory *memory,
                                         weft_memory_process *process,
                                         weft_detail *detail);

/*
 * Finds out `own_bytes` of one of the list, by the system's quick counters
 * where it has some (Linux: 30 us; it may be some pages behind), else as
 * weft_memory_measure does.
 *
 * As weft_memory_measure. Since 0.1.
 */
WEFT_API weft_status weft_memory_glance(weft_memory *memory,
                                        weft_memory_process *process,
                                        weft_detail *detail);

/* ---------------------------------------------------------------- watch --- */

typedef struct weft_memory_watch weft_memory_watch;

/* Zero means the default; see WEFT_MEMORY_WATCH_OPTIONS_INIT. */
typedef struct weft_memory_watch_options {
    size_t size; /* sizeof(weft_memory_watch_options) */
    /*
     * Programs have waited for memory for so long, within a window of so long:
     * 20 ms in 2 s. Without CAP_SYS_RESOURCE Linux allows windows of 2, 4, 6,
     * 8 and 10 s only. Windows and macOS have thresholds of their own: there
     * the window is the least time between two events; on macOS 500 ms at
     * least.
     */
    uint64_t stall_ns;
    uint64_t window_ns;
} weft_memory_watch_options;

#define WEFT_MEMORY_WATCH_OPTIONS_INIT                                         \
    {                                                                          \
        sizeof(weft_memory_watch_options), 0, 0                                \
    }

/*
 * Asks the system to tell when memory gets scarce: at most one event in each
 * window. Nothing is polled, and it costs nothing while memory is plenty; but
 * macOS tells large programs alone, so there its level of pressure is looked at
 * once a second, which takes a microsecond.
 * `options` may be NULL. The caller ends it with weft_memory_watch_close.
 *
 * WEFT_EINVAL: the stall is not below the window, or the system takes no such
 * window. WEFT_ENOTSUP: this system does not tell; the detail's operation says
 * what is missing. WEFT_EACCES: it does not tell this user. WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status
weft_memory_watch_open(const weft_memory_watch_options *options,
                       weft_memory_watch **out, weft_detail *detail);

/* Sets `*watch` to NULL. NULL and pointers to NULL are allowed. Since 0.1. */
WEFT_API void weft_memory_watch_close(weft_memory_watch **watch);

/*
 * A handle that becomes readable with an event, once for each: whoever waits
 * for it calls weft_memory_watch_next with WEFT_NOW then. On Windows it stays
 * so while memory is low; on macOS it becomes so for each look, and that call,
 * which looks, may return WEFT_EAGAIN. Owned by the watch. Since 0.1.
 */
WEFT_API weft_handle weft_memory_watch_handle(const weft_memory_watch *watch);

/*
 * Waits for the next event. Those of several windows that nobody has taken are
 * one. What the memory is like then, weft_memory_look tells.
 *
 * WEFT_OK: there was one. WEFT_EAGAIN (WEFT_NOW), WEFT_ETIMEDOUT, WEFT_EINTR: a
 * signal handler ran. WEFT_EINVAL, WEFT_EFORKED, WEFT_EOS: the system's source
 * is gone. Since 0.1.
 */
WEFT_API weft_status weft_memory_watch_next(weft_memory_watch *watch,
                                            uint64_t deadline_ns,
                                            weft_detail *detail);

#ifdef __cplusplus
}
#endif

#endif
