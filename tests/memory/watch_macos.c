/* SPDX-License-Identifier: MIT
 *
 * Being told that memory is scarce where the kernel is asked by the clock.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/memory.h>
#include <weft/poll.h>

#include "check.h"

#define MS UINT64_C(1000000)
#define TOLD_BY_NS (UINT64_C(10000) * MS * WEFT_TEST_TIME_SCALE)

static const weft_memory_watch_options options = {
    .size = sizeof(options), .stall_ns = MS, .window_ns = 500 * MS};

static void set_level(const char *level)
{
    CHECK(setenv("WEFT_DOUBLE_PRESSURE", level, 1) == 0);
}

/* The double makes waits end early. */
static weft_status next(weft_memory_watch *watch, uint64_t deadline_ns)
{
    weft_status status;

    do {
        status = weft_memory_watch_next(watch, deadline_ns, NULL);
    } while (status == WEFT_EINTR);
    return status;
}

static void test_events(void)
{
    static const char *const scarce[] = {"2", "4"};
    static const char *const other[] = {"0", "3"};
    weft_memory_watch *watch;

    REQUIRE(weft_memory_watch_open(&options, &watch, NULL) == WEFT_OK);
    check_case("while memory is scarce there is an event in each window");
    for (size_t i = 0; i < 2; i++) {
        uint64_t start_ns = weft_now_ns();

        set_level(scarce[i]);
        CHECK_STATUS(next(watch, start_ns + TOLD_BY_NS), WEFT_OK);
        CHECK_STATUS(next(watch, WEFT_NOW), WEFT_EAGAIN);
        CHECK_STATUS(next(watch, start_ns + TOLD_BY_NS), WEFT_OK);
        CHECK(weft_now_ns() - start_ns >= 500 * MS);
    }
    check_case("other levels are no event");
    for (size_t i = 0; i < 2; i++) {
        set_level(other[i]);
        CHECK_STATUS(next(watch, weft_now_ns() + 600 * MS), WEFT_ETIMEDOUT);
    }
    weft_memory_watch_close(&watch);
}

static void test_handle(void)
{
    weft_memory_watch *watch;
    weft_poll *poll;
    weft_poll_item item = {.key = 0};
    uint64_t end_ns = weft_now_ns() + TOLD_BY_NS;
    weft_status status = WEFT_EAGAIN;
    size_t count = 0;

    check_case("its handle is readable when it is to be looked at");
    set_level("1");
    REQUIRE(weft_memory_watch_open(&options, &watch, NULL) == WEFT_OK);
    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    REQUIRE(weft_poll_add_handle(poll, weft_memory_watch_handle(watch),
                                 WEFT_POLL_READ, 7, NULL) == WEFT_OK);
    CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, end_ns, NULL), WEFT_OK);
    CHECK(count == 1 && item.key == 7);
    CHECK_STATUS(next(watch, WEFT_NOW), WEFT_EAGAIN);
    set_level("4");
    while (status == WEFT_EAGAIN && weft_now_ns() < end_ns) {
        (void)weft_poll_wait(poll, &item, 1, &count, end_ns, NULL);
        status = next(watch, WEFT_NOW);
    }
    CHECK_STATUS(status, WEFT_OK);
    weft_poll_close(&poll);
    weft_memory_watch_close(&watch);
}

static void refuse(uint64_t window_ns, weft_status expected)
{
    weft_memory_watch_options taken = options;
    weft_memory_watch *watch = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};

    taken.window_ns = window_ns;
    CHECK_STATUS(weft_memory_watch_open(&taken, &watch, &detail), expected);
    CHECK(watch == NULL && detail.operation != NULL);
}

static void test_refused(void)
{
    weft_memory_watch *watch;

    check_case("windows that only cost, or never end, are refused");
    refuse(500 * MS - 1, WEFT_EINVAL);
    refuse(UINT64_MAX, WEFT_EINVAL);

    check_case("a kernel that does not tell is not waited for");
    REQUIRE(weft_memory_watch_open(&options, &watch, NULL) == WEFT_OK);
    CHECK(setenv("WEFT_DOUBLE_WITHOUT", "kern.memorystatus_vm_pressure_level",
                 1) == 0);
    refuse(500 * MS, WEFT_ENOTSUP);
    CHECK_STATUS(next(watch, weft_now_ns() + TOLD_BY_NS), WEFT_EOS);
    CHECK(unsetenv("WEFT_DOUBLE_WITHOUT") == 0);
    set_level("4");
    CHECK_STATUS(next(watch, weft_now_ns() + TOLD_BY_NS), WEFT_OK);
    weft_memory_watch_close(&watch);
}

static void test_fork(void)
{
    weft_memory_watch *watch;
    pid_t child;
    int how;

    check_case("a forked child can only close it");
    REQUIRE(weft_memory_watch_open(&options, &watch, NULL) == WEFT_OK);
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

void test_main(void)
{
    test_events();
    test_handle();
    test_refused();
    test_fork();
}
