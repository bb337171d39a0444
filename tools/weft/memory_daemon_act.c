/* SPDX-License-Identifier: MIT
 *
 * What was decided is done, what comes of it is followed for five minutes, and
 * the policy and the bandit learn from it.
 */
#include "memory_daemon.h"

#include <string.h>

/* What programs give back when they are asked is waited for so long. */
#define ANSWER_NS UINT64_C(2000000000)

#define S UINT64_C(1000000000)

/* ---------------------------------------------------------------- acting -- */

static const weft_reclaim_verb verbs[] = {
    [POLICY_OWN] = WEFT_RECLAIM_HEAP,
    [POLICY_ASK] = WEFT_RECLAIM_ASK,
    [POLICY_COLD] = WEFT_RECLAIM_COLD,
    [POLICY_PAGEOUT] = WEFT_RECLAIM_PAGEOUT,
};

static daemon_run *free_run(memory_daemon *me)
{
    for (size_t i = 0; i < DAEMON_RUNS_MOST; i++) {
        if (me->runs[i].reclaim == NULL) {
            return &me->runs[i];
        }
    }
    return NULL;
}

static bool is_of_process(policy_verb verb)
{
    return verb == POLICY_COLD || verb == POLICY_PAGEOUT;
}

/* Begins it; false: it can't be, which is said in the event. */
static bool start(memory_daemon *me, const policy_step *step,
                  daemon_target *target, memory_event *event, uint64_t now_ns)
{
    weft_reclaim_request request = WEFT_RECLAIM_REQUEST_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    daemon_run *run = free_run(me);
    weft_status status;
    char text[128];

    if (run == NULL) {
        (void)snprintf(event->reason, sizeof(event->reason),
                       "not done: too much is under way");
        return false;
    }
    request.verb = verbs[step->verb];
    request.rules = me->rules;
    request.bytes = step->bytes;
    request.level = me->policy.state;
    request.answer_ns = ANSWER_NS;
    request.idle_ns = (uint64_t)(me->config.constants.round * 1e9);
    if (target != NULL) {
        request.pid = target->pid;
        request.started = target->started;
    }
    *run = (daemon_run){.event = *event, .begun_ns = now_ns};
    if (target != NULL) {
        run->arm = target->arm;
        run->context =
            bandit_context_of(me->policy.state, now_ns - target->seen_ns);
        run->working_set_bytes = target->private_bytes;
    }
    status = weft_reclaim_start(me->memory, &request, &run->reclaim, &detail);
    if (status != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        (void)snprintf(event->reason, sizeof(event->reason), "not done: %s",
                       text);
        run->reclaim = NULL;
    }
    return status == WEFT_OK;
}

/* The target changes as if it had been done, so a dry run goes on alike. */
static void note_step(const memory_daemon *me, policy_verb verb,
                      daemon_target *target, uint64_t now_ns)
{
    if (verb == POLICY_COLD) {
        target->cold_ns = now_ns;
    } else {
        target->cold_ns = 0;
        target->ready_ns =
            policy_ready_ns(&me->config.constants, now_ns, UINT64_MAX);
    }
}

static void carry_out(memory_daemon *me, const policy_step *step,
                      uint64_t now_ns)
{
    daemon_target *target =
        step->target < me->target_count ? &me->targets[step->target] : NULL;
    memory_event event = {.kind = MEMORY_EVENT_ACTION,
                          .verb = step->verb,
                          .is_dry = me->config.dry_run,
                          .bytes = step->bytes};

    if (target != NULL) {
        event.pid = target->pid;
        (void)snprintf(event.name, sizeof(event.name), "%s", target->name);
        (void)snprintf(event.exe, sizeof(event.exe), "%s", target->exe);
    }
    (void)snprintf(event.reason, sizeof(event.reason), "%s", step->reason);
    if (me->config.dry_run || start(me, step, target, &event, now_ns)) {
        me->actions++;
    }
    if (target != NULL) {
        note_step(me, step->verb, target, now_ns);
    }
    daemon_tell(me, &event);
}

/* Who takes most of it, by name: what to do about that is the user's. */
static void tell_top(memory_daemon *me, const policy_step *step)
{
    memory_event event = {
        .kind = MEMORY_EVENT_ACTION, .verb = POLICY_TELL, .is_dry = false};
    size_t used;

    (void)snprintf(event.reason, sizeof(event.reason), "%s", step->reason);
    used = strlen(event.reason);
    for (size_t i = 0; i < me->decision.top_count; i++) {
        const daemon_target *target = &me->targets[me->decision.top[i]];
        char size[32];
        int length;

        tool_format_bytes((double)target->private_bytes, size, sizeof(size));
        length = snprintf(event.reason + used, sizeof(event.reason) - used,
                          "%s %.20s (%lld) %s", i == 0 ? ":" : ",",
                          target->name, (long long)target->pid, size);
        if (length < 0 || (size_t)length >= sizeof(event.reason) - used) {
            event.reason[used] = '\0'; /* a whole name or none */
            break;
        }
        used += (size_t)length;
    }
    daemon_tell(me, &event);
}

void daemon_act(memory_daemon *me, uint64_t now_ns)
{
    bool is_settled = now_ns - me->started_ns >= me->config.settle_ns;

    if (now_ns < me->paused_until_ns) {
        return;
    }
    for (size_t i = 0; i < me->decision.step_count; i++) {
        const policy_step *step = &me->decision.steps[i];

        if (step->verb == POLICY_TELL) {
            tell_top(me, step);
        } else if (is_settled || !is_of_process(step->verb)) {
            carry_out(me, step, now_ns);
        }
    }
}

/* -------------------------------------------------------------- learning -- */

static int64_t not_below_zero(int64_t bytes)
{
    return bytes > 0 ? bytes : 0;
}

/*
 * In units of the memory acted on: what is kept for a minute, less what it has
 * cost, at the price of the policy. What has hurt is never a gain.
 */
static double reward_of(const memory_daemon *me, const daemon_run *run,
                        const weft_verdict *verdict)
{
    const policy_constants *constants = &me->config.constants;
    double acted =
        (double)(run->event.bytes > 0 ? run->event.bytes : me->page_bytes);
    double wait_s = 0;
    double reward;

    if ((verdict->valid & WEFT_VERDICT_STALL) != 0) {
        wait_s += (double)verdict->stall_ns / 1e9;
    }
    if ((verdict->valid & WEFT_VERDICT_CPU) != 0) {
        wait_s += (double)verdict->cpu_ns / 1e9;
    }
    reward = ((double)verdict->kept_60s_bytes -
              wait_s * constants->stall_price * 1e9 / constants->window) /
             acted;
    if (verdict->outcome == WEFT_OUTCOME_HURT && reward > 0) {
        return 0;
    }
    return reward;
}

static void learn(memory_daemon *me, const daemon_run *run,
                  const weft_verdict *verdict)
{
    memory_app *app = daemon_find_app(me, run->event.exe);

    if (app == NULL) {
        return;
    }
    bandit_learn(&app->learnt, run->context, run->arm,
                 reward_of(me, run, verdict), sys_unix_ns());
    if ((verdict->valid & WEFT_VERDICT_REFAULT) != 0 &&
        verdict->released_bytes > 0) {
        double share =
            (double)verdict->refault_bytes / (double)verdict->released_bytes;

        app->refault_share +=
            0.3 * ((share < 1 ? share : 1) - app->refault_share);
    }
    daemon_save_app(me, app);
}

/* The figures of a minute are there: what the law and the bandit wait for. */
static void settle(memory_daemon *me, daemon_run *run,
                   const weft_verdict *verdict, uint64_t now_ns)
{
    uint64_t half_life_ns = (verdict->valid & WEFT_VERDICT_HALF_LIFE) != 0
                                ? verdict->half_life_ns
                                : UINT64_MAX;
    policy_outcome outcome = {
        .window_ns = now_ns - run->begun_ns,
        .released_bytes = (uint64_t)not_below_zero(verdict->released_bytes),
        .refault_bytes = (verdict->valid & WEFT_VERDICT_REFAULT) != 0
                             ? verdict->refault_bytes
                             : 0,
        .working_set_bytes = run->working_set_bytes};

    me->outcomes[verdict->outcome <= WEFT_OUTCOME_HURT ? verdict->outcome
                                                       : 0]++;
    me->kept_bytes += verdict->kept_60s_bytes;
    if (run->event.verb != POLICY_PAGEOUT) {
        return;
    }
    if (outcome.window_ns > 0 && policy_settle(&me->policy, now_ns, &outcome)) {
        daemon_note(me,
                    "too much of what was paged out has come back: less "
                    "from now on, and nothing for %.0f s",
                    (double)me->policy.cooloff_ns / 1e9);
    }
    for (size_t i = 0; i < me->target_count; i++) {
        if (me->targets[i].pid == run->event.pid) {
            me->targets[i].ready_ns =
                policy_ready_ns(&me->config.constants, now_ns, half_life_ns);
        }
    }
    learn(me, run, verdict);
}

/* ------------------------------------------------------------- following -- */

/* Tells the figures for 10, 60 and 300 s when they have come. */
static void tell_verdict(memory_daemon *me, daemon_run *run,
                         const weft_verdict *verdict, uint64_t now_ns)
{
    static const struct {
        uint32_t bit;
        uint64_t after_ns;
    } looks[] = {{WEFT_VERDICT_KEPT_10S, 10 * S},
                 {WEFT_VERDICT_KEPT_60S, 60 * S},
                 {WEFT_VERDICT_KEPT_300S, 300 * S}};

    for (size_t i = 0; i < TOOL_COUNT_OF(looks); i++) {
        memory_event event = run->event;

        if ((verdict->valid & looks[i].bit) == 0 ||
            (run->told & looks[i].bit) != 0) {
            continue;
        }
        run->told |= looks[i].bit;
        event.kind = MEMORY_EVENT_VERDICT;
        event.after_ns = looks[i].after_ns;
        event.verdict = *verdict;
        (void)snprintf(event.reason, sizeof(event.reason), "%s",
                       verdict->reason);
        daemon_tell(me, &event);
        if (looks[i].bit == WEFT_VERDICT_KEPT_60S) {
            settle(me, run, verdict, now_ns);
        }
    }
}

/* What frees nothing by itself has nothing to be followed. */
static bool is_over(const daemon_run *run)
{
    weft_reclaim_phase phase = weft_reclaim_get_phase(run->reclaim);

    return phase == WEFT_RECLAIM_DONE ||
           (phase >= WEFT_RECLAIM_FOLLOWING &&
            (run->event.verb == POLICY_COLD || run->event.verb == POLICY_OWN));
}

static void step_run(memory_daemon *me, daemon_run *run, uint64_t now_ns)
{
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = weft_reclaim_step(run->reclaim, &detail);

    if (status != WEFT_OK) {
        char what[128];

        weft_detail_text(&detail, what, sizeof(what));
        daemon_note(me, "to %s '%s' (%lld) has failed: %s",
                    policy_verb_name(run->event.verb), run->event.name,
                    (long long)run->event.pid, what);
        weft_reclaim_close(&run->reclaim);
        return;
    }
    if (weft_reclaim_verdict(run->reclaim, &verdict, NULL) == WEFT_OK) {
        tell_verdict(me, run, &verdict, now_ns);
    }
    if (is_over(run)) {
        weft_reclaim_close(&run->reclaim);
    }
}

uint64_t daemon_follow(memory_daemon *me, uint64_t now_ns)
{
    uint64_t due_ns = WEFT_FOREVER;

    for (size_t i = 0; i < DAEMON_RUNS_MOST; i++) {
        daemon_run *run = &me->runs[i];
        uint64_t at_ns;

        if (run->reclaim != NULL &&
            now_ns >= weft_reclaim_due_ns(run->reclaim)) {
            step_run(me, run, now_ns);
        }
        if (run->reclaim != NULL) {
            at_ns = weft_reclaim_due_ns(run->reclaim);
            due_ns = at_ns < due_ns ? at_ns : due_ns;
        }
    }
    return due_ns;
}

void daemon_end_runs(memory_daemon *me)
{
    for (size_t i = 0; i < DAEMON_RUNS_MOST; i++) {
        weft_reclaim_close(&me->runs[i].reclaim);
    }
}
