/* SPDX-License-Identifier: MIT
 *
 * What weft memory optimize says: the plan of each job, and its verdict.
 */
#include <string.h>

#include "memory_optimize.h"

/* --------------------------------------------------------------- the plan ---
 */

static void add_u64(tool_json *json, bool is_known, const char *key,
                    uint64_t value)
{
    if (is_known) {
        tool_json_u64(json, key, value);
    }
}

static void begin(tool_json *json, const char *event, const optimize_job *job)
{
    tool_json_begin(json, stdout);
    tool_json_text(json, "event", event);
    tool_json_text(json, "target", job->name);
    add_u64(json, job->request.pid > 0, "pid", (uint64_t)job->request.pid);
    tool_json_text(json, "verb", weft_reclaim_verb_name(job->request.verb));
}

static void print_plan_json(const optimize_job *job)
{
    const weft_reclaim_plan *plan = &job->plan;
    tool_json json;

    begin(&json, "plan", job);
    tool_json_bool(&json, "may_run", plan->may_run);
    tool_json_text(&json, "obstacle",
                   weft_reclaim_obstacle_name(plan->obstacle));
    tool_json_text(&json, "reason", plan->reason);
    add_u64(&json, (plan->valid & WEFT_RECLAIM_PLAN_CANDIDATE) != 0,
            "candidate_bytes", plan->candidate_bytes);
    add_u64(&json, (plan->valid & WEFT_RECLAIM_PLAN_EXPECTED) != 0,
            "expected_bytes", plan->expected_bytes);
    add_u64(&json, (plan->valid & WEFT_RECLAIM_PLAN_COST) != 0,
            "expected_cost_ns", plan->expected_cost_ns);
    add_u64(&json, (plan->valid & WEFT_RECLAIM_PLAN_RETURN) != 0,
            "return_cost_ns", plan->return_cost_ns);
    tool_json_end(&json);
}

static void print_name(const optimize_job *job)
{
    char name[sizeof(job->name)];

    memcpy(name, job->name, sizeof(name));
    tool_clean(name);
    printf("%s: ", name);
}

static void print_plan_text(const optimize_job *job)
{
    const weft_reclaim_plan *plan = &job->plan;
    char size[32];

    print_name(job);
    if (plan->obstacle != WEFT_RECLAIM_CLEAR) {
        printf("%s: %s\n", weft_reclaim_obstacle_name(plan->obstacle),
               plan->reason);
        return;
    }
    printf("%s", weft_reclaim_verb_name(job->request.verb));
    if ((plan->valid & WEFT_RECLAIM_PLAN_CANDIDATE) != 0) {
        tool_format_bytes((double)plan->candidate_bytes, size, sizeof(size));
        printf(" of %s", size);
    }
    if ((plan->valid & WEFT_RECLAIM_PLAN_EXPECTED) != 0) {
        tool_format_bytes((double)plan->expected_bytes, size, sizeof(size));
        printf(" may gain %s", size);
    }
    if ((plan->valid & WEFT_RECLAIM_PLAN_COST) != 0) {
        printf(" for %.0f ms", (double)plan->expected_cost_ns / 1e6);
    }
    printf(" (%s)\n", plan->reason);
}

void optimize_print_plan(const optimize_job *job, bool json)
{
    if (json) {
        print_plan_json(job);
    } else {
        print_plan_text(job);
    }
    (void)fflush(stdout);
}

void optimize_print_gone(const optimize_job *job, bool json)
{
    if (json) {
        tool_json line;

        begin(&line, "ended", job);
        tool_json_end(&line);
    } else {
        print_name(job);
        printf("it has ended\n");
    }
    (void)fflush(stdout);
}

static void add_count(uint64_t count, const char *what)
{
    if (count > 0) {
        printf(", %llu %s", (unsigned long long)count, what);
    }
}

void optimize_print_sum(const optimize_jobs *jobs, bool json)
{
    if (json) {
        tool_json line;

        tool_json_begin(&line, stdout);
        tool_json_text(&line, "event", "sum");
        tool_json_u64(&line, "processes", jobs->looked_at);
        tool_json_u64(&line, "protected", jobs->protected_by);
        tool_json_u64(&line, "nothing_to_gain", jobs->idle);
        tool_json_u64(&line, "below_1_mib", jobs->small);
        tool_json_u64(&line, "ended", jobs->gone);
        tool_json_u64(&line, "over_limit", jobs->over_limit);
        if (jobs->idle_reason[0] != '\0') {
            tool_json_text(&line, "reason", jobs->idle_reason);
        }
        tool_json_end(&line);
        return;
    }
    printf("%llu processes were looked at: %llu are protected, with %llu there "
           "is nothing to gain",
           (unsigned long long)jobs->looked_at,
           (unsigned long long)jobs->protected_by,
           (unsigned long long)jobs->idle);
    if (jobs->count == 0 && jobs->idle_reason[0] != '\0') {
        printf(" (%s)", jobs->idle_reason);
    }
    add_count(jobs->small, "have less than 1 MiB to take");
    add_count(jobs->gone, "have ended");
    add_count(jobs->over_limit, "are more than '--limit'");
    putchar('\n');
}

/* -------------------------------------------------------------- verdict --- */

static bool knows(const weft_verdict *verdict, uint32_t what)
{
    return (verdict->valid & what) != 0;
}

static void add_signed(tool_json *json, const weft_verdict *verdict,
                       uint32_t what, const char *key, int64_t value)
{
    if (knows(verdict, what)) {
        tool_json_i64(json, key, value);
    }
}

static void print_verdict_json(const optimize_job *job,
                               const weft_verdict *verdict)
{
    tool_json json;

    begin(&json, "verdict", job);
    tool_json_text(&json, "outcome", weft_outcome_name(verdict->outcome));
    tool_json_text(&json, "reason", verdict->reason);
    add_signed(&json, verdict, WEFT_VERDICT_CLAIMED, "claimed_bytes",
               verdict->claimed_bytes);
    add_signed(&json, verdict, WEFT_VERDICT_RELEASED, "released_bytes",
               verdict->released_bytes);
    add_signed(&json, verdict, WEFT_VERDICT_AVAILABLE, "available_bytes",
               verdict->available_bytes);
    add_u64(&json, knows(verdict, WEFT_VERDICT_AVAILABLE), "noise_bytes",
            verdict->noise_bytes);
    add_signed(&json, verdict, WEFT_VERDICT_RELOCATED, "relocated_bytes",
               verdict->relocated_bytes);
    add_signed(&json, verdict, WEFT_VERDICT_KEPT_10S, "kept_10s_bytes",
               verdict->kept_10s_bytes);
    add_signed(&json, verdict, WEFT_VERDICT_KEPT_60S, "kept_60s_bytes",
               verdict->kept_60s_bytes);
    add_signed(&json, verdict, WEFT_VERDICT_KEPT_300S, "kept_300s_bytes",
               verdict->kept_300s_bytes);
    add_u64(&json, knows(verdict, WEFT_VERDICT_HALF_LIFE), "half_life_ns",
            verdict->half_life_ns);
    add_u64(&json, knows(verdict, WEFT_VERDICT_REFAULT), "refault_bytes",
            verdict->refault_bytes);
    add_u64(&json, knows(verdict, WEFT_VERDICT_STALL), "stall_ns",
            verdict->stall_ns);
    add_u64(&json, knows(verdict, WEFT_VERDICT_CPU), "cpu_ns", verdict->cpu_ns);
    tool_json_u64(&json, "duration_ns", verdict->duration_ns);
    if (job->is_restored) {
        tool_json_bool(&json, "undone", true);
    }
    tool_json_end(&json);
}

/* A size that may be below 0. */
static const char *format(int64_t bytes, char *text, size_t room)
{
    char size[32];

    tool_format_bytes(bytes < 0 ? -(double)bytes : (double)bytes, size,
                      sizeof(size));
    (void)snprintf(text, room, "%s%s", bytes < 0 ? "-" : "", size);
    return text;
}

/* Of the times that are known, the last one. */
static void print_kept(const weft_verdict *verdict)
{
    char size[40];

    if (knows(verdict, WEFT_VERDICT_KEPT_300S)) {
        printf(" · kept after 300 s %s",
               format(verdict->kept_300s_bytes, size, sizeof(size)));
    } else if (knows(verdict, WEFT_VERDICT_KEPT_60S)) {
        printf(" · kept after 60 s %s",
               format(verdict->kept_60s_bytes, size, sizeof(size)));
    } else if (knows(verdict, WEFT_VERDICT_KEPT_10S)) {
        printf(" · kept after 10 s %s",
               format(verdict->kept_10s_bytes, size, sizeof(size)));
    }
}

static void print_verdict_text(const optimize_job *job,
                               const weft_verdict *verdict)
{
    char size[40];

    print_name(job);
    if (knows(verdict, WEFT_VERDICT_RELEASED)) {
        printf("released %s",
               format(verdict->released_bytes, size, sizeof(size)));
    } else {
        printf("released: not known");
    }
    if (knows(verdict, WEFT_VERDICT_CLAIMED)) {
        printf(" (claimed %s)",
               format(verdict->claimed_bytes, size, sizeof(size)));
    }
    print_kept(verdict);
    if (knows(verdict, WEFT_VERDICT_CPU)) {
        printf(" · cost %.0f ms", (double)verdict->cpu_ns / 1e6);
        if (knows(verdict, WEFT_VERDICT_STALL)) {
            printf(" + %.0f ms stall", (double)verdict->stall_ns / 1e6);
        }
    }
    printf(" · %s", weft_outcome_name(verdict->outcome));
    if (verdict->outcome != WEFT_OUTCOME_HELPED) {
        printf(": %s", verdict->reason);
    }
    printf("%s\n", job->is_restored ? " · it is being brought back" : "");
}

void optimize_print_verdict(const optimize_job *job,
                            const weft_verdict *verdict, bool json)
{
    if (json) {
        print_verdict_json(job, verdict);
    } else {
        print_verdict_text(job, verdict);
    }
    (void)fflush(stdout);
}
