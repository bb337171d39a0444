/* SPDX-License-Identifier: MIT
 *
 * bench_fd_posix.h - messages over two byte streams, one each way; what the
 * pipe and the Unix socket share.
 */
#ifndef BENCH_FD_POSIX_H
#define BENCH_FD_POSIX_H

#include "bench_transport.h"

/* What the transport's open makes: side i reads [i] and writes [i]. */
typedef struct bench_fds {
    int reads[2];
    int writes[2];
    uint64_t room_bytes; /* that the kernel keeps for one way */
} bench_fds;

/* Closes each descriptor once and frees the struct. */
void bench_fds_close(const bench_case *test, void *shared);

/* Fills `error` with "cannot STEP: " and the text of errno; frees. False. */
bool bench_fds_fail(bench_fds *fds, const char *step,
                    char error[BENCH_ERROR_BYTES]);

/* New, with all descriptors -1; NULL, with `error` set, if out of memory. */
bench_fds *bench_fds_new(char error[BENCH_ERROR_BYTES]);

bool bench_fds_begin(bench_side *side);
void bench_fds_end(bench_side *side);
bool bench_fds_ping(bench_side *side);
bool bench_fds_echo(bench_side *side);
bool bench_fds_source(bench_side *side);
bool bench_fds_sink(bench_side *side);

#endif
