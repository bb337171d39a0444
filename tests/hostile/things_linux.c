/* SPDX-License-Identifier: MIT
 *
 * What Linux has that is no memory object of weft's, no doorbell, or no
 * control socket. Memory is to be sealed and allocated, and a bell is the
 * writing end of a pipe that has no name.
 */
#define _GNU_SOURCE
#include "attacker.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096
#define HUGE_PAGE (UINT64_C(2) << 20)

/* All seals that an honest owner sets. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

/* -------------------------------------------------------------- memory --- */

/* What a memory object is like. */
struct memory {
    uint64_t bytes;     /* its size */
    uint64_t allocated; /* of that, at its beginning, with a home's magic */
    uint64_t beyond;    /* allocated after its end */
    int seals;
    bool huge; /* on hugetlb */
};

/* Writes to each page: one that is only reserved could pass for a hole. */
static bool write_pages(int fd, uint64_t bytes)
{
    uint32_t magic = WEFTI_MAGIC;
    bool written = true;

    for (uint64_t at = 0; at < bytes && written; at += PAGE) {
        written = pwrite(fd, &magic, sizeof(magic), (off_t)at) == sizeof(magic);
    }
    return written;
}

static bool shape(int fd, const struct memory *plan)
{
    return write_pages(fd, plan->allocated) &&
           ftruncate(fd, (off_t)plan->bytes) == 0 &&
           (plan->beyond == 0 ||
            fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)plan->bytes,
                      (off_t)plan->beyond) == 0) &&
           fcntl(fd, F_ADD_SEALS, plan->seals) == 0;
}

static int make(const struct memory *plan)
{
    int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING |
                                         (plan->huge ? MFD_HUGETLB : 0));

    if (fd >= 0 && !shape(fd, plan)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static int with_seals(uint64_t bytes, int seals)
{
    const struct memory plan = {bytes, bytes, 0, seals, false};

    return make(&plan);
}

static int reopened(int fd, int flags)
{
    char path[40];
    int again;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    again = open(path, flags | O_CLOEXEC);
    REQUIRE(again >= 0);
    REQUIRE(close(fd) == 0);
    return again;
}

static weft_handle a_path_of_memory(uint64_t bytes)
{
    return reopened(with_seals(bytes, SEALS), O_PATH);
}

/* Opened for writing before it is sealed: nobody can map it by this. */
static weft_handle write_only(uint64_t bytes)
{
    int fd = reopened(with_seals(bytes, 0), O_WRONLY);

    REQUIRE(fcntl(fd, F_ADD_SEALS, SEALS) == 0);
    return fd;
}

static weft_handle unsealed(uint64_t bytes)
{
    return with_seals(bytes, 0);
}

static weft_handle shrinkable(uint64_t bytes)
{
    return with_seals(bytes, SEALS & ~F_SEAL_SHRINK);
}

static weft_handle growable(uint64_t bytes)
{
    return with_seals(bytes, SEALS & ~F_SEAL_GROW);
}

/* Where that seal is missing, this is what weft makes. */
static weft_handle writable(uint64_t bytes)
{
    return check_lacks("memfd seals")
               ? WEFTOS_NONE
               : with_seals(bytes, SEALS & ~F_SEAL_FUTURE_WRITE);
}

static weft_handle sealable(uint64_t bytes)
{
    return with_seals(bytes, SEALS & ~F_SEAL_SEAL);
}

/* WRITE in place of FUTURE_WRITE is sound, but not what weft makes. */
static weft_handle sealed_otherwise(uint64_t bytes)
{
    return check_lacks("memfd seals")
               ? WEFTOS_NONE
               : with_seals(bytes,
                            (SEALS & ~F_SEAL_FUTURE_WRITE) | F_SEAL_WRITE);
}

static weft_handle sparse(uint64_t bytes)
{
    const struct memory plan = {bytes, 0, 0, SEALS, false};

    return make(&plan);
}

static weft_handle with_a_hole(uint64_t bytes)
{
    const struct memory plan = {bytes, bytes - PAGE, 0, SEALS, false};

    return make(&plan);
}

/* Its blocks make up the number, but lie where nobody looks. */
static weft_handle sparse_with_blocks_beyond(uint64_t bytes)
{
    const struct memory plan = {bytes, 0, bytes, SEALS, false};

    return make(&plan);
}

static weft_handle empty(uint64_t bytes)
{
    const struct memory plan = {0, 0, 0, SEALS, false};

    (void)bytes;
    return make(&plan);
}

static weft_handle too_small(uint64_t bytes)
{
    const struct memory plan = {bytes - 1, bytes - 1, 0, SEALS, false};

    return make(&plan);
}

/* On hugetlb: of another size, and it can fault when it is touched. */
static weft_handle huge(uint64_t bytes)
{
    const struct memory plan = {HUGE_PAGE, 0, 0, SEALS, true};

    (void)bytes;
    return make(&plan);
}

static weft_handle a_file(uint64_t bytes)
{
    char path[] = "/tmp/weft-hostile-file-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    REQUIRE(fd >= 0 && unlink(path) == 0);
    REQUIRE(write_pages(fd, bytes));
    REQUIRE(ftruncate(fd, (off_t)bytes) == 0);
    return fd;
}

static weft_handle a_file_on_tmpfs(uint64_t bytes)
{
    char path[] = "/dev/shm/weft-hostile-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    if (fd >= 0) {
        REQUIRE(unlink(path) == 0 && write_pages(fd, bytes));
        REQUIRE(ftruncate(fd, (off_t)bytes) == 0);
    }
    return fd;
}

/* --------------------------------------------------------------- others --- */

static weft_handle a_directory(uint64_t bytes)
{
    (void)bytes;
    return open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static weft_handle a_path(uint64_t bytes)
{
    (void)bytes;
    return open("/tmp", O_PATH | O_CLOEXEC);
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
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static weft_handle an_eventfd(uint64_t bytes)
{
    (void)bytes;
    return eventfd(0, EFD_CLOEXEC);
}

static weft_handle an_epoll(uint64_t bytes)
{
    (void)bytes;
    return epoll_create1(EPOLL_CLOEXEC);
}

static int pipe_end(int end)
{
    int fds[2];

    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
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

static weft_handle a_path_of_a_pipe(uint64_t bytes)
{
    (void)bytes;
    return reopened(pipe_end(1), O_PATH);
}

/* A pipe that has a name: it may lie on a file system that blocks. */
static weft_handle a_fifo(uint64_t bytes)
{
    char path[64];
    int fd;

    (void)bytes;
    (void)snprintf(path, sizeof(path), "/tmp/weft-hostile-fifo-%d", getpid());
    REQUIRE(mkfifo(path, 0600) == 0);
    fd = open(path, O_RDWR | O_CLOEXEC);
    REQUIRE(unlink(path) == 0);
    return fd;
}

/* --------------------------------------------------------------- tables --- */

static const struct hostile_thing no_memory[] = {
    {"a file", a_file, false},
    {"a file on tmpfs", a_file_on_tmpfs, true},
    {"a directory", a_directory, false},
    {"a path", a_path, false},
    {"a terminal", a_terminal, true},
    {"/dev/zero", zeroes, false},
    {"/dev/null", nothing, false},
    {"a socket", a_socket, false},
    {"an eventfd", an_eventfd, false},
    {"an epoll", an_epoll, false},
    {"a pipe", a_writing_end, false},
    {"a path of memory", a_path_of_memory, false},
    {"write-only memory", write_only, false},
    {"unsealed memory", unsealed, false},
    {"shrinkable memory", shrinkable, false},
    {"growable memory", growable, false},
    {"memory that others may write", writable, true},
    {"memory that takes more seals", sealable, false},
    {"memory with another seal", sealed_otherwise, true},
    {"sparse memory", sparse, false},
    {"memory with a hole", with_a_hole, false},
    {"sparse memory with blocks beyond its end", sparse_with_blocks_beyond,
     false},
    {"empty memory", empty, false},
    {"memory a byte too small", too_small, false},
    {"huge pages", huge, true},
};

static const struct hostile_thing no_bells[] = {
    {"a file", a_file, false},
    {"a directory", a_directory, false},
    {"a path", a_path, false},
    {"a terminal", a_terminal, true},
    {"/dev/zero", zeroes, false},
    {"/dev/null", nothing, false},
    {"a socket", a_socket, false},
    {"an eventfd", an_eventfd, false},
    {"an epoll", an_epoll, false},
    {"a reading end", a_reading_end, false},
    {"a path of a pipe", a_path_of_a_pipe, false},
    {"a pipe with a name", a_fifo, false},
    {"memory", unsealed, false},
};

static const struct hostile_thing no_sockets[] = {
    {"a stream socket", a_socket, false},
    {"a pipe", a_writing_end, false},
    {"a file", a_file, false},
    {"an eventfd", an_eventfd, false},
    {"memory", unsealed, false},
};

#define THINGS(list)                                                           \
    {                                                                          \
        (list), sizeof(list) / sizeof((list)[0])                               \
    }
const struct hostile_things hostile_no_memory = THINGS(no_memory);
const struct hostile_things hostile_no_bells = THINGS(no_bells);
const struct hostile_things hostile_no_sockets = THINGS(no_sockets);
