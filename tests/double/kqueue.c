/* SPDX-License-Identifier: MIT
 *
 * The double's kqueue keeps XNU's promises. This file is compiled as the
 * macOS back end is: it sees macOS's names.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static const struct timespec no_wait = {0, 0};
static const struct timespec long_wait = {10, 0};

static int change(int queue, uintptr_t ident, int16_t filter, uint16_t flags,
                  uint32_t fflags)
{
    struct kevent event;

    EV_SET(&event, ident, filter, flags, fflags, 0, NULL);
    return kevent(queue, &event, 1, NULL, 0, NULL);
}

/* Collects one event, if there is one now. */
static bool take(int queue, struct kevent *event)
{
    return kevent(queue, NULL, 0, event, 1, &no_wait) == 1;
}

static bool is_ready(int queue)
{
    struct pollfd entry = {.fd = queue, .events = POLLIN};

    return poll(&entry, 1, 0) == 1;
}

static void check_read(void)
{
    struct kevent event;
    char bytes[8];
    int queue = kqueue();
    int ends[2];

    REQUIRE(queue >= 0 && pipe(ends) == 0);

    check_case("EV_CLEAR tells each write once, read or not");
    REQUIRE(change(queue, (uintptr_t)ends[0], EVFILT_READ, EV_ADD | EV_CLEAR,
                   0) == 0);
    CHECK(!is_ready(queue) && !take(queue, &event));
    for (int i = 1; i <= 3; i++) {
        REQUIRE(write(ends[1], "x", 1) == 1);
        CHECK(is_ready(queue) && take(queue, &event));
        CHECK(event.ident == (uintptr_t)ends[0] && event.data == i);
        CHECK((event.flags & EV_EOF) == 0);
        CHECK(!is_ready(queue) && !take(queue, &event));
    }

    check_case("what was read before it was collected is not told");
    REQUIRE(write(ends[1], "x", 1) == 1);
    REQUIRE(read(ends[0], bytes, sizeof(bytes)) == 4);
    CHECK(!is_ready(queue) && !take(queue, &event));

    check_case("reading from a pipe tells of what is left in it");
    REQUIRE(write(ends[1], "xy", 2) == 2);
    CHECK(take(queue, &event) && !take(queue, &event));
    REQUIRE(read(ends[0], bytes, 1) == 1);
    CHECK(take(queue, &event) && event.data == 1 && !take(queue, &event));
    REQUIRE(read(ends[0], bytes, 1) == 1);
    CHECK(!take(queue, &event));

    check_case("without EV_CLEAR it is told as long as it is true");
    REQUIRE(change(queue, (uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0) == 0);
    CHECK(change(queue, (uintptr_t)ends[0], EVFILT_READ, EV_DELETE, 0) == -1 &&
          errno == ENOENT);
    REQUIRE(change(queue, (uintptr_t)ends[0], EVFILT_READ, EV_ADD, 0) == 0);
    REQUIRE(write(ends[1], "x", 1) == 1);
    CHECK(take(queue, &event) && take(queue, &event) && is_ready(queue));
    REQUIRE(read(ends[0], bytes, sizeof(bytes)) == 1);
    CHECK(!take(queue, &event));

    check_case("a disabled one is silent, and tells what is true when enabled");
    REQUIRE(write(ends[1], "x", 1) == 1);
    REQUIRE(change(queue, (uintptr_t)ends[0], EVFILT_READ, EV_DISABLE, 0) == 0);
    CHECK(!is_ready(queue) && !take(queue, &event));
    REQUIRE(change(queue, (uintptr_t)ends[0], EVFILT_READ, EV_ENABLE, 0) == 0);
    CHECK(is_ready(queue) && take(queue, &event));

    check_case("a closed writer is EV_EOF");
    REQUIRE(close(ends[1]) == 0);
    CHECK(take(queue, &event) && (event.flags & EV_EOF) != 0);

    check_case("closing a descriptor ends what watches it");
    REQUIRE(close(ends[0]) == 0);
    CHECK(!is_ready(queue) && !take(queue, &event));
    CHECK(change(queue, (uintptr_t)ends[0], EVFILT_READ, EV_ADD, 0) == -1 &&
          errno == EBADF);
    CHECK(close(queue) == 0);
}

static void check_changes(void)
{
    struct kevent changes[2];
    struct kevent events[2];
    int queue = kqueue();

    REQUIRE(queue >= 0);
    check_case("a failed change is an event while there is room");
    EV_SET(&changes[0], 7, EVFILT_USER, EV_DELETE, 0, 0, NULL);
    EV_SET(&changes[1], 8, EVFILT_USER, EV_ADD | EV_RECEIPT, 0, 0, NULL);
    CHECK(kevent(queue, changes, 2, events, 2, &long_wait) == 2);
    CHECK((events[0].flags & EV_ERROR) != 0 && events[0].data == ENOENT);
    CHECK((events[1].flags & EV_ERROR) != 0 && events[1].data == 0);

    check_case("without room the call fails, and stops there");
    EV_SET(&changes[1], 9, EVFILT_USER, EV_ADD, 0, 0, NULL);
    CHECK(kevent(queue, changes, 2, NULL, 0, NULL) == -1 && errno == ENOENT);
    CHECK(change(queue, 9, EVFILT_USER, EV_DELETE, 0) == -1 && errno == ENOENT);

    check_case("EV_ONESHOT is told once and gone");
    REQUIRE(change(queue, 9, EVFILT_USER, EV_ADD | EV_ONESHOT, NOTE_TRIGGER) ==
            0);
    CHECK(take(queue, events) && events[0].ident == 9);
    CHECK(change(queue, 9, EVFILT_USER, 0, NOTE_TRIGGER) == -1 &&
          errno == ENOENT);

    check_case("what is no kqueue is EBADF");
    CHECK(kevent(0, NULL, 0, events, 1, &no_wait) == -1 && errno == EBADF);
    CHECK(close(queue) == 0);
    CHECK(kevent(queue, NULL, 0, events, 1, &no_wait) == -1 && errno == EBADF);
}

static void check_user(void)
{
    struct kevent event;
    int queue = kqueue();
    int outer = kqueue();

    REQUIRE(queue >= 0 && outer >= 0);
    REQUIRE(change(outer, (uintptr_t)queue, EVFILT_READ, EV_ADD, 0) == 0);

    check_case("a kqueue can be watched by another");
    REQUIRE(change(queue, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(!take(outer, &event));
    REQUIRE(change(queue, 1, EVFILT_USER, 0, NOTE_TRIGGER) == 0);
    CHECK(take(outer, &event) && event.ident == (uintptr_t)queue);

    check_case("triggers merge, and EV_CLEAR takes them out");
    REQUIRE(change(queue, 1, EVFILT_USER, 0, NOTE_TRIGGER) == 0);
    CHECK(take(queue, &event) && event.filter == EVFILT_USER);
    CHECK(!take(queue, &event) && !take(outer, &event));

    check_case("without EV_CLEAR a trigger stays until it is deleted");
    REQUIRE(change(queue, 2, EVFILT_USER, EV_ADD, NOTE_TRIGGER) == 0);
    CHECK(take(queue, &event) && take(queue, &event));
    REQUIRE(change(queue, 2, EVFILT_USER, EV_DELETE, 0) == 0);
    CHECK(!take(queue, &event));
    CHECK(close(outer) == 0 && close(queue) == 0);
}

static void check_process(void)
{
    struct kevent event;
    int queue = kqueue();
    int gate[2];
    char byte;
    pid_t child;

    REQUIRE(queue >= 0 && pipe(gate) == 0);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        (void)read(gate[0], &byte, 1);
        check_exit_child();
    }

    check_case("NOTE_EXIT is told when a process ends, once");
    REQUIRE(change(queue, (uintptr_t)child, EVFILT_PROC, EV_ADD, NOTE_EXIT) ==
            0);
    CHECK(!take(queue, &event));
    REQUIRE(write(gate[1], "x", 1) == 1);
    CHECK(kevent(queue, NULL, 0, &event, 1, &long_wait) == 1);
    CHECK(event.fflags == NOTE_EXIT && (event.flags & EV_EOF) != 0);
    CHECK(!is_ready(queue) && !take(queue, &event));

    check_case("a process that has ended is ESRCH, reaped or not");
    CHECK(change(queue, (uintptr_t)child, EVFILT_PROC, EV_ADD, NOTE_EXIT) ==
              -1 &&
          errno == ESRCH);
    REQUIRE(waitpid(child, NULL, 0) == child);
    CHECK(change(queue, (uintptr_t)child, EVFILT_PROC, EV_ADD, NOTE_EXIT) ==
              -1 &&
          errno == ESRCH);
    CHECK(close(gate[0]) == 0 && close(gate[1]) == 0 && close(queue) == 0);
}

static void check_fork(void)
{
    struct kevent event;
    int queue = kqueue();
    int ends[2];
    int status = -1;
    pid_t child;

    REQUIRE(queue >= 0 && pipe(ends) == 0);
    REQUIRE(change(queue, (uintptr_t)ends[0], EVFILT_READ, EV_ADD | EV_CLEAR,
                   0) == 0);
    check_case("a forked child has no kqueue, and its parent keeps its own");
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        CHECK(fcntl(queue, F_GETFD) == -1 && errno == EBADF);
        CHECK(kevent(queue, NULL, 0, &event, 1, &no_wait) == -1 &&
              errno == EBADF);
        CHECK(write(ends[1], "x", 1) == 1);
        check_exit_child();
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(take(queue, &event));
    CHECK((fcntl(queue, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0 && close(queue) == 0);
}

static char place[] = "/tmp/weft-double-XXXXXX";

static const char *in_place(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", place, name);
    return path;
}

static void touch(const char *name)
{
    int fd = open(in_place(name), O_CREAT | O_WRONLY, 0600);

    REQUIRE(fd >= 0);
    (void)close(fd);
}

static void check_directory(void)
{
    struct kevent event;
    char other[128];
    int queue = kqueue();
    int directory;

    REQUIRE(queue >= 0 && mkdtemp(place) != NULL);
    directory = open(place, O_EVTONLY);
    REQUIRE(directory >= 0);
    REQUIRE(change(queue, (uintptr_t)directory, EVFILT_VNODE, EV_ADD | EV_CLEAR,
                   NOTE_WRITE | NOTE_DELETE) == 0);

    check_case("a directory tells of entries that come, move and go");
    touch("a");
    CHECK(take(queue, &event) && event.fflags == NOTE_WRITE);
    (void)snprintf(other, sizeof(other), "%s", in_place("b"));
    REQUIRE(rename(in_place("a"), other) == 0);
    CHECK(take(queue, &event) && event.fflags == NOTE_WRITE);
    CHECK(!take(queue, &event));

    check_case("a directory does not tell what happens to an entry");
    REQUIRE(chmod(other, 0644) == 0);
    touch("b");
    CHECK(!take(queue, &event));

    check_case("a directory tells that it was removed");
    REQUIRE(unlink(other) == 0);
    CHECK(take(queue, &event) && event.fflags == NOTE_WRITE);
    REQUIRE(rmdir(place) == 0);
    CHECK(take(queue, &event) && event.fflags == NOTE_DELETE);
    CHECK(close(directory) == 0 && close(queue) == 0);
}

void test_main(void)
{
    REQUIRE(setenv("WEFT_DOUBLE_FAULTS", "0", 1) == 0);
    check_read();
    check_changes();
    check_user();
    check_process();
    check_fork();
    check_directory();
}
