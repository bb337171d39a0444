/* SPDX-License-Identifier: MIT
 *
 * Children get what peer.h says that they get, on every system alike.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "peer.h"

#define VARIABLE "WEFT_TEST_VARIABLE"

/* In shared memory. */
struct board {
    struct board *self;
    atomic_int count;
    atomic_int stop;
};

struct parcel {
    struct board *board;
    weft_handle token;
    peer_gate gate;
    uintptr_t function;
    char text[100];
};

static void count_up(struct board *board)
{
    atomic_fetch_add(&board->count, 1);
}

static void open_parcel(void *context)
{
    const struct parcel *parcel = context;
    void (*function)(struct board * board);

    CHECK(parcel->board->self == parcel->board);
    CHECK(peer_token_is(parcel->token, 7));
    CHECK(strcmp(parcel->text, "a copy") == 0);
    CHECK(strcmp(getenv(VARIABLE), "a value") == 0);
    function = (void (*)(struct board *))peer_function_of(parcel->function);
    function(parcel->board);
    peer_gate_open(&parcel->gate);
}

static void test_parcel(struct board *board)
{
    struct parcel parcel = {.board = board, .token = peer_token(7)};
    peer_process child;

    check_case("a child gets copy, memory, handle, gate and function");
    peer_gate_init(&parcel.gate);
    strcpy(parcel.text, "a copy");
    parcel.function = peer_number_of((peer_function *)count_up);
    peer_pass(parcel.token);
    peer_set_variable(VARIABLE, "a value");
    child = peer_run(open_parcel, &parcel, sizeof(parcel));
    CHECK(peer_gate_pass(&parcel.gate));
    CHECK(peer_ended_well(&child));
    CHECK(atomic_load(&board->count) == 1);
    CHECK(peer_close(parcel.token));
    peer_set_variable(VARIABLE, NULL);
    peer_gate_deinit(&parcel.gate);
}

static void pass_twice(void *context)
{
    CHECK(peer_gate_pass(context));
    CHECK(peer_gate_pass(context));
}

static void test_gate(void)
{
    peer_gate gate;
    peer_process child;

    check_case("a gate is passed as often as it was opened");
    peer_gate_init(&gate);
    peer_gate_open(&gate);
    child = peer_run(pass_twice, &gate, sizeof(gate));
    peer_gate_open(&gate);
    CHECK(peer_ended_well(&child));
    peer_gate_deinit(&gate);
}

static void run_and_sleep(void *context)
{
    struct board *board = context;

    while (atomic_load(&board->stop) == 0) {
        atomic_fetch_add(&board->count, 1);
    }
    peer_await_kill();
}

static void await_more(struct board *board)
{
    uint64_t late = peer_soon();
    int before = atomic_load(&board->count);

    while (atomic_load(&board->count) == before && weft_now_ns() < late) {
    }
    CHECK(atomic_load(&board->count) != before);
}

static void test_life(struct board *board)
{
    peer_process child = peer_run(run_and_sleep, board, 0);
    int stopped;

    check_case("a child that is stopped does nothing");
    await_more(board);
    CHECK(!peer_is_asleep(child.main_thread));
    peer_stop(&child);
    stopped = atomic_load(&board->count);
    for (unsigned i = 0; i < 1000000; i++) {
        (void)atomic_load(&board->stop);
    }
    CHECK(atomic_load(&board->count) == stopped);
    peer_go_on(&child);
    await_more(board);

    check_case("a child that sleeps is known to, and can be killed");
    atomic_store(&board->stop, 1);
    CHECK(peer_await_asleep(&child));
    CHECK(peer_strike(child.id));
    CHECK(peer_was_killed(&child));
}

static atomic_int sleeper;

static void *sleep_at(void *context)
{
    atomic_store(&sleeper, peer_thread());
    CHECK(peer_gate_pass(context));
    return NULL;
}

static void test_thread(void)
{
    peer_gate gate;
    pthread_t thread;

    check_case("a thread that sleeps is told from one that does not");
    CHECK(!peer_is_asleep(peer_thread()));
    peer_gate_init(&gate);
    REQUIRE(pthread_create(&thread, NULL, sleep_at, &gate) == 0);
    while (atomic_load(&sleeper) == 0) {
    }
    CHECK(peer_await_thread_asleep(atomic_load(&sleeper)));
    peer_gate_open(&gate);
    REQUIRE(pthread_join(thread, NULL) == 0);
    peer_gate_deinit(&gate);
}

void test_main(void)
{
    struct board *board = peer_shared(sizeof(*board));

    board->self = board;
    test_parcel(board);
    test_gate();
    test_life(board);
    peer_unshare(board, sizeof(*board));
    test_thread();
}
