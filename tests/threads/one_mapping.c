/* SPDX-License-Identifier: MIT
 *
 * In front of the back end: see one_mapping.h. The linker gives the library's
 * calls of weftos_NAME to __wrap_weftos_NAME here, and __real_weftos_NAME is
 * the back end's own.
 *
 * A mapping is known by the device and the inode of its object, which nothing
 * else has as long as the mapping lives.
 */
#define _GNU_SOURCE
#include "one_mapping.h"

#include <pthread.h>
#include <sys/stat.h>

#include "check.h"
#include "os/os.h"

#define WRAPPED(name)                                                          \
    extern __typeof__(weftos_##name) __real_weftos_##name;                     \
    extern __typeof__(weftos_##name) __wrap_weftos_##name
WRAPPED(get_facts);
WRAPPED(shm_attach);
WRAPPED(shm_create);
WRAPPED(shm_unmap);

#define MAPPINGS 64

static struct mapping {
    unsigned users; /* 0: this entry is free */
    dev_t device;
    ino_t inode;
    void *base;
    size_t bytes;
} mappings[MAPPINGS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned shared;
static unsigned missed;
static bool fences_remote = true;

static void acquire(void)
{
    REQUIRE(pthread_mutex_lock(&lock) == 0);
}

static void leave(void)
{
    REQUIRE(pthread_mutex_unlock(&lock) == 0);
}

unsigned one_mapping_shared(void)
{
    unsigned count;

    acquire();
    count = shared;
    leave();
    return count;
}

unsigned one_mapping_missed(void)
{
    unsigned count;

    acquire();
    count = missed;
    leave();
    return count;
}

void one_mapping_fences_remote(bool on)
{
    fences_remote = on;
}

const weftos_facts *__wrap_weftos_get_facts(void)
{
    static _Thread_local weftos_facts without;
    const weftos_facts *facts = __real_weftos_get_facts();

    if (fences_remote) {
        return facts;
    }
    without = *facts;
    without.fence_remote = false;
    return &without;
}

static void note(weft_handle object, void *base, size_t bytes)
{
    struct stat info;
    struct mapping *free_one = NULL;

    REQUIRE(fstat((int)object, &info) == 0);
    for (unsigned i = 0; i < MAPPINGS && free_one == NULL; i++) {
        if (mappings[i].users == 0) {
            free_one = &mappings[i];
        }
    }
    REQUIRE(free_one != NULL);
    *free_one = (struct mapping){1, info.st_dev, info.st_ino, base, bytes};
}

static struct mapping *find_object(weft_handle object)
{
    struct stat info;

    REQUIRE(fstat((int)object, &info) == 0);
    for (unsigned i = 0; i < MAPPINGS; i++) {
        if (mappings[i].users > 0 && mappings[i].device == info.st_dev &&
            mappings[i].inode == info.st_ino) {
            return &mappings[i];
        }
    }
    return NULL;
}

static struct mapping *find_base(const void *base)
{
    for (unsigned i = 0; i < MAPPINGS; i++) {
        if (mappings[i].users > 0 && mappings[i].base == base) {
            return &mappings[i];
        }
    }
    return NULL;
}

weft_status __wrap_weftos_shm_create(size_t bytes, weft_handle *object,
                                     void **base, weft_detail *detail)
{
    weft_status status = __real_weftos_shm_create(bytes, object, base, detail);

    if (status == WEFT_OK) {
        acquire();
        note(*object, *base, bytes);
        leave();
    }
    return status;
}

weft_status __wrap_weftos_shm_attach(weft_handle object, size_t bytes,
                                     const void **base, weft_detail *detail)
{
    struct mapping *mapping;

    acquire();
    mapping = find_object(object);
    if (mapping == NULL || mapping->bytes != bytes) {
        missed++;
        leave();
        return __real_weftos_shm_attach(object, bytes, base, detail);
    }
    mapping->users++;
    shared++;
    *base = mapping->base;
    leave();
    return WEFT_OK;
}

void __wrap_weftos_shm_unmap(const void *base, size_t bytes)
{
    struct mapping *mapping;

    acquire();
    mapping = find_base(base);
    if (mapping == NULL || --mapping->users == 0) {
        __real_weftos_shm_unmap(base, bytes);
    }
    leave();
}
