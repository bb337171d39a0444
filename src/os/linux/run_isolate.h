/* SPDX-License-Identifier: MIT
 *
 * run_isolate.h - what the parts that isolate a tree share.
 *
 * The numbers below are the kernel's ABI; older headers lack them. System
 * calls since number 424 have the same number everywhere.
 */
#ifndef WEFTOS_LINUX_RUN_ISOLATE_H
#define WEFTOS_LINUX_RUN_ISOLATE_H

#include "run.h"

enum {
    CALL_OPEN_TREE = 428,
    CALL_MOVE_MOUNT = 429,
    CALL_FSOPEN = 430,
    CALL_FSCONFIG = 431,
    CALL_FSMOUNT = 432,
    CALL_OPENAT2 = 437,
    CALL_MOUNT_SETATTR = 442
};

/* A rule for a path as it is to be seen from inside. */
struct run_rule {
    char *path;      /* no part of it is a link, and it is no directory's end */
    uint32_t access; /* enum weft_access; 0: made by us */
    int file_system; /* enum run_file_system */
    mode_t type;     /* of the file at `path`, S_IF... */
    bool is_system;  /* ours; the user's own goes before it */
    bool is_inside;  /* below a file system of ours: its place is made there */
    int tree;        /* while the view is made; else -1 */
};

enum run_file_system { RUN_HOST, RUN_EMPTY, RUN_TEMP, RUN_PROC, RUN_OVERLAY };

struct run_link {
    char *path;
    char *text;
};

/*
 * What is used of all that there is. The view is what the tree sees of the
 * files: as the host has them (`!has_mounts`), with some places covered, or
 * (`has_root`) a root of its own with nothing but what was allowed.
 */
struct run_isolation {
    int namespaces; /* CLONE_NEW..., but for the pid namespace */
    bool has_pid_namespace;
    bool sees_paths; /* the rules of the request are used */
    bool has_mounts;
    bool has_root;
    bool has_temp;
    bool has_overlay; /* it can be had */
    bool has_proc;    /* a /proc of its own; else an empty one */
    bool landlocks_paths;
    bool landlocks_sockets;
    bool filters_calls;
    bool filters_network;
    bool drops_rights;
    bool is_probed; /* what it is planned with was tried before */
    uid_t uid;      /* the same inside */
    gid_t gid;
    weft_enforcement tree_kill; /* the row without a pid namespace */
    weft_enforcement processes; /* the row without a user namespace */
    bool holds_tasks;           /* RLIMIT_NPROC is for the tree */
    pid_t init;                 /* of the pid namespace; 0: none, or reaped */
    int life;                   /* closed: the init ends all; -1 */
    int life_end;               /* the init's end of it; -1 */
    struct run_rule *rules;     /* parents before children */
    size_t rule_count;
    struct run_link *links;
    size_t link_count;
    char *directory; /* the working directory; NULL: it has no name */
    dev_t directory_device;
    ino_t directory_file;
};

/*
 * The rest is called between run_isolate.c and its parts. What returns int
 * returns 0 or an errno, and names what failed in `*step`.
 */

/* -------------------------------------------------------- weftos_run_probe.c
 * ---- */

enum run_facility {
    PROBE_USER,
    PROBE_NETWORK,
    PROBE_IPC,
    PROBE_MOUNTS,
    PROBE_PIDS,
    PROBE_PROC,
    PROBE_OVERLAY,
    PROBE_FACILITIES
};

extern const char *const weftos_run_facility_names[PROBE_FACILITIES];

/* What of them works, with a user namespace or without. */
struct run_findings {
    _Atomic bool is_known; /* released after the rest was written */
    struct {
        int cause; /* an errno; 0: it works */
        const char *step;
    } of[PROBE_FACILITIES];
};

bool weftos_run_has(const struct run_findings *found,
                    enum run_facility facility);
bool weftos_run_has_all(const struct run_findings *found);

/* What is known already; else as if all worked. */
void weftos_run_probe_recall(struct run_findings *found, bool with_user);

/* Tries all, and lets later starts know. */
void weftos_run_probe(struct run_findings *found, bool with_user);

/*
 * Does RLIMIT_NPROC, in a user namespace of its own, count the processes in
 * there and no others, and hold? Not before Linux 5.14, nor for the system's
 * root.
 */
bool weftos_run_probe_tasks(void);

/* In a new user namespace: it has this user and group, and no others. */
int weftos_run_probe_write_maps(uid_t uid, gid_t gid, const char **step);

/* -------------------------------------------------------- run_rules.c ---- */

/* Resolves the rules. False: it has refused. */
bool weftos_run_paths_prepare(struct run *run);

/* -------------------------------------------------------- run_paths.c ---- */

/* Is the root a copy of the host's? It is the first rule, once sorted. */
bool weftos_run_paths_has_host_root(const struct run_isolation *isolation);

/* The rule that holds at a place, which no link leads to; NULL: none. */
const struct run_rule *
weftos_run_paths_rule_over(const struct run_isolation *isolation,
                           const char *path);

/* In a namespace of its own: can a view be made there? */
int weftos_run_paths_probe(const char **step);

/* Likewise, in a pid namespace of its own: can /proc be mounted? */
int weftos_run_paths_probe_proc(const char **step);

/* In a mount namespace of its own: can one directory be laid over another? */
int weftos_run_paths_probe_overlay(bool has_user, const char **step);

/* In the leader: makes the view and enters it. */
void weftos_run_paths_enter(struct run *run, int pipe);

/* ----------------------------------------------------- run_landlock.c ---- */

#define LANDLOCK_FILES 1   /* the ABI that can restrict files */
#define LANDLOCK_SOCKETS 6 /* and abstract Unix sockets */

/* The ABI that the kernel has; 0: none. */
int weftos_run_landlock_abi(void);

/* In the leader, inside the view. */
void weftos_run_landlock_enter(struct run *run, int pipe);

/* ------------------------------------------------------- run_filter.c ---- */

/* Whether there is a filter for this machine; why not, if not. */
bool weftos_run_filter_works(const char **why_not);

/* In the leader: the last thing before the program. */
void weftos_run_filter_enter(struct run *run, int pipe);

#endif
