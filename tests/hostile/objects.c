/* SPDX-License-Identifier: MIT
 *
 * Wrong handles in a greeting: for the home anything but a sealed, allocated
 * memory object of the right size, for the doorbell anything but the writing
 * end of a pipe that has no name.
 */
#define _GNU_SOURCE
#include "attacker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens one kind of handle; -1 where the system has none. */
struct thing {
    const char *name;
    int (*open)(void);
};

/* -------------------------------------------------------------- things --- */

static int a_file(void)
{
    char path[] = "/tmp/weft-hostile-file-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    REQUIRE(fd >= 0 && unlink(path) == 0);
    REQUIRE(ftruncate(fd, 4096) == 0);
    return fd;
}

static int a_file_on_tmpfs(void)
{
    char path[] = "/dev/shm/weft-hostile-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    uint32_t magic = WEFTI_MAGIC;

    if (fd < 0) {
        return -1;
    }
    REQUIRE(unlink(path) == 0 && ftruncate(fd, 4096) == 0);
    REQUIRE(pwrite(fd, &magic, sizeof(magic), 0) == sizeof(magic));
    return fd;
}

static int a_directory(void)
{
    return open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int a_path(void)
{
    return open("/tmp", O_PATH | O_CLOEXEC);
}

static int a_terminal(void)
{
    return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static int zeroes(void)
{
    return open("/dev/zero", O_RDWR | O_CLOEXEC);
}

static int nothing(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int a_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int an_eventfd(void)
{
    return eventfd(0, EFD_CLOEXEC);
}

static int an_epoll(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

static int pipe_end(int end)
{
    int fds[2];

    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    REQUIRE(close(fds[1 - end]) == 0);
    return fds[end];
}

static int a_reading_end(void)
{
    return pipe_end(0);
}

static int a_writing_end(void)
{
    return pipe_end(1);
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

static int a_path_of_a_pipe(void)
{
    return reopened(pipe_end(1), O_PATH);
}

/* A pipe that has a name: it may lie on a file system that blocks. */
static int a_fifo(void)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/tmp/weft-hostile-fifo-%d", getpid());
    REQUIRE(mkfifo(path, 0600) == 0);
    fd = open(path, O_RDWR | O_CLOEXEC);
    REQUIRE(unlink(path) == 0);
    return fd;
}

static int memory(uint64_t allocated, uint64_t beyond, int seals)
{
    const struct hostile_memory plan = {4096,  allocated, beyond,
                                        seals, false,     true};

    return (int)hostile_memory_open(&plan);
}

static int a_path_of_memory(void)
{
    return reopened(memory(4096, 0, hostile_seals()), O_PATH);
}

/* Opened for writing before it is sealed: nobody can map it by this. */
static int write_only_memory(void)
{
    int fd = reopened(memory(4096, 0, 0), O_WRONLY);

    REQUIRE(fcntl(fd, F_ADD_SEALS, hostile_seals()) == 0);
    return fd;
}

static int unsealed_memory(void)
{
    return memory(4096, 0, 0);
}

static int shrinkable_memory(void)
{
    return memory(4096, 0, hostile_seals() & ~F_SEAL_SHRINK);
}

static int growable_memory(void)
{
    return memory(4096, 0, hostile_seals() & ~F_SEAL_GROW);
}

static int writable_memory(void)
{
    return memory(4096, 0, hostile_seals() & ~F_SEAL_FUTURE_WRITE);
}

static int sealable_memory(void)
{
    return memory(4096, 0, hostile_seals() & ~F_SEAL_SEAL);
}

/* WRITE in place of FUTURE_WRITE is sound, but not what weft makes. */
static int write_sealed_memory(void)
{
    return memory(4096, 0,
                  (hostile_seals() & ~F_SEAL_FUTURE_WRITE) | F_SEAL_WRITE);
}

static int unnamed(const struct hostile_memory *plan)
{
    return (int)hostile_memory_open(plan);
}

static int sparse_memory(void)
{
    const struct hostile_memory plan = {4096,  0,    0, hostile_seals(),
                                        false, false};

    return unnamed(&plan);
}

/* Its blocks make up the number, but lie where nobody looks. */
static int sparse_memory_with_blocks_beyond(void)
{
    const struct hostile_memory plan = {8192,  4096, 8192, hostile_seals(),
                                        false, true};

    return unnamed(&plan);
}

static int memory_without_magic(void)
{
    const struct hostile_memory plan = {4096,  4096, 0, hostile_seals(),
                                        false, false};

    return unnamed(&plan);
}

static int empty_memory(void)
{
    const struct hostile_memory plan = {0, 0, 0, hostile_seals(), false, false};

    return unnamed(&plan);
}

static int small_memory(void)
{
    const struct hostile_memory plan = {4095,  4095, 0, hostile_seals(),
                                        false, true};

    return unnamed(&plan);
}

static int large_memory(void)
{
    const struct hostile_memory plan = {12288,           12288, 0,
                                        hostile_seals(), false, true};

    return unnamed(&plan);
}

/* On hugetlb: the size can't be 4096, and it can fault when it is touched. */
static int huge_memory(void)
{
    const struct hostile_memory plan = {UINT64_C(2) << 20, 0,    0,
                                        hostile_seals(),   true, false};

    return unnamed(&plan);
}

/* ------------------------------------------------------------ greeting --- */

static const struct thing homes[] = {
    {"a file as home", a_file},
    {"a file on tmpfs as home", a_file_on_tmpfs},
    {"a directory as home", a_directory},
    {"a path as home", a_path},
    {"a terminal as home", a_terminal},
    {"/dev/zero as home", zeroes},
    {"/dev/null as home", nothing},
    {"a socket as home", a_socket},
    {"an eventfd as home", an_eventfd},
    {"an epoll as home", an_epoll},
    {"a pipe as home", a_writing_end},
    {"a path of memory as home", a_path_of_memory},
    {"write-only memory as home", write_only_memory},
    {"unsealed memory as home", unsealed_memory},
    {"shrinkable memory as home", shrinkable_memory},
    {"growable memory as home", growable_memory},
    {"memory that others may write as home", writable_memory},
    {"memory that takes more seals as home", sealable_memory},
    {"memory with another seal as home", write_sealed_memory},
    {"sparse memory as home", sparse_memory},
    {"sparse memory with blocks beyond its end as home",
     sparse_memory_with_blocks_beyond},
    {"memory without the magic as home", memory_without_magic},
    {"empty memory as home", empty_memory},
    {"memory a byte too small as home", small_memory},
    {"memory too large as home", large_memory},
    {"huge pages as home", huge_memory},
};

static const struct thing bells[] = {
    {"a file as bell", a_file},
    {"a directory as bell", a_directory},
    {"a path as bell", a_path},
    {"a terminal as bell", a_terminal},
    {"/dev/zero as bell", zeroes},
    {"/dev/null as bell", nothing},
    {"a socket as bell", a_socket},
    {"an eventfd as bell", an_eventfd},
    {"an epoll as bell", an_epoll},
    {"a reading end as bell", a_reading_end},
    {"a path of a pipe as bell", a_path_of_a_pipe},
    {"a pipe with a name as bell", a_fifo},
    {"memory as bell", unsealed_memory},
};

static void try_greeting(uint64_t home_bytes, weft_handle home,
                         weft_handle bell)
{
    const weft_handle handles[WEFTI_GREETING_HANDLES] = {home, bell};
    struct attacker attacker;
    struct wefti_greeting greeting;
    weft_channel *victim;
    weft_status status;

    memset(&attacker, 0, sizeof(attacker));
    REQUIRE(weft_channel_pair(NULL, &victim, &attacker.socket, NULL) ==
            WEFT_OK);
    attacker_greeting(&attacker, WEFTI_HELLO, &greeting);
    greeting.home_bytes = home_bytes;
    CHECK(attacker_send(attacker.socket, &greeting, sizeof(greeting), handles,
                        WEFTI_GREETING_HANDLES));
    status = victim_receive(victim);
    CHECK(status == WEFT_EPROTO || status == WEFT_EACCES);
    weftos_close(attacker.socket);
    weft_channel_close(&victim);
}

static void refuses_home(const void *argument)
{
    const struct thing *thing = argument;
    int object = thing->open();
    int bell = a_writing_end();

    if (object < 0) {
        printf("# this system has none: %s\n", thing->name);
        CHECK(thing->open == huge_memory || thing->open == a_file_on_tmpfs ||
              thing->open == a_terminal);
    } else {
        struct stat info;

        try_greeting(4096, object, bell);
        if (fstat(object, &info) == 0 && info.st_size > 0 &&
            info.st_size != 4096) { /* or called by its right size */
            try_greeting((uint64_t)info.st_size, object, bell);
        }
    }
    weftos_close(object);
    weftos_close(bell);
}

static void refuses_bell(const void *argument)
{
    const struct thing *thing = argument;
    int object = memory(4096, 0, hostile_seals());
    int bell = thing->open();

    if (bell < 0) {
        printf("# this system has none: %s\n", thing->name);
        CHECK(thing->open == a_terminal);
    } else {
        try_greeting(4096, object, bell);
    }
    weftos_close(object);
    weftos_close(bell);
}

void test_main(void)
{
    for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
        hostile_case(homes[i].name, refuses_home, &homes[i]);
    }
    for (size_t i = 0; i < sizeof(bells) / sizeof(bells[0]); i++) {
        hostile_case(bells[i].name, refuses_bell, &bells[i]);
    }
}
