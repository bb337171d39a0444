/* SPDX-License-Identifier: MIT
 *
 * peer.h - the other end of a channel, for the tests: in a thread's reach or
 * in a child process; and ways to meet it without guessing at time.
 *
 * Every wait here ends by peer_soon() at the latest, so a defect fails a test
 * and does not hang it.
 */
#ifndef WEFT_TESTS_PEER_H
#define WEFT_TESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weft/weft.h>

#define PEER_MS UINT64_C(1000000)
#define PEER_S UINT64_C(1000000000)

/* A deadline that only a defect reaches. */
uint64_t peer_soon(void);

/* ------------------------------------------------------------ channels --- */

/* Options that choose a way to wait, and nothing else. */
weft_channel_options peer_options(weft_wait wait);

/* Both ends in this process. Either's options may be NULL. */
void peer_both_ends(const weft_channel_options *first_options,
                    const weft_channel_options *second_options,
                    weft_channel **first, weft_channel **second);

/*
 * Forks a child that runs `work` at the other end of a new channel, closes
 * that end, and exits with 0 if all of its checks held. Not for a process
 * that has other threads.
 */
typedef void peer_work(weft_channel *channel, void *context);
pid_t peer_start(const weft_channel_options *options,
                 const weft_channel_options *child_options, peer_work *work,
                 void *context, weft_channel **mine);

/* Forks a child without a channel. */
pid_t peer_fork(void (*work)(void *context), void *context);

/* ----------------------------------------------------------- processes --- */

/* Waits for a child. True: it exited with 0. A late one is killed. */
bool peer_ended_well(pid_t pid);

/* Kills a child, and waits until it is gone. */
void peer_kill(pid_t pid);

/* Waits until a process, or the main thread of it, sleeps in the kernel. */
bool peer_await_asleep(pid_t pid);

/* The same for a thread of this process, by its number from gettid. */
bool peer_await_thread_asleep(pid_t thread);
pid_t peer_thread(void);

/* A gate that one process or thread opens once and another waits at. */
typedef struct peer_gate {
    int fds[2];
} peer_gate;

void peer_gate_init(peer_gate *gate);
void peer_gate_deinit(peer_gate *gate);
void peer_gate_open(const peer_gate *gate);
bool peer_gate_pass(const peer_gate *gate);

/* ------------------------------------------------------------- content --- */

/* Content that depends on every byte's place and on `seed`. */
void peer_fill(void *data, size_t bytes, uint64_t seed);
bool peer_is_filled(const void *data, size_t bytes, uint64_t seed);

/* The next of a fixed series of random numbers. */
uint64_t peer_random(uint64_t *state);

/* Room beyond the message: one that was cut short may lie before it. */
#define PEER_SPARE 16384

/* Sends `bytes` bytes of content, or receives and checks them. */
weft_status peer_send(weft_channel *channel, size_t bytes, uint64_t seed,
                      uint64_t deadline_ns);
bool peer_receives(weft_channel *channel, size_t bytes, uint64_t seed);

/* Sends with WEFT_NOW until there is no room; says how often that went. */
unsigned peer_fill_ring(weft_channel *channel, size_t bytes);

#endif
