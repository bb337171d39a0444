/* SPDX-License-Identifier: MIT
 *
 * fake.h - the real back end with a script in front of it.
 *
 * A program that links weft_faults instead of weft_static uses the real back
 * end, call by call, through fake.c. As long as nothing is asked for here that
 * changes nothing. A test can
 *
 *   - fail one call: the Nth of all that can fail, or the next of one kind,
 *     in any of the ways that os.h allows that call to fail in. The call
 *     then does nothing, except for what os.h says happens even so, and
 *     leaves its outputs alone;
 *   - run a hook before each call, for example to die there;
 *   - replace the clock by one that stands still, and jumps to a deadline
 *     when a wait would have slept until then;
 *   - count the allocations that live.
 *
 * Everything here is a process's own; a forked child has a copy. Threads may
 * make calls while another scripts them.
 */
#ifndef WEFTOS_FAKE_H
#define WEFTOS_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/base.h>

/* Every call that can fail. */
#define FAKE_CALL_LIST(X)                                                      \
    X(ALLOC, "alloc")                                                          \
    X(BELL_ADOPT, "bell_adopt")                                                \
    X(BELL_OPEN, "bell_open")                                                  \
    X(BELL_RING, "bell_ring")                                                  \
    X(ENDPOINT_ACCEPT, "endpoint_accept")                                      \
    X(ENDPOINT_CONNECT, "endpoint_connect")                                    \
    X(ENDPOINT_NUMBERS, "endpoint_numbers")                                    \
    X(ENDPOINT_OPEN, "endpoint_open")                                          \
    X(ENDPOINT_WAIT, "endpoint_wait")                                          \
    X(ENDPOINT_WATCH, "endpoint_watch")                                        \
    X(FENCE_REMOTE, "fence_remote")                                            \
    X(NAMES_EACH, "names_each")                                                \
    X(PROCESS_MARK, "process_mark")                                            \
    X(SET_ADD, "set_add")                                                      \
    X(SET_OPEN, "set_open")                                                    \
    X(SET_WAIT, "set_wait")                                                    \
    X(SHM_ATTACH, "shm_attach")                                                \
    X(SHM_CREATE, "shm_create")                                                \
    X(SHM_OPEN, "shm_open")                                                    \
    X(SOCKET_ADOPT, "socket_adopt")                                            \
    X(SOCKET_PAIR, "socket_pair")                                              \
    X(SOCKET_RECV, "socket_recv")                                              \
    X(SOCKET_SEND, "socket_send")                                              \
    X(SOCKET_WAIT, "socket_wait")                                              \
    X(THREAD_START, "thread_start")                                            \
    X(WAITER_EXPOSE, "waiter_expose")                                          \
    X(WAITER_OPEN, "waiter_open")                                              \
    X(WAITER_WAIT, "waiter_wait")                                              \
    X(WORD_WAIT, "word_wait")

typedef enum fake_call {
#define FAKE_CALL_ENUM(symbol, name) FAKE_##symbol,
    FAKE_CALL_LIST(FAKE_CALL_ENUM)
#undef FAKE_CALL_ENUM
        FAKE_CALLS
} fake_call;

/* What the system says of a fault; `fake_codes` has it as errno or the like. */
typedef enum fake_cause {
    FAKE_NO_CODE,
    FAKE_BAD_HANDLE,
    FAKE_BAD_IO,
    FAKE_BROKEN,
    FAKE_DENIED,
    FAKE_IN_USE,
    FAKE_NOTHING_YET,
    FAKE_NOT_FOUND,
    FAKE_NO_HANDLES,
    FAKE_NO_MEMORY,
    FAKE_UNSUPPORTED,
    FAKE_CAUSES
} fake_cause;

extern const int fake_codes[FAKE_CAUSES];

/* One way to fail. WEFT_OK, for a wait: it returns early, for no reason. */
typedef struct fake_fault {
    weft_status status;
    fake_cause cause;
} fake_fault;

/* Forgets the script, the hook, the clock and all counts but one: memory. */
void fake_reset(void);

/*
 * Counts from 0 again, and fails the `n`th call that can fail, in its way
 * number `variant` (modulo the number of its ways). 0: none.
 */
void fake_fail_at(uint64_t n, unsigned variant);

/* Fails the next call of one kind. */
void fake_fail_next(fake_call call, unsigned variant);

/* Calls that can fail, since the last fake_fail_at. */
uint64_t fake_calls(void);

/* The call that was failed, such as "shm_create"; NULL if none was yet. */
const char *fake_failed_operation(void);

/* Of the call that was failed: how, and in how many ways it can. */
fake_fault fake_failed_how(void);
unsigned fake_failed_variants(void);

/*
 * Called with its name before each call, those that can't fail included; and
 * with "word_waited" when word_wait has slept and returns WEFT_OK.
 */
typedef void fake_hook(const char *name);
void fake_before_each(fake_hook *hook);

/* Stops the clock at a time; 0 lets the real one run again. */
void fake_clock_stop(uint64_t now_ns);

/* Allocations that were made and not freed, in the process's whole life. */
int64_t fake_live_allocations(void);

#endif
