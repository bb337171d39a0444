/* SPDX-License-Identifier: MIT
 *
 * Shared memory by shm_open(), with the rules of XNU:
 *
 *  - a name has at most 30 bytes; names are of the whole machine.
 *  - in the App Sandbox (WEFT_DOUBLE_SANDBOX) it is of the application's group,
 *    GROUP/ANYTHING, or EPERM.
 *  - the descriptor is closed over exec.
 *  - the size is set once, and rounded up to the page of 16 KiB.
 *  - only MAP_SHARED, not beyond the size, and writable only through a
 *    descriptor that is: EPERM, and mprotect() can't mend that later.
 *  - fstat() gives no type of file.
 *
 * The objects are files on Linux's own tmpfs, so they can be shared and their
 * names are told apart from others by a prefix.
 *
 * Weaker than XNU: another process could write() to them, or find the file
 * through /proc and open it anew; a descriptor that is O_RDONLY can't size
 * one here. Addresses and sizes of mappings are multiples of 16 KiB as on Apple
 * silicon, but the kernel would take smaller ones.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <mach/vm_inherit.h>
#include <malloc.h>
#include <malloc/malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "calls.h"
#include "faults.h"

#define NAME_BYTES 30
#define PAGE_BYTES ((size_t)16384)
#define PREFIX "/weft-double."

#ifndef PIPEFS_MAGIC
#define PIPEFS_MAGIC 0x50495045
#endif

/* The name below /dev/shm, with the first slash and all others made plain. */
static int map_name(const char *name, char *mapped, size_t bytes)
{
    if (strlen(name) > NAME_BYTES) {
        return ENAMETOOLONG;
    }
    if (name[0] == '\0') {
        return EINVAL;
    }
    (void)snprintf(mapped, bytes, "%s%s", PREFIX, name);
    for (char *at = mapped + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '|';
        }
    }
    return 0;
}

static bool is_allowed(const char *name)
{
    const char *group = getenv("WEFT_DOUBLE_SANDBOX");
    size_t length = group != NULL ? strlen(group) : 0;

    return length == 0 || (strncmp(name, group, length) == 0 &&
                           name[length] == '/' && name[length + 1] != '\0');
}

int double_shm_open(const char *name, int flags, ...)
{
    char mapped[sizeof(PREFIX) + NAME_BYTES];
    int error =
        is_allowed(name) ? map_name(name, mapped, sizeof(mapped)) : EPERM;
    mode_t mode = 0;
    va_list rest;

    if (error != 0) {
        return double_fail(error);
    }
    if ((flags & O_CREAT) != 0) {
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    if ((flags & ~(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC)) != 0) {
        double_lacks("shm_open() with such flags");
    }
    return shm_open(mapped, flags, mode);
}

int double_shm_unlink(const char *name)
{
    char mapped[sizeof(PREFIX) + NAME_BYTES];

    return map_name(name, mapped, sizeof(mapped)) != 0 ? double_fail(EINVAL)
                                                       : shm_unlink(mapped);
}

bool double_is_shm(int fd, char *name, unsigned bytes)
{
    static const char home[] = "/dev/shm" PREFIX;
    char self[32];
    char path[PATH_MAX];
    ssize_t length;

    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    length = readlink(self, path, sizeof(path) - 1);
    if (length < 0 || strncmp(path, home, sizeof(home) - 1) != 0) {
        return false;
    }
    if (name != NULL) {
        path[length] = '\0';
        (void)snprintf(name, bytes, "%.*s", NAME_BYTES,
                       path + sizeof(home) - 1);
    }
    return true;
}

bool double_is_pipe(int fd)
{
    struct statfs system;

    return fstatfs(fd, &system) == 0 && system.f_type == PIPEFS_MAGIC;
}

/* A pipe without a name has no link, no device, and a mode of its own. */
int double_fstat(int fd, struct stat *info)
{
    if (fstat(fd, info) != 0) {
        return -1;
    }
    if (double_is_shm(fd, NULL, 0)) {
        info->st_mode &= 07777;
    } else if (double_is_pipe(fd)) {
        info->st_mode = S_IFIFO | 0660;
        info->st_nlink = 0;
        info->st_dev = 0;
    }
    return 0;
}

int double_ftruncate(int fd, off_t bytes)
{
    off_t page = (off_t)PAGE_BYTES;
    struct stat info;

    if (!double_is_shm(fd, NULL, 0)) {
        return ftruncate(fd, bytes);
    }
    if (fstat(fd, &info) != 0) {
        return -1;
    }
    if (info.st_size != 0 || bytes <= 0) {
        return double_fail(EINVAL);
    }
    return ftruncate(fd, (bytes + page - 1) / page * page);
}

/* ------------------------------------------------------------- mappings --- */

/* Why XNU would not map an object so; 0: it would. */
static int refusal(int fd, size_t bytes, int protection, int flags,
                   off_t offset)
{
    struct stat info;

    if ((flags & MAP_SHARED) == 0 || fstat(fd, &info) != 0 || offset < 0 ||
        offset > info.st_size ||
        bytes > (uint64_t)(info.st_size - offset + (off_t)PAGE_BYTES - 1) /
                    PAGE_BYTES * PAGE_BYTES) {
        return EINVAL;
    }
    if ((protection & PROT_WRITE) != 0 &&
        (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) {
        return EPERM;
    }
    return 0;
}

/* A free range that begins at a multiple of 16 KiB. */
static char *reserve(size_t bytes)
{
    size_t room = bytes + PAGE_BYTES;
    char *map = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;

    if (map == MAP_FAILED) {
        return map;
    }
    before = (PAGE_BYTES - (uintptr_t)map % PAGE_BYTES) % PAGE_BYTES;
    if (before > 0) {
        (void)munmap(map, before);
    }
    (void)munmap(map + before + bytes, room - before - bytes);
    return map + before;
}

void *double_mmap(void *address, size_t bytes, int protection, int flags,
                  int fd, off_t offset)
{
    size_t whole = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    int error = 0;
    void *map;

    if ((flags & MAP_ANONYMOUS) == 0 && double_is_shm(fd, NULL, 0)) {
        error = refusal(fd, bytes, protection, flags, offset);
    }
    if (bytes == 0 || (uintptr_t)address % PAGE_BYTES != 0 ||
        offset % (off_t)PAGE_BYTES != 0) {
        error = EINVAL;
    }
    if (error != 0) {
        errno = error;
        return MAP_FAILED;
    }
    if ((flags & MAP_FIXED) != 0) {
        return mmap(address, whole, protection, flags, fd, offset);
    }
    address = reserve(whole);
    if (address == MAP_FAILED) {
        return address;
    }
    map = mmap(address, whole, protection, flags | MAP_FIXED, fd, offset);
    if (map == MAP_FAILED) {
        error = errno;
        (void)munmap(address, whole);
        errno = error;
    }
    return map;
}

int double_munmap(void *address, size_t bytes)
{
    size_t whole = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;

    if (bytes == 0 || (uintptr_t)address % PAGE_BYTES != 0) {
        return double_fail(EINVAL);
    }
    return munmap(address, whole);
}

int double_minherit(void *address, size_t bytes, int inherit)
{
    switch ((vm_inherit_t)inherit) {
    case VM_INHERIT_NONE:
        return madvise(address, bytes, MADV_DONTFORK);
    case VM_INHERIT_COPY:
        return madvise(address, bytes, MADV_DOFORK);
    default:
        double_lacks("minherit() of this kind");
    }
}

/* All zones are glibc's heap, which does not tell how much it returns. */
size_t malloc_zone_pressure_relief(void *zone, size_t goal)
{
    (void)zone;
    (void)goal;
    (void)malloc_trim(0);
    return 0;
}
