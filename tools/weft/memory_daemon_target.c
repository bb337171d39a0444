/* SPDX-License-Identifier: MIT
 *
 * The processes that the daemon may act on: the largest ones, whether they are
 * protected, how much of them might go, and what experience says.
 *
 * They are listed while memory is scarce, and then only now and then: to look
 * at one exactly costs 2 ms for each 100 MiB of it.
 */
#include <stdlib.h>
#include <string.h>

#include "memory_daemon.h"
#include "memory_processes.h"

#define LIST_NS UINT64_C(30000000000)

/* Of so many the private memory is measured: those that users are told of. */
#define MEASURED 6

/* What is believed of an application that nothing is known of. */
#define REFAULT_PRIOR 0.05

/*
 * Of a page that is compressed, while nothing has been yet: on the good side of
 * the 0.65 of most programs, for only a first try can tell, and with less than
 * its cost none would ever be made. After that the system's figure counts.
 */
#define GAIN_PRIOR 0.8

/* For a page that goes to zram, and one that comes back: 32 MiB took 32 ms. */
#define PAGE_COST_NS 4000

/* ----------------------------------------------------------------- apps --- */

memory_app *daemon_find_app(memory_daemon *me, const char *exe)
{
    memory_app *oldest = &me->apps[0];
    history_problem problem = {""};

    if (exe[0] == '\0') {
        return NULL;
    }
    for (size_t i = 0; i < DAEMON_APPS_MOST; i++) {
        memory_app *app = &me->apps[i];

        if (strcmp(app->exe, exe) == 0) {
            app->used_ns = weft_now_ns();
            return app;
        }
        if (app->used_ns < oldest->used_ns) {
            oldest = app;
        }
    }
    *oldest = (memory_app){.refault_share = REFAULT_PRIOR};
    bandit_init(&oldest->learnt);
    if (daemon_open_store(me) != NULL) {
        (void)memory_store_load(me->store, exe, oldest, &problem);
    }
    (void)snprintf(oldest->exe, sizeof(oldest->exe), "%s", exe);
    oldest->used_ns = weft_now_ns();
    return oldest;
}

/* -------------------------------------------------------------- listing --- */

static int compare_resident(const void *a, const void *b)
{
    const weft_memory_process *one = a;
    const weft_memory_process *other = b;

    return (one->resident_bytes < other->resident_bytes) -
           (one->resident_bytes > other->resident_bytes);
}

/* The target that this process was at the last look, or an empty one. */
static daemon_target known_target(const memory_daemon *me,
                                  const weft_memory_process *process)
{
    for (size_t i = 0; i < me->target_count; i++) {
        const daemon_target *target = &me->targets[i];

        if (target->pid == process->pid &&
            target->started == process->started) {
            return *target;
        }
    }
    return (daemon_target){.pid = process->pid, .started = process->started};
}

/* Whether it may be touched at all; reads only. */
static void protect(memory_daemon *me, daemon_target *target)
{
    weft_memory_identity identity = {.size = sizeof(identity)};
    weft_protection verdict = {.size = sizeof(verdict)};

    target->is_protected = true;
    target->exe[0] = '\0';
    if (weft_memory_identify(me->memory, target->pid, &identity, NULL) !=
        WEFT_OK) {
        (void)snprintf(target->why, sizeof(target->why),
                       "it can't be told "
                       "what it is");
        return;
    }
    if ((identity.valid & WEFT_IDENTITY_EXE) != 0 &&
        strlen(identity.exe) < sizeof(target->exe)) {
        (void)snprintf(target->exe, sizeof(target->exe), "%s", identity.exe);
    }
    target->is_protected =
        weft_memory_protection(&identity, me->rules, false, &verdict);
    (void)snprintf(target->why, sizeof(target->why), "%s", verdict.reason);
}

/* How much could go, and at which price. */
static void plan(memory_daemon *me, daemon_target *target)
{
    weft_reclaim_request request = WEFT_RECLAIM_REQUEST_INIT;
    weft_reclaim_plan plan = {.size = sizeof(plan)};
    uint64_t pages;

    request.verb = WEFT_RECLAIM_PAGEOUT;
    request.pid = target->pid;
    request.started = target->started;
    request.rules = me->rules;
    target->candidate_bytes = 0;
    target->gain = GAIN_PRIOR;
    target->pageout_ns = PAGE_COST_NS;
    target->refault_ns = PAGE_COST_NS;
    if (weft_reclaim_plan_make(me->memory, &request, &plan, NULL) != WEFT_OK ||
        !plan.may_run) {
        (void)snprintf(target->why, sizeof(target->why), "%s", plan.reason);
        return;
    }
    if ((plan.valid & WEFT_RECLAIM_PLAN_CANDIDATE) == 0 ||
        plan.candidate_bytes < me->page_bytes) {
        return;
    }
    pages = plan.candidate_bytes / me->page_bytes;
    target->candidate_bytes = plan.candidate_bytes;
    if ((plan.valid & WEFT_RECLAIM_PLAN_EXPECTED) != 0) {
        target->gain =
            (double)plan.expected_bytes / (double)plan.candidate_bytes;
    }
    if ((plan.valid & WEFT_RECLAIM_PLAN_COST) != 0) {
        target->pageout_ns = plan.expected_cost_ns / pages;
    }
    if ((plan.valid & WEFT_RECLAIM_PLAN_RETURN) != 0) {
        target->refault_ns = plan.return_cost_ns / pages;
    }
}

static void take_process(memory_daemon *me, weft_memory_process *process,
                         bool is_measured, daemon_target *target)
{
    *target = known_target(me, process);
    target->resident_bytes = process->resident_bytes;
    (void)snprintf(target->name, sizeof(target->name), "%s", process->name);
    target->private_bytes = 0;
    if (is_measured &&
        weft_memory_measure(me->memory, process, NULL) == WEFT_OK &&
        (process->valid & WEFT_MEMORY_PROCESS_PRIVATE) != 0) {
        target->private_bytes = process->private_bytes;
    }
    protect(me, target);
    if (!target->is_protected) {
        plan(me, target);
    }
}

/* What experience allows, for this round. */
static void choose_arm(memory_daemon *me, uint64_t now_ns,
                       daemon_target *target)
{
    bandit_context context;
    memory_app *app;

    if (target->seen_ns == 0) {
        target->seen_ns = now_ns;
    }
    target->arm = BANDIT_NOTHING;
    if (target->is_protected || target->candidate_bytes == 0) {
        return;
    }
    /* The law decides alone until experience has something to say. */
    target->arm = BANDIT_PAGEOUT_100;
    app = daemon_find_app(me, target->exe);
    context = bandit_context_of(me->policy.state, now_ns - target->seen_ns);
    if (app != NULL && bandit_has_learnt(&app->learnt, context)) {
        target->arm = bandit_choose(&app->learnt, context, BANDIT_PAGEOUT_100,
                                    sys_unix_ns(), &me->random);
    }
}

void daemon_list_targets(memory_daemon *me, uint64_t now_ns)
{
    daemon_target next[DAEMON_TARGETS_MOST];
    memory_processes list = {NULL, 0};
    size_t taken = 0;

    if (now_ns < me->list_ns) {
        return;
    }
    me->list_ns = now_ns + LIST_NS;
    if (memory_read_processes(me->memory, &list, NULL) != WEFT_OK) {
        free(list.items);
        return;
    }
    qsort(list.items, list.count, sizeof(list.items[0]), compare_resident);
    for (size_t i = 0; i < list.count && taken < DAEMON_TARGETS_MOST; i++) {
        if (!list.items[i].is_kernel && list.items[i].resident_bytes > 0) {
            take_process(me, &list.items[i], taken < MEASURED, &next[taken]);
            choose_arm(me, now_ns, &next[taken]);
            taken++;
        }
    }
    free(list.items);
    memcpy(me->targets, next, taken * sizeof(next[0]));
    me->target_count = taken;
}

/* ---------------------------------------------------------- for the law --- */

static uint64_t seconds_ns(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}

void daemon_fill_targets(memory_daemon *me, uint64_t now_ns,
                         policy_target *targets)
{
    uint64_t round_ns = seconds_ns(me->config.constants.round);

    for (size_t i = 0; i < me->target_count; i++) {
        const daemon_target *target = &me->targets[i];
        const memory_app *app = target->candidate_bytes > 0
                                    ? daemon_find_app(me, target->exe)
                                    : NULL;

        targets[i] = (policy_target){
            .key = i,
            .private_bytes = target->private_bytes,
            .gain = target->gain,
            .refault_share = app != NULL ? app->refault_share : REFAULT_PRIOR,
            .refault_ns = target->refault_ns,
            .pageout_ns = target->pageout_ns,
            .ready_ns = target->ready_ns,
            .arm = target->arm,
            .is_protected = target->is_protected};
        /*
         * Which of the pages have stayed idle is found out, page by page, when
         * they are paged out: until then all of them may have.
         */
        if (target->cold_ns == 0) {
            targets[i].cold_bytes = target->candidate_bytes;
        } else if (now_ns - target->cold_ns >= round_ns) {
            targets[i].idle_bytes = target->candidate_bytes;
        }
    }
}
