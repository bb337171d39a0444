/* SPDX-License-Identifier: MIT
 *
 * The text of an alert, and the pace of the looks at what it is about.
 */
#include <string.h>

#include "alert.h"

/* Nothing grows faster, in units a second; time_for can calculate with it. */
#define RATE_MOST (UINT64_C(1) << 33)

typedef bool parse_function(const char *text, uint64_t *value);

/* How each quantity is written, and the fastest that it is expected to grow. */
static const struct {
    const char *name;
    weft_fence fence;
    parse_function *parse;
    const char *why_not;
    uint64_t second; /* units in a second; 0: the clock tells */
} quantities[ALERT_WHATS] = {
    [ALERT_MEM] = {"mem", WEFT_FENCE_MEMORY, tool_parse_size,
                   "has a value that is neither a size nor a percentage",
                   UINT64_C(1) << 30},
    [ALERT_CPU] = {"cpu", WEFT_FENCE_CPU, tool_parse_duration,
                   "has a value that is neither a duration nor a percentage",
                   0},
    [ALERT_WALL] = {"wall", WEFT_FENCE_WALL, tool_parse_duration,
                    "has a value that is neither a duration nor a percentage",
                    0},
    [ALERT_PROCS] = {"procs", WEFT_FENCE_PROCESSES, tool_parse_count,
                     "has a value that is neither a number nor a percentage",
                     2000},
    [ALERT_OUTPUT] = {"output", WEFT_FENCE_OUTPUT, tool_parse_size,
                      "has a value that is neither a size nor a percentage",
                      UINT64_C(1) << 30},
    [ALERT_IDLE] = {"idle", WEFT_FENCE_IDLE, tool_parse_duration,
                    "has a value that is neither a duration nor a percentage",
                    0},
};

/* ----------------------------------------------------------------- text --- */

static bool find_quantity(const char *name, size_t bytes, alert_what *what)
{
    for (int i = 0; i < ALERT_WHATS; i++) {
        const char *known = quantities[i].name;

        if (strlen(known) == bytes && memcmp(known, name, bytes) == 0) {
            *what = (alert_what)i;
            return true;
        }
    }
    return false;
}

/* Such as "80%"; the digits alone are in `value`. */
static const char *take_percent(char *value, alert *parsed)
{
    size_t digits = strspn(value, "0123456789");

    if (digits == 0 || strcmp(value + digits, "%") != 0) {
        return "has a percentage that is no whole number";
    }
    value[digits] = '\0';
    if (!tool_parse_count(value, &parsed->percent)) {
        return "has a percentage above 100";
    }
    if (parsed->percent == 0) {
        return "has a percentage of 0, which is always reached";
    }
    return parsed->percent > 100 ? "has a percentage above 100" : NULL;
}

/* Why it can't be parsed: "1" and what follows the digits tells. */
static const char *why_wrong(const char *value, alert_what what)
{
    size_t digits = strspn(value, "0123456789");
    char one[sizeof(((alert *)NULL)->condition) + 1];
    uint64_t unused;

    (void)snprintf(one, sizeof(one), "1%s", value + digits);
    return digits > 0 && quantities[what].parse(one, &unused)
               ? "has a value that is too large"
               : quantities[what].why_not;
}

static const char *take_value(char *value, alert *parsed)
{
    size_t bytes = strlen(value);

    parsed->percent = 0;
    parsed->least = 0;
    if (bytes == 0) {
        return "has no value behind the '>'";
    }
    if (value[bytes - 1] == '%') {
        return take_percent(value, parsed);
    }
    if (!quantities[parsed->what].parse(value, &parsed->least)) {
        return why_wrong(value, parsed->what);
    }
    if (parsed->least == 0 || parsed->least == UINT64_MAX) {
        return parsed->least == 0 ? "has a value that is too small"
                                  : "has a value that is too large";
    }
    parsed->least++; /* more than that */
    return NULL;
}

const char *alert_parse(const char *text, alert *parsed)
{
    size_t name = strcspn(text, ">:");
    size_t condition = strcspn(text, ":");
    char value[sizeof(parsed->condition)];

    if (text[condition] == '\0') {
        return "has no ':' with a command behind it";
    }
    if (text[name] != '>') {
        return "has no '>' before the ':'";
    }
    if (!find_quantity(text, name, &parsed->what)) {
        return "is about none of mem, cpu, wall, procs, output, idle";
    }
    if (condition >= sizeof(parsed->condition)) {
        return "has a value that is too long";
    }
    parsed->command = text + condition + 1;
    if (parsed->command[strspn(parsed->command, " \t\n")] == '\0') {
        return "has no command behind the ':'";
    }
    (void)snprintf(parsed->condition, sizeof(parsed->condition), "%.*s",
                   (int)condition, text);
    (void)snprintf(value, sizeof(value), "%s", parsed->condition + name + 1);
    return take_value(value, parsed);
}

weft_fence alert_fence(alert_what what)
{
    return quantities[what].fence;
}

const char *alert_resolve(alert *resolved, uint64_t limit)
{
    if (resolved->percent == 0) {
        return limit != 0 && resolved->least > limit
                   ? "is not below the limit, so it can't happen"
                   : NULL;
    }
    if (limit == 0) {
        return "is a share of a limit that is not set";
    }
    /* Rounded up: 1 % of 3 processes is one. */
    resolved->least = limit / 100 * resolved->percent +
                      (limit % 100 * resolved->percent + 99) / 100;
    return NULL;
}

/* ----------------------------------------------------------------- pace --- */

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
    if (value < least) {
        return least;
    }
    return value > most ? most : value;
}

/* The time that `left` takes at so many units a second, at most a second. */
static uint64_t time_for(uint64_t left, uint64_t second)
{
    return left >= second ? ALERT_MOST_NS : left * ALERT_MOST_NS / second;
}

/* Units a second since the look before, so many times over; 0: none. */
static uint64_t rate_of(const alert_pace *pace, unsigned times)
{
    uint64_t moved =
        pace->value > pace->before ? pace->value - pace->before : 0;
    double rate = pace->step_ns == 0 ? 0
                                     : (double)times * 1e9 * (double)moved /
                                           (double)pace->step_ns;

    return rate < (double)RATE_MOST ? (uint64_t)rate : RATE_MOST;
}

/*
 * It may grow as fast as is expected, or twice as fast as it did. Near the end
 * that would be a look after each few units, so the looks are rarer the longer
 * it has gone well; but if it moves, four of them come before it gets there.
 */
static uint64_t sampling_pause_ns(const alert_pace *pace, uint64_t left,
                                  uint64_t expected)
{
    uint64_t least = clamp(pace->wall_ns / 64, ALERT_LEAST_NS, ALERT_MOST_NS);
    uint64_t twice = rate_of(pace, 2);

    if (twice > 0) {
        least = clamp(time_for(left, rate_of(pace, 4)), ALERT_LEAST_NS, least);
    }
    return clamp(time_for(left, twice > expected ? twice : expected), least,
                 ALERT_MOST_NS);
}

/*
 * While it burns half a CPU or more, what is left shrinks by a part with each
 * look, so there are few; then the looks may be as near as 5 ms.
 */
static uint64_t cpu_pause_ns(const alert_pace *pace, uint64_t left)
{
    bool is_busy = pace->value >= pace->before &&
                   pace->value - pace->before >= pace->step_ns / 2;
    uint64_t least =
        is_busy ? ALERT_LEAST_NS / 10
                : clamp(pace->wall_ns / 64, ALERT_LEAST_NS, ALERT_MOST_NS);
    uint64_t pause = left / (pace->cpus > 0 ? pace->cpus : 1);

    return pause > least ? pause : least;
}

uint64_t alert_pause_ns(const alert *waiting, const alert_pace *pace)
{
    uint64_t left = waiting->least - pace->value;

    switch (waiting->what) {
    case ALERT_WALL:
        return left;
    case ALERT_CPU:
        return cpu_pause_ns(pace, left);
    case ALERT_IDLE:
        /* Each look tells only that there was output since the last one. */
        return clamp(waiting->least / 4, ALERT_LEAST_NS / 5,
                     left > ALERT_LEAST_NS / 5 ? left : ALERT_LEAST_NS / 5);
    default:
        return sampling_pause_ns(pace, left, quantities[waiting->what].second);
    }
}
