/* SPDX-License-Identifier: MIT
 *
 * Messages over file descriptors.
 *
 * The sender makes one write for each message, as a program that sends a
 * message does. The receiver takes what is there, up to a buffer, as a good
 * reader of a byte stream does. Spinning, the descriptors are non-blocking
 * and tried again and again; blocking, read and write sleep; adaptive, they
 * are tried for a while, and then poll sleeps.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_fd_posix.h"
#include "bench_loop.h"

/* What one read asks for at least. Larger ones are not faster. */
#define READ_BYTES ((size_t)64 << 10)

/* How long the adaptive mode tries before it sleeps, as in raw. */
#define SPIN_NS 30000

/* A side. */
typedef struct fd_stream {
    int reads;
    int writes;
    uint64_t spin_ns;
    unsigned char *outgoing; /* one message */
    unsigned char *incoming; /* what was read and not yet taken */
    size_t room;
    size_t begin;
    size_t end;
} fd_stream;

/* ------------------------------------------------------- in the parent --- */

bench_fds *bench_fds_new(char error[BENCH_ERROR_BYTES])
{
    bench_fds *fds = malloc(sizeof(*fds));

    if (fds == NULL) {
        snprintf(error, BENCH_ERROR_BYTES, "out of memory");
        return NULL;
    }
    *fds = (bench_fds){{-1, -1}, {-1, -1}, 0};
    return fds;
}

static void close_once(int fd, const int *others, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (others[i] == fd) {
            return;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

void bench_fds_close(const bench_case *test, void *shared)
{
    bench_fds *fds = shared;

    (void)test;
    for (size_t i = 0; i < 2; i++) {
        close_once(fds->reads[i], fds->writes, 2);
        close_once(fds->writes[i], NULL, 0);
    }
    free(fds);
}

bool bench_fds_fail(bench_fds *fds, const char *step,
                    char error[BENCH_ERROR_BYTES])
{
    snprintf(error, BENCH_ERROR_BYTES, "cannot %s: %s", step, strerror(errno));
    bench_fds_close(NULL, fds);
    return false;
}

/* ----------------------------------------------------------- in a side --- */

static bool set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* How long to try; 0: the descriptors block. */
static uint64_t spin_time(const bench_case *test)
{
    switch (test->wait) {
    case WEFT_WAIT_SPIN:
        return UINT64_MAX;
    case WEFT_WAIT_BLOCK:
        return 0;
    default:
        return test->cpus[0] == test->cpus[1] ? 0 : SPIN_NS;
    }
}

bool bench_fds_begin(bench_side *side)
{
    const bench_fds *fds = side->shared;
    size_t size = side->test->size_bytes;
    fd_stream *state = calloc(1, sizeof(*state));

    if (state == NULL) {
        return bench_fail(side, "out of memory");
    }
    side->state = state;
    state->reads = fds->reads[side->index];
    state->writes = fds->writes[side->index];
    state->spin_ns = spin_time(side->test);
    state->room = size > READ_BYTES ? size : READ_BYTES;
    state->outgoing = malloc(size);
    state->incoming = malloc(state->room);
    if (state->outgoing == NULL || state->incoming == NULL) {
        return bench_fail(side, "out of memory");
    }
    if (state->spin_ns != 0 &&
        (!set_nonblocking(state->reads) || !set_nonblocking(state->writes))) {
        return bench_fail(side, "cannot set O_NONBLOCK: %s", strerror(errno));
    }
    side->report->ring_bytes = fds->room_bytes;
    return true;
}

void bench_fds_end(bench_side *side)
{
    fd_stream *state = side->state;

    free(state->outgoing);
    free(state->incoming);
    free(state);
}

/* After EAGAIN: tries on until `*deadline`, then sleeps until `events`. */
static void wait_for(const fd_stream *state, int fd, short events,
                     uint64_t *deadline)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};

    if (state->spin_ns == UINT64_MAX) {
        return;
    }
    if (*deadline == 0) {
        *deadline = weft_after_ns(state->spin_ns);
    } else if (weft_now_ns() >= *deadline) {
        poll(&poll_fd, 1, -1);
    }
}

static bool may_retry(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static bool put(bench_side *side, uint64_t sequence, uint64_t seed)
{
    fd_stream *state = side->state;
    size_t size = side->test->size_bytes;
    uint64_t deadline = 0;

    (void)sequence;
    bench_fill(state->outgoing, size, seed);
    for (size_t done = 0; done < size;) {
        ssize_t wrote =
            write(state->writes, state->outgoing + done, size - done);

        if (wrote >= 0) {
            done += (size_t)wrote;
            deadline = 0;
        } else if (may_retry()) {
            wait_for(state, state->writes, POLLOUT, &deadline);
        } else {
            return bench_fail(side, "cannot write: %s", strerror(errno));
        }
    }
    return true;
}

/* Moves a beginning to the front, and reads until a message is whole. */
static bool refill(bench_side *side, fd_stream *state, size_t size)
{
    uint64_t deadline = 0;

    memmove(state->incoming, state->incoming + state->begin,
            state->end - state->begin);
    state->end -= state->begin;
    state->begin = 0;
    while (state->end < size) {
        ssize_t got = read(state->reads, state->incoming + state->end,
                           state->room - state->end);

        if (got > 0) {
            state->end += (size_t)got;
            deadline = 0;
        } else if (got == 0) {
            return bench_fail(side, "the stream ended early");
        } else if (may_retry()) {
            wait_for(state, state->reads, POLLIN, &deadline);
        } else {
            return bench_fail(side, "cannot read: %s", strerror(errno));
        }
    }
    return true;
}

static bool take(bench_side *side, uint64_t sequence, uint64_t seed)
{
    fd_stream *state = side->state;
    size_t size = side->test->size_bytes;
    const unsigned char *message;

    if (state->end - state->begin < size && !refill(side, state, size)) {
        return false;
    }
    message = state->incoming + state->begin;
    state->begin += size;
    return bench_verify(message, size, seed) ||
           bench_fail_wrong(side, sequence, message, size, seed);
}

static void flush(bench_side *side)
{
    (void)side;
}

bool bench_fds_ping(bench_side *side)
{
    return bench_ping(side, put, take);
}

bool bench_fds_echo(bench_side *side)
{
    return bench_echo(side, put, take);
}

bool bench_fds_source(bench_side *side)
{
    return bench_source(side, put, flush);
}

bool bench_fds_sink(bench_side *side)
{
    return bench_sink(side, take);
}
