/* SPDX-License-Identifier: MIT
 *
 * spec.h - what a spec remembers.
 */
#ifndef WEFTI_SPEC_H
#define WEFTI_SPEC_H

#include "../os/os.h"
#include "wire.h"

struct wefti_spec_path {
    char *path;
    weft_access access;
    weft_demand demand;
};

struct wefti_spec_stream {
    weft_stream stream;
    weft_handle handle;
};

struct weft_process_spec {
    uint64_t token; /* of the process that made it */
    struct wefti_run_fence fences[WEFT_FENCE_COUNT];
    uint64_t grace_ns;
    struct wefti_spec_path *paths;
    size_t path_count;
    bool is_clean;    /* of the host's environment */
    char **variables; /* NAME=value, or NAME: the host's value at the start */
    size_t variable_count;
    char *directory; /* NULL: the host's */
    struct wefti_spec_stream streams[3];
    bool has_user;
    uint32_t uid;
    uint32_t gid;
    bool has_cpus;
    uint64_t cpus[WEFTI_RUN_CPU_WORDS];
    bool allows_system; /* its programs and libraries are to be read */
    bool accounts;
    bool has_channel;
    weft_channel_options channel;
    char *helper_path; /* NULL: where it is found */
    bool forks_helper;
    weft_handle helper; /* the socket; WEFTOS_NONE: not started yet */
    char refusal[WEFTI_RUN_REASON_BYTES];
};

/* "NAME=value" and "NAME" are alike in their names. */
bool wefti_same_variable(const char *one, const char *other);

/*
 * The request for these arguments, which may be NULL: a probe. To be ended
 * with weftos_shm_unmap and weftos_close.
 */
weft_status wefti_request_create(const weft_process_spec *spec,
                                 char *const *arguments, weft_handle *object,
                                 const void **base, size_t *bytes,
                                 weft_detail *detail);

#endif
