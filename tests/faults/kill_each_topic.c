/* SPDX-License-Identifier: MIT
 *
 * Kills a publisher, or one of its subscribers or taps, at every step.
 *
 * The victim is a child that goes through a script, and dies as by kill -9 at
 * its Nth step, for N from 1 on until it gets to the end. A step is a mark in
 * the library's own code, or any of its calls to the system, in any of its
 * threads. A subscriber must have all that a dead publisher had published, and
 * learn of the death soon. A publisher, who waits for its reliable subscribers,
 * must lose no time over a dead one, and the other must get all. A tap gets or
 * counts all of a dead publisher; a dead tap was never noticed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "ipc/ring.h"
#include "os/fake/fake.h"
#include "os/fake/step.h"
#include "peer.h"
#include "sides.h"

#define NAME "kill"
#define BYTES 500
#define COUNT 60u /* twice as much as the ring holds */
#define PATIENCE_NS UINT64_C(5000000000)
#define BOUND_NS (WEFT_TEST_TIME_SCALE * UINT64_C(500000000))

struct shared {
    struct wefti_steps steps;
    _Atomic bool is_open;  /* the victim's end */
    _Atomic bool may_go;   /* the survivor is there, or can't come */
    _Atomic uint64_t sent; /* messages that the victim's sends have taken */
    _Atomic bool finished; /* the victim got to the end */
};

static struct shared *shared;

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

static void follow_steps(void)
{
    wefti_step_follow(&shared->steps, peer_die);
    fake_before_each(wefti_step);
}

static weft_publisher *open_topic(void)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_publisher *publisher = NULL;

    options.ring_bytes = (size_t)16 << 10;
    CHECK_STATUS(weft_publisher_open(NAME, &options, &publisher, NULL),
                 WEFT_OK);
    return publisher;
}

static weft_status subscribe(unsigned flags, weft_subscriber **out)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;

    options.flags = flags | WEFT_SUBSCRIBER_RELIABLE;
    options.wait = WEFT_WAIT_BLOCK;
    return weft_subscriber_open(NAME, &options, soon(), out, NULL);
}

static weft_status publish(weft_publisher *publisher, uint64_t number)
{
    unsigned char data[BYTES];

    sides_fill(data, sizeof(data), number);
    return weft_publisher_send(publisher, data, sizeof(data), soon());
}

static weft_status receive(weft_subscriber *subscriber, uint64_t number)
{
    unsigned char data[BYTES];
    weft_publication publication = {.data = data, .bytes = sizeof(data)};
    weft_status status = weft_subscriber_recv(subscriber, &publication, soon());

    if (status == WEFT_OK) {
        CHECK(publication.sequence == number &&
              sides_matches(data, publication.bytes, number));
    }
    return status;
}

static weft_status look(weft_tap *tap)
{
    uint64_t until = soon();
    unsigned char data[BYTES];
    weft_publication publication;
    weft_status status;

    for (;;) {
        publication = (weft_publication){.data = data, .bytes = sizeof(data)};
        status = weft_tap_next(tap, &publication);
        if (status != WEFT_EAGAIN || weft_now_ns() >= until) {
            break;
        }
        /* Each call is a step, and their number is to have an end. */
        guard_nap_us(2000);
    }
    CHECK(status != WEFT_OK ||
          sides_matches(data, publication.bytes, publication.sequence));
    return status;
}

/* Waits until it is so, or the victim is dead. */
static bool await(const _Atomic bool *flag)
{
    uint64_t until = soon();

    while (!*flag && weftos_load_acquire(&shared->steps.died_ns) == 0 &&
           CHECK(weft_now_ns() < until)) {
    }
    return *flag;
}

/* ------------------------------------------------- the publisher is killed */

static void publish_all(void *context)
{
    weft_publisher *publisher;

    shared = context;
    follow_steps();
    publisher = open_topic();
    shared->is_open = true;
    (void)await(&shared->may_go);
    for (unsigned i = 0; i < COUNT; i++) {
        CHECK_STATUS(publish(publisher, i), WEFT_OK);
        shared->sent = i + 1;
    }
    weft_publisher_close(&publisher);
    wefti_step_follow(NULL, NULL);
    shared->finished = true;
}

/* The subscriber has seen the end already. */
static void end_tap(weft_tap *tap)
{
    weft_tap_stats stats = {.size = sizeof(stats)};
    weft_status status = WEFT_OK;
    uint64_t died_ns = weftos_load_acquire(&shared->steps.died_ns);

    if (tap == NULL) {
        CHECK(died_ns != 0);
        return;
    }
    while (status == WEFT_OK) {
        status = look(tap);
    }
    CHECK(died_ns == 0 || weft_now_ns() - died_ns < BOUND_NS);
    CHECK_STATUS(weft_tap_get_stats(tap, &stats), WEFT_OK);
    CHECK(stats.messages + stats.lost >= shared->sent &&
          stats.messages + stats.lost <= COUNT);
    CHECK(status == WEFT_ECLOSED || (status == WEFT_EPEERDIED && died_ns != 0));
    CHECK(status != WEFT_ECLOSED || stats.messages + stats.lost == COUNT);
    weft_tap_close(&tap);
}

/* Takes one, if there is one. */
static void look_once(weft_tap *tap)
{
    unsigned char data[BYTES];
    weft_publication publication = {.data = data, .bytes = sizeof(data)};

    if (tap != NULL && weft_tap_next(tap, &publication) == WEFT_OK) {
        CHECK(sides_matches(data, publication.bytes, publication.sequence));
    }
}

static void outlive_publisher(void)
{
    weft_subscriber *subscriber = NULL;
    weft_tap *tap = NULL;
    weft_status status = WEFT_OK;
    uint64_t received = 0;
    uint64_t died_ns;

    if (!await(&shared->is_open)) {
        return;
    }
    status = subscribe(0, &subscriber);
    (void)weft_tap_open(NAME, NULL, soon(), &tap, NULL);
    shared->may_go = true;
    while (status == WEFT_OK) {
        status = receive(subscriber, received);
        received += status == WEFT_OK;
        if (status == WEFT_OK) {
            look_once(tap);
        }
    }
    died_ns = weftos_load_acquire(&shared->steps.died_ns);
    CHECK(died_ns == 0 || weft_now_ns() - died_ns < BOUND_NS);
    if (subscriber == NULL) {
        CHECK(died_ns != 0); /* it died before it let us in */
    } else {
        CHECK(received >= shared->sent && received <= COUNT);
        CHECK(status == WEFT_ECLOSED ||
              (status == WEFT_EPEERDIED && died_ns != 0));
        CHECK(status != WEFT_ECLOSED || received == COUNT);
    }
    weft_subscriber_close(&subscriber);
    end_tap(tap);
}

/* ------------------------------------------------ a subscriber is killed - */

static void receive_all(void *context)
{
    weft_subscriber *subscriber = NULL;
    weft_status status;
    uint64_t received = 0;

    shared = context;
    follow_steps();
    status = subscribe(WEFT_SUBSCRIBER_AWAIT_NAME, &subscriber);
    CHECK_STATUS(status, WEFT_OK);
    shared->is_open = true;
    while (status == WEFT_OK) {
        status = receive(subscriber, received);
        received += status == WEFT_OK;
    }
    CHECK_STATUS(status, WEFT_ECLOSED);
    CHECK(received == COUNT);
    weft_subscriber_close(&subscriber);
    wefti_step_follow(NULL, NULL);
    shared->finished = true;
}

static void outlive_subscriber(void)
{
    weft_publisher *publisher = open_topic();
    weft_publisher_stats stats = {.size = sizeof(stats)};
    weft_subscriber *other = NULL;
    uint64_t until = soon();

    CHECK_STATUS(subscribe(0, &other), WEFT_OK);
    (void)await(&shared->is_open);
    for (unsigned i = 0; i < COUNT; i++) {
        uint64_t began = weft_now_ns();

        CHECK_STATUS(publish(publisher, i), WEFT_OK);
        CHECK(weft_now_ns() - began < BOUND_NS);
        CHECK_STATUS(receive(other, i), WEFT_OK);
    }
    do {
        CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    } while (shared->steps.died_ns != 0 && stats.subscribers > 1 &&
             CHECK(weft_now_ns() < until));
    weft_publisher_close(&publisher);
    CHECK_STATUS(receive(other, COUNT), WEFT_ECLOSED);
    weft_subscriber_close(&other);
}

/* ------------------------------------------------------- a tap is killed - */

static void tap_all(void *context)
{
    weft_tap_options options = WEFT_TAP_OPTIONS_INIT;
    weft_tap_stats stats = {.size = sizeof(stats)};
    weft_tap *tap = NULL;
    weft_status status;

    shared = context;
    follow_steps();
    options.flags = WEFT_TAP_AWAIT_NAME;
    status = weft_tap_open(NAME, &options, soon(), &tap, NULL);
    CHECK_STATUS(status, WEFT_OK);
    shared->is_open = true;
    while (status == WEFT_OK) {
        status = look(tap);
    }
    CHECK_STATUS(status, WEFT_ECLOSED);
    CHECK_STATUS(weft_tap_get_stats(tap, &stats), WEFT_OK);
    CHECK(stats.messages + stats.lost == COUNT);
    weft_tap_close(&tap);
    wefti_step_follow(NULL, NULL);
    shared->finished = true;
}

static void never_notice(void)
{
    weft_publisher *publisher = open_topic();
    weft_publisher_stats stats = {.size = sizeof(stats)};

    (void)await(&shared->is_open);
    for (unsigned i = 0; i < COUNT; i++) {
        CHECK_STATUS(publish(publisher, i), WEFT_OK);
        if (i % 20 == 19) {
            guard_nap_us(3000); /* so that it gets most of them */
        }
    }
    CHECK_STATUS(weft_publisher_get_stats(publisher, &stats), WEFT_OK);
    CHECK(stats.subscribers == 0 && stats.full == 0 && stats.wakes == 0);
    weft_publisher_close(&publisher);
}

/* -------------------------------------------------------------- the test - */

/* False: the victim got to the end. */
static bool kill_at(uint64_t step, peer_task *victim, void (*outlive)(void))
{
    struct sides_holdings before = sides_hold();
    peer_process child;
    int status;

    memset(shared, 0, sizeof(*shared));
    weftos_store_relaxed(&shared->steps.die_at, step);
    child = peer_run(victim, shared, 0);
    outlive();
    status = peer_status(&child);
    CHECK(status == (shared->steps.died_ns != 0 ? PEER_KILLED : 0));
    CHECK(shared->steps.died_ns != 0 || shared->finished);
    sides_check_holdings(&before);
    return !shared->finished;
}

static void kill_each(const char *name, peer_task *victim,
                      void (*outlive)(void))
{
    uint64_t step = 0;

    check_case(name);
    while (kill_at(++step, victim, outlive)) {
    }
    printf("# %" PRIu64 " steps\n", step);
    CHECK(step > 30);
}

void test_main(void)
{
    peer_names_begin();
    shared = peer_shared(sizeof(*shared));
    kill_each("a publisher killed at each step is outlived", publish_all,
              outlive_publisher);
    kill_each("a subscriber killed at each step is outlived", receive_all,
              outlive_subscriber);
    kill_each("a tap killed at each step was never there", tap_all,
              never_notice);
    peer_unshare(shared, sizeof(*shared));
    peer_names_end();
}
