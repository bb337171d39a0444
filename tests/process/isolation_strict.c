/* SPDX-License-Identifier: MIT
 *
 * What a program in the strict sandbox can't do, and what it can: by root and
 * by a user without rights. The program is this one, in a role.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolation.h"

/* ----------------------------------------------------------- the inside --- */

static const char *inside(const char *name)
{
    (void)snprintf(isolation_folder, 64, "%s", getenv("FOLDER"));
    return isolation_path(name);
}

static bool can_open(const char *path, int flags)
{
    int file = open(path, flags | O_CLOEXEC, 0644);

    if (file >= 0) {
        (void)close(file);
    }
    return file >= 0;
}

/* Where it can't be kept from it, it leaves nothing. */
static bool can_make(const char *path)
{
    bool is_made = can_open(path, O_WRONLY | O_CREAT | O_EXCL);

    if (is_made) {
        (void)unlink(path);
    }
    return is_made;
}

static void check_files(void)
{
    check_case("what is not named is out of reach, and named things are not");
    CHECK(!can_open("/etc/shadow", O_RDONLY));
    CHECK(!can_open("/etc/passwd", O_RDONLY));
    CHECK(!can_open("/root", O_RDONLY));
    CHECK(!can_open(inside("outside"), O_RDONLY));
    CHECK(can_open(inside("read/file"), O_RDONLY));
    CHECK(can_open(inside("link"), O_RDONLY));
    CHECK(can_open("/usr/lib", O_RDONLY));
    CHECK(can_open("/dev/null", O_RDWR));

    check_case("what may be read can't be written");
    CHECK(!can_open(inside("read/file"), O_WRONLY));
    CHECK(!can_make(inside("read/new")));
    CHECK(!can_make("/usr/weft-test-new"));
    CHECK(!can_make("/weft-test-new"));
    CHECK(chmod(inside("read/file"), 0600) != 0);
    CHECK(chmod("/dev/null", 0666) != 0); /* as it is, whoever has it */
    CHECK(!can_open("/proc/sys/kernel/core_pattern", O_WRONLY));

    check_case("what may be written can, and what is hidden is empty");
    CHECK(can_open(inside("write/new"), O_WRONLY | O_CREAT));
    CHECK(can_open(inside("write/hidden"), O_RDONLY));
    CHECK(!can_open(inside("write/hidden/file"), O_RDONLY));
    CHECK(!can_make(inside("write/hidden/new")));

    check_case("a temporary directory is there to write");
    CHECK(strcmp(getenv("TMPDIR"), "/tmp") == 0);
    CHECK(can_open("/tmp/weft-test-inside", O_WRONLY | O_CREAT));
}

/* Ways around what is named: up, by links, and by those of /proc. */
static void check_ways(void)
{
    check_case("no way leads out of what is named");
    CHECK(!can_open(inside("write/../outside"), O_RDONLY));
    CHECK(symlink("../outside", inside("write/near")) == 0);
    CHECK(symlink("/etc/passwd", inside("write/far")) == 0);
    CHECK(!can_open(inside("write/near"), O_RDONLY));
    CHECK(!can_open(inside("write/far"), O_RDONLY));
    CHECK(unlink(inside("write/near")) == 0 &&
          unlink(inside("write/far")) == 0);
    CHECK(!can_open("/proc/self/root/etc/passwd", O_RDONLY));
    CHECK(!can_open("/proc/self/cwd/../../../../etc/passwd", O_RDONLY));
    CHECK(!can_open("/../etc/passwd", O_RDONLY));
    CHECK(link(inside("read/file"), inside("write/linked")) != 0);
    CHECK(rename(inside("read/file"), inside("write/moved")) != 0);

    check_case("memory with a name is its own");
    CHECK(can_open("/dev/shm/weft-test-inside", O_WRONLY | O_CREAT));
}

static int connect_to(int family, int type, const void *address,
                      socklen_t bytes)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    int result = fd < 0 ? -1 : connect(fd, address, bytes);

    if (fd >= 0) {
        result = result == 0 ? (int)send(fd, "x", 1, MSG_NOSIGNAL) : result;
        (void)close(fd);
    }
    return result;
}

static struct sockaddr_un abstract_name(socklen_t *bytes)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1,
                          "weft-test-%s", getenv("HOST"));

    *bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                         (size_t)length);
    return name;
}

static void check_network(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port =
                                   htons((uint16_t)atoi(getenv("PORT"))),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes;
    struct sockaddr_un name = abstract_name(&bytes);
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    int pair[2];

    check_case("there is no network, and no socket of the host's");
    CHECK(connect_to(AF_INET, SOCK_STREAM, &here, sizeof(here)) < 0);
    CHECK(connect_to(AF_INET, SOCK_DGRAM, &here, sizeof(here)) < 0);
    CHECK(connect_to(AF_UNIX, SOCK_STREAM, &name, bytes) < 0);
    CHECK(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) < 0);
    CHECK(socket(AF_PACKET, SOCK_RAW, 0) < 0);
    CHECK(socket(38, SOCK_SEQPACKET, 0) < 0); /* AF_ALG */
    (void)snprintf(path.sun_path, sizeof(path.sun_path), "%s",
                   inside("socket"));
    CHECK(connect_to(AF_UNIX, SOCK_STREAM, &path, sizeof(path)) < 0);
    CHECK(socket(40, SOCK_STREAM, 0) < 0); /* AF_VSOCK */
    if (CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)) {
        (void)close(pair[0]);
        (void)close(pair[1]);
    }
}

static void *nothing(void *context)
{
    return context;
}

static bool is_refused(long result)
{
    return result == -1 && errno == EPERM;
}

static void check_calls(void)
{
    static char parameters[256];
    pthread_t thread;
    int status = -1;
    pid_t child;

    /* Such as would harm nobody if they were not. */
    check_case("calls that reach far are refused");
    CHECK(is_refused(syscall(425, 4, parameters))); /* io_uring_setup */
    CHECK(is_refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)));
    CHECK(is_refused(unshare(CLONE_NEWUSER)));
    CHECK(is_refused(
        syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0L, 0L, 0L, 0L)));
    CHECK(is_refused(mount("none", "/no/such", "tmpfs", 0, NULL)));
    CHECK(is_refused(umount2("/no/such", MNT_DETACH)));
    CHECK(is_refused(syscall(SYS_keyctl, 0, 0, 0, 0, 0)));
    CHECK(is_refused(syscall(SYS_bpf, 0, NULL, 0)));
    CHECK(is_refused(syscall(426, -1, 0, 0, 0, NULL, 0))); /* io_uring_enter */
    CHECK(is_refused(syscall(438, -1, 0, 0)));             /* pidfd_getfd */
    CHECK(is_refused(
        syscall(SYS_process_vm_readv, getpid(), NULL, 0L, NULL, 0L, 0L)));
    CHECK(is_refused(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0L)));
    CHECK(is_refused(syscall(SYS_userfaultfd, 0)));
    CHECK(is_refused(syscall(SYS_open_by_handle_at, -1, NULL, 0)));
    CHECK(is_refused(syscall(SYS_add_key, NULL, NULL, NULL, 0L, 0)));
    CHECK(is_refused(syscall(SYS_setns, -1, 0)));
    CHECK(is_refused(chroot("/")));
    CHECK(is_refused(ioctl(0, TIOCSTI, "x")));
    CHECK(is_refused(syscall(SYS_personality, 0x0040000)));
    CHECK(syscall(SYS_personality, 0xffffffffL) >= 0);
    CHECK(syscall(435, NULL, 0) == -1 && errno == ENOSYS); /* clone3 */

    check_case("threads and children are made as ever");
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    child = fork();
    if (child == 0) {
        _exit(3);
    }
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
}

/* All whom it may signal are its own. */
static void check_all_killed(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    check_case("a signal for all ends its own processes only");
    CHECK(kill(-1, SIGKILL) == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void check_processes(void)
{
    char path[64];
    pid_t host = (pid_t)atoi(getenv("HOST"));

    check_case("no process of the host is to be seen, and none to be harmed");
    (void)snprintf(path, sizeof(path), "/proc/%d/status", getpid());
    CHECK(can_open(path, O_RDONLY));
    CHECK(getpid() != 1 && getppid() == 0);
    CHECK(host < 10 || (kill(host, 0) != 0 && errno == ESRCH));
    (void)kill(1, SIGKILL); /* is ignored, or refused */
    CHECK(kill(1, 0) == 0 || errno == EPERM);
    CHECK(!can_open("/proc/1/mem", O_RDWR));
    CHECK(!can_open("/proc/1/root/etc/passwd", O_RDONLY));
    CHECK(!can_open("/proc/1/environ", O_RDONLY));
}

/* The streams, the channel, and the directory that is read here. */
static void check_open(void)
{
    DIR *open_now = opendir("/proc/self/fd");
    const struct dirent *entry;
    struct stat file;

    check_case("nothing is open but what was given");
    REQUIRE(open_now != NULL);
    while ((entry = readdir(open_now)) != NULL) {
        int number = atoi(entry->d_name);

        CHECK(entry->d_name[0] == '.' || number < 3 ||
              number == dirfd(open_now));
        CHECK(entry->d_name[0] == '.' || number >= 3 ||
              (fstat(number, &file) == 0 && !S_ISDIR(file.st_mode)));
    }
    (void)closedir(open_now);
}

static void check_rights(void)
{
    char line[256];
    unsigned seen = 0;
    FILE *file = fopen("/proc/self/status", "re");

    check_case("no right is left, and none comes back");
    REQUIRE(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "CapEff", 6) == 0 ||
            strncmp(line, "CapPrm", 6) == 0 ||
            strncmp(line, "CapBnd", 6) == 0) {
            seen += strtoull(line + 7, NULL, 16) == 0;
        }
        seen += strcmp(line, "NoNewPrivs:\t1\n") == 0;
    }
    (void)fclose(file);
    /* A user that had none to begin with can't shrink the bounds. */
    CHECK(seen == 4);
}

static void check_channel(void)
{
    weft_channel *channel = NULL;

    check_case("messages go to and fro over the channel");
    if (CHECK_STATUS(weft_channel_adopt(WEFT_HANDLE_NONE, NULL, peer_soon(),
                                        &channel, NULL),
                     WEFT_OK)) {
        peer_receives(channel, 30, 1);
        CHECK_STATUS(peer_send(channel, 500000, 2, peer_soon()), WEFT_OK);
    }
    weft_channel_close(&channel);
}

static void be_worker(void)
{
    check_channel(); /* closed after it */
    check_open();
    check_files();
    check_ways();
    check_network();
    check_calls();
    check_processes();
    check_all_killed();
    check_rights();
    check_exit_child();
}

/* Leaves a child in a session of its own, which would live for long. */
static void be_parent(void)
{
    pid_t child = fork();

    if (child == 0) {
        (void)setsid();
        if (fork() == 0) {
            (void)pause();
        }
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    _exit(5);
}

/* Calls the kernel by the rules of x32. */
static void be_foreigner(void)
{
    (void)syscall(0x40000000L | 39);
    _exit(0);
}

/* Calls it by those of 32 bits, where it has them. */
#if defined(__x86_64__)
static void be_narrow(void)
{
    long number = 20; /* getpid */

    __asm__ volatile("int $0x80" : "+a"(number) : : "memory");
    _exit(0);
}
#else
static void be_narrow(void)
{
    _exit(0);
}
#endif

/* ---------------------------------------------------------- the outside --- */

static int listen_at(int family, int type, const void *address, socklen_t bytes)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    REQUIRE(fd >= 0 && bind(fd, address, bytes) == 0);
    REQUIRE(type != SOCK_STREAM || listen(fd, 1) == 0);
    return fd;
}

static void set_number(weft_process_spec *spec, const char *name, int number)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", number);
    peer_set_variable(name, text);
    CHECK_STATUS(weft_process_spec_variable(spec, name, text), WEFT_OK);
}

static void test_worker(void)
{
    weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_STRICT);
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un name;
    socklen_t bytes = sizeof(here);
    weft_process *process;
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    int listeners[3];

    check_case("a strict worker works, and reaches nothing else");
    listeners[0] = listen_at(AF_INET, SOCK_STREAM, &here, sizeof(here));
    CHECK(getsockname(listeners[0], (struct sockaddr *)&here, &bytes) == 0);
    set_number(spec, "PORT", ntohs(here.sin_port));
    set_number(spec, "HOST", getpid());
    name = abstract_name(&bytes);
    listeners[1] = listen_at(AF_UNIX, SOCK_STREAM, &name, bytes);
    (void)snprintf(path.sun_path, sizeof(path.sun_path), "%s",
                   isolation_path("socket"));
    listeners[2] = listen_at(AF_UNIX, SOCK_STREAM, &path, sizeof(path));
    isolation_rule(spec, isolation_path("read"), WEFT_ACCESS_READ);
    isolation_rule(spec, isolation_path("link"), WEFT_ACCESS_READ);
    isolation_rule(spec, isolation_path("write"), WEFT_ACCESS_WRITE);
    isolation_rule(spec, isolation_path("write/hidden"), WEFT_ACCESS_HIDE);
    CHECK_STATUS(weft_process_spec_channel(spec, NULL), WEFT_OK);
    process = isolation_start(spec, "--worker");
    CHECK_STATUS(peer_send(weft_process_channel(process), 30, 1, peer_soon()),
                 WEFT_OK);
    peer_receives(weft_process_channel(process), 500000, 2);
    isolation_expect_well(process);
    CHECK(access(isolation_path("write/new"), F_OK) == 0);
    CHECK(access("/tmp/weft-test-inside", F_OK) != 0);
    CHECK(access("/dev/shm/weft-test-inside", F_OK) != 0);
    (void)close(listeners[0]);
    (void)close(listeners[1]);
    (void)close(listeners[2]);
    CHECK(unlink(isolation_path("socket")) == 0);
    weft_process_spec_close(&spec);
}

static void test_end(void)
{
    weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_STRICT);
    weft_process_result result;
    weft_process *process;
    int ends[2];
    char byte;

    check_case("who is left behind ends with the leader");
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    CHECK_STATUS(weft_process_spec_stream(spec, 1, WEFT_STREAM_HANDLE, ends[1]),
                 WEFT_OK);
    process = isolation_start(spec, "--parent");
    (void)close(ends[1]);
    result = isolation_end(process);
    CHECK(result.reason == WEFT_REASON_EXITED && result.exit_code == 5);
    CHECK(read(ends[0], &byte, 1) == 0);
    (void)close(ends[0]);
    weft_process_close(&process);

    check_case("the leader dies of a signal that it does not handle");
    CHECK_STATUS(weft_process_spec_stream(spec, 1, WEFT_STREAM_INHERIT,
                                          WEFT_HANDLE_NONE),
                 WEFT_OK);
    process = isolation_start(spec, "--pause");
    CHECK_STATUS(weft_process_signal(process, SIGTERM, true), WEFT_OK);
    result = isolation_end(process);
    CHECK(result.reason == WEFT_REASON_SIGNALLED &&
          result.signal_number == SIGTERM);
    weft_process_close(&process);

    check_case("the whole tree ends at once when it is killed");
    process = isolation_start(spec, "--pause");
    CHECK_STATUS(weft_process_kill(process), WEFT_OK);
    result = isolation_end(process);
    CHECK(result.reason == WEFT_REASON_CANCELLED && result.was_killed);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

#ifdef __x86_64__
static void test_violation(void)
{
    weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_STRICT);
    weft_process *process = isolation_start(spec, "--foreigner");
    weft_process_result result = isolation_end(process);

    check_case("a call by another machine's rules ends it, and is told");
    CHECK(result.reason == WEFT_REASON_VIOLATION);
    CHECK(result.signal_number == SIGSYS);
    CHECK(strstr(result.evidence, "filter") != NULL);
    weft_process_close(&process);
    process = isolation_start(spec, "--narrow");
    result = isolation_end(process);
    CHECK(result.reason == WEFT_REASON_VIOLATION ||
          (result.reason == WEFT_REASON_SIGNALLED &&
           result.signal_number == SIGSEGV)); /* the kernel has none */
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}
#else
static void test_violation(void)
{
}
#endif

static void expect_start(weft_process_spec *spec, weft_status expected)
{
    char *arguments[] = {isolation_self, "--parent", NULL};
    weft_process *process = NULL;

    CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL), expected);
    CHECK(process == NULL);
    CHECK(weft_process_spec_refusal(spec)[0] != '\0');
}

static void test_refusals(void)
{
    weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_STRICT);
    weft_process *process;
    int root;

    check_case("a directory that is not inside is refused if it was asked for");
    CHECK_STATUS(weft_process_spec_directory(spec, isolation_folder), WEFT_OK);
    expect_start(spec, WEFT_ENOENT);
    weft_process_spec_close(&spec);

    check_case("a path that is not there is refused, unless it is to be tried");
    spec = isolation_spec(WEFT_SANDBOX_STRICT);
    CHECK_STATUS(weft_process_spec_path(spec, "/no/such/path", WEFT_ACCESS_READ,
                                        WEFT_TRY),
                 WEFT_OK);
    process = isolation_start(spec, "--parent");
    CHECK(isolation_end(process).exit_code == 5);
    weft_process_close(&process);
    isolation_rule(spec, "/no/such", WEFT_ACCESS_READ);
    expect_start(spec, WEFT_ENOENT);
    CHECK(strstr(weft_process_spec_refusal(spec), "/no/such") != NULL);
    weft_process_spec_close(&spec);

    check_case("a program that is not inside can't be executed");
    REQUIRE(weft_process_spec_open(&spec) == WEFT_OK);
    CHECK_STATUS(weft_process_spec_sandbox(spec, WEFT_SANDBOX_STRICT), WEFT_OK);
    expect_start(spec, WEFT_ENOENT);
    CHECK(strstr(weft_process_spec_refusal(spec), "allowed") != NULL);
    weft_process_spec_close(&spec);

    check_case("an open directory, which would lead out, is refused");
    spec = isolation_spec(WEFT_SANDBOX_STRICT);
    root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_STATUS(weft_process_spec_stream(spec, 0, WEFT_STREAM_HANDLE, root),
                 WEFT_OK);
    expect_start(spec, WEFT_EINVAL);
    (void)close(root);
    weft_process_spec_close(&spec);

    check_case("the host's /tmp and one of its own exclude each other");
    spec = isolation_spec(WEFT_SANDBOX_STRICT);
    isolation_rule(spec, "/tmp", WEFT_ACCESS_WRITE);
    expect_start(spec, WEFT_ENOTSUP);
    CHECK(strstr(weft_process_spec_refusal(spec), "/tmp") != NULL);
    CHECK_STATUS(weft_process_spec_isolate(spec, WEFT_FENCE_TEMP, WEFT_TRY),
                 WEFT_OK);
    process = isolation_start(spec, "--parent");
    CHECK(isolation_end(process).exit_code == 5);
    weft_process_close(&process);
    weft_process_spec_close(&spec);
}

/* The host's files, with a temporary directory and /proc of its own. */
static void be_basic(void)
{
    check_case("basic: hidden below what is its own, and a rule for /proc");
    CHECK(!can_open(inside("outside"), O_RDONLY));
    CHECK(!can_open(getenv("FOLDER"), O_RDONLY));
    CHECK(can_open("/etc/passwd", O_RDONLY));
    CHECK(can_open("/proc/self/status", O_RDONLY));
    CHECK(getppid() == 0);
    CHECK(can_open("/tmp/weft-test-inside", O_WRONLY | O_CREAT));
    check_exit_child();
}

static void test_basic(void)
{
    char *arguments[] = {"true", NULL};
    weft_process_spec *spec = isolation_spec(WEFT_SANDBOX_BASIC);
    weft_process *process = NULL;

    isolation_rule(spec, "/", WEFT_ACCESS_READ);
    isolation_rule(spec, "/proc", WEFT_ACCESS_READ);
    isolation_rule(spec, isolation_path("write"), WEFT_ACCESS_HIDE);
    isolation_rule(spec, isolation_self, WEFT_ACCESS_READ);
    isolation_expect_well(isolation_start(spec, "--basic"));
    weft_process_spec_close(&spec);

    /* No place can be made below an empty directory, and none is needed. */
    spec = isolation_spec(WEFT_SANDBOX_BASIC);
    isolation_rule(spec, isolation_path("write"), WEFT_ACCESS_HIDE);
    isolation_rule(spec, "/dev", WEFT_ACCESS_HIDE);
    CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL), WEFT_OK);
    REQUIRE(process != NULL);
    isolation_expect_well(process);
    weft_process_spec_close(&spec);
}

static void test_all(void)
{
    isolation_folder_make();
    test_worker();
    test_end();
    test_violation();
    test_refusals();
    test_basic();
    isolation_folder_remove();
}

/* Says why the strict sandbox can't be had, if so. */
static void skip_without(void)
{
    static char text[256];
    weft_enforcement rows[WEFT_FENCE_COUNT];
    weft_process_spec *spec = NULL;

    REQUIRE(weft_process_spec_open(&spec) == WEFT_OK);
    REQUIRE(weft_process_spec_probe(spec, rows, WEFT_FENCE_COUNT, NULL) ==
            WEFT_OK);
    weft_process_spec_close(&spec);
    for (unsigned i = WEFT_FENCE_PRIVILEGES; i <= WEFT_FENCE_TEMP; i++) {
        if (rows[i].level == WEFT_LEVEL_UNSUPPORTED) {
            (void)snprintf(text, sizeof(text), "%s: %s",
                           weft_fence_name(rows[i].fence), rows[i].why_not);
            SKIP(text);
        }
    }
}

void test_main(void)
{
    static const struct {
        const char *name;
        void (*work)(void);
    } roles[] = {{"--worker", be_worker},
                 {"--parent", be_parent},
                 {"--basic", be_basic},
                 {"--narrow", be_narrow},
                 {"--foreigner", be_foreigner}};
    const char *role = check_arguments[1] != NULL ? check_arguments[1] : "";

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(role, roles[i].name) == 0) {
            roles[i].work();
        }
    }
    if (strcmp(role, "--pause") == 0) {
        for (;;) {
            (void)pause();
        }
    }
    REQUIRE(readlink("/proc/self/exe", isolation_self, 4000) > 0);
    skip_without();
    check_case("root and others are isolated");
    isolation_as_users(test_all);
}
