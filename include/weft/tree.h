/* SPDX-License-Identifier: MIT
 *
 * weft/tree.h - processes that weft has not started: what they use, and their
 * end.
 *
 * A tree is a process and its descendants, found by the parents that the
 * system names. A process whose parent has ended is another's child then, so
 * such an orphan is found in two cases only: a process of the tree has adopted
 * it, or a process of the tree leads its session. What weft_process_start has
 * started is held more firmly, orphans too: see weft/process.h.
 *
 * Threads: callable from any thread. Fork: works in a forked child. Signals:
 * nothing here is safe in a signal handler, and no handler is set.
 */
#ifndef WEFT_TREE_H
#define WEFT_TREE_H

#include <stdbool.h>

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- usage --- */

/* Which members of a weft_member are known; what is not asked for is not. */
#define WEFT_MEMBER_STARTED 1u
#define WEFT_MEMBER_CPU 2u    /* user_ns and system_ns */
#define WEFT_MEMBER_WAITED 4u /* waited_user_ns and waited_system_ns */
#define WEFT_MEMBER_RESIDENT 8u
#define WEFT_MEMBER_SHARE 16u /* 2 ms for each 100 MiB that are resident */
#define WEFT_MEMBER_PEAK 32u
#define WEFT_MEMBER_THREADS 64u
#define WEFT_MEMBER_HANDLES 128u
#define WEFT_MEMBER_COMMAND 256u
#define WEFT_MEMBER_ALL 511u

/* One process of a tree, or the sum of several. */
typedef struct weft_member {
    uint32_t valid; /* WEFT_MEMBER_... */
    int64_t pid;
    int64_t parent;
    bool has_ended;           /* its parent has not asked about that yet */
    uint64_t started_unix_ns; /* by the clock of the day; on Linux to 10 ms */
    uint64_t user_ns;         /* of its threads, dead ones too */
    uint64_t system_ns;
    uint64_t waited_user_ns; /* of the dead children that were waited for */
    uint64_t waited_system_ns;
    uint64_t resident_bytes; /* in RAM; shared pages count in each process */
    uint64_t share_bytes;    /* in RAM; of a page that N share, an Nth (PSS) */
    uint64_t peak_bytes;     /* the most that was ever resident */
    uint64_t threads;
    uint64_t handles;  /* open ones */
    char command[128]; /* the beginning of its command line, or its name */
} weft_member;

/*
 * Tells what the tree of process `pid` uses now: `*count` processes, of which
 * the first `room` are written to `members`, which may be NULL if `room` is 0.
 * The root is the first one, and each comes after the one that it was found by.
 * `what` are the WEFT_MEMBER_... bits that are wanted. What this user may not
 * look at is absent from `valid`; what ends meanwhile is left out, or the
 * little that is known of it. Takes some 20 us for each process of the system.
 *
 * WEFT_ENOENT: there is no such process, or the number is a thread's.
 * WEFT_EINVAL: `pid` is not above 0; NULL; an unknown bit. WEFT_ENOTSUP: not on
 * this system yet. WEFT_ENOMEM, WEFT_ELIMIT: no descriptor is free; WEFT_EOS.
 * `detail` may be NULL. Since 0.1.
 */
WEFT_API weft_status weft_tree_measure(int64_t pid, uint32_t what,
                                       weft_member *members, size_t room,
                                       size_t *count, weft_detail *detail);

/*
 * Adds up what processes use; a figure is valid if it is known of all of them.
 * `pid`, `parent`, the start and the command are the first one's; the peak is
 * the largest of one process, as nobody knows that of a sum. `*sum` is zero
 * if `count` is 0. WEFT_EINVAL: NULL. Since 0.1.
 */
WEFT_API weft_status weft_tree_sum(const weft_member *members, size_t count,
                                   weft_member *sum);

/* ------------------------------------------------------------------ end --- */

/* Check and find, and send no signal. */
#define WEFT_TREE_KILL_DRY 1u

/* Zero means the default; see WEFT_TREE_KILL_OPTIONS_INIT. */
typedef struct weft_tree_kill_options {
    size_t size; /* sizeof(weft_tree_kill_options) */
    /*
     * With a grace time each process is asked to end by this signal first: its
     * number, one that can end a process and is not SIGKILL; 0: SIGTERM.
     */
    int signal_number;
    uint64_t grace_ns; /* 0: nobody is asked */
    unsigned flags;    /* WEFT_TREE_KILL_DRY */
} weft_tree_kill_options;

#define WEFT_TREE_KILL_OPTIONS_INIT                                            \
    {                                                                          \
        sizeof(weft_tree_kill_options), 0, 0, 0                                \
    }

#define WEFT_TREE_SURVIVORS 16

/* What became of a tree. */
typedef struct weft_tree_kill_result {
    size_t size;      /* sizeof(weft_tree_kill_result), set by the caller */
    size_t found;     /* processes, ended ones that nobody waited for too */
    size_t asked;     /* that were sent the first signal */
    size_t killed;    /* that were sent SIGKILL */
    size_t ended;     /* of those found, that are no more */
    size_t denied;    /* that this user has no right to signal */
    size_t survivors; /* in a dry run: all that live */
    /*
     * The search came to its end: false if there were passes still that found
     * somebody, or no memory for another.
     */
    bool is_complete;
    int64_t survivor_pids[WEFT_TREE_SURVIVORS]; /* the first ones */
} weft_tree_kill_result;

/*
 * Ends the tree of process `pid`. Each process is held by a handle, and its
 * start time compared, before anything is sent to it: who gets its number later
 * gets no signal. With a grace time all are asked to end, the root first, and
 * have so long; what is left, or all, is stopped, pass after pass, until a pass
 * finds none that is new and sees all of them standing still: then there is
 * nobody who could start another, and all are killed. It takes 100 passes at
 * most, and waits for their ends 2 seconds at most.
 *
 * What a process starts while it ends by the first signal, and leaves behind,
 * is not found.
 *
 * WEFT_OK: it was done; the result says with what success. `*result` is the
 * caller's, and zero after a failure. In each of these cases no signal was
 * sent, and the detail's operation says why. WEFT_EINVAL: `pid` is not above 1,
 * is this process or one that it comes from, or a thread of the kernel's; the
 * signal or a flag is none. WEFT_ENOENT: there is no such process, or the
 * number is a thread's. WEFT_EACCES: this user may signal none of them.
 * WEFT_ENOTSUP: not on this system yet, or a Linux before 5.3. WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_tree_kill(int64_t pid,
                                    const weft_tree_kill_options *options,
                                    weft_tree_kill_result *result,
                                    weft_detail *detail);

#ifdef __cplusplus
}
#endif

#endif
