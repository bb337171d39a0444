/* SPDX-License-Identifier: MIT
 *
 * weft status - all of weft at a glance: the system, its memory, the daemon
 * that looks after it, and the names in use.
 */
#include <inttypes.h>
#include <string.h>

#include "memory_json.h"
#include "names_list.h"

/* At which the daemon answers, and how long it may take. */
#define DAEMON_NAME "weft.memory"
#define DAEMON_NS UINT64_C(2000000000)

/* For all names together. */
#define NAMES_NS UINT64_C(200000000)

/* More of them would not be a glance; `weft ls` shows all. */
#define NAMES_MOST 12

typedef struct status_values {
    bool json;
} status_values;

static const tool_option options[] = {
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(status_values, json),
     .help = "print JSON objects, one a line"},
};

static const tool_syntax syntax = {
    .command = "status",
    .usage = "[options]",
    .about = "Tells all that weft knows at a glance: the system, its memory, "
             "the daemon that\nlooks after it, and the names in use. weft "
             "memory status and weft ls tell more.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* --------------------------------------------------------------- system --- */

static bool has(const weft_system *system, uint32_t what)
{
    return (system->valid & what) != 0;
}

/* Of a CPU, of which there are thousandths. */
static bool has_quota(const weft_system *system)
{
    return has(system, WEFT_SYSTEM_CPU_QUOTA) &&
           system->cpu_quota_milli != WEFT_UNLIMITED;
}

static void print_system(const weft_system *system)
{
    printf("%-10s %s, %s, %s\n", "system",
           has(system, WEFT_SYSTEM_VERSION) ? system->version : system->os,
           has(system, WEFT_SYSTEM_KERNEL) ? system->kernel : "-",
           has(system, WEFT_SYSTEM_MACHINE) ? system->machine : "-");
    if (has(system, WEFT_SYSTEM_CPUS)) {
        printf("%-10s %" PRIu32, "cpus", system->cpus);
        if (has(system, WEFT_SYSTEM_CPUS_USABLE) &&
            system->cpus_usable != system->cpus) {
            printf(", %" PRIu32 " of them for this process",
                   system->cpus_usable);
        }
        if (has_quota(system)) {
            printf(", at most the time of %.3g",
                   (double)system->cpu_quota_milli / 1000);
        }
        putchar('\n');
    }
    if (has(system, WEFT_SYSTEM_CONTAINER)) {
        printf("%-10s %s\n", "container",
               weft_container_name(system->container));
    }
}

static void print_system_json(const weft_system *system)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "kind", "system");
    tool_json_text(&json, "weft", weft_version());
    if (has(system, WEFT_SYSTEM_OS)) {
        tool_json_text(&json, "os", system->os);
    }
    if (has(system, WEFT_SYSTEM_VERSION)) {
        tool_json_text(&json, "version", system->version);
    }
    if (has(system, WEFT_SYSTEM_KERNEL)) {
        tool_json_text(&json, "kernel", system->kernel);
    }
    if (has(system, WEFT_SYSTEM_MACHINE)) {
        tool_json_text(&json, "machine", system->machine);
    }
    if (has(system, WEFT_SYSTEM_CPUS)) {
        tool_json_u64(&json, "cpus", system->cpus);
    }
    if (has(system, WEFT_SYSTEM_CPUS_USABLE)) {
        tool_json_u64(&json, "cpus_usable", system->cpus_usable);
    }
    if (has_quota(system)) {
        tool_json_u64(&json, "cpu_quota_milli", system->cpu_quota_milli);
    }
    if (has(system, WEFT_SYSTEM_CONTAINER)) {
        tool_json_text(&json, "container",
                       weft_container_name(system->container));
    }
    tool_json_end(&json);
}

/* --------------------------------------------------------------- memory --- */

static bool knows(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return (figures->valid >> figure & 1) != 0;
}

static void print_memory(const weft_memory_figures *figures)
{
    char total[32];
    char part[32];

    tool_format_bytes((double)figures->total_bytes, total, sizeof(total));
    if (knows(figures, WEFT_MEMORY_AVAILABLE)) {
        tool_format_bytes((double)figures->available_bytes, part, sizeof(part));
        printf("%-10s %s of %s available\n", "memory", part, total);
        printf("%-10s %s: %s\n", "pressure",
               weft_pressure_name(figures->pressure), figures->pressure_reason);
    } else {
        printf("%-10s %s\n", "memory", total);
    }
    if (knows(figures, WEFT_MEMORY_LIMIT)) {
        tool_format_bytes((double)figures->limit_bytes, total, sizeof(total));
        tool_format_bytes((double)figures->limit_used_bytes, part,
                          sizeof(part));
        printf("%-10s %s of %s used  (%s)\n", "limit", part, total,
               figures->limit_source);
    }
}

static void show_memory(bool is_json)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_memory *memory = NULL;
    weft_status status = weft_memory_open(&memory, &detail);
    char text[256];

    if (status == WEFT_OK) {
        status = weft_memory_look(memory, &figures, &detail);
    }
    weft_memory_close(&memory);
    weft_detail_text(&detail, text, sizeof(text));
    if (is_json) {
        tool_json json;

        tool_json_begin(&json, stdout);
        tool_json_text(&json, "kind", "memory");
        if (status == WEFT_OK) {
            memory_json_figures(&json, &figures);
        } else {
            tool_json_text(&json, "problem", text);
        }
        tool_json_end(&json);
    } else if (status == WEFT_OK) {
        print_memory(&figures);
    } else {
        printf("%-10s not known: %s\n", "memory", text);
    }
}

/* --------------------------------------------------------------- daemon --- */

/*
 * The text of a member of a JSON object of ours: what is not a plain text, or
 * has an escape that this does not know, is not found.
 */
static bool find_text(const char *object, const char *key, char *text,
                      size_t room)
{
    const char *at = strstr(object, key);
    size_t length = 0;

    if (at == NULL) {
        return false;
    }
    for (at += strlen(key); *at != '"'; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\')) {
            at++;
        }
        if (*at == '\0' || *at == '\\' || length + 1 >= room) {
            return false;
        }
        text[length++] = *at;
    }
    text[length] = '\0';
    return true;
}

/* What it says of itself, terminated. Else the reason why there is nothing. */
static weft_status ask_daemon(char *text, size_t room)
{
    static const char request[] = "status";
    uint64_t deadline_ns = weft_after_ns(DAEMON_NS);
    weft_client *client = NULL;
    weft_reply reply;
    weft_status status =
        weft_client_open(DAEMON_NAME, NULL, deadline_ns, &client, NULL);

    if (status != WEFT_OK) {
        return status;
    }
    status = weft_client_call(client, request, sizeof(request) - 1, &reply,
                              deadline_ns);
    if (status == WEFT_OK) {
        status = reply.status;
    }
    if (status == WEFT_OK && reply.bytes >= room) {
        status = WEFT_EMSGSIZE;
    }
    if (status == WEFT_OK) {
        memcpy(text, reply.data, reply.bytes);
        text[reply.bytes] = '\0';
    }
    weft_client_close(&client);
    return status;
}

static const char *say_daemon(weft_status status)
{
    switch (status) {
    case WEFT_ENOENT:
        return "not running";
    case WEFT_ETIMEDOUT:
    case WEFT_EAGAIN:
        return "does not answer";
    default:
        return weft_status_text(status);
    }
}

static void show_daemon(bool is_json)
{
    char text[8192];
    char state[64];
    char reason[512] = "";
    weft_status status = ask_daemon(text, sizeof(text));
    bool is_known = status == WEFT_OK &&
                    find_text(text, "\"state\":\"", state, sizeof(state));

    if (is_known) {
        (void)find_text(text, "\"reason\":\"", reason, sizeof(reason));
    } else {
        (void)snprintf(state, sizeof(state), "%s",
                       status == WEFT_OK ? "answers in another way"
                                         : say_daemon(status));
    }
    tool_clean(state);
    tool_clean(reason);
    if (is_json) {
        tool_json json;

        tool_json_begin(&json, stdout);
        tool_json_text(&json, "kind", "daemon");
        tool_json_bool(&json, "answers", is_known);
        tool_json_text(&json, is_known ? "state" : "problem", state);
        if (is_known && reason[0] != '\0') {
            tool_json_text(&json, "reason", reason);
        }
        tool_json_end(&json);
    } else {
        printf("%-10s %s%s%s\n", "daemon", state, reason[0] != '\0' ? ": " : "",
               reason);
    }
}

/* ---------------------------------------------------------------- names --- */

static bool show_names(bool is_json)
{
    names_list list;
    bool is_read = names_list_read(&list, NAMES_NS);

    if (is_read && is_json) {
        names_list_json(&list);
    } else if (is_read) {
        printf("%-10s %zu in use\n", "names", list.count);
        if (list.count > 0) {
            names_list_print(&list, NAMES_MOST, "  ");
        }
        if (list.count > NAMES_MOST) {
            printf("  and %zu more: weft ls\n", list.count - NAMES_MOST);
        }
    }
    names_list_free(&list);
    return is_read;
}

int cmd_status(int argc, char **argv)
{
    status_values values = {false};
    weft_system system = {.size = sizeof(system)};
    tool_operands operands;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    (void)weft_system_info(&system);
    if (values.json) {
        print_system_json(&system);
    } else {
        print_system(&system);
    }
    show_memory(values.json);
    show_daemon(values.json);
    return show_names(values.json) ? TOOL_OK : TOOL_FAILED;
}
