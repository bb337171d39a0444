/* SPDX-License-Identifier: MIT
 *
 * The spec that the options of weft run make.
 */
#include <stdlib.h>
#include <string.h>

#include "run_options.h"
#include "sys.h"

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

bool run_make_spec(const run_values *values, weft_process_spec **spec)
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
    if (status == WEFT_OK && sys_can_fork) {
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
        (values->verbose || values->json != NULL || values->meta != NULL ||
         values->alerts.count > 0 || values->record != RUN_RECORD_NONE)) {
        status = weft_process_spec_account(*spec);
    }
    if (status == WEFT_OK && values->channel) {
        status = weft_process_spec_channel(*spec, NULL);
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
