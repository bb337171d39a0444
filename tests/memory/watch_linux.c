/* SPDX-License-Identifier: MIT
 *
 * Being told that memory is scarce: a program reads a file again and again
 * that its group has no room for, so it waits for memory all the time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/memory.h>
#include <weft/poll.h>
#include <weft/trim.h>

#include "check.h"

#define MS UINT64_C(1000000)
#define GROUPS "/sys/fs/cgroup/memory"
#define GROUP_BYTES "8388608"
#define FILE_BYTES ((size_t)32 << 20)

/*
 * How long the kernel may take: some windows, for on a busy machine the program
 * waits for a CPU and not for memory.
 */
#define TOLD_BY_NS (UINT64_C(20000) * MS * WEFT_TEST_TIME_SCALE)

static char group[64];

static bool write_file(const char *name, const char *text)
{
    char path[128];
    int file;
    bool done;

    (void)snprintf(path, sizeof(path), "%s/%s", group, name);
    file = open(path, O_WRONLY | O_CLOEXEC);
    done = file >= 0 && write(file, text, strlen(text)) > 0;
    if (file >= 0) {
        (void)close(file);
    }
    return done;
}

/* A file on a disk: one in memory has nowhere to go. */
static int make_file(void)
{
    char path[] = "/var/tmp/weft-watch-XXXXXX";
    int file = mkstemp(path);
    char *block = calloc(1, 1 << 20);

    REQUIRE(file >= 0 && block != NULL);
    REQUIRE(unlink(path) == 0);
    memset(block, 'x', 1 << 20);
    for (size_t i = 0; i < FILE_BYTES >> 20; i++) {
        REQUIRE(write(file, block, 1 << 20) == 1 << 20);
    }
    /* What is dirty is not dropped, so it would not be read again. */
    REQUIRE(fsync(file) == 0);
    REQUIRE(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0);
    free(block);
    return file;
}

/* In the group, until it is killed. */
static void hog(int file)
{
    const volatile char *text;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!write_file("tasks", "0")) {
        _exit(1);
    }
    text = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, file, 0);
    if (text == MAP_FAILED) {
        _exit(1);
    }
    for (;;) {
        for (size_t i = 0; i < FILE_BYTES; i += 4096) {
            (void)text[i];
        }
    }
}

static pid_t start_hog(int file)
{
    pid_t child = fork();

    REQUIRE(child >= 0);
    if (child == 0) {
        hog(file);
    }
    return child;
}

static void stop_hog(pid_t child)
{
    int how;

    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, &how, 0) == child && WIFSIGNALED(how));
}

static void test_hog(int file)
{
    weft_memory_watch *asked;
    weft_memory_watch *polled;
    weft_poll *poll;
    weft_poll_item item;
    size_t count = 0;
    uint64_t start_ns;
    pid_t child;

    check_case("a program that waits for memory is told of");
    REQUIRE(weft_memory_watch_open(NULL, &asked, NULL) == WEFT_OK);
    REQUIRE(weft_memory_watch_open(NULL, &polled, NULL) == WEFT_OK);
    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    REQUIRE(weft_poll_add_handle(poll, weft_memory_watch_handle(polled),
                                 WEFT_POLL_READ, 7, NULL) == WEFT_OK);
    start_ns = weft_now_ns();
    child = start_hog(file);
    CHECK_STATUS(weft_memory_watch_next(asked, start_ns + TOLD_BY_NS, NULL),
                 WEFT_OK);
    printf("# told after %llu ms\n",
           (unsigned long long)((weft_now_ns() - start_ns) / MS));

    check_case("its handle is readable for others then");
    CHECK_STATUS(
        weft_poll_wait(poll, &item, 1, &count, start_ns + TOLD_BY_NS, NULL),
        WEFT_OK);
    CHECK(count == 1 && item.key == 7);
    CHECK_STATUS(weft_memory_watch_next(polled, WEFT_NOW, NULL), WEFT_OK);
    CHECK_STATUS(weft_memory_watch_next(polled, WEFT_NOW, NULL), WEFT_EAGAIN);
    weft_poll_close(&poll);

    stop_hog(child);
    weft_memory_watch_close(&asked);
    weft_memory_watch_close(&polled);
}

/* Nobody's, as the listener's option says. */
static bool is_own(const weft_memory_demand *demand)
{
    return demand->level >= WEFT_TRIM_MILD &&
           demand->level <= WEFT_TRIM_CRITICAL &&
           demand->deadline_ns == WEFT_FOREVER && demand->asker.pid == 0 &&
           demand->asker.uid == -1;
}

static uint64_t tell(void *context, const weft_memory_demand *demand)
{
    CHECK(is_own(demand));
    CHECK(write(*(const int *)context, "", 1) == 1);
    return 5;
}

/* Until the handle is readable. */
static bool is_told(int handle)
{
    struct pollfd waits = {.fd = handle, .events = POLLIN};

    return poll(&waits, 1, (int)(TOLD_BY_NS / MS)) == 1;
}

static void test_listeners(int file)
{
    weft_memory_listener_options options = WEFT_MEMORY_LISTENER_OPTIONS_INIT;
    weft_memory_listener *threaded;
    weft_memory_listener *looped;
    weft_memory_listener_stats stats = {.size = sizeof(stats)};
    weft_memory_demand demand;
    int told[2];
    pid_t child;

    check_case("a listener that watches hears nothing while there is nothing");
    options.flags = WEFT_MEMORY_LISTENER_WATCH;
    REQUIRE(pipe2(told, O_CLOEXEC) == 0);
    REQUIRE(weft_memory_on_pressure(&options, tell, &told[1], &threaded,
                                    NULL) == WEFT_OK);
    REQUIRE(weft_memory_listener_open(&options, &looped, NULL) == WEFT_OK);
    CHECK(weft_memory_listener_watch_handle(threaded) == WEFT_HANDLE_NONE);
    CHECK_STATUS(weft_memory_listener_answer(looped, 0), WEFT_EINVAL);

    check_case("and is told when programs wait for memory");
    child = start_hog(file);
    CHECK(is_told(told[0]));
    CHECK(is_told((int)weft_memory_listener_watch_handle(looped)));
    CHECK_STATUS(weft_memory_listener_next(looped, &demand, WEFT_NOW, NULL),
                 WEFT_OK);
    CHECK(is_own(&demand));
    CHECK_STATUS(weft_memory_listener_next(looped, &demand, WEFT_NOW, NULL),
                 WEFT_EBUSY);
    CHECK_STATUS(weft_memory_listener_answer(looped, 9), WEFT_OK);
    CHECK_STATUS(weft_memory_listener_answer(looped, 9), WEFT_EINVAL);
    CHECK_STATUS(weft_memory_listener_get_stats(looped, &stats), WEFT_OK);
    CHECK(stats.demands == 1 && stats.late == 0 && stats.claimed_bytes == 9);

    stop_hog(child);
    weft_memory_listener_close(&threaded);
    weft_memory_listener_close(&looped);
    (void)close(told[0]);
    (void)close(told[1]);
}

static void test_fork(void)
{
    weft_memory_watch *watch;
    pid_t child;
    int how;

    check_case("a forked child can only close it");
    REQUIRE(weft_memory_watch_open(NULL, &watch, NULL) == WEFT_OK);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        CHECK_STATUS(weft_memory_watch_next(watch, WEFT_NOW, NULL),
                     WEFT_EFORKED);
        weft_memory_watch_close(&watch);
        check_exit_child();
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    weft_memory_watch_close(&watch);
}

static void test_descriptors(void)
{
    struct rlimit limit;
    struct rlimit low;
    unsigned failures = 0;

    check_case("without descriptors it says so, and keeps none");
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    low = limit;
    for (rlim_t most = 3;; most++) {
        weft_memory_watch *watch = NULL;
        weft_status status;

        low.rlim_cur = most;
        REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
        status = weft_memory_watch_open(NULL, &watch, NULL);
        weft_memory_watch_close(&watch);
        if (status == WEFT_OK) {
            break;
        }
        CHECK_STATUS(status, WEFT_ELIMIT);
        failures++;
        REQUIRE(most < 64);
    }
    CHECK(failures >= 3);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

void test_main(void)
{
    weft_memory_watch *watch;
    int file;

    if (weft_memory_watch_open(NULL, &watch, NULL) == WEFT_ENOTSUP) {
        SKIP("this kernel has no pressure stall information");
    }
    weft_memory_watch_close(&watch);
    test_fork();
    test_descriptors();
    (void)snprintf(group, sizeof(group), "%s/weft-watch-%ld", GROUPS,
                   (long)getpid());
    if (mkdir(group, 0700) != 0) {
        SKIP("no group of memory (version 1) can be made");
    }
    REQUIRE(write_file("memory.limit_in_bytes", GROUP_BYTES));
    file = make_file();
    test_hog(file);
    test_listeners(file);
    (void)close(file);
    CHECK(rmdir(group) == 0);
}
