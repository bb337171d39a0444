/* SPDX-License-Identifier: MIT
 *
 * Memory is taken from a control group, all of its members and those of the
 * groups below.
 *
 * Version 2 has memory.reclaim, which takes a number of bytes from what was
 * not used lately. Version 1 has memory.force_empty alone, which takes all that
 * can be had, used or not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container.h"
#include "reclaim.h"
#include "text.h"
#include "walk.h"

/* More than memory.stat has. */
#define STAT_BYTES 16384

/* The kernel takes a page in up to 7 us: see reclaim_process.c. */
#define RECLAIM_NS_PER_PAGE 5000

/* ------------------------------------------------------------ finding it ---
 */

/* The group that is looked for, and where it is mounted. */
struct place {
    weftos_reclaim *reclaim;
    const char *wanted;
    unsigned version;
    char directory[PATH_MAX];
};

static bool is_directory(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* A hierarchy with memory in it, in which the group may be. */
static bool try_mount(void *context, const struct weftos_mount *mount)
{
    struct place *place = context;
    const char *root = place->reclaim->root;
    size_t length = strlen(mount->point);
    bool is_second = strcmp(mount->type, "cgroup2") == 0;
    char path[PATH_MAX * 2];
    char file[PATH_MAX * 2 + 32];

    if (!is_second && (strcmp(mount->type, "cgroup") != 0 ||
                       !weftos_list_has(mount->options, ',', "memory"))) {
        return true;
    }
    if (strncmp(place->wanted, mount->point, length) == 0 &&
        (place->wanted[length] == '/' || place->wanted[length] == '\0')) {
        (void)snprintf(path, sizeof(path), "%s%s", root, place->wanted);
    } else {
        (void)snprintf(path, sizeof(path), "%s%s%s", root, mount->point,
                       place->wanted);
    }
    (void)snprintf(file, sizeof(file), "%s/memory.stat", path);
    if (!is_directory(path) || access(file, F_OK) != 0 ||
        strlen(path) >= sizeof(place->directory)) {
        return true;
    }
    (void)snprintf(place->directory, sizeof(place->directory), "%s", path);
    place->version = is_second ? 2 : 1;
    return false;
}

/*
 * Makes the path that was given the group's directory. A path with "..", or
 * one that is no group's, is none.
 */
static weft_status find(weftos_reclaim *reclaim, weft_detail *detail)
{
    struct place place = {.reclaim = reclaim, .wanted = reclaim->path};

    if (reclaim->version != 0) {
        return WEFT_OK;
    }
    if (reclaim->path[0] == '/' && !weftos_list_has(reclaim->path, '/', "..")) {
        weftos_mounts_each(reclaim->root, try_mount, &place);
    }
    if (place.version == 0) {
        return weftos_fail(detail, WEFT_ENOENT, ENOENT, "find the group");
    }
    reclaim->version = place.version;
    (void)snprintf(reclaim->path, sizeof(reclaim->path), "%s", place.directory);
    return WEFT_OK;
}

static void name_file(const weftos_reclaim *reclaim, const char *name,
                      char path[PATH_MAX + 64])
{
    (void)snprintf(path, PATH_MAX + 64, "%s/%s", reclaim->path, name);
}

/* --------------------------------------------------------------- members ---
 */

struct member_visit {
    weftos_member_visit *visit;
    void *context;
    bool is_over;
};

/*
 * Each line of cgroup.procs; 0 is one of another namespace. A group of threads
 * has none (EOPNOTSUPP): their processes are listed in one above, which is of
 * the same target, as only that counts memory. Any other failure to read leaves
 * unknown who is in it.
 */
static void read_members(int file, struct member_visit *members)
{
    FILE *lines = fdopen(file, "r");
    char line[32];

    if (lines == NULL) {
        members->is_over = !members->visit(members->context, 0);
        (void)close(file);
        return;
    }
    while (!members->is_over) {
        const char *end;
        uint64_t pid;

        errno = 0;
        if (fgets(line, sizeof(line), lines) == NULL) {
            break;
        }
        if (!weftos_parse_number(line, &end, &pid) || pid > INT32_MAX) {
            pid = 0;
        }
        members->is_over = !members->visit(members->context, (int64_t)pid);
    }
    if (!members->is_over && ferror(lines) != 0 && errno != EOPNOTSUPP &&
        errno != ENODEV) {
        members->is_over = !members->visit(members->context, 0);
    }
    (void)fclose(lines);
}

/* Who is in a group that may not be looked into is not known. */
static weft_status visit_file(void *context, int folder, const char *name,
                              weft_detail *detail)
{
    struct member_visit *members = context;
    int file;

    if (folder == -1) {
        members->is_over = !members->visit(members->context, 0);
        return WEFT_OK;
    }
    if (members->is_over || strcmp(name, "cgroup.procs") != 0) {
        return WEFT_OK;
    }
    file = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return errno == ENOENT || errno == ENODEV
                   ? WEFT_OK
                   : weftos_fail_errno(detail, "open cgroup.procs");
    }
    read_members(file, members);
    return WEFT_OK;
}

static weft_status members(weftos_reclaim *reclaim, weftos_member_visit *visit,
                           void *context, weft_detail *detail)
{
    struct member_visit members = {.visit = visit, .context = context};
    weft_status status = find(reclaim, detail);

    return status == WEFT_OK
               ? weftos_walk(reclaim->path, visit_file, &members, detail)
               : status;
}

/* ------------------------------------------------------------------ look ---
 */

/* The names of memory.stat, by version; those of 1 count what is below too. */
struct names {
    const char *anonymous;
    const char *shared;
    const char *file; /* shared memory is in it */
    const char *away; /* NULL: it has a file of its own */
    const char *refault_anonymous;
    const char *refault_file;
};

static const struct names names_by_version[] = {
    {"total_rss ", "total_shmem ", "total_cache ", "total_swap ",
     "total_workingset_refault_anon ", "total_workingset_refault_file "},
    {"anon ", "shmem ", "file ", NULL, "workingset_refault_anon ",
     "workingset_refault_file "},
};

static weft_status look(weftos_reclaim *reclaim,
                        struct weftos_target_figures *figures,
                        weft_detail *detail)
{
    weft_status status = find(reclaim, detail);
    const struct names *names;
    char path[PATH_MAX + 64];
    char text[STAT_BYTES];
    const char *end;
    uint64_t shared = 0;
    uint64_t anonymous;
    uint64_t file;

    if (status != WEFT_OK) {
        return status;
    }
    names = &names_by_version[reclaim->version - 1];
    name_file(reclaim, "memory.stat", path);
    if (!weftos_read_text(path, text, sizeof(text))) {
        return errno == ENOENT || errno == ENODEV
                   ? weftos_fail(detail, WEFT_ENOENT, errno, "find the group")
                   : weftos_fail_errno(detail, "read memory.stat");
    }
    if (weftos_find_number(text, names->anonymous, &anonymous) &&
        weftos_find_number(text, names->file, &file)) {
        (void)weftos_find_number(text, names->shared, &shared);
        figures->resident_bytes = anonymous + file;
        figures->anonymous_bytes = anonymous + (shared < file ? shared : file);
        figures->valid |= WEFTOS_TARGET_RESIDENT;
    }
    if (weftos_find_number(text, names->refault_anonymous,
                           &figures->refault_anonymous_bytes) &&
        weftos_find_number(text, names->refault_file,
                           &figures->refault_file_bytes)) {
        figures->refault_anonymous_bytes *= reclaim->page_bytes;
        figures->refault_file_bytes *= reclaim->page_bytes;
        figures->valid |= WEFTOS_TARGET_REFAULTS;
    }
    if (names->away != NULL) {
        if (weftos_find_number(text, names->away, &figures->away_bytes)) {
            figures->valid |= WEFTOS_TARGET_AWAY;
        }
        return WEFT_OK;
    }
    name_file(reclaim, "memory.swap.current", path);
    if (weftos_read_text(path, text, sizeof(text)) &&
        weftos_parse_number(text, &end, &figures->away_bytes)) {
        figures->valid |= WEFTOS_TARGET_AWAY;
    }
    return WEFT_OK;
}

/* ------------------------------------------------------------------ plan ---
 */

static const char *lever_of(const weftos_reclaim *reclaim)
{
    return reclaim->version == 2 ? "memory.reclaim" : "memory.force_empty";
}

/* Whether something stands in the way. */
static bool is_obstructed(weftos_reclaim *reclaim, weft_reclaim_plan *plan)
{
    char path[PATH_MAX + 64];

    name_file(reclaim, lever_of(reclaim), path);
    if (access(path, F_OK) != 0) {
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_UNSUPPORTED,
                        reclaim->version == 2
                            ? "this group has no memory.reclaim (Linux 5.19 "
                              "or later, and not the root of all groups)"
                            : "this group has no memory.force_empty");
        return true;
    }
    if (access(path, W_OK) != 0) {
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_PRIVILEGE,
                        "this user may not write to the group's %s",
                        lever_of(reclaim));
        return true;
    }
    return false;
}

static void foresee(weftos_reclaim *reclaim, uint64_t anonymous, uint64_t file,
                    const struct reclaim_swap *swap, weft_reclaim_plan *plan)
{
    uint64_t gone = swap->is_there ? anonymous : 0;

    if (swap->is_there && gone > swap->free_bytes) {
        gone = swap->free_bytes;
    }
    plan->candidate_bytes = gone + file;
    if (reclaim->version == 2 && plan->candidate_bytes > reclaim->bytes) {
        plan->candidate_bytes = reclaim->bytes;
        gone = gone < reclaim->bytes ? gone : reclaim->bytes;
    }
    plan->valid |= WEFT_RECLAIM_PLAN_CANDIDATE | WEFT_RECLAIM_PLAN_COST;
    plan->expected_cost_ns =
        plan->candidate_bytes / reclaim->page_bytes * RECLAIM_NS_PER_PAGE;
    if (weftos_swap_gain(swap, gone, &plan->expected_bytes)) {
        plan->valid |= WEFT_RECLAIM_PLAN_EXPECTED;
    }
    if (plan->candidate_bytes == 0) {
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_NOTHING,
                        "the group holds nothing that could go%s",
                        swap->is_there ? "" : ": there is no swap");
        return;
    }
    plan->may_run = true;
    (void)snprintf(plan->reason, sizeof(plan->reason), "%s%s",
                   reclaim->version == 2
                       ? "memory.reclaim takes what was not used lately"
                       : "memory.force_empty takes all that can be had, used "
                         "or not",
                   gone == 0 ? "; copies of files alone, which are available "
                               "already"
                             : "");
}

static weft_status plan(weftos_reclaim *reclaim,
                        const weft_memory_figures *figures,
                        weft_reclaim_plan *plan, weft_detail *detail)
{
    struct weftos_target_figures now = {0};
    struct reclaim_swap swap;
    weft_status status = look(reclaim, &now, detail);

    if (status == WEFT_ENOENT) {
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_GONE,
                        "there is no such control group with memory in it");
        return WEFT_OK;
    }
    if (status != WEFT_OK && status != WEFT_EACCES) {
        return status;
    }
    if (status != WEFT_OK || (now.valid & WEFTOS_TARGET_RESIDENT) == 0) {
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_UNREADABLE,
                        "its memory.stat can't be read");
        return WEFT_OK;
    }
    if (!is_obstructed(reclaim, plan)) {
        weftos_reclaim_swap(reclaim->root, figures, &swap);
        foresee(reclaim, now.anonymous_bytes,
                now.resident_bytes - now.anonymous_bytes, &swap, plan);
    }
    return WEFT_OK;
}

/* ------------------------------------------------------------------- act ---
 */

static weft_status act(weftos_reclaim *reclaim, weft_handle process,
                       bool *is_done, weft_detail *detail)
{
    struct weftos_target_figures now = {0};
    weft_status status = look(reclaim, &now, detail);
    char path[PATH_MAX + 64];
    char text[32] = "0";
    uint64_t bytes = reclaim->bytes;
    ssize_t written;
    int file;

    (void)process;
    *is_done = true;
    if (status != WEFT_OK) {
        return status;
    }
    if (reclaim->version == 2) {
        bytes = bytes < now.resident_bytes ? bytes : now.resident_bytes;
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
    }
    name_file(reclaim, lever_of(reclaim), path);
    file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) {
        return weftos_fail_errno(detail, "open the group's file");
    }
    written = write(file, text, strlen(text));
    /* EAGAIN: less than asked was to be had. EBUSY: the same, in version 1. */
    if (written < 0 && errno != EAGAIN && errno != EBUSY && errno != EINTR) {
        status = weftos_fail_errno(detail, "take memory from the group");
    }
    (void)close(file);
    return status;
}

const struct reclaim_way weftos_reclaim_group = {
    .plan = plan, .members = members, .look = look, .act = act};
