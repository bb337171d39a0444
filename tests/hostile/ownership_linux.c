/* SPDX-License-Identifier: MIT
 *
 * Every way that Linux has to write to an object that is shown, to change its
 * size or to take it away.
 */
#define _GNU_SOURCE
#include "ownership.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "attacker.h"

/* All seals that an owner sets. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

/* What the victim has shown of one object. */
struct shown {
    int fd;
    size_t bytes;
};

/* --------------------------------------------------------------- views --- */

static void cannot_map_writable(const struct shown *shown, int fd)
{
    void *map =
        mmap(NULL, shown->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    CHECK(map == MAP_FAILED);
    map = mmap(NULL, shown->bytes, PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map == MAP_FAILED);
    map = mmap(NULL, shown->bytes, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE,
               fd, 0);
    CHECK(map == MAP_FAILED);
}

static void cannot_change_view(const struct shown *shown)
{
    void *map = mmap(NULL, shown->bytes, PROT_READ, MAP_SHARED, shown->fd, 0);

    REQUIRE(map != MAP_FAILED);
    CHECK(mprotect(map, shown->bytes, PROT_READ | PROT_WRITE) != 0);
    CHECK(mprotect(map, shown->bytes, PROT_WRITE) != 0);
    CHECK(mremap(map, shown->bytes, 2 * shown->bytes, 0) == MAP_FAILED ||
          mprotect(map, shown->bytes, PROT_WRITE) != 0);
    CHECK(madvise(map, shown->bytes, MADV_REMOVE) != 0);
    CHECK(munmap(map, shown->bytes) == 0);
}

static void cannot_write(const struct shown *shown, int fd)
{
    char byte = 1;
    struct iovec part = {&byte, 1};
    off_t offset = 0;
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    CHECK(pwrite(fd, &byte, 1, 0) < 0);
    CHECK(pwrite(fd, &byte, 1, (off_t)shown->bytes) < 0);
    CHECK(pwritev(fd, &part, 1, 128) < 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, &byte, 1) < 0);
    REQUIRE(zero >= 0);
    CHECK(sendfile(fd, zero, &offset, 16) <= 0);
    CHECK(copy_file_range(fd, NULL, fd, NULL, 16, 0) <= 0);
    (void)close(zero);
}

static void cannot_resize(const struct shown *shown, int fd)
{
    static const int modes[] = {0,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_ZERO_RANGE,
                                FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_COLLAPSE_RANGE,
                                FALLOC_FL_INSERT_RANGE};
    const off_t bytes = (off_t)shown->bytes;

    CHECK(ftruncate(fd, 0) != 0);
    CHECK(ftruncate(fd, bytes / 2) != 0);
    CHECK(ftruncate(fd, bytes * 2) != 0);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        CHECK(fallocate(fd, modes[i], 0, bytes * 2) != 0);
        /* Mode 0 within the file asks for what is there already. */
        CHECK(modes[i] == 0 || fallocate(fd, modes[i], 0, bytes) != 0);
    }
}

static void cannot_seal(int fd)
{
    static const int seals[] = {F_SEAL_WRITE, F_SEAL_SEAL, F_SEAL_SHRINK, 0};

    for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++) {
        CHECK(fcntl(fd, F_ADD_SEALS, seals[i]) != 0);
    }
    CHECK((fcntl(fd, F_GET_SEALS) & SEALS) == SEALS);
}

/* Whatever a new description allows, it must not be a way in. */
static void cannot_by_reopening(const struct shown *shown)
{
    static const int flags[] = {O_RDWR, O_WRONLY, O_RDWR | O_TRUNC,
                                O_RDONLY | O_TRUNC, O_RDWR | O_APPEND};
    char path[40];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", shown->fd);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        int fd = open(path, flags[i] | O_CLOEXEC);

        if (fd >= 0) {
            cannot_map_writable(shown, fd);
            cannot_write(shown, fd);
            cannot_resize(shown, fd);
            cannot_seal(fd);
            (void)close(fd);
        }
    }
    CHECK(truncate(path, 0) != 0);
}

static void is_unharmed(const struct shown *shown)
{
    struct stat info;

    CHECK(fstat(shown->fd, &info) == 0 &&
          (size_t)info.st_size == shown->bytes &&
          (size_t)info.st_blocks * 512 >= shown->bytes);
}

void ownership_memory(weft_handle object, size_t bytes)
{
    const struct shown shown = {(int)object, bytes};

    cannot_map_writable(&shown, shown.fd);
    cannot_change_view(&shown);
    cannot_write(&shown, shown.fd);
    cannot_resize(&shown, shown.fd);
    cannot_seal(shown.fd);
    cannot_by_reopening(&shown);
    is_unharmed(&shown);
}

void ownership_bell(weft_handle bell)
{
    char byte;

    CHECK((fcntl((int)bell, F_GETFL) & O_ACCMODE) == O_WRONLY);
    CHECK(read((int)bell, &byte, 1) < 0 && errno == EBADF);
}
