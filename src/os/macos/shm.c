/* SPDX-License-Identifier: MIT
 *
 * Shared memory: objects of shm_open that lose their name at once.
 *
 * The owner opens the object twice, for writing and for reading, maps it
 * through the first descriptor and closes it: from then on nobody can get a
 * writable one, because there is no name to open, and macOS has no way to open
 * a descriptor anew. A mapping of a descriptor that was opened for reading
 * can't be made writable later (pshm_mmap caps the protection).
 *
 * The name is random and lives for some microseconds. Its mode lets nobody
 * open it for writing, not even this user: the owner does so in the call that
 * makes it. The App Sandbox allows names of the application's group alone,
 * GROUP/ANYTHING, and the group is known to the application: WEFT_APP_GROUP.
 *
 * An object gets its size once and for all (pshm_truncate refuses the second
 * time). So a size other than 0 can never change under a reader, and there
 * is no fault beyond the end. What differs from sealed memory: the object's
 * pages come into being when they are touched first, so a hostile peer could
 * send one it never touched, and have the reader's touch allocate it. That is
 * within the limit on what a peer may have us map.
 */
#include <fcntl.h>
#include <libproc.h>
#include <mach/vm_inherit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "macos.h"

/* With the end; PSHMNAMLEN is 31. */
#define NAME_BYTES 31

/* The random part: nobody guesses the fewest while the name lives. */
#define DIGITS_MOST 24
#define DIGITS_FEWEST 16

/* Without INHERIT_NONE a forked child could write through it. */
weft_status weftos_shm_map(int fd, size_t bytes, int protection, void **base,
                           weft_detail *detail)
{
    void *map = weftos_map_guarded(fd, bytes, protection, MAP_SHARED);

    if (map == MAP_FAILED) {
        return weftos_fail_errno(detail, "map shared memory");
    }
    if (minherit(map, bytes, VM_INHERIT_NONE) != 0) {
        weft_status status = weftos_fail_errno(detail, "minherit");

        weftos_shm_unmap(map, bytes);
        return status;
    }
    *base = map;
    return WEFT_OK;
}

/*
 * Zeroes are written: a hole in a file that can't be filled when it is touched
 * would be a SIGBUS.
 */
int weftos_shm_allocate(int fd, size_t bytes)
{
    static const char zeroes[4096];

    while (bytes > 0) {
        size_t most = bytes < sizeof(zeroes) ? bytes : sizeof(zeroes);
        ssize_t written = write(fd, zeroes, most);

        if (written < 0 && errno != EINTR) {
            return -1;
        }
        bytes -= written > 0 ? (size_t)written : 0;
    }
    return 0;
}

/* "/weft." or, for an application's group, "GROUP/", and hex digits. */
static weft_status make_name(char name[NAME_BYTES], weft_detail *detail)
{
    const char *group = getenv("WEFT_APP_GROUP");
    bool has_group = group != NULL && group[0] != '\0';
    int length = snprintf(name, NAME_BYTES, "%s/%s", has_group ? group : "",
                          has_group ? "" : "weft.");
    unsigned char seed[DIGITS_MOST];

    if (length + DIGITS_FEWEST >= NAME_BYTES) {
        return weftos_fail(detail, WEFT_ENAME, ENAMETOOLONG,
                           "fit the application's group into a name of 30 "
                           "bytes");
    }
    arc4random_buf(seed, sizeof(seed));
    for (int i = 0; i < DIGITS_MOST && length < NAME_BYTES - 1; i++) {
        name[length++] = "0123456789abcdef"[seed[i] & 15];
    }
    name[length] = '\0';
    return WEFT_OK;
}

/* Two descriptors for one new object that has no name any more. */
static weft_status open_twice(int *writable, int *readable, weft_detail *detail)
{
    char name[NAME_BYTES];
    weft_status status = make_name(name, detail);

    if (status != WEFT_OK) {
        return status;
    }
    *writable = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0400);
    if (*writable < 0) {
        return weftos_fail_errno(
            detail, errno == EPERM
                        ? "shm_open (in a sandbox: set WEFT_APP_GROUP)"
                        : "shm_open");
    }
    *readable = shm_open(name, O_RDONLY);
    if (*readable < 0) {
        status = weftos_fail_errno(detail, "open shared memory for reading");
    }
    if (shm_unlink(name) != 0 && status == WEFT_OK) {
        status = weftos_fail_errno(detail, "shm_unlink");
    }
    return status;
}

/*
 * Touches each page, so that no first touch costs a fault later on. Memory
 * that is not to be had shows earlier, when the object gets its size, or not
 * at all: macOS compresses, swaps, and in the end stops programs.
 */
static void touch(volatile char *base, size_t bytes)
{
    size_t page = (size_t)getpagesize();

    for (size_t at = 0; at < bytes; at += page) {
        base[at] = 0;
    }
}

static weft_status size_and_map(int fd, size_t bytes, void **base,
                                weft_detail *detail)
{
    weft_status status;

    if (ftruncate(fd, (off_t)bytes) != 0) {
        return weftos_fail_errno(detail, "allocate shared memory");
    }
    status = weftos_shm_map(fd, bytes, PROT_READ | PROT_WRITE, base, detail);
    if (status == WEFT_OK) {
        touch(*base, bytes);
    }
    return status;
}

weft_status weftos_shm_create(size_t bytes, weft_handle *object, void **base,
                              weft_detail *detail)
{
    int writable = -1;
    int readable = -1;
    weft_status status = open_twice(&writable, &readable, detail);

    if (status == WEFT_OK && fcntl(readable, F_SETFD, FD_CLOEXEC) != 0) {
        status = weftos_fail_errno(detail, "close shared memory over exec");
    }
    if (status == WEFT_OK) {
        status = size_and_map(writable, bytes, base, detail);
    }
    weftos_close(writable);
    if (status != WEFT_OK) {
        weftos_close(readable);
        return status;
    }
    *object = readable;
    return WEFT_OK;
}

/* Only an object of shm_open has this kind of information. */
static bool is_shared_memory(int fd)
{
    struct pshm_fdinfo info;

    return proc_pidfdinfo(getpid(), fd, PROC_PIDFDPSHMINFO, &info,
                          sizeof(info)) == (int)sizeof(info);
}

weft_status weftos_shm_attach(weft_handle object, size_t bytes,
                              const void **base, weft_detail *detail)
{
    struct stat info;
    void *map = NULL;
    weft_status status;

    if (!is_shared_memory((int)object)) {
        return weftos_fail(detail, WEFT_EPROTO, 0,
                           "check the kind of the peer's memory");
    }
    if (bytes == 0 || fstat((int)object, &info) != 0 || info.st_size < 0 ||
        (uint64_t)info.st_size != bytes) {
        return weftos_fail(detail, WEFT_EPROTO, 0,
                           "check the size of the peer's memory");
    }
    status = weftos_shm_map((int)object, bytes, PROT_READ, &map, detail);
    *base = map;
    return status;
}
