/* SPDX-License-Identifier: MIT
 *
 * weft as a transport of the benchmark: a channel, through the public headers
 * only, with the default options but for those of the command line.
 *
 * Side 1 listens at a name that only this round knows, and side 0 connects.
 * Either the message is written in a buffer, sent, received in a buffer and
 * read there, or (zero copy) written and read in the ring.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench_loop.h"

/* How long the two sides may take to find each other. */
#define MEET_NS UINT64_C(10000000000)

/* A side. */
typedef struct weft_end {
    weft_channel *channel;
    unsigned char *outgoing;
    unsigned char *incoming;
} weft_end;

/* ------------------------------------------------------- in the parent --- */

static bool open_name(const bench_case *test, void **shared,
                      char error[BENCH_ERROR_BYTES])
{
    char *name = bench_sys_share(WEFT_NAME_MAX + 1);

    (void)test;
    if (name == NULL) {
        bench_sys_cause(error, BENCH_ERROR_BYTES);
        return false;
    }
    snprintf(name, WEFT_NAME_MAX + 1, "bench-%llx",
             (unsigned long long)weft_now_ns());
    *shared = name;
    return true;
}

static void close_name(const bench_case *test, void *shared)
{
    (void)test;
    bench_sys_unshare(shared, WEFT_NAME_MAX + 1);
}

/* ----------------------------------------------------------- in a side --- */

static bool fail_with(bench_side *side, const char *step,
                      const weft_detail *detail)
{
    char text[BENCH_ERROR_BYTES / 2];

    weft_detail_text(detail, text, sizeof(text));
    return bench_fail(side, "cannot %s: %s", step, text);
}

static bool fail(bench_side *side, const char *step, weft_status status)
{
    const weft_end *state = side->state;
    weft_detail detail;

    weft_channel_get_detail(state->channel, &detail);
    if (detail.status != status) {
        return bench_fail(side, "cannot %s: %s", step,
                          weft_status_text(status));
    }
    return fail_with(side, step, &detail);
}

static void set_options(const bench_case *test, weft_channel_options *options)
{
    options->wait = test->wait;
    options->ring_max_bytes = test->ring_bytes;
    options->peer_ring_max_bytes = test->ring_bytes;
}

static bool find_peer(bench_side *side, weft_end *state)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    uint64_t deadline = weft_after_ns(MEET_NS);
    const char *name = side->shared;
    weft_listener *listener;
    weft_status status;
    weft_detail detail;

    set_options(side->test, &options);
    if (side->index == 0) {
        options.flags |= WEFT_CHANNEL_AWAIT_NAME;
        status = weft_channel_connect(name, &options, deadline, &state->channel,
                                      &detail);
        return status == WEFT_OK || fail_with(side, "connect", &detail);
    }
    status = weft_channel_listen(name, &options, &listener, &detail);
    if (status != WEFT_OK) {
        return fail_with(side, "listen", &detail);
    }
    status = weft_channel_accept(listener, deadline, &state->channel, &detail);
    weft_listener_close(&listener);
    return status == WEFT_OK || fail_with(side, "accept", &detail);
}

static bool begin(bench_side *side)
{
    weft_end *state = calloc(1, sizeof(*state));

    if (state == NULL) {
        return bench_fail(side, "out of memory");
    }
    side->state = state;
    state->outgoing = malloc(side->test->size_bytes);
    state->incoming = malloc(side->test->size_bytes);
    if (state->outgoing == NULL || state->incoming == NULL) {
        return bench_fail(side, "out of memory");
    }
    return find_peer(side, state);
}

/* The size that the ring of the pinging or sending side has grown to. */
static void report_ring(bench_side *side, const weft_end *state)
{
    weft_channel_stats stats = {.size = sizeof(stats)};

    if (weft_channel_get_stats(state->channel, &stats) == WEFT_OK) {
        side->report->ring_bytes = stats.sent.ring_bytes;
    }
}

static void finish(bench_side *side)
{
    weft_end *state = side->state;

    report_ring(side, state);
    weft_channel_close(&state->channel);
    free(state->outgoing);
    free(state->incoming);
    free(state);
}

/* ------------------------------------------------------------- messages --- */

static inline bool put(bench_side *side, uint64_t sequence, uint64_t seed)
{
    weft_end *state = side->state;
    size_t size = side->test->size_bytes;
    weft_status status;

    (void)sequence;
    bench_fill(state->outgoing, size, seed);
    status = weft_channel_send(state->channel, state->outgoing, size);
    return status == WEFT_OK || fail(side, "send", status);
}

static inline bool put_in_place(bench_side *side, uint64_t sequence,
                                uint64_t seed)
{
    weft_end *state = side->state;
    size_t size = side->test->size_bytes;
    weft_status status;
    void *space;

    (void)sequence;
    status = weft_channel_reserve(state->channel, size, &space, WEFT_FOREVER);
    if (status != WEFT_OK) {
        return fail(side, "reserve", status);
    }
    bench_fill(space, size, seed);
    status = weft_channel_commit(state->channel, size);
    return status == WEFT_OK || fail(side, "commit", status);
}

static bool fail_length(bench_side *side, uint64_t sequence, size_t bytes)
{
    return bench_fail(side, "message %llu has %zu bytes instead of %zu",
                      (unsigned long long)sequence, bytes,
                      side->test->size_bytes);
}

static inline bool check(bench_side *side, uint64_t sequence, const void *data,
                         size_t bytes, uint64_t seed)
{
    if (bytes != side->test->size_bytes) {
        return fail_length(side, sequence, bytes);
    }
    return bench_verify(data, bytes, seed) ||
           bench_fail_wrong(side, sequence, data, bytes, seed);
}

static inline bool take(bench_side *side, uint64_t sequence, uint64_t seed)
{
    weft_end *state = side->state;
    size_t bytes;
    weft_status status = weft_channel_recv(state->channel, state->incoming,
                                           side->test->size_bytes, &bytes);

    if (status != WEFT_OK) {
        return fail(side, "receive", status);
    }
    return check(side, sequence, state->incoming, bytes, seed);
}

static inline bool take_in_place(bench_side *side, uint64_t sequence,
                                 uint64_t seed)
{
    weft_end *state = side->state;
    const void *data;
    size_t bytes;
    weft_status status =
        weft_channel_peek(state->channel, &data, &bytes, WEFT_FOREVER);

    if (status != WEFT_OK) {
        return fail(side, "peek", status);
    }
    if (!check(side, sequence, data, bytes, seed)) {
        return false;
    }
    weft_channel_release(state->channel);
    return true;
}

/* A message that was sent is on its way. */
static void flush(bench_side *side)
{
    (void)side;
}

/* ---------------------------------------------------------------- loops --- */

static bool ping(bench_side *side)
{
    return side->test->zero_copy ? bench_ping(side, put_in_place, take_in_place)
                                 : bench_ping(side, put, take);
}

static bool echo(bench_side *side)
{
    return side->test->zero_copy ? bench_echo(side, put_in_place, take_in_place)
                                 : bench_echo(side, put, take);
}

static bool source(bench_side *side)
{
    return side->test->zero_copy ? bench_source(side, put_in_place, flush)
                                 : bench_source(side, put, flush);
}

static bool sink(bench_side *side)
{
    return side->test->zero_copy ? bench_sink(side, take_in_place)
                                 : bench_sink(side, take);
}

const bench_transport bench_weft = {
    .name = "weft",
    .has_ring = true,
    .has_zero_copy = true,
    .open = open_name,
    .close = close_name,
    .begin = begin,
    .loops = {{ping, echo}, {source, sink}},
    .end = finish,
};
