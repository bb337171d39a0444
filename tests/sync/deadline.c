/* SPDX-License-Identifier: MIT
 *
 * Every wait ends at its deadline, not before it and not much later.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "peer.h"

/*
 * The best of a series may be so late; on an idle machine its median is. Where
 * there is no fork the system itself counts in ticks.
 */
static uint64_t late_ns(unsigned count)
{
    return !peer_forks ? 20 * PEER_MS : count > 1 ? PEER_MS : 10 * PEER_MS;
}

#define SERIES_MOST 15

/* What the waits are for, which never comes. */
struct stage {
    weft_mutex mutex; /* a child's */
    weft_mutex own;
    weft_condition condition;
    weft_semaphore semaphore;
    weft_event event;
    weft_rwlock lock; /* a child writes */
};

static struct stage *stage;

typedef weft_status wait_call(uint64_t deadline_ns);

static weft_status wait_mutex(uint64_t deadline_ns)
{
    return weft_mutex_lock_until(&stage->mutex, deadline_ns);
}

static weft_status wait_condition(uint64_t deadline_ns)
{
    return weft_condition_wait_until(&stage->condition, &stage->own,
                                     deadline_ns);
}

static weft_status wait_semaphore(uint64_t deadline_ns)
{
    return weft_semaphore_wait_until(&stage->semaphore, deadline_ns);
}

static weft_status wait_event(uint64_t deadline_ns)
{
    return weft_event_wait_until(&stage->event, deadline_ns);
}

static weft_status wait_read(uint64_t deadline_ns)
{
    return weft_rwlock_read_until(&stage->lock, deadline_ns);
}

static weft_status wait_write(uint64_t deadline_ns)
{
    return weft_rwlock_write_until(&stage->lock, deadline_ns);
}

static const struct {
    const char *name;
    wait_call *call;
} waits[] = {
    {"mutex", wait_mutex},         {"condition", wait_condition},
    {"semaphore", wait_semaphore}, {"event", wait_event},
    {"read", wait_read},           {"write", wait_write},
};

#define WAITS (sizeof(waits) / sizeof(waits[0]))

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* Waits several times; the first of `late` is the best. */
static void measure(wait_call *call, uint64_t length_ns, uint64_t *late,
                    unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t deadline = weft_after_ns(length_ns);

        CHECK_STATUS(call(deadline), WEFT_ETIMEDOUT);
        late[i] = weft_now_ns() - deadline;
        CHECK(late[i] < UINT64_MAX / 2); /* not before it */
    }
    qsort(late, count, sizeof(late[0]), compare);
}

static struct errand {
    struct stage *stage;
    peer_gate ready;
} errand;

static void hold(void *context)
{
    struct errand *own = context;

    CHECK_STATUS(weft_mutex_lock(&own->stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_rwlock_write(&own->stage->lock), WEFT_OK);
    peer_gate_open(&own->ready);
    peer_await_kill();
}

/*
 * A busy machine is late whatever is asked of it, but not always; what we are
 * to blame for is in each of a series.
 */
static void test_length(const char *property, uint64_t length_ns,
                        unsigned count)
{
    check_case(property);
    for (size_t i = 0; i < WAITS; i++) {
        uint64_t late[SERIES_MOST] = {UINT64_MAX};
        peer_process holder;

        CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
        CHECK_STATUS(weft_rwlock_init(&stage->lock), WEFT_OK);
        holder = peer_run(hold, &errand, sizeof(errand));
        CHECK(peer_gate_pass(&errand.ready));
        for (unsigned k = 0; k < 5 && late[0] >= late_ns(count); k++) {
            measure(waits[i].call, length_ns, late, count);
        }
        const size_t middle = count / 2;

        printf("# %s: %.3f ms late, the best %.3f ms\n", waits[i].name,
               (double)late[middle] / 1e6, (double)late[0] / 1e6);
        CHECK(late[0] < late_ns(count));
        peer_kill(&holder);
    }
}

static void test_at_once(void)
{
    check_case("a deadline that is past, and WEFT_NOW, end a wait at once");
    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_rwlock_init(&stage->lock), WEFT_OK);
    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_rwlock_write(&stage->lock), WEFT_OK);
    for (size_t i = 0; i < WAITS; i++) {
        CHECK_STATUS(waits[i].call(WEFT_NOW), WEFT_EAGAIN);
        CHECK_STATUS(waits[i].call(1), WEFT_ETIMEDOUT);
    }
}

void test_main(void)
{
    stage = peer_shared(sizeof(*stage));
    errand.stage = stage;
    peer_gate_init(&errand.ready);
    CHECK_STATUS(weft_mutex_init(&stage->own), WEFT_OK);
    CHECK_STATUS(weft_condition_init(&stage->condition), WEFT_OK);
    CHECK_STATUS(weft_semaphore_init(&stage->semaphore, 0), WEFT_OK);
    CHECK_STATUS(weft_event_init(&stage->event, 0), WEFT_OK);
    CHECK_STATUS(weft_mutex_lock(&stage->own), WEFT_OK);
    test_length("waits of 1 ms end in time", PEER_MS, SERIES_MOST);
    test_length("waits of 20 ms end in time", 20 * PEER_MS, 7);
    test_length("waits of 1 s end in time", PEER_S, 1);
    test_at_once();
    peer_gate_deinit(&errand.ready);
    peer_unshare(stage, sizeof(*stage));
}
