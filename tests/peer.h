/* SPDX-License-Identifier: MIT
 *
 * peer.h - the other end of a channel, for the tests: in a thread's reach or
 * in a child process; and ways to meet it without guessing at time.
 *
 * Every wait here ends by peer_soon() at the latest, so a defect fails a test
 * and does not hang it.
 *
 * A child runs one function of this program. Where there is fork the child is
 * forked; on Windows the program is started again, told which function it is,
 * and ends with it: test_main() is not called. So a function that is written
 * for both finds in a child what follows here and nothing else. It must not
 * count on any static variable that its parent has set.
 *
 * - Its context, a copy of which is passed. A context is flat: no pointers in
 *   it, but to memory of peer_shared(). Functions can be in it as numbers, by
 *   peer_number_of().
 * - Memory of peer_shared(), at the same address.
 * - Gates (peer_gate), and handles that were given to peer_pass(): their
 *   values are good in children that are started later.
 * - The environment, so peer_set_variable().
 *
 *     struct plan { peer_gate ready; unsigned count; };
 *
 *     static void work(weft_channel *channel, void *context)
 *     {
 *         const struct plan *plan = context;
 *         ...
 *     }
 *
 *     child = peer_start(NULL, NULL, work, &plan, sizeof(plan), &channel);
 *     ...
 *     CHECK(peer_ended_well(&child));
 *
 * No child outlives this process on Windows, where all are in one job. Threads
 * are started by pthread_create() everywhere: windows/pthread.h.
 */
#ifndef WEFT_TESTS_PEER_H
#define WEFT_TESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/weft.h>

#define PEER_MS UINT64_C(1000000)
#define PEER_S UINT64_C(1000000000)

/* A deadline that only a defect reaches. */
uint64_t peer_soon(void);

/*
 * How many of `many` rounds, in each of which processes sleep for each other,
 * are done in time here: all, or a part where each sleep takes a server's help
 * (as under Wine).
 */
unsigned peer_rounds(unsigned many);

/* ----------------------------------------------------------- processes --- */

/* A child, until one of the calls that wait for its end has returned. */
typedef struct peer_process {
    int id;          /* as weft_peer.pid has it */
    int main_thread; /* as peer_thread() has it */
    intptr_t handle; /* the three that follow are used on Windows only */
    intptr_t thread;
    void *block;
} peer_process;

/*
 * Starts a child that runs `task` with a copy of the `bytes` bytes at
 * `context`, and then ends with 0 if all of its checks held. With 0 bytes it
 * gets the pointer itself: NULL, or into peer_shared() memory.
 *
 * Not for a process that has other threads than the library's own.
 */
typedef void peer_task(void *context);
peer_process peer_run(peer_task *task, const void *context, size_t bytes);

/*
 * The same with a channel: `work` runs at the other end of a new one, which is
 * closed after it. `child_options` may be NULL and name no policy.
 */
typedef void peer_work(weft_channel *channel, void *context);
peer_process peer_start(const weft_channel_options *options,
                        const weft_channel_options *child_options,
                        peer_work *work, const void *context, size_t bytes,
                        weft_channel **mine);

/*
 * Starts this program anew on every system, with `argument` as its only one:
 * its test_main() finds it in check_arguments[1].
 */
peer_process peer_execute(const char *argument);

/* What a child costs, in forks: a test may start so many times fewer. */
extern const unsigned peer_cost;

/* What peer_status() gives for a child that did not exit. */
#define PEER_KILLED (-1)  /* by one of the calls below */
#define PEER_CRASHED (-2) /* in any other way */
#define PEER_LATE (-3)    /* not by peer_soon(): it was killed then */

/* Waits for a child. What it exited with, or one of these. */
int peer_status(peer_process *child);

/* Waits for a child: true if all of its checks held, or if it was killed. */
bool peer_ended_well(peer_process *child);
bool peer_was_killed(peer_process *child);

/* Kills a child, and waits until it is gone. */
void peer_kill(peer_process *child);

/* Kills any process by its number, and waits for nothing. */
bool peer_strike(int id);

/* Kills this process; sleeps until somebody does. */
_Noreturn void peer_die(void);
void peer_await_kill(void);

/* The number of this process. */
int peer_self(void);

/* Stops a child and lets it go on; its state is kept meanwhile. */
void peer_stop(const peer_process *child);
void peer_go_on(const peer_process *child);

/*
 * Where children are forked: waits until the other threads, which are the
 * library's, sleep. One that begins or ends holds locks of the sanitizers'
 * allocator, which the child would find locked for ever.
 */
void peer_await_quiet(void);

/* The number of this thread, which no other has, in no process. */
int peer_thread(void);

/* Does a thread, of this or another process, sleep in the kernel now? */
bool peer_is_asleep(int thread);

/* Waits until a thread sleeps, or a child's main thread. */
bool peer_await_thread_asleep(int thread);
bool peer_await_asleep(const peer_process *child);

/* ------------------------------------------------- what children share --- */

/* Zeroed memory that this process and its later children share. */
void *peer_shared(size_t bytes);
void peer_unshare(void *memory, size_t bytes);

/* Lets later children have this handle, at the same value. */
void peer_pass(weft_handle handle);

/* Does a program that is started by this one get this handle? */
bool peer_is_passed(weft_handle handle);

/* Closes any handle. */
bool peer_close(weft_handle handle);

/* Is this the number of a handle that is open? */
bool peer_is_open(weft_handle handle);

/* Sets a variable of the environment; NULL removes it. */
void peer_set_variable(const char *name, const char *value);

/* A function as a number that a context can carry, and back. */
typedef void peer_function(void);
uintptr_t peer_number_of(peer_function *function);
peer_function *peer_function_of(uintptr_t number);

/*
 * A gate that one process or thread opens and another passes: as often as it
 * was opened, before or after. It may be copied into contexts.
 */
typedef struct peer_gate {
    intptr_t ends[2];
} peer_gate;

void peer_gate_init(peer_gate *gate);
void peer_gate_deinit(peer_gate *gate);
void peer_gate_open(const peer_gate *gate);
bool peer_gate_pass(const peer_gate *gate);

/*
 * A place for names that no other test uses, and its end, which checks that
 * nothing but a run-time directory was left there. Children find it, too.
 */
void peer_names_begin(void);
void peer_names_end(void);

/* Removes the run-time directory, for the library to make it again. */
void peer_names_forget(void);

/* ------------------------------------------------------------ channels --- */

/* Options that choose a way to wait, and nothing else. */
weft_channel_options peer_options(weft_wait wait);

/* Both ends in this process. Either's options may be NULL. */
void peer_both_ends(const weft_channel_options *first_options,
                    const weft_channel_options *second_options,
                    weft_channel **first, weft_channel **second);

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

/* The smallest ring that there is: half a page. */
size_t peer_ring_min(void);

/* Sends with WEFT_NOW until there is no room; says how often that went. */
unsigned peer_fill_ring(weft_channel *channel, size_t bytes);

/*
 * A handle that carries a number, to tell it apart where it arrives. Whoever
 * has it owns it; peer_token_is() closes it.
 */
weft_handle peer_token(unsigned number);
bool peer_token_is(weft_handle token, unsigned number);

/* ------------------------------------------------------------- machine --- */

/* How many CPUs this thread may run on; moves it to the nth of them. */
unsigned peer_cpus(void);
bool peer_pin(unsigned nth);

/* Memory that is free, in bytes. */
uint64_t peer_free_memory(void);

/* ---------------------------------------------------------- for check.c --- */

/*
 * Called by main() first. In a child that was started anew it runs the child's
 * function and does not return.
 */
void peer_begin(char **arguments);

/* -------------------------------------- for the files of this header --- */

/* Do children begin with a copy of all that this process has? */
extern const bool peer_forks;

/* Waits until a child has ended, or has come to its function. */
bool peer_await_end(const peer_process *child);
bool peer_await_begun(const peer_process *child);

#endif
