/* SPDX-License-Identifier: MIT
 *
 * What others do, as far as their sources say; docs/memory-policy.md has them.
 */
#include <math.h>
#include <string.h>

#include "memory_simulate.h"

static void step_nothing(sim_run *run)
{
    (void)run;
}

static double used_share(const model *it)
{
    return 1 - model_available(it) / it->options.memory_bytes;
}

/* ------------------------------------------------------------- cleaners --- */

/* All processes, protected or not, in whatever order they come. */
static void trim_all(sim_run *run)
{
    for (size_t i = 0; i < run->model.process_count; i++) {
        if (run->model.processes[i].lives) {
            (void)model_trim(&run->model, i);
        }
    }
    run->tick_actions++;
}

/* Whether so many seconds have passed since it was last true. */
static bool is_due(sim_run *run, double seconds)
{
    double now = (double)run->model.tick;

    if (now < run->state[0]) {
        return false;
    }
    run->state[0] = now + seconds;
    return true;
}

/* memreduct, RuVector: 80 % in use, at most every 30 s. */
static void step_threshold(sim_run *run)
{
    if (used_share(&run->model) >= 0.8 && is_due(run, 30)) {
        trim_all(run);
    }
}

static void step_timer(sim_run *run)
{
    if (run->model.tick % 300 == 0) {
        trim_all(run);
    }
}

/* WinMemoryCleaner: the standby list, when little is free. */
static void step_purge(sim_run *run)
{
    const model *it = &run->model;

    if (model_used(it) >= 0.8 * it->options.memory_bytes && is_due(run, 30)) {
        run->tick_actions += model_purge(&run->model) > 0;
    }
}

/* ---------------------------------------------------------------- killer ---
 */

/* earlyoom: 10 % of memory and of swap left. It spares nobody by itself. */
static void step_earlyoom(sim_run *run)
{
    model *it = &run->model;
    double swap = it->options.swap_bytes;
    size_t largest = SIZE_MAX;
    double most = 0;

    if (used_share(it) < 0.9 || model_swap_used(it) < 0.9 * swap) {
        return;
    }
    for (size_t i = 0; i < it->process_count; i++) {
        double bytes = it->processes[i].lives
                           ? model_in(&it->processes[i], MODEL_ANONYMOUS, 0)
                           : 0;

        if (bytes > most) {
            most = bytes;
            largest = i;
        }
    }
    if (largest != SIZE_MAX) {
        it->violations += it->processes[largest].is_protected;
        model_kill(it, largest);
        run->kills++;
        run->tick_actions++;
    }
}

/* ------------------------------------------------------------ controllers ---
 */

/*
 * senpai.py: a limit that shrinks by up to 1 % every 6 s while programs wait
 * less than 10 ms in that time, and grows at once when they wait longer.
 * state: limit, integral of waiting in us, seconds since it was changed.
 */
static void step_senpai(sim_run *run)
{
    model *it = &run->model;
    double *limit = &run->state[0];
    double *integral = &run->state[1];
    double *grace = &run->state[2];
    const double target_us = 10000;

    if (it->tick <= 1) {
        *limit = fmax(model_resident(it), 1);
    }
    *integral += fmin(1, it->stall_s) * 1e6;
    (*grace)++;
    if (*integral > target_us) {
        double error = *integral / target_us / 20;

        *limit *= 1 + fmin(error * error, 1);
        *integral = *grace = 0;
    } else if (*grace >= 6) {
        double error = target_us / fmax(*integral, 1) / 10;

        *limit = fmin(*limit, model_resident(it));
        *limit *= 1 - fmin(error * error, 1) * 0.01;
        *integral = *grace = 0;
    }
    if (model_resident(it) > *limit) {
        run->tick_actions +=
            model_reclaim(it, model_resident(it) - *limit, MODEL_POLICY) > 0;
    }
}

/*
 * oomd, Senpai with immediate backoff: 1 % every 6 s, unless programs have
 * waited for memory or files for 0.1 % of the last 10 s or minute. Its floor
 * of 100 MB, which is little of its machines and all of ours, is left out.
 */
static void step_oomd(sim_run *run)
{
    model *it = &run->model;
    const double most = 0.001;

    if (it->tick % 6 != 0 || fmax(run->avg10, run->avg60) >= most ||
        fmax(run->io_avg10, run->io_avg60) >= most ||
        model_swap_used(it) >= 0.8 * it->options.swap_bytes) {
        return;
    }
    run->tick_actions +=
        model_reclaim(it, model_resident(it) * 0.01, MODEL_POLICY) > 0;
}

/* DAMON's pageout as on some virtual machines: what is idle for a minute. */
static void step_damon(sim_run *run)
{
    model *it = &run->model;
    double left = 0.010 / MODEL_PAGEOUT_S * (double)it->trace->head.page_bytes;

    for (size_t i = 0; i < it->process_count && left > 0; i++) {
        if (it->processes[i].lives) {
            double gone = model_pageout(it, i, 60, left);

            left -= gone;
            run->tick_actions += gone > 0;
        }
    }
}

/* ---------------------------------------------------------------- oracle ---
 */

/* Knows what will not be used in this epoch: of that, as much as is wanted. */
static void step_oracle(sim_run *run)
{
    model *it = &run->model;
    double wanted =
        (run->need_bytes - model_kept(it)) / (1 - it->options.packed_share);

    for (size_t i = 0; i < it->process_count && wanted > 0; i++) {
        if (!it->processes[i].is_protected) {
            double gone = model_pageout_dormant(it, i, wanted);

            wanted -= gone;
            run->tick_actions += gone > 0;
        }
    }
}

/* ------------------------------------------------------------------ list ---
 */

const sim_policy sim_policies[] = {
    {.name = "kernel", .about = "the kernel alone", .step = step_nothing},
    {.name = "threshold",
     .about = "trims all at 80 % in use, as cleaners do",
     .step = step_threshold,
     .has_verdicts = true},
    {.name = "timer",
     .about = "trims all every 5 minutes",
     .step = step_timer,
     .has_verdicts = true},
    {.name = "purge",
     .about = "drops copies of files at 80 % in use",
     .step = step_purge,
     .has_verdicts = true},
    {.name = "earlyoom",
     .about = "ends the largest at 10 % left",
     .step = step_earlyoom},
    {.name = "senpai",
     .about = "senpai.py: a limit that follows the waiting",
     .step = step_senpai},
    {.name = "oomd",
     .about = "oomd's Senpai: 1 % every 6 s while nobody waits",
     .step = step_oomd},
    {.name = "damon",
     .about = "DAMON: what is idle for a minute",
     .step = step_damon},
    {.name = "weft",
     .about = "ours",
     .step = sim_step_ours,
     .has_verdicts = true,
     .learns = true},
    {.name = "weft-no-bandit",
     .about = "ours, which learns nothing of applications",
     .step = sim_step_ours,
     .has_verdicts = true},
    {.name = "weft-no-brake",
     .about = "ours, which goes on when much comes back",
     .step = sim_step_ours,
     .has_verdicts = true,
     .learns = true,
     .ignores_damage = true},
    {.name = "weft-proactive",
     .about = "ours, which does not wait for memory to be scarce",
     .step = sim_step_ours,
     .has_verdicts = true,
     .learns = true,
     .is_proactive = true},
    {.name = "oracle",
     .about = "knows what will not be used",
     .step = step_oracle},
};

const size_t sim_policy_count = sizeof(sim_policies) / sizeof(sim_policies[0]);

const sim_policy *sim_find_policy(const char *name)
{
    for (size_t i = 0; i < sim_policy_count; i++) {
        if (strcmp(sim_policies[i].name, name) == 0) {
            return &sim_policies[i];
        }
    }
    return NULL;
}
