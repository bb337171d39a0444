/* SPDX-License-Identifier: MIT
 *
 * Files that are this user's alone, on Linux and macOS.
 */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"

/* Makes it unless it is there. */
static int make_directory(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : errno;
}

static int make_parents(const char *path)
{
    char part[PATH_MAX];
    int length = snprintf(part, sizeof(part), "%s", path);
    int code = 0;

    if (length < 0 || (size_t)length >= sizeof(part)) {
        return ENAMETOOLONG;
    }
    for (char *at = strchr(part + 1, '/'); at != NULL && code == 0;
         at = strchr(at + 1, '/')) {
        *at = '\0';
        code = make_directory(part);
        *at = '/';
    }
    return code;
}

int sys_own_directory(const char *path)
{
    struct stat status;
    int code = make_parents(path);

    if (code == 0) {
        code = make_directory(path);
    }
    if (code != 0) {
        return code;
    }
    if (stat(path, &status) != 0) {
        return errno;
    }
    if (!S_ISDIR(status.st_mode)) {
        return ENOTDIR;
    }
    if (status.st_uid != geteuid()) {
        return SYS_NOT_OURS;
    }
    return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 ? SYS_EXPOSED : 0;
}

int sys_own_file(const char *path, bool make)
{
    struct stat status;

    if (make) {
        /* O_EXCL: a link that leads nowhere is not followed. */
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd >= 0) {
            (void)close(fd);
        } else if (errno != EEXIST) {
            return errno;
        }
    }
    if (stat(path, &status) != 0) {
        return errno;
    }
    if (!S_ISREG(status.st_mode)) {
        return SYS_NO_FILE;
    }
    if (status.st_uid != geteuid()) {
        return SYS_NOT_OURS;
    }
    return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 ? SYS_EXPOSED : 0;
}

const char *sys_directory(char *path, size_t room)
{
    return getcwd(path, room);
}
