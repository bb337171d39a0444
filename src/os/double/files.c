/* SPDX-License-Identifier: MIT
 *
 * Descriptors of any kind: what close(), fcntl(), write() and poll() do
 * otherwise on macOS, and the early ends of those that may sleep.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "calls.h"
#include "faults.h"
#include "socket.h"

/* As in darwin.h, which these files do not include. */
#define F_PREALLOCATE 42
#define F_PEOFPOSMODE 3
#define F_SETNOSIGPIPE 73
#define F_GETNOSIGPIPE 74
#define F_GETPATH 50

/* Closing ends what kqueues watch there. */
int double_close(int fd)
{
    double_kqueue_forget(fd);
    return close(fd);
}

/* Space beyond the end of the file, whose size stays. */
static int preallocate(int fd, struct double_fstore *space)
{
    struct stat info;

    if (double_is_shm(fd, NULL, 0) || space->fst_posmode != F_PEOFPOSMODE ||
        space->fst_offset != 0) {
        return double_fail(EINVAL);
    }
    if (fstat(fd, &info) != 0 ||
        fallocate(fd, FALLOC_FL_KEEP_SIZE, info.st_size, space->fst_length) !=
            0) {
        return -1;
    }
    space->fst_bytesalloc = space->fst_length;
    return 0;
}

/* `path` has room for MAXPATHLEN bytes, which are 1024 on macOS. */
static int find_path(int fd, char *path)
{
    char link[64];
    ssize_t bytes;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    bytes = readlink(link, path, 1023);
    if (bytes < 0) {
        return double_fail(EBADF);
    }
    path[bytes] = '\0';
    return 0;
}

int double_fcntl(int fd, int command, ...)
{
    struct double_fstore *space = NULL;
    char *path = NULL;
    int number = 0;
    va_list rest;

    va_start(rest, command);
    if (command == F_PREALLOCATE) {
        space = va_arg(rest, struct double_fstore *);
    } else if (command == F_GETPATH) {
        path = va_arg(rest, char *);
    } else if (command != F_GETFD && command != F_GETFL &&
               command != F_GETNOSIGPIPE) {
        number = va_arg(rest, int);
    }
    va_end(rest);
    switch (command) {
    case F_GETFD:
    case F_GETFL:
        return fcntl(fd, command);
    case F_SETFD:
    case F_SETFL:
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return fcntl(fd, command, number);
    case F_PREALLOCATE:
        return preallocate(fd, space);
    case F_GETPATH:
        return find_path(fd, path);
    case F_GETNOSIGPIPE:
        return fcntl(fd, F_GETFD) < 0 ? -1 : double_is_silent(fd);
    case F_SETNOSIGPIPE:
        return double_set_silent(fd, number != 0);
    default:
        double_lacks("this command of fcntl()");
    }
}

/* Only files of a file system have a mode to change. */
int double_fchmod(int fd, mode_t mode)
{
    struct stat info;

    if (double_fstat(fd, &info) != 0) {
        return -1;
    }
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        return double_fail(EINVAL);
    }
    return fchmod(fd, mode);
}

/* /dev/fd gives a descriptor once more, for what it was opened for. */
static int open_again(const char *path, int flags)
{
    int fd = atoi(path + strlen("/dev/fd/"));
    int had = fcntl(fd, F_GETFL);

    if (had < 0) {
        return -1;
    }
    had &= O_ACCMODE;
    if (had != O_RDWR && had != (flags & O_ACCMODE)) {
        return double_fail(EACCES);
    }
    return fcntl(fd, (flags & O_CLOEXEC) != 0 ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
}

/* There is no /proc. */
int double_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list rest;

    if (strncmp(path, "/proc/", 6) == 0) {
        return double_fail(ENOENT);
    }
    if (strncmp(path, "/dev/fd/", 8) == 0) {
        return open_again(path, flags);
    }
    if ((flags & O_CREAT) != 0) {
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    return open(path, flags, mode);
}

/* Reading from a pipe wakes its readers too, for what is left. */
ssize_t double_read(int fd, void *data, size_t bytes)
{
    ssize_t got = read(fd, data, bytes);
    struct stat info;

    if (got > 0 && fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode)) {
        double_kqueue_touch(fd);
    }
    return got;
}

/* The SIGPIPE of this write alone is taken back. */
static ssize_t write_silently(int fd, const void *data, size_t bytes)
{
    struct timespec none = {0, 0};
    sigset_t pipe_only;
    sigset_t before;
    sigset_t pending;
    ssize_t result;
    int cause;

    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    result = write(fd, data, bytes);
    cause = errno;
    if (result < 0 && cause == EPIPE && !sigismember(&pending, SIGPIPE)) {
        (void)sigtimedwait(&pipe_only, NULL, &none);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = cause;
    return result;
}

ssize_t double_write(int fd, const void *data, size_t bytes)
{
    return double_is_silent(fd) ? write_silently(fd, data, bytes)
                                : write(fd, data, bytes);
}

/* A stop and a continue end these two so, without any handler. */
int double_poll(struct pollfd *entries, nfds_t count, int timeout_ms)
{
    if (timeout_ms != 0 && double_fault()) {
        return double_fail(EINTR);
    }
    return poll(entries, count, timeout_ms);
}

int double_flock(int fd, int operation)
{
    if ((operation & (LOCK_NB | LOCK_UN)) == 0 && double_fault()) {
        return double_fail(EINTR);
    }
    return flock(fd, operation);
}
