/* SPDX-License-Identifier: MIT
 *
 * Control sockets: Unix STREAM, which is what macOS has, cut into frames.
 *
 * A message is a frame of one size, sent by one sendmsg with its handles and
 * received by one recvmsg. A frame is never split:
 *
 *   - A non-blocking send of no more than the low-water mark of the send
 *     buffer, 2048 bytes unless somebody changes it, is all or nothing
 *     (sosendcheck).
 *   - Handles begin a new record in the receiver's queue (sbappendcontrol), and
 *     a receive never crosses the start of one. So the handles that come with
 *     a frame were sent with it.
 *
 * A peer that does otherwise is found out: fewer bytes than a frame, or another
 * number of handles than the frame says, is WEFT_EPROTO.
 *
 * MSG_DONTWAIT is heeded by receives and ignored by sends (sosendcheck looks
 * for O_NONBLOCK alone). So sockets are O_NONBLOCK here, which the peer can't
 * change: it holds the other socket. Who shares our own end can; against that,
 * each send asks poll first.
 *
 * The kernel does not name the sender of a message. It has the credentials of
 * who connected or listened (those of who made the pair, for a socketpair),
 * and the number of the process that last used the other end. A frame carries
 * the sender's own number and stamp: what it says is believed only where it
 * says the same number as the kernel, and serves to tell the process from a
 * later one with that number.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/event.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "macos.h"

struct frame {
    uint32_t bytes;   /* of the data */
    uint32_t handles; /* that travel with it */
    uint32_t pid;     /* the sender, as it says itself */
    uint32_t stamp;   /* 0: it does not know */
    unsigned char data[WEFTOS_SOCKET_BYTES];
};

_Static_assert(sizeof(struct frame) == 16 + WEFTOS_SOCKET_BYTES,
               "a frame is the same in every process");

/*
 * What the kernel lets anybody send in one message. It makes descriptors of
 * all of them before it looks whether there is room to say which, and what is
 * not said stays open for ever (soreceive_ctl). So there is room for all.
 */
#define RIGHTS_MOST 512

union control_room {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(RIGHTS_MOST * sizeof(int))];
};

/* ----------------------------------------------------------------- send --- */

static weft_status send_status(int os_code)
{
    switch (os_code) {
    case EAGAIN:
    case EMSGSIZE: /* less room than the handles alone take: sosendcheck */
        return WEFT_EAGAIN;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return WEFT_ECLOSED;
    case EBADF:  /* one of the handles is none */
    case EINVAL: /* or can't be sent: a kqueue, a semaphore */
        return WEFT_EINVAL;
    default:
        return weftos_errno_status(os_code);
    }
}

static void put_handles(struct msghdr *header, union control_room *room,
                        const weft_handle *handles, size_t count)
{
    struct cmsghdr *control;

    memset(room, 0, sizeof(*room));
    header->msg_control = room->bytes;
    header->msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int));
    control = CMSG_FIRSTHDR(header);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
        int fd = (int)handles[i];

        memcpy(CMSG_DATA(control) + i * sizeof(int), &fd, sizeof(fd));
    }
}

/*
 * WEFT_EAGAIN, or WEFT_ECLOSED, if a send would not succeed now. After the
 * peer's shutdown it would succeed, and be thrown away (uipc_shutdown): only
 * the way in tells of that.
 */
static weft_status check_room(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT};

    if (poll(&entry, 1, 0) <= 0) {
        return WEFT_EAGAIN;
    }
    if ((entry.revents & POLLNVAL) != 0) {
        return WEFT_EINVAL;
    }
    if ((entry.revents & (POLLHUP | POLLERR)) != 0) {
        return WEFT_ECLOSED;
    }
    return (entry.revents & POLLOUT) != 0 ? WEFT_OK : WEFT_EAGAIN;
}

static void fill_frame(struct frame *frame, const void *data, size_t bytes,
                       size_t handle_count)
{
    memset(frame, 0, sizeof(*frame));
    frame->bytes = (uint32_t)bytes;
    frame->handles = (uint32_t)handle_count;
    frame->pid = (uint32_t)getpid();
    (void)weftos_process_stamp(frame->pid, &frame->stamp, NULL);
    memcpy(frame->data, data, bytes);
}

weft_status weftos_socket_send(weft_handle socket, const void *data,
                               size_t bytes, const weft_handle *handles,
                               size_t handle_count, weft_detail *detail)
{
    static const char step[] = "send a control message";
    struct frame frame;
    struct iovec part = {.iov_base = &frame, .iov_len = sizeof(frame)};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    union control_room room;
    weft_status status;
    ssize_t sent;

    if (bytes > sizeof(frame.data)) {
        return weftos_fail(detail, WEFT_EMSGSIZE, 0, step);
    }
    if (handle_count > WEFTOS_SOCKET_HANDLES) {
        return weftos_fail(detail, WEFT_ELIMIT, 0, "pass handles");
    }
    status = check_room((int)socket);
    if (status != WEFT_OK) {
        return weftos_fail(detail, status, 0, step);
    }
    fill_frame(&frame, data, bytes, handle_count);
    if (handle_count > 0) {
        put_handles(&header, &room, handles, handle_count);
    }
    do {
        sent = sendmsg((int)socket, &header, 0);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return weftos_fail(detail, send_status(errno), errno, step);
    }
    /* Somebody who shares this end has changed its low-water mark. */
    return sent == (ssize_t)sizeof(frame)
               ? WEFT_OK
               : weftos_fail(detail, WEFT_EPROTO, 0, step);
}

/* -------------------------------------------------------------- receive --- */

/*
 * Takes over the descriptors of a message. More than os.h allows are closed,
 * but counted.
 */
static size_t take_descriptors(weftos_received *received,
                               struct cmsghdr *control)
{
    size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int fd;

    for (size_t i = 0; i < count; i++) {
        memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
        if (received->handle_count < WEFTOS_SOCKET_HANDLES) {
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
            received->handles[received->handle_count++] = fd;
        } else {
            (void)close(fd);
        }
    }
    return count;
}

static size_t take_control(weftos_received *received, struct msghdr *header)
{
    size_t count = 0;

    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL;
         control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level == SOL_SOCKET &&
            control->cmsg_type == SCM_RIGHTS) {
            count += take_descriptors(received, control);
        }
    }
    return count;
}

static void drop(weftos_received *received)
{
    for (size_t i = 0; i < received->handle_count; i++) {
        weftos_close(received->handles[i]);
    }
    received->handle_count = 0;
}

static weft_status name_sender(int fd, weftos_received *received,
                               const struct frame *frame, weft_detail *detail)
{
    weftos_process_id who = {.pid = frame->pid,
                             .stamp = frame->stamp &
                                      ((UINT32_C(1) << WEFTOS_STAMP_BITS) - 1)};
    weft_status status = weftos_socket_ask_peer(fd, &received->sender, detail);

    if (status == WEFT_OK) {
        received->has_sender = true;
        if (who.pid != 0 && received->sender.who.pid == (int64_t)who.pid) {
            received->process = weftos_process_handle(&who);
        }
    }
    return status;
}

static weft_status check_frame(const struct frame *frame, size_t got,
                               size_t handles, int flags)
{
    if (got == 0) {
        return WEFT_ECLOSED;
    }
    return got == sizeof(*frame) && frame->bytes <= sizeof(frame->data) &&
                   frame->handles == handles &&
                   handles <= WEFTOS_SOCKET_HANDLES &&
                   (flags & (MSG_TRUNC | MSG_CTRUNC)) == 0
               ? WEFT_OK
               : WEFT_EPROTO;
}

weft_status weftos_socket_recv(weft_handle socket, weftos_received *received,
                               weft_detail *detail)
{
    static const char step[] = "receive a control message";
    union control_room room;
    struct frame frame;
    struct iovec part = {.iov_base = &frame, .iov_len = sizeof(frame)};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    weft_status status;
    size_t handles;
    ssize_t got;

    received->bytes = 0;
    received->handle_count = 0;
    received->has_sender = false;
    received->process = WEFTOS_NONE;
    do {
        header.msg_control = room.bytes;
        header.msg_controllen = sizeof(room.bytes);
        got = recvmsg((int)socket, &header, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EMSGSIZE
                   ? weftos_fail(detail, WEFT_ELIMIT, errno, "receive handles")
                   : weftos_fail(detail, send_status(errno), errno, step);
    }
    handles = take_control(received, &header);
    status = check_frame(&frame, (size_t)got, handles, header.msg_flags);
    if (status != WEFT_OK) {
        (void)weftos_fail(detail, status, 0, step);
    } else {
        status = name_sender((int)socket, received, &frame, detail);
    }
    if (status != WEFT_OK) {
        drop(received);
        return status;
    }
    received->bytes = frame.bytes;
    memcpy(received->data, frame.data, frame.bytes);
    return WEFT_OK;
}

/* --------------------------------------------------------------- set-up --- */

/*
 * getpeereid gives what the kernel noted when the connection was made. A
 * socketpair's is of who made it, for both ends: whoever inherits the other
 * one passes for that user, unless the process that used it last is known to
 * be another's. That can only make it less trusted.
 */
weft_status weftos_socket_ask_peer(int fd, weftos_peer *peer,
                                   weft_detail *detail)
{
    pid_t pid = 0;
    socklen_t room = sizeof(pid);
    uid_t uid = 0;
    gid_t gid = 0;

    if (getpeereid(fd, &uid, &gid) != 0) {
        return weftos_fail_errno(detail, "getpeereid");
    }
    if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &pid, &room) != 0) {
        if (errno != ENOTCONN) {
            return weftos_fail_errno(detail, "LOCAL_PEERPID");
        }
        pid = 0;
    }
    if (pid > 0 && uid == geteuid()) {
        weftos_process_user((uint32_t)pid, &uid, &gid);
    }
    peer->who.pid = pid;
    peer->who.uid = uid;
    peer->who.gid = gid;
    peer->is_same_user = uid == geteuid();
    return WEFT_OK;
}

weft_status weftos_socket_prepare(int fd, weft_detail *detail)
{
    static const char step[] = "set up a control socket";
    int on = 1;

    /*
     * Whoever forks and execs between the call that made a descriptor and this
     * one leaks it: macOS has no SOCK_CLOEXEC. posix_spawn can be told not to
     * (POSIX_SPAWN_CLOEXEC_DEFAULT).
     */
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        return weftos_fail_errno(detail, step);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on)) != 0) {
        /* EINVAL: closed on both ways already (sosetoptlock). */
        return errno == EINVAL ? weftos_fail(detail, WEFT_ECLOSED, errno, step)
                               : weftos_fail_errno(detail, step);
    }
    return WEFT_OK;
}

int weftos_socket_make(int type)
{
    int fd = socket(AF_UNIX, type, 0);
    weft_detail detail;

    if (fd >= 0 && weftos_socket_prepare(fd, &detail) != WEFT_OK) {
        (void)close(fd);
        errno = detail.os_code;
        return -1;
    }
    return fd;
}

weft_status weftos_socket_pair(weft_handle ends[2], weft_detail *detail)
{
    int fds[2];
    weft_status status;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) {
        return weftos_fail_errno(detail, "socketpair");
    }
    status = weftos_socket_prepare(fds[0], detail);
    if (status == WEFT_OK) {
        status = weftos_socket_prepare(fds[1], detail);
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
    struct sockaddr_un address;
    socklen_t length = sizeof(address);
    int type = 0;
    socklen_t room = sizeof(type);
    weft_status status;

    memset(&address, 0, sizeof(address));
    if (getsockopt((int)socket, SOL_SOCKET, SO_TYPE, &type, &room) != 0 ||
        getsockname((int)socket, (struct sockaddr *)&address, &length) != 0) {
        return weftos_fail(detail, WEFT_EINVAL, errno, step);
    }
    if (address.sun_family != AF_UNIX || type != SOCK_STREAM) {
        return weftos_fail(detail, WEFT_EINVAL, 0, step);
    }
    status = weftos_socket_prepare((int)socket, detail);
    /* What the other end sent before it was closed can be read all the same. */
    return status == WEFT_ECLOSED ? WEFT_OK : status;
}

void weftos_socket_hang_up(weft_handle socket)
{
    (void)shutdown((int)socket, SHUT_RDWR);
}

/* ----------------------------------------------------------------- wait --- */

/* What an event is of. */
#define ID_SOCKET 0
#define ID_PROCESS 1
#define ID_WAY_IN 2 /* of which only the end is of interest */

/*
 * Has a fresh kqueue hear both. `*dead`: the process has ended already. Who
 * waits for room must listen to the way in too, as check_room says.
 */
static weft_status hear(int queue, weft_handle socket, bool room,
                        weft_handle process, bool *dead, weft_detail *detail)
{
    weft_status status = WEFT_OK;

    if (weftos_queue_change(queue, (uintptr_t)socket,
                            room ? EVFILT_WRITE : EVFILT_READ, EV_ADD, 0,
                            ID_SOCKET) != 0 ||
        (room && weftos_queue_change(queue, (uintptr_t)socket, EVFILT_READ,
                                     EV_ADD | EV_CLEAR, 0, ID_WAY_IN) != 0)) {
        return weftos_fail_errno(detail, "wait for the peer");
    }
    if (process != WEFTOS_NONE) {
        weftos_process_id who = weftos_process_of(process);

        status = weftos_process_watch(queue, &who, ID_PROCESS, detail);
    }
    *dead = status == WEFT_ENOENT;
    return *dead ? WEFT_OK : status;
}

/* What was heard. */
struct heard {
    bool socket;
    bool dead;
};

static void take_events(struct heard *heard, const struct kevent *found,
                        int count)
{
    for (int i = 0; i < count; i++) {
        switch ((uintptr_t)found[i].udata) {
        case ID_SOCKET:
            heard->socket = true;
            break;
        case ID_PROCESS:
            heard->dead = true;
            break;
        default:
            heard->socket = heard->socket || (found[i].flags & EV_EOF) != 0;
            break;
        }
    }
}

static weft_status wait_in(int queue, bool room, bool dead,
                           uint64_t deadline_ns, bool interruptible,
                           weft_detail *detail)
{
    static const char step[] = "wait for the peer";
    struct heard heard = {false, dead};
    struct kevent found[3];
    int count;

    do {
        count = weftos_queue_wait(queue, found, 3,
                                  heard.dead ? WEFT_NOW : deadline_ns);
        if (count < 0 && (errno != EINTR || interruptible)) {
            return weftos_fail_errno(detail, step);
        }
        take_events(&heard, found, count);
    } while (count != 0 && !heard.socket && !heard.dead);
    /* A dead peer's last message is taken first; room is no use to it. */
    if (heard.dead && (room || !heard.socket)) {
        return weftos_fail(detail, WEFT_EPEERDIED, 0, step);
    }
    if (heard.socket) {
        return WEFT_OK;
    }
    return weftos_fail(detail,
                       deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                       0, step);
}

weft_status weftos_socket_wait(weft_handle socket, bool room,
                               weft_handle process, uint64_t deadline_ns,
                               bool interruptible, weft_detail *detail)
{
    struct weftos_queue queue;
    bool dead = false;
    weft_status status = weftos_queue_open(&queue, detail);

    if (status != WEFT_OK) {
        return status;
    }
    status = hear(queue.fd, socket, room, process, &dead, detail);
    if (status == WEFT_OK) {
        status =
            wait_in(queue.fd, room, dead, deadline_ns, interruptible, detail);
    }
    weftos_queue_close(&queue);
    return status;
}
