/* SPDX-License-Identifier: MIT
 *
 * Our policy in the simulation: what the daemon does with the decisions, done
 * to the model.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory_simulate.h"

#define S_NS UINT64_C(1000000000)

/* Cold memory is at least so old; before a minute is known, so old. */
#define COLD_LEAST_S 30
#define COLD_UNKNOWN_S 30

/* The minutes that may promise more than they keep: two of a hundred (ASPLOS
 * 2019, the 98th percentile). */
#define COLD_PERCENTILE 75

/* How much of the last window's share of refaults counts. */
#define SHARE_WEIGHT 0.5

static uint64_t now_of(const sim_run *run)
{
    return run->base_ns + run->model.tick * S_NS;
}

/* ------------------------------------------------------------ experience ---
 */

static bandit *experience_of(sim_run *run, const char *name)
{
    sim_memory *memory = run->memory;
    sim_application *application;

    for (size_t i = 0; i < memory->count; i++) {
        if (strcmp(memory->items[i].name, name) == 0) {
            return &memory->items[i].learnt;
        }
    }
    if (memory->count == memory->room) {
        size_t room = memory->room == 0 ? 16 : memory->room * 2;
        sim_application *grown = realloc(memory->items, room * sizeof(*grown));

        if (grown == NULL) {
            run->failed = true;
            return NULL;
        }
        memory->items = grown;
        memory->room = room;
    }
    application = &memory->items[memory->count++];
    (void)snprintf(application->name, sizeof(application->name), "%s", name);
    bandit_init(&application->learnt);
    return &application->learnt;
}

static bandit_context context_of(const sim_run *run, size_t process)
{
    return bandit_context_of(run->law.state,
                             run->model.processes[process].ticks * S_NS);
}

static void choose_arm(sim_run *run, size_t process)
{
    bandit_context context = context_of(run, process);
    bandit *learnt;

    run->processes[process].arm = BANDIT_PAGEOUT_100;
    if (!run->policy->learns) {
        return;
    }
    learnt = experience_of(run, run->model.processes[process].name);
    if (learnt != NULL && bandit_has_learnt(learnt, context)) {
        run->processes[process].arm = bandit_choose(
            learnt, context, BANDIT_PAGEOUT_100, now_of(run), &run->random);
    }
}

/* -------------------------------------------------------------- cold age ---
 */

static void note_minute(sim_process *known, const model_process *process)
{
    for (size_t age = 0; age < MODEL_AGES; age++) {
        size_t class = BANDIT_AGES - 1;

        while (bandit_age_ns(class) > age * S_NS) {
            class --;
        }
        known->minute.promoted_bytes[class] +=
            (uint64_t)process->used_again[age];
    }
    if (process->ticks % 60 != 0) {
        return;
    }
    if (known->minute_count == 16) {
        known->minute_count--;
        memmove(known->minutes, known->minutes + 1,
                known->minute_count * sizeof(known->minutes[0]));
    }
    known->minutes[known->minute_count++] = known->minute;
    memset(&known->minute, 0, sizeof(known->minute));
}

/* 0: nothing of it is cold. */
static size_t cold_age_of(const sim_run *run, size_t process)
{
    const sim_process *known = &run->processes[process];
    double all = model_in(&run->model.processes[process], MODEL_ANONYMOUS, 0);
    uint64_t age_ns;

    if (known->minute_count == 0) {
        return COLD_UNKNOWN_S;
    }
    if (!bandit_cold_age(known->minutes, known->minute_count, (uint64_t)all,
                         run->options->constants.refault_rate, COLD_PERCENTILE,
                         &age_ns)) {
        return 0;
    }
    return age_ns < COLD_LEAST_S * S_NS ? COLD_LEAST_S
                                        : (size_t)(age_ns / S_NS);
}

/* ------------------------------------------------------------------ step ---
 */

/* What has been marked for a round and was not used since. */
static double idle_of(const sim_run *run, size_t process, size_t cold_age)
{
    const sim_process *known = &run->processes[process];
    size_t round = (size_t)run->options->constants.round;

    if (!known->has_marked || run->model.tick - known->marked_tick < round) {
        return 0;
    }
    return model_in(&run->model.processes[process], MODEL_ANONYMOUS,
                    cold_age + round);
}

static size_t find_targets(sim_run *run)
{
    size_t count = 0;

    for (size_t i = 0; i < run->model.process_count; i++) {
        const model_process *process = &run->model.processes[i];
        sim_process *known = &run->processes[i];
        policy_target *target = &run->targets[count];
        size_t cold_age;
        double idle;

        if (!process->lives) {
            continue;
        }
        note_minute(known, process);
        cold_age = cold_age_of(run, i);
        idle = cold_age > 0 ? idle_of(run, i, cold_age) : 0;
        *target = (policy_target){
            .key = i,
            .private_bytes = (uint64_t)model_in(process, MODEL_ANONYMOUS, 0),
            .idle_bytes = (uint64_t)idle,
            .cold_bytes =
                cold_age > 0
                    ? (uint64_t)fmax(
                          0,
                          model_in(process, MODEL_ANONYMOUS, cold_age) - idle)
                    : 0,
            .gain = 1 - run->options->packed_share,
            .refault_share = known->refault_share,
            .refault_ns = (uint64_t)(MODEL_SWAP_REFAULT_S * 1e9),
            .pageout_ns = (uint64_t)(MODEL_PAGEOUT_S * 1e9),
            .ready_ns = known->ready_ns,
            .arm = known->arm,
            .is_protected = process->is_protected};
        run->target_processes[count++] = i;
    }
    return count;
}

static void carry_out(sim_run *run, const policy_step *step)
{
    size_t process;
    sim_process *known;

    if (step->target == POLICY_NO_TARGET) {
        return;
    }
    process = run->target_processes[step->target];
    known = &run->processes[process];
    if (step->verb == POLICY_COLD && !known->has_marked) {
        known->has_marked = true;
        known->marked_tick = run->model.tick;
    } else if (step->verb == POLICY_PAGEOUT) {
        size_t age =
            cold_age_of(run, process) + (size_t)run->options->constants.round;

        run->tick_actions +=
            model_pageout(&run->model, process, age, (double)step->bytes) > 0;
    }
}

void sim_step_ours(sim_run *run)
{
    const model *it = &run->model;
    double swap = it->options.swap_bytes;
    policy_sample sample = {.now_ns = now_of(run),
                            .total_bytes = (uint64_t)it->options.memory_bytes,
                            .available_bytes = (uint64_t)model_available(it),
                            .swap_total_bytes = (uint64_t)swap,
                            .swap_free_bytes =
                                (uint64_t)fmax(0, swap - model_swap_used(it)),
                            .page_bytes = it->trace->head.page_bytes,
                            .has_stalls = true,
                            .stall_some_ns = (uint64_t)run->stall_ns,
                            .stall_all_ns = (uint64_t)run->stall_ns,
                            .has_io_stalls = true,
                            .stall_io_ns = (uint64_t)run->io_stall_ns};
    policy_decision decision;
    size_t count;

    for (size_t i = 0; i < it->process_count; i++) {
        if (it->processes[i].lives && it->processes[i].ticks == 1) {
            choose_arm(run, i);
        }
    }
    count = find_targets(run);
    policy_decide(&run->law, &sample, run->targets, count, &decision);
    for (size_t i = 0; i < decision.step_count; i++) {
        carry_out(run, &decision.steps[i]);
    }
}

/* ---------------------------------------------------------------- settle ---
 */

/* When half of it would be back, if it goes on as it did. */
static uint64_t half_life_of(const sim_window *window, size_t ticks)
{
    double share = window->refault_bytes / window->released_bytes;

    if (share < 0.01) {
        return UINT64_MAX;
    }
    return (uint64_t)((double)ticks * 0.5 / share) * S_NS;
}

static void settle_process(sim_run *run, size_t process, size_t ticks)
{
    sim_process *known = &run->processes[process];
    const sim_window *window = &known->window;

    if (window->released_bytes > 0) {
        double share = window->refault_bytes / window->released_bytes;

        known->refault_share +=
            SHARE_WEIGHT * (fmin(1, share) - known->refault_share);
        known->ready_ns = policy_ready_ns(&run->options->constants, now_of(run),
                                          half_life_of(window, ticks));
        if (run->policy->learns) {
            bandit *learnt =
                experience_of(run, run->model.processes[process].name);

            if (learnt != NULL) {
                bandit_learn(learnt, context_of(run, process), known->arm,
                             sim_reward(window, run->options), now_of(run));
            }
        }
    }
    memset(&known->window, 0, sizeof(known->window));
    choose_arm(run, process);
}

bool sim_settle_ours(sim_run *run)
{
    const sim_window *window = &run->window;
    size_t ticks = run->model.tick - window->begin;
    policy_outcome outcome = {
        .window_ns = ticks * S_NS,
        .released_bytes = (uint64_t)window->released_bytes,
        .refault_bytes = (uint64_t)window->refault_bytes,
        .working_set_bytes = (uint64_t)model_resident(&run->model)};
    bool too_much = false;

    if (window->released_bytes > 0 || window->refault_bytes > 0) {
        too_much = policy_settle(&run->law, now_of(run), &outcome);
    }
    for (size_t i = 0; i < run->model.process_count; i++) {
        settle_process(run, i, ticks);
    }
    return !too_much;
}
