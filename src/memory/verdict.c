/* SPDX-License-Identifier: MIT
 *
 * What taking memory back has done.
 *
 * What is available changes by itself too. How, is seen before the action: a
 * line through those samples says what would be available without it, and how
 * far they lie from their line says how much that may err. The difference to
 * that line, in the second after the action, is what the system's figure says.
 *
 * The target's own accounts say it as well: what it has less of memory that is
 * no copy of a file, without what its pages take where they are compressed.
 * They know nothing of what else the action did, but the rest of the machine
 * does not disturb them. So they decide within the error of the system's
 * figure: on a quiet machine that leaves them no room, on a busy one they are
 * better than anything else. And they say what is possible: no more can come
 * free than has left the target, and no more be lost than the compressed pages
 * take. If the system's figure is beyond that, something else has moved it; and
 * if it may err by more than all that is at stake, it says nothing.
 *
 * What came back is counted in the target, for nobody can tell an hour's drift
 * of the whole machine. It takes with it its part of what was released.
 */
#include "verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

/* A figure is told for a time if somebody asked at most half of it later. */
#define LATE_BY_HALF 2

/*
 * What a MiB is worth, as time that programs wait for it: ten times what it
 * takes to fetch its 256 pages from compressed memory, at 4 us each.
 */
#define WORTH_NS_PER_MIB INT64_C(10000000)
#define MIB INT64_C(1048576)

/*
 * Pages were moved for nothing if less than an eighth of them came free: each
 * that is used again costs as much as one that compresses well.
 */
#define WORTH_MOVING 8

/* Below this no figure means anything: allocators keep as much in hand. */
#define LEAST_LAG_BYTES 65536

/* The standard deviation of a normal distribution by its median deviation. */
#define DEVIATION_BY_MEDIAN 1.4826

/* Beyond so many deviations a difference is hardly chance. */
#define DEVIATIONS 3.0

/* ---------------------------------------------------------------- drift --- */

static int compare_doubles(const void *a, const void *b)
{
    double first = *(const double *)a;
    double second = *(const double *)b;

    return (first > second) - (first < second);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_doubles);
    return count % 2 == 1 ? values[count / 2]
                          : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static bool has(const struct wefti_sample *sample, uint32_t what)
{
    return (sample->valid & what) != 0;
}

/* What is available without the action, by time since the last sample. */
struct line {
    double at_ns;
    double level;
    double slope; /* bytes in a nanosecond */
    double error; /* that the level may have */
    double walk;  /* the mean square that is added in a nanosecond */
};

/*
 * What happens on a machine adds up: the longer the time since a sample, the
 * further it can have gone. How far, the steps between samples say, as their
 * squares add up in a random walk.
 */
static double find_walk(const double *x, const double *y, size_t points,
                        double slope)
{
    double sum = 0;

    for (size_t i = 1; i < points; i++) {
        double step = y[i] - y[i - 1] - slope * (x[i] - x[i - 1]);

        sum += step * step;
    }
    return points > 1 && x[points - 1] > x[0] ? sum / (x[points - 1] - x[0])
                                              : 0;
}

/* By Newton's way, from above: libm would be one library more. */
static double square_root(double value)
{
    double root = value > 1 ? value : 1;
    double next = (root + value / root) / 2;

    if (value <= 0) {
        return 0;
    }
    while (next < root) {
        root = next;
        next = (root + value / root) / 2;
    }
    return root;
}

/* The line of Theil and Sen: single bursts do not bend it. */
static bool fit(const struct wefti_sample *samples, size_t count,
                struct line *line)
{
    double slopes[WEFTI_SAMPLES_BEFORE * (WEFTI_SAMPLES_BEFORE - 1) / 2];
    double x[WEFTI_SAMPLES_BEFORE];
    double y[WEFTI_SAMPLES_BEFORE];
    double rest[WEFTI_SAMPLES_BEFORE];
    size_t points = 0;
    size_t pairs = 0;

    for (size_t i = 0; i < count && points < WEFTI_SAMPLES_BEFORE; i++) {
        if (has(&samples[i], WEFTI_SAMPLE_AVAILABLE)) {
            x[points] = (double)samples[i].at_ns;
            y[points++] = (double)samples[i].available_bytes;
        }
    }
    if (points == 0) {
        return false;
    }
    line->at_ns = x[points - 1];
    for (size_t i = 0; i < points; i++) {
        for (size_t j = i + 1; j < points; j++) {
            if (x[j] > x[i]) {
                slopes[pairs++] = (y[j] - y[i]) / (x[j] - x[i]);
            }
        }
    }
    line->slope = pairs > 0 ? median(slopes, pairs) : 0;
    line->walk = find_walk(x, y, points, line->slope);
    for (size_t i = 0; i < points; i++) {
        rest[i] = y[i] - line->slope * (x[i] - line->at_ns);
    }
    line->level = median(rest, points);
    for (size_t i = 0; i < points; i++) {
        rest[i] -= line->level;
        rest[i] = rest[i] < 0 ? -rest[i] : rest[i];
    }
    line->error = DEVIATION_BY_MEDIAN * median(rest, points);
    return true;
}

/* By how much more is available than the line says. */
static bool find_change(const struct wefti_evidence *evidence, double *change,
                        double *error)
{
    struct line line;
    double values[WEFTI_SAMPLES_AFTER];
    double rest[WEFTI_SAMPLES_AFTER];
    double spread;
    double walked;
    double drift = 0;
    size_t count = 0;

    if (!fit(evidence->before, evidence->before_count, &line)) {
        return false;
    }
    for (size_t i = 0; i < evidence->after_count; i++) {
        const struct wefti_sample *sample = &evidence->after[i];

        if (sample->at_ns - evidence->ended_ns <= WEFTI_SETTLE_NS * 3 / 2 &&
            has(sample, WEFTI_SAMPLE_AVAILABLE)) {
            drift = line.slope * ((double)sample->at_ns - line.at_ns);
            values[count++] =
                (double)sample->available_bytes - line.level - drift;
        }
    }
    if (count == 0) {
        return false;
    }
    *change = median(values, count);
    for (size_t i = 0; i < count; i++) {
        rest[i] =
            values[i] < *change ? *change - values[i] : values[i] - *change;
    }
    spread = DEVIATION_BY_MEDIAN * median(rest, count);
    walked =
        square_root(line.walk * ((double)evidence->ended_ns +
                                 (double)WEFTI_SETTLE_NS / 2 - line.at_ns));
    spread = spread > walked ? spread : walked;
    /* Half of what was taken out as drift may not have been one. */
    *error = DEVIATIONS * (spread > line.error ? spread : line.error) +
             (drift < 0 ? -drift : drift) / 2;
    return true;
}

/* -------------------------------------------------------------- figures --- */

static const struct wefti_sample *last_before(const struct wefti_evidence *from)
{
    return from->before_count > 0 ? &from->before[from->before_count - 1]
                                  : NULL;
}

static int64_t difference(uint64_t after, uint64_t before)
{
    return (int64_t)(after - before);
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* What is the same in all that follows. */
struct accounts {
    const struct wefti_sample *before;
    const struct wefti_sample *after;
    bool has_target;
    bool has_whole; /* a target of which no part is known: all is claimed */
    int64_t claimed_anonymous;
    int64_t claimed_file;
    int64_t packs; /* more memory for what is compressed */
    int64_t moved; /* of the target, to swap */
};

static void find_accounts(const struct wefti_evidence *evidence,
                          struct accounts *accounts)
{
    const struct wefti_sample *before = last_before(evidence);
    const struct wefti_sample *after =
        evidence->after_count > 0 ? &evidence->after[0] : NULL;

    memset(accounts, 0, sizeof(*accounts));
    accounts->before = before;
    accounts->after = after;
    if (before == NULL || after == NULL) {
        return;
    }
    if (has(before, WEFTI_SAMPLE_PACKS) && has(after, WEFTI_SAMPLE_PACKS)) {
        accounts->packs = difference(after->packs_bytes, before->packs_bytes);
    }
    if (has(before, WEFTI_SAMPLE_AWAY) && has(after, WEFTI_SAMPLE_AWAY)) {
        accounts->moved = difference(after->away_bytes, before->away_bytes);
    }
    if (has(before, WEFTI_SAMPLE_TARGET) && has(after, WEFTI_SAMPLE_TARGET)) {
        accounts->has_target = true;
        accounts->claimed_anonymous =
            difference(before->anonymous_bytes, after->anonymous_bytes);
        accounts->claimed_file =
            difference(before->resident_bytes, after->resident_bytes) -
            accounts->claimed_anonymous;
    } else if (has(before, WEFTI_SAMPLE_WHOLE) &&
               has(after, WEFTI_SAMPLE_WHOLE)) {
        accounts->has_whole = true;
        accounts->claimed_anonymous =
            difference(before->resident_bytes, after->resident_bytes);
    }
}

static void tell_claim(const struct wefti_evidence *evidence,
                       const struct accounts *accounts, weft_verdict *verdict)
{
    if (accounts->has_target || accounts->has_whole) {
        verdict->claimed_bytes =
            accounts->claimed_anonymous + accounts->claimed_file;
        verdict->valid |= WEFT_VERDICT_CLAIMED;
    } else if (evidence->has_given && evidence->given_bytes <= INT64_MAX) {
        verdict->claimed_bytes = (int64_t)evidence->given_bytes;
        verdict->valid |= WEFT_VERDICT_CLAIMED;
    }
}

static uint64_t least_lag(const struct wefti_evidence *evidence)
{
    return evidence->lag_bytes > LEAST_LAG_BYTES ? evidence->lag_bytes
                                                 : LEAST_LAG_BYTES;
}

/* What the target's accounts say, within what the system's figure allows. */
static int64_t reconcile(const struct accounts *accounts, int64_t available,
                         int64_t noise)
{
    int64_t own = accounts->claimed_anonymous - accounts->packs;
    int64_t most =
        own > accounts->claimed_anonymous ? own : accounts->claimed_anonymous;
    int64_t least = own < -accounts->packs ? own : -accounts->packs;

    return noise > most - least || available - noise > most ||
                   available + noise < least
               ? own
               : clamp(own, available - noise, available + noise);
}

static void tell_released(const struct wefti_evidence *evidence,
                          const struct accounts *accounts,
                          weft_verdict *verdict)
{
    double change;
    double error;

    if (find_change(evidence, &change, &error)) {
        verdict->available_bytes = (int64_t)change;
        verdict->noise_bytes = least_lag(evidence) + (uint64_t)error;
        verdict->released_bytes = verdict->available_bytes;
        verdict->valid |= WEFT_VERDICT_AVAILABLE | WEFT_VERDICT_RELEASED;
        if (accounts->has_target) {
            verdict->released_bytes =
                reconcile(accounts, verdict->available_bytes,
                          (int64_t)verdict->noise_bytes);
        }
    } else if (accounts->has_target) {
        verdict->released_bytes = accounts->claimed_anonymous - accounts->packs;
        verdict->valid |= WEFT_VERDICT_RELEASED;
    }
}

static void tell_relocated(const struct accounts *accounts,
                           weft_verdict *verdict)
{
    const uint32_t what = WEFTI_SAMPLE_PACKS | WEFTI_SAMPLE_SWAP;

    if (accounts->before == NULL || accounts->after == NULL ||
        (accounts->before->valid & accounts->after->valid & what) != what) {
        return;
    }
    verdict->relocated_bytes =
        accounts->packs +
        difference(accounts->after->swap_bytes, accounts->before->swap_bytes);
    verdict->valid |= WEFT_VERDICT_RELOCATED;
}

static void tell_cost(const struct wefti_evidence *evidence,
                      const struct accounts *accounts, weft_verdict *verdict)
{
    const struct wefti_sample *first = &evidence->before[0];
    const struct wefti_sample *before = accounts->before;
    const struct wefti_sample *after = accounts->after;
    double usual = 0;
    double stall;

    verdict->duration_ns = evidence->ended_ns - evidence->began_ns;
    if (evidence->has_cpu) {
        verdict->cpu_ns = evidence->cpu_ns;
        verdict->valid |= WEFT_VERDICT_CPU;
    }
    if (before == NULL || after == NULL ||
        !(has(before, WEFTI_SAMPLE_STALL) && has(after, WEFTI_SAMPLE_STALL))) {
        return;
    }
    if (has(first, WEFTI_SAMPLE_STALL) && before->at_ns > first->at_ns) {
        usual = (double)(before->stall_ns - first->stall_ns) /
                (double)(before->at_ns - first->at_ns);
    }
    stall = (double)(after->stall_ns - before->stall_ns) -
            usual * (double)(after->at_ns - before->at_ns);
    verdict->stall_ns = stall > 0 ? (uint64_t)stall : 0;
    verdict->valid |= WEFT_VERDICT_STALL;
}

/* ----------------------------------------------------------- what is kept ---
 */

/* What came back until a sample, of memory and of copies of files. */
struct returned {
    int64_t anonymous;
    int64_t file;
};

/* What has grown, but not by more than page faults have brought. */
static bool find_whole_returned(const struct accounts *accounts,
                                const struct wefti_sample *now,
                                struct returned *returned)
{
    const struct wefti_sample *after = accounts->after;
    int64_t grown;

    if (!accounts->has_whole || !has(now, WEFTI_SAMPLE_WHOLE)) {
        return false;
    }
    grown = difference(now->resident_bytes, after->resident_bytes);
    /* The counter begins anew at times: it says nothing then. */
    if (has(after, WEFTI_SAMPLE_FAULTS) && has(now, WEFTI_SAMPLE_FAULTS) &&
        now->fault_bytes >= after->fault_bytes) {
        grown =
            clamp(grown, 0, difference(now->fault_bytes, after->fault_bytes));
    }
    returned->file = 0;
    returned->anonymous = accounts->claimed_anonymous > 0
                              ? clamp(grown, 0, accounts->claimed_anonymous)
                              : 0;
    return true;
}

static bool find_returned(const struct accounts *accounts,
                          const struct wefti_sample *now,
                          struct returned *returned)
{
    const struct wefti_sample *after = accounts->after;
    int64_t anonymous;
    int64_t file;

    if (!accounts->has_target) {
        return find_whole_returned(accounts, now, returned);
    }
    if (has(after, WEFTI_SAMPLE_REFAULTS) && has(now, WEFTI_SAMPLE_REFAULTS)) {
        anonymous = difference(now->refault_anonymous_bytes,
                               after->refault_anonymous_bytes);
        file = difference(now->refault_file_bytes, after->refault_file_bytes);
    } else if (has(now, WEFTI_SAMPLE_TARGET)) {
        anonymous = difference(now->anonymous_bytes, after->anonymous_bytes);
        file =
            difference(now->resident_bytes, after->resident_bytes) - anonymous;
        /* What has grown, and has not left swap, is new. */
        if (has(after, WEFTI_SAMPLE_AWAY) && has(now, WEFTI_SAMPLE_AWAY)) {
            int64_t back = difference(after->away_bytes, now->away_bytes);

            anonymous = anonymous < back ? anonymous : back;
        }
    } else {
        return false;
    }
    returned->anonymous = clamp(anonymous, 0, INT64_MAX);
    returned->file = clamp(file, 0, INT64_MAX);
    if (accounts->claimed_anonymous >= 0) {
        returned->anonymous =
            clamp(returned->anonymous, 0, accounts->claimed_anonymous);
    }
    if (accounts->claimed_file >= 0) {
        returned->file = clamp(returned->file, 0, accounts->claimed_file);
    }
    return true;
}

/* What came back takes with it its part of what was released. */
static int64_t kept(const struct accounts *accounts,
                    const struct returned *returned, int64_t released)
{
    double part;

    if (released <= 0 || accounts->claimed_anonymous <= 0) {
        return released;
    }
    part = (double)returned->anonymous / (double)accounts->claimed_anonymous;
    return released - (int64_t)(part * (double)released);
}

/* The figures that are told for a certain time. */
static const struct {
    uint64_t age_ns;
    uint32_t valid;
    size_t offset;
} ages[] = {
    {10 * SECOND_NS, WEFT_VERDICT_KEPT_10S,
     offsetof(weft_verdict, kept_10s_bytes)},
    {60 * SECOND_NS, WEFT_VERDICT_KEPT_60S,
     offsetof(weft_verdict, kept_60s_bytes)},
    {300 * SECOND_NS, WEFT_VERDICT_KEPT_300S,
     offsetof(weft_verdict, kept_300s_bytes)},
};

static void tell_age(uint64_t age_ns, int64_t bytes, weft_verdict *verdict)
{
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        if (age_ns >= ages[i].age_ns &&
            age_ns - ages[i].age_ns <= ages[i].age_ns / LATE_BY_HALF &&
            (verdict->valid & ages[i].valid) == 0) {
            memcpy((char *)verdict + ages[i].offset, &bytes, sizeof(bytes));
            verdict->valid |= ages[i].valid;
        }
    }
}

/* Where a line between two samples falls below half. */
static uint64_t crossing(uint64_t from_ns, int64_t from, uint64_t to_ns,
                         int64_t to, int64_t half)
{
    if (from <= half || from <= to) {
        return to_ns;
    }
    return from_ns + (uint64_t)((double)(from - half) / (double)(from - to) *
                                (double)(to_ns - from_ns));
}

/* Gives what is kept at last. */
static int64_t follow(const struct wefti_evidence *evidence,
                      const struct accounts *accounts, weft_verdict *verdict)
{
    int64_t released = verdict->released_bytes;
    int64_t last = released;
    uint64_t last_ns = 0;
    struct returned returned;

    for (size_t i = 0; i < evidence->after_count; i++) {
        uint64_t age_ns = evidence->after[i].at_ns - evidence->ended_ns;
        int64_t now;

        if (!find_returned(accounts, &evidence->after[i], &returned)) {
            continue;
        }
        now = kept(accounts, &returned, released);
        tell_age(age_ns, now, verdict);
        verdict->refault_bytes =
            (uint64_t)returned.anonymous + (uint64_t)returned.file;
        verdict->valid |= WEFT_VERDICT_REFAULT;
        if (released > 0 && now <= released / 2 &&
            (verdict->valid & WEFT_VERDICT_HALF_LIFE) == 0) {
            verdict->half_life_ns =
                crossing(last_ns, last, age_ns, now, released / 2);
            verdict->valid |= WEFT_VERDICT_HALF_LIFE;
        }
        last = now;
        last_ns = age_ns;
    }
    return last;
}

/* -------------------------------------------------------------- outcome --- */

static void set(weft_verdict *verdict, weft_outcome outcome, const char *reason)
{
    verdict->outcome = outcome;
    (void)snprintf(verdict->reason, sizeof(verdict->reason), "%s", reason);
}

/* Nothing was gained that could be told from nothing. */
static void judge_nothing(const struct accounts *accounts, int64_t floor,
                          weft_verdict *verdict)
{
    if (accounts->moved >= floor) {
        set(verdict, WEFT_OUTCOME_HURT,
            "pages were moved to swap, and nothing was gained by it");
    } else if (accounts->claimed_file >= floor) {
        set(verdict, WEFT_OUTCOME_NO_EFFECT,
            "copies of files were available before");
    } else {
        set(verdict, WEFT_OUTCOME_NO_EFFECT, "no measurable effect");
    }
}

static void judge(const struct accounts *accounts, int64_t floor, int64_t last,
                  weft_verdict *verdict)
{
    int64_t released = verdict->released_bytes;

    if (released <= -floor) {
        set(verdict, WEFT_OUTCOME_HURT, "less is available than before");
    } else if (released < floor) {
        judge_nothing(accounts, floor, verdict);
    } else if (accounts->moved / WORTH_MOVING > released) {
        set(verdict, WEFT_OUTCOME_HURT,
            "pages were moved to swap, and next to nothing was gained by it");
    } else if (last < floor) {
        set(verdict, WEFT_OUTCOME_HURT, "what was gained has come back");
    } else if ((double)verdict->stall_ns / (double)WORTH_NS_PER_MIB >
               (double)released / (double)MIB) {
        set(verdict, WEFT_OUTCOME_HURT,
            "programs waited for longer than it is worth");
    } else if (last < released / 2) {
        set(verdict, WEFT_OUTCOME_HELPED, "most of it has come back");
    } else {
        set(verdict, WEFT_OUTCOME_HELPED, "more is available");
    }
}

void wefti_verdict_judge(const struct wefti_evidence *evidence,
                         weft_verdict *verdict)
{
    size_t size = verdict->size;
    struct accounts accounts;
    int64_t last;

    memset(verdict, 0, sizeof(*verdict));
    verdict->size = size;
    if (evidence->after_count == 0) {
        set(verdict, WEFT_OUTCOME_UNKNOWN, "nothing was done yet");
        return;
    }
    find_accounts(evidence, &accounts);
    tell_claim(evidence, &accounts, verdict);
    tell_released(evidence, &accounts, verdict);
    tell_relocated(&accounts, verdict);
    tell_cost(evidence, &accounts, verdict);
    if ((verdict->valid & WEFT_VERDICT_RELEASED) == 0) {
        set(verdict, WEFT_OUTCOME_UNKNOWN,
            "the system does not tell what is available");
        return;
    }
    last = follow(evidence, &accounts, verdict);
    /* The target's own accounts do not lie in the machine's noise. */
    judge(&accounts,
          (int64_t)(accounts.has_target ? least_lag(evidence)
                                        : verdict->noise_bytes),
          last, verdict);
}
