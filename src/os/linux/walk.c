/* SPDX-License-Identifier: MIT
 *
 * All that is in a folder, and in those below.
 *
 * Each folder is opened in the one above, and no link is followed but the one
 * that the caller names himself: so nobody who moves folders about meanwhile
 * leads it elsewhere.
 */
#define _GNU_SOURCE
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each takes a descriptor while what is below is looked at. */
#define DEPTH_MOST 100

struct walk {
    weftos_walk_visit *visit;
    void *context;
    dev_t device;
};

static weft_status enter(const struct walk *walk, int folder, int depth,
                         weft_detail *detail);

/* What is gone meanwhile is passed over. */
static weft_status go_below(const struct walk *walk, int folder,
                            const char *name, int depth, weft_detail *detail)
{
    int below;

    if (depth == DEPTH_MOST) {
        return weftos_fail(detail, WEFT_ELIMIT, 0, "enter a folder that deep");
    }
    below =
        openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below >= 0) {
        return enter(walk, below, depth + 1, detail);
    }
    return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? WEFT_OK
           : errno == EACCES || errno == EPERM
               ? walk->visit(walk->context, -1, name, detail)
               : weftos_fail_errno(detail, "open a folder");
}

static weft_status look_at(const struct walk *walk, int folder,
                           const char *name, int depth, weft_detail *detail)
{
    struct stat info;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return WEFT_OK;
    }
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        /* A folder that may be listed, and not entered, denies it. */
        return errno == ENOENT ? WEFT_OK
                               : walk->visit(walk->context, -1, name, detail);
    }
    if (S_ISREG(info.st_mode)) {
        return walk->visit(walk->context, folder, name, detail);
    }
    return S_ISDIR(info.st_mode) && info.st_dev == walk->device
               ? go_below(walk, folder, name, depth, detail)
               : WEFT_OK;
}

/* Closes the descriptor. */
static weft_status enter(const struct walk *walk, int folder, int depth,
                         weft_detail *detail)
{
    weft_status status = WEFT_OK;
    DIR *entries = fdopendir(folder);
    const struct dirent *entry;

    if (entries == NULL) {
        status = weftos_fail_errno(detail, "list a folder");
        (void)close(folder);
        return status;
    }
    while (status == WEFT_OK) {
        errno = 0;
        entry = readdir(entries);
        if (entry == NULL) {
            break;
        }
        status = look_at(walk, dirfd(entries), entry->d_name, depth, detail);
    }
    /* A group or a folder that is removed meanwhile has nothing more. */
    if (status == WEFT_OK && errno != 0 && errno != ENOENT && errno != ENODEV) {
        status = weftos_fail_errno(detail, "list a folder");
    }
    (void)closedir(entries);
    return status;
}

weft_status weftos_walk(const char *path, weftos_walk_visit *visit,
                        void *context, weft_detail *detail)
{
    struct walk walk = {.visit = visit, .context = context};
    struct stat info;
    int folder;

    if (stat(path, &info) != 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? weftos_fail(detail, WEFT_ENOENT, errno, "find the file")
                   : weftos_fail_errno(detail, "find the file");
    }
    if (!S_ISDIR(info.st_mode)) {
        return visit(context, AT_FDCWD, path, detail);
    }
    walk.device = info.st_dev;
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder >= 0 ? enter(&walk, folder, 0, detail)
                       : weftos_fail_errno(detail, "open the folder");
}
