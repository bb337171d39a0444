/* SPDX-License-Identifier: MIT
 *
 * Listening and asking without descriptors: it is said, nothing is kept, and it
 * can be tried again. And what ends while a listener is at it.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

/* More than any of this takes. */
#define HANDLES_MOST 64

/* Askers that come while a listener comes and goes, and how often it does. */
#define ASKERS 3
#define ROUNDS 50

typedef weft_status attempt(void);

static struct rlimit full;

static void allow(rlim_t most)
{
    struct rlimit limit = full;

    limit.rlim_cur = most;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* One descriptor more at each try, until it succeeds. */
static void check_each(const char *name, attempt *try_it, unsigned failures_min)
{
    unsigned failures = 0;
    int first = dup(0);

    REQUIRE(first >= 0);
    (void)close(first);
    check_case(name);
    for (rlim_t most = (rlim_t)first;; most++) {
        int handles = check_open_handles();
        weft_status status;

        allow(most);
        status = try_it();
        allow(full.rlim_cur);
        CHECK(check_open_handles() == handles);
        if (status == WEFT_OK) {
            break;
        }
        CHECK_STATUS(status, WEFT_ELIMIT);
        failures++;
        REQUIRE(failures < HANDLES_MOST);
    }
    CHECK(failures >= failures_min);
}

static weft_status listen_with(unsigned flags, weft_memory_trim *trim)
{
    weft_memory_listener_options options = WEFT_MEMORY_LISTENER_OPTIONS_INIT;
    weft_memory_listener *listener = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status;

    options.flags = flags;
    status = weft_memory_on_pressure(&options, trim, NULL, &listener, &detail);
    CHECK((status == WEFT_OK) == (listener != NULL));
    CHECK(status == WEFT_OK || detail.operation != NULL);
    weft_memory_listener_close(&listener);
    return status;
}

static weft_status try_to_listen(void)
{
    return listen_with(0, NULL);
}

static weft_status try_to_watch(void)
{
    return listen_with(WEFT_MEMORY_LISTENER_WATCH, NULL);
}

/* WEFT_ELIMIT, too, while the one that listens could not be asked. */
static weft_status try_to_ask(void)
{
    weft_memory_answer answer;
    weft_detail detail = {WEFT_OK, 0, NULL};
    size_t count = 1;
    weft_status status = weft_memory_ask(WEFT_TRIM_MILD, NULL, peer_soon(),
                                         &answer, 1, &count, &detail);

    if (status != WEFT_OK) {
        CHECK(count == 0 && detail.operation != NULL);
        return status;
    }
    CHECK(count == 1);
    if (answer.kind == WEFT_ANSWER_LATE) {
        return WEFT_ELIMIT;
    }
    return WEFT_OK;
}

/* --------------------------------------------------------------- endings ---
 */

struct plan {
    peer_gate ready;
    peer_gate end;
};

static void listen(void *context)
{
    const struct plan *plan = context;
    weft_memory_listener *listener = NULL;

    CHECK_STATUS(weft_memory_on_pressure(NULL, NULL, NULL, &listener, NULL),
                 WEFT_OK);
    peer_gate_open(&plan->ready);
    CHECK(peer_gate_pass(&plan->end));
    weft_memory_listener_close(&listener);
}

/* Its thread is in the callback when the process exits. */
static uint64_t stay(void *context, const weft_memory_demand *demand)
{
    (void)demand;
    peer_gate_open(context);
    while (pause() != 0) {
    }
    return 0;
}

static void exit_meanwhile(void *context)
{
    struct plan *plan = context;
    weft_memory_listener *listener = NULL;

    CHECK_STATUS(
        weft_memory_on_pressure(NULL, stay, &plan->end, &listener, NULL),
        WEFT_OK);
    peer_gate_open(&plan->ready);
    CHECK(peer_gate_pass(&plan->end));
}

static void test_exit(void)
{
    struct plan plan;
    peer_process child;
    weft_memory_answer answer;
    size_t count = 0;

    check_case("a process may exit while its callback runs, and is gone");
    peer_gate_init(&plan.ready);
    peer_gate_init(&plan.end);
    child = peer_run(exit_meanwhile, &plan, sizeof(plan));
    CHECK(peer_gate_pass(&plan.ready));
    CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MILD, NULL, peer_soon(), &answer, 1,
                                 &count, NULL),
                 WEFT_OK);
    CHECK(count == 1 && answer.kind == WEFT_ANSWER_GONE);
    CHECK(peer_ended_well(&child));
    peer_gate_deinit(&plan.ready);
    peer_gate_deinit(&plan.end);
}

static atomic_bool is_over;

static void *ask_on(void *unused)
{
    (void)unused;
    while (!is_over) {
        size_t count = 1;

        CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MILD, NULL, peer_soon(), NULL, 0,
                                     &count, NULL),
                     WEFT_OK);
        CHECK(count == 0);
    }
    return NULL;
}

/* They are of its own process, and so never meant. */
static void test_closing(void)
{
    pthread_t askers[ASKERS];

    check_case("threads ask while a listener comes and goes");
    for (unsigned i = 0; i < ASKERS; i++) {
        REQUIRE(pthread_create(&askers[i], NULL, ask_on, NULL) == 0);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK_STATUS(listen_with(0, NULL), WEFT_OK);
    }
    is_over = true;
    for (unsigned i = 0; i < ASKERS; i++) {
        CHECK(pthread_join(askers[i], NULL) == 0);
    }
}

void test_main(void)
{
    struct plan plan;
    peer_process child;
    weft_status status;

    peer_names_begin();
    REQUIRE(getrlimit(RLIMIT_NOFILE, &full) == 0);
    check_each("listening takes descriptors", try_to_listen, 4);
    status = try_to_watch();
    if (status != WEFT_ENOTSUP) {
        CHECK_STATUS(status, WEFT_OK);
        check_each("and more with a watch", try_to_watch, 8);
    }
    peer_gate_init(&plan.ready);
    peer_gate_init(&plan.end);
    child = peer_run(listen, &plan, sizeof(plan));
    CHECK(peer_gate_pass(&plan.ready));
    check_each("and so does asking", try_to_ask, 3);
    peer_gate_open(&plan.end);
    CHECK(peer_ended_well(&child));
    peer_gate_deinit(&plan.ready);
    peer_gate_deinit(&plan.end);
    test_exit();
    test_closing();
    peer_names_end();
}
