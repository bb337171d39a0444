/* SPDX-License-Identifier: MIT
 *
 * What macOS has that is no memory object of weft's, no doorbell, or no
 * control socket. Memory is an object of shm_open that has got its size, and a
 * bell is the writing end of a pipe that has no name. kqueues and semaphores
 * can't be sent at all.
 */
#include "attacker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 16384

/* -------------------------------------------------------------- memory --- */

/* Of no size at all if `bytes` is 0. */
static weft_handle make(uint64_t bytes)
{
    char name[32];
    int fd;

    (void)snprintf(name, sizeof(name), "/weft-hostile-%d", (int)getpid());
    fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    REQUIRE(fd >= 0 && shm_unlink(name) == 0);
    REQUIRE(bytes == 0 || ftruncate(fd, (off_t)bytes) == 0);
    return fd;
}

static weft_handle empty(uint64_t bytes)
{
    (void)bytes;
    return make(0);
}

static weft_handle too_large(uint64_t bytes)
{
    return make(bytes + PAGE);
}

static weft_handle a_file(uint64_t bytes)
{
    char path[] = "/tmp/weft-hostile-file-XXXXXX";
    uint32_t magic = WEFTI_MAGIC;
    int fd = mkstemp(path);

    REQUIRE(fd >= 0 && unlink(path) == 0);
    REQUIRE(pwrite(fd, &magic, sizeof(magic), 0) == (ssize_t)sizeof(magic));
    REQUIRE(ftruncate(fd, (off_t)bytes) == 0);
    return fd;
}

/* --------------------------------------------------------------- others --- */

static weft_handle a_directory(uint64_t bytes)
{
    (void)bytes;
    return open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static weft_handle a_directory_for_events(uint64_t bytes)
{
    (void)bytes;
    return open("/tmp", O_EVTONLY | O_CLOEXEC);
}

static weft_handle a_terminal(uint64_t bytes)
{
    (void)bytes;
    return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static weft_handle zeroes(uint64_t bytes)
{
    (void)bytes;
    return open("/dev/zero", O_RDWR | O_CLOEXEC);
}

static weft_handle nothing(uint64_t bytes)
{
    (void)bytes;
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static weft_handle a_socket(uint64_t bytes)
{
    (void)bytes;
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static weft_handle a_datagram_socket(uint64_t bytes)
{
    (void)bytes;
    return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static weft_handle a_kqueue(uint64_t bytes)
{
    (void)bytes;
    return kqueue();
}

static int pipe_end(int end)
{
    int fds[2];

    REQUIRE(pipe(fds) == 0);
    REQUIRE(close(fds[1 - end]) == 0);
    return fds[end];
}

static weft_handle a_reading_end(uint64_t bytes)
{
    (void)bytes;
    return pipe_end(0);
}

static weft_handle a_writing_end(uint64_t bytes)
{
    (void)bytes;
    return pipe_end(1);
}

/* A pipe that has a name: it may lie on a file system that blocks. */
static weft_handle a_fifo(uint64_t bytes)
{
    char path[64];
    int fd;

    (void)bytes;
    (void)snprintf(path, sizeof(path), "/tmp/weft-hostile-fifo-%d",
                   (int)getpid());
    REQUIRE(mkfifo(path, 0600) == 0);
    fd = open(path, O_RDWR | O_CLOEXEC);
    REQUIRE(unlink(path) == 0);
    return fd;
}

/* --------------------------------------------------------------- tables --- */

static const struct hostile_thing no_memory[] = {
    {"a file", a_file, false},
    {"a directory", a_directory, false},
    {"a directory for events", a_directory_for_events, false},
    {"a terminal", a_terminal, true},
    {"/dev/zero", zeroes, false},
    {"/dev/null", nothing, false},
    {"a socket", a_socket, false},
    {"a datagram socket", a_datagram_socket, false},
    {"a reading end", a_reading_end, false},
    {"a writing end", a_writing_end, false},
    {"memory without a size", empty, false},
    {"memory a page too large", too_large, false},
};

static const struct hostile_thing no_bells[] = {
    {"a file", a_file, false},
    {"a directory", a_directory, false},
    {"a directory for events", a_directory_for_events, false},
    {"a terminal", a_terminal, true},
    {"/dev/zero", zeroes, false},
    {"/dev/null", nothing, false},
    {"a socket", a_socket, false},
    {"a datagram socket", a_datagram_socket, false},
    {"a reading end", a_reading_end, false},
    {"a pipe with a name", a_fifo, false},
    {"memory", make, false},
};

static const struct hostile_thing no_sockets[] = {
    {"a datagram socket", a_datagram_socket, false},
    {"a writing end", a_writing_end, false},
    {"a file", a_file, false},
    {"a kqueue", a_kqueue, false},
    {"memory", make, false},
};

#define THINGS(list)                                                           \
    {                                                                          \
        list, sizeof(list) / sizeof(list[0])                                   \
    }
const struct hostile_things hostile_no_memory = THINGS(no_memory);
const struct hostile_things hostile_no_bells = THINGS(no_bells);
const struct hostile_things hostile_no_sockets = THINGS(no_sockets);
