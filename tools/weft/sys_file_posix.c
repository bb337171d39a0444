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
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
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
    /* A pipe is not waited for: reading tells then that it is no file. */
    static const int flags[] = {[SYS_FILE_READ] =
                                    O_RDONLY | O_NONBLOCK | O_NOCTTY,
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

bool sys_file_exists(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

int sys_file_trust(weft_handle file, bool is_secret)
{
    mode_t exposed = is_secret ? S_IRWXG | S_IRWXO : S_IWGRP | S_IWOTH;
    struct stat status;

    if (fstat((int)file, &status) != 0) {
        return errno;
    }
    if (!S_ISREG(status.st_mode)) {
        return SYS_NO_FILE;
    }
    if (status.st_uid != geteuid() && status.st_uid != 0) {
        return SYS_NOT_OURS;
    }
    return (status.st_mode & exposed) != 0 ? SYS_EXPOSED : 0;
}

bool sys_system_file(const char *name, char *path, size_t room)
{
    int length = snprintf(path, room, "/etc/weft/%s", name);

    return length > 0 && (size_t)length < room;
}

/* ----------------------------------------------------------------- text --- */

FILE *sys_text_open(sys_text *text)
{
    *text = (sys_text){.file = NULL};
    text->file = open_memstream(&text->data, &text->bytes);
    return text->file;
}

bool sys_text_close(sys_text *text)
{
    bool is_whole = ferror(text->file) == 0;

    is_whole = fclose(text->file) == 0 && is_whole;
    if (!is_whole) {
        free(text->data);
        text->data = NULL;
    }
    return is_whole;
}

/* ----------------------------------------------- a program's own streams ---
 */

int sys_stream_open(const char *path, bool to_write, weft_handle *file)
{
    int flags = to_write ? O_WRONLY | O_CREAT : O_RDONLY;
    int fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0666);
    struct stat status;

    *file = WEFT_HANDLE_NONE;
    if (fd < 0) {
        return errno;
    }
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        (void)close(fd);
        return EISDIR;
    }
    *file = fd;
    return 0;
}

bool sys_stream_is_same(weft_handle first, weft_handle second)
{
    struct stat one;
    struct stat other;

    return fstat((int)first, &one) == 0 && fstat((int)second, &other) == 0 &&
           S_ISREG(one.st_mode) && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

int sys_stream_empty(weft_handle file)
{
    struct stat status;

    if (fstat((int)file, &status) == 0 && !S_ISREG(status.st_mode)) {
        return 0;
    }
    return ftruncate((int)file, 0) == 0 ? 0 : errno;
}

int sys_relay_open(weft_handle *to_read, weft_handle *to_write)
{
    int ends[2];

    if (pipe(ends) != 0) {
        return errno;
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *to_read = ends[0];
    *to_write = ends[1];
    return 0;
}

int sys_relay_read(weft_handle to_read, void *buffer, size_t room,
                   size_t *bytes, bool *at_end)
{
    ssize_t got = read((int)to_read, buffer, room);

    *at_end = got == 0;
    *bytes = got > 0 ? (size_t)got : 0;
    return got >= 0 || errno == EAGAIN || errno == EINTR ? 0 : errno;
}
