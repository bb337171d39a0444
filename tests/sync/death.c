/* SPDX-License-Identifier: MIT
 *
 * A process that dies with a mutex leaves it to the next one, once; and one
 * that dies while it waits takes nobody's wake with it.
 */
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

/*
 * So many sleepers know one another, and the parent, and one more; and so many
 * do not. So many of them are killed.
 */
#define FEW 2
#define MANY 6
#define KILLED(count) ((count) / 2)

struct stage {
    weft_mutex mutex;
    weft_condition condition;
    weft_semaphore semaphore;
    weft_event event;
    atomic_uint told;  /* WEFT_EOWNERDEAD */
    atomic_uint lost;  /* WEFT_ENOTRECOVERABLE */
    atomic_uint gone;  /* came back from a wait */
    atomic_uint count; /* what the condition is about */
    atomic_int late;
};

static struct stage *stage;
static peer_gate ready;
static unsigned sleepers;

/* What a child is told: Windows has no copy of the variables. */
struct errand {
    struct stage *stage;
    peer_gate ready;
    bool recovers;
};

static void begin(const char *property)
{
    check_case(property);
    stage = peer_shared(sizeof(*stage));
    peer_gate_init(&ready);
    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_condition_init(&stage->condition), WEFT_OK);
    CHECK_STATUS(weft_semaphore_init(&stage->semaphore, 0), WEFT_OK);
    CHECK_STATUS(weft_event_init(&stage->event, WEFT_EVENT_AUTO_RESET),
                 WEFT_OK);
}

static void end(void)
{
    peer_gate_deinit(&ready);
    peer_unshare(stage, sizeof(*stage));
}

static peer_process run(peer_task *task, bool recovers)
{
    struct errand errand = {stage, ready, recovers};

    return peer_run(task, &errand, sizeof(errand));
}

/* ------------------------------------------------------------ the owner --- */

static void hold(void *context)
{
    struct errand *errand = context;
    weft_status status = weft_mutex_lock(&errand->stage->mutex);

    /* It may be the next one after another one that died. */
    CHECK(status == WEFT_OK || status == WEFT_EOWNERDEAD);
    if (status == WEFT_EOWNERDEAD) {
        CHECK_STATUS(weft_mutex_recover(&errand->stage->mutex), WEFT_OK);
    }
    peer_gate_open(&errand->ready);
    peer_await_kill();
}

static peer_process run_holder(void)
{
    peer_process holder = run(hold, false);

    CHECK(peer_gate_pass(&ready));
    return holder;
}

static void test_owner_died(void)
{
    peer_process holder;

    begin("a dead owner is told once, and the mutex is good again");
    holder = run_holder();
    CHECK_STATUS(weft_mutex_try_lock(&stage->mutex), WEFT_EAGAIN);
    peer_kill(&holder);
    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_EOWNERDEAD);
    CHECK_STATUS(weft_mutex_recover(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_recover(&stage->mutex), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    end();

    begin("a try finds a dead owner too");
    holder = run_holder();
    CHECK_STATUS(weft_mutex_lock_until(&stage->mutex, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    peer_kill(&holder);
    CHECK_STATUS(weft_mutex_try_lock(&stage->mutex), WEFT_EOWNERDEAD);
    CHECK_STATUS(weft_mutex_recover(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    end();

    begin("a mutex that is not recovered is lost to all");
    holder = run_holder();
    peer_kill(&holder);
    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_EOWNERDEAD);
    CHECK_STATUS(weft_mutex_try_lock(&stage->mutex), WEFT_EAGAIN);
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_ENOTRECOVERABLE);
    CHECK_STATUS(weft_mutex_try_lock(&stage->mutex), WEFT_ENOTRECOVERABLE);
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_EINVAL);
    end();
}

/* Locks, and recovers if it is told to. */
static void lock_once(void *context)
{
    struct errand *errand = context;
    struct stage *on = errand->stage;
    weft_status status;

    peer_gate_open(&errand->ready);
    status = weft_mutex_lock_until(&on->mutex, peer_soon());
    if (status == WEFT_EOWNERDEAD) {
        on->told++;
        if (errand->recovers) {
            CHECK_STATUS(weft_mutex_recover(&on->mutex), WEFT_OK);
        }
    }
    if (status == WEFT_ENOTRECOVERABLE) {
        on->lost++;
    } else if (CHECK(status == WEFT_OK || status == WEFT_EOWNERDEAD)) {
        CHECK_STATUS(weft_mutex_unlock(&on->mutex), WEFT_OK);
    }
    on->gone++;
}

static void run_all(peer_process *children, peer_task *task, bool recovers)
{
    for (unsigned i = 0; i < sleepers; i++) {
        children[i] = run(task, recovers);
        CHECK(peer_gate_pass(&ready));
        CHECK(peer_await_asleep(&children[i]));
    }
}

static void end_all(peer_process *children, unsigned first)
{
    for (unsigned i = first; i < sleepers; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
}

static void test_sleepers(bool recovers)
{
    peer_process children[MANY];
    peer_process holder;

    begin(recovers ? "sleepers are told of the owner's death, one of them that "
                     "it died"
                   : "sleepers wake when the mutex is lost");
    holder = run_holder();
    run_all(children, lock_once, recovers);
    peer_kill(&holder);
    end_all(children, 0);
    CHECK(stage->told == 1);
    CHECK(stage->lost == (recovers ? 0 : sleepers - 1));
    end();
}

static void test_owner_after_owner(void)
{
    peer_process children[MANY];
    peer_process first;
    peer_process second;

    /*
     * The sleepers have seen the first owner. The second one gets the mutex
     * from it and dies, and nobody who sleeps has ever seen it.
     */
    begin("sleepers are told of the death of an owner that they did not see");
    first = run_holder();
    second = run(hold, false);
    CHECK(peer_await_asleep(&second));
    run_all(children, lock_once, true);
    peer_kill(&first);
    /* Whoever gets it: all get it in the end. */
    if (peer_gate_pass(&ready)) {
        peer_kill(&second);
    }
    end_all(children, 0);
    CHECK(stage->gone == sleepers);
    end();
}

/* ---------------------------------------------------------- the waiters --- */

static void take_one(void *context)
{
    struct errand *errand = context;

    peer_gate_open(&errand->ready);
    CHECK_STATUS(
        weft_semaphore_wait_until(&errand->stage->semaphore, peer_soon()),
        WEFT_OK);
    errand->stage->gone++;
}

static void pass_one(void *context)
{
    struct errand *errand = context;

    peer_gate_open(&errand->ready);
    CHECK_STATUS(weft_event_wait_until(&errand->stage->event, peer_soon()),
                 WEFT_OK);
    errand->stage->gone++;
}

static void await_count(void *context)
{
    struct errand *errand = context;
    struct stage *on = errand->stage;
    uint64_t deadline = peer_soon();

    CHECK_STATUS(weft_mutex_lock(&on->mutex), WEFT_OK);
    peer_gate_open(&errand->ready);
    while (on->count == 0) {
        if (!CHECK_STATUS(
                weft_condition_wait_until(&on->condition, &on->mutex, deadline),
                WEFT_OK)) {
            return;
        }
    }
    on->count--;
    CHECK_STATUS(weft_mutex_unlock(&on->mutex), WEFT_OK);
    on->gone++;
}

static void give_one(peer_task *task)
{
    if (task == take_one) {
        CHECK_STATUS(weft_semaphore_post(&stage->semaphore, 1), WEFT_OK);
    } else if (task == pass_one) {
        CHECK_STATUS(weft_event_set(&stage->event), WEFT_OK);
    } else {
        CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
        stage->count++;
        CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
        CHECK_STATUS(weft_condition_signal(&stage->condition), WEFT_OK);
    }
}

static void await_gone(unsigned count)
{
    uint64_t late = peer_soon();

    while (stage->gone < count && weft_now_ns() < late) {
    }
    CHECK(stage->gone == count);
}

/* Lets the parent become known in the lobby: then it wakes only one. */
static void become_known(peer_task *task)
{
    peer_process first = run(task, false);

    CHECK(peer_gate_pass(&ready));
    CHECK(peer_await_asleep(&first));
    give_one(task);
    CHECK(peer_ended_well(&first));
    stage->gone = 0;
}

/*
 * The first sleepers are stopped when something is given, and then killed. On
 * Linux the stop takes them off the queue of the kernel, so that nobody's wake
 * dies with them; one that does is in tests/faults/lost_wake.c.
 */
static void test_stopped_and_killed(const char *property, peer_task *task)
{
    peer_process children[MANY];
    unsigned killed = KILLED(sleepers);

    begin(property);
    become_known(task);
    run_all(children, task, false);
    for (unsigned i = 0; i < killed; i++) {
        peer_stop(&children[i]);
    }
    give_one(task);
    for (unsigned i = 0; i < killed; i++) {
        peer_kill(&children[i]);
    }
    await_gone(1);
    for (unsigned i = killed + 1; i < sleepers; i++) {
        give_one(task);
        await_gone(i - killed + 1);
    }
    end_all(children, killed);
    end();
}

static void test_killed_asleep(const char *property, peer_task *task)
{
    peer_process children[MANY];
    unsigned killed = KILLED(sleepers);

    begin(property);
    become_known(task);
    run_all(children, task, false);
    for (unsigned i = 0; i < killed; i++) {
        peer_kill(&children[i]);
    }
    for (unsigned i = killed; i < sleepers; i++) {
        give_one(task);
        await_gone(i - killed + 1);
    }
    end_all(children, killed);
    end();
}

static void test_condition_owner(void)
{
    peer_process waiter;
    peer_process holder;

    begin("a condition's wait tells that the mutex's owner died");
    waiter = run(await_count, false);
    CHECK(peer_gate_pass(&ready));
    CHECK(peer_await_asleep(&waiter));
    peer_kill(&waiter);
    holder = run_holder();
    peer_kill(&holder);
    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_EOWNERDEAD);
    /* Given up while it waits: nobody may have it any more. */
    CHECK_STATUS(weft_condition_wait_until(&stage->condition, &stage->mutex,
                                           weft_after_ns(PEER_MS)),
                 WEFT_ENOTRECOVERABLE);
    end();
}

static void test_with(unsigned count)
{
    sleepers = count;
    test_sleepers(true);
    test_sleepers(false);
    test_owner_after_owner();
    test_stopped_and_killed(
        "a semaphore's post does not wait for who is stopped", take_one);
    test_stopped_and_killed("an event's set does not wait for who is stopped",
                            pass_one);
    test_stopped_and_killed(
        "a condition's signal does not wait for who is stopped", await_count);
    test_killed_asleep("a semaphore forgets who died asleep", take_one);
    test_killed_asleep("an event forgets who died asleep", pass_one);
    test_killed_asleep("a condition forgets who died asleep", await_count);
}

void test_main(void)
{
    test_owner_died();
    test_condition_owner();
    test_with(FEW);
    test_with(MANY);
}
