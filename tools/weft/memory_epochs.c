/* SPDX-License-Identifier: MIT
 *
 * From the counts of an epoch to what is used at which age.
 */
#include "memory_epochs.h"

#include <math.h>
#include <stdlib.h>

#define KIB 1024.0

/* What is known too little of is taken to be in use. */
#define UNKNOWN_HAZARD 0.1

/* An epoch that says anything, in seconds. */
#define EPOCH_LEAST 10

/* And of which part, of all that was used. */
#define SAYS_LEAST 0.25

static double known(uint64_t kib)
{
    return kib == TRACE_UNKNOWN ? 0 : (double)kib * KIB;
}

static double demand_of(const trace_row *row)
{
    return known(row->resident_kib) + known(row->swapped_kib);
}

/* W at whole seconds, from samples at any; gives how many. */
static size_t interpolate(const epochs *of, double working[MODEL_AGES])
{
    double last_s = 0;
    double last = 0;
    size_t count = 0;

    for (size_t i = 0; i < of->samples; i++) {
        double to_s = of->seconds[i];
        double to = fmax(last, of->used[i]);

        while (count < MODEL_AGES && (double)(count + 1) <= to_s) {
            double part = ((double)(count + 1) - last_s) / (to_s - last_s);

            working[count++] = last + part * (to - last);
        }
        last_s = to_s;
        last = to;
    }
    return count;
}

/*
 * The decreasing sequence that is next to the given one (pool adjacent
 * violators): what is used within longer windows grows ever more slowly, and
 * what does not is noise.
 */
static void make_decreasing(double *values, size_t count)
{
    double means[MODEL_AGES];
    size_t lengths[MODEL_AGES];
    size_t blocks = 0;
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        means[blocks] = values[i];
        lengths[blocks++] = 1;
        while (blocks > 1 && means[blocks - 2] < means[blocks - 1]) {
            size_t length = lengths[blocks - 2] + lengths[blocks - 1];

            means[blocks - 2] =
                (means[blocks - 2] * (double)lengths[blocks - 2] +
                 means[blocks - 1] * (double)lengths[blocks - 1]) /
                (double)length;
            lengths[blocks - 2] = length;
            blocks--;
        }
    }
    for (size_t i = 0; i < blocks; i++) {
        for (size_t j = 0; j < lengths[i]; j++) {
            values[at++] = means[i];
        }
    }
}

static void find_hazards(const epochs *of, double *hazard)
{
    double rates[MODEL_AGES];
    double working[MODEL_AGES];
    size_t count = interpolate(of, working);
    size_t longest = count;

    for (size_t i = 0; i < MODEL_AGES; i++) {
        hazard[i] = UNKNOWN_HAZARD;
    }
    if (count < EPOCH_LEAST) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        rates[i] = working[i] - (i > 0 ? working[i - 1] : 0);
    }
    make_decreasing(rates, count);
    while (longest > 0 && rates[longest - 1] <= 0) {
        longest--;
    }
    /* What is used, and is older than what was ever used, is used as soon. */
    for (size_t i = 0; i < MODEL_AGES; i++) {
        hazard[i] = fmin(1, 2 / (double)(longest + 1));
        if (i < longest && i + 1 < count) {
            hazard[i] = (rates[i] - rates[i + 1]) / rates[i];
        }
    }
}

static bool end_epoch(epochs *of, size_t tick)
{
    if (of->count == of->room) {
        size_t room = of->room == 0 ? 4 : of->room * 2;
        epoch *grown = realloc(of->items, room * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        of->items = grown;
        of->room = room;
    }
    find_hazards(of, of->now.hazard);
    of->now.end_tick = tick;
    of->items[of->count++] = of->now;
    of->samples = 0;
    return true;
}

/* What is new within the epoch was used, but not used again. */
static bool take_row(epochs *of, const trace_row *row, size_t tick)
{
    double used = known(row->referenced_kib);
    double seconds;

    if (row->since_ms == TRACE_UNKNOWN ||
        row->referenced_kib == TRACE_UNKNOWN) {
        of->demand = demand_of(row);
        return true;
    }
    seconds = (double)row->since_ms / 1000;
    if (of->samples > 0 && seconds <= of->seconds[of->samples - 1]) {
        of->demand = of->now.resident;
        if (!end_epoch(of, tick)) {
            return false;
        }
    }
    of->now.resident = demand_of(row);
    of->now.fresh = fmax(0, demand_of(row) - of->demand);
    of->now.dormant = fmax(0, demand_of(row) - used);
    of->now.working = fmax(0, used - of->now.fresh);
    if (of->samples < MODEL_AGES) {
        of->seconds[of->samples] = seconds;
        of->used[of->samples++] = of->now.working;
    }
    return true;
}

/*
 * What an epoch says about those beside it. What is dormant in the next one,
 * and was not in this one, is first what was new in this one. And an epoch in
 * which nearly all was new says little about how it is used: the next one does.
 */
static void relate(epochs *of)
{
    for (size_t i = 0; i < of->count; i++) {
        epoch *one = &of->items[i];
        const epoch *next = one + (i + 1 < of->count);
        double begin = fmax(1, one->resident - one->fresh);

        one->dormant_share = fmin(1, one->dormant / begin);
        one->taught_by = i;
        if (next == one) {
            one->fresh_dormant_share = i > 0 ? one[-1].fresh_dormant_share : 0;
            continue;
        }
        if (one->fresh > 0) {
            one->fresh_dormant_share =
                fmin(1, fmax(0, next->dormant - one->dormant) / one->fresh);
        }
        if (one->working < SAYS_LEAST * (one->resident - one->dormant)) {
            one->taught_by = i + 1;
        }
    }
}

bool epochs_find(const trace *recorded, epochs *all)
{
    for (size_t i = 0; i < recorded->tick_count; i++) {
        const trace_tick *tick = &recorded->ticks[i];

        for (size_t j = 0; j < tick->row_count; j++) {
            const trace_row *row = &recorded->rows[tick->row_first + j];

            if (!take_row(&all[row->id], row, i)) {
                return false;
            }
        }
    }
    for (size_t i = 0; i < recorded->process_count; i++) {
        if (!end_epoch(&all[i], SIZE_MAX)) {
            return false;
        }
        relate(&all[i]);
    }
    return true;
}

void epochs_free(epochs *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(all[i].items);
    }
}

const epoch *epochs_at(epochs *of, size_t tick)
{
    of->is_new = false;
    while (of->at + 1 < of->count && tick >= of->items[of->at].end_tick) {
        of->at++;
        of->is_new = true;
    }
    return &of->items[of->at];
}
