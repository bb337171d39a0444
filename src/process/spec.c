/* SPDX-License-Identifier: MIT
 *
 * What a spec is told.
 */
#include <stdlib.h>
#include <string.h>

#include "../os/run.h"
#include "spec.h"

/* ---------------------------------------------------------------- names --- */

static const char *const fence_names[] = {
#define FENCE_NAME(symbol, value, name, unit) [value] = (name),
    WEFT_FENCE_LIST(FENCE_NAME)
#undef FENCE_NAME
};

static const char *const fence_units[] = {
#define FENCE_UNIT(symbol, value, name, unit) [value] = (unit),
    WEFT_FENCE_LIST(FENCE_UNIT)
#undef FENCE_UNIT
};

static const char *const reason_names[] = {
#define REASON_NAME(symbol, value, name) [value] = (name),
    WEFT_REASON_LIST(REASON_NAME)
#undef REASON_NAME
};

static const char *const level_names[] = {
    [WEFT_LEVEL_UNSUPPORTED] = "unsupported",
    [WEFT_LEVEL_MONITORED] = "monitored",
    [WEFT_LEVEL_PROCESS] = "kernel_process",
    [WEFT_LEVEL_TREE] = "kernel_tree",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *name_of(const char *const *names, size_t count, int value)
{
    return value >= 0 && (size_t)value < count ? names[value] : "unknown";
}

const char *weft_fence_name(weft_fence fence)
{
    return name_of(fence_names, COUNT_OF(fence_names), (int)fence);
}

const char *weft_fence_unit(weft_fence fence)
{
    return name_of(fence_units, COUNT_OF(fence_units), (int)fence);
}

const char *weft_level_name(weft_level level)
{
    return name_of(level_names, COUNT_OF(level_names), (int)level);
}

const char *weft_reason_name(weft_reason reason)
{
    return name_of(reason_names, COUNT_OF(reason_names), (int)reason);
}

/* ----------------------------------------------------------------- spec --- */

weft_status weft_process_spec_open(weft_process_spec **out)
{
    weft_process_spec *spec;
    weft_status status;

    if (out == NULL) {
        return WEFT_EINVAL;
    }
    *out = NULL;
    status = weftos_process_mark(NULL, NULL, NULL);
    if (status != WEFT_OK) {
        return status;
    }
    spec = calloc(1, sizeof(*spec));
    if (spec == NULL) {
        return WEFT_ENOMEM;
    }
    spec->token = weftos_process_token();
    spec->helper = WEFTOS_NONE;
    spec->fences[WEFT_FENCE_TREE_KILL].is_asked = 1;
    spec->fences[WEFT_FENCE_TREE_KILL].demand = WEFT_TRY;
    *out = spec;
    return WEFT_OK;
}

void weft_process_spec_close(weft_process_spec **spec_)
{
    weft_process_spec *spec;

    if (spec_ == NULL || *spec_ == NULL) {
        return;
    }
    spec = *spec_;
    for (size_t i = 0; i < spec->path_count; i++) {
        free(spec->paths[i].path);
    }
    for (size_t i = 0; i < spec->variable_count; i++) {
        free(spec->variables[i]);
    }
    weftos_close(spec->helper);
    free(spec->paths);
    free(spec->variables);
    free(spec->directory);
    free(spec->helper_path);
    free(spec);
    *spec_ = NULL;
}

/* What every setter looks at first. */
static weft_status check_spec(const weft_process_spec *spec)
{
    if (spec == NULL) {
        return WEFT_EINVAL;
    }
    return spec->token == weftos_process_token() ? WEFT_OK : WEFT_EFORKED;
}

static char *copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);

    return copy != NULL ? memcpy(copy, text, bytes) : NULL;
}

/* Replaces `*text` by a copy of `value`. */
static weft_status set_text(const weft_process_spec *spec, char **text,
                            const char *value)
{
    weft_status status = check_spec(spec);
    char *copy;

    if (status != WEFT_OK) {
        return status;
    }
    if (value == NULL || value[0] == '\0') {
        return WEFT_EINVAL;
    }
    copy = copy_text(value);
    if (copy == NULL) {
        return WEFT_ENOMEM;
    }
    free(*text);
    *text = copy;
    return WEFT_OK;
}

/* --------------------------------------------------------------- fences --- */

static bool has_soft_value(weft_fence fence)
{
    return fence == WEFT_FENCE_CPU || fence == WEFT_FENCE_WALL ||
           fence == WEFT_FENCE_OUTPUT || fence == WEFT_FENCE_IDLE;
}

static bool is_demand(weft_demand demand)
{
    return demand == WEFT_REQUIRE || demand == WEFT_TRY;
}

weft_status weft_process_spec_limit(weft_process_spec *spec, weft_fence fence,
                                    uint64_t soft, uint64_t hard,
                                    weft_demand demand)
{
    weft_status status = check_spec(spec);

    if (status != WEFT_OK) {
        return status;
    }
    if ((unsigned)fence >= WEFT_FENCE_LIMITS || !is_demand(demand) ||
        (hard == 0 && fence != WEFT_FENCE_CORE) ||
        (soft != 0 && (!has_soft_value(fence) || soft >= hard))) {
        return WEFT_EINVAL;
    }
    spec->fences[fence] = (struct wefti_run_fence){soft, hard, 1, demand};
    return WEFT_OK;
}

weft_status weft_process_spec_grace(weft_process_spec *spec, uint64_t grace_ns)
{
    weft_status status = check_spec(spec);

    if (status == WEFT_OK) {
        spec->grace_ns = grace_ns;
    }
    return status;
}

static bool is_isolation(weft_fence fence)
{
    return fence == WEFT_FENCE_TREE_KILL || fence == WEFT_FENCE_PRIVILEGES ||
           fence == WEFT_FENCE_NETWORK || fence == WEFT_FENCE_PIDS ||
           fence == WEFT_FENCE_IPC || fence == WEFT_FENCE_CALLS ||
           fence == WEFT_FENCE_TEMP;
}

static void ask(weft_process_spec *spec, weft_fence fence, weft_demand demand)
{
    spec->fences[fence].is_asked = 1;
    spec->fences[fence].demand = demand;
}

weft_status weft_process_spec_isolate(weft_process_spec *spec, weft_fence fence,
                                      weft_demand demand)
{
    weft_status status = check_spec(spec);

    if (status != WEFT_OK) {
        return status;
    }
    if (!is_isolation(fence) || !is_demand(demand)) {
        return WEFT_EINVAL;
    }
    ask(spec, fence, demand);
    return WEFT_OK;
}

weft_status weft_process_spec_path(weft_process_spec *spec, const char *path,
                                   weft_access access, weft_demand demand)
{
    weft_status status = check_spec(spec);
    struct wefti_spec_path *grown;
    char *copy;

    if (status != WEFT_OK) {
        return status;
    }
    if (path == NULL || path[0] != '/' || !is_demand(demand) ||
        access < WEFT_ACCESS_READ || access > WEFT_ACCESS_TEMP) {
        return WEFT_EINVAL;
    }
    for (size_t i = 0; i < spec->path_count; i++) {
        if (strcmp(spec->paths[i].path, path) == 0) {
            return spec->paths[i].access == access &&
                           spec->paths[i].demand == demand
                       ? WEFT_OK
                       : WEFT_EINVAL;
        }
    }
    grown = realloc(spec->paths, (spec->path_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return WEFT_ENOMEM;
    }
    spec->paths = grown;
    copy = copy_text(path);
    if (copy == NULL) {
        return WEFT_ENOMEM;
    }
    grown[spec->path_count++] = (struct wefti_spec_path){copy, access, demand};
    if (!spec->fences[WEFT_FENCE_PATHS].is_asked || demand == WEFT_REQUIRE) {
        ask(spec, WEFT_FENCE_PATHS, demand);
    }
    return WEFT_OK;
}

weft_status weft_process_spec_sandbox(weft_process_spec *spec,
                                      weft_sandbox sandbox)
{
    static const weft_fence basic[] = {WEFT_FENCE_PRIVILEGES, WEFT_FENCE_TEMP,
                                       WEFT_FENCE_IPC, WEFT_FENCE_PIDS};
    static const weft_fence strict[] = {WEFT_FENCE_NETWORK, WEFT_FENCE_CALLS,
                                        WEFT_FENCE_PATHS, WEFT_FENCE_TREE_KILL};
    bool is_strict = sandbox == WEFT_SANDBOX_STRICT;
    weft_status status = check_spec(spec);

    if (status != WEFT_OK) {
        return status;
    }
    if (sandbox < WEFT_SANDBOX_NONE || sandbox > WEFT_SANDBOX_STRICT) {
        return WEFT_EINVAL;
    }
    if (sandbox == WEFT_SANDBOX_NONE) {
        return WEFT_OK;
    }
    for (size_t i = 0; i < COUNT_OF(basic); i++) {
        ask(spec, basic[i], is_strict ? WEFT_REQUIRE : WEFT_TRY);
    }
    for (size_t i = 0; i < COUNT_OF(strict) && is_strict; i++) {
        ask(spec, strict[i], WEFT_REQUIRE);
    }
    spec->allows_system = is_strict;
    return weft_process_spec_clean_environment(spec);
}

/* ---------------------------------------------------------- environment --- */

/* The length of the name in "NAME=value" or "NAME". */
static size_t name_bytes(const char *variable)
{
    return strcspn(variable, "=");
}

bool wefti_same_variable(const char *one, const char *other)
{
    size_t bytes = name_bytes(one);

    return bytes == name_bytes(other) && weftos_variable_is(one, other, bytes);
}

/* Takes `variable`, after success and after failure. */
static weft_status keep_variable(weft_process_spec *spec, char *variable)
{
    char **grown;

    if (variable == NULL) {
        return WEFT_ENOMEM;
    }
    for (size_t i = 0; i < spec->variable_count; i++) {
        if (wefti_same_variable(spec->variables[i], variable)) {
            free(spec->variables[i]);
            spec->variables[i] = variable;
            return WEFT_OK;
        }
    }
    grown =
        realloc(spec->variables, (spec->variable_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        free(variable);
        return WEFT_ENOMEM;
    }
    spec->variables = grown;
    grown[spec->variable_count++] = variable;
    return WEFT_OK;
}

weft_status weft_process_spec_variable(weft_process_spec *spec,
                                       const char *name, const char *value)
{
    weft_status status = check_spec(spec);
    size_t length;
    size_t bytes;
    char *variable;

    if (status != WEFT_OK) {
        return status;
    }
    if (name == NULL || name[0] == '\0' || strchr(name, '=') != NULL) {
        return WEFT_EINVAL;
    }
    if (value == NULL) {
        return keep_variable(spec, copy_text(name));
    }
    length = strlen(name);
    bytes = strlen(value) + 1;
    variable = malloc(length + 1 + bytes);
    if (variable != NULL) {
        memcpy(variable, name, length);
        variable[length] = '=';
        memcpy(variable + length + 1, value, bytes);
    }
    return keep_variable(spec, variable);
}

weft_status weft_process_spec_clean_environment(weft_process_spec *spec)
{
    static const char *const kept[] = {"PATH",   "HOME", "LANG",
                                       "LC_ALL", "TERM", "TZ"};
    weft_status status = check_spec(spec);

    for (size_t i = 0; i < COUNT_OF(kept) && status == WEFT_OK; i++) {
        bool is_set = false;

        for (size_t j = 0; j < spec->variable_count; j++) {
            is_set = is_set || wefti_same_variable(spec->variables[j], kept[i]);
        }
        if (!is_set) {
            status = weft_process_spec_variable(spec, kept[i], NULL);
        }
    }
    if (status == WEFT_OK) {
        spec->is_clean = true;
    }
    return status;
}

/* ------------------------------------------------------------- the rest --- */

weft_status weft_process_spec_directory(weft_process_spec *spec,
                                        const char *path)
{
    return set_text(spec, spec != NULL ? &spec->directory : NULL, path);
}

weft_status weft_process_spec_helper(weft_process_spec *spec, const char *path)
{
    return set_text(spec, spec != NULL ? &spec->helper_path : NULL, path);
}

weft_status weft_process_spec_fork_helper(weft_process_spec *spec)
{
    weft_status status = check_spec(spec);

    if (status == WEFT_OK) {
        spec->forks_helper = true;
    }
    return status;
}

weft_status weft_process_spec_account(weft_process_spec *spec)
{
    weft_status status = check_spec(spec);

    if (status == WEFT_OK) {
        spec->accounts = true;
    }
    return status;
}

weft_status weft_process_spec_stream(weft_process_spec *spec, unsigned number,
                                     weft_stream stream, weft_handle handle)
{
    weft_status status = check_spec(spec);

    if (status != WEFT_OK) {
        return status;
    }
    if (number > 2 || stream < WEFT_STREAM_INHERIT ||
        stream > WEFT_STREAM_HANDLE ||
        (stream == WEFT_STREAM_HANDLE) == (handle == WEFTOS_NONE)) {
        return WEFT_EINVAL;
    }
    spec->streams[number] = (struct wefti_spec_stream){stream, handle};
    return WEFT_OK;
}

weft_status weft_process_spec_user(weft_process_spec *spec, uint32_t uid,
                                   uint32_t gid)
{
    weft_status status = check_spec(spec);

    if (status != WEFT_OK) {
        return status;
    }
    if (uid == UINT32_MAX || gid == UINT32_MAX) {
        return WEFT_EINVAL; /* they would mean "no change" */
    }
    spec->has_user = true;
    spec->uid = uid;
    spec->gid = gid;
    return WEFT_OK;
}

weft_status weft_process_spec_cpus(weft_process_spec *spec,
                                   const uint64_t *words, size_t word_count)
{
    weft_status status = check_spec(spec);
    uint64_t any = 0;

    if (status != WEFT_OK) {
        return status;
    }
    if (words == NULL || word_count > WEFTI_RUN_CPU_WORDS) {
        return WEFT_EINVAL;
    }
    for (size_t i = 0; i < word_count; i++) {
        any |= words[i];
    }
    if (any == 0) {
        return WEFT_EINVAL;
    }
    memset(spec->cpus, 0, sizeof(spec->cpus));
    memcpy(spec->cpus, words, word_count * sizeof(words[0]));
    spec->has_cpus = true;
    return WEFT_OK;
}

weft_status weft_process_spec_channel(weft_process_spec *spec,
                                      const weft_channel_options *options)
{
    static const weft_channel_options usual = WEFT_CHANNEL_OPTIONS_INIT;
    weft_status status = check_spec(spec);
    size_t known = sizeof(spec->channel);

    if (status != WEFT_OK) {
        return status;
    }
    if (options != NULL && options->size > known) {
        return WEFT_EINVAL;
    }
    spec->channel = usual;
    if (options != NULL) {
        memcpy(&spec->channel, options, options->size);
    }
    spec->has_channel = true;
    return WEFT_OK;
}

const char *weft_process_spec_refusal(const weft_process_spec *spec)
{
    return spec != NULL ? spec->refusal : "";
}
