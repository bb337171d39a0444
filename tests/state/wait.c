/* SPDX-License-Identifier: MIT
 *
 * Who waits for the next value sleeps until it is set, or the writer is gone,
 * or the deadline has passed.
 */
#include <string.h>

#include "check.h"
#include "peer.h"

#define SLEEPERS 6 /* more than a lobby has members */

static weft_state *open_state(unsigned flags)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;
    weft_state *state = NULL;

    options.flags = flags;
    CHECK_STATUS(weft_state_open("wait", 64, &options, &state, NULL), WEFT_OK);
    REQUIRE(state != NULL);
    return state;
}

static void set(weft_state *state, uint64_t number)
{
    CHECK_STATUS(weft_state_set(state, &number, sizeof(number)), WEFT_OK);
}

/* ------------------------------------------------------------ deadlines --- */

static void test_deadline(void)
{
    weft_state *state = open_state(WEFT_STATE_WRITE);
    weft_state *reader = open_state(0);
    uint64_t deadline_ns;

    check_case("another version is told at once");
    set(state, 1);
    CHECK_STATUS(weft_state_wait(reader, 0, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(weft_state_wait(reader, 0, WEFT_FOREVER), WEFT_OK);
    CHECK_STATUS(weft_state_wait(reader, 9, WEFT_FOREVER), WEFT_OK);

    check_case("the same one is waited for until the deadline");
    CHECK_STATUS(weft_state_wait(reader, 1, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_state_wait(reader, 1, 1), WEFT_ETIMEDOUT);
    deadline_ns = weft_after_ns(20 * PEER_MS);
    CHECK_STATUS(weft_state_wait(reader, 1, deadline_ns), WEFT_ETIMEDOUT);
    CHECK(weft_now_ns() >= deadline_ns);
    weft_state_close(&state);
    weft_state_close(&reader);
}

/* ---------------------------------------------------------------- wakes --- */

struct errand {
    peer_gate ready;
    unsigned flags;
    weft_status expected;
};

/* Waits for something else than version 1. */
static void sleep_for_next(void *context)
{
    const struct errand *errand = context;
    weft_state *state = open_state(errand->flags);
    uint64_t number = 0;
    size_t bytes = sizeof(number);

    CHECK_STATUS(weft_state_wait(state, 1, peer_soon()), errand->expected);
    CHECK_STATUS(weft_state_get(state, &number, &bytes, NULL), WEFT_OK);
    CHECK(number == (errand->expected == WEFT_OK ? 2 : 1));
    weft_state_close(&state);
}

static void start_sleepers(peer_process *sleepers, unsigned flags,
                           weft_status expected)
{
    struct errand errand = {.flags = flags, .expected = expected};

    for (unsigned i = 0; i < SLEEPERS; i++) {
        sleepers[i] = peer_run(sleep_for_next, &errand, sizeof(errand));
    }
    for (unsigned i = 0; i < SLEEPERS; i++) {
        CHECK(peer_await_asleep(&sleepers[i]));
    }
}

static void end_sleepers(peer_process *sleepers)
{
    for (unsigned i = 0; i < SLEEPERS; i++) {
        CHECK(peer_ended_well(&sleepers[i]));
    }
}

static void test_wake(void)
{
    weft_state *state = open_state(WEFT_STATE_WRITE);
    peer_process sleepers[SLEEPERS];

    check_case("the next value wakes all");
    set(state, 1);
    start_sleepers(sleepers, 0, WEFT_OK);
    set(state, 2);
    end_sleepers(sleepers);
    weft_state_close(&state);

    check_case("they are told that the writer closes the state");
    state = open_state(WEFT_STATE_WRITE);
    set(state, 1);
    start_sleepers(sleepers, 0, WEFT_ECLOSED);
    weft_state_close(&state);
    end_sleepers(sleepers);
}

/* --------------------------------------------------------------- deaths --- */

/* Sets one value, and stays. */
static void write_and_stay(void *context)
{
    const struct errand *errand = context;
    weft_state *state = open_state(WEFT_STATE_WRITE);

    set(state, 1);
    peer_gate_open(&errand->ready);
    peer_await_kill();
}

static peer_process start_writer(struct errand *errand)
{
    peer_process writer = peer_run(write_and_stay, errand, sizeof(*errand));

    CHECK(peer_gate_pass(&errand->ready));
    return writer;
}

static void test_death(void)
{
    struct errand errand = {.expected = WEFT_OK};
    weft_state *reader;
    peer_process sleepers[SLEEPERS];
    peer_process writer;

    peer_gate_init(&errand.ready);
    check_case("they are told that the writer died");
    writer = start_writer(&errand);
    reader = open_state(0);
    start_sleepers(sleepers, 0, WEFT_EPEERDIED);
    CHECK_STATUS(weft_state_wait(reader, 1, WEFT_NOW), WEFT_EAGAIN);
    peer_kill(&writer);
    end_sleepers(sleepers);

    check_case("so is who comes later, after what it had set");
    CHECK_STATUS(weft_state_wait(reader, 0, peer_soon()), WEFT_OK);
    CHECK_STATUS(weft_state_wait(reader, 1, WEFT_NOW), WEFT_EPEERDIED);
    CHECK_STATUS(weft_state_wait(reader, 1, peer_soon()), WEFT_EPEERDIED);
    weft_state_close(&reader);
    peer_gate_deinit(&errand.ready);
}

static void test_next_writer(void)
{
    struct errand errand = {.expected = WEFT_OK};
    weft_state *reader;
    weft_state *state;
    peer_process sleepers[SLEEPERS];
    peer_process writer;

    peer_gate_init(&errand.ready);
    check_case("who wants any writer sleeps through a death");
    writer = start_writer(&errand);
    reader = open_state(WEFT_STATE_ANY_WRITER);
    start_sleepers(sleepers, WEFT_STATE_ANY_WRITER, WEFT_OK);
    peer_kill(&writer);
    CHECK_STATUS(weft_state_wait(reader, 1, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_state_wait(reader, 1, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);

    check_case("and until a new writer sets a value");
    state = open_state(WEFT_STATE_WRITE);
    for (unsigned i = 0; i < SLEEPERS; i++) {
        CHECK(peer_await_asleep(&sleepers[i]));
    }
    weft_state_close(&state);
    for (unsigned i = 0; i < SLEEPERS; i++) {
        CHECK(peer_await_asleep(&sleepers[i]));
    }
    state = open_state(WEFT_STATE_WRITE);
    set(state, 2);
    end_sleepers(sleepers);
    weft_state_close(&state);
    weft_state_close(&reader);
    peer_gate_deinit(&errand.ready);
}

/* Waits for the first value of a state that has no writer. */
static void wait_for_first(void *context)
{
    weft_state *state = open_state(0);

    (void)context;
    CHECK_STATUS(weft_state_wait(state, 0, peer_soon()), WEFT_OK);
    weft_state_close(&state);
}

static void test_first(void)
{
    weft_state *state = open_state(0);
    peer_process child;

    check_case("before the first value there need be no writer");
    child = peer_run(wait_for_first, NULL, 0);
    CHECK(peer_await_asleep(&child));
    weft_state_close(&state);
    state = open_state(WEFT_STATE_WRITE);
    weft_state_close(&state);
    CHECK(peer_await_asleep(&child));
    state = open_state(WEFT_STATE_WRITE);
    set(state, 1);
    CHECK(peer_ended_well(&child));
    weft_state_close(&state);
}

void test_main(void)
{
    peer_names_begin();
    test_deadline();
    test_wake();
    test_death();
    test_next_writer();
    test_first();
    peer_names_end();
}
