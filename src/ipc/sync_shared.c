/* SPDX-License-Identifier: MIT
 *
 * Memory with a name, and objects with a name, which lie in such memory.
 *
 * A name becomes one that every system can have: short, with a letter in front
 * that keeps memory, objects and shortened names apart. What is too long keeps
 * its beginning, for the reader, and ends with a hash of the whole.
 */
#include <weft/sync.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handshake.h"
#include "sync_lobby.h"
#include "sync_shared.h"

/* The longest path. */
#define LONGEST 1024

struct weft_shared {
    uint64_t token; /* of the process that has it open */
    char name[LONGEST];
    unsigned mode;
    weft_handle handle;
    void *base;
    size_t bytes;
};

struct weft_sync {
    weft_shared *shared;
    weft_sync_kind kind;
};

/* ---------------------------------------------------------------- names --- */

const struct wefti_wording wefti_memory_wording = {"m-", "l-", ".weft-memory"};
const struct wefti_wording wefti_object_wording = {"s-", "t-", ".weft-object"};

#define PREFIX_LENGTH 2
#define HASH_LENGTH 32
#define KEPT_LENGTH (WEFT_NAME_MAX - PREFIX_LENGTH - 1 - HASH_LENGTH)

/* FNV-1a: two of them, from two beginnings, make 128 bits. */
static uint64_t hash(const char *text, uint64_t value)
{
    for (; *text != '\0'; text++) {
        value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return value ^ (value >> 32);
}

static bool is_plain(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";

    return name[0] != '\0' && name[0] != '.' &&
           strspn(name, allowed) == strlen(name);
}

/* Writes what the system is to call it. False: the name breaks the rules. */
static bool reword(const char *name, const struct wefti_wording *wording,
                   char room[LONGEST])
{
    int length;

    if (strchr(name, '/') != NULL) {
        length = snprintf(room, LONGEST, "%s%s", name, wording->path);
    } else if (!is_plain(name)) {
        return false;
    } else if (strlen(name) <= WEFT_NAME_MAX - PREFIX_LENGTH) {
        length = snprintf(room, LONGEST, "%s%s", wording->whole, name);
    } else {
        length = snprintf(room, LONGEST, "%s%.*s-%016" PRIx64 "%016" PRIx64,
                          wording->cut, KEPT_LENGTH, name,
                          hash(name, UINT64_C(0xcbf29ce484222325)),
                          hash(name, UINT64_C(0x9ae16a3b2f90404f)));
    }
    return length > 0 && length < LONGEST;
}

/*
 * Copies options, whose first field is their size, over defaults of `known`
 * bytes. False: they are too short to have that field, or what we do not know
 * of them is not zero.
 */
static bool copy_options(void *copy, size_t known, const void *options)
{
    const unsigned char *bytes = options;
    size_t given = 0;

    if (options == NULL) {
        return true;
    }
    memcpy(&given, options, sizeof(given));
    if (given < sizeof(given)) {
        return false;
    }
    for (size_t i = known; i < given; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    memcpy(copy, options, given < known ? given : known);
    return true;
}

/* --------------------------------------------------------------- memory --- */

/* Puts the arguments of the caller's function in order. */
static void run_maker(void *base, size_t bytes, void *context)
{
    const weft_shared_options *options = context;

    if (options->make != NULL) {
        options->make(options->make_context, base, bytes);
    }
}

/* Maps the memory of a handle that knows its name. */
static weft_status map_shared(weft_shared *shared, weft_shared_options *options,
                              weft_detail *detail)
{
    weft_status status = weftos_process_mark(NULL, NULL, detail);

    if (status != WEFT_OK) {
        return status;
    }
    shared->token = weftos_process_token();
    return weftos_shm_open(shared->name, shared->mode, &shared->bytes,
                           run_maker, options, &shared->handle, &shared->base,
                           detail);
}

weft_status wefti_shared_open(const char *name,
                              const struct wefti_wording *wording, size_t bytes,
                              const weft_shared_options *options,
                              weft_shared **out, weft_detail *detail)
{
    weft_shared_options own = *options;
    weft_shared *shared;
    weft_status status;

    if ((own.mode & ~0777u) != 0) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option mode");
    }
    shared = calloc(1, sizeof(*shared));
    if (shared == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a handle");
    }
    shared->bytes = bytes;
    shared->mode = own.mode != 0 ? own.mode : 0600;
    status = reword(name, wording, shared->name)
                 ? map_shared(shared, &own, detail)
                 : wefti_fail(detail, WEFT_ENAME, "check the name");
    if (status != WEFT_OK) {
        free(shared);
        return status;
    }
    *out = shared;
    return WEFT_OK;
}

weft_status weft_shared_open(const char *name, size_t bytes,
                             const weft_shared_options *options,
                             weft_shared **out, weft_detail *detail)
{
    weft_shared_options own = WEFT_SHARED_OPTIONS_INIT;

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    if (name == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (!copy_options(&own, sizeof(own), options)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option size");
    }
    return wefti_shared_open(name, &wefti_memory_wording, bytes, &own, out,
                             detail);
}

/* To open what nobody has open any more, without making it, removes it. */
static void remove_if_last(weft_shared *shared)
{
    shared->bytes = 0;
    (void)weftos_shm_open(shared->name, shared->mode, &shared->bytes, NULL,
                          NULL, NULL, NULL, NULL);
}

void weft_shared_close(weft_shared **shared)
{
    weft_shared *closed;

    if (shared == NULL || *shared == NULL) {
        return;
    }
    closed = *shared;
    *shared = NULL;
    if (closed->token == weftos_process_token()) {
        weftos_shm_unmap(closed->base, closed->bytes);
        weftos_close(closed->handle);
        remove_if_last(closed);
    } else {
        /* A forked child has the handle of it, and not the mapping. */
        weftos_close(closed->handle);
    }
    free(closed);
}

void *weft_shared_base(const weft_shared *shared)
{
    return shared != NULL && shared->token == weftos_process_token()
               ? shared->base
               : NULL;
}

size_t weft_shared_bytes(const weft_shared *shared)
{
    return shared != NULL ? shared->bytes : 0;
}

/* -------------------------------------------------------------- objects --- */

/* What each kind of object takes. */
static const struct {
    uint32_t magic;
    size_t bytes;
} kinds[] = {
    [WEFT_SYNC_MUTEX] = {WEFTI_MUTEX, sizeof(weft_mutex)},
    [WEFT_SYNC_CONDITION] = {WEFTI_CONDITION, sizeof(weft_condition)},
    [WEFT_SYNC_SEMAPHORE] = {WEFTI_SEMAPHORE, sizeof(weft_semaphore)},
    [WEFT_SYNC_EVENT] = {WEFTI_EVENT, sizeof(weft_event)},
    [WEFT_SYNC_RWLOCK] = {WEFTI_RWLOCK, sizeof(weft_rwlock)},
};

/* What the maker of an object has to know. */
struct making {
    weft_sync_kind kind;
    const weft_sync_options *options;
};

static weft_status make_object(const struct making *making, void *base)
{
    switch (making->kind) {
    case WEFT_SYNC_MUTEX:
        return weft_mutex_init(base);
    case WEFT_SYNC_CONDITION:
        return weft_condition_init(base);
    case WEFT_SYNC_SEMAPHORE:
        return weft_semaphore_init(base, making->options->value);
    case WEFT_SYNC_EVENT:
        return weft_event_init(base, making->options->flags);
    case WEFT_SYNC_RWLOCK:
        return weft_rwlock_init(base);
    }
    return WEFT_EINVAL;
}

/* Can't fail: the same was tried before. */
static void run_object_maker(void *context, void *base, size_t bytes)
{
    const struct making *making = context;

    (void)bytes;
    (void)make_object(making, base);
}

/* Makes such an object for nobody, to see whether that can be done. */
static weft_status try_to_make(const struct making *making, weft_detail *detail)
{
    weft_rwlock room; /* the largest of them */
    weft_status status = make_object(making, &room);

    if ((making->options->flags != 0 && making->kind != WEFT_SYNC_EVENT) ||
        (making->options->value != 0 && making->kind != WEFT_SYNC_SEMAPHORE) ||
        making->options->reserved_0 != 0) {
        status = WEFT_EINVAL;
    }
    return status == WEFT_OK ? WEFT_OK
                             : wefti_fail(detail, status, "make the object");
}

static weft_status open_object(const char *name, const struct making *making,
                               weft_sync *sync, weft_detail *detail)
{
    struct making own = *making;
    weft_shared_options options = WEFT_SHARED_OPTIONS_INIT;
    uint64_t self;
    weft_status status;

    options.mode = making->options->mode;
    options.make = run_object_maker;
    options.make_context = &own;
    status = wefti_shared_open(name, &wefti_object_wording,
                               kinds[making->kind].bytes, &options,
                               &sync->shared, detail);
    if (sync->shared != NULL &&
        wefti_identify(sync->shared->base, kinds[making->kind].magic, &self) !=
            WEFT_OK) {
        weft_shared_close(&sync->shared);
        return wefti_fail(detail, WEFT_EINUSE, "find an object of that kind");
    }
    return status;
}

weft_status weft_sync_open(const char *name, weft_sync_kind kind,
                           const weft_sync_options *options, weft_sync **out,
                           weft_detail *detail)
{
    weft_sync_options own = WEFT_SYNC_OPTIONS_INIT;
    struct making making = {.kind = kind, .options = &own};
    weft_sync *sync;
    weft_status status;

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    if (name == NULL || (int)kind < WEFT_SYNC_MUTEX ||
        (int)kind > WEFT_SYNC_RWLOCK) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (!copy_options(&own, sizeof(own), options)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option size");
    }
    status = try_to_make(&making, detail);
    if (status != WEFT_OK) {
        return status;
    }
    sync = calloc(1, sizeof(*sync));
    if (sync == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a handle");
    }
    sync->kind = kind;
    status = open_object(name, &making, sync, detail);
    if (status != WEFT_OK) {
        free(sync);
        return status;
    }
    *out = sync;
    return WEFT_OK;
}

void weft_sync_close(weft_sync **sync)
{
    if (sync != NULL && *sync != NULL) {
        weft_shared_close(&(*sync)->shared);
        free(*sync);
        *sync = NULL;
    }
}

static void *object_of_kind(const weft_sync *sync, weft_sync_kind kind)
{
    return sync != NULL && sync->kind == kind ? weft_shared_base(sync->shared)
                                              : NULL;
}

weft_mutex *weft_sync_mutex(const weft_sync *sync)
{
    return object_of_kind(sync, WEFT_SYNC_MUTEX);
}

weft_condition *weft_sync_condition(const weft_sync *sync)
{
    return object_of_kind(sync, WEFT_SYNC_CONDITION);
}

weft_semaphore *weft_sync_semaphore(const weft_sync *sync)
{
    return object_of_kind(sync, WEFT_SYNC_SEMAPHORE);
}

weft_event *weft_sync_event(const weft_sync *sync)
{
    return object_of_kind(sync, WEFT_SYNC_EVENT);
}

weft_rwlock *weft_sync_rwlock(const weft_sync *sync)
{
    return object_of_kind(sync, WEFT_SYNC_RWLOCK);
}
