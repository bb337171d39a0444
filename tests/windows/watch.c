/* SPDX-License-Identifier: MIT
 *
 * An endpoint that watches more than any one wait of the system takes.
 */
#include "os/windows/win.h"

#include <pthread.h>

#include "os/contract.h"

#define NAME "watched"
#define MANY 1000u

/* The one that is watched along with a process that will end. */
#define MORTAL (MANY / 2)

struct pair {
    weft_handle mine;
    weft_handle theirs;
    weft_handle process;
};

static struct pair pairs[MANY];
static weftos_endpoint *endpoint;
static weft_handle ready;

static uint64_t id_of(unsigned i)
{
    return (uint64_t)i << 40 | 64;
}

static weft_handle open_process(DWORD pid)
{
    HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, pid);

    REQUIRE(process != NULL);
    return (weft_handle)process;
}

/* Connects, and watches the connection and a process. */
static void watch_one(unsigned i, DWORD pid)
{
    struct pair *pair = &pairs[i];
    weftos_peer peer;
    uint64_t id;

    REQUIRE(weftos_endpoint_connect(NAME, false, peer_soon(), false,
                                    &pair->mine, &peer, NULL) == WEFT_OK);
    REQUIRE(weftos_endpoint_wait(endpoint, peer_soon(), false, &id, NULL) ==
            WEFT_OK);
    REQUIRE(id == WEFTOS_NEW_CONNECTION);
    REQUIRE(weftos_endpoint_accept(endpoint, &pair->theirs, &peer, NULL) ==
            WEFT_OK);
    pair->process = open_process(pid);
    REQUIRE(weftos_endpoint_watch(endpoint, id_of(i), pair->theirs,
                                  pair->process, NULL) == WEFT_OK);
}

static void forget_one(unsigned i)
{
    struct pair *pair = &pairs[i];

    weftos_endpoint_forget(endpoint, id_of(i), pair->theirs, pair->process);
    weftos_close(pair->process);
    weftos_close(pair->theirs);
    weftos_close(pair->mine);
}

static void begin(void)
{
    REQUIRE(weftos_endpoint_open(NAME, 0600, &endpoint, &ready, NULL) ==
            WEFT_OK);
}

static void expect(unsigned i)
{
    uint64_t id = 0;

    CHECK_STATUS(weftos_endpoint_wait(endpoint, peer_soon(), false, &id, NULL),
                 WEFT_OK);
    CHECK(id == id_of(i));
    CHECK(contract_is_ready(ready, 0));
}

static void expect_nothing(void)
{
    uint64_t id;

    CHECK_STATUS(weftos_endpoint_wait(endpoint, WEFT_NOW, false, &id, NULL),
                 WEFT_EAGAIN);
    CHECK(!contract_is_ready(ready, 0));
}

static void send_one(unsigned i)
{
    CHECK_STATUS(weftos_socket_send(pairs[i].mine, "m", 1, NULL, 0, NULL),
                 WEFT_OK);
}

/* Who is known needs not be named in each message. */
static void receive(unsigned i)
{
    weftos_received received;

    CHECK_STATUS(weftos_socket_recv(pairs[i].theirs, &received, NULL), WEFT_OK);
    CHECK(!received.has_sender && received.process == WEFTOS_NONE);
}

/* ----------------------------------------------------------------- many --- */

static void live(void *context)
{
    const peer_gate *gate = context;

    (void)peer_gate_pass(gate);
    peer_die();
}

static void test_many(void)
{
    peer_process child;
    peer_gate gate;

    check_case("a thousand connections and processes are watched");
    peer_gate_init(&gate);
    child = peer_run(live, &gate, sizeof(gate));
    begin();
    for (unsigned i = 0; i < MANY; i++) {
        watch_one(i, i == MORTAL ? (DWORD)child.id : GetCurrentProcessId());
    }
    expect_nothing();
    for (unsigned i = 0; i < MANY; i += 7) {
        send_one(i);
        expect(i);
        receive(i);
    }
    expect_nothing();
    peer_gate_open(&gate);
    CHECK(peer_was_killed(&child));
    expect(MORTAL);
    expect(MORTAL);
    /* In an order of its own, which leaves holes everywhere. */
    for (unsigned i = 0; i < MANY; i++) {
        forget_one(i * 7 % MANY);
    }
    expect_nothing();
    weftos_endpoint_close(endpoint, false);
    peer_gate_deinit(&gate);
}

/* ---------------------------------------------------------------- turns --- */

#define FEW 5u

static void test_turns(void)
{
    unsigned told[FEW] = {0};
    unsigned clients = 0;
    weft_handle late;
    weftos_peer peer;

    check_case("all that have something to say are told of in turn");
    begin();
    for (unsigned i = 0; i < FEW; i++) {
        watch_one(i, GetCurrentProcessId());
    }
    for (unsigned i = 0; i < FEW; i++) {
        send_one(i);
    }
    REQUIRE(weftos_endpoint_connect(NAME, false, peer_soon(), false, &late,
                                    &peer, NULL) == WEFT_OK);
    for (unsigned i = 0; i < 3 * (FEW + 1); i++) {
        uint64_t id;

        REQUIRE(weftos_endpoint_wait(endpoint, peer_soon(), false, &id, NULL) ==
                WEFT_OK);
        if (id == WEFTOS_NEW_CONNECTION) {
            clients++;
        } else {
            REQUIRE(id >> 40 < FEW);
            told[id >> 40]++;
        }
    }
    CHECK(clients == 3);
    for (unsigned i = 0; i < FEW; i++) {
        CHECK(told[i] == 3);
        forget_one(i);
    }
    weftos_endpoint_close(endpoint, false);
    weftos_close(late);
}

/* ------------------------------------------------------------ hanging up ---
 */

static weft_status wait_for_any(void *context, uint64_t deadline_ns)
{
    return weftos_endpoint_wait(endpoint, deadline_ns, false, context, NULL);
}

static void test_own_hang_up(void)
{
    contract_sleeper sleeper;
    uint64_t id = 0;

    check_case("who waits is told when another thread of ours hangs up");
    begin();
    watch_one(1, GetCurrentProcessId());
    expect_nothing();
    contract_sleep(&sleeper, wait_for_any, &id, WEFT_FOREVER);
    weftos_socket_hang_up(pairs[1].theirs);
    CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
    CHECK(id == id_of(1));
    expect(1);
    /* So is who watches it after that. */
    weftos_endpoint_forget(endpoint, id_of(1), pairs[1].theirs,
                           pairs[1].process);
    expect_nothing();
    REQUIRE(weftos_endpoint_watch(endpoint, id_of(1), pairs[1].theirs,
                                  pairs[1].process, NULL) == WEFT_OK);
    expect(1);
    forget_one(1);
    weftos_endpoint_close(endpoint, false);
}

static void test_twice(void)
{
    check_case("what is watched already can't be watched again");
    begin();
    watch_one(1, GetCurrentProcessId());
    CHECK_STATUS(weftos_endpoint_watch(endpoint, id_of(2), pairs[1].theirs,
                                       WEFTOS_NONE, NULL),
                 WEFT_EINVAL);
    expect_nothing();
    forget_one(1);
    weftos_endpoint_close(endpoint, false);
}

void test_main(void)
{
    peer_names_begin();
    test_many();
    test_turns();
    test_own_hang_up();
    test_twice();
    peer_names_end();
}
