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

/* ----------------------------------------------------------------- text --- */

static int widest_name(const weft_feature *features, size_t count)
{
    size_t width = strlen("FEATURE");

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(features[i].name);

        width = length > width ? length : width;
    }
    return (int)width;
}

static void print_text(const names_report *names, const weft_feature *features,
                       size_t count)
{
    int width = widest_name(features, count);

    printf("weft %s\n", weft_version());
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

static void print_json(const names_report *names, const weft_feature *features,
                       size_t count)
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
    if (values.json) {
        print_json(&names, features, count);
    } else {
        print_text(&names, features, count);
    }
    free(features);
    return names.usable ? TOOL_OK : TOOL_FAILED;
}
