/* SPDX-License-Identifier: MIT
 *
 * weft run - a program under limits, and the truth about it.
 *
 * The command itself is small and has one thread, so its helper is a fork of
 * it. While the program runs, the signals that ask this process to end are
 * passed on: the first one as it is, the next one ends the tree.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <weft/process.h>

#include "running.h"
#include "sys.h"

#define PATHS_MAX 256
#define VARIABLES_MAX 256

/* A limit as it was given: [SOFT:]HARD. */
typedef struct run_limit {
    bool is_given;
    uint64_t soft;
    uint64_t hard;
} run_limit;

typedef struct run_rule {
    const char *path;
    weft_access access;
} run_rule;

/* Texts of an option that may be repeated. */
typedef struct run_list {
    const char *items[VARIABLES_MAX];
    size_t count;
} run_list;

typedef struct run_rules {
    run_rule items[PATHS_MAX];
    size_t count;
} run_rules;

typedef struct run_values {
    run_limit limits[WEFT_FENCE_LIMITS];
    uint64_t grace_ns;
    uint32_t isolated; /* a bit for each fence */
    uint32_t tried;
    run_rules rules;
    run_list variables;
    bool clears;
    int sandbox;
    const char *directory;
    const char *user;
    uint64_t cpus[16];
    const char *json;
    const char *meta;
    bool verbose;
    bool quiet;
    bool check;
    bool explain;
} run_values;

/* --------------------------------------------------------------- options ---
 */

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
    if (rules->count == PATHS_MAX) {
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

static const char *take_variable(void *place, const char *argument)
{
    run_list *list = place;

    if (argument[0] == '\0' || argument[0] == '=') {
        return "has no name";
    }
    if (list->count == VARIABLES_MAX) {
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

static const tool_syntax syntax = {
    .command = "run",
    .usage = "[options] -- COMMAND [ARGUMENT...]",
    .about = "Runs a program under limits, and ends all of its processes with "
             "it. What can't be\nenforced here is refused before anything "
             "starts. The exit code is the program's;\n124: a time limit, "
             "123: another limit, 125: weft's own failure or wrong usage,\n"
             "126: can't be executed, 127: not found, 128+N: ended by signal "
             "N.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 0,
    .operands_most = INT_MAX,
    .is_for_program = true,
};

/* ------------------------------------------------------------------ spec ---
 */

static weft_demand demand_of(const run_values *values, int fence)
{
    return (values->tried >> fence & 1) != 0 ? WEFT_TRY : WEFT_REQUIRE;
}

static weft_status set_fences(weft_process_spec *spec, const run_values *values)
{
    weft_status status = weft_process_spec_grace(spec, values->grace_ns);

    for (int i = 0; i < WEFT_FENCE_LIMITS && status == WEFT_OK; i++) {
        const run_limit *limit = &values->limits[i];

        if (limit->is_given) {
            status = weft_process_spec_limit(spec, (weft_fence)i, limit->soft,
                                             limit->hard, demand_of(values, i));
        }
    }
    for (int i = WEFT_FENCE_LIMITS; i < WEFT_FENCE_COUNT && status == WEFT_OK;
         i++) {
        if ((values->isolated >> i & 1) != 0) {
            status = weft_process_spec_isolate(spec, (weft_fence)i,
                                               demand_of(values, i));
        }
    }
    for (size_t i = 0; i < values->rules.count && status == WEFT_OK; i++) {
        status = weft_process_spec_path(spec, values->rules.items[i].path,
                                        values->rules.items[i].access,
                                        demand_of(values, WEFT_FENCE_PATHS));
    }
    return status;
}

static weft_status set_variables(weft_process_spec *spec,
                                 const run_values *values)
{
    weft_status status =
        values->clears ? weft_process_spec_clean_environment(spec) : WEFT_OK;

    for (size_t i = 0; i < values->variables.count && status == WEFT_OK; i++) {
        const char *item = values->variables.items[i];
        size_t bytes = strcspn(item, "=");
        char *name = malloc(bytes + 1);

        if (name == NULL) {
            return WEFT_ENOMEM;
        }
        memcpy(name, item, bytes);
        name[bytes] = '\0';
        status = weft_process_spec_variable(
            spec, name, item[bytes] == '=' ? item + bytes + 1 : NULL);
        free(name);
    }
    return status;
}

/* UID[:GID]; without a GID it is the same number. */
static bool parse_user(const char *text, uint32_t *uid, uint32_t *gid)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);

    if (end == text || *text == '-' || number >= UINT32_MAX) {
        return false;
    }
    *uid = (uint32_t)number;
    if (*end == ':') {
        text = end + 1;
        number = strtoull(text, &end, 10);
        if (end == text || *text == '-' || number >= UINT32_MAX) {
            return false;
        }
    }
    *gid = (uint32_t)number;
    return *end == '\0';
}

/* False: it was said what is wrong. */
static bool make_spec(const run_values *values, weft_process_spec **spec)
{
    uint64_t cpus = 0;
    uint32_t uid = 0;
    uint32_t gid = 0;
    weft_status status;

    if (values->user != NULL && !parse_user(values->user, &uid, &gid)) {
        tool_usage_error("run", "option '--user': '%s' is not UID[:GID]",
                         values->user);
        return false;
    }
    status = weft_process_spec_open(spec);
    if (status == WEFT_OK) {
        status = weft_process_spec_fork_helper(*spec);
    }
    if (status == WEFT_OK) {
        status =
            weft_process_spec_sandbox(*spec, (weft_sandbox)values->sandbox);
    }
    if (status == WEFT_OK) {
        status = set_fences(*spec, values);
    }
    if (status == WEFT_OK) {
        status = set_variables(*spec, values);
    }
    if (status == WEFT_OK && values->directory != NULL) {
        status = weft_process_spec_directory(*spec, values->directory);
    }
    if (status == WEFT_OK && values->user != NULL) {
        status = weft_process_spec_user(*spec, uid, gid);
    }
    if (status == WEFT_OK &&
        (values->verbose || values->json != NULL || values->meta != NULL)) {
        status = weft_process_spec_account(*spec);
    }
    for (size_t i = 0; i < TOOL_COUNT_OF(values->cpus); i++) {
        cpus |= values->cpus[i];
    }
    if (status == WEFT_OK && cpus != 0) {
        status = weft_process_spec_cpus(*spec, values->cpus,
                                        TOOL_COUNT_OF(values->cpus));
    }
    if (status != WEFT_OK) {
        tool_error("cannot set up the run: %s", weft_status_text(status));
        weft_process_spec_close(spec);
    }
    return status == WEFT_OK;
}

/* ------------------------------------------------------------------- run ---
 */

/* "-" is standard output. NULL: it was said why not. */
static FILE *open_report(const char *where)
{
    bool is_number = strncmp(where, "fd:", 3) == 0;
    char path[64];
    FILE *file;

    if (strcmp(where, "-") == 0) {
        return stdout;
    }
    if (is_number) {
        (void)snprintf(path, sizeof(path), "/dev/fd/%s", where + 3);
        where = path;
    }
    file = fopen(where, is_number ? "a" : "w");
    if (file == NULL) {
        tool_error("cannot write to '%s': %s", where, strerror(errno));
    }
    return file;
}

/* False: it was said why not. */
static bool close_report(FILE *file, const char *where)
{
    bool failed = ferror(file) != 0;

    if (file != stdout && fclose(file) != 0) {
        failed = true;
    }
    if (failed) {
        tool_error("cannot write to '%s': %s", where, strerror(errno));
    }
    return !failed;
}

static bool write_json(const run_values *values, char *const *arguments,
                       const weft_process_result *result)
{
    FILE *file = open_report(values->json);

    if (file == NULL) {
        return false;
    }
    running_json_rows(file, result->enforcement, result->enforcement_count);
    running_json_result(file, arguments, result);
    return close_report(file, values->json);
}

static bool write_meta(const run_values *values,
                       const weft_process_result *result)
{
    FILE *file = open_report(values->meta);

    if (file == NULL) {
        return false;
    }
    running_print_meta(file, result);
    return close_report(file, values->meta);
}

/* Says why nothing was started, and gives the exit code. */
static int refuse(const weft_process_spec *spec, const char *program,
                  const weft_detail *detail)
{
    const char *refusal = weft_process_spec_refusal(spec);
    char text[256];

    if (detail->os_code == 0) {
        (void)snprintf(text, sizeof(text), "%s",
                       weft_status_text(detail->status));
    } else {
        (void)sys_error_text(detail->os_code, text, sizeof(text));
    }
    tool_error("cannot run '%s': %s (%s)", program,
               refusal[0] != '\0' ? refusal : detail->operation, text);
    if (strcmp(detail->operation, "execute the program") != 0) {
        return RUN_EXIT_FAILED;
    }
    return detail->status == WEFT_ENOENT ? RUN_EXIT_NOT_FOUND
                                         : RUN_EXIT_NOT_EXECUTABLE;
}

/* Waits for the end, and passes on the signals that ask this process to. */
static weft_status await_end(weft_process *process, weft_process_result *result)
{
    bool has_passed_on = false;
    weft_status status;
    int code;

    for (;;) {
        status = weft_process_wait(process, WEFT_NOW, result);
        if (status != WEFT_EAGAIN) {
            return status;
        }
        if (sys_wait_handle(weft_process_handle(process), WEFT_FOREVER,
                            &code) == SYS_INTERRUPTED) {
            int number = sys_take_signal();

            if (has_passed_on) {
                (void)weft_process_kill(process);
            } else {
                (void)weft_process_signal(process, number, false);
            }
            has_passed_on = true;
        }
    }
}

/* What the user sees of it. */
static int tell(const run_values *values, char *const *arguments,
                const weft_process_result *result)
{
    int exit_code = running_exit_code(result);
    char text[96];

    if (result->reason > WEFT_REASON_SIGNALLED && !values->quiet) {
        running_reason_text(result, text, sizeof(text));
        tool_error("'%s' %s", arguments[0], text);
    }
    if (values->verbose) {
        running_print_usage(stderr, arguments, result);
        running_print_rows(stderr, result->enforcement,
                           result->enforcement_count, false);
        (void)fputs(result->evidence, stderr);
    }
    if ((values->json != NULL && !write_json(values, arguments, result)) ||
        (values->meta != NULL && !write_meta(values, result))) {
        exit_code = RUN_EXIT_FAILED;
    }
    return exit_code;
}

static int run_program(const run_values *values, weft_process_spec *spec,
                       char *const *arguments)
{
    weft_process_result result = {.size = sizeof(result)};
    weft_process *process = NULL;
    weft_detail detail = {WEFT_OK, 0, ""};
    int exit_code;

    sys_hold_signals();
    if (weft_process_start(spec, arguments, &process, &detail) != WEFT_OK) {
        sys_release_signals();
        return refuse(spec, arguments[0], &detail);
    }
    if (await_end(process, &result) == WEFT_OK) {
        exit_code = tell(values, arguments, &result);
    } else {
        tool_error("cannot wait for '%s'", arguments[0]);
        exit_code = RUN_EXIT_FAILED;
    }
    weft_process_close(&process);
    sys_release_signals();
    return exit_code;
}

/* What can be enforced; `all`: of everything there is. */
static int probe(const run_values *values, weft_process_spec *spec, bool all)
{
    weft_enforcement rows[WEFT_FENCE_COUNT];
    weft_detail detail = {WEFT_OK, 0, ""};
    FILE *file;

    if (weft_process_spec_probe(spec, rows, TOOL_COUNT_OF(rows), &detail) !=
        WEFT_OK) {
        return refuse(spec, "weft-helper", &detail);
    }
    if (values->json == NULL) {
        running_print_rows(stdout, rows, TOOL_COUNT_OF(rows), all);
        return TOOL_OK;
    }
    file = open_report(values->json);
    if (file == NULL) {
        return RUN_EXIT_FAILED;
    }
    running_json_rows(file, rows, TOOL_COUNT_OF(rows));
    return close_report(file, values->json) ? TOOL_OK : RUN_EXIT_FAILED;
}

int cmd_run(int argc, char **argv)
{
    static run_values values;
    tool_operands operands;
    weft_process_spec *spec = NULL;
    int exit_code = TOOL_OK;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        /* 2 may be the program's own code. */
        return exit_code == TOOL_USAGE ? RUN_EXIT_FAILED : exit_code;
    }
    if (operands.count == 0 && !values.check && !values.explain) {
        tool_usage_error("run", "which program? (after '--')");
        return RUN_EXIT_FAILED;
    }
    if (!make_spec(&values, &spec)) {
        return RUN_EXIT_FAILED;
    }
    operands.items[operands.count] = NULL; /* argv has the room for it */
    if (values.check || values.explain) {
        exit_code = probe(&values, spec, values.check);
    } else {
        exit_code = run_program(&values, spec, operands.items);
    }
    weft_process_spec_close(&spec);
    return exit_code;
}
