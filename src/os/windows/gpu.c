/* SPDX-License-Identifier: MIT
 *
 * Graphics devices, by DXGI, and what is used of them, by the system's
 * counters. Where NVIDIA's library knows a device too, its entry stays.
 */
#include "gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COBJMACROS
#include "win.h"

#include <dxgi.h>

/* A machine has fewer; whatever else answers has an end. */
#define ADAPTERS_MOST 64

static const GUID factory_id = {
    0x770aae78,
    0xf26f,
    0x4dba,
    {0xa8, 0x29, 0x25, 0x3c, 0x83, 0xd1, 0xb3, 0x87}};

typedef HRESULT WINAPI create_factory(REFIID id, void **factory);

struct weftos_gpus {
    void *library;
    IDXGIFactory1 *factory; /* NULL: `reason` says why not */
    char reason[128];
};

weft_status weftos_gpus_open(const char *root, weftos_gpus **gpus,
                             weft_detail *detail)
{
    weftos_gpus *made = calloc(1, sizeof(*made));
    create_factory *create = NULL;
    void *factory = NULL;

    (void)root;
    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    made->library =
        weftos_library_open("dxgi.dll", made->reason, sizeof(made->reason));
    if (made->library != NULL) {
        create = (create_factory *)weftos_library_find(made->library,
                                                       "CreateDXGIFactory1");
        if (create != NULL && SUCCEEDED(create(&factory_id, &factory))) {
            made->factory = factory;
        } else {
            WEFTOS_SET_TEXT(made->reason, "DXGI can't be asked");
        }
    }
    *gpus = made;
    return WEFT_OK;
}

void weftos_gpus_close(weftos_gpus *gpus)
{
    if (gpus == NULL) {
        return;
    }
    if (gpus->factory != NULL) {
        (void)IDXGIFactory1_Release(gpus->factory);
    }
    if (gpus->library != NULL) {
        weftos_library_close(gpus->library);
    }
    free(gpus);
}

void weftos_gpus_source(const weftos_gpus *gpus, weft_gpu_source *source)
{
    memset(source, 0, sizeof(*source));
    WEFTOS_SET_TEXT(source->name, "dxgi");
    WEFTOS_SET_TEXT(source->reason, gpus->reason);
    source->is_there = gpus->factory != NULL;
}

/* -------------------------------------------------------------- adapters ---
 */

struct adapter {
    uint64_t luid;
    weft_gpu_device device;
};

/* False: there is no such one, or it is a program that draws by the CPU. */
static bool read_adapter(weftos_gpus *gpus, UINT index, bool *is_last,
                         struct adapter *found)
{
    IDXGIAdapter1 *adapter = NULL;
    DXGI_ADAPTER_DESC1 about;
    HRESULT result;

    memset(found, 0, sizeof(*found));
    *is_last =
        gpus->factory == NULL || index >= ADAPTERS_MOST ||
        FAILED(IDXGIFactory1_EnumAdapters1(gpus->factory, index, &adapter));
    if (*is_last) {
        return false;
    }
    memset(&about, 0, sizeof(about));
    result = IDXGIAdapter1_GetDesc1(adapter, &about);
    (void)IDXGIAdapter1_Release(adapter);
    if (FAILED(result) || (about.Flags & DXGI_ADAPTER_FLAG_SOFTWARE) != 0) {
        return false;
    }
    found->luid = (uint64_t)(uint32_t)about.AdapterLuid.HighPart << 32 |
                  about.AdapterLuid.LowPart;
    (void)snprintf(found->device.id, sizeof(found->device.id),
                   "luid_0x%08lx_0x%08lx",
                   (unsigned long)about.AdapterLuid.HighPart,
                   (unsigned long)about.AdapterLuid.LowPart);
    about.Description[sizeof(about.Description) / sizeof(wchar_t) - 1] = L'\0';
    (void)WideCharToMultiByte(CP_UTF8, 0, about.Description, -1,
                              found->device.name, sizeof(found->device.name),
                              NULL, NULL);
    found->device.name[sizeof(found->device.name) - 1] = '\0';
    WEFTOS_SET_TEXT(found->device.source, "dxgi");
    if (about.DedicatedVideoMemory > 0) {
        WEFTOS_GPU_SET(&found->device, WEFT_GPU_TOTAL, total_bytes,
                       about.DedicatedVideoMemory);
    }
    if (about.SharedSystemMemory > 0) {
        WEFTOS_GPU_SET(&found->device, WEFT_GPU_SYSTEM_TOTAL,
                       system_total_bytes, about.SharedSystemMemory);
    }
    return true;
}

/*
 * The entry that an adapter has in the list: its own, or NVML's of the same
 * name. NULL: there is none. `*count`: how many of NVML's have the name.
 */
static weft_gpu_device *find_entry(const struct weftos_gpu_devices *devices,
                                   const struct adapter *adapter,
                                   unsigned *count)
{
    weft_gpu_device *found = NULL;

    *count = 0;
    for (size_t i = 0; i < devices->count; i++) {
        weft_gpu_device *device = &devices->items[i];

        if (strcmp(device->id, adapter->device.id) == 0) {
            return device;
        }
        if (strcmp(device->source, "nvml") == 0 &&
            strcmp(device->name, adapter->device.name) == 0) {
            found = device;
            (*count)++;
        }
    }
    return found;
}

/* ---------------------------------------------------------------- usage --- */

struct usage {
    struct weftos_gpu_devices *devices;
    bool of_system;
};

static void add_usage(void *context, int64_t pid, uint64_t luid, uint64_t bytes)
{
    struct usage *usage = context;
    char id[64];

    (void)pid;
    (void)snprintf(id, sizeof(id), "luid_0x%08lx_0x%08lx",
                   (unsigned long)(luid >> 32),
                   (unsigned long)(luid & UINT32_MAX));
    for (size_t i = 0; i < usage->devices->count; i++) {
        weft_gpu_device *device = &usage->devices->items[i];

        if (strcmp(device->id, id) != 0) {
            continue;
        }
        if (usage->of_system) {
            device->system_used_bytes += bytes;
            device->valid |= WEFT_GPU_SYSTEM_USED;
        } else {
            device->used_bytes += bytes;
            device->valid |= WEFT_GPU_USED;
        }
    }
}

weft_status weftos_gpus_list(weftos_gpus *gpus,
                             struct weftos_gpu_devices *devices,
                             weft_detail *detail)
{
    struct usage usage = {devices, false};
    bool is_last = false;
    struct adapter adapter;
    unsigned twins;

    for (UINT i = 0; !is_last; i++) {
        void *items = devices->items;
        weft_gpu_device *device;

        if (!read_adapter(gpus, i, &is_last, &adapter) ||
            find_entry(devices, &adapter, &twins) != NULL) {
            continue;
        }
        device = weftos_gpu_grow(&items, &devices->count, &devices->room,
                                 sizeof(*device));
        devices->items = items;
        if (device == NULL) {
            return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
        }
        *device = adapter.device;
    }
    if (devices->count > 0) {
        weftos_gpu_count(L"\\GPU Adapter Memory(*)\\Dedicated Usage", add_usage,
                         &usage);
        usage.of_system = true;
        weftos_gpu_count(L"\\GPU Adapter Memory(*)\\Shared Usage", add_usage,
                         &usage);
    }
    return WEFT_OK;
}

/* ------------------------------------------------------------- processes ---
 */

struct user_search {
    struct weftos_gpu_users *users;
    const weft_gpu_device *device;
    uint64_t luid;
    bool of_system;
    bool has_failed;
};

static void add_user(void *context, int64_t pid, uint64_t luid, uint64_t bytes)
{
    struct user_search *search = context;
    weft_gpu_process *user;

    /* The counter has an instance for each process, whether it uses some. */
    if (pid == 0 || luid != search->luid || bytes == 0) {
        return;
    }
    user = weftos_gpu_user(search->users, pid, search->device->id);
    if (user == NULL) {
        search->has_failed = true;
    } else if (search->of_system) {
        user->system_bytes += bytes;
        user->valid |= WEFT_GPU_PROCESS_SYSTEM;
    } else {
        user->used_bytes += bytes;
        user->valid |= WEFT_GPU_PROCESS_USED;
    }
}

weft_status weftos_gpus_users(weftos_gpus *gpus,
                              const struct weftos_gpu_devices *devices,
                              struct weftos_gpu_users *users,
                              weft_detail *detail)
{
    bool is_last = false;
    struct adapter adapter;
    unsigned twins;

    for (UINT i = 0; !is_last; i++) {
        struct user_search search = {.users = users};

        if (!read_adapter(gpus, i, &is_last, &adapter)) {
            continue;
        }
        search.luid = adapter.luid;
        search.device = find_entry(devices, &adapter, &twins);
        /* Which of two alike it is can't be told by the name. */
        if (search.device == NULL || twins > 1) {
            continue;
        }
        weftos_gpu_count(L"\\GPU Process Memory(*)\\Dedicated Usage", add_user,
                         &search);
        search.of_system = true;
        weftos_gpu_count(L"\\GPU Process Memory(*)\\Shared Usage", add_user,
                         &search);
        if (search.has_failed) {
            return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
        }
    }
    return WEFT_OK;
}
