/* SPDX-License-Identifier: MIT
 *
 * Five ways in which memory seems to be taken from a process, and what is
 * really gained by each: the verdict agrees with a truth that is found in
 * another way.
 *
 * The truth: the pages that have left the victim, by its page table; without
 * what the swap device says that it takes for them; and nothing for copies of
 * files, which whoever needs memory can have at any time.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/reclaim.h>

#include "check.h"
#include "victim_linux.h"

#define MIB (INT64_C(1) << 20)
#define VICTIM_BYTES ((size_t)32 << 20)

/* Swap for two of them; only one is there at a time. */
#define SWAP_BYTES ((size_t)96 << 20)

/*
 * Others use this machine too. If what is available changed by itself as much
 * as this while it was looked at, all is done once more, but not for ever.
 */
#define NOISE_MOST (4 * MIB)
#define TRIES 3

struct row {
    const char *name;
    enum victim_kind kind;
    bool has_swap;
    weft_outcome outcome;
};

static const struct row rows[] = {
    {"clean pages of a file", VICTIM_FILE, false, WEFT_OUTCOME_NO_EFFECT},
    {"memory of a program, without swap", VICTIM_RANDOM, false,
     WEFT_OUTCOME_NO_EFFECT},
    {"zeros, compressed", VICTIM_ZEROS, true, WEFT_OUTCOME_HELPED},
    {"text, compressed", VICTIM_TEXT, true, WEFT_OUTCOME_HELPED},
    {"random bytes, compressed", VICTIM_RANDOM, true, WEFT_OUTCOME_HURT},
};

/* Three percent, or a MiB. */
static int64_t tolerance(int64_t truth)
{
    int64_t part = llabs(truth) * 3 / 100;

    return part > MIB ? part : MIB;
}

/* Gives whether the machine was quiet enough. */
static bool measure(weft_memory *memory, const struct row *row,
                    weft_verdict *verdict, int64_t *truth, bool *is_gone)
{
    weft_reclaim_request request = WEFT_RECLAIM_REQUEST_INIT;
    weft_reclaim *reclaim = NULL;
    weft_detail detail;
    struct victim victim;
    uint64_t before;

    victim_start(&victim, row->kind, VICTIM_BYTES, false);
    before = row->has_swap ? swap_takes() : 0;
    request.verb = WEFT_RECLAIM_PAGEOUT;
    request.pid = victim.pid;
    request.flags =
        WEFT_RECLAIM_NAMED | WEFT_RECLAIM_AGGRESSIVE |
        (row->kind == VICTIM_FILE ? WEFT_RECLAIM_FOR_HYPERVISOR : 0);
    if (!CHECK_STATUS(weft_reclaim_run(memory, &request, &reclaim, &detail),
                      WEFT_OK)) {
        printf("# cannot %s\n", detail.operation);
        exit(1);
    }
    *is_gone = victim_present(&victim) < VICTIM_BYTES / 8;
    *truth = 0;
    if (row->has_swap) {
        *truth =
            (int64_t)victim_swapped(&victim) - (int64_t)(swap_takes() - before);
    }
    CHECK_STATUS(weft_reclaim_verdict(reclaim, verdict, NULL), WEFT_OK);
    weft_reclaim_close(&reclaim);
    victim_end(&victim);
    return verdict->noise_bytes <= (uint64_t)NOISE_MOST &&
           llabs(verdict->released_bytes - verdict->available_bytes) <
               (int64_t)verdict->noise_bytes;
}

static double mib(int64_t bytes)
{
    return (double)bytes / (double)MIB;
}

static void test_row(weft_memory *memory, const struct row *row)
{
    weft_verdict verdict = {.size = sizeof(verdict)};
    int64_t truth = 0;
    bool is_gone = false;
    bool is_quiet = false;

    check_case(row->name);
    for (int i = 0; i < TRIES && !is_quiet; i++) {
        is_quiet = measure(memory, row, &verdict, &truth, &is_gone) ||
                   (verdict.valid & WEFT_VERDICT_AVAILABLE) == 0;
        printf("# %s: released %.2f MiB, in truth %.2f; claimed %.2f, "
               "available %.2f, noise %.2f, relocated %.2f; %.1f ms CPU: "
               "%s, %s\n",
               row->name, mib(verdict.released_bytes), mib(truth),
               mib(verdict.claimed_bytes), mib(verdict.available_bytes),
               mib((int64_t)verdict.noise_bytes), mib(verdict.relocated_bytes),
               (double)verdict.cpu_ns / 1e6, weft_outcome_name(verdict.outcome),
               verdict.reason);
    }
    CHECK((verdict.valid & WEFT_VERDICT_RELEASED) != 0);
    CHECK(llabs(verdict.released_bytes - truth) <= tolerance(truth));
    CHECK(verdict.outcome == row->outcome);
    CHECK(verdict.reason[0] != '\0');
    /* Something was done, but where that could gain nothing at all. */
    CHECK(is_gone == (row->kind == VICTIM_FILE || row->has_swap));
    if (is_gone) {
        CHECK(verdict.claimed_bytes >= (int64_t)VICTIM_BYTES * 7 / 8);
    }
}

void test_main(void)
{
    weft_memory *memory;
    const char *why = "";
    weft_memory_figures figures = {.size = sizeof(figures)};
    bool has_swap = false;

    if (geteuid() != 0) {
        SKIP("to take memory from others takes CAP_SYS_NICE");
    }
    swap_lock();
    REQUIRE(weft_memory_open(&memory, NULL) == WEFT_OK);
    REQUIRE(weft_memory_look(memory, &figures, NULL) == WEFT_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].has_swap && !has_swap) {
            has_swap = swap_begin(SWAP_BYTES, &why);
            if (!has_swap) {
                printf("# rows with swap are left out: %s\n", why);
                break;
            }
        }
        if (!rows[i].has_swap && rows[i].kind != VICTIM_FILE &&
            figures.swap_total_bytes > 0) {
            printf("# %s: left out, as there is some\n", rows[i].name);
            continue;
        }
        test_row(memory, &rows[i]);
    }
    swap_end();
    swap_unlock();
    weft_memory_close(&memory);
}
