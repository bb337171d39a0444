/* SPDX-License-Identifier: MIT
 *
 * peer.h - what the other libraries' transports share: how they wait, and how
 * many messages they may queue.
 *
 * Each library offers a call that tries and a call that blocks. Spinning is
 * trying for ever, blocking is the other call at once, and adaptive is trying
 * for as long as weft and raw spin, and then blocking.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench_fanin.h"
#include "bench_fanout.h"
#include "bench_loop.h"

#define PEER_SPIN_NS 30000

/* What the messages in a queue may take together. */
#define PEER_QUEUE_BYTES ((size_t)64 << 20)

/*
 * Whether the next attempt is the call that blocks. `*deadline` is 0 before
 * the first attempt.
 */
static inline bool peer_blocks(const bench_side *side, uint64_t *deadline)
{
    const bench_case *test = side->test;

    if (test->wait == WEFT_WAIT_SPIN) {
        return false;
    }
    if (test->wait == WEFT_WAIT_BLOCK || test->cpus[0] == test->cpus[1]) {
        return true;
    }
    if (*deadline == 0) {
        *deadline = weft_after_ns(PEER_SPIN_NS);
    }
    return weft_now_ns() >= *deadline;
}

/* How many messages to queue: `most`, or fewer if they are large. */
static inline int peer_queue_length(const bench_case *test, int most)
{
    size_t fit = PEER_QUEUE_BYTES / test->size_bytes;

    return fit < (size_t)most ? (int)(fit < 2 ? 2 : fit) : most;
}

/* Nothing is held back by these libraries. */
static inline void peer_flush(bench_side *side)
{
    (void)side;
}

/* The transport's loops. */
#define PEER_LOOPS(put, take)                                                  \
    static bool ping(bench_side *side)                                         \
    {                                                                          \
        return bench_ping(side, put, take);                                    \
    }                                                                          \
    static bool echo(bench_side *side)                                         \
    {                                                                          \
        return bench_echo(side, put, take);                                    \
    }                                                                          \
    static bool source(bench_side *side)                                       \
    {                                                                          \
        return bench_source(side, put, peer_flush);                            \
    }                                                                          \
    static bool sink(bench_side *side)                                         \
    {                                                                          \
        return bench_sink(side, take);                                         \
    }

/* The transports of the program: raw, to be compared with, and this one. */
#define PEER_TABLE(peer)                                                       \
    const bench_transport *const bench_transports[] = {&bench_raw, &(peer)};   \
    const size_t bench_transport_count = 2

/* Those with many processes; all of them sleep at once. */
#define PEER_FANINS(...)                                                       \
    const fanin_transport *const fanin_transports[] = {__VA_ARGS__};           \
    const size_t fanin_transport_count =                                       \
        sizeof(fanin_transports) / sizeof(fanin_transports[0])
#define PEER_FANOUTS(...)                                                      \
    const fanout_transport *const fanout_transports[] = {__VA_ARGS__};         \
    const size_t fanout_transport_count =                                      \
        sizeof(fanout_transports) / sizeof(fanout_transports[0])

/* What the libraries' files for these have. */
extern const fanin_transport fanin_zeromq;
extern const fanin_transport fanin_nng;
extern const fanin_transport fanin_iceoryx;
extern const fanout_transport fanout_zeromq;
extern const fanout_transport fanout_zeromq_nodrop;
extern const fanout_transport fanout_nng;
extern const fanout_transport fanout_iceoryx;
extern const fanout_transport fanout_iceoryx_wait;

/* A library that is not measured with one server, or one publisher. */
#define PEER_NO_FANIN                                                          \
    const fanin_transport *const fanin_transports[] = {NULL};                  \
    const size_t fanin_transport_count = 0
#define PEER_NO_FANOUT                                                         \
    const fanout_transport *const fanout_transports[] = {NULL};                \
    const size_t fanout_transport_count = 0

/* An address that only this round knows. */
#define PEER_ADDRESS_BYTES 64

/* `prefix` and a number. The caller frees it; NULL if out of memory. */
char *peer_address(const char *prefix, char error[BENCH_ERROR_BYTES]);

/* The same for rounds of many processes, which have room for it. */
void peer_choose(char *address, size_t room, const char *prefix);

/* Nothing is left behind by a round that failed. */
void peer_leave_nothing(const char *address);

/* Frees it: the close of most transports. */
void peer_forget(const bench_case *test, void *shared);

#endif
