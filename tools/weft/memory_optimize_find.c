/* SPDX-License-Identifier: MIT
 *
 * What weft memory optimize is applied to: the targets that were named, or the
 * processes with most to gain.
 */
#include <stdlib.h>
#include <string.h>

#include "memory_optimize.h"
#include "memory_processes.h"
#include "process_number.h"

/* A process with less in memory is not worth a look. */
#define WORTH_BYTES (UINT64_C(1) << 20)

static bool out_of_memory(int *exit_code)
{
    tool_error("out of memory");
    *exit_code = TOOL_FAILED;
    return false;
}

/* A new job, with what all have in common; NULL: there is no memory. */
static optimize_job *add(optimize_jobs *jobs, const optimize_values *values,
                         const weft_memory_rules *rules)
{
    optimize_job *job;

    if (jobs->count == jobs->room) {
        size_t room = jobs->room > 0 ? jobs->room * 2 : 8;
        void *items = realloc(jobs->items, room * sizeof(*jobs->items));

        if (items == NULL) {
            return NULL;
        }
        jobs->items = items;
        jobs->room = room;
    }
    job = &jobs->items[jobs->count++];
    *job = (optimize_job){
        .request = WEFT_RECLAIM_REQUEST_INIT,
        .plan = {.size = sizeof(job->plan)},
    };
    job->request.verb = (weft_reclaim_verb)values->verb;
    job->request.bytes = values->bytes;
    job->request.idle_ns = values->idle_ns;
    job->request.watch_ns = values->watch_ns;
    job->request.rules = rules;
    job->request.level =
        values->aggressive ? WEFT_PRESSURE_EMERGENCY : WEFT_PRESSURE_TIGHT;
    job->request.flags =
        (values->aggressive ? WEFT_RECLAIM_AGGRESSIVE : 0) |
        (values->for_hypervisor ? WEFT_RECLAIM_FOR_HYPERVISOR : 0);
    return job;
}

static bool plan(weft_memory *memory, optimize_job *job, int *exit_code)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    char text[256];

    if (weft_reclaim_plan_make(memory, &job->request, &job->plan, &detail) ==
        WEFT_OK) {
        return true;
    }
    if (detail.status == WEFT_EINVAL) {
        *exit_code = tool_usage_error(
            "memory optimize", "'--verb %s' has no such target as '%s'",
            weft_reclaim_verb_name(job->request.verb), job->name);
        return false;
    }
    weft_detail_text(&detail, text, sizeof(text));
    tool_error("cannot plan for '%s': %s", job->name, text);
    *exit_code = TOOL_FAILED;
    return false;
}

/* ------------------------------------------------------------ processes --- */

static bool list(weft_memory *memory, memory_processes *found, int *exit_code)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    char text[256];

    if (memory_read_processes(memory, found, &detail) == WEFT_OK) {
        return true;
    }
    weft_detail_text(&detail, text, sizeof(text));
    tool_error("cannot list the processes: %s", text);
    *exit_code = TOOL_FAILED;
    return false;
}

static optimize_job *add_process(optimize_jobs *jobs,
                                 const optimize_values *values,
                                 const weft_memory_rules *rules,
                                 const weft_memory_process *process,
                                 bool is_named)
{
    optimize_job *job = add(jobs, values, rules);

    if (job == NULL) {
        return NULL;
    }
    if (job->request.verb == 0) {
        job->request.verb = WEFT_RECLAIM_PAGEOUT;
    }
    job->is_named = is_named;
    job->request.flags |= is_named ? WEFT_RECLAIM_NAMED : 0;
    job->request.pid = process->pid;
    job->request.started = process->started;
    if (process->name[0] != '\0') {
        (void)snprintf(job->name, sizeof(job->name), "pid %lld (%s)",
                       (long long)process->pid, process->name);
    } else {
        (void)snprintf(job->name, sizeof(job->name), "pid %lld",
                       (long long)process->pid);
    }
    return job;
}

static bool is_exe(weft_memory *memory, int64_t pid, const char *path)
{
    weft_memory_identity identity = {.size = sizeof(identity)};

    return weft_memory_identify(memory, pid, &identity, NULL) == WEFT_OK &&
           (identity.valid & WEFT_IDENTITY_EXE) != 0 &&
           strcmp(identity.exe, path) == 0;
}

/* All processes of this name, or that run this file. */
static bool find_named(weft_memory *memory, const optimize_values *values,
                       const weft_memory_rules *rules, optimize_jobs *jobs,
                       const char *name, const char *exe, int *exit_code)
{
    memory_processes found = {NULL, 0};
    size_t before = jobs->count;
    bool done = list(memory, &found, exit_code);

    for (size_t i = 0; done && i < found.count; i++) {
        optimize_job *job;

        if (found.items[i].is_kernel ||
            (name != NULL ? strcmp(found.items[i].name, name) != 0
                          : !is_exe(memory, found.items[i].pid, exe))) {
            continue;
        }
        job = add_process(jobs, values, rules, &found.items[i], true);
        done = job != NULL ? plan(memory, job, exit_code)
                           : out_of_memory(exit_code);
    }
    free(found.items);
    if (done && jobs->count == before) {
        tool_error("no process %s '%s'", name != NULL ? "is called" : "runs",
                   name != NULL ? name : exe);
        *exit_code = TOOL_FAILED;
        return false;
    }
    return done;
}

/* --------------------------------------------------------------- targets ---
 */

/* What is behind the word and its colon; NULL: it is another word. */
static const char *after(const char *target, const char *word)
{
    size_t length = strlen(word);

    return strncmp(target, word, length) == 0 && target[length] == ':' &&
                   target[length + 1] != '\0'
               ? target + length + 1
               : NULL;
}

static bool find_pid(weft_memory *memory, const optimize_values *values,
                     const weft_memory_rules *rules, optimize_jobs *jobs,
                     const char *text, int *exit_code)
{
    weft_memory_process process = {0};
    weft_memory_identity identity = {.size = sizeof(identity)};
    optimize_job *job;

    if (!process_parse(text, &process.pid) || process.pid <= 0) {
        *exit_code = tool_usage_error(
            "memory optimize", "option '--target': '%s' is no process number",
            text);
        return false;
    }
    if (weft_memory_identify(memory, process.pid, &identity, NULL) == WEFT_OK) {
        process.started = identity.started;
        (void)snprintf(process.name, sizeof(process.name), "%s", identity.name);
    }
    job = add_process(jobs, values, rules, &process, true);
    return job != NULL ? plan(memory, job, exit_code)
                       : out_of_memory(exit_code);
}

/* A target that is no process. `path` may be NULL. */
static bool find_other(weft_memory *memory, const optimize_values *values,
                       const weft_memory_rules *rules, optimize_jobs *jobs,
                       weft_reclaim_verb verb, const char *path, int *exit_code)
{
    optimize_job *job = add(jobs, values, rules);

    if (job == NULL) {
        return out_of_memory(exit_code);
    }
    if (job->request.verb == 0) {
        job->request.verb = verb;
    }
    job->is_named = true;
    job->request.flags |= WEFT_RECLAIM_NAMED;
    job->request.path = path;
    (void)snprintf(job->name, sizeof(job->name), "%s",
                   path != NULL ? path
                                : weft_reclaim_verb_name(job->request.verb));
    return plan(memory, job, exit_code);
}

static bool find_target(weft_memory *memory, const optimize_values *values,
                        const weft_memory_rules *rules, optimize_jobs *jobs,
                        const char *target, int *exit_code)
{
    const char *rest;

    if ((rest = after(target, "pid")) != NULL) {
        return find_pid(memory, values, rules, jobs, rest, exit_code);
    }
    if ((rest = after(target, "name")) != NULL) {
        return find_named(memory, values, rules, jobs, rest, NULL, exit_code);
    }
    if ((rest = after(target, "exe")) != NULL) {
        return find_named(memory, values, rules, jobs, NULL, rest, exit_code);
    }
    if ((rest = after(target, "group")) != NULL) {
        return find_other(memory, values, rules, jobs, WEFT_RECLAIM_GROUP, rest,
                          exit_code);
    }
    if ((rest = after(target, "file")) != NULL) {
        return find_other(memory, values, rules, jobs, WEFT_RECLAIM_FILES, rest,
                          exit_code);
    }
    if (strcmp(target, "self") == 0) {
        return find_other(memory, values, rules, jobs, WEFT_RECLAIM_HEAP, NULL,
                          exit_code);
    }
    *exit_code = tool_usage_error(
        "memory optimize",
        "option '--target': '%s' is none of pid:N, name:X, exe:PATH, "
        "group:PATH, file:PATH and self",
        target);
    return false;
}

/* ---------------------------------------------------------- no target --- */

/* What it is sorted by: what it gains, or may gain. */
static uint64_t weight(const optimize_job *job)
{
    return (job->plan.valid & WEFT_RECLAIM_PLAN_EXPECTED) != 0 &&
                   job->request.verb != WEFT_RECLAIM_COLD
               ? job->plan.expected_bytes
               : job->plan.candidate_bytes;
}

static int compare(const void *a, const void *b)
{
    uint64_t first = weight(a);
    uint64_t second = weight(b);

    return (first < second) - (first > second);
}

/* Counts what is left out, and why. */
static bool is_worth_it(optimize_jobs *jobs, const optimize_job *job)
{
    jobs->looked_at++;
    if (job->plan.obstacle == WEFT_RECLAIM_PROTECTED) {
        jobs->protected_by++;
        return false;
    }
    if (job->plan.obstacle == WEFT_RECLAIM_NOTHING) {
        if (jobs->idle++ == 0) {
            memcpy(jobs->idle_reason, job->plan.reason,
                   sizeof(jobs->idle_reason));
        }
        return false;
    }
    if (job->plan.obstacle == WEFT_RECLAIM_GONE) {
        jobs->gone++;
        return false;
    }
    if (job->plan.may_run && job->plan.candidate_bytes < WORTH_BYTES) {
        jobs->small++;
        return false;
    }
    return true;
}

static bool find_largest(weft_memory *memory, const optimize_values *values,
                         const weft_memory_rules *rules, optimize_jobs *jobs,
                         int *exit_code)
{
    memory_processes found = {NULL, 0};
    bool done = list(memory, &found, exit_code);

    for (size_t i = 0; done && i < found.count; i++) {
        optimize_job *job;

        if (found.items[i].is_kernel ||
            found.items[i].resident_bytes < WORTH_BYTES) {
            continue;
        }
        job = add_process(jobs, values, rules, &found.items[i], false);
        done = job != NULL ? plan(memory, job, exit_code)
                           : out_of_memory(exit_code);
        if (done && !is_worth_it(jobs, job)) {
            jobs->count--;
        }
    }
    free(found.items);
    if (done && jobs->count > 0) {
        qsort(jobs->items, jobs->count, sizeof(*jobs->items), compare);
        if (jobs->count > values->limit) {
            jobs->over_limit = jobs->count - (size_t)values->limit;
            jobs->count = (size_t)values->limit;
        }
    }
    return done;
}

/* Verbs that have no target. */
static bool is_alone(int verb)
{
    return verb == WEFT_RECLAIM_ASK || verb == WEFT_RECLAIM_HEAP ||
           verb == WEFT_RECLAIM_STANDBY || verb == WEFT_RECLAIM_PURGE;
}

bool optimize_find(weft_memory *memory, const optimize_values *values,
                   const weft_memory_rules *rules, optimize_jobs *jobs,
                   int *exit_code)
{
    bool done = true;

    if (values->targets.count == 0 && is_alone(values->verb)) {
        return find_other(memory, values, rules, jobs, 0, NULL, exit_code);
    }
    if (values->targets.count == 0 && (values->verb == WEFT_RECLAIM_GROUP ||
                                       values->verb == WEFT_RECLAIM_FILES)) {
        *exit_code = tool_usage_error(
            "memory optimize", "'--verb %s' takes a '--target'",
            weft_reclaim_verb_name((weft_reclaim_verb)values->verb));
        return false;
    }
    if (values->targets.count == 0) {
        return find_largest(memory, values, rules, jobs, exit_code);
    }
    for (size_t i = 0; done && i < values->targets.count; i++) {
        done = find_target(memory, values, rules, jobs,
                           values->targets.items[i], exit_code);
    }
    return done;
}

void optimize_end(optimize_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        weft_reclaim_close(&jobs->items[i].reclaim);
    }
    free(jobs->items);
    *jobs = (optimize_jobs){0};
}
