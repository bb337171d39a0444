/* SPDX-License-Identifier: MIT
 *
 * Programs give memory back when they are asked: listeners in other processes,
 * with a thread and without, that answer, block, die, or are many.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "peer.h"

#define MIB ((size_t)1 << 20)
#define CACHE_BYTES (32 * MIB)
#define CROWD 100u
#define CROWD_CACHE_BYTES ((size_t)65536)

/* What a listening child is told. */
struct plan {
    peer_gate ready; /* it listens */
    peer_gate asked; /* its callback runs */
    peer_gate go_on; /* of the callback, if it waits */
    peer_gate end;
    size_t cache_bytes;
    bool waits;
};

static struct plan make_plan(void)
{
    struct plan plan = {.cache_bytes = CACHE_BYTES};

    peer_gate_init(&plan.ready);
    peer_gate_init(&plan.asked);
    peer_gate_init(&plan.go_on);
    peer_gate_init(&plan.end);
    return plan;
}

static void end_plan(struct plan *plan)
{
    peer_gate_deinit(&plan->ready);
    peer_gate_deinit(&plan->asked);
    peer_gate_deinit(&plan->go_on);
    peer_gate_deinit(&plan->end);
}

/* ----------------------------------------------------------- listeners --- */

/* A cache, which is dropped from MODERATE on. */
struct cache {
    const struct plan *plan;
    unsigned char *data;
};

static void fill(struct cache *cache)
{
    cache->data = malloc(cache->plan->cache_bytes);
    REQUIRE(cache->data != NULL);
    memset(cache->data, 0xa5, cache->plan->cache_bytes);
}

static uint64_t drop(void *context, const weft_memory_demand *demand)
{
    struct cache *cache = context;

    CHECK(demand->asker.pid > 0 && demand->deadline_ns > 0);
    if (demand->level < WEFT_TRIM_MODERATE) {
        return WEFT_TRIM_UNKNOWN;
    }
    free(cache->data);
    cache->data = NULL;
    return cache->plan->cache_bytes;
}

static uint64_t wait(void *context, const weft_memory_demand *demand)
{
    const struct plan *plan = context;

    (void)demand;
    peer_gate_open(&plan->asked);
    CHECK(peer_gate_pass(&plan->go_on));
    return 1;
}

/* A child that listens in a thread. */
static void listen(void *context)
{
    struct plan *plan = context;
    struct cache cache = {plan, NULL};
    weft_memory_listener *listener = NULL;

    fill(&cache);
    CHECK_STATUS(
        weft_memory_on_pressure(NULL, plan->waits ? wait : drop,
                                plan->waits ? (void *)plan : (void *)&cache,
                                &listener, NULL),
        WEFT_OK);
    CHECK(weft_memory_listener_handle(listener) == WEFT_HANDLE_NONE);
    peer_gate_open(&plan->ready);
    CHECK(peer_gate_pass(&plan->end));
    weft_memory_listener_close(&listener);
    CHECK(listener == NULL);
    free(cache.data);
}

static peer_process start(const struct plan *plan)
{
    peer_process child = peer_run(listen, plan, sizeof(*plan));

    CHECK(peer_gate_pass(&plan->ready));
    return child;
}

/* Those with one plan end together: any of them may take what ends one. */
static void stop_all(const struct plan *plan, peer_process *children,
                     unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        peer_gate_open(&plan->end);
    }
    for (unsigned i = 0; i < count; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
}

static void stop(const struct plan *plan, peer_process *child)
{
    stop_all(plan, child, 1);
}

/* -------------------------------------------------------------- asking --- */

static size_t ask(weft_trim_level level, uint64_t deadline_ns,
                  weft_memory_answer *answers, size_t room)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    size_t count = SIZE_MAX;

    CHECK_STATUS(weft_memory_ask(level, NULL, deadline_ns, answers, room,
                                 &count, &detail),
                 WEFT_OK);
    return count;
}

static void test_arguments(void)
{
    weft_memory_ask_options options = WEFT_MEMORY_ASK_OPTIONS_INIT;
    weft_memory_listener_options listening = WEFT_MEMORY_LISTENER_OPTIONS_INIT;
    weft_memory_listener *listener = NULL;
    weft_memory_listener_stats stats = {.size = 1};
    weft_memory_demand demand;
    size_t count = 0;

    check_case("wrong use is refused");
    CHECK_STATUS(
        weft_memory_ask((weft_trim_level)0, NULL, 0, NULL, 0, &count, NULL),
        WEFT_EINVAL);
    CHECK_STATUS(
        weft_memory_ask((weft_trim_level)4, NULL, 0, NULL, 0, &count, NULL),
        WEFT_EINVAL);
    CHECK_STATUS(
        weft_memory_ask(WEFT_TRIM_MILD, NULL, 0, NULL, 1, &count, NULL),
        WEFT_EINVAL);
    CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MILD, NULL, 0, NULL, 0, NULL, NULL),
                 WEFT_EINVAL);
    options.size--;
    CHECK_STATUS(
        weft_memory_ask(WEFT_TRIM_MILD, &options, 0, NULL, 0, &count, NULL),
        WEFT_EINVAL);
    options.size++;
    options.pid = -1;
    CHECK_STATUS(
        weft_memory_ask(WEFT_TRIM_MILD, &options, 0, NULL, 0, &count, NULL),
        WEFT_EINVAL);
    CHECK_STATUS(weft_memory_on_pressure(NULL, NULL, NULL, NULL, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_memory_listener_open(NULL, NULL, NULL), WEFT_EINVAL);
    listening.flags = 1u << 31;
    CHECK_STATUS(weft_memory_listener_open(&listening, &listener, NULL),
                 WEFT_EINVAL);
    CHECK(listener == NULL);
    CHECK_STATUS(weft_memory_listener_next(NULL, &demand, WEFT_NOW, NULL),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_memory_listener_answer(NULL, 0), WEFT_EINVAL);
    CHECK_STATUS(weft_memory_listener_get_stats(NULL, &stats), WEFT_EINVAL);
    CHECK(weft_memory_listener_handle(NULL) == WEFT_HANDLE_NONE);
    CHECK(weft_memory_listener_watch_handle(NULL) == WEFT_HANDLE_NONE);
    weft_memory_listener_close(NULL);
    weft_memory_listener_close(&listener);
    CHECK(strcmp(weft_trim_level_name(WEFT_TRIM_MODERATE), "moderate") == 0);
    CHECK(strcmp(weft_trim_level_name((weft_trim_level)0), "unknown") == 0);
    CHECK(strcmp(weft_memory_answer_name(WEFT_ANSWER_GONE), "gone") == 0);
}

static void test_nobody(void)
{
    check_case("that nobody listens is no failure, and takes no time");
    CHECK(ask(WEFT_TRIM_CRITICAL, WEFT_FOREVER, NULL, 0) == 0);
}

static void test_answers(void)
{
    struct plan plan = make_plan();
    peer_process child = start(&plan);
    weft_memory_answer answer;

    check_case("a listener says that it does not know");
    CHECK(ask(WEFT_TRIM_MILD, peer_soon(), &answer, 1) == 1);
    CHECK(answer.kind == WEFT_ANSWER_GIVEN && answer.who.pid == child.id);
    CHECK((answer.valid & WEFT_ANSWER_CLAIMED) == 0);
    CHECK((answer.valid & WEFT_ANSWER_TOOK) != 0);

    check_case("what a callback gives is claimed, and measured");
    CHECK(ask(WEFT_TRIM_MODERATE, peer_soon(), &answer, 1) == 1);
    CHECK(answer.kind == WEFT_ANSWER_GIVEN && answer.who.pid == child.id);
    CHECK((answer.valid & WEFT_ANSWER_CLAIMED) != 0);
    CHECK(answer.claimed_bytes == CACHE_BYTES);
    /* Wine's figures do not follow, and sanitizers have memory of their own. */
    if ((answer.valid & WEFT_ANSWER_MEASURED) != 0 && !CHECK_SANITIZED &&
        WEFT_TEST_TIME_SCALE == 1 && peer_forks) {
        CHECK(answer.measured_bytes > (int64_t)(CACHE_BYTES / 10 * 9));
        CHECK(answer.measured_bytes < (int64_t)(CACHE_BYTES / 10 * 11));
    }
    stop(&plan, &child);
    end_plan(&plan);
    CHECK(ask(WEFT_TRIM_MILD, peer_soon(), NULL, 0) == 0);
}

static void test_one_process(void)
{
    weft_memory_ask_options options = WEFT_MEMORY_ASK_OPTIONS_INIT;
    struct plan plan = make_plan();
    peer_process children[] = {start(&plan), start(&plan)};
    weft_memory_answer answers[2];
    size_t count = 0;

    check_case("one process alone may be asked");
    options.pid = children[1].id;
    CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MILD, &options, peer_soon(), answers,
                                 2, &count, NULL),
                 WEFT_OK);
    CHECK(count == 1 && answers[0].who.pid == children[1].id);

    check_case("answers for which there is no room are counted");
    CHECK(ask(WEFT_TRIM_MILD, peer_soon(), answers, 1) == 2);
    stop_all(&plan, children, 2);
    end_plan(&plan);
}

static void test_late(void)
{
    weft_memory_ask_options options = WEFT_MEMORY_ASK_OPTIONS_INIT;
    size_t count = 0;
    struct plan plan = make_plan();
    peer_process children[2];
    weft_memory_answer answers[2];
    unsigned kinds[5] = {0};

    check_case("a callback that blocks is late, and others are not");
    children[0] = start(&plan);
    plan.waits = true;
    children[1] = start(&plan);
    CHECK(ask(WEFT_TRIM_MILD, weft_after_ns(2 * PEER_S), answers, 2) == 2);
    CHECK(peer_gate_pass(&plan.asked));
    for (unsigned i = 0; i < 2; i++) {
        kinds[answers[i].kind]++;
        CHECK(answers[i].who.pid == (answers[i].kind == WEFT_ANSWER_LATE
                                         ? children[1].id
                                         : children[0].id));
    }
    CHECK(kinds[WEFT_ANSWER_LATE] == 1 && kinds[WEFT_ANSWER_GIVEN] == 1);

    check_case("what is still in its callback does not hear the next demand");
    options.pid = children[1].id;
    CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MILD, &options,
                                 weft_after_ns(100 * PEER_MS), answers, 1,
                                 &count, NULL),
                 WEFT_OK);
    CHECK(count == 1 && answers[0].kind == WEFT_ANSWER_LATE);

    check_case("and hears those after that");
    peer_gate_open(&plan.go_on);
    peer_gate_open(&plan.go_on);
    CHECK(ask(WEFT_TRIM_MILD, peer_soon(), answers, 2) == 2);
    CHECK(answers[0].kind == WEFT_ANSWER_GIVEN &&
          answers[1].kind == WEFT_ANSWER_GIVEN);
    stop_all(&plan, children, 2);
    end_plan(&plan);
}

/* ------------------------------------------------------------- threads --- */

static void ask_in_child(void *context)
{
    weft_memory_answer answers[4];
    size_t expected = *(const size_t *)context;

    CHECK(ask(WEFT_TRIM_MODERATE, peer_soon(), answers, 4) == expected);
    for (size_t i = 0; i < expected; i++) {
        CHECK(answers[i].kind == WEFT_ANSWER_GIVEN);
    }
}

static void test_many_askers(void)
{
    enum { ASKERS = 8 };
    struct plan plan = make_plan();
    size_t expected = 3;
    peer_process listeners[3];
    peer_process askers[ASKERS];

    check_case("many ask many at the same time, and all are answered");
    for (unsigned i = 0; i < 3; i++) {
        listeners[i] = start(&plan);
    }
    for (unsigned i = 0; i < ASKERS; i++) {
        askers[i] = peer_run(ask_in_child, &expected, sizeof(expected));
    }
    for (unsigned i = 0; i < ASKERS; i++) {
        CHECK(peer_ended_well(&askers[i]));
    }
    stop_all(&plan, listeners, 3);
    end_plan(&plan);
}

static void test_crowd(void)
{
    static peer_process children[CROWD];
    static weft_memory_answer answers[CROWD];
    struct plan plan = make_plan();
    unsigned crowd = CROWD / peer_cost;
    size_t given = 0;

    check_case("a hundred listeners answer");
    plan.cache_bytes = CROWD_CACHE_BYTES;
    for (unsigned i = 0; i < crowd; i++) {
        children[i] = peer_run(listen, &plan, sizeof(plan));
    }
    for (unsigned i = 0; i < crowd; i++) {
        CHECK(peer_gate_pass(&plan.ready));
    }
    CHECK(ask(WEFT_TRIM_MODERATE, peer_soon(), answers, CROWD) == crowd);
    for (unsigned i = 0; i < crowd; i++) {
        given += answers[i].kind == WEFT_ANSWER_GIVEN &&
                 answers[i].claimed_bytes == CROWD_CACHE_BYTES;
    }
    CHECK(given == crowd);
    stop_all(&plan, children, crowd);
    end_plan(&plan);
}

/* --------------------------------------------------------------- deaths --- */

struct victim {
    peer_process child;
    struct plan plan;
};

/* Kills who is in its callback. */
static void kill_asked(void *context)
{
    const struct victim *victim = context;

    CHECK(peer_gate_pass(&victim->plan.asked));
    CHECK(peer_strike(victim->child.id));
}

static void test_death(void)
{
    struct victim victim = {.plan = make_plan()};
    peer_process killer;
    weft_memory_answer answer;

    check_case("a listener that is killed in its callback is gone");
    victim.plan.waits = true;
    victim.child = start(&victim.plan);
    killer = peer_run(kill_asked, &victim, sizeof(victim));
    CHECK(ask(WEFT_TRIM_MILD, peer_soon(), &answer, 1) == 1);
    CHECK(answer.kind == WEFT_ANSWER_GONE);
    CHECK(answer.who.pid == victim.child.id && answer.valid == 0);
    CHECK(peer_ended_well(&killer));
    peer_kill(&victim.child);

    check_case("what it left is nobody, and is removed");
    CHECK(ask(WEFT_TRIM_MILD, WEFT_FOREVER, NULL, 0) == 0);
    end_plan(&victim.plan);
}

static void ask_for_ever(void *context)
{
    (void)context;
    (void)ask(WEFT_TRIM_MILD, WEFT_FOREVER, NULL, 0);
}

static void test_dead_asker(void)
{
    struct plan plan = make_plan();
    peer_process child;
    peer_process asker;
    weft_memory_answer answer;

    check_case("an asker that is killed leaves the listener as it was");
    plan.waits = true;
    child = start(&plan);
    asker = peer_run(ask_for_ever, NULL, 0);
    CHECK(peer_gate_pass(&plan.asked));
    peer_kill(&asker);
    peer_gate_open(&plan.go_on);
    peer_gate_open(&plan.go_on);
    CHECK(ask(WEFT_TRIM_MILD, peer_soon(), &answer, 1) == 1);
    CHECK(answer.kind == WEFT_ANSWER_GIVEN && answer.claimed_bytes == 1);
    CHECK(peer_gate_pass(&plan.asked));
    stop(&plan, &child);
    end_plan(&plan);
}

/* -------------------------------------------------------------- polling --- */

static void test_polling(void)
{
    weft_memory_listener *listener = NULL;
    weft_memory_listener_stats stats = {.size = sizeof(stats)};
    weft_memory_demand demand;
    weft_poll *poll = NULL;
    weft_poll_item item;
    size_t count = 1;
    peer_process asker;

    check_case("a program with a loop of its own answers there");
    REQUIRE(weft_memory_listener_open(NULL, &listener, NULL) == WEFT_OK);
    CHECK_STATUS(weft_memory_listener_next(listener, &demand, WEFT_NOW, NULL),
                 WEFT_EAGAIN);
    CHECK_STATUS(weft_memory_listener_next(listener, &demand,
                                           weft_after_ns(PEER_MS), NULL),
                 WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_memory_listener_answer(listener, 0), WEFT_EINVAL);
    REQUIRE(weft_poll_open(NULL, &poll, NULL) == WEFT_OK);
    CHECK_STATUS(weft_poll_add_handle(poll,
                                      weft_memory_listener_handle(listener),
                                      WEFT_POLL_READ, 7, NULL),
                 WEFT_OK);
    asker = peer_run(ask_in_child, &count, sizeof(count));
    do {
        CHECK_STATUS(weft_poll_wait(poll, &item, 1, &count, peer_soon(), NULL),
                     WEFT_OK);
        CHECK(count == 1 && item.key == 7);
    } while (weft_memory_listener_next(listener, &demand, WEFT_NOW, NULL) !=
             WEFT_OK);
    CHECK(demand.level == WEFT_TRIM_MODERATE);
    CHECK(demand.asker.pid == asker.id);
    CHECK_STATUS(weft_memory_listener_next(listener, &demand, WEFT_NOW, NULL),
                 WEFT_EBUSY);
    CHECK_STATUS(weft_memory_listener_answer(listener, 12345), WEFT_OK);
    CHECK(peer_ended_well(&asker));
    CHECK_STATUS(weft_memory_listener_get_stats(listener, &stats), WEFT_OK);
    CHECK(stats.demands == 1 && stats.late == 0);
    CHECK(stats.claimed_bytes == 12345);
    CHECK_STATUS(
        weft_poll_remove_handle(poll, weft_memory_listener_handle(listener)),
        WEFT_OK);
    weft_poll_close(&poll);

    check_case("a process does not ask itself");
    CHECK(ask(WEFT_TRIM_MILD, WEFT_FOREVER, NULL, 0) == 0);
    weft_memory_listener_close(&listener);
}

static void test_closing(void)
{
    weft_memory_listener *listeners[3] = {NULL};

    check_case("a process may have several listeners, and close them");
    for (unsigned i = 0; i < 3; i++) {
        CHECK_STATUS(
            weft_memory_on_pressure(NULL, NULL, NULL, &listeners[i], NULL),
            WEFT_OK);
    }
    for (unsigned i = 0; i < 3; i++) {
        weft_memory_listener_close(&listeners[i]);
    }
}

void test_main(void)
{
    peer_names_begin();
    test_arguments();
    test_nobody();
    test_answers();
    test_one_process();
    test_late();
    test_many_askers();
    test_crowd();
    test_death();
    test_dead_asker();
    test_polling();
    test_closing();
    peer_names_end();
}
