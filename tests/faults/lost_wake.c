/* SPDX-License-Identifier: MIT
 *
 * A sleeper is killed when it was woken and has done nothing yet: the wake does
 * not die with it, as who sleeps beside it hears of its death.
 */
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "os/fake/fake.h"
#include "peer.h"

struct stage {
    weft_mutex mutex;
    weft_condition condition;
    weft_semaphore semaphore;
    weft_event event;
    uint32_t count; /* what the condition is about; under the mutex */
    atomic_uint passed;
};

struct errand {
    struct stage *stage;
    bool dies;
};

static void die_when_woken(const char *name)
{
    if (strcmp(name, "word_waited") == 0) {
        peer_die();
    }
}

static struct stage *begin_errand(void *context)
{
    const struct errand *errand = context;

    if (errand->dies) {
        fake_before_each(die_when_woken);
    }
    return errand->stage;
}

/* ----------------------------------------------------- what to wait for --- */

static void wait_for_semaphore(void *context)
{
    struct stage *stage = begin_errand(context);

    CHECK_STATUS(weft_semaphore_wait_until(&stage->semaphore, peer_soon()),
                 WEFT_OK);
    stage->passed++;
}

static void post(struct stage *stage)
{
    CHECK_STATUS(weft_semaphore_post(&stage->semaphore, 1), WEFT_OK);
}

static void wait_for_event(void *context)
{
    struct stage *stage = begin_errand(context);

    CHECK_STATUS(weft_event_wait_until(&stage->event, peer_soon()), WEFT_OK);
    stage->passed++;
}

static void set(struct stage *stage)
{
    CHECK_STATUS(weft_event_set(&stage->event), WEFT_OK);
}

static void wait_for_condition(void *context)
{
    struct stage *stage = begin_errand(context);
    uint64_t late = peer_soon();

    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
    while (stage->count == 0 &&
           CHECK_STATUS(weft_condition_wait_until(&stage->condition,
                                                  &stage->mutex, late),
                        WEFT_OK)) {
    }
    stage->count--;
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    stage->passed++;
}

static void signal_one(struct stage *stage)
{
    CHECK_STATUS(weft_mutex_lock(&stage->mutex), WEFT_OK);
    stage->count++;
    CHECK_STATUS(weft_mutex_unlock(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_condition_signal(&stage->condition), WEFT_OK);
}

/* -------------------------------------------------------------- the test ---
 */

static peer_process put_to_sleep(struct stage *stage, peer_task *task,
                                 bool dies)
{
    struct errand errand = {stage, dies};
    peer_process child = peer_run(task, &errand, sizeof(errand));

    CHECK(peer_await_asleep(&child));
    return child;
}

static void test_killed_when_woken(const char *property, peer_task *task,
                                   void (*give)(struct stage *stage))
{
    struct stage *stage = peer_shared(sizeof(*stage));
    peer_process first;
    peer_process victim;
    peer_process next;

    check_case(property);
    CHECK_STATUS(weft_mutex_init(&stage->mutex), WEFT_OK);
    CHECK_STATUS(weft_condition_init(&stage->condition), WEFT_OK);
    CHECK_STATUS(weft_semaphore_init(&stage->semaphore, 0), WEFT_OK);
    CHECK_STATUS(weft_event_init(&stage->event, WEFT_EVENT_AUTO_RESET),
                 WEFT_OK);
    /* Who gives becomes known in the lobby by this: then it wakes only one. */
    first = put_to_sleep(stage, task, false);
    give(stage);
    CHECK(peer_ended_well(&first));

    victim = put_to_sleep(stage, task, true);
    next = put_to_sleep(stage, task, false);
    give(stage);
    CHECK(peer_was_killed(&victim));
    CHECK(peer_ended_well(&next));
    CHECK(stage->passed == 2);
    peer_unshare(stage, sizeof(*stage));
}

void test_main(void)
{
    test_killed_when_woken("a post is not lost with the sleeper it woke",
                           wait_for_semaphore, post);
    test_killed_when_woken("a set is not lost with the sleeper it woke",
                           wait_for_event, set);
    test_killed_when_woken("a signal is not lost with the sleeper it woke",
                           wait_for_condition, signal_one);
}
