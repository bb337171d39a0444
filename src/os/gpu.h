/* SPDX-License-Identifier: MIT
 *
 * gpu.h - what <weft/gpu.h> needs of the operating system besides os.h: the
 * system's own knowledge of graphics devices, and libraries that are loaded at
 * run time.
 *
 * The rules of os.h hold here too.
 */
#ifndef WEFTOS_GPU_H
#define WEFTOS_GPU_H

#include <weft/gpu.h>

#include "system.h"

/* ---------------------------------------------------------------- lists --- */

/* What is found, in growing lists; zero at first, the caller frees `items`. */
struct weftos_gpu_devices {
    weft_gpu_device *items;
    size_t count;
    size_t room;
};

struct weftos_gpu_users {
    weft_gpu_process *items;
    size_t count;
    size_t room;
};

/*
 * Makes `*items` one longer, by an item of zeros, which is returned. NULL:
 * there is no memory, and the list is as before.
 */
void *weftos_gpu_grow(void **items, size_t *count, size_t *room, size_t bytes);

/* The item of a process and a device, made if there is none yet. */
weft_gpu_process *weftos_gpu_user(struct weftos_gpu_users *users, int64_t pid,
                                  const char *device);

/* The members of one figure of a device. */
#define WEFTOS_GPU_SET(device, bit, member, amount)                            \
    ((device)->member = (amount), (device)->valid |= (bit))

/* ------------------------------------------------------------ libraries --- */

/* A function of a library. The caller knows its type. */
typedef void weftos_gpu_function(void);

/*
 * Loads a library of the system's by its name, or by its path. NULL: it can't
 * be; `why` says so.
 */
void *weftos_library_open(const char *name, char *why, size_t room);
weftos_gpu_function *weftos_library_find(void *library, const char *name);
void weftos_library_close(void *library);

/* ----------------------------------------------------------------- NVML --- */

/* NVIDIA's library, which is there or not; then it only has a reason. */
typedef struct weftos_nvml weftos_nvml;

/* What it is called here; NULL: there is none for this system. */
extern const char *const weftos_nvml_library;

/* NULL: there is no memory. */
weftos_nvml *weftos_nvml_open(const char *name);

/*
 * NULL is allowed. A forked child is not `connected`: what it has of the
 * library's it can't end.
 */
void weftos_nvml_close(weftos_nvml *nvml, bool connected);

/* Fills in all of it. */
void weftos_nvml_source(const weftos_nvml *nvml, weft_gpu_source *source);

/* Adds to the lists. WEFT_ENOMEM. */
weft_status weftos_nvml_list(weftos_nvml *nvml,
                             struct weftos_gpu_devices *devices,
                             weft_detail *detail);
weft_status weftos_nvml_users(weftos_nvml *nvml, struct weftos_gpu_users *users,
                              weft_detail *detail);

/* --------------------------------------------------- the system's source ---
 */

typedef struct weftos_gpus weftos_gpus;

/*
 * `root` goes before the path of each file that is read: "", but in tests.
 * WEFT_ENOMEM; WEFT_ENOTSUP: not on this system.
 */
weft_status weftos_gpus_open(const char *root, weftos_gpus **gpus,
                             weft_detail *detail);

/* NULL is allowed. */
void weftos_gpus_close(weftos_gpus *gpus);

/* Fills in all of it. */
void weftos_gpus_source(const weftos_gpus *gpus, weft_gpu_source *source);

/*
 * Adds the devices that are not in the list yet, where NVML's are. WEFT_ENOMEM,
 * WEFT_ELIMIT, WEFT_EOS.
 */
weft_status weftos_gpus_list(weftos_gpus *gpus,
                             struct weftos_gpu_devices *devices,
                             weft_detail *detail);

/* Adds the processes, of devices that are all in the list. As above. */
weft_status weftos_gpus_users(weftos_gpus *gpus,
                              const struct weftos_gpu_devices *devices,
                              struct weftos_gpu_users *users,
                              weft_detail *detail);

#endif
