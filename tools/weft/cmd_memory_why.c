/* SPDX-License-Identifier: MIT
 *
 * weft memory why - what the daemon's policy would do with a process, and why.
 *
 * It is found out here and now, with the same calls, rules and experience that
 * the daemon has; so it works without one, too.
 */
#include <stdlib.h>
#include <string.h>

#include "memory_daemon.h"
#include "memory_processes.h"
#include "process_number.h"

typedef struct why_values {
    config_source source; /* first: see CONFIG_SOURCE_ROWS */
    bool json;
} why_values;

static const tool_option options[] = {
    CONFIG_SOURCE_ROWS,
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(why_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "memory why",
    .usage = "[options] PID|NAME|PATH",
    .about = "Tells of a process, of all with a name, or of all that run a "
             "file, what 'weft\nmemory daemon' may do with it and by what it "
             "is protected, and what experience\nsays: for each arm how often "
             "it was tried and what it has gained, in parts of\nthe memory "
             "that was acted on.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 1,
    .operands_most = 1,
};

typedef struct asked {
    memory_config config;
    weft_memory *memory;
    weft_memory_rules *rules;
    memory_store *store;
    weft_pressure state;
    bool json;
} asked;

/* --------------------------------------------------------------- process ---
 */

/* What is found out about a process. */
typedef struct finding {
    weft_memory_identity identity;
    weft_protection protection;
    weft_reclaim_plan plan;
    bool has_plan;
} finding;

static bool investigate(asked *me, const weft_memory_process *process,
                        finding *found)
{
    weft_reclaim_request request = WEFT_RECLAIM_REQUEST_INIT;

    *found = (finding){.identity = {.size = sizeof(found->identity)},
                       .protection = {.size = sizeof(found->protection)},
                       .plan = {.size = sizeof(found->plan)}};
    if (weft_memory_identify(me->memory, process->pid, &found->identity,
                             NULL) != WEFT_OK) {
        return false;
    }
    if (weft_memory_protection(&found->identity, me->rules, false,
                               &found->protection)) {
        return true;
    }
    request.verb = WEFT_RECLAIM_PAGEOUT;
    request.pid = process->pid;
    request.started = process->started;
    request.rules = me->rules;
    found->has_plan = weft_reclaim_plan_make(me->memory, &request, &found->plan,
                                             NULL) == WEFT_OK;
    return true;
}

static void print_finding(const weft_memory_process *process,
                          const finding *found)
{
    char name[sizeof(process->name)];
    char exe[sizeof(found->identity.exe)];
    char size[32];

    (void)snprintf(name, sizeof(name), "%s", process->name);
    (void)snprintf(exe, sizeof(exe), "%s", found->identity.exe);
    tool_clean(name);
    tool_clean(exe);
    printf("%s (%lld)%s%s\n", name, (long long)process->pid,
           exe[0] != '\0' ? ", " : "", exe);
    if (found->protection.is_protected) {
        printf("  is left alone: %s\n", found->protection.reason);
    } else if (!found->has_plan) {
        printf("  may be touched; how much of it could go is not known here\n");
    } else if (!found->plan.may_run) {
        printf("  may be touched, but will not be: %s\n", found->plan.reason);
    } else {
        tool_format_bytes((double)found->plan.candidate_bytes, size,
                          sizeof(size));
        printf("  may be touched: %s of it could go, if not used: %s\n", size,
               found->plan.reason);
    }
}

static void print_finding_json(const weft_memory_process *process,
                               const finding *found)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_i64(&json, "pid", process->pid);
    tool_json_text(&json, "name", process->name);
    if (found->identity.exe[0] != '\0') {
        tool_json_text(&json, "exe", found->identity.exe);
    }
    tool_json_bool(&json, "protected", found->protection.is_protected);
    if (found->protection.is_protected) {
        tool_json_text(&json, "cause",
                       weft_protection_cause_name(found->protection.cause));
        tool_json_text(&json, "reason", found->protection.reason);
    } else if (found->has_plan) {
        tool_json_bool(&json, "may_run", found->plan.may_run);
        tool_json_text(&json, "reason", found->plan.reason);
        if ((found->plan.valid & WEFT_RECLAIM_PLAN_CANDIDATE) != 0) {
            tool_json_u64(&json, "candidate_bytes",
                          found->plan.candidate_bytes);
        }
        if ((found->plan.valid & WEFT_RECLAIM_PLAN_EXPECTED) != 0) {
            tool_json_u64(&json, "expected_bytes", found->plan.expected_bytes);
        }
    }
    tool_json_end(&json);
}

/* ------------------------------------------------------------ experience ---
 */

static void print_arm(const asked *me, const char *exe, bandit_context context,
                      bandit_arm arm, const bandit_view *view)
{
    tool_json json;

    if (!me->json) {
        printf("    %-15s n %-4u", bandit_arm_name(arm), view->count);
        printf(" mean %5.2f (%5.2f to %5.2f)", view->mean, view->low,
               view->high);
        if (view->has_last) {
            printf(", last %5.2f", view->last);
        }
        printf("%s\n", view->is_used ? "" : "; too few to rely on");
        return;
    }
    tool_json_begin(&json, stdout);
    tool_json_text(&json, "exe", exe);
    tool_json_text(&json, "context", bandit_context_name(context));
    tool_json_text(&json, "arm", bandit_arm_name(arm));
    tool_json_u64(&json, "n", view->count);
    tool_json_double(&json, "mean", view->mean);
    tool_json_double(&json, "low", view->low);
    tool_json_double(&json, "high", view->high);
    if (view->has_last) {
        tool_json_double(&json, "last", view->last);
    }
    tool_json_bool(&json, "used", view->is_used);
    tool_json_end(&json);
}

/* The contexts in which something was tried. */
static bool is_known(const bandit *learnt, bandit_context context)
{
    for (int i = 0; i < BANDIT_ARMS; i++) {
        if (learnt->cells[context][i].count > 0) {
            return true;
        }
    }
    return false;
}

static bool print_experience(asked *me, const char *exe)
{
    memory_app app;
    history_problem problem = {""};
    uint64_t now_ns = sys_unix_ns();

    if (me->store == NULL || exe[0] == '\0' ||
        !memory_store_load(me->store, exe, &app, &problem)) {
        if (problem.text[0] != '\0') {
            tool_error("%s", problem.text);
        }
        if (!me->json) {
            printf("  nothing was tried with it yet, and nothing is believed "
                   "to be best\n");
        }
        return false;
    }
    if (!me->json) {
        printf("  of what was paged out %.0f %% came back\n",
               100 * app.refault_share);
    }
    for (int context = 0; context < BANDIT_CONTEXTS; context++) {
        if (!is_known(&app.learnt, (bandit_context)context)) {
            continue;
        }
        if (!me->json) {
            printf("  %s:\n", bandit_context_name((bandit_context)context));
        }
        for (int arm = 0; arm < BANDIT_ARMS; arm++) {
            bandit_view view;

            bandit_explain(&app.learnt, (bandit_context)context,
                           (bandit_arm)arm, now_ns, &view);
            print_arm(me, exe, (bandit_context)context, (bandit_arm)arm, &view);
        }
    }
    return true;
}

/* -------------------------------------------------------------- command --- */

/* Looks for the process by what is cheap; its file is compared by the caller.
 */
static bool is_meant(asked *me, const weft_memory_process *process,
                     const char *what)
{
    weft_memory_identity identity = {.size = sizeof(identity)};
    int64_t pid;

    if (process->is_kernel) {
        return false;
    }
    if (process_parse(what, &pid)) {
        return process->pid == pid;
    }
    if (!sys_is_path(what)) {
        return strcmp(process->name, what) == 0;
    }
    return weft_memory_identify(me->memory, process->pid, &identity, NULL) ==
               WEFT_OK &&
           strcmp(identity.exe, what) == 0;
}

static int tell(asked *me, const char *what)
{
    memory_processes list = {NULL, 0};
    bool is_found = false;
    finding found;

    if (memory_read_processes(me->memory, &list, NULL) != WEFT_OK) {
        tool_error("the processes can't be listed here");
        free(list.items);
        return TOOL_FAILED;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (!is_meant(me, &list.items[i], what) ||
            !investigate(me, &list.items[i], &found)) {
            continue;
        }
        is_found = true;
        if (me->json) {
            print_finding_json(&list.items[i], &found);
        } else {
            print_finding(&list.items[i], &found);
        }
        (void)print_experience(me, found.identity.exe);
    }
    free(list.items);
    /* What is known of a program that does not run now. */
    if (!is_found && sys_is_path(what)) {
        is_found = print_experience(me, what);
    }
    if (!is_found) {
        tool_error("no process is '%s'", what);
        return TOOL_FAILED;
    }
    return TOOL_OK;
}

static bool open_all(asked *me)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_detail detail = {WEFT_OK, 0, NULL};
    history_problem problem = {""};
    weft_status status = weft_memory_open(&me->memory, &detail);
    char text[256];

    if (status == WEFT_OK) {
        status = weft_memory_look(me->memory, &figures, &detail);
    }
    if (status == WEFT_OK && me->config.rules != NULL) {
        status =
            weft_memory_rules_open(me->config.rules, me->config.rules_bytes,
                                   &me->rules, NULL, &detail);
    }
    if (status != WEFT_OK) {
        weft_detail_text(&detail, text, sizeof(text));
        tool_error("cannot look at the memory: %s", text);
        return false;
    }
    me->state = figures.pressure;
    if (memory_store_open(me->config.history_file, HISTORY_READ, &me->store,
                          &problem) == HISTORY_FAILED) {
        tool_error("what was learnt is not known: %s", problem.text);
    }
    return true;
}

int cmd_memory_why(int argc, char **argv)
{
    static asked me;
    why_values values = {.json = false};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    exit_code = TOOL_USAGE;
    if (memory_config_load(&me.config, &values.source, config_print_mistake,
                           &me.config)) {
        me.json = values.json;
        exit_code = open_all(&me) ? tell(&me, operands.items[0]) : TOOL_FAILED;
    }
    memory_store_close(&me.store);
    weft_memory_rules_close(&me.rules);
    weft_memory_close(&me.memory);
    memory_config_end(&me.config);
    return exit_code;
}
