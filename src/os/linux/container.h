/* SPDX-License-Identifier: MIT
 *
 * container.h - what this process runs in, and the limits of its control
 * groups.
 */
#ifndef WEFTOS_LINUX_CONTAINER_H
#define WEFTOS_LINUX_CONTAINER_H

#include <weft/system.h>

/*
 * Fills in the container, the quota of CPU time and the limit of memory.
 * `root` goes before each path that is read: "", but in tests.
 */
void weftos_container_find(const char *root, weft_system *system);

/*
 * The part that looks at the control groups; `*control` is what of it says
 * who has made them: see container.c. Allocates; no thread may be cancelled in
 * it.
 */
struct weftos_groups {
    weft_container container; /* WEFT_CONTAINER_NONE: they say nothing */
    char fact[96];
};
void weftos_groups_find(const char *root, weft_system *system,
                        struct weftos_groups *groups);

/*
 * Tells of the group that this process is in, in the hierarchy of a controller,
 * and of those above, as far as they are in sight; inner ones first. The
 * directory is in the file system, without `root`; the group is its path as
 * /proc/self/cgroup has it. Allocates; no thread may be cancelled in it.
 */
typedef bool weftos_group_visit(void *context, unsigned version,
                                const char *directory, const char *group);
void weftos_groups_each(const char *root, const char *controller,
                        weftos_group_visit *visit, void *context);

/*
 * The same for another process's group, which is given. False: it is not in
 * sight, and nothing was told.
 */
bool weftos_group_levels(const char *root, unsigned version,
                         const char *controller, const char *group,
                         weftos_group_visit *visit, void *context);

/*
 * Who has made the container that a group is of, by its path, and that one's
 * id or name: `*length` bytes of the path, 0 if it has none there.
 */
weft_container weftos_group_maker(const char *path, const char **id,
                                  size_t *length);

/* Values of version 1 near this one, rounded to pages, mean "no limit". */
#define WEFTOS_NO_LIMIT_V1 (UINT64_C(0x7fffffffffffffff) - UINT64_C(0x1000000))

/* One line of /proc/self/mountinfo, taken apart in place. */
struct weftos_mount {
    char *root;    /* what of its file system is mounted */
    char *point;   /* where */
    char *type;    /* of the file system */
    char *options; /* its own ones */
};

/* Tells of each mount, in the order of the file, until `visit` says false. */
typedef bool weftos_mount_visit(void *context,
                                const struct weftos_mount *mount);
void weftos_mounts_each(const char *root, weftos_mount_visit *visit,
                        void *context);

/* Whether one of the words of a list, between separators, is `word`. */
bool weftos_list_has(const char *list, char separator, const char *word);

#endif
