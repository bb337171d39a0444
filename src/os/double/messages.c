/* SPDX-License-Identifier: MIT
 *
 * Messages through Unix sockets with the rules of XNU:
 *
 *  - control data is one SCM_RIGHTS, and a kqueue can't be in it: EINVAL.
 *  - sending does not heed MSG_DONTWAIT, receiving does: sosendcheck() looks
 *    for O_NONBLOCK alone.
 *  - the descriptors of a message are all put into the process, and only then
 *    their numbers are copied, as far as there is room: MSG_CTRUNC, and the
 *    rest stays open without a name. No room in the table: EMSGSIZE.
 *  - who closes with something unread does not reset the connection.
 *  - MSG_PEEK leaves control data alone: XNU gives its raw form, of no use.
 *
 * Weaker than XNU: after EMSGSIZE the data is gone too; a message without
 * descriptors may be received in one call with the next one, if that has
 * some, where XNU stops between the two.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls.h"
#include "faults.h"
#include "socket.h"

/* The kernel's own limit, SCM_MAX_FD. */
#define FDS_MOST 253

/* ----------------------------------------------------------------- send --- */

/* One part, and nothing in it that can't be sent. */
static bool is_sendable(const struct msghdr *message)
{
    struct msghdr copy = *message;
    struct cmsghdr *part = CMSG_FIRSTHDR(&copy);
    int fd;

    if (part == NULL) {
        return true;
    }
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS ||
        CMSG_NXTHDR(&copy, part) != NULL) {
        return false;
    }
    for (size_t at = CMSG_LEN(0); at + sizeof(fd) <= part->cmsg_len;
         at += sizeof(fd)) {
        memcpy(&fd, (const char *)part + at, sizeof(fd));
        if (double_is_kqueue(fd)) {
            return false;
        }
    }
    return true;
}

ssize_t double_sendmsg(int fd, const struct msghdr *message, int flags)
{
    if ((flags & ~MSG_DONTWAIT) != 0) {
        double_lacks("sendmsg() with such flags");
    }
    if (!is_sendable(message)) {
        return double_fail(EINVAL);
    }
    return sendmsg(fd, message, double_is_silent(fd) ? MSG_NOSIGNAL : 0);
}

ssize_t double_send(int fd, const void *data, size_t bytes, int flags)
{
    struct iovec part = {(void *)(uintptr_t)data, bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    return double_sendmsg(fd, &message, flags);
}

/* -------------------------------------------------------------- receive --- */

union control {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(sizeof(struct ucred)) +
               CMSG_SPACE(FDS_MOST * sizeof(int))];
};

/* Notes the sender; gives the part with the descriptors, or NULL. */
static struct cmsghdr *look_through(int fd, struct msghdr *message)
{
    struct cmsghdr *rights = NULL;
    struct ucred sender;

    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_type == SCM_RIGHTS) {
            rights = part;
        } else if (part->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&sender, CMSG_DATA(part), sizeof(sender));
            double_remember_sender(fd, sender.pid);
        }
    }
    return rights;
}

static void close_all(const struct cmsghdr *rights)
{
    int fd;

    for (size_t at = CMSG_LEN(0);
         rights != NULL && at + sizeof(fd) <= rights->cmsg_len;
         at += sizeof(fd)) {
        memcpy(&fd, (const char *)rights + at, sizeof(fd));
        (void)close(fd);
    }
}

/*
 * Copies as much of the part as there is room for, down to half a number. Its
 * length goes on saying what it was.
 */
static void hand_over(const struct cmsghdr *rights, struct msghdr *message)
{
    size_t room = message->msg_controllen;

    message->msg_controllen = 0;
    if (rights == NULL) {
        return;
    }
    if (message->msg_control == NULL || room == 0) {
        close_all(rights); /* XNU throws them away unseen */
        return;
    }
    message->msg_controllen = room < rights->cmsg_len ? room : rights->cmsg_len;
    memcpy(message->msg_control, rights, message->msg_controllen);
    if (room < rights->cmsg_len) {
        message->msg_flags |= MSG_CTRUNC;
    }
}

static ssize_t peek(int fd, struct msghdr *message, int flags)
{
    ssize_t got;

    if (message->msg_control != NULL) {
        double_lacks("MSG_PEEK with room for control data");
    }
    got = recvmsg(fd, message, flags);
    message->msg_flags &= ~MSG_CTRUNC;
    return got;
}

ssize_t double_recvmsg(int fd, struct msghdr *message, int flags)
{
    const int on = 1;
    union control control;
    struct msghdr whole = *message;
    struct cmsghdr *rights;
    ssize_t got;

    if ((flags & ~(MSG_DONTWAIT | MSG_PEEK)) != 0) {
        double_lacks("recvmsg() with such flags");
    }
    /* A socket that was made elsewhere does not tell the sender yet. */
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    for (unsigned tries = 0;; tries++) {
        if ((flags & MSG_PEEK) != 0) {
            got = peek(fd, message, flags);
        } else {
            whole.msg_control = control.bytes;
            whole.msg_controllen = sizeof(control.bytes);
            got = recvmsg(fd, &whole, flags);
        }
        if (got >= 0 || errno != ECONNRESET || tries > 0) {
            break;
        }
    }
    if (got < 0 || (flags & MSG_PEEK) != 0) {
        return got;
    }
    rights = look_through(fd, &whole);
    if ((whole.msg_flags & MSG_CTRUNC) != 0) {
        close_all(rights);
        return double_fail(EMSGSIZE);
    }
    message->msg_flags = whole.msg_flags;
    hand_over(rights, message);
    return got;
}

ssize_t double_recv(int fd, void *data, size_t bytes, int flags)
{
    struct iovec part = {data, bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    return double_recvmsg(fd, &message, flags);
}
