/* SPDX-License-Identifier: MIT
 *
 * Names into places: which socket or file a name stands for, and whether the
 * directory that it lies in can be trusted.
 */
#define _GNU_SOURCE
#include "place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../name.h"

static bool is_path(const char *name)
{
    return strchr(name, '/') != NULL;
}

/*
 * The run-time directory, of sockets or of files: those may need another one
 * where the environment names none. The XDG specification wants a relative
 * XDG_RUNTIME_DIR ignored; a relative directory of weft's own is a mistake.
 */
static weft_status runtime_directory(bool of_files, char *path,
                                     weft_detail *detail)
{
    const char *own = getenv("WEFT_RUNTIME_DIR");
    const char *session = getenv("XDG_RUNTIME_DIR");
    int length;

    if (own != NULL && own[0] != '\0') {
        if (own[0] != '/') {
            return weftos_fail(detail, WEFT_ENAME, 0,
                               "use WEFT_RUNTIME_DIR, which is not absolute");
        }
        length = snprintf(path, PATH_MAX, "%s", own);
    } else if (session != NULL && session[0] == '/') {
        length = snprintf(path, PATH_MAX, "%s/weft", session);
    } else {
        length =
            snprintf(path, PATH_MAX, "/tmp/weft-%lu", (unsigned long)geteuid());
        if (of_files) {
            return weftos_place_of_files(path, detail);
        }
    }
    return length < PATH_MAX ? WEFT_OK
                             : weftos_fail(detail, WEFT_ENAME, ENAMETOOLONG,
                                           "use the run-time directory");
}

/*
 * Our own, and nobody else's to look into; or, for a path, ours or root's, and
 * writable to others only if it is sticky.
 */
static bool is_trusted(const struct stat *info, bool private)
{
    if (private) {
        return info->st_uid == geteuid() && (info->st_mode & 077) == 0;
    }
    return (info->st_uid == geteuid() || info->st_uid == 0) &&
           ((info->st_mode & 022) == 0 || (info->st_mode & S_ISVTX) != 0);
}

/*
 * Opens and checks the directory of a name. Nobody but
 * its owner (and root) may be able to rename things in it, or a path through
 * it proves nothing.
 */
static weft_status open_directory(const char *path, bool private, int *out,
                                  weft_detail *detail)
{
    static const char step[] = "check the directory of the name";
    struct stat info;
    weft_status status = WEFT_OK;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
                            (private ? O_NOFOLLOW : 0));

    if (fd < 0) {
        return weftos_fail(detail,
                           errno == ENOENT ? WEFT_ENOENT
                           : errno == ELOOP || errno == ENOTDIR
                               ? WEFT_EACCES
                               : weftos_errno_status(errno),
                           errno, "open the directory of the name");
    }
    if (fstat(fd, &info) != 0) {
        status = weftos_fail_errno(detail, step);
    } else if (!is_trusted(&info, private)) {
        status = weftos_fail(detail, WEFT_EACCES, 0, step);
    }
    if (status != WEFT_OK) {
        (void)close(fd);
        return status;
    }
    *out = fd;
    return WEFT_OK;
}

void weftos_place_parent(const char *path, char *parent)
{
    const char *slash = strrchr(path, '/');
    int length = slash == path ? 1 : (int)(slash - path);

    (void)snprintf(parent, PATH_MAX, "%.*s", length, path);
}

/* The path of a plain name, by way of the run-time directory. */
static weft_status find_by_name(const char *name, struct weftos_place *place,
                                char *path, weft_detail *detail)
{
    weft_status status;

    if (!weftos_name_is_plain(name, true)) {
        return weftos_fail(detail, WEFT_ENAME, 0, "check the name");
    }
    status = runtime_directory(false, place->directory_path, detail);
    if (status == WEFT_OK &&
        snprintf(path, PATH_MAX, "%s/%s.sock", place->directory_path, name) >=
            PATH_MAX) {
        status = weftos_fail(detail, WEFT_ENAME, ENAMETOOLONG,
                             "use the run-time directory");
    }
    return status;
}

weft_status weftos_place_name(const char *name, struct weftos_place *place,
                              weft_detail *detail)
{
    char path[PATH_MAX];
    size_t length;
    weft_status status = WEFT_OK;

    place->directory = -1;
    place->is_private = !is_path(name);
    if (place->is_private) {
        status = find_by_name(name, place, path, detail);
    } else {
        weftos_place_parent(name, place->directory_path);
        (void)snprintf(path, sizeof(path), "%s", name);
    }
    if (status != WEFT_OK) {
        return status;
    }
    length = strlen(path);
    if (length >= sizeof(place->address.sun_path) ||
        (!place->is_private && length != strlen(name))) {
        return weftos_fail(detail, WEFT_ENAME, ENAMETOOLONG,
                           "fit the path into a socket address");
    }
    memset(&place->address, 0, sizeof(place->address));
    place->address.sun_family = AF_UNIX;
    memcpy(place->address.sun_path, path, length + 1);
    return WEFT_OK;
}

/* `makes`: makes the run-time directory if it is missing. */
static weft_status open_place(struct weftos_place *place, bool makes,
                              weft_detail *detail)
{
    if (place->is_private && makes && mkdir(place->directory_path, 0700) != 0 &&
        errno != EEXIST) {
        return weftos_fail(
            detail, errno == ENOENT ? WEFT_ENAME : weftos_errno_status(errno),
            errno, "make the run-time directory");
    }
    return open_directory(place->directory_path, place->is_private,
                          &place->directory, detail);
}

weft_status weftos_place_open(const char *name, bool listens,
                              struct weftos_place *place, weft_detail *detail)
{
    weft_status status = weftos_place_name(name, place, detail);

    return status != WEFT_OK || (!place->is_private && !listens)
               ? status
               : open_place(place, listens, detail);
}

weft_status weftos_place_runtime(bool of_files, struct weftos_place *place,
                                 weft_detail *detail)
{
    weft_status status =
        runtime_directory(of_files, place->directory_path, detail);

    place->directory = -1;
    place->is_private = true;
    return status == WEFT_OK ? open_place(place, false, detail) : status;
}

weft_status weftos_place_file(const char *name, struct weftos_place *place,
                              weft_detail *detail)
{
    place->directory = -1;
    place->is_private = !is_path(name);
    if (!place->is_private) {
        weftos_place_parent(name, place->directory_path);
        return strlen(name) < PATH_MAX
                   ? WEFT_OK
                   : weftos_fail(detail, WEFT_ENAME, ENAMETOOLONG,
                                 "use the path");
    }
    return weftos_name_is_plain(name, false)
               ? runtime_directory(true, place->directory_path, detail)
               : weftos_fail(detail, WEFT_ENAME, 0, "check the name");
}

weft_status weftos_place_open_file(const char *name, struct weftos_place *place,
                                   weft_detail *detail)
{
    weft_status status = weftos_place_file(name, place, detail);

    return status == WEFT_OK ? open_place(place, true, detail) : status;
}

weft_status weftos_place_lock(const struct weftos_place *place,
                              weft_detail *detail)
{
    int result;

    do {
        result = flock(place->directory, LOCK_EX);
    } while (result != 0 && errno == EINTR);
    return result == 0
               ? WEFT_OK
               : weftos_fail_errno(detail, "lock the directory of the name");
}

void weftos_place_unlock(const struct weftos_place *place)
{
    (void)flock(place->directory, LOCK_UN);
}
