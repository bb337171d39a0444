/* SPDX-License-Identifier: MIT
 *
 * The control group of a process: what its memory counts in, the container
 * that it is of, and whether its maker asks to keep its memory.
 *
 * memory.min and memory.low are version 2's; version 1 has nothing like them.
 * The kernel gives what is granted to a group to those below it as well, so
 * each level above is read too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "container.h"
#include "identity.h"
#include "text.h"

/* A dozen hierarchies with long paths; a longer file is not understood. */
#define TEXT_BYTES 32768

/* -------------------------------------------------------------- protect --- */

struct levels {
    const char *root;
    unsigned depth; /* 0: the group itself */
    bool is_guarded;
    bool is_sheltered;
    bool is_unknown;
};

/* Whether a file of a group grants anything. */
static bool has_grant(struct levels *levels, const char *directory,
                      const char *file)
{
    char path[PATH_MAX * 3];
    char text[32];

    (void)snprintf(path, sizeof(path), "%s%s/%s", levels->root, directory,
                   file);
    errno = 0;
    if (!weftos_read_text(path, text, sizeof(text))) {
        /* The root has none, nor has who is not given the controller. */
        levels->is_unknown |= errno != ENOENT && errno != ENODEV;
        return false;
    }
    return strcmp(text, "0\n") != 0 && strcmp(text, "0") != 0;
}

static bool visit(void *context, unsigned version, const char *directory,
                  const char *group)
{
    struct levels *levels = context;
    bool has = has_grant(levels, directory, "memory.min") ||
               has_grant(levels, directory, "memory.low");

    (void)version;
    (void)group;
    if (levels->depth == 0) {
        levels->is_guarded = has;
    } else {
        levels->is_sheltered |= has;
    }
    levels->depth++;
    return true;
}

static void look_grants(struct weftos_look *look, const char *group)
{
    struct levels levels = {.root = look->root};

    if (!weftos_group_levels(look->root, 2, "memory", group, visit, &levels)) {
        return;
    }
    if (levels.is_guarded || !levels.is_unknown) {
        weftos_identity_mark(look->identity, WEFT_MARK_GUARDED,
                             levels.is_guarded);
    }
    if (levels.is_sheltered || !levels.is_unknown) {
        weftos_identity_mark(look->identity, WEFT_MARK_SHELTERED,
                             levels.is_sheltered);
    }
}

/* ----------------------------------------------------------------- names ---
 */

/* Takes the container from the first path that says one. */
static void take_container(weft_memory_identity *identity, const char *path)
{
    const char *id;
    size_t length;
    weft_container maker = weftos_group_maker(path, &id, &length);

    if (maker == WEFT_CONTAINER_NONE ||
        identity->maker != WEFT_CONTAINER_NONE) {
        return;
    }
    identity->maker = maker;
    if (length == 0 || length >= sizeof(identity->container)) {
        identity->valid &= ~(uint32_t)WEFT_IDENTITY_CONTAINER;
        return;
    }
    memcpy(identity->container, id, length);
    identity->container[length] = '\0';
}

/* The group that memory counts in: version 1's, if that has the controller. */
struct found {
    unsigned version;
    const char *path;
};

/* "4:memory:/path", and "0::/path" of version 2; ended by a NUL. */
static void take_line(weft_memory_identity *identity, char *line,
                      struct found *found)
{
    char *controllers = strchr(line, ':');
    char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

    if (path == NULL || path[1] != '/') {
        return;
    }
    *path++ = '\0';
    take_container(identity, path);
    if (weftos_list_has(controllers + 1, ',', "memory")) {
        *found = (struct found){1, path};
    } else if (strncmp(line, "0:", 2) == 0 && found->version == 0) {
        *found = (struct found){2, path};
    }
}

static struct found take_text(weft_memory_identity *identity, char *text)
{
    struct found found = {0, ""};

    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');

        if (end == NULL) {
            break; /* the kernel ends each line */
        }
        *end = '\0';
        take_line(identity, line, &found);
        line = end + 1;
    }
    return found;
}

void weftos_look_group(struct weftos_look *look)
{
    weft_memory_identity *identity = look->identity;
    char text[TEXT_BYTES];
    struct found found = {0, ""};

    errno = 0;
    if (weftos_read_text_at(look->folder, "cgroup", text, sizeof(text))) {
        if (strlen(text) == sizeof(text) - 1) {
            return;
        }
        identity->valid |= WEFT_IDENTITY_CONTAINER;
        found = take_text(identity, text);
    } else if (errno == ENOENT) {
        identity->valid |= WEFT_IDENTITY_CONTAINER; /* a kernel without */
    } else {
        return;
    }
    if (strlen(found.path) < sizeof(identity->group)) {
        (void)snprintf(identity->group, sizeof(identity->group), "%s",
                       found.path);
        identity->valid |= WEFT_IDENTITY_GROUP;
    }
    if (found.version == 2) {
        look_grants(look, found.path);
    } else {
        weftos_identity_mark(identity, WEFT_MARK_GUARDED, false);
        weftos_identity_mark(identity, WEFT_MARK_SHELTERED, false);
    }
}
