/* SPDX-License-Identifier: MIT
 *
 * A library that answers as NVIDIA's does, or as one that is broken: the word
 * in $WEFT_FAKE_NVML says how. Built as an OLD one it lacks the newer calls,
 * and as a BARE one those that all must have.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUCCESS 0
#define NOT_SUPPORTED 3
#define NO_PERMISSION 4
#define INSUFFICIENT_SIZE 7
#define DRIVER_NOT_LOADED 9
#define GPU_IS_LOST 15
#define UNKNOWN 999
#define GIB ((uint64_t)1 << 30)

/* What NVIDIA's header has under these names. */
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct nvmlMemory_st {
    unsigned long long total;
    unsigned long long free;
    unsigned long long used;
} nvmlMemory_t;
typedef struct nvmlMemory_v2_st {
    unsigned int version;
    unsigned long long total;
    unsigned long long reserved;
    unsigned long long free;
    unsigned long long used;
} nvmlMemory_v2_t;
typedef struct nvmlProcessInfo_v1_st {
    unsigned int pid;
    unsigned long long usedGpuMemory;
} nvmlProcessInfo_v1_t;
typedef struct nvmlProcessInfo_st {
    unsigned int pid;
    unsigned long long usedGpuMemory;
    unsigned int gpuInstanceId;
    unsigned int computeInstanceId;
} nvmlProcessInfo_t;
typedef struct nvmlPciInfo_st {
    char busIdLegacy[16];
    unsigned int numbers[5];
    char busId[32];
} nvmlPciInfo_t;

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned int *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device);
int nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length);
int nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length);
int nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci);
int nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory);
int nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory);
int nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device,
                                            unsigned int *count,
                                            nvmlProcessInfo_t *infos);
int nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device,
                                             unsigned int *count,
                                             nvmlProcessInfo_t *infos);
int nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device,
                                         unsigned int *count,
                                         nvmlProcessInfo_v1_t *infos);

static int is(const char *word)
{
    const char *said = getenv("WEFT_FAKE_NVML");

    return said != NULL && strcmp(said, word) == 0;
}

/* Which device it is; the first one is at 1, since NULL is none. */
static unsigned index_of(nvmlDevice_t device)
{
    return (unsigned)((uintptr_t)device - 1);
}

int nvmlInit_v2(void)
{
    return is("unloaded") ? DRIVER_NOT_LOADED : is("strange") ? 4711 : SUCCESS;
}

#ifndef BARE
int nvmlShutdown(void)
{
    return SUCCESS;
}
#endif

int nvmlDeviceGetCount_v2(unsigned int *count)
{
    *count = is("many") ? 4000000000u : 2;
    return is("uncounted") ? UNKNOWN : SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device)
{
    if (is("lost") && index == 1) {
        return GPU_IS_LOST;
    }
    *device = (nvmlDevice_t)((uintptr_t)index + 1);
    return SUCCESS;
}

int nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length)
{
    if (is("endless")) {
        memset(name, 'x', length);
    } else {
        (void)snprintf(name, length, "Test GPU %u", index_of(device));
    }
    return SUCCESS;
}

#ifndef OLD
int nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length)
{
    if (is("endless")) {
        memset(uuid, 'x', length);
    } else {
        (void)snprintf(uuid, length, "GPU-%u", index_of(device));
    }
    return is("nameless") ? UNKNOWN : SUCCESS;
}

int nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    if (is("endless")) {
        memset(pci, 'x', sizeof(*pci));
    } else {
        (void)snprintf(pci->busId, sizeof(pci->busId), "00000000:%02X:00.0",
                       index_of(device) + 10);
    }
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
    (void)device;
    if (memory->version != (40 | 2u << 24)) {
        return UNKNOWN;
    }
    if (is("unified")) {
        return NOT_SUPPORTED;
    }
    if (is("secret")) {
        return NO_PERMISSION;
    }
    if (is("refused")) {
        return UNKNOWN;
    }
    memory->total = 80 * GIB;
    memory->reserved = 1 * GIB;
    memory->free = is("false") ? 90 * GIB : 59 * GIB;
    memory->used = 4711; /* whatever it is, it is not asked for */
    return SUCCESS;
}

static int tell(unsigned int *count, nvmlProcessInfo_t *infos,
                const nvmlProcessInfo_t *all, unsigned int found)
{
    if (is("crowd")) {
        unsigned int room = *count;

        *count = 300;
        for (unsigned int i = 0; i < 300 && room >= 300; i++) {
            infos[i] = (nvmlProcessInfo_t){i + 1, GIB, 0, 0};
        }
        return room >= 300 ? SUCCESS : INSUFFICIENT_SIZE;
    }
    if (is("liar")) { /* success, and more than there is room for */
        *count = 4000000000u;
        return SUCCESS;
    }
    if (is("greedy")) {
        *count = 4000000000u;
        return INSUFFICIENT_SIZE;
    }
    if (is("never")) {
        return INSUFFICIENT_SIZE;
    }
    memcpy(infos, all, found * sizeof(*all));
    *count = found;
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device,
                                            unsigned int *count,
                                            nvmlProcessInfo_t *infos)
{
    static const nvmlProcessInfo_t all[] = {{100, 5 * GIB, 0, 0},
                                            {200, UINT64_MAX, 0, 0}};

    return tell(count, infos, all, index_of(device) == 0 ? 2 : 0);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device,
                                             unsigned int *count,
                                             nvmlProcessInfo_t *infos)
{
    static const nvmlProcessInfo_t all[] = {{100, 5 * GIB, 0, 0},
                                            {300, 1 * GIB, 0, 0}};

    return tell(count, infos, all, index_of(device) == 0 ? 2 : 1);
}
#endif

int nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    (void)device;
    if (is("unified")) {
        return NOT_SUPPORTED;
    }
    if (is("secret")) {
        return NO_PERMISSION;
    }
    memory->total = 80 * GIB;
    memory->free = 59 * GIB;
    memory->used = 21 * GIB;
    return SUCCESS;
}

/* The first form of the call, whose items are shorter. */
int nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device,
                                         unsigned int *count,
                                         nvmlProcessInfo_v1_t *infos)
{
    (void)device;
    infos[0] = (nvmlProcessInfo_v1_t){100, 5 * GIB};
    infos[1] = (nvmlProcessInfo_v1_t){200, 6 * GIB};
    *count = 2;
    return SUCCESS;
}
