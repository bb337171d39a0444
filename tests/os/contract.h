/* SPDX-License-Identifier: MIT
 *
 * contract.h - what the tests of os.h share.
 *
 * These tests check what os.h promises, and no more, so that they hold for
 * each back end and with the fake in front of it. Above all a wait may end
 * early for no reason: contract_wait functions go on then.
 */
#ifndef WEFT_TESTS_CONTRACT_H
#define WEFT_TESTS_CONTRACT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "os/os.h"
#include "peer.h"

/* How late a wait may end on a busy machine. */
#define CONTRACT_LATE_NS PEER_S

/* How often a wait may end early with nothing to show for it. */
#define CONTRACT_EARLY_MOST 1000

/* ---------------------------------------------------------------- waits --- */

/*
 * Waits for what the test is about: WEFT_OK only if that happened. Else
 * WEFT_EAGAIN, WEFT_ETIMEDOUT, or what the call failed with.
 */
typedef weft_status contract_wait(void *context, uint64_t deadline_ns);

/*
 * Nothing happens, so WEFT_NOW is WEFT_EAGAIN, and each deadline ends the wait
 * when it has come, and not before: from 1 ns away to many ms.
 */
void contract_deadlines(contract_wait *wait, void *context);

/* What a wait that found no reason has to return at its deadline. */
static inline weft_status contract_nothing_by(uint64_t deadline_ns)
{
    return deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT;
}

/* A deadline that is not WEFT_FOREVER, but as far away as one can be. */
#define CONTRACT_FAR (WEFT_FOREVER - 1)

/* A thread that waits. */
typedef struct contract_sleeper {
    contract_wait *wait;
    void *context;
    uint64_t deadline_ns;
    _Atomic int number; /* of the thread, for peer_await_thread_asleep() */
    weft_status status;
    pthread_t thread;
} contract_sleeper;

/* Starts a thread that waits, and returns when it sleeps. */
void contract_sleep(contract_sleeper *sleeper, contract_wait *wait,
                    void *context, uint64_t deadline_ns);

/* Waits for its end, and gives what its wait returned. */
weft_status contract_woken(contract_sleeper *sleeper);

/* -------------------------------------------------------------- handles --- */

/* Is the handle ready, now or within some ms? As an application asks. */
bool contract_is_ready(weft_handle handle, unsigned ms);

/*
 * Where names are files, the last who had a named memory open leaves its file
 * behind, for the next one to replace. This removes it.
 */
void contract_forget_memory(const char *name);

/* A connected pair of control sockets, both ends adopted. */
void contract_sockets(weft_handle ends[2]);

#endif
