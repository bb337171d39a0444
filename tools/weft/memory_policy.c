/* SPDX-License-Identifier: MIT
 *
 * The law: from a look at the machine to what is done about it.
 *
 * A look goes through three stages. The averages and the slope take the sample
 * in; the state follows them, up after two samples that agree and down after a
 * while without need; and the plan says what the state allows, in the order of
 * what it costs others.
 */
#include "memory_policy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S_NS 1e9
#define NEVER UINT64_MAX

/* A slope over less says nothing: a third of its window, half a percent. */
#define SLOPE_LEAST_SAMPLES (POLICY_SLOPE_SAMPLES / 3)
#define SLOPE_LEAST_FALL 0.005

#define CONSTANT_ROW(member, value, unit, source)                              \
    {#member, unit, source, value, offsetof(policy_constants, member)},

const policy_constant policy_constant_table[] = {
    POLICY_CONSTANT_LIST(CONSTANT_ROW)};

#undef CONSTANT_ROW

const size_t policy_constant_count =
    sizeof(policy_constant_table) / sizeof(policy_constant_table[0]);

#define CONSTANT_VALUE(member, value, unit, source) .member = (value),

const policy_constants policy_defaults = {POLICY_CONSTANT_LIST(CONSTANT_VALUE)};

#undef CONSTANT_VALUE

const policy_constant *policy_find_constant(const char *name)
{
    for (size_t i = 0; i < policy_constant_count; i++) {
        if (strcmp(policy_constant_table[i].name, name) == 0) {
            return &policy_constant_table[i];
        }
    }
    return NULL;
}

const char *policy_verb_name(policy_verb verb)
{
#define VERB_NAME(symbol, name) [symbol] = #name,
    static const char *const names[] = {POLICY_VERB_LIST(VERB_NAME)};
#undef VERB_NAME

    return names[verb];
}

static uint64_t from_seconds(double seconds)
{
    return (uint64_t)(seconds * S_NS);
}

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* No later than the end of time. */
static uint64_t after(uint64_t now_ns, uint64_t wait_ns)
{
    return wait_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + wait_ns;
}

void policy_init(policy *state, const policy_constants *constants)
{
    memset(state, 0, sizeof(*state));
    state->constants = constants != NULL ? *constants : policy_defaults;
    state->calmer_since_ns = NEVER;
    state->gain = state->constants.gain_start;
}

/* --------------------------------------------------------------- inputs --- */

/* The share of an interval that a running total has grown by. */
static double share_of(uint64_t before_ns, uint64_t after_ns, double interval)
{
    if (after_ns <= before_ns) {
        return 0; /* a total that went back is another one */
    }
    return fmin((double)(after_ns - before_ns) / interval, 1);
}

static void average(double *mean, double now, double weight)
{
    *mean += weight * (now - *mean);
}

static double available_share(const policy_sample *sample)
{
    return (double)least_of(sample->available_bytes, sample->total_bytes) /
           (double)sample->total_bytes;
}

/* One sample a second, however often is looked. */
static void take_slope(policy *state, const policy_sample *sample)
{
    size_t count = state->slope_count;

    if (count > 0 && sample->now_ns - state->slope_ns[count - 1] <
                         from_seconds(state->constants.look_calm) * 9 / 10) {
        return;
    }
    if (count == POLICY_SLOPE_SAMPLES) {
        count--;
        memmove(state->slope_ns, state->slope_ns + 1,
                count * sizeof(state->slope_ns[0]));
        memmove(state->slope_available, state->slope_available + 1,
                count * sizeof(state->slope_available[0]));
    }
    state->slope_ns[count] = sample->now_ns;
    state->slope_available[count] = available_share(sample);
    state->slope_count = count + 1;
}

static void take(policy *state, const policy_sample *sample)
{
    const policy_sample *last = &state->last;

    if (state->has_sample && sample->now_ns > last->now_ns) {
        double interval = (double)(sample->now_ns - last->now_ns);
        double weight = 1 - exp(-interval / (state->constants.average * S_NS));

        if (sample->has_stalls && last->has_stalls) {
            state->some_now =
                share_of(last->stall_some_ns, sample->stall_some_ns, interval);
            state->all_now =
                share_of(last->stall_all_ns, sample->stall_all_ns, interval);
        }
        if (sample->has_io_stalls && last->has_io_stalls) {
            state->io_now =
                share_of(last->stall_io_ns, sample->stall_io_ns, interval);
        }
        average(&state->some, state->some_now, weight);
        average(&state->all, state->all_now, weight);
        average(&state->io, state->io_now, weight);
    }
    take_slope(state, sample);
    state->last = *sample;
    state->has_sample = true;
}

/* ---------------------------------------------------------------- slope --- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/*
 * Theil and Sen: the median of the slopes between all pairs of samples, which
 * a third of wild ones can't move. In shares of memory a second; false where
 * the samples do not show that it falls.
 */
static bool find_fall(const policy *state, double *fall)
{
    double slopes[POLICY_SLOPE_SAMPLES * (POLICY_SLOPE_SAMPLES - 1) / 2];
    size_t count = state->slope_count;
    size_t pairs = 0;
    double seconds;

    if (count < SLOPE_LEAST_SAMPLES) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            slopes[pairs++] =
                (state->slope_available[j] - state->slope_available[i]) /
                ((double)(state->slope_ns[j] - state->slope_ns[i]) / S_NS);
        }
    }
    qsort(slopes, pairs, sizeof(slopes[0]), compare_doubles);
    seconds = (double)(state->slope_ns[count - 1] - state->slope_ns[0]) / S_NS;
    *fall = -slopes[pairs / 2];
    /* Three quarters of the pairs must agree that it falls at all. */
    return slopes[pairs * 3 / 4] < 0 && *fall * seconds >= SLOPE_LEAST_FALL;
}

static void find_eta(const policy *state, policy_decision *decision)
{
    double fall;

    if (find_fall(state, &fall)) {
        double seconds = available_share(&state->last) / fall;

        decision->has_eta = true;
        decision->eta_ns = from_seconds(seconds);
    }
}

/* ---------------------------------------------------------------- state --- */

/* Percent of swap that is free; none is as good as full. */
static double swap_headroom(const policy_sample *sample)
{
    if (sample->swap_total_bytes == 0) {
        return 0;
    }
    return 100 *
           (double)least_of(sample->swap_free_bytes, sample->swap_total_bytes) /
           (double)sample->swap_total_bytes;
}

/*
 * The state that the figures point to, with the thresholds `gap` times as far
 * away: 1 to enter it, more to leave it. On the way up both the average and the
 * last interval must say that programs wait, so that one long wait, which the
 * average remembers for a minute, is not taken for many. Waiting alone is no
 * proof: with memory to spare a group waits at its own limit.
 */
static weft_pressure judge(const policy *state, double gap,
                           const policy_decision *decision)
{
    const policy_constants *constants = &state->constants;
    double available = 100 * available_share(&state->last);
    bool is_entering = gap <= 1;
    double some =
        100 * gap *
        (is_entering ? fmin(state->some, state->some_now) : state->some);
    double all = 100 * gap *
                 (is_entering ? fmin(state->all, state->all_now) : state->all);

    if (available < constants->emergency_available * gap &&
        all >= constants->emergency_stall &&
        swap_headroom(&state->last) < constants->emergency_swap * gap) {
        return WEFT_PRESSURE_EMERGENCY;
    }
    if (available < constants->tight_available * gap ||
        (available < constants->watch_available * gap &&
         some >= constants->stall_target)) {
        return WEFT_PRESSURE_TIGHT;
    }
    if (available < constants->watch_available * gap ||
        (decision->has_eta &&
         (double)decision->eta_ns < constants->watch_eta * gap * S_NS)) {
        return WEFT_PRESSURE_WATCH;
    }
    return WEFT_PRESSURE_CALM;
}

static weft_pressure worse_of(weft_pressure a, weft_pressure b)
{
    return a > b ? a : b;
}

static weft_pressure better_of(weft_pressure a, weft_pressure b)
{
    return a < b ? a : b;
}

/*
 * Up to what two samples in a row agree on; down by one state after a dwell in
 * which none has asked for the present one.
 */
static void move(policy *state, policy_decision *decision)
{
    const policy_sample *sample = &state->last;
    weft_pressure up = worse_of(judge(state, 1, decision), sample->told);
    weft_pressure down =
        worse_of(judge(state, state->constants.gap, decision), sample->told);
    weft_pressure before = state->state;
    weft_pressure agreed = better_of(up, state->rising);

    state->rising = up;
    if (agreed > state->state) {
        state->state = agreed;
    }
    if (down >= state->state) {
        state->calmer_since_ns = NEVER;
    } else if (state->calmer_since_ns == NEVER) {
        state->calmer_since_ns = sample->now_ns;
    } else if (sample->now_ns - state->calmer_since_ns >=
               from_seconds(state->constants.dwell)) {
        state->state = (weft_pressure)(state->state - 1);
        state->calmer_since_ns = sample->now_ns;
    }
    decision->state = state->state;
    decision->has_changed = state->state != before;
}

/* ----------------------------------------------------------------- plan --- */

static policy_step *add_step(policy_decision *decision, policy_verb verb,
                             size_t target)
{
    policy_step *step;

    if (decision->step_count == POLICY_STEPS_MOST) {
        return NULL;
    }
    step = &decision->steps[decision->step_count++];
    step->verb = verb;
    step->target = target;
    return step;
}

/* How much is wanted, from 0 to 1. */
static double need(const policy *state)
{
    double available = 100 * available_share(&state->last);
    double high = state->constants.watch_available;

    if (state->is_proactive) {
        return 1 - available / 100;
    }
    return fmax(0, (high - available) / high);
}

/* What is left of the budget while programs wait: none at the target. */
static double brake(const policy *state, double average_share, double now)
{
    double waits = 100 * fmax(average_share, now);

    return fmax(0, 1 - waits / state->constants.stall_target);
}

/* What swap can still take, without coming near to being full. */
static uint64_t swap_room(const policy *state)
{
    const policy_sample *sample = &state->last;
    double most =
        (double)sample->swap_total_bytes * state->constants.swap_full / 100;
    uint64_t free_bytes =
        least_of(sample->swap_free_bytes, sample->swap_total_bytes);
    double used = (double)(sample->swap_total_bytes - free_bytes);

    return most > used ? (uint64_t)(most - used) : 0;
}

double policy_value(const policy_constants *constants,
                    const policy_target *target, uint64_t page_bytes)
{
    /* Seconds that a byte is out in a window, if it comes back in its middle
     * or not at all. */
    double kept = constants->window * (1 - target->refault_share / 2);
    double wait_s = ((double)target->pageout_ns +
                     target->refault_share * (double)target->refault_ns) /
                    S_NS / (double)page_bytes;

    return target->gain * kept / constants->window -
           wait_s * constants->stall_price * 1e9 / constants->window;
}

static bool is_open(const policy *state, const policy_target *target)
{
    return !target->is_protected && state->last.now_ns >= target->ready_ns &&
           policy_value(&state->constants, target, state->last.page_bytes) > 0;
}

/* What the arm lets go of that which stayed idle. */
static uint64_t allowed(const policy_target *target)
{
    return target->idle_bytes / 100 * bandit_arm_percent(target->arm);
}

static void set_budget(const policy *state, const policy_target *targets,
                       size_t count, policy_decision *decision)
{
    const policy_constants *constants = &state->constants;
    bool is_tight = state->state >= WEFT_PRESSURE_TIGHT;
    double cold = 0;
    double bytes;

    for (size_t i = 0; i < count; i++) {
        if (is_open(state, &targets[i])) {
            cold += (double)targets[i].idle_bytes;
            cold += is_tight ? 0 : (double)targets[i].cold_bytes;
        }
    }
    bytes = state->gain * cold * need(state) *
            brake(state, state->io, state->io_now);
    /* In TIGHT programs wait already, and only what nobody has used for two
     * rounds goes: that does not add to it. */
    if (!is_tight) {
        bytes *= brake(state, state->some, state->some_now);
    }
    bytes = fmin(bytes, (double)state->last.total_bytes *
                            constants->action_memory / 100);
    decision->budget_bytes = least_of((uint64_t)bytes, swap_room(state));
    decision->budget_cpu_ns = from_seconds(constants->action_cpu);
}

/* The target with most to gain of those left; false: there is none. */
static bool find_best(const policy *state, const policy_target *targets,
                      size_t count, const policy_decision *decision,
                      size_t *best)
{
    double largest = 0;

    for (size_t i = 0; i < count; i++) {
        double value;
        bool is_taken = false;

        for (size_t j = 0; j < decision->step_count; j++) {
            is_taken |= decision->steps[j].verb == POLICY_PAGEOUT &&
                        decision->steps[j].target == i;
        }
        if (is_taken || !is_open(state, &targets[i])) {
            continue;
        }
        value = (double)allowed(&targets[i]) *
                policy_value(&state->constants, &targets[i],
                             state->last.page_bytes);
        if (value > largest) {
            largest = value;
            *best = i;
        }
    }
    return largest > 0;
}

static void plan_pageout(policy *state, const policy_target *targets,
                         size_t count, policy_decision *decision)
{
    uint64_t page_bytes = state->last.page_bytes;
    uint64_t pages = decision->budget_bytes / page_bytes;
    uint64_t cpu_ns = decision->budget_cpu_ns;
    size_t best = 0;

    while (decision->step_count < POLICY_STEPS_MOST - 1 &&
           find_best(state, targets, count, decision, &best)) {
        const policy_target *target = &targets[best];
        uint64_t room = least_of(pages, allowed(target) / page_bytes);
        policy_step *step;

        if (target->pageout_ns > 0) {
            room = least_of(room, cpu_ns / target->pageout_ns);
        }
        if (room == 0) {
            break;
        }
        step = add_step(decision, POLICY_PAGEOUT, best);
        step->bytes = room * page_bytes;
        step->cpu_ns = room * target->pageout_ns;
        (void)snprintf(step->reason, sizeof(step->reason),
                       "idle for two rounds; %.0f %% of it may come back",
                       100 * target->refault_share);
        pages -= room;
        cpu_ns -= step->cpu_ns;
        state->act_ns = after(state->last.now_ns,
                              from_seconds(state->constants.action_interval));
    }
}

/* Marking costs next to nothing, and the budget holds for what follows it. */
static void plan_cold(const policy *state, const policy_target *targets,
                      size_t count, policy_decision *decision)
{
    for (size_t i = 0;
         i < count && decision->step_count < POLICY_STEPS_MOST / 2; i++) {
        const policy_target *target = &targets[i];
        uint64_t bytes =
            target->cold_bytes - target->cold_bytes % state->last.page_bytes;
        policy_step *step;

        if (bytes == 0 || target->arm == BANDIT_NOTHING ||
            !is_open(state, target)) {
            continue;
        }
        step = add_step(decision, POLICY_COLD, i);
        step->bytes = bytes;
        (void)snprintf(step->reason, sizeof(step->reason),
                       "not used lately; to be looked at again in %.0f s",
                       state->constants.round);
    }
}

static void plan_top(const policy_target *targets, size_t count,
                     policy_decision *decision)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = decision->top_count;

        while (at > 0 && targets[decision->top[at - 1]].private_bytes <
                             targets[i].private_bytes) {
            if (at < POLICY_TOP_MOST) {
                decision->top[at] = decision->top[at - 1];
            }
            at--;
        }
        if (at < POLICY_TOP_MOST) {
            decision->top[at] = i;
            decision->top_count += decision->top_count < POLICY_TOP_MOST;
        }
    }
}

/* A step without a target that is taken once in an interval. */
static bool plan_once(policy_decision *decision, policy_verb verb,
                      uint64_t now_ns, double interval, uint64_t *next_ns,
                      const char *reason)
{
    policy_step *step;

    if (now_ns < *next_ns) {
        return false;
    }
    step = add_step(decision, verb, POLICY_NO_TARGET);
    if (step == NULL) {
        return false;
    }
    (void)snprintf(step->reason, sizeof(step->reason), "%s", reason);
    *next_ns = after(now_ns, from_seconds(interval));
    return true;
}

static void plan_asking(policy *state, policy_decision *decision)
{
    const policy_constants *constants = &state->constants;
    uint64_t now_ns = state->last.now_ns;

    (void)plan_once(decision, POLICY_OWN, now_ns, constants->ask_interval,
                    &state->own_ns, "what this process can do without");
    if (state->state >= WEFT_PRESSURE_TIGHT) {
        (void)plan_once(decision, POLICY_ASK, now_ns, constants->ask_interval,
                        &state->ask_ns,
                        "programs know best what they can do without");
    }
}

static void plan_telling(policy *state, const policy_target *targets,
                         size_t count, policy_decision *decision)
{
    bool is_worse =
        decision->has_changed && decision->state == WEFT_PRESSURE_EMERGENCY;

    plan_top(targets, count, decision);
    if (is_worse) {
        state->tell_ns = 0;
    }
    (void)plan_once(decision, POLICY_TELL, state->last.now_ns,
                    state->constants.tell_interval, &state->tell_ns,
                    decision->state == WEFT_PRESSURE_EMERGENCY
                        ? "to end one of the largest is the user's to decide"
                        : "memory is scarce; these take most of it");
}

static bool may_act(const policy *state)
{
    return state->last.swap_total_bytes > 0 &&
           state->last.now_ns >= state->cool_until_ns &&
           (state->state >= WEFT_PRESSURE_WATCH || state->is_proactive);
}

static void plan(policy *state, const policy_target *targets, size_t count,
                 policy_decision *decision)
{
    if (state->state >= WEFT_PRESSURE_WATCH && need(state) > 0) {
        plan_asking(state, decision);
    }
    if (may_act(state)) {
        /* Before it is needed, so that there is something to take then. */
        if (state->state < WEFT_PRESSURE_EMERGENCY) {
            plan_cold(state, targets, count, decision);
        }
        set_budget(state, targets, count, decision);
        if (state->last.now_ns >= state->act_ns) {
            plan_pageout(state, targets, count, decision);
        }
    }
    if (state->state >= WEFT_PRESSURE_TIGHT) {
        plan_telling(state, targets, count, decision);
    }
}

/* -------------------------------------------------------------- explain --- */

static void explain(const policy *state, policy_decision *decision)
{
    char *text = decision->reason;
    size_t room = sizeof(decision->reason);
    const char *rest = "";
    char cooling[48];

    if (decision->state == WEFT_PRESSURE_CALM) {
        rest = ": nothing to do";
    } else if (state->last.swap_total_bytes == 0) {
        rest = "; without swap nothing can leave memory";
    } else if (state->last.now_ns < state->cool_until_ns) {
        (void)snprintf(
            cooling, sizeof(cooling), "; too much came back: waits %.0f s",
            (double)(state->cool_until_ns - state->last.now_ns) / S_NS);
        rest = cooling;
    }
    (void)snprintf(
        text, room, "%s: %.1f %% available, programs waited %.2f %%%s",
        weft_pressure_name(decision->state),
        100 * available_share(&state->last), 100 * state->some, rest);
}

/* Near an edge, or while something is going on, more often. */
static uint64_t next_look(const policy *state)
{
    const policy_constants *constants = &state->constants;
    bool is_edge =
        state->rising > state->state || (state->state >= WEFT_PRESSURE_TIGHT &&
                                         state->calmer_since_ns == NEVER);

    return from_seconds(is_edge ? constants->look_edge : constants->look_calm);
}

void policy_decide(policy *state, const policy_sample *sample,
                   const policy_target *targets, size_t count,
                   policy_decision *decision)
{
    memset(decision, 0, sizeof(*decision));
    take(state, sample);
    find_eta(state, decision);
    move(state, decision);
    plan(state, targets, count, decision);
    decision->next_look_ns = next_look(state);
    explain(state, decision);
}

/* -------------------------------------------------------------- outcome --- */

bool policy_settle(policy *state, uint64_t now_ns,
                   const policy_outcome *outcome)
{
    const policy_constants *constants = &state->constants;
    double minutes = (double)outcome->window_ns / (60 * S_NS);
    bool too_much =
        (double)outcome->refault_bytes >
            (double)outcome->released_bytes * constants->refault_share / 100 ||
        (double)outcome->refault_bytes > (double)outcome->working_set_bytes *
                                             minutes * constants->refault_rate /
                                             100;

    if (state->ignores_damage) {
        return false;
    }
    if (too_much) {
        double next = (double)state->cooloff_ns / S_NS * 2;

        /* Not to nothing: what is never tried can't turn out well again. */
        state->gain = fmax(state->gain / 2, constants->gain_step);
        next =
            fmin(fmax(next, constants->cooloff_least), constants->cooloff_most);
        state->cooloff_ns = from_seconds(next);
        state->cool_until_ns = after(now_ns, state->cooloff_ns);
    } else {
        state->gain =
            fmin(state->gain + constants->gain_step, constants->gain_most);
        state->cooloff_ns = 0;
    }
    return too_much;
}

uint64_t policy_ready_ns(const policy_constants *constants, uint64_t now_ns,
                         uint64_t half_life_ns)
{
    double least = constants->cooldown;
    double wait =
        half_life_ns == NEVER
            ? least
            : fmax(least, (double)half_life_ns / S_NS * constants->half_lives);

    return after(now_ns, from_seconds(wait));
}
