/* SPDX-License-Identifier: MIT
 *
 * bench_options.h - what the commands of `weft bench` share: options, a choice
 * of what is measured, and rounds that take turns.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "tool.h"

#define BENCH_ROUNDS_MOST 1000
#define BENCH_ROUNDS_DEFAULT 5
#define BENCH_TIME_LEAST UINT64_C(1000000)
#define BENCH_TIME_MOST UINT64_C(600000000000)

/* Rows of an option table, whose struct of values is `values`. */
#define BENCH_OPTION_COUNT(values, maximum, text)                              \
    {                                                                          \
        .name = "count", .letter = 'n', .kind = TOOL_COUNT,                    \
        .offset = offsetof(values, count), .label = "N", .least = 1,           \
        .most = (maximum), .help = (text),                                     \
    }
#define BENCH_OPTION_DURATION(values, text)                                    \
    {                                                                          \
        .name = "duration", .letter = 'd', .kind = TOOL_DURATION,              \
        .offset = offsetof(values, duration_ns), .label = "DURATION",          \
        .least = BENCH_TIME_LEAST, .most = BENCH_TIME_MOST, .help = (text),    \
    }
#define BENCH_OPTION_IDLE(values, text)                                        \
    {                                                                          \
        .name = "idle", .kind = TOOL_DURATION,                                 \
        .offset = offsetof(values, idle_ns), .label = "DURATION",              \
        .least = BENCH_TIME_LEAST, .most = BENCH_TIME_MOST, .help = (text),    \
    }
#define BENCH_OPTION_ROUNDS(values, text)                                      \
    {                                                                          \
        .name = "rounds", .letter = 'r', .kind = TOOL_COUNT,                   \
        .offset = offsetof(values, rounds), .label = "N", .least = 1,          \
        .most = BENCH_ROUNDS_MOST, .help = (text),                             \
    }
#define BENCH_OPTION_WAIT(values, text)                                        \
    {                                                                          \
        .name = "wait", .letter = 'w', .kind = TOOL_CHOICE,                    \
        .offset = offsetof(values, wait), .label = "spin|adaptive|block",      \
        .choices = tool_wait_modes, .help = (text),                            \
    }
#define BENCH_OPTION_JSON(values, text)                                        \
    {                                                                          \
        .name = "json", .kind = TOOL_FLAG, .offset = offsetof(values, json),   \
        .help = (text),                                                        \
    }
#define BENCH_OPTION_PIN(take)                                                 \
    {                                                                          \
        .name = "pin", .kind = TOOL_CALL, .label = "A,B", .call = (take),      \
        .help = "the CPUs of the two sides (default: two different ones)",     \
    }

/* ------------------------------------------------------ what is measured ---
 */

/* The name at a place of a table. */
typedef const char *bench_name_at(size_t place);

/* Marks the one of that name, of `count`. False: there is none. */
bool bench_choose(bool *marks, size_t count, bench_name_at *name_at,
                  const char *name);

/* Marks all if none is. */
void bench_choose_default(bool *marks, size_t count);

/* ---------------------------------------------------------------- rounds ---
 */

/* A round of the series with this number. False: it failed and said why. */
typedef bool bench_turn(void *context, size_t series, size_t round);

/* Round by round, all series; each round begins with another one. */
bool bench_take_turns(size_t series, size_t rounds, bench_turn *turn,
                      void *context);

/* A line on the terminal about what is going on; NULL wipes it. */
void bench_show(const char *name, size_t round, size_t rounds);

/* Zeroed room for `count` of these. NULL: there is none, which it has said. */
void *bench_allocate(size_t count, size_t bytes);

/* ---------------------------------------------------------------- report ---
 */

/* A member, unless the figure is BENCH_UNKNOWN. */
void bench_print_known(tool_json *json, const char *key, double figure);

/* A column of ten, with so many digits behind the point; unknown, a dash. */
void bench_print_column(double figure, unsigned digits);

#endif
