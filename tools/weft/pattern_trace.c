/* SPDX-License-Identifier: MIT
 *
 * What memory did, from a recording.
 */
#include "pattern_trace.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "memory_trace.h"

#define KIB 1024.0

/*
 * Processes are recorded more rarely than the machine. Who was not seen in
 * this last part of the time, or in so many seconds, has ended.
 */
#define LAST_PART 0.1
#define LAST_SECONDS 30.0

static double time_of(const trace *read, const trace_tick *tick)
{
    uint64_t first = read->ticks[0].machine.time_ms;
    uint64_t now = tick->machine.time_ms;

    return now > first ? (double)(now - first) / 1000 : 0;
}

static void add_tick(const trace *read, const trace_tick *tick,
                     pattern_set *set)
{
    double time = time_of(read, tick);

    if (tick->machine.available_kib != TRACE_UNKNOWN) {
        leak_add(&set->available, time,
                 (double)tick->machine.available_kib * KIB);
    }
    for (size_t i = 0; i < tick->row_count; i++) {
        const trace_row *row = &read->rows[tick->row_first + i];
        uint64_t swapped =
            row->swapped_kib != TRACE_UNKNOWN ? row->swapped_kib : 0;

        if (row->id < set->count && row->anonymous_kib != TRACE_UNKNOWN) {
            leak_add(set->subjects[row->id].series, time,
                     ((double)row->anonymous_kib + (double)swapped) * KIB);
        }
    }
}

/* Empties the series of those that had ended, so that others are larger. */
static void drop_ended(pattern_set *set, double end)
{
    double late =
        end * LAST_PART > LAST_SECONDS ? end * LAST_PART : LAST_SECONDS;

    for (size_t i = 0; i < set->count; i++) {
        leak_series *series = set->subjects[i].series;

        if (series->count > 0 &&
            series->times[series->count - 1] < end - late) {
            series->count = 0;
        }
    }
}

static bool fill(const trace *read, pattern_set *set)
{
    set->is_recorded = true;
    if (read->head.total_kib != TRACE_UNKNOWN) {
        set->total = (double)read->head.total_kib * KIB;
    }
    for (size_t i = 0; i < read->process_count; i++) {
        if (pattern_add(set, i, read->processes[i].name) == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < read->tick_count; i++) {
        add_tick(read, &read->ticks[i], set);
    }
    if (read->tick_count > 0) {
        drop_ended(set, time_of(read, &read->ticks[read->tick_count - 1]));
    }
    return true;
}

bool pattern_read_trace(const char *path, pattern_set *set, char *why,
                        size_t room)
{
    FILE *file = fopen(path, "rb");
    trace_error error = {0, ""};
    trace read;
    bool is_done;

    if (file == NULL) {
        (void)snprintf(why, room, "%s", strerror(errno));
        return false;
    }
    is_done = trace_read(file, &read, &error);
    (void)fclose(file);
    if (!is_done) {
        if (error.line > 0) {
            (void)snprintf(why, room, "line %" PRIu64 ": %s", error.line,
                           error.text);
        } else {
            (void)snprintf(why, room, "%s", error.text);
        }
        return false;
    }
    is_done = fill(&read, set);
    trace_free(&read);
    if (!is_done) {
        (void)snprintf(why, room, "out of memory");
    }
    return is_done;
}
