/* SPDX-License-Identifier: MIT
 *
 * Pages go to swap of the test's own: those alone that are not used, and no
 * more than is wanted; they can be brought back, and what comes back is told.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/reclaim.h>

#include "check.h"
#include "victim_linux.h"

#define MIB (UINT64_C(1) << 20)
#define MS UINT64_C(1000000)
#define VICTIM_BYTES ((size_t)16 << 20)

static weft_reclaim *run(weft_memory *memory,
                         const weft_reclaim_request *request)
{
    weft_reclaim *reclaim = NULL;

    REQUIRE(weft_reclaim_run(memory, request, &reclaim, NULL) == WEFT_OK);
    return reclaim;
}

static weft_reclaim_request ask_for(const struct victim *victim, unsigned flags)
{
    weft_reclaim_request request = WEFT_RECLAIM_REQUEST_INIT;

    request.verb = WEFT_RECLAIM_PAGEOUT;
    request.pid = victim->pid;
    request.flags = WEFT_RECLAIM_NAMED | flags;
    request.idle_ns = 500 * MS;
    request.watch_ns = 400 * MS;
    return request;
}

static void test_idle(weft_memory *memory)
{
    struct victim victim;
    weft_reclaim_request request;
    weft_reclaim_plan plan = {.size = sizeof(plan)};
    weft_reclaim *reclaim;

    check_case("memory that is not used goes, and memory that is used stays");
    victim_start(&victim, VICTIM_TEXT, VICTIM_BYTES, true);
    request = ask_for(&victim, 0);
    CHECK_STATUS(weft_reclaim_plan_make(memory, &request, &plan, NULL),
                 WEFT_OK);
    CHECK(plan.may_run && plan.obstacle == WEFT_RECLAIM_CLEAR);
    CHECK(plan.candidate_bytes >= VICTIM_BYTES + VICTIM_HOT_BYTES);
    CHECK(plan.expected_cost_ns > 0);
    CHECK(victim_present(&victim) == VICTIM_BYTES);
    reclaim = run(memory, &request);
    CHECK(victim_present(&victim) < VICTIM_BYTES / 8);
    CHECK(victim_hot_present(&victim) == VICTIM_HOT_BYTES);
    weft_reclaim_close(&reclaim);

    check_case("it can be brought back");
    reclaim = NULL;
    victim_use(&victim, VICTIM_BYTES);
    request = ask_for(&victim, WEFT_RECLAIM_AGGRESSIVE);
    reclaim = run(memory, &request);
    CHECK(victim_swapped(&victim) > VICTIM_BYTES / 8 * 7);
    CHECK_STATUS(weft_reclaim_undo(reclaim, NULL), WEFT_OK);
    weft_reclaim_close(&reclaim);
    victim_end(&victim);
}

static void test_bytes(weft_memory *memory)
{
    struct victim victim;
    weft_reclaim_request request;
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_reclaim *reclaim;

    check_case("no more is taken than is wanted");
    victim_start(&victim, VICTIM_TEXT, VICTIM_BYTES, false);
    request = ask_for(&victim, WEFT_RECLAIM_AGGRESSIVE);
    request.bytes = 4 * MIB;
    reclaim = run(memory, &request);
    CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
    CHECK(verdict.claimed_bytes > 3 * (int64_t)MIB);
    CHECK(verdict.claimed_bytes <= 4 * (int64_t)MIB + 65536);
    CHECK(victim_swapped(&victim) <= 4 * MIB);
    weft_reclaim_close(&reclaim);
    victim_end(&victim);
}

/* Steps, as a program with something else to do takes them. */
static void test_return(weft_memory *memory)
{
    struct victim victim;
    weft_reclaim_request request;
    weft_verdict verdict = {.size = sizeof(verdict)};
    weft_reclaim *reclaim = NULL;
    weft_reclaim_phase phase = WEFT_RECLAIM_WATCHING;
    unsigned seen = 0;

    check_case("what comes back is told");
    victim_start(&victim, VICTIM_TEXT, VICTIM_BYTES, false);
    request = ask_for(&victim, 0);
    REQUIRE(weft_reclaim_start(memory, &request, &reclaim, NULL) == WEFT_OK);
    while (phase != WEFT_RECLAIM_FOLLOWING && phase != WEFT_RECLAIM_DONE) {
        uint64_t due_ns = weft_reclaim_due_ns(reclaim);
        uint64_t now_ns = weft_now_ns();

        if (due_ns > now_ns) {
            (void)usleep((useconds_t)((due_ns - now_ns) / 1000));
        }
        CHECK_STATUS(weft_reclaim_step(reclaim, NULL), WEFT_OK);
        phase = weft_reclaim_get_phase(reclaim);
        seen |= 1u << phase;
    }
    CHECK((seen & 1u << WEFT_RECLAIM_ACTING) != 0);
    CHECK((seen & 1u << WEFT_RECLAIM_SETTLING) != 0);
    victim_use(&victim, VICTIM_BYTES);
    while ((verdict.valid & WEFT_VERDICT_KEPT_10S) == 0 &&
           weft_reclaim_due_ns(reclaim) != WEFT_FOREVER) {
        uint64_t due_ns = weft_reclaim_due_ns(reclaim);
        uint64_t now_ns = weft_now_ns();

        if (due_ns > now_ns) {
            (void)usleep((useconds_t)((due_ns - now_ns) / 1000));
        }
        CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
        /* On a machine that is stopped for long that time may be missed. */
        if (weft_reclaim_due_ns(reclaim) > now_ns + 20000 * MS) {
            break;
        }
    }
    CHECK(verdict.refault_bytes >= VICTIM_BYTES / 8 * 7);
    CHECK((verdict.valid & WEFT_VERDICT_HALF_LIFE) != 0);
    CHECK(verdict.outcome == WEFT_OUTCOME_HURT);
    printf("# kept after 10 s: %lld of %lld; half-life %.1f s: %s\n",
           (long long)verdict.kept_10s_bytes, (long long)verdict.released_bytes,
           (double)verdict.half_life_ns / 1e9, verdict.reason);

    check_case("a target that ends is told, and what is known stays");
    victim_end(&victim);
    while (weft_reclaim_due_ns(reclaim) != WEFT_FOREVER) {
        uint64_t due_ns = weft_reclaim_due_ns(reclaim);
        uint64_t now_ns = weft_now_ns();

        if (due_ns > now_ns) {
            (void)usleep((useconds_t)((due_ns - now_ns) / 1000));
        }
        CHECK_STATUS(weft_reclaim_step(reclaim, NULL), WEFT_ENOENT);
    }
    CHECK_STATUS(weft_reclaim_verdict(reclaim, &verdict, NULL), WEFT_OK);
    CHECK(verdict.outcome == WEFT_OUTCOME_HURT);
    CHECK_STATUS(weft_reclaim_undo(reclaim, NULL), WEFT_ENOENT);
    weft_reclaim_close(&reclaim);
}

void test_main(void)
{
    weft_memory *memory;
    const char *why = "";

    if (geteuid() != 0) {
        SKIP("swap takes root");
    }
    swap_lock();
    if (!swap_begin((size_t)64 << 20, &why)) {
        SKIP(why);
    }
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    test_idle(memory);
    test_bytes(memory);
    test_return(memory);
    weft_memory_close(&memory);
    swap_end();
    swap_unlock();
}
