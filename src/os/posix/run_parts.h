/* SPDX-License-Identifier: MIT
 *
 * run_parts.h - what the helpers of Linux and macOS share.
 *
 * A helper forks a supervisor for each program that is to be started. It has
 * one tree, and does all that is done for it: so a `struct run` is alone in its
 * process, and what it leaves open the exit closes. Each system has a struct
 * of its own (its run.h), with those members that the files here use.
 *
 * Each part has two moments in a supervisor: it prepares before the leader is
 * there, and says in the report's rows what it will enforce and how; and it
 * acts while the tree runs. Some parts have a third one, in the leader before
 * it executes the program, where only system calls are made.
 */
#ifndef WEFTOS_POSIX_RUN_PARTS_H
#define WEFTOS_POSIX_RUN_PARTS_H

#include <sys/resource.h>
#include <sys/types.h>

#include "../run_report.h"

/* ---------------------------------------------------------------- child --- */

#define RUN_OPERATION_BYTES 160

/* What the child says on its pipe when it can't go on. */
struct run_failure {
    int32_t os_code;    /* 0: it can, and `operation` is worth a note */
    int32_t fence;      /* of which it is a part; -1: of none */
    int32_t is_program; /* the program itself can't be executed */
    char operation[RUN_OPERATION_BYTES]; /* terminated */
};

/* In the new process: becomes the program, or says why not on `pipe`. */
_Noreturn void weftos_run_child(struct run *run, int pipe);

/* Its steps that all systems share. The pipe is in another place afterwards. */
int weftos_run_place_handles(const struct run *run, int pipe);
void weftos_run_set_limits(const struct run *run, int pipe);

/* The last one; if it fails it says so, and ends the process. */
_Noreturn void weftos_run_execute(const struct run *run, int pipe);

/*
 * Executes the program, found by PATH unless its name has a '/'. It returns if
 * it can't, and fills in why.
 */
void weftos_run_program(char *const *arguments, size_t count,
                        char *const *variables, struct run_failure *failure);

#define RUN_CHANNEL_FD 3 /* where the program finds its channel */

/* In a new process: default actions for all signals, and none is blocked. */
void weftos_run_reset_signals(void);

/* In the child: ends it, and says on `pipe` that this failed, by errno. */
_Noreturn void weftos_run_child_fail(int pipe, int fence,
                                     const char *operation);

/* In the child: something that the report has to say. */
__attribute__((format(printf, 2, 3))) void
weftos_run_child_note(int pipe, const char *format, ...);

/* Fills in the rows of the limits that each process of the tree inherits. */
void weftos_run_child_rows(struct run *run);

/* --------------------------------------------------------------- output --- */

void weftos_run_pump_rows(struct run *run);

/* Before and after the leader's start. False: it was refused. */
bool weftos_run_pump_prepare(struct run *run);
bool weftos_run_pump_start(struct run *run);

/* Ready when weftos_run_pump_check has something to do; -1: never. */
int weftos_run_pump_event(const struct run *run);

/* Looks for limits that were reached, and when to look again. */
void weftos_run_pump_check(struct run *run, uint64_t now);
uint64_t weftos_run_pump_next(const struct run *run);

/* How much was passed on so far, if it goes through here. */
void weftos_run_pump_usage(const struct run *run, weft_usage *usage);

/* After the tree's end: waits until all was passed on, and fills in usage. */
void weftos_run_pump_finish(struct run *run);

/* ----------------------------------------------------------------- tree --- */

/*
 * A limit is reached: the soft value (SIGTERM, once), or the hard one: SIGTERM
 * and SIGKILL after the grace time, or SIGKILL at once.
 */
void weftos_run_soft_limit(struct run *run, weft_fence fence);
void weftos_run_hard_limit(struct run *run, weft_fence fence,
                           weft_reason reason);

/* Ends the tree at once. */
void weftos_run_kill(struct run *run);

/* A supervisor's work, to the end; returns its exit code. */
int weftos_run_tree(struct run *run);

/* Fills in the rows of all limits. */
void weftos_run_prepare_rows(struct run *run);

/* The wall clock runs from here on. */
void weftos_run_set_times(struct run *run);

/* Looks at the clock; what it has reached happens once. */
void weftos_run_check_times(struct run *run);

/* When to look at anything again. */
uint64_t weftos_run_next_time(const struct run *run);

/* A process of the tree was reaped; and if it was the leader: how it ended. */
void weftos_run_add_reaped(struct run *run, const struct rusage *more);
void weftos_run_leader_ended(struct run *run, int status);

void weftos_run_fill_in_usage(struct run *run);

/* ----------------------------------------------------------------- host --- */

/* Puts the handles of a start where its flags say. False: they don't match. */
bool weftos_run_unpack(const struct wefti_run_message *message,
                       const weftos_received *received, struct run *run);

/* In the supervisor, which may do it before it knows what to start. */
weft_status weftos_run_make_report(struct run *run);

/*
 * In the supervisor: maps the request, and makes the report if there is none.
 * False: it has told the host why it can't.
 */
bool weftos_run_open(struct run *run, uint64_t request_bytes);

/* Tells the host something; `handle` goes with it unless it is -1. */
void weftos_run_tell(const struct run *run, uint32_t type, int64_t number,
                     int handle);

/* Does what the host says. False: it has hung up. */
bool weftos_run_hear(struct run *run);

/* ---------------------------------------------------------------- start --- */

/* Starts the leader. False: it has refused. */
bool weftos_run_start_leader(struct run *run);

/* pipe(), both ends closed over exec. 0, or -1 and errno. */
int weftos_run_make_pipe(int ends[2]);

/* This process's environment is this one from here on. */
void weftos_environment_set(char **variables);

/* What signals mean to who is not a program of the user's: nothing. */
void weftos_run_ignore_signals(void);

/* ------------------------------------------ what each system does itself ---
 */

/* Forked children have this memory too from here on. 0, or -1. */
int weftos_run_map_for_leader(void *base, size_t bytes);

/*
 * Makes the leader's process, which runs weftos_run_child. False: `*failure`
 * says why not.
 */
bool weftos_run_fork_leader(struct run *run, int pipe,
                            struct run_failure *failure);

/* After a start that has failed: nobody is left of it. */
void weftos_run_isolate_undo(struct run *run);

/*
 * After a start that has failed: finds out what works here, and plans anew
 * with that. False: it all works, so the failure is another one's; or it has
 * refused.
 */
bool weftos_run_isolate_again(struct run *run);

/* In the leader: why there may be no such program inside; NULL: no reason. */
const char *weftos_run_isolate_absence(const struct run *run,
                                       const char *program);

/* "TMPDIR=...", or NULL. */
char *weftos_run_isolate_temp(const struct run *run);

/* A variable that tells a process of the tree from others, or NULL. */
char *weftos_run_mark(const struct run *run);

/*
 * Sends a signal to every process of the tree, those that are made meanwhile
 * included.
 */
void weftos_run_signal_tree(struct run *run, int number);

/* The leader died of a signal: if there is more to be said, it is. */
void weftos_run_explain(struct run *run, int number);

/* MEMORY, CPU, PROCESSES and TREE_KILL. */
void weftos_run_limits_prepare(struct run *run);
uint64_t weftos_run_limits_next(const struct run *run);
void weftos_run_limits_usage(struct run *run, weft_usage *usage);

/*
 * In the leader: sets the limits that stand behind those of the tree. False:
 * `*operation` has failed, which is for `*fence`.
 */
bool weftos_run_limits_child(const struct run *run, const char **operation,
                             int *fence);

#endif
