/* SPDX-License-Identifier: MIT
 *
 * weft doctor - what this system offers, what weft uses of it, and why not.
 *
 * Beside the library's own list it tells where names live, and tries whether
 * one can be listened at there, which is what fails most often in practice.
 */
#include <stdlib.h>
#include <string.h>

#include "sys.h"
#include "tool.h"

/* The name that is tried, for a moment. */
#define TRIAL_NAME "weft-doctor"

typedef struct doctor_values {
    bool json;
} doctor_values;

static const tool_option options[] = {
    {.name = "json",
     .kind = TOOL_FLAG,
     .offset = offsetof(doctor_values, json),
     .help = "print one JSON object a line"},
};

static const tool_syntax syntax = {
    .command = "doctor",
    .usage = "[options]",
    .about = "Tries what this system offers and tells what weft uses of it, "
             "and why not.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
};

/* Where names live, and whether they can. */
typedef struct names_report {
    char directory[512];
    const char *source;
    bool usable;
    char problem[256];
} names_report;

static void try_names(names_report *report)
{
    weft_listener *listener;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    memset(report, 0, sizeof(*report));
    report->source =
        sys_runtime_directory(report->directory, sizeof(report->directory));
    if (report->source == NULL) {
        report->source = "the path is too long";
        report->directory[0] = '\0';
    }
    status = weft_channel_listen(TRIAL_NAME, NULL, &listener, &detail);
    report->usable = status == WEFT_OK || status == WEFT_EINUSE;
    if (!report->usable) {
        weft_detail_text(&detail, report->problem, sizeof(report->problem));
    }
    weft_listener_close(&listener);
}

/* All features; the caller frees them. NULL after a failure that was told. */
static weft_feature *read_features(size_t *count)
{
    weft_feature *features = NULL;
    size_t room = 0;
    weft_status status = weft_system_features(NULL, 0, count);

    while (status == WEFT_OK && (features == NULL || *count > room)) {
        free(features);
        room = *count > 0 ? *count : 1;
        features = calloc(room, sizeof(*features));
        status = features == NULL ? WEFT_ENOMEM
                                  : weft_system_features(features, room, count);
    }
    if (status != WEFT_OK) {
        tool_error("cannot probe the system: %s", weft_status_text(status));
        free(features);
        return NULL;
    }
    return features;
}

static const char *state_word(weft_feature_state state)
{
    switch (state) {
    case WEFT_FEATURE_USED:
        return "used";
    case WEFT_FEATURE_AVAILABLE:
        return "available";
    default:
        return "absent";
    }
}

static bool knows(const weft_system *system, uint32_t what)
{
    return (system->valid & what) == what;
}

/* ----------------------------------------------------------------- text --- */

/* What limits this process to less than the machine has. */
static void print_limits(const weft_system *system)
{
    if (knows(system, WEFT_SYSTEM_MEMORY_LIMIT) &&
        system->memory_limit_bytes != WEFT_UNLIMITED) {
        printf("memory limit: %llu bytes (%s)\n",
               (unsigned long long)system->memory_limit_bytes,
               system->memory_limit_source);
    }
    if (knows(system, WEFT_SYSTEM_CPU_QUOTA) &&
        system->cpu_quota_milli != WEFT_UNLIMITED) {
        printf("CPU quota: %.3f CPUs (%s)\n",
               (double)system->cpu_quota_milli / 1000,
               system->cpu_quota_source);
    }
}

static void print_system(const weft_system *system)
{
    bool has_version = knows(system, WEFT_SYSTEM_VERSION);
    bool has_kernel = knows(system, WEFT_SYSTEM_KERNEL);

    printf("system: %s%s%s, built for %s\n", has_version ? system->version : "",
           has_version ? ", " : "", has_kernel ? system->kernel : "unknown",
           system->process);
    if (system->emulated) {
        printf("translated for %s%s%s\n", system->machine,
               system->emulator[0] != '\0' ? " by " : "", system->emulator);
    }
    if (knows(system, WEFT_SYSTEM_CONTAINER)) {
        printf("container: %s (%s)\n", weft_container_name(system->container),
               system->container_fact);
    }
    print_limits(system);
}

static int widest_name(const weft_feature *features, size_t count)
{
    size_t width = strlen("FEATURE");

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(features[i].name);

        width = length > width ? length : width;
    }
    return (int)width;
}

static void print_text(const names_report *names, const weft_system *system,
                       const weft_feature *features, size_t count)
{
    int width = widest_name(features, count);

    printf("weft %s\n", weft_version());
    print_system(system);
    printf("names live in %s (%s): %s\n\n", names->directory, names->source,
           names->usable ? "usable" : names->problem);
    printf("%-*s  %-9s  %s\n", width, "FEATURE", "STATE", "USE");
    for (size_t i = 0; i < count; i++) {
        const weft_feature *feature = &features[i];
        bool note = feature->note[0] != '\0';

        printf("%-*s  %-9s  %s%s%s%s\n", width, feature->name,
               state_word(feature->state), feature->use, note ? " (" : "",
               feature->note, note ? ")" : "");
    }
}

/* ----------------------------------------------------------------- JSON --- */

static void add_text(tool_json *json, const weft_system *system, uint32_t what,
                     const char *key, const char *value)
{
    if (knows(system, what)) {
        tool_json_text(json, key, value);
    }
}

/* What is not limited has no member. */
static void add_number(tool_json *json, const weft_system *system,
                       uint32_t what, const char *key, uint64_t value)
{
    if (knows(system, what) && value != WEFT_UNLIMITED) {
        tool_json_u64(json, key, value);
    }
}

static void print_system_json(const weft_system *system)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    add_text(&json, system, WEFT_SYSTEM_OS, "os", system->os);
    add_text(&json, system, WEFT_SYSTEM_VERSION, "os_version", system->version);
    add_text(&json, system, WEFT_SYSTEM_KERNEL, "kernel", system->kernel);
    add_text(&json, system, WEFT_SYSTEM_MACHINE, "machine", system->machine);
    tool_json_text(&json, "built_for", system->process);
    if (knows(system, WEFT_SYSTEM_EMULATED)) {
        tool_json_bool(&json, "emulated", system->emulated);
    }
    add_text(&json, system, WEFT_SYSTEM_CONTAINER, "container",
             weft_container_name(system->container));
    add_text(&json, system, WEFT_SYSTEM_CONTAINER, "container_fact",
             system->container_fact);
    add_number(&json, system, WEFT_SYSTEM_CPUS, "cpus", system->cpus);
    add_number(&json, system, WEFT_SYSTEM_CPUS_USABLE, "cpus_usable",
               system->cpus_usable);
    add_number(&json, system, WEFT_SYSTEM_CPU_QUOTA, "cpu_quota_milli",
               system->cpu_quota_milli);
    add_number(&json, system, WEFT_SYSTEM_PAGE, "page_bytes",
               system->page_bytes);
    add_number(&json, system, WEFT_SYSTEM_LINE, "line_bytes",
               system->line_bytes);
    add_number(&json, system, WEFT_SYSTEM_MEMORY, "memory_bytes",
               system->memory_bytes);
    add_number(&json, system, WEFT_SYSTEM_MEMORY_LIMIT, "memory_limit_bytes",
               system->memory_limit_bytes);
    tool_json_end(&json);
}

static void print_json(const names_report *names, const weft_system *system,
                       const weft_feature *features, size_t count)
{
    tool_json json;

    tool_json_begin(&json, stdout);
    tool_json_text(&json, "version", weft_version());
    tool_json_text(&json, "names_directory", names->directory);
    tool_json_text(&json, "names_source", names->source);
    tool_json_bool(&json, "names_usable", names->usable);
    if (!names->usable) {
        tool_json_text(&json, "names_problem", names->problem);
    }
    tool_json_end(&json);
    print_system_json(system);
    for (size_t i = 0; i < count; i++) {
        tool_json_begin(&json, stdout);
        tool_json_text(&json, "feature", features[i].name);
        tool_json_text(&json, "state", state_word(features[i].state));
        tool_json_text(&json, "use", features[i].use);
        tool_json_text(&json, "note", features[i].note);
        tool_json_end(&json);
    }
}

int cmd_doctor(int argc, char **argv)
{
    doctor_values values = {false};
    tool_operands operands;
    names_report names;
    weft_system system = {.size = sizeof(system)};
    weft_feature *features;
    size_t count = 0;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    features = read_features(&count);
    if (features == NULL) {
        return TOOL_FAILED;
    }
    try_names(&names);
    (void)weft_system_info(&system); /* it refuses wrong arguments alone */
    if (values.json) {
        print_json(&names, &system, features, count);
    } else {
        print_text(&names, &system, features, count);
    }
    free(features);
    return names.usable ? TOOL_OK : TOOL_FAILED;
}
