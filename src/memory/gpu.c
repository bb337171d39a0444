/* SPDX-License-Identifier: MIT
 *
 * The memory of graphics devices: NVIDIA's library and what the system itself
 * knows, as one list.
 */
#include <weft/gpu.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ipc/handshake.h"
#include "../os/gpu.h"

/* NVML and the system's own. */
#define SOURCES 2

struct weft_gpu {
    uint64_t token;    /* of the process that opened it */
    weftos_nvml *nvml; /* NULL: there is none for this system */
    weftos_gpus *gpus;
};

/* Tests have a library of their own, and a tree of files. */
#ifdef WEFT_TEST_HOOKS
#define OVERRIDE(name, otherwise)                                              \
    (getenv(name) != NULL ? getenv(name) : (otherwise))
#else
#define OVERRIDE(name, otherwise) (otherwise)
#endif

static weft_status find_sources(weft_gpu *gpu, weft_detail *detail)
{
    const char *library = OVERRIDE("WEFT_TEST_NVML", weftos_nvml_library);
    weft_status status = weftos_gpus_open(OVERRIDE("WEFT_TEST_GPU_ROOT", ""),
                                          &gpu->gpus, detail);

    if (status == WEFT_OK && library != NULL) {
        gpu->nvml = weftos_nvml_open(library);
        if (gpu->nvml == NULL) {
            status = wefti_fail(detail, WEFT_ENOMEM, "allocate memory");
        }
    }
    return status;
}

weft_status weft_gpu_open(weft_gpu **out, weft_detail *detail)
{
    weft_gpu *gpu;
    weft_status status;

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    gpu = calloc(1, sizeof(*gpu));
    if (gpu == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate memory");
    }
    status = weftos_process_mark(NULL, NULL, detail);
    if (status == WEFT_OK) {
        gpu->token = weftos_process_token();
        status = find_sources(gpu, detail);
    }
    if (status != WEFT_OK) {
        weft_gpu_close(&gpu);
        return status;
    }
    *out = gpu;
    return WEFT_OK;
}

void weft_gpu_close(weft_gpu **gpu)
{
    if (gpu == NULL || *gpu == NULL) {
        return;
    }
    weftos_nvml_close((*gpu)->nvml, (*gpu)->token == weftos_process_token());
    weftos_gpus_close((*gpu)->gpus);
    free(*gpu);
    *gpu = NULL;
}

/* The arguments that all the calls below have. */
static weft_status check(const weft_gpu *gpu, const void *items, size_t room,
                         const size_t *count, weft_detail *detail)
{
    if (gpu == NULL || count == NULL || (items == NULL && room > 0)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    return gpu->token == weftos_process_token()
               ? WEFT_OK
               : wefti_fail(detail, WEFT_EFORKED, "look at graphics devices");
}

static void give(const void *items, size_t found, size_t bytes, void *to,
                 size_t room)
{
    size_t given = found < room ? found : room;

    if (given > 0) {
        memcpy(to, items, given * bytes);
    }
}

weft_status weft_gpu_sources(weft_gpu *gpu, weft_gpu_source *sources,
                             size_t room, size_t *count, weft_detail *detail)
{
    weft_status status = check(gpu, sources, room, count, detail);
    weft_gpu_source all[SOURCES];

    if (status != WEFT_OK) {
        return status;
    }
    *count = 0;
    if (gpu->nvml != NULL) {
        weftos_nvml_source(gpu->nvml, &all[(*count)++]);
    }
    weftos_gpus_source(gpu->gpus, &all[(*count)++]);
    give(all, *count, sizeof(all[0]), sources, room);
    return WEFT_OK;
}

static weft_status list_all(weft_gpu *gpu, struct weftos_gpu_devices *devices,
                            weft_detail *detail)
{
    weft_status status = WEFT_OK;

    if (gpu->nvml != NULL) {
        status = weftos_nvml_list(gpu->nvml, devices, detail);
    }
    return status == WEFT_OK ? weftos_gpus_list(gpu->gpus, devices, detail)
                             : status;
}

weft_status weft_gpu_list(weft_gpu *gpu, weft_gpu_device *devices, size_t room,
                          size_t *count, weft_detail *detail)
{
    weft_status status = check(gpu, devices, room, count, detail);
    struct weftos_gpu_devices found = {NULL, 0, 0};

    if (status != WEFT_OK) {
        return status;
    }
    *count = 0;
    status = list_all(gpu, &found, detail);
    if (status == WEFT_OK) {
        *count = found.count;
        give(found.items, found.count, sizeof(*devices), devices, room);
    }
    free(found.items);
    return status;
}

weft_status weft_gpu_processes(weft_gpu *gpu, weft_gpu_process *processes,
                               size_t room, size_t *count, weft_detail *detail)
{
    weft_status status = check(gpu, processes, room, count, detail);
    struct weftos_gpu_devices devices = {NULL, 0, 0};
    struct weftos_gpu_users users = {NULL, 0, 0};

    if (status != WEFT_OK) {
        return status;
    }
    *count = 0;
    status = list_all(gpu, &devices, detail);
    if (status == WEFT_OK && gpu->nvml != NULL) {
        status = weftos_nvml_users(gpu->nvml, &users, detail);
    }
    if (status == WEFT_OK) {
        status = weftos_gpus_users(gpu->gpus, &devices, &users, detail);
    }
    if (status == WEFT_OK) {
        *count = users.count;
        give(users.items, users.count, sizeof(*processes), processes, room);
    }
    free(devices.items);
    free(users.items);
    return status;
}
