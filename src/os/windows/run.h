/* SPDX-License-Identifier: MIT
 *
 * run.h - what the parts of the helper share.
 *
 * The helper's main thread (run_helper.c) takes what is to be started. Each
 * program has a thread of its own, its supervisor (run_tree.c), which makes a
 * job, has the leader made in it (run_child.c), and does all that is done for
 * this tree. A job ends with the last handle of it, and only the helper has
 * one: so the trees end with the helper, however that ends.
 */
#ifndef WEFTOS_WINDOWS_RUN_H
#define WEFTOS_WINDOWS_RUN_H

#include "../run_report.h"
#include "win.h"

/* What the job has told, bits of `run.happened`. */
#define RUN_BIRTH 1u     /* a process was made */
#define RUN_EMPTY 2u     /* the last one has ended */
#define RUN_MEMORY 4u    /* the limit of memory was reached */
#define RUN_PROCESSES 8u /* one more was refused */

/* The exit code of those who are killed from here: "weft". */
#define RUN_KILLED 0x74666577u

/* A process of the tree when it was last seen; run_sample.c. */
struct run_member {
    DWORD pid;
    bool is_seen;
    uint64_t created;
    uint64_t user_ns;
    uint64_t system_ns;
};

/* What the tree has used, from what is known of its processes. */
struct run_sample {
    uint64_t processes;
    uint64_t user_ns; /* of those that have ended, as they were last seen */
    uint64_t system_ns;
    uint64_t commit;   /* bytes, of those that live */
    uint64_t resident; /* the most that one of them ever had */
};

struct run_cpu {
    bool is_counted;     /* the job counts, and not the list of processes */
    uint64_t last_ns;    /* CPU time at the last look */
    uint64_t soft;       /* CPU time; WEFT_FOREVER: none, or done */
    uint64_t hard;       /* likewise */
    uint64_t look_at_ns; /* WEFT_FOREVER: never */
    uint64_t used_at_ns; /* when it was last seen to have grown */
};

struct run_memory {
    bool is_kernels; /* the job holds the limit */
    uint64_t limit;
    uint64_t peak; /* the most that was seen */
    uint64_t rss_peak;
    uint64_t look_at_ns;
    bool is_over;
};

struct run_tasks {
    bool is_kernels;
    uint64_t peak;
};

struct run {
    /* Of the registry, under its lock: run_helper.c. */
    struct run *next;
    uintptr_t number; /* the job tells of itself by it */

    const struct wefti_run_request *request;
    size_t request_bytes;
    struct wefti_run_report *report;
    weft_handle report_handle; /* to be shared with the host */
    size_t report_bytes;
    weft_handle handles[WEFTI_RUN_HANDLES]; /* WEFTOS_NONE: there is none */
    HANDLE host;                            /* its process, or NULL */
    HANDLE thread; /* this one; the host waits for it */

    HANDLE news; /* auto-reset: look at `happened`, and at the pump */
    _Atomic unsigned happened;
    HANDLE job;
    HANDLE leader;        /* NULL: not started */
    HANDLE leader_thread; /* stopped until all is ready */
    DWORD leader_pid;
    bool leader_has_ended;
    bool is_ending;        /* the tree was killed */
    bool has_sent_break;   /* CTRL_BREAK */
    bool is_last_look;     /* nobody lives */
    bool is_program_wrong; /* it is what can't be executed */
    bool has_refused;
    HANDLE token;  /* for the leader; NULL: the helper's own */
    wchar_t *temp; /* its directory for temporary files, or NULL */
    HANDLE temp_lock;
    uint64_t started_ns;
    uint64_t kill_at_ns; /* the end of the grace time; WEFT_FOREVER: none */
    uint64_t wall_soft_at_ns;
    uint64_t wall_hard_at_ns;
    struct run_pump *pump; /* NULL: the output is the program's own */
    struct run_member *members;
    size_t member_count;
    size_t member_room;
    bool has_sampled;
    uint64_t ended_user_ns; /* of members that have ended */
    uint64_t ended_system_ns;
    struct run_cpu cpu;
    struct run_memory memory;
    struct run_tasks tasks;
};

/* --------------------------------------------------------------- helper --- */

/* From here on the job tells the run what happens in it. False: it can't. */
bool weftos_run_register(struct run *run);
void weftos_run_unregister(struct run *run);

/* ------------------------------------------------------------------ job --- */

/*
 * Makes the job, sets its limits and reads back what it has kept of them; fills
 * in the rows of TREE_KILL, MEMORY and PROCESSES. False: it has refused.
 */
bool weftos_run_job_prepare(struct run *run);

/* How many processes live in it; -1: it can't be told. */
int64_t weftos_run_job_count(const struct run *run);

/* CPU time by its own accounts, dead processes included; 0 where it has none.
 */
void weftos_run_job_times(const struct run *run, uint64_t *user_ns,
                          uint64_t *system_ns);

/* The most memory that was committed in it at one time; 0: it does not say. */
uint64_t weftos_run_job_peak(const struct run *run);

/* The system's CPUs that the leader is to run on; 0: as it comes. */
DWORD_PTR weftos_run_job_cpus(const struct run *run);

/* Looks at each process of it. False: they can't be listed. */
bool weftos_run_sample(struct run *run, struct run_sample *sample);

/* ---------------------------------------------------------------- child --- */

/* Makes the leader in its job, stopped. False: it was refused. */
bool weftos_run_child_make(struct run *run);

/*
 * Makes a process of the helper's own program that never runs. Without a job
 * or token, NULL, it has none, or the helper's.
 */
bool weftos_run_make_idler(HANDLE job, HANDLE token, HANDLE *process);

/* ------------------------------------------------------------ isolation --- */

/* The rows of all that isolates, and what it takes. False: it has refused. */
bool weftos_run_isolate_prepare(struct run *run);

/* Removes the directory for temporary files, and all in it. */
void weftos_run_isolate_end(struct run *run);

/* ---------------------------------------------------------------- limits ---
 */

void weftos_run_limits_prepare(struct run *run);
void weftos_run_limits_start(struct run *run);
void weftos_run_limits_look(struct run *run);
void weftos_run_limits_end(struct run *run);
uint64_t weftos_run_limits_next(const struct run *run);
void weftos_run_limits_usage(struct run *run, weft_usage *usage);

/* --------------------------------------------------------------- output --- */

void weftos_run_pump_rows(struct run *run);

/* Before and after the leader's start. False: it was refused. */
bool weftos_run_pump_prepare(struct run *run);
bool weftos_run_pump_start(struct run *run);

/* Looks for limits that were reached, and when to look again. */
void weftos_run_pump_check(struct run *run, uint64_t now);
uint64_t weftos_run_pump_next(const struct run *run);

/* After the tree's end: waits until all was passed on, and fills in usage. */
void weftos_run_pump_finish(struct run *run);

/* Whatever has come of it; NULL is allowed. */
void weftos_run_pump_close(struct run_pump *pump);

/* ----------------------------------------------------------------- tree --- */

/*
 * A limit is reached: the soft value (CTRL_BREAK, once), or the hard one:
 * CTRL_BREAK and the end after the grace time, or the end at once.
 */
void weftos_run_soft_limit(struct run *run, weft_fence fence);
void weftos_run_hard_limit(struct run *run, weft_fence fence,
                           weft_reason reason);

/* Ends the tree at once. */
void weftos_run_kill(struct run *run);

/* A supervisor's work, to the end. */
void weftos_run_tree(struct run *run);

#endif
