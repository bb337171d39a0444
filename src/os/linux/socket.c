/* SPDX-License-Identifier: MIT
 *
 * Control sockets: Unix SEQPACKET, so that a message is whole or absent and
 * handles arrive with the bytes that they were sent with.
 *
 * The file status flags belong to the open description, which the peer of an
 * inherited end shares: it could clear O_NONBLOCK at any time. So every call
 * says MSG_DONTWAIT itself, and none relies on the flag.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "linux.h"
#include "without.h"

/* Linux 6.5; Debian 12's headers lack both. */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

union control_room {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(WEFTOS_SOCKET_HANDLES * sizeof(int)) +
               CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
};

static weft_status send_status(int os_code)
{
    switch (os_code) {
    case EAGAIN:
        return WEFT_EAGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return WEFT_ECLOSED;
    case EBADF: /* one of the handles is none */
        return WEFT_EINVAL;
    default:
        return weftos_errno_status(os_code);
    }
}

static void put_handles(struct msghdr *header, union control_room *room,
                        const weft_handle *handles, size_t count)
{
    int fds[WEFTOS_SOCKET_HANDLES];
    struct cmsghdr *control;

    memset(room, 0, sizeof(*room));
    header->msg_control = room->bytes;
    header->msg_controllen = CMSG_SPACE(count * sizeof(int));
    control = CMSG_FIRSTHDR(header);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
        fds[i] = (int)handles[i];
    }
    memcpy(CMSG_DATA(control), fds, count * sizeof(int));
}

weft_status weftos_socket_send(weft_handle socket, const void *data,
                               size_t bytes, const weft_handle *handles,
                               size_t handle_count, weft_detail *detail)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    union control_room room;
    ssize_t sent;

    if (handle_count > WEFTOS_SOCKET_HANDLES) {
        return weftos_fail(detail, WEFT_ELIMIT, 0, "pass handles");
    }
    if (handle_count > 0) {
        put_handles(&header, &room, handles, handle_count);
    }
    do {
        sent = sendmsg((int)socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return weftos_fail(detail, send_status(errno), errno,
                           "send a control message");
    }
    return WEFT_OK;
}

/* -------------------------------------------------------------- receive --- */

static void take_descriptors(weftos_received *received, struct cmsghdr *control)
{
    size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int fd;

    for (size_t i = 0; i < count; i++) {
        memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
        /* The room for control data holds no more, but count all the same. */
        if (received->handle_count < WEFTOS_SOCKET_HANDLES) {
            received->handles[received->handle_count++] = fd;
        } else {
            (void)close(fd);
        }
    }
}

static void take_control(weftos_received *received, struct cmsghdr *control)
{
    struct ucred sender;
    int fd;

    if (control->cmsg_level != SOL_SOCKET) {
        return;
    }
    switch (control->cmsg_type) {
    case SCM_RIGHTS:
        take_descriptors(received, control);
        break;
    case SCM_CREDENTIALS:
        memcpy(&sender, CMSG_DATA(control), sizeof(sender));
        received->has_sender = true;
        weftos_fill_peer(&received->sender, &sender);
        break;
    case SCM_PIDFD:
        memcpy(&fd, CMSG_DATA(control), sizeof(fd));
        if (fd >= 0) {
            weftos_close(received->process);
            received->process = fd;
        }
        break;
    default:
        break;
    }
}

static void drop(weftos_received *received)
{
    for (size_t i = 0; i < received->handle_count; i++) {
        weftos_close(received->handles[i]);
    }
    received->handle_count = 0;
    weftos_close(received->process);
    received->process = WEFTOS_NONE;
}

/*
 * Before Linux 6.5 the process has to be found by its number. One that has
 * ended meanwhile needs no watch: its socket's hang-up is there.
 */
static weft_status find_process(weftos_received *received, weft_detail *detail)
{
    weft_detail cause = {WEFT_OK, 0, NULL};
    weft_status status = WEFT_OK;

    if (received->has_sender && received->process == WEFTOS_NONE) {
        status = weftos_process_open(received->sender.who.pid,
                                     &received->process, &cause);
    }
    if (status == WEFT_ENOENT || status == WEFT_ENOTSUP) {
        return WEFT_OK;
    }
    return status == WEFT_OK
               ? WEFT_OK
               : weftos_fail(detail, status, cause.os_code, cause.operation);
}

weft_status weftos_socket_recv(weft_handle socket, weftos_received *received,
                               weft_detail *detail)
{
    static const char step[] = "receive a control message";
    union control_room room;
    struct iovec part = {.iov_base = received->data,
                         .iov_len = sizeof(received->data)};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = room.bytes,
                            .msg_controllen = sizeof(room.bytes)};
    weft_status status = WEFT_OK;
    ssize_t got;

    received->handle_count = 0;
    received->has_sender = false;
    received->process = WEFTOS_NONE;
    /*
     * A peer that closes while something of ours is unread leaves ECONNRESET,
     * which the kernel reports once, before what the peer had sent.
     */
    for (unsigned resets = 0;;) {
        got = recvmsg((int)socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got >= 0 ||
            (errno != EINTR && (errno != ECONNRESET || resets++ > 0))) {
            break;
        }
    }
    if (got < 0) {
        return weftos_fail(detail, send_status(errno), errno, step);
    }
    for (struct cmsghdr *control = CMSG_FIRSTHDR(&header); control != NULL;
         control = CMSG_NXTHDR(&header, control)) {
        take_control(received, control);
    }
    received->bytes = (size_t)got;
    if ((header.msg_flags & MSG_TRUNC) != 0) {
        status = weftos_fail(detail, WEFT_EPROTO, 0, step);
    } else if ((header.msg_flags & MSG_CTRUNC) != 0) {
        /* The kernel dropped descriptors: too many, or our table is full. */
        status =
            received->handle_count == WEFTOS_SOCKET_HANDLES
                ? weftos_fail(detail, WEFT_EPROTO, 0, step)
                : weftos_fail(detail, WEFT_ELIMIT, EMFILE, "receive handles");
    } else if (got == 0) {
        /* End of file: weft itself never sends an empty message. */
        status = weftos_fail(detail, WEFT_ECLOSED, 0, step);
    } else {
        status = find_process(received, detail);
    }
    if (status != WEFT_OK) {
        drop(received);
    }
    return status;
}

/* --------------------------------------------------------------- set-up --- */

weft_status weftos_socket_name_senders(int fd, weft_detail *detail)
{
    int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
        return weftos_fail_errno(detail, "SO_PASSCRED");
    }
    /* Without it (before Linux 6.5) the pid in the credentials has to do. */
    if (!WITHOUT_PIDFD) {
        (void)setsockopt(fd, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on));
    }
    return WEFT_OK;
}

void weftos_socket_forget_senders(int fd)
{
    int off = 0;

    /* Should one of them fail, it costs time only. */
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &off, sizeof(off));
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSPIDFD, &off, sizeof(off));
}

weft_status weftos_socket_pair(weft_handle ends[2], weft_detail *detail)
{
    int fds[2];
    weft_status status;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        return weftos_fail_errno(detail, "socketpair");
    }
    status = weftos_socket_name_senders(fds[0], detail);
    if (status == WEFT_OK) {
        status = weftos_socket_name_senders(fds[1], detail);
    }
    if (status != WEFT_OK) {
        (void)close(fds[0]);
        (void)close(fds[1]);
        return status;
    }
    ends[0] = fds[0];
    ends[1] = fds[1];
    return WEFT_OK;
}

weft_status weftos_socket_adopt(weft_handle socket, weft_detail *detail)
{
    static const char step[] = "check the control socket";
    int domain = 0;
    int type = 0;
    socklen_t room = sizeof(int);

    if (getsockopt((int)socket, SOL_SOCKET, SO_DOMAIN, &domain, &room) != 0 ||
        getsockopt((int)socket, SOL_SOCKET, SO_TYPE, &type, &room) != 0) {
        return weftos_fail(detail, WEFT_EINVAL, errno, step);
    }
    if (domain != AF_UNIX || type != SOCK_SEQPACKET) {
        return weftos_fail(detail, WEFT_EINVAL, 0, step);
    }
    if (fcntl((int)socket, F_SETFD, FD_CLOEXEC) != 0) {
        return weftos_fail_errno(detail, step);
    }
    return weftos_socket_name_senders((int)socket, detail);
}

void weftos_socket_hang_up(weft_handle socket)
{
    (void)shutdown((int)socket, SHUT_RDWR);
}

weft_status weftos_socket_wait(weft_handle socket, bool room,
                               weft_handle process, uint64_t deadline_ns,
                               bool interruptible, weft_detail *detail)
{
    static const char step[] = "wait for the peer";
    /* poll passes over a negative descriptor, such as WEFTOS_NONE. */
    struct pollfd entries[2] = {
        {.fd = (int)socket, .events = room ? POLLOUT : POLLIN},
        {.fd = (int)process, .events = POLLIN},
    };
    struct timespec left;

    for (;;) {
        int count =
            ppoll(entries, 2, weftos_time_left(deadline_ns, &left), NULL);

        /* A dead peer's last message is taken first; room is no use to it. */
        if (count > 0 && entries[1].revents != 0 &&
            (room || entries[0].revents == 0)) {
            return weftos_fail(detail, WEFT_EPEERDIED, 0, step);
        }
        if (count > 0) {
            return WEFT_OK;
        }
        if (count == 0) {
            return weftos_fail(
                detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                0, step);
        }
        if (errno != EINTR || interruptible) {
            return weftos_fail_errno(detail, step);
        }
    }
}
