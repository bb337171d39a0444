/* SPDX-License-Identifier: MIT
 *
 * Runs, and what comes of them.
 */
#include "memory_simulate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GB 1e9
#define MB 1e6

/* The minute that stalls are summed over, and the window of a verdict. */
#define WINDOW_TICKS 60

#define BOOTSTRAPS 4000

void sim_forget(sim_memory *memory)
{
    free(memory->items);
    memset(memory, 0, sizeof(*memory));
}

bool sim_remember(const sim_memory *memory, sim_memory *copy)
{
    *copy = *memory;
    copy->room = memory->count;
    copy->items = NULL;
    if (memory->count == 0) {
        return true;
    }
    copy->items = malloc(memory->count * sizeof(*copy->items));
    if (copy->items == NULL) {
        memset(copy, 0, sizeof(*copy));
        return false;
    }
    memcpy(copy->items, memory->items, memory->count * sizeof(*copy->items));
    return true;
}

/* ------------------------------------------------------------- statistics ---
 */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

void sim_bootstrap(const double *values, size_t count, uint64_t seed,
                   sim_interval *interval)
{
    static double means[BOOTSTRAPS];
    bandit_random random;
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    bandit_seed(&random, seed);
    for (size_t i = 0; i < BOOTSTRAPS; i++) {
        double drawn = 0;

        for (size_t j = 0; j < count; j++) {
            drawn += values[bandit_next(&random) % count];
        }
        means[i] = drawn / (double)count;
    }
    qsort(means, BOOTSTRAPS, sizeof(means[0]), compare_doubles);
    interval->mean = sum / (double)count;
    interval->low = means[BOOTSTRAPS / 40];
    interval->high = means[BOOTSTRAPS - 1 - BOOTSTRAPS / 40];
}

/* ---------------------------------------------------------------- ticks --- */

/* The kernel's averages of the share of time that is waited for. */
static void average(double *mean, double now, double seconds)
{
    *mean += (1 - exp(-1 / seconds)) * (now - *mean);
}

static void count_stalls(sim_run *run)
{
    double some = fmin(1, run->model.stall_s);
    double io = fmin(1, run->model.io_stall_s);

    run->stall_ns += some * 1e9;
    run->io_stall_ns += io * 1e9;
    average(&run->avg10, some, 10);
    average(&run->avg60, some, 60);
    average(&run->io_avg10, io, 10);
    average(&run->io_avg60, io, 60);
}

/* What was sent away, came back and cost in this tick. */
static void fill_window(const sim_run *run, sim_window *window,
                        double released_bytes, double refault_bytes)
{
    double pages = 1 / (double)run->model.trace->head.page_bytes;
    double gain = 1 - run->options->packed_share;
    double all = model_kept(&run->model);
    double needed = all > 0 ? fmin(1, fmax(0, run->need_bytes) / all) : 0;
    double kept;

    window->released_bytes += released_bytes;
    window->refault_bytes += refault_bytes;
    kept = fmax(0, window->released_bytes - window->refault_bytes);
    window->kept_s += kept * gain * needed;
    window->released_s += window->released_bytes;
    window->cost_s += released_bytes * pages * MODEL_PAGEOUT_S +
                      refault_bytes * pages * MODEL_SWAP_REFAULT_S;
}

/*
 * What was sent away late in a window is not seen for all of a minute: it is
 * taken to stay away as the rest did.
 */
double sim_reward(const sim_window *window, const sim_options *options)
{
    double whole_s = window->released_bytes * options->constants.window;

    return window->kept_s / window->released_s -
           window->cost_s * options->constants.stall_price * GB / whole_s;
}

/* After a minute: whether what the policy says of itself is so. */
static void end_window(sim_run *run)
{
    bool says = true;

    if (run->policy->step == sim_step_ours) {
        says = sim_settle_ours(run);
    }
    if (run->window.released_bytes > 0 && run->policy->has_verdicts) {
        run->wrong += says != (sim_reward(&run->window, run->options) > 0);
    }
    memset(&run->window, 0, sizeof(run->window));
    run->window.begin = run->model.tick;
}

static void count_tick(sim_run *run)
{
    model *it = &run->model;
    double released = 0;
    double refaults = 0;

    for (size_t i = 0; i < it->process_count; i++) {
        released += it->processes[i].released_bytes;
        refaults += it->processes[i].refault_bytes;
        fill_window(run, &run->processes[i].window,
                    it->processes[i].released_bytes,
                    it->processes[i].refault_bytes);
    }
    fill_window(run, &run->window, released, refaults);
    run->useful_byte_s += fmin(model_kept(it), fmax(0, run->need_bytes));
    run->policy_cpu_s += it->policy_cpu_s;
    run->actions += run->tick_actions;
    run->stalls[it->tick - 1] = it->stall_s;
    if (it->tick - run->window.begin >= WINDOW_TICKS) {
        end_window(run);
    }
}

static void find_need(sim_run *run)
{
    model *it = &run->model;
    double high = it->options.memory_bytes *
                  run->options->constants.watch_available / 100;

    run->need_bytes = high - (model_available(it) - model_kept(it));
}

/* --------------------------------------------------------------- results ---
 */

static double worst_minute(sim_run *run)
{
    size_t ticks = run->model.tick;
    size_t window = ticks < WINDOW_TICKS ? ticks : WINDOW_TICKS;
    size_t count = ticks - window + 1;
    double sum = 0;

    for (size_t i = 0; i < window; i++) {
        sum += run->stalls[i];
    }
    /* In place: a sum replaces the first of its ticks. */
    for (size_t i = 0; i < count; i++) {
        double first = run->stalls[i];

        run->stalls[i] = sum;
        if (i + 1 < count) {
            sum += run->stalls[i + window] - first;
        }
    }
    qsort(run->stalls, count, sizeof(run->stalls[0]), compare_doubles);
    return run->stalls[(count * 99 + 99) / 100 - 1];
}

static void conclude(sim_run *run, sim_result *result)
{
    model *it = &run->model;
    double hours = (double)it->tick / 3600;

    if (run->window.released_bytes > 0) {
        end_window(run);
    }
    *result =
        (sim_result){.useful_gb_s = run->useful_byte_s / GB,
                     .stall_s = it->stall_total_s,
                     .score_gb_s = run->useful_byte_s / GB -
                                   (it->stall_total_s + run->policy_cpu_s) *
                                       run->options->constants.stall_price,
                     .stall_p99_s = worst_minute(run),
                     .cpu_s = run->policy_cpu_s,
                     .refault_mb = it->refault_total_bytes / MB,
                     .actions_h = run->actions / hours,
                     .wrong = run->wrong,
                     .kills = run->kills + it->kills,
                     .violations = it->violations};
}

/* ------------------------------------------------------------------ play ---
 */

static bool allocate(sim_run *run, const trace *recorded)
{
    size_t count = recorded->process_count + 1;

    run->targets = calloc(count, sizeof(*run->targets));
    run->target_processes = calloc(count, sizeof(*run->target_processes));
    run->processes = calloc(count, sizeof(*run->processes));
    run->stalls = calloc(recorded->tick_count, sizeof(*run->stalls));
    return run->targets != NULL && run->target_processes != NULL &&
           run->processes != NULL && run->stalls != NULL;
}

static void play_all(sim_run *run, sim_result *result)
{
    while (!run->failed && model_step(&run->model)) {
        count_stalls(run);
        run->tick_actions = 0;
        find_need(run);
        run->policy->step(run);
        find_need(run);
        count_tick(run);
    }
    conclude(run, result);
    run->memory->now_ns += (uint64_t)run->model.tick * 1000000000;
}

bool sim_play(const sim_policy *chosen, const trace *recorded,
              const sim_options *options, sim_memory *memory,
              sim_result *result)
{
    double bytes = options->memory_bytes > 0
                       ? options->memory_bytes
                       : model_peak(recorded) * options->scale *
                             options->memory_percent / 100;
    sim_run run = {.policy = chosen,
                   .options = options,
                   .memory = memory,
                   .base_ns = memory->now_ns};
    model_options machine = {.memory_bytes = bytes,
                             .swap_bytes = bytes * options->swap_percent / 100,
                             .packed_share = options->packed_share,
                             .scale = options->scale,
                             .random_share = options->random_share,
                             .protects = options->protects};
    bool done = false;

    bandit_seed(&run.random, options->seed);
    policy_init(&run.law, &options->constants);
    run.law.ignores_damage = chosen->ignores_damage;
    run.law.is_proactive = chosen->is_proactive;
    if (model_open(&run.model, recorded, &machine)) {
        if (allocate(&run, recorded)) {
            play_all(&run, result);
            done = !run.failed;
        }
        model_close(&run.model);
    }
    free(run.targets);
    free(run.target_processes);
    free(run.processes);
    free(run.stalls);
    return done;
}
