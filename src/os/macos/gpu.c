/* SPDX-License-Identifier: MIT
 *
 * Graphics devices, by Metal, which is asked through the Objective-C run time;
 * both are loaded at run time.
 *
 * Metal tells how much one process should use at most, and of which kind the
 * memory is. Its currentAllocatedSize is that of the process that asks, so it
 * is not asked for; what others use, the system does not tell.
 */
#include "../gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "macos.h"

#define METAL "/System/Library/Frameworks/Metal.framework/Metal"
#define RUN_TIME "/usr/lib/libobjc.A.dylib"

/* A machine has fewer. */
#define DEVICES_MOST 64

const char *const weftos_nvml_library = NULL;

/* Objects and the names of messages, as the run time has them. */
typedef struct objc_object object;
typedef struct objc_selector selector;

typedef object *copy_devices(void);
typedef selector *register_name(const char *name);
typedef void *push_pool(void);
typedef void pop_pool(void *pool);

/* The one call, by what is sent and what comes back. */
typedef object *send_index(object *to, selector *what, unsigned long index);
typedef object *send_object(object *to, selector *what);
typedef const char *send_text(object *to, selector *what);
typedef unsigned long send_count(object *to, selector *what);
typedef uint64_t send_number(object *to, selector *what);
typedef signed char send_question(object *to, selector *what);
typedef signed char send_asked(object *to, selector *what, selector *which);

struct weftos_gpus {
    void *metal;
    void *run_time;
    bool is_there;
    char reason[128];
    copy_devices *copy;
    register_name *name;
    push_pool *push;
    pop_pool *pop;
    weftos_gpu_function *send;
};

static void find_calls(weftos_gpus *gpus)
{
    gpus->metal =
        weftos_library_open(METAL, gpus->reason, sizeof(gpus->reason));
    if (gpus->metal == NULL) {
        return;
    }
    gpus->run_time =
        weftos_library_open(RUN_TIME, gpus->reason, sizeof(gpus->reason));
    if (gpus->run_time == NULL) {
        return;
    }
#define FIND(type, library, name) ((type *)weftos_library_find(library, name))
    gpus->copy = FIND(copy_devices, gpus->metal, "MTLCopyAllDevices");
    gpus->name = FIND(register_name, gpus->run_time, "sel_registerName");
    gpus->push = FIND(push_pool, gpus->run_time, "objc_autoreleasePoolPush");
    gpus->pop = FIND(pop_pool, gpus->run_time, "objc_autoreleasePoolPop");
#undef FIND
    gpus->send = weftos_library_find(gpus->run_time, "objc_msgSend");
    gpus->is_there = gpus->copy != NULL && gpus->name != NULL &&
                     gpus->push != NULL && gpus->pop != NULL &&
                     gpus->send != NULL;
    if (!gpus->is_there) {
        WEFTOS_SET_TEXT(gpus->reason, "Metal can't be asked");
    }
}

weft_status weftos_gpus_open(const char *root, weftos_gpus **gpus,
                             weft_detail *detail)
{
    (void)root;
    *gpus = calloc(1, sizeof(**gpus));
    if (*gpus == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    find_calls(*gpus);
    return WEFT_OK;
}

/* Frameworks stay: they can't be unloaded safely. */
void weftos_gpus_close(weftos_gpus *gpus)
{
    free(gpus);
}

void weftos_gpus_source(const weftos_gpus *gpus, weft_gpu_source *source)
{
    memset(source, 0, sizeof(*source));
    WEFTOS_SET_TEXT(source->name, "metal");
    WEFTOS_SET_TEXT(source->reason, gpus->reason);
    source->is_there = gpus->is_there;
}

/* --------------------------------------------------------------- devices ---
 */

#define SEND(type) ((type *)gpus->send)

/* Systems before the message was there are not asked. */
static bool answers(weftos_gpus *gpus, object *device, const char *message)
{
    return SEND(send_asked)(device, gpus->name("respondsToSelector:"),
                            gpus->name(message)) != 0;
}

static void read_device(weftos_gpus *gpus, object *from, weft_gpu_device *found)
{
    object *name = SEND(send_object)(from, gpus->name("name"));
    const char *text =
        name != NULL ? SEND(send_text)(name, gpus->name("UTF8String")) : NULL;

    WEFTOS_SET_TEXT(found->source, "metal");
    WEFTOS_SET_TEXT(found->name, text != NULL ? text : "");
    if (answers(gpus, from, "registryID")) {
        (void)snprintf(found->id, sizeof(found->id), "metal-%llx",
                       (unsigned long long)SEND(send_number)(
                           from, gpus->name("registryID")));
    } else {
        WEFTOS_SET_TEXT(found->id, found->name);
    }
    if (answers(gpus, from, "recommendedMaxWorkingSetSize")) {
        uint64_t bytes =
            SEND(send_number)(from, gpus->name("recommendedMaxWorkingSetSize"));

        if (bytes > 0) {
            WEFTOS_GPU_SET(found, WEFT_GPU_BUDGET, budget_bytes, bytes);
        }
    }
    if (answers(gpus, from, "hasUnifiedMemory")) {
        WEFTOS_GPU_SET(
            found, WEFT_GPU_UNIFIED, is_unified,
            SEND(send_question)(from, gpus->name("hasUnifiedMemory")) != 0);
    }
    WEFTOS_SET_TEXT(found->problem, "macOS does not tell what is in use");
}

static weft_status add_all(weftos_gpus *gpus, object *all,
                           struct weftos_gpu_devices *devices,
                           weft_detail *detail)
{
    unsigned long count = SEND(send_count)(all, gpus->name("count"));

    for (unsigned long i = 0; i < count && i < DEVICES_MOST; i++) {
        object *from = SEND(send_index)(all, gpus->name("objectAtIndex:"), i);
        void *items = devices->items;
        weft_gpu_device *found = weftos_gpu_grow(
            &items, &devices->count, &devices->room, sizeof(*found));

        devices->items = items;
        if (found == NULL) {
            return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
        }
        read_device(gpus, from, found);
    }
    return WEFT_OK;
}

weft_status weftos_gpus_list(weftos_gpus *gpus,
                             struct weftos_gpu_devices *devices,
                             weft_detail *detail)
{
    weft_status status = WEFT_OK;
    object *all;
    void *pool;

    if (!gpus->is_there) {
        return WEFT_OK;
    }
    pool = gpus->push();
    all = gpus->copy();
    if (all != NULL) {
        status = add_all(gpus, all, devices, detail);
        (void)SEND(send_object)(all, gpus->name("release"));
    }
    gpus->pop(pool);
    return status;
}

weft_status weftos_gpus_users(weftos_gpus *gpus,
                              const struct weftos_gpu_devices *devices,
                              struct weftos_gpu_users *users,
                              weft_detail *detail)
{
    (void)gpus;
    (void)devices;
    (void)users;
    (void)detail;
    return WEFT_OK;
}
