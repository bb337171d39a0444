/* SPDX-License-Identifier: MIT
 *
 * memory_daemon.h - what the files of weft memory daemon share.
 *
 * One thread and one loop: it sleeps until the system says that programs wait
 * for memory, a request comes, a signal, or the time of the next look or of the
 * next step of something that was begun. What to do is the policy's decision
 * (memory_policy.h); whether a process may be touched is the library's
 * (weft/protect.h); what came of it is measured (weft/reclaim.h) and learnt
 * from (memory_bandit.h).
 */
#ifndef WEFT_MEMORY_DAEMON_H
#define WEFT_MEMORY_DAEMON_H

#include <weft/protect.h>
#include <weft/service.h>
#include <weft/topic.h>

#include "memory_config.h"
#include "memory_store.h"
#include "sys.h"

/* The name at which it is asked. */
#define DAEMON_NAME "weft.memory"

/* The topic of the changes of its state. */
#define DAEMON_TOPIC "weft.memory.pressure"

/* Processes that are looked at, applications that are remembered, actions
 * whose outcome is followed, events that are told without a history. */
#define DAEMON_TARGETS_MOST 16
#define DAEMON_APPS_MOST 64
#define DAEMON_RUNS_MOST 16
#define DAEMON_EVENTS_MOST 32

/* A process that may be acted on, or that takes a great deal. */
typedef struct daemon_target {
    int64_t pid;
    uint64_t started;
    char name[64];
    char exe[256];
    uint64_t resident_bytes;
    uint64_t private_bytes;
    uint64_t candidate_bytes; /* what paging out would be applied to */
    uint64_t cold_ns;         /* when it was marked as cold; 0: it is not */
    uint64_t seen_ns;         /* when it was first seen in the background */
    uint64_t ready_ns;        /* not to be acted on before */
    double gain;
    uint64_t pageout_ns; /* for a page */
    uint64_t refault_ns;
    bool is_protected;
    char why[160]; /* it is protected, or can't be acted on */
    bandit_arm arm;
} daemon_target;

/* An action whose outcome is followed. */
typedef struct daemon_run {
    weft_reclaim *reclaim; /* NULL: this place is free */
    memory_event event;    /* the action */
    bandit_arm arm;
    bandit_context context;
    uint64_t working_set_bytes;
    uint64_t begun_ns;
    uint32_t told; /* the figures of the verdict that were told */
} daemon_run;

/* Lines that were not logged because there were too many. */
typedef struct daemon_log {
    bool json;
    bool is_lost; /* standard output takes no more */
    unsigned room;
    uint64_t filled_ns;
    uint64_t dropped;
} daemon_log;

typedef struct daemon_http daemon_http;

typedef struct memory_daemon {
    config_source source;
    memory_config config;
    weft_memory_rules *rules;
    weft_memory *memory;
    weft_memory_watch *watch; /* NULL: the system does not tell */
    uint64_t deaf_until_ns;   /* its handle is not waited for before */
    weft_service *service;
    weft_publisher *publisher; /* NULL: the topic can't be had */
    memory_store *store;       /* NULL: not now; see daemon_open_store */
    uint64_t store_ns;         /* when it was last used */
    daemon_http *http;         /* NULL: nobody asked for it */
    policy policy;
    bandit_random random;
    uint64_t started_ns;
    uint64_t started_unix_ns;
    uint64_t page_bytes;
    weft_memory_figures figures; /* of the last look */
    policy_decision decision;    /* likewise */
    uint64_t look_ns;            /* when the next one is due */
    uint64_t list_ns;            /* when processes are listed again */
    uint64_t waited_ns;          /* when programs were last seen to wait */
    uint64_t paused_until_ns;
    bool is_wanted; /* see daemon_want_memory */
    uint64_t prune_ns;
    uint64_t alert_ns[3]; /* not before, for each state */
    daemon_target targets[DAEMON_TARGETS_MOST];
    size_t target_count;
    memory_app apps[DAEMON_APPS_MOST];
    daemon_run runs[DAEMON_RUNS_MOST];
    sys_shell shells[4];
    memory_event events[DAEMON_EVENTS_MOST]; /* a ring */
    uint64_t event_count;                    /* that there ever were */
    uint64_t looks;
    uint64_t alarms;
    uint64_t actions;
    uint64_t outcomes[4]; /* by weft_outcome, after a minute */
    int64_t kept_bytes;   /* after a minute, in all */
    uint64_t store_failures;
    char store_problem[512]; /* "": it works */
    daemon_log log;
} memory_daemon;

/* ---------------------------------------------------- memory_daemon.c --- */

/*
 * Opens all that the config asks for. False: it was said why not, and nothing
 * is to be run; the caller ends it in any case.
 */
bool memory_daemon_open(memory_daemon *me, int *exit_code);
void memory_daemon_close(memory_daemon *me);

/* Until a signal asks it to end; returns the exit code. */
int memory_daemon_run(memory_daemon *me);

/*
 * Reads the config again. False: it has a mistake, which was logged and is in
 * `why`, and the old one stays.
 */
bool memory_daemon_reload(memory_daemon *me, char *why, size_t room);

/* Looks at once, and once as if memory were wanted, so that something is done
 * although there is plenty. */
void daemon_want_memory(memory_daemon *me);

/* --------------------------------------------- memory_daemon_target.c --- */

/* Brings the list of targets up to date. */
void daemon_list_targets(memory_daemon *me, uint64_t now_ns);

/* What the policy wants to know of each; `targets` has room for all. */
void daemon_fill_targets(memory_daemon *me, uint64_t now_ns,
                         policy_target *targets);

/* What is known of an application; NULL: there is no room for it. */
memory_app *daemon_find_app(memory_daemon *me, const char *exe);

/* ------------------------------------------------ memory_daemon_act.c --- */

/* Does, or in a dry run tells, what was decided. */
void daemon_act(memory_daemon *me, uint64_t now_ns);

/* Goes on with what was begun; returns when there is more of it to do. */
uint64_t daemon_follow(memory_daemon *me, uint64_t now_ns);
void daemon_end_runs(memory_daemon *me);

/* ----------------------------------------------- memory_daemon_tell.c --- */

/* Begins the topic; that it can't be had is said, and stops nothing. */
void daemon_open_topic(memory_daemon *me);

/* Logs an event, keeps it, publishes it if it is a change of the state, and
 * sends alerts; sets its time and state. */
void daemon_tell(memory_daemon *me, memory_event *event);

TOOL_PRINTF(2, 3)
void daemon_note(memory_daemon *me, const char *format, ...);

/* Reaps the commands of alerts. */
void daemon_look_at_alerts(memory_daemon *me);
void daemon_end_alerts(memory_daemon *me);

/* The history, opened if it is not open; NULL: there is none, which was said
 * once if there should be one. */
memory_store *daemon_open_store(memory_daemon *me);
void daemon_save_app(memory_daemon *me, const memory_app *app);

/* ---------------------------------------------- memory_daemon_answer.c --- */

/* Each writes lines of JSON. */
void daemon_put_status(const memory_daemon *me, FILE *file);
void daemon_put_history(const memory_daemon *me, uint64_t most, FILE *file);

/* Answers what clients of the service have asked by now. */
void daemon_answer(memory_daemon *me);

/* ------------------------------------------------ memory_daemon_http.c --- */

/* False: it was said why not. */
bool daemon_http_open(memory_daemon *me);
void daemon_http_close(memory_daemon *me);
/* The handle to wait for; WEFT_HANDLE_NONE: none. `*due_ns`: or until then. */
weft_handle daemon_http_handle(const memory_daemon *me, uint64_t *due_ns);
void daemon_http_step(memory_daemon *me);

#endif
