/* SPDX-License-Identifier: MIT
 *
 * run.h - what the parts of the helper share on Linux; what they share on all
 * systems is in posix/run_parts.h.
 *
 * A supervisor adopts the orphans of its tree, so all of it is below the
 * supervisor.
 */
#ifndef WEFTOS_LINUX_RUN_H
#define WEFTOS_LINUX_RUN_H

#include <sys/resource.h>
#include <sys/types.h>

#include "../posix/run_parts.h"
#include "linux.h"

/* What getrusage counts ru_maxrss in. */
#define RUN_RSS_UNIT 1024

/* The hierarchies that a tree can have a group in. */
enum run_tier { RUN_UNIFIED, RUN_MEMORY, RUN_PIDS, RUN_CPUACCT, RUN_TIERS };

struct run_group {
    int parent;       /* the directory that it is made in, or -1 */
    int directory;    /* its own, locked; -1: there is none */
    int entry;        /* what the leader enters it by, or -1 */
    char name[32];    /* weft-PID-N */
    char why_not[64]; /* why there is none */
};

/* How the memory of a tree is held; run_memory.c. */
enum run_memory_kind {
    RUN_MEMORY_FREE, /* not at all: only counted when asked for */
    RUN_MEMORY_V2,
    RUN_MEMORY_V1,
    RUN_MEMORY_SAMPLED
};

struct run_memory {
    enum run_memory_kind kind;
    int directory;       /* of the group */
    int events;          /* to be polled, or -1 */
    uint64_t limit;      /* in force */
    uint64_t kills;      /* of the group's processes for want of memory */
    uint64_t peak;       /* SAMPLED: the most that was seen */
    uint64_t look_at_ns; /* WEFT_FOREVER: when the kernel says so */
    uint64_t pause_ns;
    bool is_over; /* it was killed for its limit */
    bool is_host; /* the kernel killed one of it, but not for that */
};

/* Where the CPU time of a tree is read; run_cpu.c. */
enum run_cpu_source {
    RUN_CPU_REAPED, /* what the supervisor reaped; /proc for those that live */
    RUN_CPU_UNIFIED,
    RUN_CPU_CPUACCT,
    RUN_CPU_PERF
};

struct run_cpu {
    enum run_cpu_source source;
    int handle;          /* what is read of a group */
    int counter;         /* a performance counter, or -1 */
    uint64_t last_ns;    /* CPU time at the last look */
    uint64_t over_ns;    /* when the hard limit was reached; 0: it was not */
    uint64_t soft;       /* CPU time; WEFT_FOREVER: none, or done */
    uint64_t hard;       /* likewise */
    uint64_t look_at_ns; /* WEFT_FOREVER: never */
    uint64_t used_at_ns; /* when it was last seen to have grown */
    unsigned cpus;       /* that can run the tree at the same time */
};

/* How many processes a tree may have; run_tasks.c. */
struct run_tasks {
    int directory; /* of the group with pids.max, or -1 */
    bool is_sampled;
    uint64_t peak;
    uint64_t look_at_ns;
    uint64_t pause_ns;
};

/* What a supervisor tells the helper when it has started a program. */
struct run_told {
    pid_t supervisor;
    bool has_groups;
};

struct run {
    const struct wefti_run_request *request;
    struct wefti_run_report *report;
    int handles[WEFTI_RUN_HANDLES]; /* -1 where there is none */
    int host;                       /* its pidfd, or -1 */
    int told;                       /* where the helper hears run_told */
    int report_handle;              /* to be shared with the host */
    size_t report_bytes;
    uint64_t started_ns;
    pid_t supervisor;
    pid_t leader; /* 0: not started, or reaped */
    bool leader_has_ended;
    struct rusage reaped; /* of all that the supervisor has reaped */
    bool is_ending;       /* SIGKILL was sent to the tree */
    uint64_t kill_at_ns;  /* the end of the grace time; WEFT_FOREVER: none */
    uint64_t wall_soft_at_ns;
    uint64_t wall_hard_at_ns;
    struct run_isolation *isolation; /* NULL: none */
    struct run_pump *pump;           /* NULL: the output is the program's own */
    bool is_program_wrong;           /* it is what can't be executed */
    bool has_refused;
    bool has_ended;        /* all of the tree is gone */
    bool has_found_groups; /* `groups` means something */
    struct run_group groups[RUN_TIERS];
    struct run_memory memory;
    struct run_cpu cpu;
    struct run_tasks tasks;
    int populated; /* the group's cgroup.events, to be polled, or -1 */
};

/* ---------------------------------------------------------------- child --- */

/* In the helper: which signals a leader has to reset. */
void weftos_run_learn_signals(void);

/*
 * Whether the leader can do all that it has to in the supervisor's memory: then
 * there is nothing to copy.
 */
bool weftos_run_can_borrow(const struct run *run);

/*
 * Makes a leader that uses the supervisor's memory until it is the program; the
 * supervisor stands still meanwhile. As fork, but for who is the child.
 */
pid_t weftos_run_borrow(struct run *run, int pipe);

/* -------------------------------------------------------------- members --- */

/* How many processes the tree has; -1: it can't be told. */
int64_t weftos_run_count_members(struct run *run);

/*
 * The processes of a tree, as one pass finds them. What it makes meanwhile, and
 * whose parent ends meanwhile, may be missing.
 */
struct run_members {
    pid_t *pids;
    size_t count;
    size_t room;
    uint64_t *seen; /* a bit for each process number */
    pid_t init;     /* of a pid namespace: ours, and none of the tree; or 0 */
    bool is_short;  /* of memory: some are missing */
};
void weftos_run_free_members(struct run_members *members);
void weftos_run_list_members(const struct run *run,
                             struct run_members *members);

/* What the processes of a tree that live have and use, by /proc. */
struct run_sample {
    uint64_t processes;
    uint64_t tasks;    /* threads */
    uint64_t resident; /* bytes, what is shared counted for each of them */
    uint64_t private_; /* bytes, of that what is no file's and not shared */
    uint64_t cpu_ns;   /* they and the children that they have waited for */
};

/* False: not all of them could be looked at, for want of memory. */
bool weftos_run_sample(struct run *run, struct run_sample *sum);

/*
 * What they have in memory and swap that is no file's; what several share
 * counts once. That takes the kernel milliseconds if it is much.
 */
uint64_t weftos_run_sample_memory(struct run *run);

/*
 * In the helper: kills the children that are none of the `count` processes of
 * `keep`, and all below them. False: there are none.
 */
bool weftos_run_kill_strays(const pid_t *keep, size_t count);

/* --------------------------------------------------------------- groups --- */

/*
 * Makes the leader's process, in the v2 group if there is one: as fork, with
 * more flags. Where the caller has memory in common with the supervisor
 * (CLONE_PARENT), too.
 */
pid_t weftos_run_clone(struct run *run, unsigned long flags);

/* Whether there is a v2 group, in which weftos_run_clone makes the leader. */
bool weftos_run_can_be_born_in_group(const struct run *run);

/* In the leader: enters those groups that it was not born in. */
bool weftos_run_enter_groups(const struct run *run);

/* Whether one write kills the tree's whole group. */
bool weftos_run_can_kill_group(const struct run *run);

/* Kills it. False: there is none, or nobody in it. */
bool weftos_run_kill_group(struct run *run);

/* Whether someone is in it: 1 or 0; -1: it can't be told. */
int weftos_run_group_populated(const struct run *run);

/* In the helper: finds where groups are made, for its later supervisors. */
void weftos_run_groups_keep(void);

/* Removes the empty groups of supervisors that have died. */
void weftos_run_groups_tidy(struct run *run);

/* Removes the tree's own. */
void weftos_run_groups_end(struct run *run);

/* In the helper: kills and removes the groups of a supervisor that died. */
void weftos_run_groups_end_of(pid_t supervisor);

/* ---------------------------------------------------------------- limits ---
 *
 * MEMORY, CPU, PROCESSES and TREE_KILL. `prepare` finds the means and fills in
 * the row, `look` is called when something may have happened, and `end` when
 * the tree has ended.
 */

void weftos_run_memory_prepare(struct run *run);
void weftos_run_memory_start(struct run *run);
void weftos_run_memory_look(struct run *run);
void weftos_run_memory_usage(struct run *run, weft_usage *usage);

void weftos_run_cpu_prepare(struct run *run);
void weftos_run_cpu_start(struct run *run);
void weftos_run_cpu_look(struct run *run);
void weftos_run_cpu_end(struct run *run);
void weftos_run_cpu_usage(struct run *run, weft_usage *usage);

void weftos_run_tasks_prepare(struct run *run);
void weftos_run_tasks_start(struct run *run);
void weftos_run_tasks_look(struct run *run);
void weftos_run_tasks_end(struct run *run);
void weftos_run_tasks_usage(struct run *run, weft_usage *usage);

/* Of all three, and TREE_KILL; weftos_run_limits_prepare goes before. */
void weftos_run_limits_start(struct run *run);
void weftos_run_limits_look(struct run *run);
void weftos_run_limits_end(struct run *run);

/* What wakes a supervisor besides: so many descriptors to poll. */
#define RUN_LIMITS_POLLS 2
struct pollfd;
void weftos_run_limits_poll(struct run *run, struct pollfd *polls);

/* After that, and before anything that makes it ready anew. */
void weftos_run_limits_hear(const struct pollfd *polls);

/* ------------------------------------------------------------ isolation --- */

/* In the helper: makes room for what its supervisors find out. */
void weftos_run_isolate_begin(void);

/*
 * Plans what isolates, with all that the kernel may have, and fills in the
 * rows, which are true when the leader has started. False: it has refused.
 */
bool weftos_run_isolate_prepare(struct run *run);

/*
 * Makes the leader in its namespaces, in place of weftos_run_clone: it runs
 * weftos_run_child. False: `*failure` says why not.
 */
bool weftos_run_isolate_start(struct run *run, int pipe,
                              struct run_failure *failure);

/* In the leader: what it sees. */
void weftos_run_isolate_view(struct run *run, int pipe);

/* In the leader: what it may do; the last thing before the program. */
void weftos_run_isolate_confine(struct run *run, int pipe);

/* RLIMIT_NPROC for the tree; 0: none. */
uint64_t weftos_run_isolate_tasks(const struct run *run);

/* The leader's parent as it sees it. */
pid_t weftos_run_isolate_parent(const struct run *run);

/*
 * Ends all processes of the pid namespace at once. False: there is none, and
 * nothing was done.
 */
bool weftos_run_isolate_kill(struct run *run);

/* The init of the pid namespace is no process of the tree; 0: none. */
pid_t weftos_run_isolate_init(const struct run *run);

/* A child was reaped. */
void weftos_run_isolate_reaped(struct run *run, pid_t pid);

/* The leader died of a signal: if that was the filter, it is said so. */
void weftos_run_isolate_explain(struct run *run, int number);

/* ----------------------------------------------------------------- tree --- */

/* From here on the ends of children are told by a descriptor. */
int weftos_run_open_ends(void);

#endif
