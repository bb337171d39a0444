/* SPDX-License-Identifier: MIT
 *
 * weft/gpu.h - the memory of graphics processors, and who uses it.
 *
 * The drivers are asked, through what they have put on this machine: NVIDIA's
 * library (NVML), the kernel's graphics drivers (DRM), Metal, DXGI. Each is
 * looked for at run time, and none is needed. What is not known is absent from
 * a `valid` mask, and never 0.
 *
 * Threads: one thread at a time may use a weft_gpu; different ones are
 * independent. Fork: in a forked child every call returns WEFT_EFORKED, but for
 * weft_gpu_close, which frees the child's copy. Signals: nothing here is safe
 * in a signal handler.
 */
#ifndef WEFT_GPU_H
#define WEFT_GPU_H

#include <stdbool.h>

#include <weft/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_gpu weft_gpu;

/*
 * Finds the drivers that can be asked, and keeps them ready: some 10 ms with
 * NVIDIA's library, which keeps handles open for itself. Success does not mean
 * that there is a device. The caller ends it with weft_gpu_close.
 *
 * WEFT_OK; WEFT_EINVAL; WEFT_ENOMEM; WEFT_ELIMIT; WEFT_ENOTSUP: not on this
 * system; WEFT_EOS. Since 0.1.
 */
WEFT_API weft_status weft_gpu_open(weft_gpu **out, weft_detail *detail);

/* Sets `*gpu` to NULL. NULL and pointers to NULL are allowed. Since 0.1. */
WEFT_API void weft_gpu_close(weft_gpu **gpu);

/* -------------------------------------------------------------- sources --- */

/* One of the ways to ask. */
typedef struct weft_gpu_source {
    char name[16]; /* "nvml", "drm", "metal" or "dxgi" */
    bool is_there;
    char reason[128]; /* why it is not there; "" if it is */
} weft_gpu_source;

/*
 * The sources that this system can have, there or not: `*count` of them, of
 * which the first `room` are written. Never more than 4.
 *
 * WEFT_OK; WEFT_EINVAL; WEFT_EFORKED. Since 0.1.
 */
WEFT_API weft_status weft_gpu_sources(weft_gpu *gpu, weft_gpu_source *sources,
                                      size_t room, size_t *count,
                                      weft_detail *detail);

/* -------------------------------------------------------------- devices --- */

/* Which members of a weft_gpu_device are known. */
#define WEFT_GPU_TOTAL 1u
#define WEFT_GPU_USED 2u
#define WEFT_GPU_RESERVED 4u
#define WEFT_GPU_SYSTEM_TOTAL 8u
#define WEFT_GPU_SYSTEM_USED 16u
#define WEFT_GPU_BUDGET 32u
#define WEFT_GPU_UNIFIED 64u

/* A device. All strings are terminated, and "" where they are not known. */
typedef struct weft_gpu_device {
    uint32_t valid;   /* WEFT_GPU_... */
    char id[96];      /* names it here: its UUID or its place */
    char place[32];   /* on the PCI bus, such as "0000:01:00.0" */
    char name[96];    /* anything may be in it */
    char source[16];  /* who has told this: see weft_gpu_source */
    char problem[96]; /* why figures of its own memory are not known */
    /*
     * It has no memory of its own, but uses the system's. What it uses then is
     * in the system's figures too: it is never to be added to them.
     */
    bool is_unified;
    uint64_t total_bytes; /* its own memory */
    /*
     * Of it, what is in use; without what is reserved, if that is known, and
     * with it otherwise.
     */
    uint64_t used_bytes;
    uint64_t reserved_bytes; /* by the driver and the firmware */
    /* Memory of the system's that it may use, and what it uses of that. */
    uint64_t system_total_bytes;
    uint64_t system_used_bytes;
    uint64_t budget_bytes; /* what one process should use at most (Metal) */
} weft_gpu_device;

/*
 * Lists all devices: `*count` of them, of which the first `room` are written.
 * A device that two sources know is listed once. `devices` may be NULL if
 * `room` is 0.
 *
 * A device that does not answer is listed with its `problem`.
 *
 * WEFT_OK; WEFT_EINVAL; WEFT_EFORKED; WEFT_ENOMEM; WEFT_ELIMIT; WEFT_EOS.
 * Since 0.1.
 */
WEFT_API weft_status weft_gpu_list(weft_gpu *gpu, weft_gpu_device *devices,
                                   size_t room, size_t *count,
                                   weft_detail *detail);

/* ------------------------------------------------------------ processes --- */

/* Which members of a weft_gpu_process are known. */
#define WEFT_GPU_PROCESS_USED 1u
#define WEFT_GPU_PROCESS_SYSTEM 2u

/* What a process uses of a device. */
typedef struct weft_gpu_process {
    uint32_t valid; /* WEFT_GPU_PROCESS_... */
    /*
     * As the driver counts processes: NVIDIA's does not know the numbers of a
     * container, and tells those outside of it.
     */
    int64_t pid;
    char device[96];       /* the id of the weft_gpu_device */
    uint64_t used_bytes;   /* of the device's own memory */
    uint64_t system_bytes; /* of the system's memory, for the device */
} weft_gpu_process;

/*
 * Lists the processes that use a device: `*count` of them, of which the first
 * `room` are written. With DRM those are seen that this user may look at, and
 * what several of them hold together counts in the first of them only.
 * `processes` may be NULL if `room` is 0.
 *
 * WEFT_OK; WEFT_EINVAL; WEFT_EFORKED; WEFT_ENOMEM; WEFT_ELIMIT; WEFT_EOS.
 * Since 0.1.
 */
WEFT_API weft_status weft_gpu_processes(weft_gpu *gpu,
                                        weft_gpu_process *processes,
                                        size_t room, size_t *count,
                                        weft_detail *detail);

#ifdef __cplusplus
}
#endif

#endif
