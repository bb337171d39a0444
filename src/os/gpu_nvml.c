/* SPDX-License-Identifier: MIT
 *
 * NVIDIA's library for the management of devices (NVML), as it is documented
 * at docs.nvidia.com/deploy/nvml-api: what is needed of it is declared here,
 * and nothing of NVIDIA's is needed to build weft.
 *
 * What the library answers is not trusted more than a file: counts have a
 * bound, texts are terminated here, figures that contradict each other are
 * left out. An older library lacks calls, and then does without them.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu.h"

/* A machine has at most 16 of them today; a wrong answer has more. */
#define DEVICES_MOST 256

/* Of one device: the list is asked for until all of it fits. */
#define USERS_MOST 65536
#define USERS_AT_FIRST 64
#define USERS_TRIES 8

/* nvmlReturn_t */
#define NVML_SUCCESS 0
#define NVML_NOT_SUPPORTED 3
#define NVML_NO_PERMISSION 4
#define NVML_INSUFFICIENT_SIZE 7
#define NVML_DRIVER_NOT_LOADED 9
#define NVML_LIBRARY_NOT_FOUND 12
#define NVML_GPU_IS_LOST 15
#define NVML_RM_VERSION_MISMATCH 18

/* NVML_VALUE_NOT_AVAILABLE: under WDDM all of them are. */
#define NVML_UNKNOWN UINT64_MAX

typedef struct nvml_device nvml_device; /* what nvmlDevice_t points to */

/* nvmlMemory_t */
struct nvml_memory {
    uint64_t total;
    uint64_t free;
    uint64_t used;
};

/* nvmlMemory_v2_t */
struct nvml_memory_v2 {
    uint32_t version;
    uint64_t total;
    uint64_t reserved;
    uint64_t free;
    uint64_t used;
};

/* A structure's version has its size in it. */
#define NVML_MEMORY_V2                                                         \
    ((uint32_t)(sizeof(struct nvml_memory_v2) | UINT32_C(2) << 24))

/* nvmlProcessInfo_t of the first calls, and of those that end in v2 or v3 */
struct nvml_process_v1 {
    uint32_t pid;
    uint64_t used;
};

struct nvml_process {
    uint32_t pid;
    uint64_t used;
    uint32_t instances[2];
};

/* nvmlPciInfo_t of nvmlDeviceGetPciInfo_v3 */
struct nvml_pci {
    char legacy[16];
    uint32_t numbers[5];
    char place[32]; /* "00000000:01:00.0" */
};

_Static_assert(sizeof(struct nvml_memory_v2) == 40, "NVML has it so");
_Static_assert(sizeof(struct nvml_process_v1) == 16, "NVML has it so");
_Static_assert(sizeof(struct nvml_process) == 24, "NVML has it so");
_Static_assert(sizeof(struct nvml_pci) == 68, "NVML has it so");

typedef int nvml_plain(void);
typedef int nvml_get_count(uint32_t *count);
typedef int nvml_get_handle(uint32_t index, nvml_device **device);
typedef int nvml_get_text(nvml_device *device, char *text, uint32_t bytes);
typedef int nvml_get_pci(nvml_device *device, struct nvml_pci *pci);
typedef int nvml_get_memory(nvml_device *device, void *memory);
typedef int nvml_get_users(nvml_device *device, uint32_t *count, void *users);
typedef const char *nvml_get_error(int code);

/* Who uses a device for what; each has calls of several ages. */
enum nvml_use { NVML_COMPUTE, NVML_GRAPHICS, NVML_USES };

struct weftos_nvml {
    void *library;
    bool is_there;
    char reason[128];
    nvml_plain *shutdown;
    nvml_get_count *get_count;
    nvml_get_handle *get_handle;
    nvml_get_text *get_name;
    nvml_get_text *get_uuid;
    nvml_get_pci *get_pci;
    nvml_get_memory *get_memory;
    nvml_get_memory *get_memory_v2;
    nvml_get_users *get_users[NVML_USES];
    size_t user_bytes[NVML_USES]; /* of each that it tells */
    nvml_get_error *get_error;
};

/* --------------------------------------------------------------- opening ---
 */

static const char *const required[] = {"nvmlInit_v2", "nvmlShutdown",
                                       "nvmlDeviceGetCount_v2",
                                       "nvmlDeviceGetHandleByIndex_v2"};

/* The newest call of those that the library has. */
static void find_users(weftos_nvml *nvml, enum nvml_use use, const char *stem)
{
    static const struct {
        const char *ending;
        size_t bytes;
    } ages[] = {{"_v3", sizeof(struct nvml_process)},
                {"_v2", sizeof(struct nvml_process)},
                {"", sizeof(struct nvml_process_v1)}};

    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        char name[64];

        (void)snprintf(name, sizeof(name), "nvmlDeviceGet%sRunningProcesses%s",
                       stem, ages[i].ending);
        nvml->get_users[use] =
            (nvml_get_users *)weftos_library_find(nvml->library, name);
        if (nvml->get_users[use] != NULL) {
            nvml->user_bytes[use] = ages[i].bytes;
            return;
        }
    }
}

/* False: it lacks one that must be there. */
static bool find_calls(weftos_nvml *nvml)
{
    void *library = nvml->library;

    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (weftos_library_find(library, required[i]) == NULL) {
            (void)snprintf(nvml->reason, sizeof(nvml->reason),
                           "it has no call %s", required[i]);
            return false;
        }
    }
#define FIND(type, name) ((type *)weftos_library_find(library, name))
    nvml->shutdown = FIND(nvml_plain, "nvmlShutdown");
    nvml->get_count = FIND(nvml_get_count, "nvmlDeviceGetCount_v2");
    nvml->get_handle = FIND(nvml_get_handle, "nvmlDeviceGetHandleByIndex_v2");
    nvml->get_name = FIND(nvml_get_text, "nvmlDeviceGetName");
    nvml->get_uuid = FIND(nvml_get_text, "nvmlDeviceGetUUID");
    nvml->get_pci = FIND(nvml_get_pci, "nvmlDeviceGetPciInfo_v3");
    nvml->get_memory = FIND(nvml_get_memory, "nvmlDeviceGetMemoryInfo");
    nvml->get_memory_v2 = FIND(nvml_get_memory, "nvmlDeviceGetMemoryInfo_v2");
    nvml->get_error = FIND(nvml_get_error, "nvmlErrorString");
#undef FIND
    find_users(nvml, NVML_COMPUTE, "Compute");
    find_users(nvml, NVML_GRAPHICS, "Graphics");
    return true;
}

/* What a code means, in the library's words or in ours. */
static void tell_code(const weftos_nvml *nvml, int code, char *text,
                      size_t room)
{
    const char *said = nvml->get_error != NULL ? nvml->get_error(code) : NULL;

    if (code == NVML_DRIVER_NOT_LOADED) {
        said = "NVIDIA's driver is not loaded";
    } else if (code == NVML_RM_VERSION_MISMATCH) {
        said = "the driver is of another version than its library";
    } else if (code == NVML_GPU_IS_LOST) {
        said = "the device is lost: the system must be started again";
    } else if (code == NVML_NO_PERMISSION) {
        said = "this user may not ask";
    } else if (code == NVML_LIBRARY_NOT_FOUND) {
        said = "a library of NVIDIA's driver is missing";
    }
    if (said != NULL) {
        (void)snprintf(text, room, "%.*s", (int)room - 1, said);
    } else {
        (void)snprintf(text, room, "NVML failed with code %d", code);
    }
}

static void start(weftos_nvml *nvml, const char *name)
{
    nvml_plain *init;
    int code;

    nvml->library =
        weftos_library_open(name, nvml->reason, sizeof(nvml->reason));
    if (nvml->library == NULL || !find_calls(nvml)) {
        return;
    }
    init = (nvml_plain *)weftos_library_find(nvml->library, required[0]);
    code = init();
    if (code == NVML_SUCCESS) {
        nvml->is_there = true;
    } else {
        tell_code(nvml, code, nvml->reason, sizeof(nvml->reason));
    }
}

weftos_nvml *weftos_nvml_open(const char *name)
{
    weftos_nvml *nvml = calloc(1, sizeof(*nvml));

    if (nvml != NULL) {
        start(nvml, name);
    }
    return nvml;
}

void weftos_nvml_close(weftos_nvml *nvml, bool connected)
{
    if (nvml == NULL) {
        return;
    }
    if (nvml->is_there && connected) {
        (void)nvml->shutdown();
    }
    if (nvml->library != NULL && connected) {
        weftos_library_close(nvml->library);
    }
    free(nvml);
}

void weftos_nvml_source(const weftos_nvml *nvml, weft_gpu_source *source)
{
    memset(source, 0, sizeof(*source));
    WEFTOS_SET_TEXT(source->name, "nvml");
    WEFTOS_SET_TEXT(source->reason, nvml->reason);
    source->is_there = nvml->is_there;
}

/* --------------------------------------------------------------- devices ---
 */

static uint32_t count_devices(const weftos_nvml *nvml)
{
    uint32_t count = 0;

    if (!nvml->is_there || nvml->get_count(&count) != NVML_SUCCESS) {
        return 0;
    }
    return count < DEVICES_MOST ? count : DEVICES_MOST;
}

/* Leaves the text empty when it is not told. */
static void read_text(nvml_get_text *get, nvml_device *device, char *text,
                      size_t room)
{
    if (get == NULL || get(device, text, (uint32_t)room) != NVML_SUCCESS) {
        text[0] = '\0';
    }
    text[room - 1] = '\0';
}

/* "00000000:01:00.0" is "0000:01:00.0" in all other places. */
static void read_place(const weftos_nvml *nvml, nvml_device *device,
                       weft_gpu_device *found)
{
    struct nvml_pci pci = {{0}, {0}, {0}};
    const char *text = pci.place;

    if (nvml->get_pci == NULL || nvml->get_pci(device, &pci) != NVML_SUCCESS) {
        return;
    }
    pci.place[sizeof(pci.place) - 1] = '\0';
    if (strcspn(text, ":") == 8 && strncmp(text, "0000", 4) == 0) {
        text += 4;
    }
    WEFTOS_SET_TEXT(found->place, text);
    for (char *at = found->place; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'F') {
            *at = (char)(*at - 'A' + 'a');
        }
    }
}

/* What names it: processes are told of the same. */
static void identify(const weftos_nvml *nvml, nvml_device *device,
                     uint32_t index, weft_gpu_device *found)
{
    WEFTOS_SET_TEXT(found->source, "nvml");
    read_text(nvml->get_uuid, device, found->id, sizeof(found->id));
    if (found->id[0] == '\0') {
        (void)snprintf(found->id, sizeof(found->id), "nvml-%u",
                       (unsigned)index);
    }
}

/*
 * In use is what is neither free nor reserved, as nvidia-smi shows it: whether
 * `used` has the reserved part in it depends on the driver's age, and so does
 * what its documentation says.
 */
static int read_memory_v2(const weftos_nvml *nvml, nvml_device *device,
                          weft_gpu_device *found)
{
    struct nvml_memory_v2 memory = {.version = NVML_MEMORY_V2};
    int code = nvml->get_memory_v2(device, &memory);

    if (code == NVML_SUCCESS && memory.total > 0 &&
        memory.free <= memory.total &&
        memory.reserved <= memory.total - memory.free) {
        WEFTOS_GPU_SET(found, WEFT_GPU_TOTAL, total_bytes, memory.total);
        WEFTOS_GPU_SET(found, WEFT_GPU_RESERVED, reserved_bytes,
                       memory.reserved);
        WEFTOS_GPU_SET(found, WEFT_GPU_USED, used_bytes,
                       memory.total - memory.free - memory.reserved);
    }
    return code;
}

static int read_memory_v1(const weftos_nvml *nvml, nvml_device *device,
                          weft_gpu_device *found)
{
    struct nvml_memory memory = {0, 0, 0};
    int code = nvml->get_memory(device, &memory);

    if (code == NVML_SUCCESS && memory.total > 0 &&
        memory.free <= memory.total) {
        WEFTOS_GPU_SET(found, WEFT_GPU_TOTAL, total_bytes, memory.total);
        WEFTOS_GPU_SET(found, WEFT_GPU_USED, used_bytes,
                       memory.total - memory.free);
    }
    return code;
}

static void read_memory(const weftos_nvml *nvml, nvml_device *device,
                        weft_gpu_device *found)
{
    int code = NVML_NOT_SUPPORTED;
    bool is_asked = false;

    if (nvml->get_memory_v2 != NULL) {
        code = read_memory_v2(nvml, device, found);
        is_asked = true;
    }
    /* A driver may have the newer call, and refuse it. */
    if (code != NVML_SUCCESS && nvml->get_memory != NULL) {
        code = read_memory_v1(nvml, device, found);
        is_asked = true;
    }
    if (code == NVML_SUCCESS && (found->valid & WEFT_GPU_TOTAL) == 0) {
        WEFTOS_SET_TEXT(found->problem, "the driver's figures are no sum");
    } else if (code == NVML_NOT_SUPPORTED && is_asked) {
        /* As on systems whose one memory is that of the CPU and of the GPU. */
        WEFTOS_GPU_SET(found, WEFT_GPU_UNIFIED, is_unified, true);
    } else if (code != NVML_SUCCESS) {
        tell_code(nvml, code, found->problem, sizeof(found->problem));
    } else {
        WEFTOS_GPU_SET(found, WEFT_GPU_UNIFIED, is_unified, false);
    }
}

static weft_status fail_memory(weft_detail *detail)
{
    if (detail != NULL) {
        *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
    }
    return WEFT_ENOMEM;
}

weft_status weftos_nvml_list(weftos_nvml *nvml,
                             struct weftos_gpu_devices *devices,
                             weft_detail *detail)
{
    uint32_t count = count_devices(nvml);

    for (uint32_t i = 0; i < count; i++) {
        nvml_device *device = NULL;
        void *items = devices->items;
        weft_gpu_device *found;
        int code = nvml->get_handle(i, &device);

        found = weftos_gpu_grow(&items, &devices->count, &devices->room,
                                sizeof(*found));
        devices->items = items;
        if (found == NULL) {
            return fail_memory(detail);
        }
        if (code != NVML_SUCCESS) {
            WEFTOS_SET_TEXT(found->source, "nvml");
            (void)snprintf(found->id, sizeof(found->id), "nvml-%u",
                           (unsigned)i);
            tell_code(nvml, code, found->problem, sizeof(found->problem));
            continue;
        }
        identify(nvml, device, i, found);
        read_text(nvml->get_name, device, found->name, sizeof(found->name));
        read_place(nvml, device, found);
        read_memory(nvml, device, found);
    }
    return WEFT_OK;
}

/* ------------------------------------------------------------- processes ---
 */

/*
 * The list of a device, for the caller to free. `*count` 0: it is not told, or
 * nobody is there.
 */
static weft_status read_users(const weftos_nvml *nvml, nvml_device *device,
                              enum nvml_use use, void **list, uint32_t *count,
                              weft_detail *detail)
{
    uint32_t room = USERS_AT_FIRST;

    *list = NULL;
    *count = 0;
    for (int i = 0; i < USERS_TRIES && nvml->get_users[use] != NULL; i++) {
        uint32_t told = room;
        int code;

        /* For the largest of the forms, whichever the library has. */
        *list = calloc(room, sizeof(struct nvml_process));
        if (*list == NULL) {
            return fail_memory(detail);
        }
        code = nvml->get_users[use](device, &told, *list);
        if (code == NVML_SUCCESS && told <= room) {
            *count = told;
            return WEFT_OK;
        }
        free(*list);
        *list = NULL;
        if (code != NVML_INSUFFICIENT_SIZE || told > USERS_MOST) {
            break;
        }
        room = told > room ? told + told / 4 : room * 2;
    }
    return WEFT_OK;
}

static struct nvml_process user_at(const weftos_nvml *nvml, enum nvml_use use,
                                   const void *list, uint32_t index)
{
    const char *at = (const char *)list + index * nvml->user_bytes[use];
    struct nvml_process user = {0, 0, {0, 0}};
    struct nvml_process_v1 old;

    if (nvml->user_bytes[use] == sizeof(user)) {
        memcpy(&user, at, sizeof(user));
    } else {
        memcpy(&old, at, sizeof(old));
        user.pid = old.pid;
        user.used = old.used;
    }
    return user;
}

/* Who computes and draws is in both lists, with all that he uses in each. */
static weft_status add_users(const weftos_nvml *nvml, nvml_device *device,
                             enum nvml_use use, const char *id,
                             struct weftos_gpu_users *users,
                             weft_detail *detail)
{
    void *list;
    uint32_t count;
    weft_status status = read_users(nvml, device, use, &list, &count, detail);

    for (uint32_t i = 0; status == WEFT_OK && i < count; i++) {
        struct nvml_process told = user_at(nvml, use, list, i);
        weft_gpu_process *user = weftos_gpu_user(users, told.pid, id);

        if (user == NULL) {
            status = fail_memory(detail);
        } else if (told.used != NVML_UNKNOWN) {
            if ((user->valid & WEFT_GPU_PROCESS_USED) == 0 ||
                user->used_bytes < told.used) {
                user->used_bytes = told.used;
            }
            user->valid |= WEFT_GPU_PROCESS_USED;
        }
    }
    free(list);
    return status;
}

weft_status weftos_nvml_users(weftos_nvml *nvml, struct weftos_gpu_users *users,
                              weft_detail *detail)
{
    uint32_t count = count_devices(nvml);
    weft_status status = WEFT_OK;

    for (uint32_t i = 0; status == WEFT_OK && i < count; i++) {
        nvml_device *device = NULL;
        weft_gpu_device found = {0};

        if (nvml->get_handle(i, &device) != NVML_SUCCESS) {
            continue;
        }
        identify(nvml, device, i, &found);
        for (int use = 0; use < NVML_USES && status == WEFT_OK; use++) {
            status = add_users(nvml, device, (enum nvml_use)use, found.id,
                               users, detail);
        }
    }
    return status;
}
