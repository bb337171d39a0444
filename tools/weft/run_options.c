/* SPDX-License-Identifier: MIT
 *
 * The options of weft run.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "run_options.h"

typedef bool parse_function(const char *text, uint64_t *value);

/* SOFT:HARD, or HARD alone. */
static const char *take_stages(run_limit *limit, const char *argument,
                               parse_function *parse, const char *why)
{
    const char *colon = strchr(argument, ':');
    char soft[64];

    *limit = (run_limit){.is_given = true};
    if (colon != NULL) {
        if ((size_t)(colon - argument) >= sizeof(soft)) {
            return why;
        }
        (void)snprintf(soft, sizeof(soft), "%.*s", (int)(colon - argument),
                       argument);
        if (!parse(soft, &limit->soft)) {
            return why;
        }
        if (limit->soft == 0) {
            return "is too small";
        }
        argument = colon + 1;
    }
    if (!parse(argument, &limit->hard)) {
        return why;
    }
    if (limit->hard == 0) {
        return "is too small";
    }
    return colon != NULL && limit->soft >= limit->hard
               ? "has a soft value that is not below the hard one"
               : NULL;
}

static const char *take_time(void *place, const char *argument)
{
    return take_stages(place, argument, tool_parse_duration,
                       "is not a duration (such as 500ms, 2s, 1s:2s)");
}

static const char *take_output(void *place, const char *argument)
{
    return take_stages(place, argument, tool_parse_size, "is not a size");
}

static const char *take_one(run_limit *limit, const char *argument,
                            parse_function *parse, const char *why)
{
    *limit = (run_limit){.is_given = true};
    if (!parse(argument, &limit->hard)) {
        return why;
    }
    return NULL;
}

static const char *take_size(void *place, const char *argument)
{
    run_limit *limit = place;
    const char *why =
        take_one(limit, argument, tool_parse_size, "is not a size");

    return why == NULL && limit->hard == 0 ? "is too small" : why;
}

/* No core dump at all is what most people want. */
static const char *take_core(void *place, const char *argument)
{
    return take_one(place, argument, tool_parse_size, "is not a size");
}

static const char *take_number(void *place, const char *argument)
{
    run_limit *limit = place;
    const char *why =
        take_one(limit, argument, tool_parse_count, "is not a number");

    return why == NULL && limit->hard == 0 ? "is too small" : why;
}

static bool find_fence(const char *name, size_t bytes, weft_fence *fence)
{
    for (int i = 0; i < WEFT_FENCE_COUNT; i++) {
        const char *known = weft_fence_name((weft_fence)i);

        if (strlen(known) == bytes && memcmp(known, name, bytes) == 0) {
            *fence = (weft_fence)i;
            return true;
        }
    }
    return false;
}

/* Names with commas between, as bits. */
static const char *take_fences(uint32_t *fences, const char *argument)
{
    weft_fence fence;
    size_t bytes;

    for (;; argument += bytes + 1) {
        bytes = strcspn(argument, ",");
        if (bytes == 3 && memcmp(argument, "all", 3) == 0) {
            *fences = UINT32_MAX;
        } else if (find_fence(argument, bytes, &fence)) {
            *fences |= 1u << fence;
        } else {
            return "names nothing that can be enforced";
        }
        if (argument[bytes] == '\0') {
            return NULL;
        }
    }
}

static const char *take_tried(void *place, const char *argument)
{
    return take_fences(place, argument);
}

static const char *take_isolated(void *place, const char *argument)
{
    const uint32_t known =
        1u << WEFT_FENCE_TREE_KILL | 1u << WEFT_FENCE_PRIVILEGES |
        1u << WEFT_FENCE_NETWORK | 1u << WEFT_FENCE_PIDS |
        1u << WEFT_FENCE_IPC | 1u << WEFT_FENCE_CALLS | 1u << WEFT_FENCE_TEMP;
    uint32_t asked = 0;
    const char *why = take_fences(&asked, argument);

    if (why == NULL && asked == UINT32_MAX) {
        asked = known;
    }
    if (why == NULL && (asked & ~known) != 0) {
        return "names a limit, which has an option of its own";
    }
    *(uint32_t *)place |= asked;
    return why;
}

static const char *take_network(void *place, const char *argument)
{
    uint32_t *isolated = place;

    if (strcmp(argument, "off") == 0) {
        *isolated |= 1u << WEFT_FENCE_NETWORK;
        return NULL;
    }
    return strcmp(argument, "on") == 0 ? NULL : "is neither on nor off";
}

static const char *add_rule(run_rules *rules, const char *path,
                            weft_access access)
{
    if (path[0] != '/') {
        return "is not an absolute path";
    }
    for (size_t i = 0; i < rules->count; i++) {
        if (strcmp(rules->items[i].path, path) == 0 &&
            rules->items[i].access != access) {
            return "has a rule already that contradicts this one";
        }
    }
    if (rules->count == RUN_PATHS_MAX) {
        return "is one path too many";
    }
    rules->items[rules->count++] = (run_rule){path, access};
    return NULL;
}

static const char *take_read(void *place, const char *argument)
{
    return add_rule(place, argument, WEFT_ACCESS_READ);
}

static const char *take_write(void *place, const char *argument)
{
    return add_rule(place, argument, WEFT_ACCESS_WRITE);
}

static const char *take_hide(void *place, const char *argument)
{
    return add_rule(place, argument, WEFT_ACCESS_HIDE);
}

static const char *take_overlay(void *place, const char *argument)
{
    return add_rule(place, argument, WEFT_ACCESS_OVERLAY);
}

static const char *take_temp(void *place, const char *argument)
{
    return add_rule(place, argument, WEFT_ACCESS_TEMP);
}

static const char *take_variable(void *place, const char *argument)
{
    run_list *list = place;

    if (argument[0] == '\0' || argument[0] == '=') {
        return "has no name";
    }
    if (list->count == RUN_VARIABLES_MAX) {
        return "is one variable too many";
    }
    list->items[list->count++] = argument;
    return NULL;
}

/* Such as 0,2-3. */
static const char *take_cpus(void *place, const char *argument)
{
    uint64_t *words = place;
    const char *at = argument;

    do {
        char *end;
        unsigned long first = strtoul(at, &end, 10);
        unsigned long last = first;

        if (end == at || *at == '-' || *at == '+') {
            return "is not a list of CPUs (such as 0,2-3)";
        }
        if (*end == '-') {
            at = end + 1;
            last = strtoul(at, &end, 10);
            if (end == at || last < first) {
                return "is not a list of CPUs (such as 0,2-3)";
            }
        }
        if (last >= 1024) {
            return "has a CPU above 1023";
        }
        for (unsigned long i = first; i <= last; i++) {
            words[i / 64] |= UINT64_C(1) << (i % 64);
        }
        at = end + 1;
        if (*end != ',' && *end != '\0') {
            return "is not a list of CPUs (such as 0,2-3)";
        }
        if (*end == '\0') {
            return NULL;
        }
    } while (true);
}

static const char *take_alert(void *place, const char *argument)
{
    alert_list *list = place;
    const char *why;

    if (list->count == ALERTS_MAX) {
        return "is one alert too many";
    }
    why = alert_parse(argument, &list->items[list->count]);
    list->count += why == NULL ? 1 : 0;
    return why;
}

static const char *take_label(void *place, const char *argument)
{
    run_values *values = place;

    if (argument[0] == '\0' || strlen(argument) > 255) {
        return "has not 1 to 255 bytes";
    }
    if (values->label_count == HISTORY_LABELS_MAX) {
        return "is one label too many";
    }
    values->labels[values->label_count++] = argument;
    return NULL;
}

static const tool_choice sandboxes[] = {
    {"none", WEFT_SANDBOX_NONE},
    {"basic", WEFT_SANDBOX_BASIC},
    {"strict", WEFT_SANDBOX_STRICT},
    {NULL, 0},
};

#define LIMIT_ROW(NAME, LETTER, FENCE, LABEL, TAKE, HELP)                      \
    {                                                                          \
        .name = (NAME), .letter = (LETTER), .kind = TOOL_CALL,                 \
        .offset = offsetof(run_values, limits) + (FENCE) * sizeof(run_limit),  \
        .label = (LABEL), .call = (TAKE), .help = (HELP)                       \
    }

static const tool_option options[] = {
    LIMIT_ROW("mem", 'm', WEFT_FENCE_MEMORY, "SIZE", take_size,
              "memory of all its processes together"),
    LIMIT_ROW("cpu", 't', WEFT_FENCE_CPU, "[SOFT:]TIME", take_time,
              "CPU time of all its processes together; at SOFT they get "
              "SIGTERM"),
    LIMIT_ROW("wall", 'w', WEFT_FENCE_WALL, "[SOFT:]TIME", take_time,
              "time by the clock"),
    LIMIT_ROW("procs", 'p', WEFT_FENCE_PROCESSES, "N", take_number,
              "processes (on Linux: threads) at one time"),
    LIMIT_ROW("files", 'n', WEFT_FENCE_FILES, "N", take_number,
              "open files of each process"),
    LIMIT_ROW("fsize", 0, WEFT_FENCE_FILE_SIZE, "SIZE", take_size,
              "of each file that is written"),
    LIMIT_ROW("out", 0, WEFT_FENCE_OUTPUT, "[SOFT:]SIZE", take_output,
              "bytes on standard output and error together"),
    LIMIT_ROW("core", 0, WEFT_FENCE_CORE, "SIZE", take_core,
              "of a core dump; 0 for none"),
    LIMIT_ROW("stack", 0, WEFT_FENCE_STACK, "SIZE", take_size,
              "of each process"),
    LIMIT_ROW("idle", 0, WEFT_FENCE_IDLE, "[SOFT:]TIME", take_time,
              "time without output"),
    {.name = "kill-after",
     .letter = 'k',
     .kind = TOOL_DURATION,
     .offset = offsetof(run_values, grace_ns),
     .label = "TIME",
     .least = 1,
     .help = "at a limit send SIGTERM, and SIGKILL so much later"},
    {.name = "sandbox",
     .kind = TOOL_CHOICE,
     .offset = offsetof(run_values, sandbox),
     .label = "none|basic|strict",
     .choices = sandboxes,
     .help = "a preset of what follows (default none)"},
    {.name = "net",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, isolated),
     .label = "on|off",
     .call = take_network,
     .help = "off: no network at all (default on)"},
    {.name = "isolate",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, isolated),
     .label = "LIST",
     .call = take_isolated,
     .help = "of privileges, network, pids, ipc, calls, temp, tree_kill, all"},
    {.name = "ro",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, rules),
     .label = "PATH",
     .call = take_read,
     .help = "let it read and execute this; nothing else but what is named"},
    {.name = "rw",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, rules),
     .label = "PATH",
     .call = take_write,
     .help = "let it write this, too"},
    {.name = "hide",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, rules),
     .label = "PATH",
     .call = take_hide,
     .help = "as if this were empty"},
    {.name = "overlay",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, rules),
     .label = "PATH",
     .call = take_overlay,
     .help = "its changes below this are gone at the end; a directory"},
    {.name = "tmp",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, rules),
     .label = "PATH",
     .call = take_temp,
     .help = "in place of this directory an empty one, gone at the end"},
    {.name = "env",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, variables),
     .label = "NAME[=VALUE]",
     .call = take_variable,
     .help = "set a variable, or pass it on"},
    {.name = "clear-env",
     .kind = TOOL_FLAG,
     .offset = offsetof(run_values, clears),
     .help = "pass on no variable but PATH, HOME, LANG, LC_ALL, TERM, TZ"},
    {.name = "dir",
     .letter = 'C',
     .kind = TOOL_TEXT,
     .offset = offsetof(run_values, directory),
     .label = "PATH",
     .help = "the working directory"},
    {.name = "user",
     .kind = TOOL_TEXT,
     .offset = offsetof(run_values, user),
     .label = "UID[:GID]",
     .help = "run it as this user; numbers"},
    {.name = "cpus",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, cpus),
     .label = "LIST",
     .call = take_cpus,
     .help = "on these CPUs only, such as 0,2-3"},
    {.name = "stdin",
     .letter = 'i',
     .kind = TOOL_TEXT,
     .offset = offsetof(run_values, streams),
     .label = "FILE",
     .help = "its standard input"},
    {.name = "stdout",
     .letter = 'o',
     .kind = TOOL_TEXT,
     .offset = offsetof(run_values, streams) + sizeof(char *),
     .label = "FILE",
     .help = "its standard output; made or emptied before it starts"},
    {.name = "stderr",
     .letter = 'e',
     .kind = TOOL_TEXT,
     .offset = offsetof(run_values, streams) + 2 * sizeof(char *),
     .label = "FILE",
     .help = "its standard error; may be the same file"},
    {.name = "channel",
     .kind = TOOL_FLAG,
     .offset = offsetof(run_values, channel),
     .help = "give it a channel: standard input goes to it as messages, and "
             "standard output is what it sends"},
    {.name = "lines",
     .kind = TOOL_FLAG,
     .offset = offsetof(run_values, lines),
     .help = "with '--channel': each line is a message, its newline included"},
    {.name = "size",
     .kind = TOOL_SIZE,
     .offset = offsetof(run_values, block_bytes),
     .label = "SIZE",
     .least = 1,
     .most = WEFT_MESSAGE_MAX,
     .help = "with '--channel': messages of this size (default: as it is "
             "read)"},
    {.name = "try",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, tried),
     .label = "LIST|all",
     .call = take_tried,
     .help = "go on without these where they can't be enforced"},
    {.name = "json",
     .kind = TOOL_TEXT,
     .offset = offsetof(run_values, json),
     .label = "FILE|fd:N",
     .help = "write report and result there, one JSON object a line"},
    {.name = "meta",
     .kind = TOOL_TEXT,
     .offset = offsetof(run_values, meta),
     .label = "FILE|fd:N",
     .help = "write the result there as the judge isolate does"},
    {.name = "alert",
     .kind = TOOL_CALL,
     .offset = offsetof(run_values, alerts),
     .label = "WHAT>VALUE:CMD",
     .call = take_alert,
     .help = "let the shell run CMD, once, when mem, cpu, wall, procs, output "
             "or idle is above VALUE, which may be a part of the limit: 80%"},
    {.name = "record",
     .kind = TOOL_SET,
     .offset = offsetof(run_values, record),
     .value = RUN_RECORD_ALL,
     .help = "keep what came of it, for 'weft runs'"},
    {.name = "record-command",
     .kind = TOOL_SET,
     .offset = offsetof(run_values, record),
     .value = RUN_RECORD_COMMAND,
     .help = "the same without the arguments"},
    {.name = "no-record",
     .kind = TOOL_SET,
     .offset = offsetof(run_values, record),
     .value = RUN_RECORD_NONE,
     .help = "do not, whatever $WEFT_RECORD says"},
    {.name = "history",
     .kind = TOOL_TEXT,
     .offset = offsetof(run_values, history),
     .label = "FILE",
     .help = "keep it in this file"},
    {.name = "label",
     .kind = TOOL_CALL,
     .offset = 0,
     .label = "TEXT",
     .call = take_label,
     .help = "a word to find it by; may be repeated"},
    {.name = "status",
     .kind = TOOL_FLAG,
     .offset = offsetof(run_values, status),
     .help = "show on a terminal what it uses while it runs"},
    {.name = "verbose",
     .letter = 'v',
     .kind = TOOL_FLAG,
     .offset = offsetof(run_values, verbose),
     .help = "print usage as GNU time does, and the report, on stderr"},
    {.name = "quiet",
     .letter = 'q',
     .kind = TOOL_FLAG,
     .offset = offsetof(run_values, quiet),
     .help = "do not say on stderr which limit has ended it"},
    {.name = "check",
     .kind = TOOL_FLAG,
     .offset = offsetof(run_values, check),
     .help = "run nothing: print what can be enforced here, and how"},
    {.name = "explain",
     .kind = TOOL_FLAG,
     .offset = offsetof(run_values, explain),
     .help = "run nothing: print how this would be enforced"},
};

const tool_syntax run_syntax = {
    .command = "run",
    .usage = "[options] -- COMMAND [ARGUMENT...]",
    .about = "Runs a program under limits, and ends all of its processes with "
             "it. What can't\nbe enforced here is refused before anything "
             "starts. The exit code is the\nprogram's; 124: a time limit, "
             "123: another limit, 125: weft's own failure or\nwrong usage, "
             "126: can't be executed, 127: not found, 128+N: ended by\n"
             "signal N.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 0,
    .operands_most = INT_MAX,
    .is_for_program = true,
};
