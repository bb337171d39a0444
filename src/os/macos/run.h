/* SPDX-License-Identifier: MIT
 *
 * run.h - what the parts of the helper share on macOS; what they share on all
 * systems is in posix/run_parts.h.
 *
 * macOS gives nobody the orphans of a tree. So a supervisor keeps a list of
 * the processes that it knows to be of the tree (run_members.c), looks for more
 * whenever one of them forks, and says in the end if that may have missed one.
 */
#ifndef WEFTOS_MACOS_RUN_H
#define WEFTOS_MACOS_RUN_H

#include "../posix/run_parts.h"
#include "macos.h"

/* What getrusage counts ru_maxrss in. */
#define RUN_RSS_UNIT 1

/* What each process of a tree has in its environment: "WEFT_TREE=...". */
#define RUN_MARK_BYTES 32

/*
 * Memory that the helper and one of its supervisors share: what the helper has
 * to know to end a tree that has lost its supervisor.
 */
struct run_slot {
    _Atomic int leader; /* 0: not started; the rest comes before */
    uint64_t start_us;
    pid_t group; /* of its own; 0: none */
    char mark[RUN_MARK_BYTES];
};

struct run_member {
    pid_t pid;
    pid_t parent;
    uint64_t start_us; /* 0: not told */
    uint64_t cpu_ns;   /* when it was last looked at, with those it awaited */
    bool is_live;
    bool is_new;    /* the kqueue does not hear of it yet */
    bool is_beyond; /* may not be signalled: another user's by now */
    bool was_stopped;
};

struct run_members {
    struct run_member *list;
    size_t count;
    size_t room;
    uint64_t *known;     /* a bit for each process number in the list */
    uint64_t *earlier;   /* those that were there before the leader */
    pid_t group;         /* of the leader's own; 0: it is in the host's */
    uint64_t start_us;   /* of the leader: nobody of the tree is older */
    uint64_t lost_ns;    /* CPU time of those whom nobody awaited */
    uint64_t scan_at_ns; /* before that a look does without a scan */
    char mark[RUN_MARK_BYTES];
    uint64_t *origins; /* the own numbers of all that were ever on the list */
    size_t origin_count;
    size_t origin_room;
    uint64_t launchd;  /* its own number; 0: not told */
    bool has_origins;  /* they tell what is known already */
    bool is_short;     /* of memory: some may be missing */
    bool has_suspects; /* orphans that may be of the tree, or not */
};

/* What is looked at, and when; run_limits.c. */
struct run_limits {
    uint64_t look_at_ns; /* WEFT_FOREVER: never */
    uint64_t memory;     /* bytes; WEFT_FOREVER: no limit */
    uint64_t memory_peak;
    uint64_t processes; /* WEFT_FOREVER: no limit */
    uint64_t processes_peak;
    uint64_t processes_pause_ns;
    uint64_t cpu_soft; /* WEFT_FOREVER: none, or done */
    uint64_t cpu_hard; /* likewise */
    uint64_t cpu_last_ns;
    uint64_t cpu_used_at_ns; /* when it was last seen to have grown */
    unsigned cpus;
};

struct run_isolation; /* run_isolate.c */

struct run {
    const struct wefti_run_request *request;
    struct wefti_run_report *report;
    int handles[WEFTI_RUN_HANDLES]; /* -1 where there is none */
    weftos_process_id host;         /* pid 0: not known */
    int report_handle;              /* to be shared with the host */
    size_t report_bytes;
    uint64_t started_ns;
    pid_t supervisor;
    pid_t leader; /* 0: not started, or reaped */
    bool leader_has_ended;
    struct rusage reaped; /* of the leader and those it awaited */
    bool is_ending;       /* SIGKILL was sent to the tree */
    uint64_t kill_at_ns;  /* the end of the grace time; WEFT_FOREVER: none */
    uint64_t wall_soft_at_ns;
    uint64_t wall_hard_at_ns;
    struct run_isolation *isolation; /* NULL: none */
    struct run_pump *pump;           /* NULL: the output is the program's own */
    bool is_program_wrong;           /* it is what can't be executed */
    bool has_refused;
    int queue; /* all that is waited for */
    struct run_slot *slot;
    struct run_members members;
    struct run_limits limits;
};

/* -------------------------------------------------------------- members --- */

/* Notes who is there before the leader is. */
void weftos_run_members_begin(struct run_members *members, const char *mark);

/* The leader's process is there; `group` if it has one of its own. */
void weftos_run_members_lead(struct run_members *members, pid_t leader,
                             bool group);

/*
 * Looks at all processes of the machine, and brings the list up to date. Those
 * that have ended leave it.
 */
void weftos_run_members_scan(struct run_members *members);

/* A process of the tree has forked: adds its children, and is quick. */
void weftos_run_members_forked(struct run_members *members, pid_t parent);

/* Has the kqueue tell of forks and ends of those that it does not know. */
void weftos_run_members_watch(struct run_members *members, int queue);

/* Stops and kills all; what is made meanwhile, too. */
void weftos_run_members_kill(struct run_members *members);

/* Those that live, without those that may not be signalled. */
size_t weftos_run_members_left(const struct run_members *members);

/*
 * In the helper: kills what is left of a tree, and has the kqueue tell of the
 * ends. False: nothing is left.
 */
bool weftos_run_kill_stray(const struct run_slot *slot, int queue);

/* What the processes of a tree that live have and use. */
struct run_sample {
    uint64_t processes;
    uint64_t footprint;
    uint64_t cpu_ns; /* they and the children that they have waited for */
};
void weftos_run_members_sample(struct run_members *members,
                               struct run_sample *sum);

/* --------------------------------------------------------------- limits --- */

void weftos_run_limits_start(struct run *run);
void weftos_run_limits_look(struct run *run);
void weftos_run_limits_end(struct run *run);

/* ---------------------------------------------------------------- child --- */

/* Closes all descriptors from `first` on but `kept`. */
void weftos_run_close_from(int first, int kept);

/* ------------------------------------------------------------ isolation --- */

/* Plans what isolates, and fills in the rows. False: it has refused. */
bool weftos_run_isolate_prepare(struct run *run);

/* In the leader: what it may do; the last thing before the program. */
void weftos_run_isolate_confine(struct run *run, int pipe);

/* Removes the temporary directory. */
void weftos_run_isolate_end(struct run *run);

#endif
