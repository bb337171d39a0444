/* SPDX-License-Identifier: MIT
 *
 * Unix sockets with the rules of XNU:
 *
 *  - addresses have a length byte and 104 bytes of path.
 *  - only STREAM and DGRAM, with small buffers.
 *  - connect() does not wait: a full queue refuses like a dead listener.
 *  - an accepted socket is non-blocking if the listening one is.
 *  - no option can be set when both directions are shut down: EINVAL. Then
 *    LOCAL_PEERPID is ENOTCONN.
 *  - LOCAL_PEERPID is who used the other end last. Linux tells the sender of
 *    each message (SO_PASSCRED); the last one is kept here for each socket.
 *  - SIGPIPE, unless SO_NOSIGPIPE is set. The mark has to go where the socket
 *    goes, so it is F_SETSIG's number, which nothing else uses here.
 *  - all descriptors of a message come into the process, with or without room
 *    for their numbers (messages.c).
 *
 * Weaker than XNU: who has used a socket, but sent nothing, is not seen; pids
 * of more sockets than the table holds may be the ones from connect().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "calls.h"
#include "faults.h"
#include "socket.h"

/* ------------------------------------------------------------ addresses --- */

#define PATH_AT offsetof(struct double_sockaddr_un, sun_path)

/* Gives the length of Linux's address, or 0 for one that is none. */
static socklen_t to_linux(const struct double_sockaddr *from, socklen_t bytes,
                          struct sockaddr_un *to)
{
    size_t length;

    if (from == NULL || bytes < PATH_AT || from->sa_family != AF_UNIX ||
        bytes > sizeof(struct double_sockaddr_un)) {
        return 0;
    }
    length = bytes - PATH_AT;
    memset(to, 0, sizeof(*to));
    to->sun_family = AF_UNIX;
    memcpy(to->sun_path, (const char *)from + PATH_AT, length);
    return sizeof(*to);
}

static void to_darwin(const struct sockaddr_un *from,
                      struct double_sockaddr *to, socklen_t *bytes)
{
    struct double_sockaddr_un whole;
    size_t length;

    memset(&whole, 0, sizeof(whole));
    whole.sun_len = sizeof(whole);
    whole.sun_family = (uint8_t)from->sun_family;
    length = strnlen(from->sun_path, sizeof(whole.sun_path) - 1);
    memcpy(whole.sun_path, from->sun_path, length);
    memcpy(to, &whole, *bytes < sizeof(whole) ? *bytes : sizeof(whole));
    *bytes = sizeof(whole);
}

int double_bind(int fd, const struct double_sockaddr *address, socklen_t bytes)
{
    struct sockaddr_un own;
    socklen_t length = to_linux(address, bytes, &own);

    if (length == 0) {
        return double_fail(EINVAL);
    }
    return bind(fd, (const struct sockaddr *)&own, length);
}

int double_connect(int fd, const struct double_sockaddr *address,
                   socklen_t bytes)
{
    struct sockaddr_un own;
    socklen_t length = to_linux(address, bytes, &own);
    int flags = fcntl(fd, F_GETFL);
    int result;
    int cause;

    if (length == 0 || flags < 0) {
        return double_fail(length == 0 ? EINVAL : EBADF);
    }
    (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    result = connect(fd, (const struct sockaddr *)&own, length);
    cause = result != 0 ? errno : 0;
    (void)fcntl(fd, F_SETFL, flags);
    if (result != 0) {
        return double_fail(cause == EAGAIN ? ECONNREFUSED : cause);
    }
    return 0;
}

int double_getsockname(int fd, struct double_sockaddr *address,
                       socklen_t *bytes)
{
    struct sockaddr_un own;
    socklen_t length = sizeof(own);

    memset(&own, 0, sizeof(own));
    if (getsockname(fd, (struct sockaddr *)&own, &length) != 0) {
        return -1;
    }
    to_darwin(&own, address, bytes);
    return 0;
}

/* --------------------------------------------------------------- making --- */

/*
 * Linux counts each message with what it needs around it, and calls a socket
 * writable while a quarter of the buffer is in use. So this is full for poll()
 * after about as many small messages as XNU's 8 KiB.
 */
static void shape(int fd)
{
    const int bytes = 32768;
    const int on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
}

static bool is_known_kind(int domain, int type)
{
    return domain == AF_UNIX && (type == SOCK_STREAM || type == SOCK_DGRAM);
}

int double_socket(int domain, int type, int protocol)
{
    int fd;

    if (!is_known_kind(domain, type)) {
        return double_fail(EPROTONOSUPPORT);
    }
    fd = socket(domain, type, protocol);
    if (fd >= 0) {
        shape(fd);
    }
    return fd;
}

int double_socketpair(int domain, int type, int protocol, int *fds)
{
    if (!is_known_kind(domain, type)) {
        return double_fail(EPROTONOSUPPORT);
    }
    if (socketpair(domain, type, protocol, fds) != 0) {
        return -1;
    }
    shape(fds[0]);
    shape(fds[1]);
    return 0;
}

int double_accept(int fd, struct double_sockaddr *address, socklen_t *bytes)
{
    struct sockaddr_un own;
    socklen_t length = sizeof(own);
    int flags = fcntl(fd, F_GETFL);
    int made;

    memset(&own, 0, sizeof(own));
    made = accept(fd, (struct sockaddr *)&own, &length);
    if (made < 0) {
        return -1;
    }
    if (address != NULL) {
        to_darwin(&own, address, bytes);
    }
    if ((flags & O_NONBLOCK) != 0) {
        (void)fcntl(made, F_SETFL, O_RDWR | O_NONBLOCK);
    }
    shape(made);
    return made;
}

/* ---------------------------------------------------------------- peers --- */

#define SENDERS 1024

/* Who sent last, by the number of the receiving socket. */
static struct {
    ino_t socket;
    pid_t pid;
} senders[SENDERS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void double_remember_sender(int fd, pid_t pid)
{
    struct stat info;

    if (pid <= 0 || fstat(fd, &info) != 0) {
        return;
    }
    (void)pthread_mutex_lock(&lock);
    senders[info.st_ino % SENDERS].socket = info.st_ino;
    senders[info.st_ino % SENDERS].pid = pid;
    (void)pthread_mutex_unlock(&lock);
}

static pid_t last_sender(int fd)
{
    struct stat info;
    pid_t pid = 0;

    if (fstat(fd, &info) != 0) {
        return 0;
    }
    (void)pthread_mutex_lock(&lock);
    if (senders[info.st_ino % SENDERS].socket == info.st_ino) {
        pid = senders[info.st_ino % SENDERS].pid;
    }
    (void)pthread_mutex_unlock(&lock);
    return pid;
}

/* What Linux knows of the peer since connect(); ENOTCONN without one. */
static int ask_peer(int fd, struct ucred *peer)
{
    socklen_t bytes = sizeof(*peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &bytes) != 0) {
        return -1;
    }
    return peer->uid == (uid_t)-1 ? double_fail(ENOTCONN) : 0;
}

int double_getpeereid(int fd, uid_t *uid, gid_t *gid)
{
    struct ucred peer;

    if (ask_peer(fd, &peer) != 0) {
        return -1;
    }
    *uid = peer.uid;
    *gid = peer.gid;
    return 0;
}

/* -------------------------------------------------------------- options --- */

/* Neither end will say anything more. */
static bool is_over(int fd)
{
    struct pollfd entry = {.fd = fd, .events = 0};

    return poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP) != 0;
}

bool double_is_silent(int fd)
{
    return fcntl(fd, F_GETSIG) == SILENT_MARK;
}

int double_set_silent(int fd, bool on)
{
    return fcntl(fd, F_SETSIG, on ? SILENT_MARK : 0);
}

static int give(void *value, socklen_t *bytes, int number)
{
    if (*bytes < sizeof(number)) {
        return double_fail(EINVAL);
    }
    memcpy(value, &number, sizeof(number));
    *bytes = sizeof(number);
    return 0;
}

/* A new socket looks as if it were over, but has no peer yet. */
static bool is_connected(int fd)
{
    struct ucred peer;

    return ask_peer(fd, &peer) == 0 && peer.pid != 0;
}

/* Options of sockets that Linux and macOS agree about. */
static bool is_common(int level, int option)
{
    return level == SOL_SOCKET &&
           (option == SO_TYPE || option == SO_ERROR || option == SO_SNDBUF ||
            option == SO_RCVBUF || option == SO_SNDTIMEO ||
            option == SO_RCVTIMEO || option == SO_ACCEPTCONN);
}

int double_getsockopt(int fd, int level, int option, void *value,
                      socklen_t *bytes)
{
    struct ucred peer;
    int type;
    socklen_t room = sizeof(type);

    if (is_common(level, option)) {
        return getsockopt(fd, level, option, value, bytes);
    }
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &room) != 0) {
        return -1;
    }
    if (level == SOL_SOCKET && option == SO_NOSIGPIPE) {
        return give(value, bytes, double_is_silent(fd));
    }
    if (level != SOL_LOCAL || option != LOCAL_PEERPID) {
        double_lacks("getsockopt() of such an option");
    }
    if (is_over(fd)) {
        return double_fail(ENOTCONN);
    }
    if (ask_peer(fd, &peer) != 0) {
        return -1;
    }
    type = (int)last_sender(fd);
    return give(value, bytes, type != 0 ? type : (int)peer.pid);
}

int double_setsockopt(int fd, int level, int option, const void *value,
                      socklen_t bytes)
{
    int type;
    socklen_t room = sizeof(type);
    int on = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &room) != 0) {
        return -1;
    }
    if (is_connected(fd) && is_over(fd)) {
        return double_fail(EINVAL);
    }
    if (is_common(level, option)) {
        return setsockopt(fd, level, option, value, bytes);
    }
    if (level != SOL_SOCKET || option != SO_NOSIGPIPE) {
        double_lacks("setsockopt() of such an option");
    }
    if (bytes != sizeof(on)) {
        return double_fail(EINVAL);
    }
    memcpy(&on, value, sizeof(on));
    return double_set_silent(fd, on != 0);
}
