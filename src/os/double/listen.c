/* SPDX-License-Identifier: MIT
 *
 * How many connections wait to be accepted: what EVFILT_READ tells of a
 * listening socket, and Linux only by its socket diagnostics.
 */
#define _GNU_SOURCE
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "knote.h"

struct question {
    struct nlmsghdr header;
    struct unix_diag_req about;
};

union answer {
    struct nlmsghdr header;
    char bytes[512];
};

static bool ask(ino_t number, union answer *answer)
{
    struct question question = {
        .header = {.nlmsg_len = sizeof(question),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .about = {.sdiag_family = AF_UNIX,
                  .udiag_states = UINT32_MAX,
                  .udiag_ino = (uint32_t)number,
                  .udiag_show = UDIAG_SHOW_RQLEN,
                  .udiag_cookie = {UINT32_MAX, UINT32_MAX}},
    };
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    bool told =
        fd >= 0 &&
        send(fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question) &&
        recv(fd, answer->bytes, sizeof(answer->bytes), 0) > 0 &&
        answer->header.nlmsg_type == SOCK_DIAG_BY_FAMILY;

    if (fd >= 0) {
        (void)close(fd);
    }
    return told;
}

int double_pending(int fd)
{
    union answer answer;
    struct unix_diag_rqlen length;
    struct stat info;
    const struct rtattr *attribute;

    if (fstat(fd, &info) != 0 || !ask(info.st_ino, &answer)) {
        return 1; /* not known; epoll says that there is something */
    }
    attribute =
        (const struct rtattr *)(const void *)(answer.bytes + NLMSG_HDRLEN +
                                              sizeof(struct unix_diag_msg));
    memcpy(&length, (const char *)attribute + RTA_LENGTH(0), sizeof(length));
    return (int)length.udiag_rqueue;
}
