/* SPDX-License-Identifier: MIT
 *
 * The double's Unix sockets and pipes keep XNU's rules; compiled as the macOS
 * back end is.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

union room {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(8 * sizeof(int))];
};

static int open_count(void)
{
    return check_open_handles();
}

/* Sends one byte, with the same descriptor `count` times. */
static ssize_t send_descriptors(int socket, int fd, size_t count)
{
    struct iovec part = {(void *)(uintptr_t) "x", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct cmsghdr *control;
    union room room;

    memset(&room, 0, sizeof(room));
    message.msg_control = room.bytes;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
        memcpy(CMSG_DATA(control) + i * sizeof(int), &fd, sizeof(fd));
    }
    return sendmsg(socket, &message, 0);
}

/* Receives with room for some descriptors; gives the flags, or -1. */
static int recv_descriptors(int socket, int *fds, size_t room_count)
{
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union room room;

    message.msg_control = room.bytes;
    message.msg_controllen = CMSG_LEN(room_count * sizeof(int));
    if (recvmsg(socket, &message, MSG_DONTWAIT) != 1) {
        return -1;
    }
    if (message.msg_controllen >= CMSG_LEN(0)) {
        memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)),
               message.msg_controllen - CMSG_LEN(0));
    }
    return message.msg_flags;
}

static void check_descriptors(void)
{
    int ends[2];
    int fds[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
    int queue = kqueue();
    int before;

    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && queue >= 0);
    before = open_count();

    check_case("descriptors arrive with their message, open over exec");
    CHECK(send_descriptors(ends[0], ends[0], 2) == 1);
    CHECK(recv_descriptors(ends[1], fds, 2) == 0);
    CHECK(fds[0] >= 0 && fcntl(fds[0], F_GETFD) == 0);
    CHECK(close(fds[0]) == 0 && close(fds[1]) == 0);
    CHECK(open_count() == before);

    check_case("descriptors that there is no room for come in all the same");
    CHECK(send_descriptors(ends[0], ends[0], 3) == 1);
    CHECK((recv_descriptors(ends[1], fds, 1) & MSG_CTRUNC) != 0);
    CHECK(open_count() == before + 3);
    CHECK(close(fds[0]) == 0 && close(fds[0] + 1) == 0 &&
          close(fds[0] + 2) == 0);

    check_case("a kqueue can't be sent");
    CHECK(send_descriptors(ends[0], queue, 1) == -1 && errno == EINVAL);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0 && close(queue) == 0);
}

static bool is_writable(int socket)
{
    struct pollfd entry = {.fd = socket, .events = POLLOUT};

    return poll(&entry, 1, 0) == 1;
}

static void check_buffer(void)
{
    static const char text[4096];
    int ends[2];
    int count = 0;

    check_case("poll calls a socket full after some KiB");
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    REQUIRE(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    while (is_writable(ends[0]) && send(ends[0], text, 256, 0) == 256) {
        count++;
    }
    CHECK(count >= 8 && count <= 32);

    check_case("O_NONBLOCK lets a send fail when the socket is full");
    while (send(ends[0], text, 256, 0) == 256) {
        count++;
    }
    CHECK(errno == EAGAIN && count < 200);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void check_unread(void)
{
    char text[8];
    int ends[2];

    check_case("who closes with something unread resets nothing");
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(send(ends[0], "mine", 4, 0) == 4 && send(ends[1], "ours", 4, 0) == 4);
    CHECK(close(ends[1]) == 0);
    CHECK(recv(ends[0], text, sizeof(text), MSG_PEEK) == 4);
    CHECK(recv(ends[0], text, sizeof(text), 0) == 4);
    CHECK(recv(ends[0], text, sizeof(text), 0) == 0);
    CHECK(close(ends[0]) == 0);
}

static int get(int socket, int level, int option)
{
    int value = -1;
    socklen_t bytes = sizeof(value);

    return getsockopt(socket, level, option, &value, &bytes) == 0 ? value : -1;
}

/* How a child that writes where nobody reads any more ends. */
static int signal_of_write(int fd, bool as_socket)
{
    int status = 0;
    pid_t child = fork();

    REQUIRE(child >= 0);
    if (child == 0) {
        ssize_t sent = as_socket ? send(fd, "x", 1, 0) : write(fd, "x", 1);

        _exit(sent == -1 && errno == EPIPE ? 0 : 1);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void check_sigpipe(void)
{
    const int on = 1;
    int copies[2];
    int ends[2];

    check_case("SO_NOSIGPIPE belongs to the socket");
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(setsockopt(ends[0], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on)) == 0);
    CHECK(get(ends[0], SOL_SOCKET, SO_NOSIGPIPE) == 1);
    CHECK(get(ends[1], SOL_SOCKET, SO_NOSIGPIPE) == 0);
    REQUIRE((copies[0] = dup(ends[0])) >= 0 && (copies[1] = dup(ends[1])) >= 0);
    CHECK(shutdown(ends[0], SHUT_RDWR) == 0);
    CHECK(signal_of_write(copies[0], true) == 0);
    CHECK(signal_of_write(copies[1], true) == SIGPIPE);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    CHECK(close(copies[0]) == 0 && close(copies[1]) == 0);

    check_case("F_SETNOSIGPIPE belongs to the open pipe");
    REQUIRE(pipe(ends) == 0 && close(ends[0]) == 0);
    CHECK(signal_of_write(ends[1], false) == SIGPIPE);
    CHECK(fcntl(ends[1], F_SETNOSIGPIPE, 1) == 0);
    CHECK(fcntl(ends[1], F_GETNOSIGPIPE) == 1);
    CHECK(signal_of_write(ends[1], false) == 0);
    CHECK(close(ends[1]) == 0);
}

static void check_peer(void)
{
    const int on = 1;
    int ends[2];
    char byte;
    int status = -1;
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t child;

    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    check_case("LOCAL_PEERPID is who used the other end last");
    CHECK(get(ends[0], SOL_LOCAL, LOCAL_PEERPID) == (int)getpid());
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        _exit(send(ends[1], "x", 1, 0) == 1 ? 0 : 1);
    }
    REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    CHECK(recv(ends[0], &byte, 1, 0) == 1);
    CHECK(get(ends[0], SOL_LOCAL, LOCAL_PEERPID) == (int)child);

    check_case("getpeereid is who made the connection");
    CHECK(getpeereid(ends[0], &uid, &gid) == 0);
    CHECK(uid == geteuid() && gid == getegid());

    check_case("when the peer has gone its pid has too, and no option is set");
    CHECK(close(ends[1]) == 0);
    CHECK(get(ends[0], SOL_LOCAL, LOCAL_PEERPID) == -1 && errno == ENOTCONN);
    CHECK(setsockopt(ends[0], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on)) ==
              -1 &&
          errno == EINVAL);
    CHECK(getpeereid(ends[0], &uid, &gid) == 0);
    CHECK(close(ends[0]) == 0);
}

static char place[] = "/tmp/weft-double-XXXXXX";

static void name_socket(struct sockaddr_un *address)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    (void)snprintf(address->sun_path, sizeof(address->sun_path), "%s/s", place);
}

static int try_connect(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    REQUIRE(fd >= 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        int cause = errno;

        (void)close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

static void check_listener(void)
{
    struct sockaddr_un address;
    struct sockaddr_un bound;
    socklen_t bytes = sizeof(bound);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    int fds[64];
    static const struct timespec no_wait = {0, 0};
    struct kevent event;
    int queue = kqueue();
    int count = 0;
    int accepted;

    REQUIRE(listener >= 0 && mkdtemp(place) != NULL);
    name_socket(&address);
    check_case("an address has 104 bytes of path and a family of one");
    CHECK(sizeof(address) == 106 && sizeof(address.sun_family) == 1);
    REQUIRE(bind(listener, (const struct sockaddr *)&address,
                 sizeof(address)) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&bound, &bytes) == 0);
    CHECK(bound.sun_family == AF_UNIX &&
          strcmp(bound.sun_path, address.sun_path) == 0);
    CHECK(fchmod(listener, 0600) == -1 && errno == EINVAL);

    check_case("before listen, and with a full queue, connect is refused");
    CHECK(try_connect(&address) == -1 && errno == ECONNREFUSED);
    REQUIRE(listen(listener, 1) == 0);
    while (count < 64 && (fds[count] = try_connect(&address)) >= 0) {
        count++;
    }
    CHECK(errno == ECONNREFUSED && count >= 1 && count < 64);

    check_case("a listening socket says how many connections wait");
    REQUIRE(queue >= 0);
    EV_SET(&event, (uintptr_t)listener, EVFILT_READ, EV_ADD, 0, 0, NULL);
    CHECK(kevent(queue, &event, 1, &event, 1, &no_wait) == 1);
    CHECK(event.data == count);
    CHECK(close(queue) == 0);

    check_case("an accepted socket is non-blocking as the listening one is");
    REQUIRE(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
    accepted = accept(listener, NULL, NULL);
    REQUIRE(accepted >= 0);
    CHECK((fcntl(accepted, F_GETFL) & O_NONBLOCK) != 0);
    CHECK(fcntl(accepted, F_GETFD) == 0);
    CHECK(get(accepted, SOL_LOCAL, LOCAL_PEERPID) == (int)getpid());
    CHECK(close(accepted) == 0);

    while (count > 0) {
        CHECK(close(fds[--count]) == 0);
    }
    CHECK(close(listener) == 0);
    check_case("nobody listens: refused; no name: ENOENT");
    CHECK(try_connect(&address) == -1 && errno == ECONNREFUSED);
    CHECK(unlink(address.sun_path) == 0 && rmdir(place) == 0);
    CHECK(try_connect(&address) == -1 && errno == ENOENT);
}

void test_main(void)
{
    REQUIRE(setenv("WEFT_DOUBLE_FAULTS", "0", 1) == 0);
    check_descriptors();
    check_buffer();
    check_unread();
    check_sigpipe();
    check_peer();
    check_listener();
}
