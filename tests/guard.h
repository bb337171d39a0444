/* SPDX-License-Identifier: MIT
 *
 * guard.h - for tests whose processes may hang or leak: a watchdog, a count of
 * what they have mapped, and what else of a system these tests need.
 */
#ifndef WEFT_TESTS_GUARD_H
#define WEFT_TESTS_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/channel.h>

/*
 * Ends this process after so many seconds, and says what it was at, unless
 * called again in time. A child has to call it anew.
 */
void guard_watch(const char *doing, unsigned seconds);

/* How much shared memory this process has mapped: pieces, whoever made them. */
int guard_mappings(void);

/*
 * Bytes of memory that a process holds; of pages that it shares, its part. 0:
 * that can't be told here.
 */
uint64_t guard_resident_bytes(int id);

/*
 * Where handles are put into a process from outside, one may stay that nobody
 * told it of: its sender was killed on the way, or the receiver had closed.
 * Closes all that this process did not have at the last guard_count_strays(),
 * and says how many; elsewhere it does nothing and there are none.
 */
void guard_count_strays(void);
unsigned guard_close_strays(void);

/* Waits until a handle is ready, as an event loop sees it. False: too late. */
bool guard_await(weft_handle handle, unsigned timeout_ms);

/* Lets some time pass: not less than this. */
void guard_nap_us(unsigned us);

/* The CPU time of this process, and of the calling thread. */
uint64_t guard_cpu_ns(void);
uint64_t guard_thread_cpu_ns(void);

#endif
