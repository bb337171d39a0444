/* SPDX-License-Identifier: MIT
 *
 * Which names there are: a look into the run-time directories.
 *
 * The directory is this user's own, so a file that has one of our names is
 * ours, or nobody's fault but this user's: what is no socket, and no file that
 * somebody has open as memory, is passed over.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../name.h"
#include "place.h"

/* Room for a name, its number, and a suffix. */
#define FILE_MOST (WEFT_NAME_MAX + 16)

/* What one call works on. */
struct listing {
    struct weftos_place place;
    bool of_files;
    weftos_name_visit *visit;
    void *context;
    bool is_over;
};

/* Cuts the suffix off. False: it has none, or what is left is no name. */
static bool take_name(const char *file, const char *suffix, bool numbered,
                      char name[FILE_MOST])
{
    size_t after = strlen(suffix);
    size_t length = strlen(file);

    if (length <= after || length - after >= FILE_MOST ||
        strcmp(file + length - after, suffix) != 0) {
        return false;
    }
    (void)snprintf(name, FILE_MOST, "%.*s", (int)(length - after), file);
    return weftos_name_is_plain(name, numbered);
}

static void see_socket(struct listing *listing, const char *file)
{
    char name[FILE_MOST];
    weftos_named named = {.name = name};
    struct stat info;

    if (take_name(file, ".sock", true, name) &&
        fstatat(listing->place.directory, file, &info, AT_SYMLINK_NOFOLLOW) ==
            0 &&
        S_ISSOCK(info.st_mode)) {
        listing->is_over = !listing->visit(listing->context, &named);
    }
}

/*
 * Whoever has it open holds a lock (named.c). The directory's own, which is
 * held here, keeps those away who would take ours for one of these.
 */
static bool is_in_use(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        (void)flock(fd, LOCK_UN);
        return false;
    }
    return errno == EWOULDBLOCK;
}

static bool look_into(int fd, weftos_named *named)
{
    struct stat info;

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || !is_in_use(fd)) {
        return false;
    }
    named->bytes = (uint64_t)info.st_size;
    if (pread(fd, named->head, sizeof(named->head), 0) !=
        (ssize_t)sizeof(named->head)) {
        memset(named->head, 0, sizeof(named->head));
    }
    return true;
}

static void see_file(struct listing *listing, const char *file)
{
    char name[FILE_MOST];
    weftos_named named = {.name = name, .is_memory = true};
    bool is_there;
    int fd;

    if (!take_name(file, ".mem", false, name)) {
        return;
    }
    fd = openat(listing->place.directory, file,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return; /* it has gone, or it is nothing of ours */
    }
    is_there = look_into(fd, &named);
    (void)close(fd);
    if (is_there) {
        listing->is_over = !listing->visit(listing->context, &named);
    }
}

static weft_status read_entries(struct listing *listing, DIR *directory,
                                weft_detail *detail)
{
    const struct dirent *entry;

    while (!listing->is_over) {
        errno = 0;
        entry = readdir(directory);
        if (entry == NULL) {
            return errno == 0
                       ? WEFT_OK
                       : weftos_fail_errno(detail, "read the names in use");
        }
        if (listing->of_files) {
            see_file(listing, entry->d_name);
        } else {
            see_socket(listing, entry->d_name);
        }
    }
    return WEFT_OK;
}

static weft_status read_directory(struct listing *listing, weft_detail *detail)
{
    /* Not the descriptor that is locked: closedir ends it. */
    int fd = openat(listing->place.directory, ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    weft_status status;

    if (directory == NULL) {
        status = weftos_fail_errno(detail, "read the names in use");
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    status = read_entries(listing, directory, detail);
    (void)closedir(directory);
    return status;
}

/* Where there is no directory there are no names. */
static weft_status list(struct listing *listing, weft_detail *detail)
{
    weft_detail found = {WEFT_OK, 0, NULL};
    weft_status status =
        weftos_place_runtime(listing->of_files, &listing->place, &found);

    if (status == WEFT_ENOENT) {
        return WEFT_OK;
    }
    if (status == WEFT_OK) {
        status = weftos_place_lock(&listing->place, &found);
        if (status == WEFT_OK) {
            status = read_directory(listing, &found);
            weftos_place_unlock(&listing->place);
        }
        (void)close(listing->place.directory);
    }
    if (status != WEFT_OK && detail != NULL) {
        *detail = found;
    }
    return status;
}

weft_status weftos_names_each(weftos_name_visit *visit, void *context,
                              weft_detail *detail)
{
    struct listing listing = {.visit = visit, .context = context};
    weft_status status;
    int cancel;

    /* A thread that is cancelled in here would leave files open and locked. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    status = list(&listing, detail);
    listing.of_files = true;
    if (status == WEFT_OK && !listing.is_over) {
        status = list(&listing, detail);
    }
    (void)pthread_setcancelstate(cancel, &cancel);
    return status;
}
