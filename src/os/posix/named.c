/* SPDX-License-Identifier: MIT
 *
 * Memory with a name: a file beside the sockets, for processes that trust each
 * other.
 *
 * Everybody who has it open holds a shared lock on the file, which the kernel
 * drops when he dies. So whoever gets the lock for himself alone knows that
 * what he found is left over, and makes it anew. New memory is made under
 * another name, and moved to its own when it is complete: nobody ever sees
 * half of it. A lock on the directory keeps two makers apart.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"

/* What one call works on. */
struct opening {
    struct weftos_place place;
    char file[NAME_MAX + 1];   /* within the directory */
    char unmade[NAME_MAX + 1]; /* the same, while it is being made */
    unsigned mode;
    int fd;
};

static weft_status name_files(struct opening *opening, const char *name,
                              weft_detail *detail)
{
    const char *slash = strrchr(name, '/');
    const char *own = slash != NULL ? slash + 1 : name;
    const char *suffix = slash != NULL ? "" : ".mem";
    int length =
        snprintf(opening->file, sizeof(opening->file), "%s%s", own, suffix);
    int longer = snprintf(opening->unmade, sizeof(opening->unmade), "%s.new",
                          opening->file);

    if (length <= (int)strlen(suffix) || longer >= (int)sizeof(opening->file)) {
        return weftos_fail(detail, WEFT_ENAME, 0, "name the memory");
    }
    return WEFT_OK;
}

/* Memory of others is welcome only to those who share it with others. */
static weft_status check_file(const struct opening *opening, size_t *bytes,
                              weft_detail *detail)
{
    static const char step[] = "check the memory of the name";
    struct stat info;

    if (fstat(opening->fd, &info) != 0) {
        return weftos_fail_errno(detail, step);
    }
    if (!S_ISREG(info.st_mode) ||
        (info.st_uid != geteuid() && info.st_uid != 0 &&
         (opening->mode & 077) == 0)) {
        return weftos_fail(detail, WEFT_EACCES, 0, step);
    }
    if (*bytes != 0 && (uint64_t)info.st_size != *bytes) {
        return weftos_fail(detail, WEFT_EINUSE, 0,
                           "find the size that the memory was made with");
    }
    *bytes = (size_t)info.st_size;
    return WEFT_OK;
}

/*
 * Opens what is there, or only asks, without `base`. WEFT_ENOENT: nothing, or
 * what nobody uses any more.
 */
static weft_status open_file(struct opening *opening, size_t *bytes,
                             void **base, weft_detail *detail)
{
    weft_status status;

    opening->fd = openat(opening->place.directory, opening->file,
                         O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (opening->fd < 0) {
        return weftos_fail(detail,
                           errno == ENOENT  ? WEFT_ENOENT
                           : errno == ELOOP ? WEFT_EACCES
                                            : weftos_errno_status(errno),
                           errno, "open the memory of the name");
    }
    if (flock(opening->fd, LOCK_EX | LOCK_NB) == 0) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find a user of the memory");
    }
    if (base == NULL) {
        return WEFT_OK;
    }
    if (flock(opening->fd, LOCK_SH | LOCK_NB) != 0) {
        return weftos_fail_errno(detail, "lock the memory of the name");
    }
    status = check_file(opening, bytes, detail);
    return status == WEFT_OK
               ? weftos_shm_map(opening->fd, *bytes, PROT_READ | PROT_WRITE,
                                base, detail)
               : status;
}

static weft_status create_file(struct opening *opening, size_t bytes,
                               void **base, weft_detail *detail)
{
    int directory = opening->place.directory;

    /* A maker that died has left it: we hold the directory's lock. */
    if (unlinkat(directory, opening->unmade, 0) != 0 && errno != ENOENT) {
        return weftos_fail_errno(detail, "remove half-made memory");
    }
    opening->fd = openat(directory, opening->unmade,
                         O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (opening->fd < 0) {
        return weftos_fail_errno(detail, "make the memory of the name");
    }
    if (weftos_shm_allocate(opening->fd, bytes) != 0) {
        return weftos_fail_errno(detail, "allocate the memory of the name");
    }
    return weftos_shm_map(opening->fd, bytes, PROT_READ | PROT_WRITE, base,
                          detail);
}

static weft_status publish_file(const struct opening *opening,
                                weft_detail *detail)
{
    int directory = opening->place.directory;

    if (flock(opening->fd, LOCK_SH | LOCK_NB) != 0 ||
        fchmod(opening->fd, (mode_t)opening->mode) != 0 ||
        renameat(directory, opening->unmade, directory, opening->file) != 0) {
        return weftos_fail_errno(detail, "give the memory its name");
    }
    return WEFT_OK;
}

static weft_status make_file(struct opening *opening, size_t bytes,
                             weftos_shm_maker *make, void *context, void **base,
                             weft_detail *detail)
{
    weft_status status = create_file(opening, bytes, base, detail);

    if (status == WEFT_OK) {
        make(*base, bytes, context);
        status = publish_file(opening, detail);
        if (status != WEFT_OK) {
            weftos_shm_unmap(*base, bytes);
        }
    }
    if (status != WEFT_OK) {
        (void)unlinkat(opening->place.directory, opening->unmade, 0);
    }
    return status;
}

static weft_status open_or_make(struct opening *opening, size_t *bytes,
                                weftos_shm_maker *make, void *context,
                                void **base, weft_detail *detail)
{
    weft_detail found = {WEFT_OK, 0, NULL};
    weft_status status = open_file(opening, bytes, base, &found);

    if (status == WEFT_ENOENT && *bytes == 0 && opening->fd >= 0) {
        /* Left over, and nobody can open it while we hold the lock. */
        (void)unlinkat(opening->place.directory, opening->file, 0);
    }
    if (status == WEFT_ENOENT && *bytes != 0) {
        weftos_close(opening->fd);
        opening->fd = -1;
        return make_file(opening, *bytes, make, context, base, detail);
    }
    if (status != WEFT_OK && detail != NULL) {
        *detail = found;
    }
    return status;
}

static weft_status open_memory(struct opening *opening, const char *name,
                               size_t *bytes, weftos_shm_maker *make,
                               void *context, void **base, weft_detail *detail)
{
    weft_status status = name_files(opening, name, detail);

    if (status == WEFT_OK) {
        status = weftos_place_open_file(name, &opening->place, detail);
    }
    if (status == WEFT_ENOENT && *bytes != 0) {
        return weftos_fail(detail, WEFT_ENAME, ENOENT,
                           "open the directory of the name");
    }
    if (status != WEFT_OK) {
        return status;
    }
    status = weftos_place_lock(&opening->place, detail);
    if (status == WEFT_OK) {
        status = open_or_make(opening, bytes, make, context, base, detail);
        if (status != WEFT_OK || base == NULL) {
            /* Before the next one looks who has the file open. */
            weftos_close(opening->fd);
        }
        weftos_place_unlock(&opening->place);
    }
    weftos_close(opening->place.directory);
    return status;
}

weft_status weftos_shm_open(const char *name, unsigned mode, size_t *bytes,
                            weftos_shm_maker *make, void *context,
                            weft_handle *handle, void **base,
                            weft_detail *detail)
{
    struct opening opening = {.mode = mode, .fd = -1};
    weft_status status;
    int cancel;

    /* A thread that is cancelled in here would leave files open and locked. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    status = open_memory(&opening, name, bytes, make, context, base, detail);
    (void)pthread_setcancelstate(cancel, &cancel);
    if (status == WEFT_OK && base != NULL) {
        *handle = opening.fd;
    }
    return status;
}
