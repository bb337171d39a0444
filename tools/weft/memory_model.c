/* SPDX-License-Identifier: MIT
 *
 * The machine of the simulation.
 */
#include "memory_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KIB 1024.0

/* The kernel begins to reclaim beside programs at the first part of memory
 * that is left, and ends at the second: its watermarks, about. */
#define LOW_SHARE 0.02
#define HIGH_SHARE 0.04

static double known(uint64_t kib)
{
    return kib == TRACE_UNKNOWN ? 0 : (double)kib * KIB;
}

/* ----------------------------------------------------------------- open --- */

bool model_open(model *it, const trace *recorded, const model_options *options)
{
    memset(it, 0, sizeof(*it));
    it->trace = recorded;
    it->options = *options;
    it->process_count = recorded->process_count;
    it->processes = calloc(it->process_count + 1, sizeof(*it->processes));
    it->epochs = calloc(it->process_count + 1, sizeof(*it->epochs));
    if (it->processes == NULL || it->epochs == NULL ||
        !epochs_find(recorded, it->epochs)) {
        model_close(it);
        return false;
    }
    for (size_t i = 0; i < it->process_count; i++) {
        model_process *process = &it->processes[i];

        process->name = recorded->processes[i].name;
        process->is_protected = options->protects != NULL &&
                                strcmp(process->name, options->protects) == 0;
    }
    return true;
}

void model_close(model *it)
{
    if (it->epochs != NULL) {
        epochs_free(it->epochs, it->process_count);
    }
    free(it->epochs);
    free(it->processes);
    memset(it, 0, sizeof(*it));
}

/* -------------------------------------------------------------- figures --- */

static double sum(const double *cells)
{
    double all = 0;

    for (size_t i = 0; i < MODEL_AGES; i++) {
        all += cells[i];
    }
    return all;
}

static double sum_out(const model_pool *pool)
{
    return sum(pool->out[MODEL_KERNEL]) + sum(pool->out[MODEL_POLICY]);
}

double model_in(const model_process *process, model_kind kind, size_t age)
{
    double bytes = 0;

    for (size_t i = age; i < MODEL_AGES; i++) {
        bytes += process->pools[kind][MODEL_ACTIVE].in[i] +
                 process->pools[kind][MODEL_DORMANT].in[i];
    }
    return bytes;
}

double model_swap_used(const model *it)
{
    double bytes = 0;

    for (size_t i = 0; i < it->process_count; i++) {
        for (int part = 0; part < MODEL_PARTS; part++) {
            bytes += sum_out(&it->processes[i].pools[MODEL_ANONYMOUS][part]);
        }
    }
    return bytes;
}

static double sum_in(const model *it, model_kind kind)
{
    double bytes = 0;

    for (size_t i = 0; i < it->process_count; i++) {
        bytes += model_in(&it->processes[i], kind, 0);
    }
    return bytes;
}

double model_resident(const model *it)
{
    return sum_in(it, MODEL_FILE) + sum_in(it, MODEL_ANONYMOUS);
}

double model_used(const model *it)
{
    return model_resident(it) + model_swap_used(it) * it->options.packed_share;
}

double model_available(const model *it)
{
    return fmax(0, it->options.memory_bytes - model_used(it)) +
           sum_in(it, MODEL_FILE);
}

double model_kept(const model *it)
{
    double bytes = 0;

    for (size_t i = 0; i < it->process_count; i++) {
        for (int part = 0; part < MODEL_PARTS; part++) {
            bytes += sum(it->processes[i]
                             .pools[MODEL_ANONYMOUS][part]
                             .out[MODEL_POLICY]);
        }
    }
    return bytes * (1 - it->options.packed_share);
}

double model_peak(const trace *recorded)
{
    double peak = 0;

    for (size_t i = 0; i < recorded->tick_count; i++) {
        const trace_tick *tick = &recorded->ticks[i];
        double bytes = 0;

        for (size_t j = 0; j < tick->row_count; j++) {
            const trace_row *row = &recorded->rows[tick->row_first + j];

            bytes += known(row->resident_kib) + known(row->swapped_kib);
        }
        peak = fmax(peak, bytes);
    }
    return peak;
}

/* -------------------------------------------------------------- actions --- */

/* From one cell; gives the bytes. */
static double send_away(model *it, size_t process, model_kind kind,
                        model_part part, size_t age, double most,
                        model_cause cause)
{
    model_process *from = &it->processes[process];
    model_pool *pool = &from->pools[kind][part];
    double bytes = fmin(most, pool->in[age]);

    if (bytes <= 0) {
        return 0;
    }
    pool->in[age] -= bytes;
    pool->out[cause][age] += bytes;
    if (cause == MODEL_POLICY) {
        it->violations += from->is_protected && from->released_bytes <= 0;
        from->released_bytes += bytes;
        it->policy_cpu_s +=
            bytes / (double)it->trace->head.page_bytes *
            (kind == MODEL_FILE ? MODEL_DROP_S : MODEL_PAGEOUT_S);
    }
    return bytes;
}

/* Of one age, from both parts alike. */
static double send_both(model *it, size_t process, model_kind kind, size_t age,
                        double most, model_cause cause)
{
    const model_pool *pools = it->processes[process].pools[kind];
    double there = pools[MODEL_ACTIVE].in[age] + pools[MODEL_DORMANT].in[age];
    double share = there > 0 ? fmin(1, most / there) : 0;

    return send_away(it, process, kind, MODEL_ACTIVE, age,
                     pools[MODEL_ACTIVE].in[age] * share, cause) +
           send_away(it, process, kind, MODEL_DORMANT, age,
                     pools[MODEL_DORMANT].in[age] * share, cause);
}

/* What of anonymous memory swap can still take. */
static double swap_room(const model *it)
{
    return fmax(0, it->options.swap_bytes - model_swap_used(it));
}

static double there_of(const model_process *process, model_kind kind,
                       size_t age)
{
    return process->pools[kind][MODEL_ACTIVE].in[age] +
           process->pools[kind][MODEL_DORMANT].in[age];
}

/* Of one age, from all in proportion; `*room` is of swap. */
static double reclaim_age(model *it, model_kind kind, size_t age, double bytes,
                          double *room, model_cause cause)
{
    double there = 0;
    double gone = 0;
    double share;

    for (size_t i = 0; i < it->process_count; i++) {
        there += there_of(&it->processes[i], kind, age);
    }
    if (kind == MODEL_ANONYMOUS) {
        bytes = fmin(bytes, *room);
    }
    if (there <= 0 || bytes <= 0) {
        return 0;
    }
    share = fmin(1, bytes / there);
    for (size_t i = 0; i < it->process_count; i++) {
        gone +=
            send_both(it, i, kind, age,
                      there_of(&it->processes[i], kind, age) * share, cause);
    }
    if (kind == MODEL_ANONYMOUS) {
        *room -= gone;
    }
    return gone;
}

/* From the oldest on; gives what it gains, and adds what is gone. */
static double reclaim_oldest(model *it, double bytes, double *room,
                             model_cause cause, double *gone)
{
    double share = 1 - it->options.packed_share;
    double gained = 0;

    for (size_t age = MODEL_AGES; age-- > 0 && gained < bytes;) {
        double files =
            reclaim_age(it, MODEL_FILE, age, bytes - gained, room, cause);
        double others;

        gained += files;
        others = reclaim_age(it, MODEL_ANONYMOUS, age, (bytes - gained) / share,
                             room, cause);
        gained += others * share;
        *gone += files + others;
    }
    return gained;
}

/* The same part of each age. */
static double reclaim_random(model *it, double bytes, double *room,
                             model_cause cause, double *gone)
{
    double files = sum_in(it, MODEL_FILE);
    double share = 1 - it->options.packed_share;
    double all = files + sum_in(it, MODEL_ANONYMOUS) * share;
    double part = all > 0 ? fmin(1, bytes / all) : 0;
    double gained = 0;

    for (size_t age = 1; age < MODEL_AGES; age++) {
        for (int kind = 0; kind < MODEL_KINDS; kind++) {
            double there = 0;
            double away;

            for (size_t i = 0; i < it->process_count; i++) {
                there += there_of(&it->processes[i], (model_kind)kind, age);
            }
            away = reclaim_age(it, (model_kind)kind, age, there * part, room,
                               cause);
            gained += away * (kind == MODEL_FILE ? 1 : share);
            *gone += away;
        }
    }
    return gained;
}

/*
 * The kernel knows ages by a few lists and a bit for each page, not in seconds:
 * what it takes is old for the most part, and some of it is not.
 */
double model_reclaim(model *it, double bytes, model_cause cause)
{
    double room = swap_room(it);
    double gone = 0;
    double gained = reclaim_random(it, bytes * it->options.random_share, &room,
                                   cause, &gone);

    (void)reclaim_oldest(it, bytes - gained, &room, cause, &gone);
    return gone;
}

double model_pageout(model *it, size_t process, size_t age, double bytes)
{
    double left = fmin(bytes, swap_room(it));
    double gone = 0;

    for (size_t i = MODEL_AGES; i-- > age && gone < left;) {
        gone += send_both(it, process, MODEL_ANONYMOUS, i, left - gone,
                          MODEL_POLICY);
    }
    return gone;
}

double model_pageout_dormant(model *it, size_t process, double bytes)
{
    double left = fmin(bytes, swap_room(it));
    double gone = 0;

    for (size_t i = MODEL_AGES; i-- > 0 && gone < left;) {
        gone += send_away(it, process, MODEL_ANONYMOUS, MODEL_DORMANT, i,
                          left - gone, MODEL_POLICY);
    }
    return gone;
}

static double drop_files(model *it, size_t process)
{
    double gone = 0;

    for (size_t i = 0; i < MODEL_AGES; i++) {
        gone += send_both(it, process, MODEL_FILE, i, INFINITY, MODEL_POLICY);
    }
    return gone;
}

double model_trim(model *it, size_t process)
{
    return model_pageout(it, process, 0, INFINITY) + drop_files(it, process);
}

double model_purge(model *it)
{
    double gone = 0;

    for (size_t i = 0; i < it->process_count; i++) {
        gone += drop_files(it, i);
    }
    return gone;
}

static void end_process(model_process *process)
{
    process->lives = false;
    memset(process->pools, 0, sizeof(process->pools));
}

void model_kill(model *it, size_t process)
{
    end_process(&it->processes[process]);
    it->processes[process].was_killed = true;
}

/* ----------------------------------------------------------------- step --- */

/* Older by a second. */
static void grow_older(double *cells)
{
    double oldest = cells[MODEL_AGES - 1];

    memmove(cells + 1, cells, (MODEL_AGES - 1) * sizeof(*cells));
    cells[MODEL_AGES - 1] += oldest;
    cells[0] = 0;
}

/* Some is used again. `back` is what was not in memory, by who sent it away. */
static void use_again(model_process *process, model_kind kind,
                      const double *hazard, double back[MODEL_CAUSES])
{
    model_pool *pool = &process->pools[kind][MODEL_ACTIVE];
    double *rows[] = {pool->in, pool->out[MODEL_KERNEL],
                      pool->out[MODEL_POLICY]};
    model_pool *other = &process->pools[kind][MODEL_DORMANT];
    double *dormant[] = {other->in, other->out[MODEL_KERNEL],
                         other->out[MODEL_POLICY]};
    double used = 0;

    back[MODEL_KERNEL] = back[MODEL_POLICY] = 0;
    for (size_t i = 0; i < 3; i++) {
        for (size_t age = 0; age < MODEL_AGES; age++) {
            double again = rows[i][age] * hazard[age];

            rows[i][age] -= again;
            used += again;
            process->used_again[age] += again;
            if (i > 0) {
                back[i - 1] += again;
            }
        }
        grow_older(rows[i]);
        grow_older(dormant[i]);
    }
    pool->in[0] = used;
}

/* In memory or out of it. */
static double sum_all(const model_pool *pool)
{
    return sum(pool->in) + sum_out(pool);
}

static void move_cell(double *from, double *to, double share)
{
    double moved = *from * share;

    *from -= moved;
    if (to != NULL) {
        *to += moved;
    }
}

/* A part of each cell of one pool, for the other one or for none. */
static void move_part(model_pool *from, model_pool *to, double share)
{
    for (size_t i = 0; i < MODEL_AGES; i++) {
        move_cell(&from->in[i], to != NULL ? &to->in[i] : NULL, share);
        for (int cause = 0; cause < MODEL_CAUSES; cause++) {
            move_cell(&from->out[cause][i],
                      to != NULL ? &to->out[cause][i] : NULL, share);
        }
    }
}

/* Of two epochs' working sets: no more than what is counted by chance. */
#define NOISE_SHARE 0.02

/* What a new epoch uses of that which the last one did not, and the reverse. */
static void settle(model_pool *pools, double dormant_share)
{
    double dormant = sum_all(&pools[MODEL_DORMANT]);
    double active = sum_all(&pools[MODEL_ACTIVE]);
    double target = (dormant + active) * dormant_share;

    if (fabs(target - dormant) < (dormant + active) * NOISE_SHARE) {
        return;
    }
    if (target < dormant) {
        move_part(&pools[MODEL_DORMANT], &pools[MODEL_ACTIVE],
                  1 - target / dormant);
    } else if (active > 0) {
        move_part(&pools[MODEL_ACTIVE], &pools[MODEL_DORMANT],
                  (target - dormant) / active);
    }
}

/* To what the recording says that it wants: more is new, less is given up. */
static void want(model_pool *pools, double bytes, double fresh_dormant_share)
{
    double has = sum_all(&pools[MODEL_ACTIVE]) + sum_all(&pools[MODEL_DORMANT]);

    if (bytes >= has) {
        double fresh = bytes - has;

        pools[MODEL_DORMANT].in[0] += fresh * fresh_dormant_share;
        pools[MODEL_ACTIVE].in[0] += fresh * (1 - fresh_dormant_share);
    } else {
        move_part(&pools[MODEL_ACTIVE], NULL, 1 - bytes / has);
        move_part(&pools[MODEL_DORMANT], NULL, 1 - bytes / has);
    }
}

static void step_process(model *it, size_t index, const trace_row *row)
{
    model_process *process = &it->processes[index];
    const epoch *now = epochs_at(&it->epochs[index], it->tick);
    const double *hazard = it->epochs[index].items[now->taught_by].hazard;
    double pages = 1 / (double)it->trace->head.page_bytes;
    double scale = it->options.scale;
    const double wanted[MODEL_KINDS] = {
        fmax(0, known(row->resident_kib) - known(row->anonymous_kib)) * scale,
        (known(row->anonymous_kib) + known(row->swapped_kib)) * scale};

    process->lives = true;
    process->ticks++;
    for (int kind = 0; kind < MODEL_KINDS; kind++) {
        double back[MODEL_CAUSES];
        double all;
        double stall_s;

        if (it->epochs[index].is_new) {
            settle(process->pools[kind], now->dormant_share);
        }
        use_again(process, (model_kind)kind, hazard, back);
        want(process->pools[kind], wanted[kind], now->fresh_dormant_share);
        all = back[MODEL_KERNEL] + back[MODEL_POLICY];
        stall_s =
            all * pages *
            (kind == MODEL_FILE ? MODEL_FILE_REFAULT_S : MODEL_SWAP_REFAULT_S);
        it->refault_bytes += all;
        it->stall_s += stall_s;
        it->io_stall_s += kind == MODEL_FILE ? stall_s : 0;
        process->refault_bytes += back[MODEL_POLICY];
    }
}

/* The largest that is left, as the kernel would. */
static void kill_largest(model *it)
{
    size_t largest = SIZE_MAX;
    double most = 0;

    for (size_t i = 0; i < it->process_count; i++) {
        const model_process *process = &it->processes[i];
        double bytes =
            process->lives ? model_in(process, MODEL_ANONYMOUS, 0) : 0;

        if (bytes > most) {
            most = bytes;
            largest = i;
        }
    }
    if (largest != SIZE_MAX) {
        model_kill(it, largest);
        it->kills++;
    }
}

/*
 * The kernel's own reclaim. Down to the low mark nobody waits for it; what goes
 * beyond all memory within a second is reclaimed by those who want it.
 */
static void reclaim_for_want(model *it)
{
    double memory = it->options.memory_bytes;
    double pages = 1 / (double)it->trace->head.page_bytes;
    double free_bytes = memory - model_used(it);

    if (free_bytes >= memory * LOW_SHARE) {
        return;
    }
    if (free_bytes < 0) {
        it->stall_s += -free_bytes * pages * MODEL_PAGEOUT_S;
    }
    (void)model_reclaim(it, memory * HIGH_SHARE - free_bytes, MODEL_KERNEL);
    while (model_used(it) > memory) {
        unsigned before = it->kills;

        kill_largest(it);
        if (it->kills == before) {
            return;
        }
    }
}

static void begin_tick(model *it)
{
    it->stall_s = it->io_stall_s = it->policy_cpu_s = it->refault_bytes = 0;
    for (size_t i = 0; i < it->process_count; i++) {
        model_process *process = &it->processes[i];

        process->released_bytes = process->refault_bytes = 0;
        memset(process->used_again, 0, sizeof(process->used_again));
    }
}

/* Those that the tick does not have are gone: ids are in order in both. */
static void end_others(model *it, const trace_tick *tick)
{
    const trace_row *row = &it->trace->rows[tick->row_first];
    const trace_row *end = row + tick->row_count;

    for (size_t i = 0; i < it->process_count; i++) {
        model_process *process = &it->processes[i];

        if (row < end && row->id == i) {
            row++;
        } else if (process->lives) {
            end_process(process);
        }
    }
}

bool model_step(model *it)
{
    const trace_tick *tick;

    if (it->tick >= it->trace->tick_count) {
        return false;
    }
    tick = &it->trace->ticks[it->tick];
    begin_tick(it);
    end_others(it, tick);
    for (size_t i = 0; i < tick->row_count; i++) {
        const trace_row *row = &it->trace->rows[tick->row_first + i];

        if (!it->processes[row->id].was_killed) {
            step_process(it, (size_t)row->id, row);
        }
    }
    reclaim_for_want(it);
    it->stall_total_s += it->stall_s;
    it->io_stall_total_s += it->io_stall_s;
    it->refault_total_bytes += it->refault_bytes;
    it->tick++;
    return true;
}
