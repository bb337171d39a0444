/* SPDX-License-Identifier: MIT
 *
 * Kills the writer of a state, or a reader that waits, at every step.
 *
 * The victim is a child that goes through a script, and dies as by kill -9 at
 * its Nth step, for N from 1 on until it gets to the end. A step is a mark in
 * the library's own code, or any of its calls to the system. Whatever the
 * writer leaves undone: its readers have the last value that it had set, or
 * the one that it was about to set, and whole; they are told of the death soon;
 * and the next writer goes on. A reader that dies harms nobody.
 */
#include <string.h>

#include "check.h"
#include "ipc/ring.h"
#include "os/fake/fake.h"
#include "os/fake/step.h"
#include "peer.h"
#include "sides.h"

#define NAME "kill"
#define VALUES 6u /* more than there are slots */
#define MOST 200
#define BOUND_NS (WEFT_TEST_TIME_SCALE * UINT64_C(2000000000))

struct shared {
    struct wefti_steps steps;
    _Atomic uint64_t set;  /* values that the writer's calls have set */
    _Atomic uint64_t seen; /* values that the reader has got */
    _Atomic bool finished; /* the victim got to the end */
};

static struct shared *shared;

static void follow_steps(void)
{
    wefti_step_follow(&shared->steps, peer_die);
    fake_before_each(wefti_step);
}

static bool is_dead(void)
{
    return weftos_load_acquire(&shared->steps.died_ns) != 0;
}

/* Whoever died did so just now. */
static void check_haste(void)
{
    uint64_t died_ns = weftos_load_acquire(&shared->steps.died_ns);

    CHECK(died_ns == 0 || weft_now_ns() - died_ns < BOUND_NS);
}

static weft_status open_state(unsigned flags, weft_state **out)
{
    weft_state_options options = WEFT_STATE_OPTIONS_INIT;

    options.flags = flags;
    return weft_state_open(NAME, MOST, &options, out, NULL);
}

static void set(weft_state *state, uint64_t number)
{
    unsigned char data[MOST];
    size_t bytes = (size_t)(MOST - number * 7);

    sides_fill(data, bytes, number);
    CHECK_STATUS(weft_state_set(state, data, bytes), WEFT_OK);
}

/* Gets the latest value, and checks that it is whole. */
static uint64_t get(const weft_state *state)
{
    unsigned char data[MOST];
    size_t bytes = sizeof(data);
    uint64_t version = 0;
    weft_status status = weft_state_get(state, data, &bytes, &version);

    if (version == 0) {
        CHECK_STATUS(status, WEFT_EAGAIN);
    } else if (CHECK_STATUS(status, WEFT_OK)) {
        CHECK(bytes == MOST - version * 7);
        CHECK(sides_matches(data, bytes, version));
    }
    return version;
}

/* ---------------------------------------------------- the writer is killed */

static void write_all(void *context)
{
    weft_state *state = NULL;

    shared = context;
    follow_steps();
    CHECK_STATUS(open_state(WEFT_STATE_WRITE, &state), WEFT_OK);
    for (uint64_t i = 1; i <= VALUES; i++) {
        /* The reader sleeps, or has seen the last one and is about to. */
        while (shared->seen < i - 1) {
            weftos_yield();
        }
        set(state, i);
        shared->set = i;
    }
    weft_state_close(&state);
    wefti_step_follow(NULL, NULL);
    shared->finished = true;
}

/* What the readers and the next writer find, when the writer is gone. */
static void check_heritage(weft_state *state, uint64_t last)
{
    weft_state *next = NULL;
    uint64_t until = peer_soon();
    weft_status status;

    CHECK(get(state) == last);
    CHECK(last == shared->set || last == shared->set + 1);
    do { /* it says that it dies a moment before it does */
        status = open_state(WEFT_STATE_WRITE, &next);
    } while (status == WEFT_EINUSE && is_dead() && weft_now_ns() < until);
    CHECK_STATUS(status, WEFT_OK);
    if (next != NULL) {
        CHECK(get(next) == last);
        for (uint64_t i = 1; i <= VALUES; i++) {
            set(next, last + i);
            CHECK(get(state) == last + i);
        }
    }
    weft_state_close(&next);
}

static void outlive_writer(void)
{
    weft_state *state = NULL;
    uint64_t version = 0;
    weft_status status = WEFT_OK;

    CHECK_STATUS(open_state(0, &state), WEFT_OK);
    while (status == WEFT_OK) {
        /* A writer that dies before it is the writer is nobody to wait for. */
        uint64_t until =
            version == 0 ? weft_after_ns(10 * PEER_MS) : peer_soon();

        status = weft_state_wait(state, version, until);
        if (status == WEFT_OK) {
            CHECK(get(state) > version);
            version = get(state);
            shared->seen = version;
        } else if (status == WEFT_ETIMEDOUT && version == 0 && !is_dead()) {
            status = WEFT_OK;
        }
    }
    if (version == 0 && status == WEFT_ETIMEDOUT) {
        version = get(state); /* set after the last wait, by who died then */
    } else {
        check_haste();
        CHECK(status == WEFT_ECLOSED ||
              (status == WEFT_EPEERDIED && is_dead()));
        CHECK(status != WEFT_ECLOSED || version == VALUES);
    }
    check_heritage(state, version);
    weft_state_close(&state);
}

/* ---------------------------------------------------- a reader is killed - */

static void read_all(void *context)
{
    weft_state *state = NULL;
    uint64_t version = 0;

    shared = context;
    follow_steps();
    CHECK_STATUS(open_state(0, &state), WEFT_OK);
    while (version < VALUES) {
        CHECK_STATUS(weft_state_wait(state, version, peer_soon()), WEFT_OK);
        version = get(state);
        shared->seen = version;
    }
    weft_state_close(&state);
    wefti_step_follow(NULL, NULL);
    shared->finished = true;
}

static void outlive_reader(void)
{
    weft_state *state = NULL;
    weft_state *other = NULL;
    uint64_t until = peer_soon();

    CHECK_STATUS(open_state(WEFT_STATE_WRITE, &state), WEFT_OK);
    CHECK_STATUS(open_state(0, &other), WEFT_OK);
    for (uint64_t i = 1; i <= VALUES; i++) {
        set(state, i);
        CHECK_STATUS(weft_state_wait(other, i - 1, WEFT_NOW), WEFT_OK);
        CHECK(get(other) == i);
        while (shared->seen < i && !is_dead() && CHECK(weft_now_ns() < until)) {
            weftos_yield();
        }
    }
    weft_state_close(&state);
    CHECK_STATUS(weft_state_wait(other, VALUES, WEFT_NOW), WEFT_ECLOSED);
    weft_state_close(&other);
}

/* ------------------------------------- a sleeper, and the next writer ---- */

/* Sleeps without a writer, and wants the value of whoever becomes it. */
static void sleep_on(void *context)
{
    weft_state *state = NULL;

    shared = context;
    CHECK_STATUS(open_state(WEFT_STATE_ANY_WRITER, &state), WEFT_OK);
    CHECK_STATUS(weft_state_wait(state, 1, peer_soon()), WEFT_OK);
    CHECK(get(state) == 2);
    check_haste();
    weft_state_close(&state);
}

static void write_second(void *context)
{
    weft_state *state = NULL;

    shared = context;
    follow_steps();
    CHECK_STATUS(open_state(WEFT_STATE_WRITE, &state), WEFT_OK);
    set(state, 2);
    weft_state_close(&state);
    wefti_step_follow(NULL, NULL);
    shared->finished = true;
}

/* Nobody wakes the sleeper for one who died when it had published. */
static bool kill_next_writer_at(uint64_t step)
{
    weft_state *state = NULL;
    peer_process sleeper;
    peer_process victim;
    int status;

    memset(shared, 0, sizeof(*shared));
    weftos_store_relaxed(&shared->steps.die_at, step);
    CHECK_STATUS(open_state(WEFT_STATE_WRITE, &state), WEFT_OK);
    set(state, 1);
    sleeper = peer_run(sleep_on, shared, 0);
    CHECK(peer_await_asleep(&sleeper));
    weft_state_close(&state);
    CHECK(peer_await_asleep(&sleeper));
    victim = peer_run(write_second, shared, 0);
    status = peer_status(&victim);
    CHECK(status == (is_dead() ? PEER_KILLED : 0));
    CHECK_STATUS(open_state(0, &state), WEFT_OK);
    if (weft_state_version(state) == 1) {
        weft_state_close(&state);
        CHECK_STATUS(open_state(WEFT_STATE_WRITE, &state), WEFT_OK);
        set(state, 2);
    }
    CHECK(peer_ended_well(&sleeper));
    weft_state_close(&state);
    return !shared->finished;
}

static void kill_each_next_writer(void)
{
    uint64_t step = 0;

    check_case("a sleeper gets what a new writer has set before it died");
    while (kill_next_writer_at(++step)) {
    }
    CHECK(step > 10);
}

/* -------------------------------------------------------------- the test - */

/* False: the victim got to the end. */
static bool kill_at(uint64_t step, peer_task *victim, void (*outlive)(void))
{
    peer_process child;
    int status;

    memset(shared, 0, sizeof(*shared));
    weftos_store_relaxed(&shared->steps.die_at, step);
    child = peer_run(victim, shared, 0);
    outlive();
    status = peer_status(&child);
    CHECK(status == (is_dead() ? PEER_KILLED : 0));
    CHECK(is_dead() || shared->finished);
    return !shared->finished;
}

static void kill_each(const char *name, peer_task *victim,
                      void (*outlive)(void))
{
    uint64_t step = 0;

    check_case(name);
    while (kill_at(++step, victim, outlive)) {
    }
    CHECK(step > 10);
}

void test_main(void)
{
    peer_names_begin();
    shared = peer_shared(sizeof(*shared));
    kill_each("a writer killed at each step is outlived", write_all,
              outlive_writer);
    kill_each("a reader killed at each step is outlived", read_all,
              outlive_reader);
    kill_each_next_writer();
    peer_unshare(shared, sizeof(*shared));
    peer_names_end();
}
