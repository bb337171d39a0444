/* SPDX-License-Identifier: MIT
 *
 * The arithmetic of verdicts, on samples that were made up.
 */
#include "memory/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define MIB INT64_C(1048576)
#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

/* The machine of the samples: 8 GiB are available, and some of it is swap. */
#define AVAILABLE (8192 * MIB)
#define BEGAN (100 * SECOND)
#define ENDED (BEGAN + 40 * MS)

#define ALL                                                                    \
    (WEFTI_SAMPLE_AVAILABLE | WEFTI_SAMPLE_STALL | WEFTI_SAMPLE_PACKS |        \
     WEFTI_SAMPLE_SWAP | WEFTI_SAMPLE_TARGET | WEFTI_SAMPLE_AWAY)

/* In MiB, what a page-out has done; and what the machine did by itself. */
struct story {
    int64_t anonymous; /* that left the target */
    int64_t file;
    int64_t packs;  /* more is taken for what is compressed */
    int64_t disk;   /* more lies on disks */
    int64_t gained; /* of what is available, without the drift */
    int64_t drift;  /* in a second */
    int64_t jitter; /* up and down, with each sample */
};

static int64_t drift_at(const struct story *story, uint64_t at_ns, size_t i)
{
    return story->drift * MIB * (int64_t)((int64_t)at_ns - (int64_t)BEGAN) /
               (int64_t)SECOND +
           (i % 2 == 0 ? story->jitter : -story->jitter) * MIB;
}

static struct wefti_sample sample(const struct story *story, uint64_t at_ns,
                                  bool is_after, size_t i)
{
    int64_t done = is_after ? 1 : 0;

    return (struct wefti_sample){
        .at_ns = at_ns,
        .valid = ALL,
        .available_bytes = (uint64_t)(AVAILABLE + drift_at(story, at_ns, i) +
                                      done * story->gained * MIB),
        .stall_ns = at_ns / 1000, /* a millionth of the time, always */
        .packs_bytes = (uint64_t)(10 * MIB + done * story->packs * MIB),
        .swap_bytes = (uint64_t)(done * story->disk * MIB),
        .resident_bytes =
            (uint64_t)((200 - done * (story->anonymous + story->file)) * MIB),
        .anonymous_bytes = (uint64_t)((150 - done * story->anonymous) * MIB),
        .away_bytes = (uint64_t)(done * story->anonymous * MIB)};
}

static struct wefti_evidence tell(const struct story *story)
{
    struct wefti_evidence evidence = {.began_ns = BEGAN,
                                      .ended_ns = ENDED,
                                      .has_cpu = true,
                                      .cpu_ns = 42 * MS,
                                      .lag_bytes = (uint64_t)MIB};

    for (size_t i = 0; i < 9; i++) {
        evidence.before[evidence.before_count++] =
            sample(story, BEGAN - (8 - i) * 250 * MS, false, i);
    }
    for (size_t i = 0; i < 5; i++) {
        evidence.after[evidence.after_count++] =
            sample(story, ENDED + i * 250 * MS, true, i);
    }
    return evidence;
}

static weft_verdict judge(const struct wefti_evidence *evidence)
{
    weft_verdict verdict = {.size = sizeof(verdict)};

    wefti_verdict_judge(evidence, &verdict);
    CHECK(verdict.size == sizeof(verdict));
    return verdict;
}

/* ------------------------------------------------------------- what is done
 * ---
 */

static const struct {
    const char *what;
    struct story story;
    int64_t released; /* in MiB */
    weft_outcome outcome;
} stories[] = {
    {"text goes to compressed swap",
     {.anonymous = 32, .packs = 1, .gained = 31},
     31,
     WEFT_OUTCOME_HELPED},
    {"random bytes do",
     {.anonymous = 32, .packs = 32, .gained = 0},
     0,
     WEFT_OUTCOME_HURT},
    {"compressed, they take more than before",
     {.anonymous = 32, .packs = 34, .gained = -2},
     -2,
     WEFT_OUTCOME_HURT},
    {"pages go to a disk",
     {.anonymous = 32, .disk = 32, .gained = 32},
     32,
     WEFT_OUTCOME_HELPED},
    {"copies of files are dropped", {.file = 32}, 0, WEFT_OUTCOME_NO_EFFECT},
    {"nothing happens", {.gained = 0}, 0, WEFT_OUTCOME_NO_EFFECT},
    {"a drift is no gain", {.drift = 200}, 0, WEFT_OUTCOME_NO_EFFECT},
    {"nor is one downwards a loss", {.drift = -200}, 0, WEFT_OUTCOME_NO_EFFECT},
    {"a gain against a drift",
     {.anonymous = 32, .packs = 1, .gained = 31, .drift = -60},
     31,
     WEFT_OUTCOME_HELPED},
    {"a gain in a restless machine",
     {.anonymous = 32, .packs = 1, .gained = 31, .jitter = 100},
     31,
     WEFT_OUTCOME_HELPED},
    {"a restless machine gains nothing by files",
     {.file = 32, .jitter = 100},
     0,
     WEFT_OUTCOME_NO_EFFECT},
    {"somebody else gives back much at this moment",
     {.anonymous = 32, .packs = 1, .gained = 500},
     31,
     WEFT_OUTCOME_HELPED},
    {"somebody else takes much at this moment",
     {.anonymous = 32, .packs = 1, .gained = -500},
     31,
     WEFT_OUTCOME_HELPED},
    {"an eighth is not worth to be moved",
     {.anonymous = 100, .packs = 90, .gained = 10},
     10,
     WEFT_OUTCOME_HURT},
};

static void test_stories(void)
{
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        struct wefti_evidence evidence = tell(&stories[i].story);
        weft_verdict verdict = judge(&evidence);

        check_case(stories[i].what);
        CHECK((verdict.valid & WEFT_VERDICT_RELEASED) != 0);
        CHECK(llabs(verdict.released_bytes - stories[i].released * MIB) <=
              MIB / 8);
        CHECK(verdict.outcome == stories[i].outcome);
        CHECK(verdict.claimed_bytes ==
              (stories[i].story.anonymous + stories[i].story.file) * MIB);
        CHECK(verdict.relocated_bytes ==
              (stories[i].story.packs + stories[i].story.disk) * MIB);
        CHECK(verdict.duration_ns == 40 * MS && verdict.cpu_ns == 42 * MS);
        CHECK(verdict.stall_ns < MS); /* what there was before is no cost */
        CHECK(verdict.reason[0] != '\0');
    }
}

/* Up by 40 MiB, down by 20, up ...: it need not end where the line does. */
static void test_walk(void)
{
    struct story story = {.anonymous = 0};
    struct wefti_evidence evidence = tell(&story);
    weft_verdict verdict = judge(&evidence);
    uint64_t quiet = verdict.noise_bytes;

    check_case("steps add up: a machine that takes them is not foreseen");
    for (size_t i = 0; i < evidence.before_count; i++) {
        evidence.before[i].available_bytes +=
            (uint64_t)(MIB * (i % 3 == 1   ? 40
                              : i % 3 == 2 ? 20
                                           : 0));
    }
    verdict = judge(&evidence);
    CHECK(quiet < (uint64_t)(2 * MIB));
    CHECK(verdict.noise_bytes > (uint64_t)(100 * MIB));
    CHECK(verdict.outcome == WEFT_OUTCOME_NO_EFFECT);
}

/* The system's figure is not what the target's accounts say. */
static void test_contradiction(void)
{
    struct story story = {.anonymous = 32, .gained = 10};
    struct wefti_evidence evidence = tell(&story);
    weft_verdict verdict = judge(&evidence);

    check_case("what the accounts say counts as far as the system's figure "
               "allows");
    CHECK(llabs(verdict.available_bytes - 10 * MIB) < MIB / 8);
    CHECK(verdict.released_bytes >= 11 * MIB - MIB / 8);
    CHECK(verdict.released_bytes <= 11 * MIB + MIB / 8);
}

/* -------------------------------------------------------- what is not known
 * ---
 */

static void drop(struct wefti_evidence *evidence, uint32_t what)
{
    for (size_t i = 0; i < evidence->before_count; i++) {
        evidence->before[i].valid &= ~what;
    }
    for (size_t i = 0; i < evidence->after_count; i++) {
        evidence->after[i].valid &= ~what;
    }
}

static void test_unknown(void)
{
    struct story story = {.anonymous = 32, .packs = 1, .gained = 31};
    struct wefti_evidence evidence = {.before_count = 0};
    weft_verdict verdict = judge(&evidence);

    check_case("nothing is concluded from nothing");
    CHECK(verdict.valid == 0 && verdict.outcome == WEFT_OUTCOME_UNKNOWN);

    check_case("without a target the system's figure alone counts");
    evidence = tell(&story);
    drop(&evidence, WEFTI_SAMPLE_TARGET | WEFTI_SAMPLE_AWAY);
    evidence.has_given = true;
    evidence.given_bytes = (uint64_t)(50 * MIB);
    verdict = judge(&evidence);
    CHECK(verdict.released_bytes == verdict.available_bytes);
    CHECK(verdict.claimed_bytes == 50 * MIB);
    CHECK(verdict.outcome == WEFT_OUTCOME_HELPED);
    CHECK((verdict.valid & WEFT_VERDICT_REFAULT) == 0);

    check_case("without the system's figure, the target's accounts do");
    evidence = tell(&story);
    drop(&evidence, WEFTI_SAMPLE_AVAILABLE);
    verdict = judge(&evidence);
    CHECK(verdict.released_bytes == 31 * MIB);
    CHECK((verdict.valid & WEFT_VERDICT_AVAILABLE) == 0);

    check_case("without both, nothing is told");
    drop(&evidence, WEFTI_SAMPLE_TARGET);
    verdict = judge(&evidence);
    CHECK((verdict.valid & WEFT_VERDICT_RELEASED) == 0);
    CHECK(verdict.outcome == WEFT_OUTCOME_UNKNOWN);

    check_case("what programs wait is absent where it is not told");
    evidence = tell(&story);
    drop(&evidence, WEFTI_SAMPLE_STALL | WEFTI_SAMPLE_SWAP);
    verdict = judge(&evidence);
    CHECK((verdict.valid & (WEFT_VERDICT_STALL | WEFT_VERDICT_RELOCATED)) == 0);
}

/* ------------------------------------------------------------- what returns
 * ---
 */

/* So much is back in the target at that time. */
static void come_back(struct wefti_evidence *evidence,
                      const struct story *story, uint64_t age_ns,
                      int64_t anonymous, int64_t file)
{
    struct wefti_sample now = sample(story, ENDED + age_ns, true, 0);

    now.anonymous_bytes += (uint64_t)(anonymous * MIB);
    now.resident_bytes += (uint64_t)((anonymous + file) * MIB);
    now.away_bytes -= (uint64_t)(anonymous * MIB);
    evidence->after[evidence->after_count++] = now;
}

static void test_return(void)
{
    struct story story = {.anonymous = 40, .packs = 8, .gained = 32};
    struct wefti_evidence evidence = tell(&story);
    weft_verdict verdict;

    check_case("what comes back takes its part with it");
    come_back(&evidence, &story, 10 * SECOND, 10, 0);
    come_back(&evidence, &story, 60 * SECOND, 30, 0);
    verdict = judge(&evidence);
    CHECK(llabs(verdict.kept_10s_bytes - 24 * MIB) < MIB / 8);
    CHECK(llabs(verdict.kept_60s_bytes - 8 * MIB) < MIB / 8);
    CHECK((verdict.valid & WEFT_VERDICT_KEPT_300S) == 0);
    CHECK(verdict.refault_bytes == (uint64_t)(30 * MIB));
    CHECK(verdict.outcome == WEFT_OUTCOME_HELPED);

    check_case("half of it had come back between two looks");
    CHECK((verdict.valid & WEFT_VERDICT_HALF_LIFE) != 0);
    CHECK(verdict.half_life_ns > 34 * SECOND &&
          verdict.half_life_ns < 36 * SECOND);

    check_case("all of it has come back");
    come_back(&evidence, &story, 300 * SECOND, 40, 0);
    verdict = judge(&evidence);
    CHECK(verdict.kept_300s_bytes == 0);
    CHECK(verdict.outcome == WEFT_OUTCOME_HURT);
}

static void test_return_odd(void)
{
    struct story story = {.anonymous = 40, .packs = 8, .gained = 32};
    struct wefti_evidence evidence = tell(&story);
    weft_verdict verdict;

    check_case("copies of files that come back take nothing with them");
    come_back(&evidence, &story, 10 * SECOND, 0, 30);
    verdict = judge(&evidence);
    CHECK(verdict.kept_10s_bytes == verdict.released_bytes);

    check_case("what grows and was never away is new");
    evidence = tell(&story);
    come_back(&evidence, &story, 10 * SECOND, 0, 0);
    evidence.after[evidence.after_count - 1].anonymous_bytes +=
        (uint64_t)(100 * MIB);
    evidence.after[evidence.after_count - 1].resident_bytes +=
        (uint64_t)(100 * MIB);
    verdict = judge(&evidence);
    CHECK(verdict.kept_10s_bytes == verdict.released_bytes);
    CHECK(verdict.refault_bytes == 0);

    check_case("a look that came late tells nothing of an earlier time");
    evidence = tell(&story);
    come_back(&evidence, &story, 40 * SECOND, 5, 0);
    verdict = judge(&evidence);
    CHECK((verdict.valid & (WEFT_VERDICT_KEPT_10S | WEFT_VERDICT_KEPT_60S)) ==
          0);

    check_case("what the system counts as come back goes before");
    evidence = tell(&story);
    come_back(&evidence, &story, 10 * SECOND, 0, 0);
    evidence.after[0].valid |= WEFTI_SAMPLE_REFAULTS;
    evidence.after[5].valid |= WEFTI_SAMPLE_REFAULTS;
    evidence.after[5].refault_anonymous_bytes = (uint64_t)(20 * MIB);
    verdict = judge(&evidence);
    CHECK(llabs(verdict.kept_10s_bytes - 16 * MIB) < MIB / 8);
}

/* A target that tells how much it has in memory, and no part of it. */
static void make_whole(struct wefti_evidence *evidence)
{
    drop(evidence, WEFTI_SAMPLE_TARGET | WEFTI_SAMPLE_AWAY |
                       WEFTI_SAMPLE_PACKS | WEFTI_SAMPLE_SWAP);
    for (size_t i = 0; i < evidence->before_count; i++) {
        evidence->before[i].valid |= WEFTI_SAMPLE_WHOLE;
    }
    for (size_t i = 0; i < evidence->after_count; i++) {
        evidence->after[i].valid |= WEFTI_SAMPLE_WHOLE;
    }
}

static void test_whole(void)
{
    struct story story = {.anonymous = 40, .gained = 12};
    struct wefti_evidence evidence = tell(&story);
    struct wefti_sample *last;
    weft_verdict verdict;

    check_case("what left a target is not released where no part is known");
    come_back(&evidence, &story, 10 * SECOND, 20, 0);
    make_whole(&evidence);
    verdict = judge(&evidence);
    CHECK(verdict.claimed_bytes == 40 * MIB);
    CHECK(verdict.released_bytes == verdict.available_bytes);
    CHECK(llabs(verdict.released_bytes - 12 * MIB) < MIB / 8);
    CHECK((verdict.valid & WEFT_VERDICT_RELOCATED) == 0);
    CHECK(verdict.outcome == WEFT_OUTCOME_HELPED);

    check_case("what it has grown takes its part with it");
    CHECK(llabs(verdict.kept_10s_bytes - 6 * MIB) < MIB / 8);
    CHECK(verdict.refault_bytes == (uint64_t)(20 * MIB));

    check_case("but no more than page faults have brought");
    last = &evidence.after[evidence.after_count - 1];
    evidence.after[0].valid |= WEFTI_SAMPLE_FAULTS;
    evidence.after[0].fault_bytes = (uint64_t)(100 * MIB);
    last->valid |= WEFTI_SAMPLE_FAULTS;
    last->fault_bytes = (uint64_t)(110 * MIB);
    verdict = judge(&evidence);
    CHECK(llabs(verdict.kept_10s_bytes - 9 * MIB) < MIB / 8);
    last->fault_bytes = 0;
    CHECK(judge(&evidence).refault_bytes == (uint64_t)(20 * MIB));

    check_case("without the system's figure nothing is told to be released");
    drop(&evidence, WEFTI_SAMPLE_AVAILABLE);
    verdict = judge(&evidence);
    CHECK(verdict.claimed_bytes == 40 * MIB);
    CHECK((verdict.valid & WEFT_VERDICT_RELEASED) == 0);
    CHECK(verdict.outcome == WEFT_OUTCOME_UNKNOWN);
}

static void test_stall(void)
{
    struct story story = {.anonymous = 32, .packs = 1, .gained = 31};
    struct wefti_evidence evidence = tell(&story);
    weft_verdict verdict;

    check_case("programs waited for longer than it is worth");
    for (size_t i = 0; i < evidence.after_count; i++) {
        evidence.after[i].stall_ns += 400 * MS;
    }
    verdict = judge(&evidence);
    CHECK(verdict.stall_ns > 399 * MS && verdict.stall_ns < 401 * MS);
    CHECK(verdict.outcome == WEFT_OUTCOME_HURT);
}

void test_main(void)
{
    test_stories();
    test_walk();
    test_contradiction();
    test_unknown();
    test_return();
    test_return_odd();
    test_whole();
    test_stall();
}
