/* SPDX-License-Identifier: MIT
 *
 * The run-time directories of other users: /run/user/UID/weft, which systemd
 * has, and /tmp/weft-UID. Anybody may make what looks like one; it counts as
 * its owner's if nobody else can change what is in it.
 */
#define _GNU_SOURCE
#include "../others.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix.h"

/* Where one lies, and how its name begins and ends. */
struct root {
    const char *path;
    const char *before;
    const char *after;
};

/* What one call works on. */
struct tour {
    weftos_others_visit *visit;
    void *context;
    bool is_over;
};

static void visit_sockets(struct tour *tour, const char *path, int fd,
                          int64_t owner)
{
    DIR *directory = fdopendir(fd);
    const struct dirent *entry;

    if (directory == NULL) {
        (void)close(fd);
        return;
    }
    while (!tour->is_over && (entry = readdir(directory)) != NULL) {
        char full[PATH_MAX];
        const char *dot = strrchr(entry->d_name, '.');

        if (dot != NULL && strcmp(dot, ".sock") == 0 &&
            (size_t)snprintf(full, sizeof(full), "%s/%s", path, entry->d_name) <
                sizeof(full)) {
            tour->is_over = !tour->visit(tour->context, full, owner);
        }
    }
    (void)closedir(directory);
}

static void visit_directory(struct tour *tour, const struct root *root,
                            const char *name)
{
    char path[PATH_MAX];
    struct stat info;
    int fd;

    if (strncmp(name, root->before, strlen(root->before)) != 0 ||
        name[0] == '.' ||
        (size_t)snprintf(path, sizeof(path), "%s/%s%s", root->path, name,
                         root->after) >= sizeof(path)) {
        return;
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return; /* it has gone, or it is none */
    }
    if (fstat(fd, &info) != 0 || (info.st_mode & 077) != 0 ||
        info.st_uid == geteuid()) {
        (void)close(fd);
        return;
    }
    visit_sockets(tour, path, fd, (int64_t)info.st_uid);
}

weft_status weftos_others_each(weftos_others_visit *visit, void *context,
                               weft_detail *detail)
{
    static const struct root roots[] = {{"/run/user", "", "/weft"},
                                        {"/tmp", "weft-", ""}};
    struct tour tour = {visit, context, false};

    if (geteuid() != 0) {
        return weftos_fail(detail, WEFT_EACCES, 0,
                           "look for the names of other users");
    }
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        DIR *directory = opendir(roots[i].path);
        const struct dirent *entry;

        while (directory != NULL && !tour.is_over &&
               (entry = readdir(directory)) != NULL) {
            visit_directory(&tour, &roots[i], entry->d_name);
        }
        if (directory != NULL) {
            (void)closedir(directory);
        }
    }
    return WEFT_OK;
}
