/* SPDX-License-Identifier: MIT
 *
 * Many sockets on Linux: epoll, and packets.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_fanin_poll.h"

/* How many are asked for at a time. */
#define EVENTS 64

const int fanin_socket_type = SOCK_SEQPACKET;

struct fanin_poll {
    int fd;
    struct epoll_event events[EVENTS];
};

fanin_poll *fanin_poll_open(unsigned most)
{
    fanin_poll *poll = calloc(1, sizeof(*poll));

    (void)most;
    if (poll == NULL) {
        return NULL;
    }
    poll->fd = epoll_create1(EPOLL_CLOEXEC);
    if (poll->fd < 0) {
        free(poll);
        return NULL;
    }
    return poll;
}

void fanin_poll_close(fanin_poll *poll)
{
    if (poll != NULL) {
        close(poll->fd);
        free(poll);
    }
}

bool fanin_poll_add(fanin_poll *poll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

    return epoll_ctl(poll->fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void fanin_poll_remove(fanin_poll *poll, int fd)
{
    epoll_ctl(poll->fd, EPOLL_CTL_DEL, fd, NULL);
}

unsigned fanin_poll_wait(fanin_poll *poll, int *ready, unsigned room)
{
    int most = room < EVENTS ? (int)room : EVENTS;
    int count;

    do {
        count = epoll_wait(poll->fd, poll->events, most, -1);
    } while (count < 0 && errno == EINTR);
    for (int i = 0; i < count; i++) {
        ready[i] = poll->events[i].data.fd;
    }
    return count < 0 ? 0 : (unsigned)count;
}
