/* SPDX-License-Identifier: MIT
 *
 * Files on Linux and macOS.
 *
 * Who writes holds a lock on the file, which other programs that do not ask for
 * it do not notice: it keeps two of ours apart.
 */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#define _DEFAULT_SOURCE
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "sys.h"

static int lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_SETLK, &whole) == 0) {
        return 0;
    }
    return errno == EAGAIN || errno == EACCES ? SYS_BUSY : errno;
}

int sys_file_open(const char *path, sys_file_use use, weft_handle *file)
{
    static const int flags[] = {[SYS_FILE_READ] = O_RDONLY,
                                [SYS_FILE_NEW] = O_RDWR | O_CREAT | O_EXCL,
                                [SYS_FILE_APPEND] = O_RDWR | O_CREAT};
    int fd = open(path, flags[use] | O_CLOEXEC, 0666);
    int code;

    *file = fd;
    if (fd < 0) {
        return errno;
    }
    code = use == SYS_FILE_READ ? 0 : lock(fd);
    if (code != 0) {
        (void)close(fd);
    }
    return code;
}

int sys_file_close(weft_handle file)
{
    return close((int)file) == 0 || errno == EINTR ? 0 : errno;
}

static size_t piece(size_t bytes)
{
    return bytes < INT_MAX ? bytes : INT_MAX;
}

int sys_file_read(weft_handle file, uint64_t offset, void *buffer, size_t room,
                  size_t *bytes)
{
    *bytes = 0;
    while (*bytes < room) {
        ssize_t got = pread((int)file, (char *)buffer + *bytes,
                            piece(room - *bytes), (off_t)(offset + *bytes));

        if (got == 0) {
            return 0;
        }
        if (got < 0 && errno != EINTR) {
            return errno;
        }
        *bytes += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

int sys_file_write(weft_handle file, uint64_t offset, const void *data,
                   size_t bytes, size_t *written)
{
    *written = 0;
    while (*written < bytes) {
        ssize_t done =
            pwrite((int)file, (const char *)data + *written,
                   piece(bytes - *written), (off_t)(offset + *written));

        if (done < 0 && errno != EINTR) {
            return errno;
        }
        *written += done > 0 ? (size_t)done : 0;
    }
    return 0;
}

int sys_file_cut(weft_handle file, uint64_t length)
{
    return ftruncate((int)file, (off_t)length) == 0 ? 0 : errno;
}

int sys_file_sync(weft_handle file)
{
    return fsync((int)file) == 0 ? 0 : errno;
}
