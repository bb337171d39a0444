/* SPDX-License-Identifier: MIT
 *
 * weft memory simulate - what policies would have done in recordings.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory_simulate.h"
#include "sys.h"
#include "tool.h"

/* Of each repeated option, and of recordings. */
#define LIST_MOST 64

typedef struct texts {
    const char *items[LIST_MOST];
    size_t count;
} texts;

typedef struct numbers {
    double items[8];
    size_t count;
} numbers;

typedef struct simulate_values {
    texts policies;
    texts lessons;
    numbers percents;
    uint64_t memory_bytes;
    uint64_t swap_percent;
    uint64_t packed_percent;
    uint64_t scale;
    uint64_t random_percent;
    const char *protects;
    uint64_t seed;
    policy_constants constants;
    bool each;
    bool json;
} simulate_values;

static const char *take_text(void *place, const char *argument)
{
    texts *list = place;

    if (list->count == LIST_MOST) {
        return "is one too many";
    }
    list->items[list->count++] = argument;
    return NULL;
}

static const char *take_policy(void *place, const char *argument)
{
    return sim_find_policy(argument) != NULL ? take_text(place, argument)
                                             : "is not a policy";
}

static const char *take_percent(void *place, const char *argument)
{
    numbers *list = place;
    uint64_t percent;

    if (!tool_parse_count(argument, &percent) || percent < 10 ||
        percent > 1000) {
        return "is not from 10 to 1000";
    }
    if (list->count == TOOL_COUNT_OF(list->items)) {
        return "is one too many";
    }
    list->items[list->count++] = (double)percent;
    return NULL;
}

/* NAME=VALUE of the law's constants. */
static const char *take_constant(void *place, const char *argument)
{
    char name[64];
    size_t length = strcspn(argument, "=");
    const policy_constant *constant;
    char *end;
    double value;

    if (length >= sizeof(name) || argument[length] != '=') {
        return "is not NAME=VALUE";
    }
    memcpy(name, argument, length);
    name[length] = '\0';
    constant = policy_find_constant(name);
    if (constant == NULL) {
        return "is not a constant of the policy";
    }
    value = strtod(argument + length + 1, &end);
    if (end == argument + length + 1 || *end != '\0' ||
        !(value > 0 && value <= 1e9)) {
        return "is not a number above 0";
    }
    memcpy((char *)place + constant->offset, &value, sizeof(value));
    return NULL;
}

static const tool_option options[] = {
    {.name = "policy",
     .letter = 'p',
     .kind = TOOL_CALL,
     .offset = offsetof(simulate_values, policies),
     .label = "NAME",
     .help = "this policy; may be repeated (default: all)",
     .call = take_policy},
    {.name = "memory",
     .letter = 'm',
     .kind = TOOL_CALL,
     .offset = offsetof(simulate_values, percents),
     .label = "PERCENT",
     .help = "a machine with so much of the most that a recording wants; may "
             "be repeated (default 70, 85 and 100)",
     .call = take_percent},
    {.name = "bytes",
     .kind = TOOL_SIZE,
     .offset = offsetof(simulate_values, memory_bytes),
     .label = "SIZE",
     .help = "a machine with so much memory instead",
     .least = 1 << 20},
    {.name = "swap",
     .kind = TOOL_COUNT,
     .offset = offsetof(simulate_values, swap_percent),
     .label = "PERCENT",
     .help = "compressed swap, in percent of memory; 0: none (default 100)",
     .most = 1000},
    {.name = "packed",
     .kind = TOOL_COUNT,
     .offset = offsetof(simulate_values, packed_percent),
     .label = "PERCENT",
     .help = "what compression leaves (default 35)",
     .least = 1,
     .most = 99},
    {.name = "scale",
     .kind = TOOL_COUNT,
     .offset = offsetof(simulate_values, scale),
     .label = "N",
     .help = "programs N times as large as the recorded ones (default 64)",
     .least = 1,
     .most = 1 << 20},
    {.name = "random",
     .kind = TOOL_COUNT,
     .offset = offsetof(simulate_values, random_percent),
     .label = "PERCENT",
     .help = "so much of what the kernel reclaims is of any age (default 20)",
     .most = 100},
    {.name = "learn",
     .kind = TOOL_CALL,
     .offset = offsetof(simulate_values, lessons),
     .label = "FILE",
     .help = "a recording that is played before, to learn from; may be "
             "repeated",
     .call = take_text},
    {.name = "protect",
     .kind = TOOL_TEXT,
     .offset = offsetof(simulate_values, protects),
     .label = "NAME",
     .help = "the processes that must not be touched (default front)"},
    {.name = "set",
     .kind = TOOL_CALL,
     .offset = offsetof(simulate_values, constants),
     .label = "NAME=VALUE",
     .help = "another value for a constant of the policy; may be repeated",
     .call = take_constant},
    {.name = "seed",
     .kind = TOOL_COUNT,
     .offset = offsetof(simulate_values, seed),
     .label = "N",
     .help = "of all that is random (default 1)"},
    {.name = "each",
     .kind = TOOL_FLAG,
     .offset = offsetof(simulate_values, each),
     .help = "tell of each recording and machine, too"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(simulate_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory simulate",
    .usage = "FILE... [options]",
    .about =
        "Plays recordings of 'weft memory record' in machines with less "
        "memory, once\nwith each policy, and compares what the policies bring "
        "and cost. Nothing is\ndone to this machine. Policies: kernel, "
        "threshold, timer, purge, earlyoom,\nsenpai, oomd, damon, weft, "
        "weft-no-bandit, weft-no-brake, weft-proactive,\noracle.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = LIST_MOST,
};

/* ----------------------------------------------------------- recordings --- */

typedef struct recordings {
    trace *items;
    size_t count;
} recordings;

static bool read_one(const char *path, trace *recorded)
{
    trace_error error;
    char text[128];
    FILE *file = fopen(path, "rb");
    bool done;

    if (file == NULL) {
        tool_error("cannot open '%s': %s", path,
                   sys_error_text(errno, text, sizeof(text)));
        return false;
    }
    done = trace_read(file, recorded, &error);
    (void)fclose(file);
    if (!done && error.line > 0) {
        tool_error("%s:%llu: %s", path, (unsigned long long)error.line,
                   error.text);
    } else if (!done) {
        tool_error("%s: %s", path, error.text);
    } else if (recorded->head.interval_ms != 1000) {
        tool_error("%s: recorded every %llu ms, and a simulation takes 1000",
                   path, (unsigned long long)recorded->head.interval_ms);
        trace_free(recorded);
        done = false;
    } else if (model_peak(recorded) <= 0) {
        tool_error("%s: no process takes any memory", path);
        trace_free(recorded);
        done = false;
    }
    return done;
}

static void free_all(recordings *all)
{
    for (size_t i = 0; i < all->count; i++) {
        trace_free(&all->items[i]);
    }
    free(all->items);
    *all = (recordings){NULL, 0};
}

static bool read_all(const char *const *paths, size_t count, recordings *all)
{
    *all = (recordings){calloc(count + 1, sizeof(*all->items)), 0};
    if (all->items == NULL) {
        tool_error("no memory");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_one(paths[i], &all->items[i])) {
            free_all(all);
            return false;
        }
        all->count++;
    }
    return true;
}

/* ----------------------------------------------------------------- play --- */

/* The results of a policy, by recording, the machines' mean. */
typedef struct column {
    const sim_policy *played;
    sim_result *results;
} column;

/* A result as an array: all of its members are doubles. */
#define FIGURES (sizeof(sim_result) / sizeof(double))

static double figure(const sim_result *result, size_t index)
{
    double value;

    memcpy(&value, (const char *)result + index * sizeof(double),
           sizeof(value));
    return value;
}

static void add(sim_result *sum, const sim_result *result, double weight)
{
    for (size_t i = 0; i < FIGURES; i++) {
        double value = figure(sum, i) + weight * figure(result, i);

        memcpy((char *)sum + i * sizeof(double), &value, sizeof(value));
    }
}

#define FIGURE_ROW(name, unit, about) {#name, unit, about},

static const struct {
    const char *name;
    const char *unit;
    const char *about;
} figures[] = {SIM_FIGURE_LIST(FIGURE_ROW)};

#undef FIGURE_ROW

static void print_each(const sim_policy *played, const char *path,
                       double percent, const sim_result *result, bool as_json)
{
    tool_json json;

    if (!as_json) {
        printf("%-15s %3.0f %%  %9.3f GB s %9.3f s  %s\n", played->name,
               percent, result->useful_gb_s, result->stall_s, path);
        return;
    }
    tool_json_begin(&json, stdout);
    tool_json_text(&json, "policy", played->name);
    tool_json_text(&json, "trace", path);
    tool_json_double(&json, "memory_percent", percent);
    for (size_t i = 0; i < FIGURES; i++) {
        tool_json_double(&json, figures[i].name, figure(result, i));
    }
    tool_json_end(&json);
}

static sim_options options_of(const simulate_values *values, double percent)
{
    return (sim_options){.memory_percent = percent,
                         .memory_bytes = (double)values->memory_bytes,
                         .swap_percent = (double)values->swap_percent,
                         .packed_share = (double)values->packed_percent / 100,
                         .scale = (double)values->scale,
                         .random_share = (double)values->random_percent / 100,
                         .protects = values->protects,
                         .seed = values->seed,
                         .constants = values->constants};
}

static bool learn(const simulate_values *values, const sim_policy *played,
                  const recordings *lessons, sim_memory *memory)
{
    for (size_t i = 0; i < lessons->count && played->learns; i++) {
        for (size_t j = 0; j < values->percents.count; j++) {
            sim_options here = options_of(values, values->percents.items[j]);
            sim_result result;

            if (!sim_play(played, &lessons->items[i], &here, memory, &result)) {
                return false;
            }
        }
    }
    return true;
}

/* Each from what the lessons have taught, and from nothing else. */
static bool play(const simulate_values *values, const recordings *all,
                 const char *const *paths, const sim_memory *learnt,
                 column *into)
{
    for (size_t i = 0; i < all->count; i++) {
        for (size_t j = 0; j < values->percents.count; j++) {
            double percent = values->percents.items[j];
            sim_options here = options_of(values, percent);
            sim_memory memory;
            sim_result result;
            bool done =
                sim_remember(learnt, &memory) &&
                sim_play(into->played, &all->items[i], &here, &memory, &result);

            sim_forget(&memory);
            if (!done) {
                return false;
            }
            if (values->each) {
                print_each(into->played, paths[i], percent, &result,
                           values->json);
            }
            add(&into->results[i], &result, 1 / (double)values->percents.count);
        }
    }
    return true;
}

static bool play_column(const simulate_values *values, const recordings *all,
                        const recordings *lessons, const char *const *paths,
                        column *into)
{
    sim_memory learnt = {NULL, 0, 0, 0};
    bool done = false;

    into->results = calloc(all->count + 1, sizeof(*into->results));
    if (into->results != NULL &&
        learn(values, into->played, lessons, &learnt)) {
        done = play(values, all, paths, &learnt, into);
    }
    sim_forget(&learnt);
    return done;
}

/* ---------------------------------------------------------------- print --- */

typedef struct table {
    column *columns;
    size_t count;
    size_t traces;
    uint64_t seed;
    double *room;
} table;

/* Of a figure of one policy, or of its difference to another's. */
static sim_interval interval_of(const table *all, const column *one,
                                const column *other, size_t index)
{
    sim_interval interval;

    for (size_t i = 0; i < all->traces; i++) {
        all->room[i] = figure(&one->results[i], index) -
                       (other != NULL ? figure(&other->results[i], index) : 0);
    }
    sim_bootstrap(all->room, all->traces, all->seed, &interval);
    return interval;
}

/* The figures, by their place in the list. */
enum { USEFUL, STALL, SCORE, WORST, CPU, BACK, ACTIONS, WRONG, KILLS, UNDUE };

_Static_assert(UNDUE + 1 == FIGURES, "the places are not those of the list");

static double mean_of(const table *all, const column *one, size_t index)
{
    return interval_of(all, one, NULL, index).mean;
}

static void print_text(const table *all)
{
    printf("%-14s %7s %22s %6s %5s %7s %7s %5s %5s %5s\n", "POLICY", "USEFUL",
           "STALL (95 %)", "WORST", "CPU", "BACK", "ACTIONS", "WRONG", "KILLS",
           "UNDUE");
    printf("%-14s %7s %22s %6s %5s %7s %7s\n", "", "GB s", "s", "s/min", "s",
           "MB", "/h");
    for (size_t i = 0; i < all->count; i++) {
        const column *one = &all->columns[i];
        sim_interval stall = interval_of(all, one, NULL, STALL);
        char wrong[16] = "-";

        if (one->played->has_verdicts) {
            (void)snprintf(wrong, sizeof(wrong), "%.2f",
                           mean_of(all, one, WRONG));
        }
        printf("%-14s %7.2f %6.2f [%5.2f, %6.2f] %6.2f %5.2f %7.0f %7.0f %5s "
               "%5.2f %5.1f\n",
               one->played->name, mean_of(all, one, USEFUL), stall.mean,
               stall.low, stall.high, mean_of(all, one, WORST),
               mean_of(all, one, CPU), mean_of(all, one, BACK),
               mean_of(all, one, ACTIONS), wrong, mean_of(all, one, KILLS),
               mean_of(all, one, UNDUE));
    }
}

static void print_pairs(const table *all, const column *ours)
{
    static const struct {
        const char *name;
        size_t index;
    } compared[] = {{"useful", USEFUL}, {"stall", STALL}, {"score", SCORE}};

    printf("\nweft less the other, by recording (mean and 95 %%):\n");
    for (size_t i = 0; i < all->count; i++) {
        const column *one = &all->columns[i];

        if (one == ours) {
            continue;
        }
        printf("%-14s", one->played->name);
        for (size_t j = 0; j < TOOL_COUNT_OF(compared); j++) {
            sim_interval less = interval_of(all, ours, one, compared[j].index);

            printf(" %s %+.2f [%+.2f, %+.2f]", compared[j].name, less.mean,
                   less.low, less.high);
        }
        putchar('\n');
    }
}

static void put_interval(tool_json *json, const char *name,
                         const sim_interval *interval)
{
    static const char *const parts[] = {"mean", "low", "high"};
    const double values[] = {interval->mean, interval->low, interval->high};
    char key[64];

    for (size_t i = 0; i < TOOL_COUNT_OF(parts); i++) {
        (void)snprintf(key, sizeof(key), "%s_%s", name, parts[i]);
        tool_json_double(json, key, values[i]);
    }
}

static void print_json(const table *all, const column *ours)
{
    for (size_t i = 0; i < all->count; i++) {
        const column *one = &all->columns[i];
        tool_json json;

        tool_json_begin(&json, stdout);
        tool_json_text(&json, "policy", one->played->name);
        tool_json_u64(&json, "traces", all->traces);
        for (size_t j = 0; j < FIGURES; j++) {
            sim_interval interval = interval_of(all, one, NULL, j);

            put_interval(&json, figures[j].name, &interval);
        }
        if (ours != NULL && one != ours) {
            sim_interval stall = interval_of(all, ours, one, STALL);
            sim_interval useful = interval_of(all, ours, one, USEFUL);
            sim_interval score = interval_of(all, ours, one, SCORE);

            put_interval(&json, "weft_less_stall_s", &stall);
            put_interval(&json, "weft_less_useful_gb_s", &useful);
            put_interval(&json, "weft_less_score_gb_s", &score);
        }
        tool_json_end(&json);
    }
}

static void print(const table *all, bool as_json)
{
    const column *ours = NULL;

    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->columns[i].played->name, "weft") == 0) {
            ours = &all->columns[i];
        }
    }
    if (as_json) {
        print_json(all, ours);
    } else {
        print_text(all);
        if (ours != NULL && all->count > 1) {
            print_pairs(all, ours);
        }
    }
}

/* ------------------------------------------------------------------ all --- */

static bool simulate(const simulate_values *values, const recordings *all,
                     const recordings *lessons, const char *const *paths)
{
    table result = {.columns = calloc(LIST_MOST, sizeof(column)),
                    .traces = all->count,
                    .seed = values->seed,
                    .room = calloc(all->count + 1, sizeof(double))};
    size_t count =
        values->policies.count > 0 ? values->policies.count : sim_policy_count;
    bool done = result.columns != NULL && result.room != NULL;

    for (size_t i = 0; i < count && done; i++) {
        column *into = &result.columns[result.count++];

        into->played = values->policies.count > 0
                           ? sim_find_policy(values->policies.items[i])
                           : &sim_policies[i];
        done = play_column(values, all, lessons, paths, into);
    }
    if (done) {
        print(&result, values->json);
    } else {
        tool_error("no memory");
    }
    for (size_t i = 0; i < result.count; i++) {
        free(result.columns[i].results);
    }
    free(result.columns);
    free(result.room);
    return done;
}

int cmd_memory_simulate(int argc, char **argv)
{
    simulate_values values = {.swap_percent = 100,
                              .packed_percent = 35,
                              .scale = 64,
                              .random_percent = 20,
                              .protects = "front",
                              .seed = 1,
                              .constants = policy_defaults};
    const char *paths[LIST_MOST];
    recordings all;
    recordings lessons = {NULL, 0};
    tool_operands operands;
    bool done = false;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (values.percents.count == 0) {
        values.percents = (numbers){{70, 85, 100}, 3};
    }
    if (values.memory_bytes > 0) {
        values.percents.count = 1; /* they would all be the same machine */
    }
    for (int i = 0; i < operands.count; i++) {
        paths[i] = operands.items[i];
    }
    if (read_all(paths, (size_t)operands.count, &all)) {
        if (read_all(values.lessons.items, values.lessons.count, &lessons)) {
            done = simulate(&values, &all, &lessons, paths);
        }
        free_all(&lessons);
        free_all(&all);
    }
    return done ? TOOL_OK : TOOL_FAILED;
}
