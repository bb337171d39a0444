/* SPDX-License-Identifier: MIT
 *
 * Many sockets on macOS: poll, and streams, since its Unix sockets have no
 * packets in sequence.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "bench_fanin_poll.h"

const int fanin_socket_type = SOCK_STREAM;

struct fanin_poll {
    unsigned most;
    unsigned count;
    unsigned next; /* where the search begins, so that all get their turn */
    struct pollfd fds[];
};

fanin_poll *fanin_poll_open(unsigned most)
{
    fanin_poll *poll = calloc(1, sizeof(*poll) + most * sizeof(struct pollfd));

    if (poll != NULL) {
        poll->most = most;
    }
    return poll;
}

void fanin_poll_close(fanin_poll *poll)
{
    free(poll);
}

bool fanin_poll_add(fanin_poll *poll, int fd)
{
    if (poll->count == poll->most) {
        errno = EMFILE;
        return false;
    }
    poll->fds[poll->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    return true;
}

void fanin_poll_remove(fanin_poll *poll, int fd)
{
    for (unsigned i = 0; i < poll->count; i++) {
        if (poll->fds[i].fd == fd) {
            poll->fds[i] = poll->fds[--poll->count];
            return;
        }
    }
}

unsigned fanin_poll_wait(fanin_poll *waiting, int *ready, unsigned room)
{
    unsigned found = 0;
    unsigned begin = waiting->next;
    int count;

    do {
        count = poll(waiting->fds, waiting->count, -1);
    } while (count < 0 && errno == EINTR);
    for (unsigned i = 0; i < waiting->count && count > 0 && found < room; i++) {
        unsigned at = (begin + i) % waiting->count;

        if (waiting->fds[at].revents != 0) {
            ready[found++] = waiting->fds[at].fd;
            waiting->next = at + 1;
        }
    }
    return found;
}
