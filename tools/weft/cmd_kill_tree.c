/* SPDX-License-Identifier: MIT
 *
 * weft kill-tree - ends a process and all that descends from it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "process_number.h"
#include "sys.h"

typedef struct kill_values {
    int signal_number;
    uint64_t grace_ns;
    bool dry_run;
    bool json;
    bool quiet;
} kill_values;

static const char *take_signal(void *place, const char *argument)
{
    int number = sys_signal_number(argument);

    if (number <= 0) {
        return "is no signal of this system (such as TERM, INT, KILL)";
    }
    *(int *)place = number;
    return NULL;
}

static const tool_option options[] = {
    {.name = "signal",
     .letter = 's',
     .kind = TOOL_CALL,
     .offset = offsetof(kill_values, signal_number),
     .label = "NAME",
     .call = take_signal,
     .help = "how to ask (default TERM); KILL: ask nobody"},
    {.name = "grace",
     .letter = 'g',
     .kind = TOOL_DURATION,
     .offset = offsetof(kill_values, grace_ns),
     .label = "TIME",
     .help = "how long those that are asked have (default 2s); 0s: ask nobody"},
    {.name = "dry-run",
     .letter = 'n',
     .kind = TOOL_FLAG,
     .offset = offsetof(kill_values, dry_run),
     .help = "send no signal; list those that would be ended"},
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(kill_values, json),
     .help = "print the result as a JSON object"},
    {.name = "quiet",
     .letter = 'q',
     .kind = TOOL_FLAG,
     .offset = offsetof(kill_values, quiet),
     .help = "print nothing if all have ended"},
};

static const tool_syntax syntax = {
    .command = "kill-tree",
    .usage = "[options] PID",
    .about = "Ends a process and all its descendants: asks them to, and kills "
             "what is left\nafter the grace time. Nobody else can be hit, also "
             "if numbers are used again.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

/* --------------------------------------------------------------- result --- */

static void print_survivors(const weft_tree_kill_result *result, FILE *file)
{
    size_t shown = result->survivors < WEFT_TREE_SURVIVORS
                       ? result->survivors
                       : WEFT_TREE_SURVIVORS;

    for (size_t i = 0; i < shown; i++) {
        fprintf(file, "%s%" PRId64, i > 0 ? " " : "", result->survivor_pids[i]);
    }
}

static void print_object(const kill_values *values, int64_t pid,
                         const weft_tree_kill_result *result)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_u64(&json, "pid", (uint64_t)pid);
    tool_json_bool(&json, "dry_run", values->dry_run);
    tool_json_u64(&json, "found", result->found);
    tool_json_u64(&json, "asked", result->asked);
    tool_json_u64(&json, "killed", result->killed);
    tool_json_u64(&json, "ended", result->ended);
    tool_json_u64(&json, "denied", result->denied);
    tool_json_u64(&json, "survivors", result->survivors);
    tool_json_bool(&json, "complete", result->is_complete);
    tool_json_end(&json);
}

static void print_text(const weft_tree_kill_result *result)
{
    printf("%zu of %zu %s ended", result->ended, result->found,
           result->found == 1 ? "process has" : "processes have");
    if (result->survivors > 0) {
        printf("; left: ");
        print_survivors(result, stdout);
        if (result->survivors > WEFT_TREE_SURVIVORS) {
            printf(" and %zu more", result->survivors - WEFT_TREE_SURVIVORS);
        }
    }
    putchar('\n');
}

/* What a dry run found, as far as the tree is the same a moment later. */
static int list(const kill_values *values, int64_t pid,
                const weft_tree_kill_result *result)
{
    weft_member *members = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};
    size_t count = 0;

    if (values->json) {
        print_object(values, pid, result);
        return TOOL_OK;
    }
    if (process_measure(pid, WEFT_MEMBER_COMMAND, &members, &count, &detail) !=
        WEFT_OK) {
        return process_failed("list", pid, &detail);
    }
    for (size_t i = 0; i < count; i++) {
        tool_clean(members[i].command);
        printf("%7" PRId64 "  %s%s\n", members[i].pid, members[i].command,
               members[i].has_ended ? " (has ended)" : "");
    }
    free(members);
    if (result->denied > 0) {
        tool_error("%zu of them may not be signalled by this user",
                   result->denied);
    }
    return TOOL_OK;
}

static int tell(const kill_values *values, int64_t pid,
                const weft_tree_kill_result *result)
{
    bool is_well = result->survivors == 0 && result->is_complete;

    if (values->dry_run) {
        return list(values, pid, result);
    }
    if (values->json) {
        print_object(values, pid, result);
    } else if (!is_well || !values->quiet) {
        print_text(result);
    }
    if (result->denied > 0) {
        tool_error("%zu of them may not be signalled by this user",
                   result->denied);
    } else if (result->survivors > 0) {
        tool_error("what is left was killed, and the system has not ended it");
    }
    if (!result->is_complete) {
        tool_error("the tree grew faster than it could be searched: there may "
                   "be others");
    }
    return is_well ? TOOL_OK : TOOL_FAILED;
}

int cmd_kill_tree(int argc, char **argv)
{
    kill_values values = {.grace_ns = UINT64_C(2000000000)};
    weft_tree_kill_options how = WEFT_TREE_KILL_OPTIONS_INIT;
    weft_tree_kill_result result = {.size = sizeof(result)};
    weft_detail detail = {WEFT_OK, 0, NULL};
    tool_operands operands;
    int64_t pid;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    if (!process_parse(operands.items[0], &pid)) {
        return tool_usage_error("kill-tree", "'%s' is no process number",
                                operands.items[0]);
    }
    if (values.signal_number == SYS_SIGNAL_KILL) {
        values.grace_ns = 0;
        values.signal_number = 0;
    }
    how.signal_number = values.signal_number;
    how.grace_ns = values.grace_ns;
    how.flags = values.dry_run ? WEFT_TREE_KILL_DRY : 0;
    if (weft_tree_kill(pid, &how, &result, &detail) != WEFT_OK) {
        return process_failed("end", pid, &detail);
    }
    return tell(&values, pid, &result);
}
