/* SPDX-License-Identifier: MIT
 *
 * A spec and its arguments as the bytes of a request. The texts are gone
 * through twice: once to count, once to write.
 */
#include <string.h>

#include "../base/checked.h"
#include "../ipc/handshake.h"
#include "../os/run.h"
#include "spec.h"

/* Where texts go; without memory they are counted only. */
struct writer {
    char *base;
    size_t room;
    size_t at;
    bool overflows;
};

static void put(struct writer *writer, const char *text)
{
    size_t bytes = strlen(text) + 1;
    size_t end;

    if (!wefti_add(writer->at, bytes, &end) ||
        (writer->base != NULL && end > writer->room)) {
        writer->overflows = true;
        return;
    }
    if (writer->base != NULL) {
        memcpy(writer->base + writer->at, text, bytes);
    }
    writer->at = end;
}

static const char *find_variable(char *const *environment, const char *name)
{
    for (; *environment != NULL; environment++) {
        if (wefti_same_variable(*environment, name)) {
            return *environment;
        }
    }
    return NULL;
}

/* A channel that this process has inherited itself is nobody else's. */
static bool is_overridden(const weft_process_spec *spec, const char *variable)
{
    if (wefti_same_variable(variable, WEFT_CHANNEL_ENV)) {
        return true;
    }
    for (size_t i = 0; i < spec->variable_count; i++) {
        if (wefti_same_variable(spec->variables[i], variable)) {
            return true;
        }
    }
    return false;
}

static uint32_t put_variables(const weft_process_spec *spec,
                              char *const *environment, struct writer *writer)
{
    uint32_t count = 0;
    const char *variable;

    for (size_t i = 0; !spec->is_clean && environment[i] != NULL; i++) {
        if (!is_overridden(spec, environment[i])) {
            put(writer, environment[i]);
            count++;
        }
    }
    for (size_t i = 0; i < spec->variable_count; i++) {
        variable = spec->variables[i];
        if (strchr(variable, '=') == NULL) {
            variable = find_variable(environment, variable);
        }
        if (variable != NULL) {
            put(writer, variable);
            count++;
        }
    }
    return count;
}

static void put_all(const weft_process_spec *spec, char *const *arguments,
                    char *const *environment, struct wefti_run_request *request,
                    struct writer *writer)
{
    struct wefti_run_path *rules = NULL;

    request->argument_count = 0;
    request->arguments = writer->at;
    while (arguments != NULL && arguments[request->argument_count] != NULL) {
        put(writer, arguments[request->argument_count++]);
    }
    request->variables = writer->at;
    request->variable_count = put_variables(spec, environment, writer);
    if (writer->base != NULL) {
        rules =
            (struct wefti_run_path *)(void *)(writer->base + request->paths);
    }
    request->path_count = (uint32_t)spec->path_count;
    for (size_t i = 0; i < spec->path_count; i++) {
        if (rules != NULL) {
            rules[i] = (struct wefti_run_path){
                (uint32_t)spec->paths[i].access,
                (uint32_t)spec->paths[i].demand,
                writer->at,
            };
        }
        put(writer, spec->paths[i].path);
    }
}

static void fill_in(const weft_process_spec *spec,
                    struct wefti_run_request *request)
{
    request->magic = WEFTI_RUN_MAGIC;
    request->stamp = WEFTI_RUN_STAMP;
    request->flags = (spec->has_user ? WEFTI_RUN_HAS_USER : 0u) |
                     (spec->has_cpus ? WEFTI_RUN_HAS_CPUS : 0u) |
                     (spec->accounts ? WEFTI_RUN_ACCOUNT : 0u) |
                     (spec->allows_system ? WEFTI_RUN_SYSTEM : 0u) |
                     (spec->directory != NULL ? WEFTI_RUN_OWN_DIRECTORY : 0u);
    request->uid = spec->uid;
    request->gid = spec->gid;
    request->grace_ns = spec->grace_ns;
    request->paths = sizeof(*request);
    memcpy(request->cpus, spec->cpus, sizeof(request->cpus));
    memcpy(request->fences, spec->fences, sizeof(request->fences));
}

static weft_status create(const weft_process_spec *spec, char *const *arguments,
                          char *const *environment, weft_handle *object,
                          const void **base, size_t *bytes, weft_detail *detail)
{
    struct wefti_run_request request = {0};
    struct writer writer = {.at = sizeof(request)};
    size_t rules = spec->path_count * sizeof(struct wefti_run_path);
    void *memory = NULL;
    weft_status status;

    fill_in(spec, &request);
    if (arguments == NULL) {
        request.flags |= WEFTI_RUN_PROBE;
    }
    writer.at += rules;
    put_all(spec, arguments, environment, &request, &writer);
    if (writer.overflows ||
        !wefti_align_up(writer.at, weftos_get_facts()->page_bytes, bytes)) {
        return wefti_fail(detail, WEFT_ENOMEM, "write the request");
    }
    status = weftos_shm_create(*bytes, object, &memory, detail);
    if (status != WEFT_OK) {
        return status;
    }
    request.bytes = *bytes;
    writer = (struct writer){memory, *bytes, sizeof(request) + rules, false};
    put_all(spec, arguments, environment, &request, &writer);
    memcpy(memory, &request, sizeof(request));
    if (writer.overflows) {
        weftos_shm_unmap(memory, *bytes);
        weftos_close(*object);
        return wefti_fail(detail, WEFT_EINVAL,
                          "copy the environment, which another thread changes");
    }
    *base = memory;
    return WEFT_OK;
}

weft_status wefti_request_create(const weft_process_spec *spec,
                                 char *const *arguments, weft_handle *object,
                                 const void **base, size_t *bytes,
                                 weft_detail *detail)
{
    char **environment = NULL;
    weft_status status = weftos_environment_open(&environment, detail);

    if (status == WEFT_OK) {
        status =
            create(spec, arguments, environment, object, base, bytes, detail);
        weftos_environment_close(environment);
    }
    return status;
}
