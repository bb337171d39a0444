/* SPDX-License-Identifier: MIT
 *
 * os.h: a signal ends the waits that it may end, and no others. For systems
 * that have signals.
 */
#define _GNU_SOURCE
#include <signal.h>

#include "contract.h"

static weft_handle ends[2];
static _Atomic uint32_t word;
static atomic_uint handled;

static void handle(int number)
{
    (void)number;
    handled++;
}

/* One kind of wait; it has no other reason to end than the signal. */
typedef weft_status one_wait(uint64_t deadline_ns, bool interruptible);

static weft_status wait_word(uint64_t deadline_ns, bool interruptible)
{
    return weftos_word_wait(&word, 0, NULL, deadline_ns, interruptible, NULL);
}

static weft_status wait_socket(uint64_t deadline_ns, bool interruptible)
{
    return weftos_socket_wait(ends[0], false, WEFTOS_NONE, deadline_ns,
                              interruptible, NULL);
}

static weft_status wait_waiter(uint64_t deadline_ns, bool interruptible)
{
    weft_handle mine;
    weft_handle theirs;
    weftos_waiter *waiter;
    unsigned events = 0;
    weft_status status;

    REQUIRE(weftos_bell_open(&mine, &theirs, NULL) == WEFT_OK);
    REQUIRE(weftos_waiter_open(mine, ends[0], WEFTOS_NONE, &waiter, NULL) ==
            WEFT_OK);
    status =
        weftos_waiter_wait(waiter, deadline_ns, interruptible, &events, NULL);
    weftos_waiter_close(waiter);
    weftos_close(mine);
    weftos_close(theirs);
    if (status == WEFT_OK && (events & WEFTOS_EVENT_SIGNAL) != 0) {
        CHECK(interruptible);
        return WEFT_EINTR;
    }
    return status;
}

static weft_status wait_endpoint(uint64_t deadline_ns, bool interruptible)
{
    weftos_endpoint *endpoint;
    weft_handle ready;
    uint64_t id;
    weft_status status;

    REQUIRE(weftos_endpoint_open("signal", 0600, &endpoint, &ready, NULL) ==
            WEFT_OK);
    status =
        weftos_endpoint_wait(endpoint, deadline_ns, interruptible, &id, NULL);
    weftos_endpoint_close(endpoint, false);
    return status;
}

static weft_status wait_name(uint64_t deadline_ns, bool interruptible)
{
    weft_handle socket;
    weftos_peer peer;

    return weftos_endpoint_connect("nobody", true, deadline_ns, interruptible,
                                   &socket, &peer, NULL);
}

static const struct kind {
    const char *name;
    one_wait *wait;
} kinds[] = {
    {"a wait at a word", wait_word},  {"a wait at a socket", wait_socket},
    {"a waiter", wait_waiter},        {"a wait at an endpoint", wait_endpoint},
    {"a wait for a name", wait_name},
};

static weft_status wait_interruptible(void *context, uint64_t deadline_ns)
{
    const struct kind *kind = context;
    weft_status status = WEFT_OK;

    /* It may end early without a signal; then it goes on. */
    for (unsigned i = 0; i < CONTRACT_EARLY_MOST && status == WEFT_OK; i++) {
        status = kind->wait(deadline_ns, true);
    }
    return status;
}

/* Until the deadline, whatever comes; with no trace of a signal. */
static weft_status wait_on(void *context, uint64_t deadline_ns)
{
    const struct kind *kind = context;
    weft_status status;

    do {
        status = kind->wait(deadline_ns, false);
    } while (status == WEFT_OK && weft_now_ns() < deadline_ns);
    return status == WEFT_OK ? WEFT_ETIMEDOUT : status;
}

/* Sends signals until the handler has run. */
static void interrupt(const contract_sleeper *sleeper)
{
    unsigned before = handled;
    uint64_t late = peer_soon();

    CHECK(pthread_kill(sleeper->thread, SIGUSR1) == 0);
    while (handled == before && weft_now_ns() < late) {
        weftos_yield();
    }
    CHECK(handled == before + 1);
}

static void test_kind(const struct kind *kind)
{
    contract_sleeper sleeper;
    uint64_t deadline_ns;

    check_case(kind->name);
    contract_sleep(&sleeper, wait_interruptible, (void *)(uintptr_t)kind,
                   peer_soon());
    interrupt(&sleeper);
    CHECK_STATUS(contract_woken(&sleeper), WEFT_EINTR);
    /* Time enough to be seen asleep on a busy machine. */
    deadline_ns = weft_after_ns(300 * PEER_MS);
    contract_sleep(&sleeper, wait_on, (void *)(uintptr_t)kind, deadline_ns);
    interrupt(&sleeper);
    CHECK_STATUS(contract_woken(&sleeper), WEFT_ETIMEDOUT);
    CHECK(weft_now_ns() >= deadline_ns);
}

static void look_at_mask(void *blocked)
{
    sigset_t mask;

    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    *(bool *)blocked =
        sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGTERM) == 1;
}

static void test_thread(void)
{
    weftos_thread *thread;
    bool blocked = false;
    sigset_t mask;

    check_case("no signal is handled in a thread of the library's own");
    CHECK_STATUS(weftos_thread_start(look_at_mask, &blocked, &thread, NULL),
                 WEFT_OK);
    weftos_thread_join(thread, false);
    CHECK(blocked);
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    CHECK(sigismember(&mask, SIGUSR1) == 0);
}

void test_main(void)
{
    struct sigaction action = {.sa_handler = handle};

    REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
    peer_names_begin();
    contract_sockets(ends);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        test_kind(&kinds[i]);
    }
    test_thread();
    weftos_close(ends[0]);
    weftos_close(ends[1]);
    peer_names_end();
}
