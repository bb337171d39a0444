/* SPDX-License-Identifier: MIT
 *
 * The limits of memory of the groups that this process is in.
 *
 * Every level's limit binds, and each counts all that is below it: so what
 * matters is where the least is left, which need not be the least limit.
 * Limits can be set and lifted while this process runs, so each look reads all
 * of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
#include "linux.h"
#include "meter.h"
#include "text.h"

/* Deeper than anyone nests groups; what is above that is out of sight. */
#define LEVELS_MOST 32

struct level {
    int limit;
    int used;
    unsigned version;
    char group[64]; /* the end of its path, where that is long */
};

struct weftos_levels {
    const char *root;
    int error; /* of the first file that could not be opened for want */
    size_t count;
    struct level levels[LEVELS_MOST];
};

static int open_file(struct weftos_levels *levels, const char *directory,
                     const char *name)
{
    char path[PATH_MAX * 3];
    int file;

    (void)snprintf(path, sizeof(path), "%s%s/%s", levels->root, directory,
                   name);
    file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
        levels->error = errno;
    }
    return file;
}

static bool open_level(void *context, unsigned version, const char *directory,
                       const char *group)
{
    struct weftos_levels *levels = context;
    struct level *level = &levels->levels[levels->count];
    bool is_second = version == 2;
    size_t length = strlen(group);

    level->version = version;
    level->limit = open_file(
        levels, directory, is_second ? "memory.max" : "memory.limit_in_bytes");
    level->used =
        open_file(levels, directory,
                  is_second ? "memory.current" : "memory.usage_in_bytes");
    (void)snprintf(level->group, sizeof(level->group), "%s%s",
                   length < sizeof(level->group) ? "" : "...",
                   length < sizeof(level->group)
                       ? group
                       : group + length - (sizeof(level->group) - 4));
    levels->count++;
    return levels->error == 0 && levels->count < LEVELS_MOST;
}

weft_status weftos_levels_open(const char *root, struct weftos_levels **levels,
                               weft_detail *detail)
{
    struct weftos_levels *made = calloc(1, sizeof(*made));

    *levels = NULL;
    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    made->root = root;
    weftos_groups_each(root, "memory", open_level, made);
    made->root = NULL;
    if (made->error != 0) {
        int error = made->error;

        weftos_levels_close(made);
        errno = error;
        return weftos_fail_errno(detail, "open a group's file");
    }
    *levels = made;
    return WEFT_OK;
}

void weftos_levels_close(struct weftos_levels *levels)
{
    if (levels == NULL) {
        return;
    }
    for (size_t i = 0; i < levels->count; i++) {
        if (levels->levels[i].limit >= 0) {
            (void)close(levels->levels[i].limit);
        }
        if (levels->levels[i].used >= 0) {
            (void)close(levels->levels[i].used);
        }
    }
    free(levels);
}

/* A file that is a number. False: it is none, such as "max". */
static bool read_number(int file, uint64_t *value)
{
    char text[64];
    const char *end;
    ssize_t got;

    if (file < 0) {
        return false;
    }
    do {
        got = pread(file, text, sizeof(text) - 1, 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return false;
    }
    text[got] = '\0';
    return weftos_parse_number(text, &end, value);
}

bool weftos_levels_read(struct weftos_levels *levels, uint64_t *limit,
                        uint64_t *used, char *source, size_t bytes)
{
    uint64_t least_left = UINT64_MAX;
    bool found = false;

    for (size_t i = 0; i < levels->count; i++) {
        const struct level *level = &levels->levels[i];
        uint64_t value;
        uint64_t taken;
        uint64_t left;

        if (!read_number(level->limit, &value) ||
            (level->version == 1 && value >= WEFTOS_NO_LIMIT_V1) ||
            !read_number(level->used, &taken)) {
            continue;
        }
        left = value > taken ? value - taken : 0;
        if (!found || left < least_left) {
            least_left = left;
            *limit = value;
            *used = taken;
            (void)snprintf(source, bytes, "cgroup v%u %s of %s", level->version,
                           level->version == 2 ? "memory.max"
                                               : "memory.limit_in_bytes",
                           level->group);
            found = true;
        }
    }
    return found;
}
