/* SPDX-License-Identifier: MIT
 *
 * The pipe: an anonymous one each way.
 *
 * The sender makes one write for each message, the receiver takes what is
 * there, up to a buffer. A write waits by itself. A reader that spins looks
 * into the pipe again and again, and one that blocks just reads; adaptive, it
 * looks for a while and then reads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "bench_loop.h"

/* What one read asks for at least, and what the pipe is asked to hold. */
#define READ_BYTES ((size_t)64 << 10)
#define PIPE_BYTES (1u << 20)

/* How long the adaptive mode tries before it sleeps, as in raw. */
#define SPIN_NS 30000

/* What both sides inherit: side i reads [i] and writes [i]. */
typedef struct pipe_pair {
    HANDLE reads[2];
    HANDLE writes[2];
} pipe_pair;

/* A side. */
typedef struct pipe_stream {
    HANDLE reads;
    HANDLE writes;
    uint64_t spin_ns;
    unsigned char *outgoing; /* one message */
    unsigned char *incoming; /* what was read and not yet taken */
    size_t room;
    size_t begin;
    size_t end;
} pipe_stream;

/* ------------------------------------------------------- in the parent --- */

static void close_pipes(const bench_case *test, void *shared)
{
    pipe_pair *pair = shared;
    DWORD cause = GetLastError();

    (void)test;
    for (size_t i = 0; i < 2; i++) {
        if (pair->reads[i] != NULL) {
            (void)CloseHandle(pair->reads[i]);
            (void)CloseHandle(pair->writes[1 - i]);
        }
    }
    bench_sys_unshare(pair, sizeof(*pair));
    SetLastError(cause);
}

static bool open_pipes(const bench_case *test, void **shared,
                       char error[BENCH_ERROR_BYTES])
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    pipe_pair *pair = bench_sys_share(sizeof(*pair));
    bool made = pair != NULL;
    char cause[BENCH_ERROR_BYTES / 2];

    for (size_t i = 0; i < 2 && made; i++) {
        made = CreatePipe(&pair->reads[i], &pair->writes[1 - i], &inherited,
                          PIPE_BYTES) != 0;
    }
    if (!made) {
        if (pair != NULL) {
            close_pipes(test, pair);
        }
        snprintf(error, BENCH_ERROR_BYTES, "cannot make a pipe: %s",
                 bench_sys_cause(cause, sizeof(cause)));
    }
    *shared = pair;
    return made;
}

/* ----------------------------------------------------------- in a side --- */

static bool fail(bench_side *side, const char *step)
{
    char cause[BENCH_ERROR_BYTES / 2];

    return bench_fail(side, "cannot %s: %s", step,
                      bench_sys_cause(cause, sizeof(cause)));
}

/* How long to look; 0: not at all. */
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

static bool begin(bench_side *side)
{
    const pipe_pair *pair = side->shared;
    size_t size = side->test->size_bytes;
    pipe_stream *state = calloc(1, sizeof(*state));

    if (state == NULL) {
        return bench_fail(side, "out of memory");
    }
    side->state = state;
    state->reads = pair->reads[side->index];
    state->writes = pair->writes[side->index];
    state->spin_ns = spin_time(side->test);
    state->room = size > READ_BYTES ? size : READ_BYTES;
    state->outgoing = malloc(size);
    state->incoming = malloc(state->room);
    return (state->outgoing != NULL && state->incoming != NULL) ||
           bench_fail(side, "out of memory");
}

static void finish(bench_side *side)
{
    pipe_stream *state = side->state;

    free(state->outgoing);
    free(state->incoming);
    free(state);
}

static bool put(bench_side *side, uint64_t sequence, uint64_t seed)
{
    pipe_stream *state = side->state;
    size_t size = side->test->size_bytes;
    DWORD wrote = 0;

    (void)sequence;
    bench_fill(state->outgoing, size, seed);
    for (size_t done = 0; done < size; done += wrote) {
        if (!WriteFile(state->writes, state->outgoing + done,
                       (DWORD)(size - done), &wrote, NULL)) {
            return fail(side, "write");
        }
    }
    return true;
}

/* Looks until something is there, or the time for it is over. */
static bool look(const pipe_stream *state)
{
    uint64_t deadline = weft_after_ns(state->spin_ns);
    DWORD there = 0;
    bool works = true;

    while (state->spin_ns > 0 && works && there == 0 &&
           (state->spin_ns == UINT64_MAX || weft_now_ns() < deadline)) {
        works = PeekNamedPipe(state->reads, NULL, 0, NULL, &there, NULL) != 0;
    }
    return works;
}

/* Moves a beginning to the front, and reads until a message is whole. */
static bool refill(bench_side *side, pipe_stream *state, size_t size)
{
    memmove(state->incoming, state->incoming + state->begin,
            state->end - state->begin);
    state->end -= state->begin;
    state->begin = 0;
    while (state->end < size) {
        DWORD got = 0;

        if (!look(state) ||
            !ReadFile(state->reads, state->incoming + state->end,
                      (DWORD)(state->room - state->end), &got, NULL)) {
            return fail(side, "read");
        }
        state->end += got;
    }
    return true;
}

static bool take(bench_side *side, uint64_t sequence, uint64_t seed)
{
    pipe_stream *state = side->state;
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

static bool ping(bench_side *side)
{
    return bench_ping(side, put, take);
}

static bool echo(bench_side *side)
{
    return bench_echo(side, put, take);
}

static bool source(bench_side *side)
{
    return bench_source(side, put, flush);
}

static bool sink(bench_side *side)
{
    return bench_sink(side, take);
}

const bench_transport bench_pipe = {
    .name = "pipe",
    .slow = true,
    .open = open_pipes,
    .close = close_pipes,
    .begin = begin,
    .loops = {{ping, echo}, {source, sink}},
    .end = finish,
};
