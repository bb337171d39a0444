/* SPDX-License-Identifier: MIT
 *
 * os.h: who a process is, and the token that tells a child from its parent.
 */
#include "contract.h"

#define THREADS 4

/* What a process says of itself. */
struct report {
    uint64_t token_before; /* it was marked */
    uint64_t token;
    weftos_process_id id;
    uint64_t domain;
};

static void fill_report(struct report *report)
{
    report->token_before = weftos_process_token();
    CHECK_STATUS(weftos_process_mark(&report->id, &report->domain, NULL),
                 WEFT_OK);
    report->token = weftos_process_token();
}

static void *fill_report_in_thread(void *context)
{
    fill_report(context);
    return NULL;
}

static void fill_report_in_child(void *context)
{
    fill_report(context);
}

static void test_self(void)
{
    struct report first;
    struct report again;

    check_case("a process that is marked has a token and an id, always these");
    fill_report(&first);
    CHECK(first.token != 0);
    CHECK(first.id.pid == (uint32_t)peer_self());
    CHECK(first.id.stamp < UINT32_C(1) << WEFTOS_STAMP_BITS);
    fill_report(&again);
    CHECK(again.token_before == first.token && again.token == first.token);
    CHECK(again.id.pid == first.id.pid && again.id.stamp == first.id.stamp);
    CHECK(again.domain == first.domain);
    CHECK_STATUS(weftos_process_mark(NULL, NULL, NULL), WEFT_OK);
    CHECK_STATUS(weftos_process_mark(&again.id, NULL, NULL), WEFT_OK);
    CHECK_STATUS(weftos_process_mark(NULL, &again.domain, NULL), WEFT_OK);
    CHECK(weftos_process_token() == first.token);
}

static bool is_same(const struct report *one, const struct report *other)
{
    return one->token == other->token && one->id.pid == other->id.pid &&
           one->id.stamp == other->id.stamp && one->domain == other->domain;
}

/* The first marks of a process, by several threads at once. */
static void mark_at_once(void *context)
{
    struct report found[THREADS];
    pthread_t threads[THREADS];

    (void)context;
    for (size_t i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, fill_report_in_thread,
                               &found[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
        CHECK(found[i].token != 0);
        CHECK(is_same(&found[i], &found[0]));
    }
}

static void test_threads(void)
{
    peer_process child;

    check_case("threads that mark their process at once agree");
    child = peer_run(mark_at_once, NULL, 0);
    CHECK(peer_ended_well(&child));
}

static void test_children(void)
{
    enum { CHILDREN = 3 };
    struct report *found = peer_shared(CHILDREN * sizeof(*found));
    struct report mine;

    check_case("a child has no token until it is marked, then one of its own");
    fill_report(&mine);
    for (size_t i = 0; i < CHILDREN; i++) {
        peer_process child = peer_run(fill_report_in_child, &found[i], 0);

        CHECK(peer_ended_well(&child));
        CHECK(found[i].token_before == 0);
        CHECK(found[i].token != 0 && found[i].token != mine.token);
        CHECK(found[i].id.pid == (uint32_t)child.id);
        CHECK(found[i].id.pid != mine.id.pid);
        CHECK(found[i].domain == mine.domain);
        for (size_t k = 0; k < i; k++) {
            CHECK(found[i].token != found[k].token);
        }
    }
    peer_unshare(found, CHILDREN * sizeof(*found));
}

void test_main(void)
{
    test_threads();
    test_self();
    test_children();
}
