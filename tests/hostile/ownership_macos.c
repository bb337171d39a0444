/* SPDX-License-Identifier: MIT
 *
 * Every way that macOS has to write to an object that is shown, to change its
 * size or to take it away.
 */
#include "ownership.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attacker.h"

/* What the victim has shown of one object. */
struct shown {
    int fd;
    size_t bytes;
};

static void cannot_map_writable(const struct shown *shown, int fd)
{
    static const int protections[] = {PROT_READ | PROT_WRITE, PROT_WRITE};

    for (size_t i = 0; i < sizeof(protections) / sizeof(protections[0]); i++) {
        CHECK(mmap(NULL, shown->bytes, protections[i], MAP_SHARED, fd, 0) ==
              MAP_FAILED);
        CHECK(mmap(NULL, shown->bytes, protections[i], MAP_PRIVATE, fd, 0) ==
              MAP_FAILED);
    }
}

static void cannot_change_view(const struct shown *shown)
{
    void *map = mmap(NULL, shown->bytes, PROT_READ, MAP_SHARED, shown->fd, 0);

    REQUIRE(map != MAP_FAILED);
    CHECK(mprotect(map, shown->bytes, PROT_READ | PROT_WRITE) != 0);
    CHECK(mprotect(map, shown->bytes, PROT_WRITE) != 0);
    CHECK(munmap(map, shown->bytes) == 0);
}

static void cannot_write(const struct shown *shown, int fd)
{
    char byte = 1;

    CHECK(pwrite(fd, &byte, 1, 0) < 0);
    CHECK(pwrite(fd, &byte, 1, (off_t)shown->bytes) < 0);
    CHECK(write(fd, &byte, 1) < 0);
}

static void cannot_resize(const struct shown *shown, int fd)
{
    const off_t bytes = (off_t)shown->bytes;

    CHECK(ftruncate(fd, 0) != 0);
    CHECK(ftruncate(fd, bytes / 2) != 0);
    CHECK(ftruncate(fd, bytes * 2) != 0);
}

/* /dev/fd gives the same description again, and no more than that may. */
static void cannot_by_reopening(const struct shown *shown)
{
    static const int flags[] = {O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_TRUNC};
    char path[40];

    (void)snprintf(path, sizeof(path), "/dev/fd/%d", shown->fd);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        int fd = open(path, flags[i] | O_CLOEXEC);

        if (fd >= 0) {
            cannot_map_writable(shown, fd);
            cannot_write(shown, fd);
            cannot_resize(shown, fd);
            (void)close(fd);
        }
    }
}

void ownership_memory(weft_handle object, size_t bytes)
{
    const struct shown shown = {(int)object, bytes};
    struct stat info;

    cannot_map_writable(&shown, shown.fd);
    cannot_change_view(&shown);
    cannot_write(&shown, shown.fd);
    cannot_resize(&shown, shown.fd);
    cannot_by_reopening(&shown);
    CHECK(fchmod(shown.fd, 0600) != 0);
    CHECK(fstat(shown.fd, &info) == 0 && (size_t)info.st_size == bytes);
}

void ownership_bell(weft_handle bell)
{
    char byte;

    CHECK((fcntl((int)bell, F_GETFL) & O_ACCMODE) == O_WRONLY);
    CHECK(read((int)bell, &byte, 1) < 0 && errno == EBADF);
}
