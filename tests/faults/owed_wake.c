/* SPDX-License-Identifier: MIT
 *
 * A process that no sleeper watches is killed when it has made something
 * available and is about to wake: whoever does the same next makes up for it.
 */
#include <stdatomic.h>
#include <string.h>

#include "check.h"
#include "os/fake/fake.h"
#include "os/os.h"
#include "peer.h"

/* As many as are watched, so that the places are taken. */
#define SLEEPERS WEFTOS_SITE_OTHERS

struct stage {
    weft_semaphore semaphore;
    weft_event event;
    atomic_uint passed;
};

struct errand {
    struct stage *stage;
};

static struct stage *begin(const char *property, peer_task *task,
                           peer_process *sleepers)
{
    struct errand errand = {peer_shared(sizeof(struct stage))};

    check_case(property);
    CHECK_STATUS(weft_semaphore_init(&errand.stage->semaphore, 0), WEFT_OK);
    CHECK_STATUS(weft_event_init(&errand.stage->event, 0), WEFT_OK);
    for (unsigned i = 0; i < SLEEPERS; i++) {
        sleepers[i] = peer_run(task, &errand, sizeof(errand));
        CHECK(peer_await_asleep(&sleepers[i]));
    }
    return errand.stage;
}

static void end(struct stage *stage, peer_process *sleepers)
{
    for (unsigned i = 0; i < SLEEPERS; i++) {
        CHECK(peer_ended_well(&sleepers[i]));
    }
    CHECK(stage->passed == SLEEPERS);
    peer_unshare(stage, sizeof(*stage));
}

static void die_before_wake(const char *name)
{
    if (strcmp(name, "word_wake") == 0) {
        peer_die();
    }
}

/* In a child that ends at its wake. */
static void kill_at_wake(peer_task *task, struct stage *stage)
{
    struct errand errand = {stage};
    peer_process victim = peer_run(task, &errand, sizeof(errand));

    CHECK(peer_was_killed(&victim));
}

/* ------------------------------------------------------------ semaphore --- */

static void wait_for_semaphore(void *context)
{
    struct stage *stage = ((struct errand *)context)->stage;

    CHECK_STATUS(weft_semaphore_wait_until(&stage->semaphore, peer_soon()),
                 WEFT_OK);
    stage->passed++;
}

static void post_and_die(void *context)
{
    struct stage *stage = ((struct errand *)context)->stage;

    fake_before_each(die_before_wake);
    (void)weft_semaphore_post(&stage->semaphore, 1);
}

static void test_semaphore(void)
{
    peer_process sleepers[SLEEPERS];
    struct stage *stage =
        begin("the next post wakes for a poster that was killed",
              wait_for_semaphore, sleepers);

    kill_at_wake(post_and_die, stage);
    CHECK_STATUS(weft_semaphore_post(&stage->semaphore, SLEEPERS - 1), WEFT_OK);
    end(stage, sleepers);
}

/* ---------------------------------------------------------------- event --- */

static void wait_for_event(void *context)
{
    struct stage *stage = ((struct errand *)context)->stage;

    CHECK_STATUS(weft_event_wait_until(&stage->event, peer_soon()), WEFT_OK);
    stage->passed++;
}

static void set_and_die(void *context)
{
    struct stage *stage = ((struct errand *)context)->stage;

    fake_before_each(die_before_wake);
    (void)weft_event_set(&stage->event);
}

static void test_event(void)
{
    peer_process sleepers[SLEEPERS];
    struct stage *stage =
        begin("the next set wakes for a setter that was killed", wait_for_event,
              sleepers);

    kill_at_wake(set_and_die, stage);
    CHECK_STATUS(weft_event_set(&stage->event), WEFT_OK);
    end(stage, sleepers);
}

void test_main(void)
{
    test_semaphore();
    test_event();
}
