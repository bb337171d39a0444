/* SPDX-License-Identifier: MIT
 *
 * Who uses graphics devices, by what the kernel tells of open files
 * (Documentation/gpu/drm-usage-stats.rst): a file of a device belongs to a
 * client, several files can belong to one, and each tells all that the client
 * has. So each client counts once.
 */
#define _GNU_SOURCE
#include "gpu.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux.h"
#include "text.h"

#define DEVICES "/dev/dri/"

/* More than amdgpu writes, which writes most. */
#define TEXT_BYTES 8192

/* More kinds of memory than any driver has. */
#define REGIONS_MOST 24

/* One kind of memory; `rank` says which key has told of it. */
struct region {
    char name[24];
    uint64_t bytes;
    int rank;
};

/* What an open file of a device tells. */
struct client {
    char driver[32];
    char place[32];
    uint64_t id;
    bool has_id;
    struct region regions[REGIONS_MOST];
    size_t count;
};

/* Clients that have been counted: their device's place in the list, and id. */
struct seen {
    size_t device;
    uint64_t id;
};

struct walk {
    const struct weftos_gpus *gpus;
    const struct weftos_gpu_devices *devices;
    struct weftos_gpu_users *users;
    struct seen *seen;
    size_t seen_count;
    size_t seen_room;
};

/* ----------------------------------------------------------------- text --- */

/*
 * The keys for memory. What lies in it counts; "memory" is the name that
 * amdgpu had for the same; where a driver tells neither, what was asked for.
 */
static const struct {
    const char *key;
    int rank;
} keys[] = {{"drm-resident-", 3}, {"drm-memory-", 2}, {"drm-total-", 1}};

/* "123 KiB": without a unit it is bytes. False: not in any of the units. */
static bool parse_bytes(const char *text, uint64_t *bytes)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"", 0}, {"KiB", 10}, {"MiB", 20}};
    const char *end;
    uint64_t value;

    text += strspn(text, " \t");
    if (!weftos_parse_number(text, &end, &value)) {
        return false;
    }
    end += strspn(end, " \t");
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].name) == 0 &&
            value <= UINT64_MAX >> units[i].shift) {
            *bytes = value << units[i].shift;
            return true;
        }
    }
    return false;
}

static void set_region(struct client *client, const char *name, size_t length,
                       int rank, uint64_t bytes)
{
    struct region *region = NULL;

    if (length == 0 || length >= sizeof(region->name)) {
        return;
    }
    for (size_t i = 0; i < client->count && region == NULL; i++) {
        if (strlen(client->regions[i].name) == length &&
            strncmp(client->regions[i].name, name, length) == 0) {
            region = &client->regions[i];
        }
    }
    if (region == NULL && client->count < REGIONS_MOST) {
        region = &client->regions[client->count++];
        memcpy(region->name, name, length);
        region->name[length] = '\0';
        region->rank = 0;
    }
    if (region != NULL && region->rank < rank) {
        region->rank = rank;
        region->bytes = bytes;
    }
}

/* Copies a value without the blanks around it. */
static void copy_word(const char *value, char *word, size_t room)
{
    value += strspn(value, " \t");
    (void)snprintf(word, room, "%.*s", (int)strcspn(value, " \t"), value);
}

static void parse_line(const char *line, struct client *client)
{
    const char *value = strchr(line, ':');
    const char *end;
    uint64_t bytes;

    if (value == NULL) {
        return;
    }
    value++;
    if (strncmp(line, "drm-driver:", 11) == 0) {
        copy_word(value, client->driver, sizeof(client->driver));
    } else if (strncmp(line, "drm-pdev:", 9) == 0) {
        copy_word(value, client->place, sizeof(client->place));
    } else if (strncmp(line, "drm-client-id:", 14) == 0) {
        client->has_id = weftos_parse_number(value + strspn(value, " \t"), &end,
                                             &client->id);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        size_t length = strlen(keys[i].key);

        if (strncmp(line, keys[i].key, length) == 0 &&
            parse_bytes(value, &bytes)) {
            set_region(client, line + length,
                       (size_t)(value - 1 - line) - length, keys[i].rank,
                       bytes);
        }
    }
}

static void parse(char *text, struct client *client)
{
    char *line = text;

    memset(client, 0, sizeof(*client));
    while (line != NULL) {
        char *end = strchr(line, '\n');

        if (end != NULL) {
            *end = '\0';
        }
        parse_line(line, client);
        line = end != NULL ? end + 1 : NULL;
    }
}

/* ---------------------------------------------------------------- counts ---
 */

enum where { WHERE_OWN, WHERE_SYSTEM, WHERE_NEITHER };

/*
 * Where a kind of memory is, by the names that drivers have for them: amdgpu,
 * i915, xe, nouveau; "memory" is of those that have only the system's. Others
 * are small stores on the chip.
 */
static enum where find_where(const char *name)
{
    static const struct {
        const char *prefix;
        enum where where;
    } names[] = {{"vram", WHERE_OWN},         {"local", WHERE_OWN},
                 {"stolen-local", WHERE_OWN}, {"system", WHERE_SYSTEM},
                 {"gtt", WHERE_SYSTEM},       {"gart", WHERE_SYSTEM},
                 {"cpu", WHERE_SYSTEM},       {"memory", WHERE_SYSTEM}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(name, names[i].prefix, strlen(names[i].prefix)) == 0) {
            return names[i].where;
        }
    }
    return WHERE_NEITHER;
}

static void add(uint64_t *sum, uint64_t bytes)
{
    *sum = bytes <= UINT64_MAX - *sum ? *sum + bytes : UINT64_MAX;
}

static void count_regions(const struct client *client, weft_gpu_process *user)
{
    for (size_t i = 0; i < client->count; i++) {
        const struct region *region = &client->regions[i];

        switch (find_where(region->name)) {
        case WHERE_OWN:
            add(&user->used_bytes, region->bytes);
            user->valid |= WEFT_GPU_PROCESS_USED;
            break;
        case WHERE_SYSTEM:
            add(&user->system_bytes, region->bytes);
            user->valid |= WEFT_GPU_PROCESS_SYSTEM;
            break;
        case WHERE_NEITHER:
            break;
        }
    }
}

/*
 * The device of a client: by its place on the bus, or, where it has none, by
 * its driver. The count of devices: there is none.
 */
static size_t find_device(const struct weftos_gpu_devices *devices,
                          const struct client *client)
{
    size_t i;

    for (i = 0; i < devices->count; i++) {
        const weft_gpu_device *device = &devices->items[i];

        if (client->place[0] != '\0'
                ? strcmp(device->place, client->place) == 0
                : device->place[0] == '\0' && client->driver[0] != '\0' &&
                      strcmp(device->name, client->driver) == 0) {
            break;
        }
    }
    return i;
}

/* Whether this client is new, which it then is no longer. */
static weft_status see(struct walk *walk, size_t device, uint64_t id,
                       bool *is_new, weft_detail *detail)
{
    void *items = walk->seen;
    struct seen *seen;

    *is_new = false;
    for (size_t i = 0; i < walk->seen_count; i++) {
        if (walk->seen[i].device == device && walk->seen[i].id == id) {
            return WEFT_OK;
        }
    }
    seen = weftos_gpu_grow(&items, &walk->seen_count, &walk->seen_room,
                           sizeof(*seen));
    walk->seen = items;
    if (seen == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    *seen = (struct seen){device, id};
    *is_new = true;
    return WEFT_OK;
}

/* ----------------------------------------------------------------- walk --- */

static bool is_of_device(const struct walk *walk, uint64_t pid, uint64_t fd)
{
    char path[PATH_MAX + 64];
    char target[sizeof(DEVICES)];
    ssize_t length;

    (void)snprintf(path, sizeof(path), "%s/proc/%llu/fd/%llu", walk->gpus->root,
                   (unsigned long long)pid, (unsigned long long)fd);
    length = readlink(path, target, sizeof(target) - 1);
    return length == (ssize_t)strlen(DEVICES) &&
           strncmp(target, DEVICES, strlen(DEVICES)) == 0;
}

static weft_status count_file(struct walk *walk, uint64_t pid, uint64_t fd,
                              weft_detail *detail)
{
    char path[PATH_MAX + 64];
    char text[TEXT_BYTES];
    struct client client;
    weft_gpu_process *user;
    weft_status status;
    size_t device;
    bool is_new;

    (void)snprintf(path, sizeof(path), "%s/proc/%llu/fdinfo/%llu",
                   walk->gpus->root, (unsigned long long)pid,
                   (unsigned long long)fd);
    if (!is_of_device(walk, pid, fd) ||
        !weftos_read_text(path, text, sizeof(text))) {
        return WEFT_OK;
    }
    parse(text, &client);
    device = find_device(walk->devices, &client);
    if (!client.has_id || device == walk->devices->count) {
        return WEFT_OK;
    }
    status = see(walk, device, client.id, &is_new, detail);
    if (status != WEFT_OK || !is_new) {
        return status;
    }
    user = weftos_gpu_user(walk->users, (int64_t)pid,
                           walk->devices->items[device].id);
    if (user == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    count_regions(&client, user);
    return WEFT_OK;
}

static weft_status walk_process(struct walk *walk, uint64_t pid,
                                weft_detail *detail)
{
    struct weftos_numbers files = {NULL, 0, 0};
    char path[PATH_MAX + 64];
    weft_status status;

    (void)snprintf(path, sizeof(path), "%s/proc/%llu/fd", walk->gpus->root,
                   (unsigned long long)pid);
    status = weftos_list_numbers(path, "", &files, detail);
    for (size_t i = 0; status == WEFT_OK && i < files.count; i++) {
        status = count_file(walk, pid, files.items[i], detail);
    }
    free(files.items);
    return status;
}

/* Files need not be looked at where the kernel's drivers have no device. */
static bool has_devices(const struct weftos_gpus *gpus)
{
    weft_gpu_source source;

    weftos_gpus_source(gpus, &source);
    return source.is_there;
}

weft_status weftos_gpus_users(weftos_gpus *gpus,
                              const struct weftos_gpu_devices *devices,
                              struct weftos_gpu_users *users,
                              weft_detail *detail)
{
    struct walk walk = {gpus, devices, users, NULL, 0, 0};
    struct weftos_numbers pids = {NULL, 0, 0};
    char path[PATH_MAX + 32];
    weft_status status = WEFT_OK;

    (void)snprintf(path, sizeof(path), "%s/proc", gpus->root);
    if (has_devices(gpus)) {
        status = weftos_list_numbers(path, "", &pids, detail);
    }
    for (size_t i = 0; status == WEFT_OK && i < pids.count; i++) {
        status = walk_process(&walk, pids.items[i], detail);
    }
    free(pids.items);
    free(walk.seen);
    return status;
}
