/* SPDX-License-Identifier: MIT
 *
 * One request to take memory back, from its plan to its verdict.
 *
 *     watching    samples of the machine: what does it do by itself?
 *     idling      the pages were made cold: which of them are used?
 *     acting      a part with each step, and each through the gate
 *     settling    samples again: what is available now?
 *     following   samples of the target: what comes back?
 *
 * No step waits for anything, so one thread can have many of these, or
 * something else to do. What a process is may change between two steps, when it
 * runs another program: so each goes through the gate anew.
 */
#include <stdlib.h>
#include <string.h>

#include "../ipc/handshake.h"
#include "memory.h"
#include "protect_gate.h"
#include "reclaim.h"
#include "verdict.h"

#include <weft/trim.h>

#define SECOND_NS UINT64_C(1000000000)

/* Samples of the machine in the time before, and in that after. */
#define WATCH_SAMPLES 8
#define SETTLE_SAMPLES 4

/* More programs that listen are asked too, and not counted. */
#define ANSWERS_MOST 256

/* When is looked whether it stays, after the action. */
static const uint64_t looks_ns[] = {
    3 * SECOND_NS,   5 * SECOND_NS,  10 * SECOND_NS,  20 * SECOND_NS,
    30 * SECOND_NS,  60 * SECOND_NS, 120 * SECOND_NS, 180 * SECOND_NS,
    240 * SECOND_NS, 300 * SECOND_NS};

#define LOOKS (sizeof(looks_ns) / sizeof(looks_ns[0]))

_Static_assert(WATCH_SAMPLES + 2 <= WEFTI_SAMPLES_BEFORE &&
                   SETTLE_SAMPLES + 1 + LOOKS <= WEFTI_SAMPLES_AFTER,
               "there is room for all samples");

struct weft_reclaim {
    uint64_t token; /* of the process that made it */
    weft_memory *memory;
    weft_reclaim_request request; /* without its path, which is the caller's */
    weft_reclaim_plan plan;
    weftos_reclaim *target; /* NULL: nothing but the machine is measured */
    weft_reclaim_phase phase;
    weft_status status; /* of the step that has failed */
    uint64_t due_ns;
    uint64_t act_ns; /* when it may begin */
    size_t looks;    /* that were taken after the action */
    struct wefti_evidence evidence;
};

/* -------------------------------------------------------------- samples --- */

static bool knows(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return (figures->valid >> figure & 1) != 0;
}

static void sample_machine(weft_reclaim *reclaim, struct wefti_sample *sample)
{
    weft_memory_figures figures = {.size = sizeof(figures)};

    if (weft_memory_look(reclaim->memory, &figures, NULL) != WEFT_OK) {
        return;
    }
    if (knows(&figures, WEFT_MEMORY_AVAILABLE)) {
        sample->available_bytes = figures.available_bytes;
        sample->valid |= WEFTI_SAMPLE_AVAILABLE;
    }
    if (figures.has_stalls) {
        sample->stall_ns = figures.stall_some_ns;
        sample->valid |= WEFTI_SAMPLE_STALL;
    }
    if (knows(&figures, WEFT_MEMORY_PACK)) {
        sample->packs_bytes = figures.pack_bytes;
        sample->valid |= WEFTI_SAMPLE_PACKS;
    }
    if (weftos_reclaim_disk("", &sample->swap_bytes)) {
        sample->valid |= WEFTI_SAMPLE_SWAP;
    }
}

static weft_status sample_target(weft_reclaim *reclaim,
                                 struct wefti_sample *sample,
                                 weft_detail *detail)
{
    struct weftos_target_figures figures = {0};
    weft_status status;

    if (reclaim->target == NULL) {
        return WEFT_OK;
    }
    status = weftos_reclaim_look(reclaim->target, &figures, detail);
    if (status != WEFT_OK) {
        return status;
    }
    if ((figures.valid & WEFTOS_TARGET_RESIDENT) != 0) {
        sample->resident_bytes = figures.resident_bytes;
        sample->anonymous_bytes = figures.anonymous_bytes;
        sample->valid |= WEFTI_SAMPLE_TARGET;
    }
    if ((figures.valid & WEFTOS_TARGET_WHOLE) != 0) {
        sample->resident_bytes = figures.resident_bytes;
        sample->valid |= WEFTI_SAMPLE_WHOLE;
    }
    if ((figures.valid & WEFTOS_TARGET_FAULTS) != 0) {
        sample->fault_bytes = figures.fault_bytes;
        sample->valid |= WEFTI_SAMPLE_FAULTS;
    }
    if ((figures.valid & WEFTOS_TARGET_AWAY) != 0) {
        sample->away_bytes = figures.away_bytes;
        sample->valid |= WEFTI_SAMPLE_AWAY;
    }
    if ((figures.valid & WEFTOS_TARGET_REFAULTS) != 0) {
        sample->refault_anonymous_bytes = figures.refault_anonymous_bytes;
        sample->refault_file_bytes = figures.refault_file_bytes;
        sample->valid |= WEFTI_SAMPLE_REFAULTS;
    }
    return WEFT_OK;
}

/* The machine first: to look at the target takes longer. */
static weft_status add_sample(weft_reclaim *reclaim,
                              struct wefti_sample *samples, size_t *count,
                              bool with_target, weft_detail *detail)
{
    struct wefti_sample *sample = &samples[*count];
    weft_status status = WEFT_OK;

    memset(sample, 0, sizeof(*sample));
    sample->at_ns = weft_now_ns();
    sample_machine(reclaim, sample);
    if (with_target) {
        status = sample_target(reclaim, sample, detail);
    }
    if (status == WEFT_OK) {
        (*count)++;
    }
    return status;
}

/* ------------------------------------------------------------ the action ---
 */

typedef weft_status act_on(weft_reclaim *reclaim, weft_handle process,
                           bool *is_done, weft_detail *detail);

/*
 * Through the gate, if a process is the target; and of a group's members each
 * could pass it just now.
 */
static weft_status pass(weft_reclaim *reclaim, act_on *act, bool *is_done,
                        weft_detail *detail)
{
    const weft_reclaim_request *request = &reclaim->request;
    struct wefti_gate gate = {.target = WEFT_HANDLE_NONE};
    weft_reclaim_plan now = {.size = sizeof(now)};
    uint64_t before_ns = weftos_reclaim_cpu_ns();
    weft_status status = WEFT_OK;

    if (request->pid != 0) {
        status = wefti_gate_open(
            reclaim->memory, request->pid, request->started, request->rules,
            (request->flags & WEFT_RECLAIM_NAMED) != 0, &gate, detail);
    } else if (reclaim->target != NULL) {
        status = wefti_reclaim_check_members(reclaim->memory, request,
                                             reclaim->target, &now, detail);
        if (status == WEFT_OK && now.obstacle != WEFT_RECLAIM_CLEAR) {
            status =
                wefti_fail(detail, WEFT_EACCES, "touch a protected process");
        }
    }
    if (status != WEFT_OK) {
        return status;
    }
    status = act(reclaim, gate.target, is_done, detail);
    if (request->pid != 0) {
        wefti_gate_close(&gate);
    }
    if (before_ns != 0) {
        reclaim->evidence.cpu_ns += weftos_reclaim_cpu_ns() - before_ns;
        reclaim->evidence.has_cpu = true;
    }
    return status;
}

static weft_status mark(weft_reclaim *reclaim, weft_handle process,
                        bool *is_done, weft_detail *detail)
{
    (void)is_done;
    return weftos_reclaim_mark(reclaim->target, process, detail);
}

static weft_status restore(weft_reclaim *reclaim, weft_handle process,
                           bool *is_done, weft_detail *detail)
{
    (void)is_done;
    return weftos_reclaim_restore(reclaim->target, process, detail);
}

/*
 * What others say is theirs, and may be any number: a sum that can't be is kept
 * as the largest one, which is none that the verdict takes for known.
 */
static void add_given(struct wefti_evidence *evidence,
                      const weft_memory_answer *answer)
{
    uint64_t bytes = (uint64_t)answer->measured_bytes;

    if ((answer->valid & WEFT_ANSWER_MEASURED) == 0 ||
        answer->measured_bytes <= 0) {
        return;
    }
    evidence->given_bytes = bytes > UINT64_MAX - evidence->given_bytes
                                ? UINT64_MAX
                                : evidence->given_bytes + bytes;
}

/* Asks programs that listen, and adds up what they have given. */
static weft_status ask(weft_reclaim *reclaim, weft_detail *detail)
{
    weft_memory_ask_options options = WEFT_MEMORY_ASK_OPTIONS_INIT;
    weft_memory_answer *answers = calloc(ANSWERS_MOST, sizeof(*answers));
    weft_pressure level = reclaim->request.level;
    size_t count = 0;
    weft_status status;

    if (answers == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate memory");
    }
    status = weft_memory_ask(
        level == WEFT_PRESSURE_CALM ? WEFT_TRIM_MILD : (weft_trim_level)level,
        &options, weft_after_ns(reclaim->request.answer_ns), answers,
        ANSWERS_MOST, &count, detail);
    for (size_t i = 0; i < count && i < ANSWERS_MOST; i++) {
        add_given(&reclaim->evidence, &answers[i]);
    }
    /* What those gave for whom there was no room is not known. */
    reclaim->evidence.has_given = status == WEFT_OK && count <= ANSWERS_MOST;
    free(answers);
    return status;
}

static weft_status act(weft_reclaim *reclaim, weft_handle process,
                       bool *is_done, weft_detail *detail)
{
    *is_done = true;
    switch (reclaim->request.verb) {
    case WEFT_RECLAIM_ASK:
        return ask(reclaim, detail);
    case WEFT_RECLAIM_HEAP:
        return weft_memory_trim_heap(detail);
    default:
        return weftos_reclaim_act(reclaim->target, process, is_done, detail);
    }
}

/* ---------------------------------------------------------------- steps --- */

static weft_status watch(weft_reclaim *reclaim, weft_detail *detail)
{
    struct wefti_evidence *evidence = &reclaim->evidence;
    uint64_t now_ns = weft_now_ns();
    weft_status status;

    /* Whoever comes late watches for as long all the same. */
    if (evidence->before_count == 0 &&
        reclaim->act_ns < now_ns + reclaim->request.watch_ns) {
        reclaim->act_ns = now_ns + reclaim->request.watch_ns;
    }
    if (now_ns < reclaim->act_ns && evidence->before_count < WATCH_SAMPLES) {
        reclaim->phase = WEFT_RECLAIM_WATCHING;
        reclaim->due_ns = now_ns + reclaim->request.watch_ns / WATCH_SAMPLES;
        if (reclaim->due_ns > reclaim->act_ns) {
            reclaim->due_ns = reclaim->act_ns;
        }
        return add_sample(reclaim, evidence->before, &evidence->before_count,
                          false, detail);
    }
    if (now_ns < reclaim->act_ns) {
        reclaim->due_ns = reclaim->act_ns;
        return WEFT_OK;
    }
    reclaim->phase = WEFT_RECLAIM_ACTING;
    status = add_sample(reclaim, evidence->before, &evidence->before_count,
                        true, detail);
    evidence->began_ns = weft_now_ns();
    return status;
}

static weft_status take(weft_reclaim *reclaim, weft_detail *detail)
{
    struct wefti_evidence *evidence = &reclaim->evidence;
    bool is_done = false;
    weft_status status = pass(reclaim, act, &is_done, detail);

    if (status != WEFT_OK || !is_done) {
        return status;
    }
    evidence->ended_ns = weft_now_ns();
    reclaim->phase = WEFT_RECLAIM_SETTLING;
    reclaim->due_ns = evidence->ended_ns + WEFTI_SETTLE_NS / SETTLE_SAMPLES;
    return add_sample(reclaim, evidence->after, &evidence->after_count, true,
                      detail);
}

static void end(weft_reclaim *reclaim)
{
    reclaim->phase = WEFT_RECLAIM_DONE;
    reclaim->due_ns = WEFT_FOREVER;
}

/* Whether anything can come back that would be seen. */
static bool is_worth_following(const weft_reclaim *reclaim)
{
    weft_verdict verdict = {.size = sizeof(verdict)};

    wefti_verdict_judge(&reclaim->evidence, &verdict);
    return reclaim->target != NULL &&
           (verdict.valid & WEFT_VERDICT_CLAIMED) != 0 &&
           verdict.claimed_bytes > 0;
}

static weft_status settle(weft_reclaim *reclaim, weft_detail *detail)
{
    struct wefti_evidence *evidence = &reclaim->evidence;
    weft_status status = add_sample(reclaim, evidence->after,
                                    &evidence->after_count, false, detail);
    uint64_t step_ns = WEFTI_SETTLE_NS / SETTLE_SAMPLES;

    if (status != WEFT_OK || evidence->after_count <= SETTLE_SAMPLES) {
        reclaim->due_ns = evidence->ended_ns + evidence->after_count * step_ns;
    } else if (is_worth_following(reclaim)) {
        reclaim->phase = WEFT_RECLAIM_FOLLOWING;
        reclaim->due_ns = evidence->ended_ns + looks_ns[0];
    } else {
        end(reclaim);
    }
    return status;
}

static weft_status follow(weft_reclaim *reclaim, weft_detail *detail)
{
    struct wefti_evidence *evidence = &reclaim->evidence;
    uint64_t age_ns = weft_now_ns() - evidence->ended_ns;
    weft_status status = add_sample(reclaim, evidence->after,
                                    &evidence->after_count, true, detail);

    /* Looks that nobody came for are not made up for. */
    while (reclaim->looks < LOOKS && looks_ns[reclaim->looks] <= age_ns) {
        reclaim->looks++;
    }
    if (reclaim->looks == LOOKS) {
        end(reclaim);
    } else {
        reclaim->due_ns = evidence->ended_ns + looks_ns[reclaim->looks];
    }
    return status;
}

static weft_status do_step(weft_reclaim *reclaim, weft_detail *detail)
{
    switch (reclaim->phase) {
    case WEFT_RECLAIM_IDLING:
    case WEFT_RECLAIM_WATCHING:
        return watch(reclaim, detail);
    case WEFT_RECLAIM_ACTING:
        return take(reclaim, detail);
    case WEFT_RECLAIM_SETTLING:
        return settle(reclaim, detail);
    case WEFT_RECLAIM_FOLLOWING:
        return follow(reclaim, detail);
    case WEFT_RECLAIM_DONE:
        break;
    }
    return WEFT_OK;
}

static weft_status check(const weft_reclaim *reclaim, weft_detail *detail)
{
    if (reclaim == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    return reclaim->token == weftos_process_token()
               ? WEFT_OK
               : wefti_fail(detail, WEFT_EFORKED, "take memory back");
}

weft_status weft_reclaim_step(weft_reclaim *reclaim, weft_detail *detail)
{
    weft_status status = check(reclaim, detail);

    if (status != WEFT_OK || reclaim->phase == WEFT_RECLAIM_DONE ||
        weft_now_ns() < reclaim->due_ns) {
        return status;
    }
    status = do_step(reclaim, detail);
    if (status != WEFT_OK) {
        reclaim->status = status;
        end(reclaim);
    }
    return status;
}

/* ---------------------------------------------------------------- begin --- */

/* What an obstacle is as a status. */
static weft_status judge(const weft_reclaim_plan *plan, weft_detail *detail)
{
    switch (plan->obstacle) {
    case WEFT_RECLAIM_CLEAR:
    case WEFT_RECLAIM_NOTHING:
        return WEFT_OK;
    case WEFT_RECLAIM_PROTECTED:
        return wefti_fail(detail, WEFT_EACCES, "touch a protected process");
    case WEFT_RECLAIM_PRIVILEGE:
        return wefti_fail(detail, WEFT_EACCES, "take memory from the target");
    case WEFT_RECLAIM_GONE:
        return wefti_fail(detail, WEFT_ENOENT, "find the target");
    case WEFT_RECLAIM_UNSUPPORTED:
        return wefti_fail(detail, WEFT_ENOTSUP, "take memory in this way");
    case WEFT_RECLAIM_UNREADABLE:
        break;
    }
    return wefti_fail(detail, WEFT_EOS, "look at the target");
}

/* The first step's time, and that of the action. */
static weft_status begin(weft_reclaim *reclaim, weft_detail *detail)
{
    const weft_reclaim_request *request = &reclaim->request;
    bool waits = request->verb == WEFT_RECLAIM_PAGEOUT &&
                 (request->flags & WEFT_RECLAIM_AGGRESSIVE) == 0;
    uint64_t wait_ns = request->watch_ns;
    weft_status status = WEFT_OK;

    if (reclaim->plan.obstacle == WEFT_RECLAIM_NOTHING) {
        end(reclaim);
        return WEFT_OK;
    }
    reclaim->phase = WEFT_RECLAIM_WATCHING;
    if (waits) {
        status = pass(reclaim, mark, NULL, detail);
        reclaim->phase = WEFT_RECLAIM_IDLING;
        wait_ns = wait_ns > request->idle_ns ? wait_ns : request->idle_ns;
    }
    reclaim->act_ns = weft_after_ns(wait_ns);
    reclaim->due_ns = reclaim->act_ns - request->watch_ns;
    reclaim->evidence.lag_bytes = weftos_reclaim_lag("");
    return status;
}

weft_status weft_reclaim_start(weft_memory *memory,
                               const weft_reclaim_request *request,
                               weft_reclaim **out, weft_detail *detail)
{
    weft_reclaim *reclaim;
    weft_status status = wefti_memory_check(memory, "take memory back", detail);

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    if (status != WEFT_OK) {
        return status;
    }
    reclaim = calloc(1, sizeof(*reclaim));
    if (reclaim == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate memory");
    }
    reclaim->token = weftos_process_token();
    reclaim->memory = memory;
    reclaim->plan.size = sizeof(reclaim->plan);
    status = wefti_reclaim_take(request, &reclaim->request, detail);
    if (status == WEFT_OK) {
        status = wefti_reclaim_plan(memory, &reclaim->request, &reclaim->target,
                                    &reclaim->plan, detail);
        reclaim->request.path = NULL;
    }
    if (status == WEFT_OK) {
        status = judge(&reclaim->plan, detail);
    }
    if (status == WEFT_OK) {
        status = begin(reclaim, detail);
    }
    if (status != WEFT_OK) {
        weft_reclaim_close(&reclaim);
        return status;
    }
    *out = reclaim;
    return WEFT_OK;
}

/* Until the next step is due; a word that nobody wakes is waited for. */
static weft_status wait_until(uint64_t due_ns, weft_detail *detail)
{
    _Atomic uint32_t word = 0;
    weft_status status = WEFT_OK;

    while (weft_now_ns() < due_ns &&
           (status == WEFT_OK || status == WEFT_ETIMEDOUT)) {
        status = weftos_word_wait(&word, 0, NULL, due_ns, true, detail);
    }
    return status == WEFT_ETIMEDOUT ? WEFT_OK : status;
}

weft_status weft_reclaim_run(weft_memory *memory,
                             const weft_reclaim_request *request,
                             weft_reclaim **out, weft_detail *detail)
{
    weft_reclaim *reclaim = NULL;
    weft_status status;

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    status = weft_reclaim_start(memory, request, &reclaim, detail);
    while (status == WEFT_OK && reclaim != NULL &&
           reclaim->phase < WEFT_RECLAIM_FOLLOWING) {
        status = wait_until(reclaim->due_ns, detail);
        if (status == WEFT_OK) {
            status = weft_reclaim_step(reclaim, detail);
        }
    }
    if (status != WEFT_OK) {
        weft_reclaim_close(&reclaim);
    }
    *out = reclaim;
    return status;
}

void weft_reclaim_close(weft_reclaim **reclaim)
{
    if (reclaim == NULL || *reclaim == NULL) {
        return;
    }
    weftos_reclaim_close((*reclaim)->target);
    free(*reclaim);
    *reclaim = NULL;
}

/* ----------------------------------------------------------------- tell --- */

uint64_t weft_reclaim_due_ns(const weft_reclaim *reclaim)
{
    return reclaim != NULL ? reclaim->due_ns : WEFT_FOREVER;
}

weft_reclaim_phase weft_reclaim_get_phase(const weft_reclaim *reclaim)
{
    return reclaim != NULL ? reclaim->phase : WEFT_RECLAIM_DONE;
}

weft_status weft_reclaim_get_plan(const weft_reclaim *reclaim,
                                  weft_reclaim_plan *plan)
{
    if (reclaim == NULL || plan == NULL || plan->size != sizeof(*plan)) {
        return WEFT_EINVAL;
    }
    *plan = reclaim->plan;
    return WEFT_OK;
}

/* Nothing was done, because nothing could come of it. */
static void tell_nothing(const weft_reclaim_plan *plan, weft_verdict *verdict)
{
    memset(verdict, 0, sizeof(*verdict));
    verdict->size = sizeof(*verdict);
    verdict->valid =
        WEFT_VERDICT_CLAIMED | WEFT_VERDICT_RELEASED | WEFT_VERDICT_RELOCATED;
    verdict->outcome = WEFT_OUTCOME_NO_EFFECT;
    memcpy(verdict->reason, plan->reason, sizeof(verdict->reason) - 1);
}

weft_status weft_reclaim_verdict(weft_reclaim *reclaim, weft_verdict *verdict,
                                 weft_detail *detail)
{
    weft_status status = check(reclaim, detail);

    if (status == WEFT_OK &&
        (verdict == NULL || verdict->size != sizeof(*verdict))) {
        status = wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (status != WEFT_OK) {
        return status;
    }
    (void)weft_reclaim_step(reclaim, NULL);
    if (reclaim->plan.obstacle == WEFT_RECLAIM_NOTHING) {
        tell_nothing(&reclaim->plan, verdict);
    } else {
        wefti_verdict_judge(&reclaim->evidence, verdict);
    }
    return WEFT_OK;
}

weft_status weft_reclaim_undo(weft_reclaim *reclaim, weft_detail *detail)
{
    weft_status status = check(reclaim, detail);

    if (status == WEFT_OK && reclaim->target == NULL) {
        return wefti_fail(detail, WEFT_ENOTSUP, "bring memory back");
    }
    return status == WEFT_OK ? pass(reclaim, restore, NULL, detail) : status;
}
