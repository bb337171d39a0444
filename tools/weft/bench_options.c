/* SPDX-License-Identifier: MIT
 *
 * What is measured, and in which order.
 */
#include <stdlib.h>
#include <string.h>

#include "bench_options.h"
#include "bench_stats.h"
#include "sys.h"

bool bench_choose(bool *marks, size_t count, bench_name_at *name_at,
                  const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name_at(i), name) == 0) {
            marks[i] = true;
            return true;
        }
    }
    return false;
}

void bench_choose_default(bool *marks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (marks[i]) {
            return;
        }
    }
    for (size_t i = 0; i < count; i++) {
        marks[i] = true;
    }
}

bool bench_take_turns(size_t series, size_t rounds, bench_turn *turn,
                      void *context)
{
    bool done = true;

    for (size_t round = 0; done && round < rounds; round++) {
        for (size_t i = 0; done && i < series; i++) {
            done = turn(context, (round + i) % series, round);
        }
    }
    bench_show(NULL, 0, 0);
    return done;
}

void bench_show(const char *name, size_t round, size_t rounds)
{
    if (!sys_stderr_is_terminal()) {
        return;
    }
    if (name == NULL) {
        fprintf(stderr, "%40s\r", "");
    } else {
        fprintf(stderr, "round %zu of %zu: %-16s\r", round + 1, rounds, name);
    }
    fflush(stderr);
}

void *bench_allocate(size_t count, size_t bytes)
{
    void *room = calloc(count, bytes);

    if (room == NULL) {
        tool_error("bench: out of memory");
    }
    return room;
}

void bench_print_known(tool_json *json, const char *key, double figure)
{
    if (figure > BENCH_UNKNOWN) {
        tool_json_double(json, key, figure);
    }
}

void bench_print_column(double figure, unsigned digits)
{
    if (figure <= BENCH_UNKNOWN) {
        printf(" %10s", "-");
    } else {
        printf(" %10.*f", (int)digits, figure);
    }
}
