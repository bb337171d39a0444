/* SPDX-License-Identifier: MIT
 *
 * weft/reclaim.h - memory is taken back from what does not use it, and what
 * that did is measured.
 *
 * A request names a verb and one target. Its plan says beforehand whether that
 * may be done, and what can come of it; it changes nothing. Its verdict says
 * afterwards what came of it: what is available now and was not before, without
 * what the machine did meanwhile by itself; how much of that is kept after 10,
 * 60 and 300 s; what it has cost; and in a word whether it helped, had no
 * effect, or hurt. What a process has less in memory is never called freed.
 *
 * No process is touched that is protected: see weft/protect.h.
 *
 * Threads: one thread at a time may use a weft_reclaim and the weft_memory that
 * it was made with. Fork: in a forked child every call returns WEFT_EFORKED,
 * but for the closing one. Signals: nothing here is safe in a signal handler.
 */
#ifndef WEFT_RECLAIM_H
#define WEFT_RECLAIM_H

#include <stdbool.h>

#include <weft/base.h>
#include <weft/memory.h>
#include <weft/protect.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- verbs --- */

/*
 * What can be done: symbol, value, name, and what its target is: 'p' a
 * process, 'g' a group, 'f' a file or folder, '-' none.
 *
 * COLD: its pages are the first ones to go when memory gets scarce. That costs
 * next to nothing, and frees nothing by itself. PAGEOUT: its pages are made
 * cold, and what of them has not been used after a while goes to swap, or to
 * where it is compressed. GROUP: the system takes memory from a control group.
 * FILES: copies of files that nobody has mapped are dropped; what is available
 * does not change by it, as they were available before. HEAP: this process's
 * own allocator gives back what it does not use. ASK: programs that listen are
 * asked to give memory back. TRIM: Windows: the whole working set of a process,
 * used or not. STANDBY: Windows: the copies of files of the lowest priority.
 * PURGE: macOS: all copies of files; for benchmarks with cold caches, no memory
 * is gained.
 */
#define WEFT_RECLAIM_VERB_LIST(X)                                              \
    X(WEFT_RECLAIM_COLD, 1, cold, 'p')                                         \
    X(WEFT_RECLAIM_PAGEOUT, 2, pageout, 'p')                                   \
    X(WEFT_RECLAIM_GROUP, 3, group, 'g')                                       \
    X(WEFT_RECLAIM_FILES, 4, files, 'f')                                       \
    X(WEFT_RECLAIM_HEAP, 5, heap, '-')                                         \
    X(WEFT_RECLAIM_ASK, 6, ask, '-')                                           \
    X(WEFT_RECLAIM_TRIM, 7, trim, 'p')                                         \
    X(WEFT_RECLAIM_STANDBY, 8, standby, '-')                                   \
    X(WEFT_RECLAIM_PURGE, 9, purge, '-')

typedef enum weft_reclaim_verb {
#define WEFT_RECLAIM_VERB_ENUM(symbol, value, name, target) symbol = (value),
    WEFT_RECLAIM_VERB_LIST(WEFT_RECLAIM_VERB_ENUM)
#undef WEFT_RECLAIM_VERB_ENUM
} weft_reclaim_verb;

/* "cold" and so on; static; "" of no verb. Since 0.1. */
WEFT_API const char *weft_reclaim_verb_name(weft_reclaim_verb verb);

/* -------------------------------------------------------------- request --- */

/* The user has named the target: rules that say "avoid" do not protect it. */
#define WEFT_RECLAIM_NAMED 1u
/* PAGEOUT: nobody waits whether pages are used; all of them go. */
#define WEFT_RECLAIM_AGGRESSIVE 2u
/*
 * PAGEOUT: pages of files go too. Nothing more is available by it, but a
 * machine below this one that counts resident pages gets them.
 */
#define WEFT_RECLAIM_FOR_HYPERVISOR 4u

/* Zero means the default; see WEFT_RECLAIM_REQUEST_INIT. */
typedef struct weft_reclaim_request {
    size_t size; /* sizeof(weft_reclaim_request) */
    weft_reclaim_verb verb;
    unsigned flags; /* WEFT_RECLAIM_... */
    /*
     * The process, for verbs that have one as their target; `started` is that
     * of its weft_memory_process, 0 for whoever has the number now.
     */
    int64_t pid;
    uint64_t started;
    /*
     * GROUP: the directory of a control group, or its path as in
     * /proc/PID/cgroup. FILES: a file, or a folder with all below it.
     */
    const char *path;
    /*
     * About so much at most; 0: all that can be had. Windows and macOS take
     * all or nothing: there the plan of another amount says so.
     */
    uint64_t bytes;
    /* PAGEOUT: for so long pages must not be used; 0: 30 s. */
    uint64_t idle_ns;
    /*
     * For so long the machine is watched before anything is done, to know what
     * it does by itself; 0: 2 s. Less makes the verdict less certain.
     */
    uint64_t watch_ns;
    /* ASK: how scarce memory is said to be, and how long answers may take. */
    weft_pressure level;
    uint64_t answer_ns;             /* 0: 2 s */
    const weft_memory_rules *rules; /* NULL: none; outlive the weft_reclaim */
} weft_reclaim_request;

#define WEFT_RECLAIM_REQUEST_INIT                                              \
    {                                                                          \
        sizeof(weft_reclaim_request), (weft_reclaim_verb)0, 0, 0, 0, NULL, 0,  \
            0, 0, WEFT_PRESSURE_CALM, 0, NULL                                  \
    }

/* ----------------------------------------------------------------- plan --- */

/* Why a request can't be carried out, or is not worth it. */
typedef enum weft_reclaim_obstacle {
    WEFT_RECLAIM_CLEAR = 0,
    WEFT_RECLAIM_NOTHING = 1,     /* there is nothing to gain: no error */
    WEFT_RECLAIM_PROTECTED = 2,   /* the target is not to be touched */
    WEFT_RECLAIM_PRIVILEGE = 3,   /* this user may not; the reason names what */
    WEFT_RECLAIM_GONE = 4,        /* there is no such target */
    WEFT_RECLAIM_UNSUPPORTED = 5, /* this system can't do it */
    WEFT_RECLAIM_UNREADABLE = 6   /* the target can't be looked at: a fault */
} weft_reclaim_obstacle;

/* "clear" and so on; static; "unknown" of none. Since 0.1. */
WEFT_API const char *weft_reclaim_obstacle_name(weft_reclaim_obstacle obstacle);

/* Which members of a weft_reclaim_plan are known. */
#define WEFT_RECLAIM_PLAN_CANDIDATE 1u
#define WEFT_RECLAIM_PLAN_EXPECTED 2u
#define WEFT_RECLAIM_PLAN_COST 4u
#define WEFT_RECLAIM_PLAN_RETURN 8u

typedef struct weft_reclaim_plan {
    size_t size; /* sizeof(weft_reclaim_plan), set by the caller */
    uint32_t valid;
    weft_reclaim_obstacle obstacle;
    /*
     * Whether weft_reclaim_run would act; where there is nothing to gain it
     * does nothing and succeeds.
     */
    bool may_run;
    char reason[160]; /* in words: the obstacle, or what will be done */
    /* What the verb would be applied to. */
    uint64_t candidate_bytes;
    /*
     * How much more would be available if all of it went: 0 for pages of
     * files, which are available already. Not known where it is compressed and
     * nothing has been yet.
     */
    uint64_t expected_bytes;
    uint64_t expected_cost_ns; /* of CPU time, from measurements elsewhere */
    uint64_t return_cost_ns;   /* if all of it is used again */
} weft_reclaim_plan;

/*
 * Finds out what a request would do, and does nothing of it: it reads only.
 * `*plan` is the caller's. Takes 2 ms for each 100 MiB of a process.
 *
 * WEFT_OK, also if there is an obstacle. WEFT_EINVAL: the request contradicts
 * itself; the detail's operation says how. WEFT_EFORKED, WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_reclaim_plan_make(weft_memory *memory,
                                            const weft_reclaim_request *request,
                                            weft_reclaim_plan *plan,
                                            weft_detail *detail);

/* ------------------------------------------------------------------ run --- */

typedef struct weft_reclaim weft_reclaim;

/*
 * Carries out a request, and returns when that is done and what is available
 * has been looked at after it: in some 3 s, and the time that pages must not be
 * used. A program with something else to do takes weft_reclaim_start instead.
 * The caller ends `*out` with weft_reclaim_close, before it closes `memory`;
 * after a failure it is NULL.
 *
 * WEFT_OK: what could be done is done; that may be nothing, as the verdict
 * says. WEFT_EACCES: the target is protected, or a privilege is missing.
 * WEFT_ENOENT: there is no such target, or it has ended. WEFT_ENOTSUP: not on
 * this system. WEFT_EINTR: a signal handler ran while it waited; what was done
 * until then stays. WEFT_EINVAL, WEFT_EFORKED, WEFT_ENOMEM, WEFT_ELIMIT,
 * WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_reclaim_run(weft_memory *memory,
                                      const weft_reclaim_request *request,
                                      weft_reclaim **out, weft_detail *detail);

/* What a weft_reclaim is about to do. */
typedef enum weft_reclaim_phase {
    WEFT_RECLAIM_WATCHING = 0,  /* what does the machine do by itself? */
    WEFT_RECLAIM_IDLING = 1,    /* which pages are not used? */
    WEFT_RECLAIM_ACTING = 2,    /* memory is taken, part by part */
    WEFT_RECLAIM_SETTLING = 3,  /* what is available now? */
    WEFT_RECLAIM_FOLLOWING = 4, /* what is kept of it? */
    WEFT_RECLAIM_DONE = 5
} weft_reclaim_phase;

/* "watching" and so on; static; "unknown" of none. Since 0.1. */
WEFT_API const char *weft_reclaim_phase_name(weft_reclaim_phase phase);

/*
 * As weft_reclaim_run, but it returns at once. What is left to do is done by
 * weft_reclaim_step, each time that weft_reclaim_due_ns says. Since 0.1.
 */
WEFT_API weft_status weft_reclaim_start(weft_memory *memory,
                                        const weft_reclaim_request *request,
                                        weft_reclaim **out,
                                        weft_detail *detail);

/*
 * Does what is due, if anything is: takes some ms at most, but for GROUP, which
 * is one call of the system's however long it takes.
 *
 * WEFT_OK. After a failure, one of weft_reclaim_run's, no more is done; the
 * verdict tells what was. Since 0.1.
 */
WEFT_API weft_status weft_reclaim_step(weft_reclaim *reclaim,
                                       weft_detail *detail);

/* When the next step is due; WEFT_FOREVER: there is none. Since 0.1. */
WEFT_API uint64_t weft_reclaim_due_ns(const weft_reclaim *reclaim);

/* DONE for NULL. Since 0.1. */
WEFT_API weft_reclaim_phase weft_reclaim_get_phase(const weft_reclaim *reclaim);

/* The plan that it was begun with. `*plan` is the caller's. Since 0.1. */
WEFT_API weft_status weft_reclaim_get_plan(const weft_reclaim *reclaim,
                                           weft_reclaim_plan *plan);

/*
 * Asks the system to bring back what was taken, where it can: on Linux what
 * PAGEOUT has taken. It returns before all of it is there. On Windows it gives
 * a process back the memory priority that COLD has lowered.
 *
 * WEFT_OK. WEFT_ENOENT: the process has ended. WEFT_ENOTSUP: nothing brings
 * that back. WEFT_EINVAL, WEFT_EFORKED, WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_reclaim_undo(weft_reclaim *reclaim,
                                       weft_detail *detail);

/* Sets `*reclaim` to NULL. NULL and pointers to NULL are allowed. Since 0.1. */
WEFT_API void weft_reclaim_close(weft_reclaim **reclaim);

/* -------------------------------------------------------------- verdict --- */

/*
 * HELPED: more is available than the measurement can err by, and it was worth
 * its cost. NO_EFFECT: the difference can't be told from none. HURT: less is
 * available than before; or pages have been moved about for nothing; or what
 * was gained came back within the time that was looked at; or programs waited
 * for longer than that is worth, at 10 ms for each MiB.
 */
typedef enum weft_outcome {
    WEFT_OUTCOME_UNKNOWN = 0, /* not done yet, or the system does not tell */
    WEFT_OUTCOME_HELPED = 1,
    WEFT_OUTCOME_NO_EFFECT = 2,
    WEFT_OUTCOME_HURT = 3
} weft_outcome;

/* "helped", "no effect" and so on; static. Since 0.1. */
WEFT_API const char *weft_outcome_name(weft_outcome outcome);

/* Which members of a weft_verdict are known. */
#define WEFT_VERDICT_CLAIMED 1u
#define WEFT_VERDICT_RELEASED 2u
#define WEFT_VERDICT_RELOCATED 4u
#define WEFT_VERDICT_KEPT_10S 8u
#define WEFT_VERDICT_KEPT_60S 16u
#define WEFT_VERDICT_KEPT_300S 32u
#define WEFT_VERDICT_HALF_LIFE 64u
#define WEFT_VERDICT_REFAULT 128u
#define WEFT_VERDICT_STALL 256u
#define WEFT_VERDICT_CPU 512u
#define WEFT_VERDICT_AVAILABLE 1024u

typedef struct weft_verdict {
    size_t size; /* sizeof(weft_verdict), set by the caller */
    uint32_t valid;
    weft_outcome outcome;
    char reason[128]; /* of the outcome, in words */
    /*
     * What the target has less in memory: what others call freed. Of this
     * process's heap on macOS: in its footprint.
     */
    int64_t claimed_bytes;
    /*
     * How much more is available, without the drift: by the system's figure,
     * and within `noise_bytes` of that, which it may err by, as the target's
     * own accounts have it, where they tell copies of files from the rest: on
     * Windows and macOS they do not. 0 for pages of files.
     */
    int64_t released_bytes;
    int64_t available_bytes; /* by the system's figure alone */
    uint64_t noise_bytes;    /* known if that is */
    /* What went to swap, or takes memory where it is compressed. */
    int64_t relocated_bytes;
    /* What is left of what was released, so long after. */
    int64_t kept_10s_bytes;
    int64_t kept_60s_bytes;
    int64_t kept_300s_bytes;
    /* When half of it had come back; absent while it has not. */
    uint64_t half_life_ns;
    uint64_t refault_bytes; /* that came back so far */
    /* For how long programs waited for memory, beyond what they did before. */
    uint64_t stall_ns;
    uint64_t cpu_ns; /* of this process, to do it */
    uint64_t duration_ns;
} weft_verdict;

/*
 * Tells what came of it so far, after a weft_reclaim_step. The later figures
 * come when it is asked again at the times that weft_reclaim_due_ns says.
 * `*verdict` is the caller's.
 *
 * WEFT_OK: also if the step has failed, now or before: what is known is told.
 * WEFT_EINVAL, WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_reclaim_verdict(weft_reclaim *reclaim,
                                          weft_verdict *verdict,
                                          weft_detail *detail);

#ifdef __cplusplus
}
#endif

#endif
