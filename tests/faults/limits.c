/* SPDX-License-Identifier: MIT
 *
 * Limits of the system, reached for real: descriptors, address space, memory.
 *
 * For descriptors the limit is set to what a process has open, and raised by
 * one until what it tries succeeds. Each failure before that is WEFT_ELIMIT,
 * says what it was that failed, keeps nothing, and can be tried again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "os/os.h"
#include "sides.h"

#define NAME "limits"
#define SECONDS 20
#define PATIENCE_NS UINT64_C(5000000000)
#define SMALL 100
#define LARGE 100000

/* More descriptors than any one call takes. */
#define SLACK_MOST 24

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static unsigned char room[LARGE];

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

/* ---------------------------------------------------------- descriptors --- */

static rlim_t full;

/* Leaves room for `slack` more descriptors than are open. */
static void allow(unsigned slack)
{
    struct rlimit limit;
    int first = open("/dev/null", O_RDONLY | O_CLOEXEC);

    REQUIRE(first >= 0);
    (void)close(first);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    full = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)first + slack;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void allow_all(void)
{
    struct rlimit limit;

    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = full;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* A thing to try, which ends itself what it began. */
typedef weft_status attempt(void *context, weft_detail *detail);

/* Tries with more and more descriptors until it succeeds. */
static void raise_until_ok(attempt *try, void *context)
{
    unsigned slack;

    for (slack = 0; slack <= SLACK_MOST; slack++) {
        struct sides_holdings before = sides_hold();
        weft_detail detail = {WEFT_OK, 0, NULL};
        weft_status status;

        allow(slack);
        status = try(context, &detail);
        allow_all();
        sides_check_holdings(&before);
        if (status == WEFT_OK) {
            break;
        }
        CHECK_STATUS(status, WEFT_ELIMIT);
        if (!CHECK(detail.status == status && detail.operation != NULL)) {
            printf("# with %u more, %s: nothing is named\n", slack,
                   weft_status_name(status));
        }
    }
    printf("# %u descriptors were enough\n", slack);
    CHECK(slack > 0 && slack <= SLACK_MOST);
}

static weft_status try_listen(void *context, weft_detail *detail)
{
    weft_listener *listener;
    weft_status status = weft_channel_listen(NAME, NULL, &listener, detail);

    (void)context;
    weft_listener_close(&listener);
    return status;
}

static weft_status try_connect(void *context, weft_detail *detail)
{
    weft_channel *channel;
    weft_status status =
        weft_channel_connect(NAME, NULL, soon(), &channel, detail);

    (void)context;
    weft_channel_close(&channel);
    return status;
}

static weft_status try_await(void *context, weft_detail *detail)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *channel;
    weft_status status;

    (void)context;
    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    status = weft_channel_connect(NAME, &options, soon(), &channel, detail);
    weft_channel_close(&channel);
    return status;
}

/* The peer comes again and again; one that is let down has an error. */
static weft_status try_accept(void *context, weft_detail *detail)
{
    weft_listener *listener = context;
    weft_channel *channel;
    weft_status status =
        weft_channel_accept(listener, soon(), &channel, detail);

    weft_channel_close(&channel);
    return status;
}

static weft_status try_pair(void *context, weft_detail *detail)
{
    weft_channel *channel;
    weft_handle theirs;
    weft_status status = weft_channel_pair(NULL, &channel, &theirs, detail);

    (void)context;
    weft_channel_close(&channel);
    if (status == WEFT_OK) {
        (void)close((int)theirs);
    }
    return status;
}

/* Opens all that a channel ever opens for itself. */
static weft_status expose(weft_channel *channel, weft_detail *detail)
{
    weft_handle handle;
    weft_status status = weft_channel_recv_handle(channel, &handle);

    if (status == WEFT_OK) {
        status = weft_channel_send_handle(channel, &handle);
    }
    weft_channel_get_detail(channel, detail);
    return status;
}

/* ---------------------------------------------------------------- peers --- */

static void accept_all(int end)
{
    weft_listener *listener;
    struct pollfd entries[2];

    REQUIRE(weft_channel_listen(NAME, NULL, &listener, NULL) == WEFT_OK);
    entries[0].fd = (int)weft_listener_handle(listener);
    entries[0].events = POLLIN;
    entries[1].fd = end;
    entries[1].events = POLLIN;
    while (poll(entries, 2, -1) > 0 && entries[1].revents == 0) {
        weft_channel *channel;

        (void)weft_channel_accept(listener, WEFT_NOW, &channel, NULL);
        weft_channel_close(&channel);
    }
    weft_listener_close(&listener);
}

static void connect_again(int end)
{
    struct pollfd entry = {.fd = end, .events = POLLIN};

    while (poll(&entry, 1, 0) == 0) {
        weft_channel *channel;

        if (weft_channel_connect(NAME, NULL, soon(), &channel, NULL) !=
            WEFT_OK) {
            (void)usleep(1000); /* nobody listens yet, or any more */
        }
        weft_channel_close(&channel);
    }
}

/* Starts a peer that goes on until its pipe, `*end`, is closed. */
static pid_t start_peer(void (*play)(int end), int *end)
{
    int ends[2];
    pid_t peer;

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    peer = sides_fork(SECONDS);
    if (peer == 0) {
        (void)close(ends[1]);
        play(ends[0]);
        check_exit_child();
    }
    (void)close(ends[0]);
    *end = ends[1];
    return peer;
}

static void end_peer(pid_t peer, int end)
{
    (void)close(end);
    CHECK(sides_ended_well(peer));
}

static void check_rendezvous(void)
{
    weft_listener *listener;
    int end;
    pid_t peer;

    check_case("too few descriptors to listen");
    raise_until_ok(try_listen, NULL);
    check_case("too few descriptors to connect");
    peer = start_peer(accept_all, &end);
    CHECK_STATUS(try_await(NULL, NULL), WEFT_OK);
    raise_until_ok(try_connect, NULL);
    check_case("too few descriptors to wait for a name");
    raise_until_ok(try_await, NULL);
    end_peer(peer, end);
    check_case("too few descriptors to accept");
    /* Before there is a listener: a child would have a copy of its socket. */
    peer = start_peer(connect_again, &end);
    REQUIRE(weft_channel_listen(NAME, NULL, &listener, NULL) == WEFT_OK);
    raise_until_ok(try_accept, listener);
    weft_listener_close(&listener);
    end_peer(peer, end);
    check_case("too few descriptors to make a pair");
    raise_until_ok(try_pair, NULL);
}

/* -------------------------------------------------------------- talking --- */

/* Sends back what comes, handles and all, with descriptors enough. */
static void echo(weft_handle theirs)
{
    weft_channel *channel;
    weft_status status =
        weft_channel_adopt(theirs, NULL, soon(), &channel, NULL);

    while (status == WEFT_OK) {
        weft_message message = {.data = room, .bytes = sizeof(room)};

        status = weft_channel_recv_message(channel, &message, soon());
        if (status == WEFT_OK) {
            status = weft_channel_send_message(channel, &message, soon());
            for (unsigned i = 0; i < message.handle_count; i++) {
                (void)close((int)message.handles[i]);
            }
        }
    }
    CHECK(status == WEFT_ECLOSED || status == WEFT_EPEERDIED);
    weft_channel_close(&channel);
}

static pid_t start_echo(weft_channel **channel)
{
    weft_handle theirs;
    pid_t peer;

    REQUIRE(weft_channel_pair(NULL, channel, &theirs, NULL) == WEFT_OK);
    peer = sides_fork(SECONDS);
    if (peer == 0) {
        weft_channel_close(channel);
        echo(theirs);
        check_exit_child();
    }
    (void)close((int)theirs);
    return peer;
}

static weft_status exchange(weft_channel *channel, size_t bytes)
{
    size_t got = 0;
    weft_status status;

    sides_fill(room, bytes, bytes);
    status = weft_channel_send_until(channel, room, bytes, soon());
    if (status == WEFT_OK) {
        memset(room, 0, bytes);
        status =
            weft_channel_recv_until(channel, room, sizeof(room), &got, soon());
    }
    if (status == WEFT_OK) {
        CHECK(got == bytes && sides_matches(room, bytes, bytes));
    }
    return status;
}

/* A growing ring is for speed: without descriptors it stays as it is. */
static void check_growth(void)
{
    weft_channel_stats stats = {.size = sizeof(stats)};
    struct sides_holdings before = sides_hold();
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_channel *channel;
    pid_t peer;

    check_case("too few descriptors for a larger ring: it stays small");
    peer = start_echo(&channel);
    CHECK_STATUS(exchange(channel, SMALL), WEFT_OK);
    CHECK_STATUS(expose(channel, &detail), WEFT_OK);
    allow(0);
    sides_fill(room, LARGE, LARGE);
    CHECK_STATUS(weft_channel_send_until(channel, room, LARGE, soon()),
                 WEFT_OK);
    allow_all();
    CHECK_STATUS(weft_channel_get_stats(channel, &stats), WEFT_OK);
    CHECK(stats.sent.reseats == 0);
    weft_channel_close(&channel);
    CHECK(sides_ended_well(peer));
    sides_check_holdings(&before);
}

/* A message that comes in a larger ring, or with handles, is lost. */
static void check_lost_handles(const char *title, size_t bytes,
                               unsigned handles)
{
    struct sides_holdings before = sides_hold();
    weft_message message = {.data = room, .bytes = bytes};
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_channel *channel;
    pid_t peer;

    check_case(title);
    peer = start_echo(&channel);
    CHECK_STATUS(exchange(channel, SMALL), WEFT_OK);
    CHECK_STATUS(expose(channel, &detail), WEFT_OK);
    message.handle_count = handles;
    for (unsigned i = 0; i < handles; i++) {
        message.handles[i] = STDIN_FILENO;
    }
    CHECK_STATUS(weft_channel_send_message(channel, &message, soon()), WEFT_OK);
    allow(handles > 0 ? handles - 1 : 0);
    message.bytes = sizeof(room);
    CHECK_STATUS(weft_channel_recv_message(channel, &message, soon()),
                 WEFT_ELIMIT);
    CHECK(message.handle_count == 0);
    allow_all();
    weft_channel_get_detail(channel, &detail);
    CHECK(detail.status == WEFT_ELIMIT && detail.operation != NULL);
    CHECK_STATUS(weft_channel_recv_message(channel, &message, soon()),
                 WEFT_ELIMIT);
    weft_channel_close(&channel);
    CHECK(sides_ended_well(peer));
    sides_check_holdings(&before);
}

static void check_talking(void)
{
    struct sides_holdings before = sides_hold();
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_channel *channel;
    pid_t peer;

    check_case("too few descriptors for a handle to poll");
    peer = start_echo(&channel);
    CHECK_STATUS(exchange(channel, SMALL), WEFT_OK);
    allow(0);
    CHECK_STATUS(expose(channel, &detail), WEFT_ELIMIT);
    allow_all();
    CHECK(detail.status == WEFT_ELIMIT && detail.operation != NULL);
    CHECK_STATUS(expose(channel, &detail), WEFT_OK);
    CHECK_STATUS(exchange(channel, LARGE), WEFT_OK);
    weft_channel_close(&channel);
    CHECK(sides_ended_well(peer));
    sides_check_holdings(&before);
    check_growth();
    check_lost_handles("no descriptor for the peer's larger ring", LARGE, 0);
    check_lost_handles("a descriptor too few for a message's handles", SMALL,
                       3);
}

/* -------------------------------------------------------- address space --- */

/* Runs in a child: takes channels until there is no address space left. */
static void use_up_addresses(void)
{
    static weft_channel *channels[4096];
    static weft_handle theirs[4096];
    struct rlimit limit;
    weft_status status = WEFT_OK;
    weft_detail detail = {WEFT_OK, 0, NULL};
    size_t count = 0;
    struct sides_holdings before = sides_hold();

    REQUIRE(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = 8 << 20;
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
    while (status == WEFT_OK && count < 4096) {
        status =
            weft_channel_pair(NULL, &channels[count], &theirs[count], &detail);
        count += status == WEFT_OK;
    }
    CHECK_STATUS(status, WEFT_ENOMEM);
    CHECK(detail.status == WEFT_ENOMEM && detail.operation != NULL);
    CHECK(count > 0);
    while (count > 0) {
        count--;
        weft_channel_close(&channels[count]);
        (void)close((int)theirs[count]);
    }
    CHECK_STATUS(try_pair(NULL, &detail), WEFT_OK);
    limit.rlim_cur = limit.rlim_max;
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
    sides_check_holdings(&before);
    check_exit_child();
}

static void check_address_space(void)
{
    pid_t child;

    if (SANITIZED) {
        printf("# not under AddressSanitizer, which needs the addresses\n");
        return;
    }
    check_case("the address space is used up");
    child = sides_fork(SECONDS);
    if (child == 0) {
        use_up_addresses();
    }
    CHECK(sides_ended_well(child));
}

/* -------------------------------------------------------- memory cgroup --- */

#define CGROUP_ROOT "/sys/fs/cgroup/memory"
#define CGROUP_BYTES "8388608"
#define OBJECT_BYTES (1 << 20)
#define OBJECTS 64

static char group[512];

static bool put(const char *file, const char *text)
{
    char path[600];
    int fd;
    bool done;

    (void)snprintf(path, sizeof(path), "%s/%s", group, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return done;
}

/* A group within this process's own, by version 1's rules. */
static bool make_group(void)
{
    char line[400];
    bool made = false;
    FILE *list = fopen("/proc/self/cgroup", "r");

    if (list == NULL) {
        return false;
    }
    while (!made && fgets(line, sizeof(line), list) != NULL) {
        const char *path = strstr(line, ":memory:");

        line[strcspn(line, "\n")] = '\0';
        if (path != NULL) {
            (void)snprintf(group, sizeof(group), CGROUP_ROOT "%s/weft-%ld",
                           path + strlen(":memory:"), (long)getpid());
            made = mkdir(group, 0700) == 0;
        }
    }
    (void)fclose(list);
    if (made && !put("memory.limit_in_bytes", CGROUP_BYTES)) {
        (void)rmdir(group);
        made = false;
    }
    return made;
}

/* In a child within the group: makes objects until there is no memory. */
static void fill_group(void)
{
    void *bases[OBJECTS];
    weft_handle objects[OBJECTS];
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = WEFT_OK;
    size_t count = 0;
    char pid[32];
    struct sides_holdings before = sides_hold();

    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    REQUIRE(put("cgroup.procs", pid));
    while (status == WEFT_OK && count < OBJECTS) {
        status = weftos_shm_create(OBJECT_BYTES, &objects[count], &bases[count],
                                   &detail);
        count += status == WEFT_OK;
    }
    CHECK_STATUS(status, WEFT_ENOMEM);
    CHECK(detail.status == WEFT_ENOMEM && detail.operation != NULL);
    printf("# %zu MiB, then: %s\n", count, detail.operation);
    while (count > 0) {
        count--;
        weftos_close(objects[count]);
        weftos_shm_unmap(bases[count], OBJECT_BYTES);
    }
    sides_check_holdings(&before);
    check_exit_child();
}

static int status_in_group(void)
{
    pid_t child = sides_fork(SECONDS);

    if (child == 0) {
        fill_group();
    }
    return sides_wait(child);
}

/*
 * A full group is the kernel's to deal with. As a rule it kills a process of
 * the group, in the midst of the call that asked for memory, and nobody can
 * return anything. Where the group says not to kill, the call gets ENOMEM.
 */
static void check_memory_group(void)
{
    int status;

    if (!make_group()) {
        printf("# no group of memory cgroup version 1 can be made here\n");
        return;
    }
    check_case("a memory cgroup that is full and does not kill: an error");
    CHECK(put("memory.oom_control", "1"));
    status = status_in_group();
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    check_case("a memory cgroup that is full and kills: no call returns");
    CHECK(put("memory.oom_control", "0"));
    status = status_in_group();
    printf("# it ended by %s %d\n", WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CHECK(rmdir(group) == 0);
}

void test_main(void)
{
    sides_make_directory();
    check_rendezvous();
    check_talking();
    check_address_space();
    check_memory_group();
    sides_remove_directory();
}
