/* SPDX-License-Identifier: MIT
 *
 * bench_fanin_poll.h - how the server of `uds` waits for many sockets, and what
 * kind of socket keeps messages apart. Each system has a file for it.
 */
#ifndef BENCH_FANIN_POLL_H
#define BENCH_FANIN_POLL_H

#include <stdbool.h>

/* The socket's type. One that keeps nothing apart will do: sizes are known. */
extern const int fanin_socket_type;

typedef struct fanin_poll fanin_poll;

/* For `most` sockets. NULL, with errno set, if there is none. */
fanin_poll *fanin_poll_open(unsigned most);
void fanin_poll_close(fanin_poll *poll); /* NULL is allowed */

bool fanin_poll_add(fanin_poll *poll, int fd);
void fanin_poll_remove(fanin_poll *poll, int fd);

/*
 * Waits until some can be read, and writes up to `room` of them to `ready`; how
 * many. 0, with errno set: it failed.
 */
unsigned fanin_poll_wait(fanin_poll *poll, int *ready, unsigned room);

#endif
