/* SPDX-License-Identifier: MIT
 *
 * Shared memory: nameless, sealed memfds.
 *
 * The owner maps the object writable and then seals it with FUTURE_WRITE
 * (Linux 5.1): its own mapping stays writable, every later one, by anybody, is
 * read-only, and write(), O_RDWR reopening through /proc, mprotect and hole
 * punching fail. SHRINK and GROW keep the size, so that no reader can be made
 * to fault beyond the end; SEAL keeps the seals.
 *
 * Where FUTURE_WRITE is missing the peer gets a descriptor that is open for
 * reading only. That keeps an honest peer from writing; a hostile one of the
 * same user can open it anew through /proc (SECURITY.md).
 *
 * A reader checks the seals first: only then can nothing that it checks next
 * change under it. Then the file system (a hugetlb object can fault when the
 * pool is used up) and the allocation (touching a hole would charge the
 * reader).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "linux.h"
#include "without.h"

/* Linux 6.3; older kernels answer EINVAL. Debian 12's headers lack it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Without DONTFORK a forked child could write through it. */
weft_status weftos_shm_map(int fd, size_t bytes, int protection, void **base,
                           weft_detail *detail)
{
    void *map =
        weftos_map_guarded(fd, bytes, protection, MAP_SHARED | MAP_POPULATE);

    if (map == MAP_FAILED) {
        return weftos_fail_errno(detail, "map shared memory");
    }
    if (madvise(map, bytes, MADV_DONTFORK) != 0) {
        weft_status status = weftos_fail_errno(detail, "MADV_DONTFORK");

        weftos_shm_unmap(map, bytes);
        return status;
    }
    *base = map;
    return WEFT_OK;
}

static int create_memfd(void)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("weft", flags | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create("weft", flags);
    }
    return fd;
}

/* Linux before 5.1 does not know FUTURE_WRITE, and says so with EINVAL. */
static int probe_future_write(void)
{
    int fd = create_memfd();
    int added;

    if (fd < 0) {
        return -1; /* not known yet */
    }
    added = fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
    (void)close(fd);
    return added == 0;
}

/* The seals that all objects bear here. */
static int all_seals(void)
{
    static _Atomic int known = WITHOUT_SEALING ? 0 : -1;

    if (known < 0) {
        known = probe_future_write();
    }
    return known == 0 ? SEALS : SEALS | F_SEAL_FUTURE_WRITE;
}

/*
 * fallocate before anything is shared: memory that is not to be had is an
 * error here, not a SIGBUS later. It also makes the object as long as that. A
 * signal may interrupt it.
 */
int weftos_shm_allocate(int fd, size_t bytes)
{
    int result;

    do {
        result = fallocate(fd, 0, 0, (off_t)bytes);
    } while (result != 0 && errno == EINTR);
    return result;
}

/* Leaves a descriptor for the same object that can only be read from. */
static int open_to_read(int fd)
{
    char path[32];
    int reader;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    reader = open(path, O_RDONLY | O_CLOEXEC);
    if (reader >= 0) {
        (void)close(fd);
    }
    return reader;
}

/* Makes `*fd` fit for the peer. It is still open if that fails. */
static weft_status seal(int *fd, weft_detail *detail)
{
    int seals = all_seals();

    if (fcntl(*fd, F_ADD_SEALS, seals) != 0) {
        return weftos_fail_errno(detail, "seal shared memory");
    }
    if ((seals & F_SEAL_FUTURE_WRITE) == 0) {
        int reader = open_to_read(*fd);

        if (reader < 0) {
            return weftos_fail_errno(detail, "open shared memory for reading");
        }
        *fd = reader;
    }
    return WEFT_OK;
}

weft_status weftos_shm_create(size_t bytes, weft_handle *object, void **base,
                              weft_detail *detail)
{
    weft_status status;
    int fd = create_memfd();

    if (fd < 0) {
        return weftos_fail_errno(detail, "memfd_create");
    }
    if (weftos_shm_allocate(fd, bytes) != 0) {
        status = weftos_fail_errno(detail, "allocate shared memory");
        (void)close(fd);
        return status;
    }
    /* Populated, so that no first touch costs a fault later on. */
    status = weftos_shm_map(fd, bytes, PROT_READ | PROT_WRITE, base, detail);
    if (status == WEFT_OK) {
        status = seal(&fd, detail);
        if (status != WEFT_OK) {
            weftos_shm_unmap(*base, bytes);
        }
    }
    if (status != WEFT_OK) {
        (void)close(fd);
        return status;
    }
    *object = fd;
    return WEFT_OK;
}

/* Returns what is wrong with a peer's object, or NULL. */
static const char *find_fault(int fd, size_t bytes)
{
    struct stat info;
    struct statfs system;
    int wanted = all_seals();
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & wanted) != wanted) {
        return "check the seals of the peer's memory";
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 0 ||
        (uint64_t)info.st_size != bytes) {
        return "check the size of the peer's memory";
    }
    if (fstatfs(fd, &system) != 0 || system.f_type != TMPFS_MAGIC) {
        return "check the kind of the peer's memory";
    }
    /*
     * The first hole must be the end. The count of blocks would not do: it
     * includes what may lie beyond the end.
     */
    if (lseek(fd, 0, SEEK_HOLE) != (off_t)bytes) {
        return "check the allocation of the peer's memory";
    }
    return NULL;
}

weft_status weftos_shm_attach(weft_handle object, size_t bytes,
                              const void **base, weft_detail *detail)
{
    const char *fault = find_fault((int)object, bytes);
    void *map = NULL;
    weft_status status;

    if (fault != NULL) {
        return weftos_fail(detail, WEFT_EPROTO, 0, fault);
    }
    status = weftos_shm_map((int)object, bytes, PROT_READ, &map, detail);
    *base = map;
    return status;
}

/* Not a point of cancellation, as close is: sync.h promises that. */
void weftos_close(weft_handle handle)
{
    int cancel;

    if (handle != WEFTOS_NONE) {
        (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
        /* On Linux the descriptor is gone even when close reports EINTR. */
        (void)close((int)handle);
        (void)pthread_setcancelstate(cancel, &cancel);
    }
}
