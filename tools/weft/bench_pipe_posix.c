/* SPDX-License-Identifier: MIT
 *
 * The pipe: one each way.
 */
#include <unistd.h>

#include "bench_fd_posix.h"
#include "bench_sys.h"

static bool open_pipes(const bench_case *test, void **shared,
                       char error[BENCH_ERROR_BYTES])
{
    bench_fds *fds = bench_fds_new(error);

    (void)test;
    if (fds == NULL) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        int ends[2];

        if (pipe(ends) != 0) {
            return bench_fds_fail(fds, "make a pipe", error);
        }
        fds->reads[i] = ends[0];
        fds->writes[1 - i] = ends[1];
        fds->room_bytes = bench_sys_enlarge_pipe(ends[1]);
    }
    *shared = fds;
    return true;
}

const bench_transport bench_pipe = {
    .name = "pipe",
    .slow = true,
    .open = open_pipes,
    .close = bench_fds_close,
    .begin = bench_fds_begin,
    .loops = {{bench_fds_ping, bench_fds_echo},
              {bench_fds_source, bench_fds_sink}},
    .end = bench_fds_end,
};
