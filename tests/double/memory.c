/* SPDX-License-Identifier: MIT
 *
 * The double's shared memory keeps XNU's rules; compiled as the macOS back
 * end is.
 */
#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <mach/vm_inherit.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define NAME "/weft-double-test"
#define LONGEST "/34567890123456789012345678901"
#define PAGE ((size_t)16384)

static void *map(int fd, size_t bytes, int protection)
{
    return mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
}

static void check_names(void)
{
    int fd;

    check_case("a name has at most 30 bytes");
    fd = shm_open(LONGEST, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(sizeof(LONGEST) == 31 && fd >= 0);
    CHECK(close(fd) == 0 && shm_unlink(LONGEST) == 0);
    CHECK(shm_open(LONGEST "1", O_RDWR | O_CREAT, 0600) == -1 &&
          errno == ENAMETOOLONG);
    CHECK(shm_unlink(LONGEST) == -1 && errno == ENOENT);
}

static void check_size(int fd)
{
    struct stat info;

    check_case("an object begins empty, and closes over exec");
    CHECK(fstat(fd, &info) == 0 && info.st_size == 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(map(fd, PAGE, PROT_READ) == MAP_FAILED && errno == EINVAL);

    check_case("the size is set once, and rounded up to 16 KiB");
    CHECK(ftruncate(fd, 20000) == 0);
    CHECK(fstat(fd, &info) == 0 && info.st_size == 2 * (off_t)PAGE);
    CHECK(ftruncate(fd, 20000) == -1 && errno == EINVAL);
    CHECK(ftruncate(fd, 4 * (off_t)PAGE) == -1 && errno == EINVAL);
    CHECK(getpagesize() == (int)PAGE && sysconf(_SC_PAGESIZE) == (long)PAGE);

    check_case("fstat gives the mode without a type");
    CHECK(info.st_mode == 0600);
}

static void check_mappings(int fd, int reader)
{
    char *writable = map(fd, 2 * PAGE, PROT_READ | PROT_WRITE);
    char *readable = map(reader, 2 * PAGE, PROT_READ);

    check_case("two mappings show the same bytes, on boundaries of 16 KiB");
    REQUIRE(writable != MAP_FAILED && readable != MAP_FAILED);
    CHECK((uintptr_t)writable % PAGE == 0 && (uintptr_t)readable % PAGE == 0);
    writable[PAGE] = 'x';
    CHECK(readable[PAGE] == 'x');

    check_case("a reader's descriptor can't be mapped writable");
    CHECK(map(reader, PAGE, PROT_READ | PROT_WRITE) == MAP_FAILED &&
          errno == EPERM);
    CHECK(mprotect(readable, PAGE, PROT_READ | PROT_WRITE) == -1 &&
          errno == EACCES);

    check_case("only MAP_SHARED, and not beyond the size");
    CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED &&
          errno == EINVAL);
    CHECK(map(fd, 3 * PAGE, PROT_READ) == MAP_FAILED && errno == EINVAL);
    CHECK(munmap(readable, 2 * PAGE) == 0);
    CHECK(munmap(writable, 2 * PAGE) == 0);
}

static bool is_mapped(void *address)
{
    int status = -1;
    pid_t child = fork();

    REQUIRE(child >= 0);
    if (child == 0) {
        _exit(mprotect(address, PAGE, PROT_READ) == 0 ? 0 : 1);
    }
    REQUIRE(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status) == 0;
}

static void check_inheritance(int fd)
{
    void *address = map(fd, PAGE, PROT_READ | PROT_WRITE);

    check_case("minherit keeps a mapping out of a child");
    REQUIRE(address != MAP_FAILED);
    CHECK(is_mapped(address));
    CHECK(minherit(address, PAGE, VM_INHERIT_NONE) == 0);
    CHECK(!is_mapped(address));
    CHECK(munmap(address, PAGE) == 0);
}

static void check_kind(int fd, int reader)
{
    struct pshm_fdinfo info;
    struct pipe_fdinfo pipe_found;
    struct stat pipe_info;
    int ends[2];

    check_case("proc_pidfdinfo knows a memory object, and says how it is open");
    CHECK(proc_pidfdinfo(getpid(), fd, PROC_PIDFDPSHMINFO, &info,
                         sizeof(info)) == (int)sizeof(info));
    CHECK(info.pshminfo.pshm_stat.vst_size == 2 * (off_t)PAGE);
    CHECK(info.pfi.fi_openflags == (FREAD | FWRITE));
    CHECK(proc_pidfdinfo(getpid(), reader, PROC_PIDFDPSHMINFO, &info,
                         sizeof(info)) == (int)sizeof(info));
    CHECK(info.pfi.fi_openflags == FREAD);

    check_case("proc_pidfdinfo gives 0 for anything else");
    REQUIRE(pipe(ends) == 0);
    CHECK(fstat(ends[1], &pipe_info) == 0 && S_ISFIFO(pipe_info.st_mode));
    CHECK(pipe_info.st_nlink == 0 && pipe_info.st_ino != 0);
    CHECK(proc_pidfdinfo(getpid(), ends[0], PROC_PIDFDPSHMINFO, &info,
                         sizeof(info)) == 0 &&
          errno == EBADF);

    check_case("proc_pidfdinfo knows a pipe");
    CHECK(proc_pidfdinfo(getpid(), ends[1], PROC_PIDFDPIPEINFO, &pipe_found,
                         sizeof(pipe_found)) == (int)sizeof(pipe_found));
    CHECK(pipe_found.pfi.fi_openflags == FWRITE);
    CHECK(proc_pidfdinfo(getpid(), fd, PROC_PIDFDPIPEINFO, &pipe_found,
                         sizeof(pipe_found)) == 0 &&
          errno == EBADF);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

void test_main(void)
{
    int reader;
    int fd;

    check_names();
    (void)shm_unlink(NAME);
    fd = shm_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600);
    REQUIRE(fd >= 0);
    reader = shm_open(NAME, O_RDONLY);
    REQUIRE(reader >= 0);
    CHECK(shm_unlink(NAME) == 0);
    check_size(fd);
    check_mappings(fd, reader);
    check_inheritance(fd);
    check_kind(fd, reader);
    CHECK(close(fd) == 0 && close(reader) == 0);
}
