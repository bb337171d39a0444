/* SPDX-License-Identifier: MIT
 *
 * weft memory optimize - memory is taken back from what does not use it, and
 * what that did is told.
 *
 * Pages of all targets are marked as unused at once, so that all of them wait
 * in the same time. Then one target after the other is acted on: else it could
 * not be told which of them has made what available.
 */
#include "memory_optimize.h"
#include "memory_rules.h"
#include "progress.h"
#include "sys.h"

/* How often the line on the terminal is drawn anew. */
#define REDRAW_NS UINT64_C(250000000)

#define SECOND_NS UINT64_C(1000000000)

static const tool_choice verb_words[] = {
#define VERB_WORD(symbol, value, name, target) {#name, value},
    WEFT_RECLAIM_VERB_LIST(VERB_WORD)
#undef VERB_WORD
        {NULL, 0}};

static const char *take_target(void *place, const char *argument)
{
    optimize_targets *targets = place;

    if (targets->count == OPTIMIZE_TARGETS) {
        return "is one too many";
    }
    targets->items[targets->count++] = argument;
    return NULL;
}

static const tool_option options[] = {
    {.name = "target",
     .letter = 't',
     .kind = TOOL_CALL,
     .offset = offsetof(optimize_values, targets),
     .label = "TARGET",
     .help = "pid:N, name:X, exe:PATH, group:PATH, file:PATH or self; may be "
             "repeated (default: the processes with most to gain)",
     .call = take_target},
    {.name = "verb",
     .kind = TOOL_CHOICE,
     .offset = offsetof(optimize_values, verb),
     .label = "cold|pageout|group|files|heap|ask|trim|standby|purge",
     .help = "what is done (default: what fits the target)",
     .choices = verb_words},
    {.name = "dry-run",
     .letter = 'n',
     .kind = TOOL_FLAG,
     .offset = offsetof(optimize_values, dry_run),
     .help = "tell the plan, and change nothing"},
    {.name = "aggressive",
     .letter = 'a',
     .kind = TOOL_FLAG,
     .offset = offsetof(optimize_values, aggressive),
     .help = "take pages that are used, too"},
    {.name = "bytes",
     .kind = TOOL_SIZE,
     .offset = offsetof(optimize_values, bytes),
     .label = "SIZE",
     .help = "take so much of each target at most",
     .least = 1},
    {.name = "idle",
     .kind = TOOL_DURATION,
     .offset = offsetof(optimize_values, idle_ns),
     .label = "TIME",
     .help = "for so long pages must not be used (default 30s)",
     .least = 1},
    {.name = "follow",
     .kind = TOOL_DURATION,
     .offset = offsetof(optimize_values, follow_ns),
     .label = "TIME",
     .help = "look for so long whether it stays, 300s at most (default 10s)",
     .most = 300 * SECOND_NS},
    {.name = "undo-if-hurt",
     .kind = TOOL_FLAG,
     .offset = offsetof(optimize_values, undo_if_hurt),
     .help = "have the system bring it back if it hurt"},
    {.name = "limit",
     .kind = TOOL_COUNT,
     .offset = offsetof(optimize_values, limit),
     .label = "N",
     .help = "without a target: N processes at most (default 10)",
     .least = 1},
    {.name = "rules",
     .kind = TOOL_TEXT,
     .offset = offsetof(optimize_values, rules),
     .label = "FILE",
     .help = "leave the processes alone that its rules name"},
    {.name = "for-hypervisor",
     .kind = TOOL_FLAG,
     .offset = offsetof(optimize_values, for_hypervisor),
     .help = "take copies of files too: nothing is gained on this machine, but "
             "on the one below it"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(optimize_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory optimize",
    .usage = "[options]",
    .about =
        "Takes memory back from what does not use it, and tells what is really "
        "gained\nby that, what is kept of it, and what it has cost. Processes "
        "that a session or\nthe system hangs on are left alone. Where there is "
        "nothing to gain it says so,\nand does nothing.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* ------------------------------------------------------------------ run --- */

static bool say(const char *action, const optimize_job *job,
                const weft_detail *detail)
{
    char text[256];

    weft_detail_text(detail, text, sizeof(text));
    tool_error("cannot %s '%s': %s", action, job->name, text);
    return false;
}

/* Marks all of them. False: one that was named can't be acted on. */
static bool start_all(weft_memory *memory, optimize_jobs *jobs)
{
    bool done = true;

    for (size_t i = 0; i < jobs->count; i++) {
        optimize_job *job = &jobs->items[i];
        weft_detail detail = {WEFT_OK, 0, NULL};

        job->is_over = true;
        if (!job->plan.may_run) {
            done = done && !job->is_named;
        } else if (weft_reclaim_start(memory, &job->request, &job->reclaim,
                                      &detail) == WEFT_OK) {
            job->is_over = false;
        } else if (job->is_named || detail.status != WEFT_ENOENT) {
            done = say("take memory from", job, &detail);
        }
    }
    return done;
}

static void wipe(void)
{
    if (sys_stderr_is_terminal()) {
        progress_show("");
    }
}

static void tell(optimize_job *job, const optimize_values *values)
{
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_detail detail = {WEFT_OK, 0, NULL};

    if (weft_reclaim_verdict(job->reclaim, &verdict, NULL) != WEFT_OK) {
        return;
    }
    wipe();
    if (values->undo_if_hurt && verdict.outcome == WEFT_OUTCOME_HURT) {
        job->is_restored = weft_reclaim_undo(job->reclaim, &detail) == WEFT_OK;
        if (!job->is_restored) {
            (void)say("bring back what was taken from", job, &detail);
        }
    }
    optimize_print_verdict(job, &verdict, values->json);
    job->is_over = true;
}

/* Does what is due. False: it failed, and was said. */
static bool step(optimize_job *job, const optimize_values *values)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = weft_reclaim_step(job->reclaim, &detail);
    weft_reclaim_phase phase = weft_reclaim_get_phase(job->reclaim);

    if (status != WEFT_OK && job->acted_ns == 0) {
        job->is_over = true;
        if (status == WEFT_ENOENT && !job->is_named) {
            wipe();
            optimize_print_gone(job, values->json);
        }
    } else if (job->acted_ns == 0 && phase >= WEFT_RECLAIM_SETTLING) {
        job->acted_ns = weft_now_ns();
    }
    if (!job->is_over && (phase == WEFT_RECLAIM_DONE ||
                          (phase == WEFT_RECLAIM_FOLLOWING &&
                           weft_reclaim_due_ns(job->reclaim) >
                               job->acted_ns + values->follow_ns))) {
        tell(job, values);
    }
    return status == WEFT_OK || (status == WEFT_ENOENT && !job->is_named) ||
           say("take memory from", job, &detail);
}

/* The first that has not been acted on; the rest wait for it. */
static optimize_job *find_current(optimize_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        optimize_job *job = &jobs->items[i];

        if (!job->is_over &&
            weft_reclaim_get_phase(job->reclaim) < WEFT_RECLAIM_FOLLOWING) {
            return job;
        }
    }
    return NULL;
}

static bool is_its_turn(const optimize_job *job, const optimize_job *current)
{
    return !job->is_over &&
           (job == current ||
            weft_reclaim_get_phase(job->reclaim) >= WEFT_RECLAIM_FOLLOWING);
}

static void draw(const optimize_job *job, uint64_t due_ns)
{
    uint64_t now_ns = weft_now_ns();
    char name[sizeof(job->name)];
    char text[256];

    (void)snprintf(name, sizeof(name), "%s", job->name);
    tool_clean(name);
    (void)snprintf(
        text, sizeof(text), "  %s: %s, %llu s left", name,
        weft_reclaim_phase_name(weft_reclaim_get_phase(job->reclaim)),
        (unsigned long long)(due_ns > now_ns ? (due_ns - now_ns) / SECOND_NS
                                             : 0));
    progress_show(text);
}

/* Waits for the first that is due. False: the user wants it to end. */
static bool wait_for(const optimize_jobs *jobs, const optimize_job *current)
{
    const optimize_job *next = NULL;
    uint64_t due_ns = WEFT_FOREVER;
    uint64_t until_ns;
    int code;

    for (size_t i = 0; i < jobs->count; i++) {
        const optimize_job *job = &jobs->items[i];

        if (is_its_turn(job, current) &&
            weft_reclaim_due_ns(job->reclaim) < due_ns) {
            next = job;
            due_ns = weft_reclaim_due_ns(job->reclaim);
        }
    }
    if (next == NULL || due_ns <= weft_now_ns()) {
        return true;
    }
    until_ns = due_ns;
    if (sys_stderr_is_terminal()) {
        draw(next, due_ns);
        until_ns = weft_after_ns(REDRAW_NS);
        until_ns = until_ns < due_ns ? until_ns : due_ns;
    }
    return sys_wait_handle(WEFT_HANDLE_NONE, until_ns, &code) !=
           SYS_INTERRUPTED;
}

static bool is_over(const optimize_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (!jobs->items[i].is_over) {
            return false;
        }
    }
    return true;
}

static bool run_all(optimize_jobs *jobs, const optimize_values *values)
{
    bool done = true;

    while (!is_over(jobs)) {
        optimize_job *current = find_current(jobs);

        for (size_t i = 0; i < jobs->count; i++) {
            optimize_job *job = &jobs->items[i];

            if (is_its_turn(job, current) &&
                weft_reclaim_due_ns(job->reclaim) <= weft_now_ns()) {
                done = step(job, values) && done;
            } else if (is_its_turn(job, current) &&
                       weft_reclaim_due_ns(job->reclaim) == WEFT_FOREVER) {
                tell(job, values);
            }
        }
        if (!is_over(jobs) && !wait_for(jobs, find_current(jobs))) {
            break;
        }
    }
    /* What was done before the user has ended it is told as well. */
    for (size_t i = 0; i < jobs->count; i++) {
        if (!jobs->items[i].is_over && jobs->items[i].acted_ns != 0) {
            tell(&jobs->items[i], values);
        }
    }
    return done;
}

static int optimize(weft_memory *memory, const optimize_values *values,
                    optimize_jobs *jobs)
{
    bool done = true;

    for (size_t i = 0; i < jobs->count; i++) {
        optimize_print_plan(&jobs->items[i], values->json);
        done =
            done && (jobs->items[i].plan.may_run || !jobs->items[i].is_named);
    }
    if (values->targets.count == 0 && jobs->looked_at > 0) {
        optimize_print_sum(jobs, values->json);
    }
    if (values->dry_run) {
        return done ? TOOL_OK : TOOL_FAILED;
    }
    sys_hold_signals();
    done = start_all(memory, jobs);
    done = run_all(jobs, values) && done;
    wipe();
    sys_release_signals();
    return done ? TOOL_OK : TOOL_FAILED;
}

int cmd_memory_optimize(int argc, char **argv)
{
    optimize_values values = {.follow_ns = 10 * SECOND_NS, .limit = 10};
    optimize_jobs jobs = {0};
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    weft_memory *memory = NULL;
    weft_memory_rules *rules = NULL;
    char text[256];
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    exit_code = memory_read_rules(values.rules, &rules);
    if (exit_code != TOOL_OK) {
        return exit_code;
    }
    if (weft_memory_open(&memory, &detail) != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot look at the memory: %s", text);
        exit_code = TOOL_FAILED;
    } else if (optimize_find(memory, &values, rules, &jobs, &exit_code)) {
        exit_code = optimize(memory, &values, &jobs);
    }
    optimize_end(&jobs);
    weft_memory_close(&memory);
    weft_memory_rules_close(&rules);
    return exit_code;
}
