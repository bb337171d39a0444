/* SPDX-License-Identifier: MIT
 *
 * The Unix socket: a pair of stream sockets, with the largest buffers that
 * the system allows everybody.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "bench_fd_posix.h"

/* Asked for; the system may give less, and what it gives is reported. */
#define BUFFER_BYTES (1 << 20)

/* The first pair's ends are for side 0 and side 1. */
static bool open_sockets(const bench_case *test, void **shared,
                         char error[BENCH_ERROR_BYTES])
{
    bench_fds *fds = bench_fds_new(error);
    int ends[2];
    int room = BUFFER_BYTES;
    socklen_t length = sizeof(room);

    (void)test;
    if (fds == NULL) {
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        return bench_fds_fail(fds, "make a socket pair", error);
    }
    for (int i = 0; i < 2; i++) {
        fds->reads[i] = fds->writes[i] = ends[i];
        if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &room, length) != 0) {
            return bench_fds_fail(fds, "set SO_SNDBUF", error);
        }
    }
    if (getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, &length) != 0) {
        return bench_fds_fail(fds, "read SO_SNDBUF", error);
    }
    fds->room_bytes = (uint64_t)room;
    *shared = fds;
    return true;
}

const bench_transport bench_uds = {
    .name = "uds",
    .slow = true,
    .open = open_sockets,
    .close = bench_fds_close,
    .begin = bench_fds_begin,
    .loops = {{bench_fds_ping, bench_fds_echo},
              {bench_fds_source, bench_fds_sink}},
    .end = bench_fds_end,
};
