/* SPDX-License-Identifier: MIT
 *
 * What a request would do. Nothing here changes anything.
 */
#include <stdio.h>
#include <string.h>

#include "../ipc/handshake.h"
#include "memory.h"
#include "protect_gate.h"
#include "reclaim.h"

#define FLAGS_ALL                                                              \
    (WEFT_RECLAIM_NAMED | WEFT_RECLAIM_AGGRESSIVE | WEFT_RECLAIM_FOR_HYPERVISOR)

#define TARGET_ROW(symbol, value, name, target) {symbol, target},

static const struct {
    weft_reclaim_verb verb;
    char target;
} targets[] = {WEFT_RECLAIM_VERB_LIST(TARGET_ROW)};

#undef TARGET_ROW

char wefti_reclaim_target(weft_reclaim_verb verb)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (targets[i].verb == verb) {
            return targets[i].target;
        }
    }
    return 0;
}

/* What is wrong with it; NULL: nothing. */
static const char *find_fault(const weft_reclaim_request *request)
{
    char target = wefti_reclaim_target(request->verb);

    if (target == 0) {
        return "check the verb";
    }
    if ((request->flags & ~FLAGS_ALL) != 0) {
        return "check the flags";
    }
    if ((target == 'p') != (request->pid != 0) || request->pid < 0) {
        return "check that a process is the target";
    }
    if ((target == 'g' || target == 'f') != (request->path != NULL) ||
        (request->path != NULL && request->path[0] == '\0')) {
        return "check that a path is the target";
    }
    return NULL;
}

/* A later version's request is longer: what is beyond must be zero. */
weft_status wefti_reclaim_take(const weft_reclaim_request *given,
                               weft_reclaim_request *request,
                               weft_detail *detail)
{
    const size_t known = sizeof(*request);
    const char *fault;

    if (given == NULL || given->size < known) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    for (size_t i = known; i < given->size; i++) {
        if (((const char *)given)[i] != 0) {
            return wefti_fail(detail, WEFT_EINVAL, "check the request's size");
        }
    }
    fault = find_fault(given);
    if (fault != NULL) {
        return wefti_fail(detail, WEFT_EINVAL, fault);
    }
    *request = *given;
    request->size = known;
    if (request->idle_ns == 0) {
        request->idle_ns = WEFTI_RECLAIM_IDLE_NS;
    }
    if (request->watch_ns == 0) {
        request->watch_ns = WEFTI_RECLAIM_WATCH_NS;
    }
    if (request->answer_ns == 0) {
        request->answer_ns = WEFTI_RECLAIM_ANSWER_NS;
    }
    return WEFT_OK;
}

/* ------------------------------------------------------------ obstacles --- */

static void obstruct(weft_reclaim_plan *plan, weft_reclaim_obstacle obstacle,
                     const char *reason)
{
    plan->obstacle = obstacle;
    plan->may_run = false;
    (void)snprintf(plan->reason, sizeof(plan->reason), "%s", reason);
}

/* What a gate has said, as an obstacle if it is one. */
static weft_status judge_gate(weft_status status, const struct wefti_gate *gate,
                              weft_reclaim_plan *plan)
{
    switch (status) {
    case WEFT_EACCES:
        obstruct(plan, WEFT_RECLAIM_PROTECTED, gate->protection.reason);
        return WEFT_OK;
    case WEFT_ENOENT:
        obstruct(plan, WEFT_RECLAIM_GONE, "there is no such process");
        return WEFT_OK;
    case WEFT_ENOTSUP:
        obstruct(plan, WEFT_RECLAIM_UNSUPPORTED,
                 "there is no safe way to act on a process here");
        return WEFT_OK;
    default:
        return status;
    }
}

/* `*started` is 0: it is the process that has the number now. */
static weft_status open_gate(weft_memory *memory,
                             const weft_reclaim_request *request, int64_t pid,
                             uint64_t *started, struct wefti_gate *gate,
                             weft_detail *detail)
{
    weft_memory_identity identity = {.size = sizeof(identity)};
    weft_status status = WEFT_OK;

    (void)snprintf(gate->protection.reason, sizeof(gate->protection.reason),
                   "this user may not look at it");
    if (*started == 0) {
        status = weft_memory_identify(memory, pid, &identity, detail);
        *started = identity.started;
    }
    return status == WEFT_OK
               ? wefti_gate_open(memory, pid, *started, request->rules,
                                 (request->flags & WEFT_RECLAIM_NAMED) != 0,
                                 gate, detail)
               : status;
}

static weft_status check_process(weft_memory *memory,
                                 weft_reclaim_request *request,
                                 weft_reclaim_plan *plan, weft_detail *detail)
{
    struct wefti_gate gate;
    weft_status status = open_gate(memory, request, request->pid,
                                   &request->started, &gate, detail);

    if (status == WEFT_OK) {
        wefti_gate_close(&gate);
    }
    return judge_gate(status, &gate, plan);
}

struct member_search {
    weft_memory *memory;
    const weft_reclaim_request *request;
    weft_reclaim_plan *plan;
    weft_status status;
    weft_detail *detail;
};

/* Who ends meanwhile is no member any more. */
static bool check_member(void *context, int64_t pid)
{
    struct member_search *search = context;
    struct wefti_gate gate;
    uint64_t started = 0;

    if (pid <= 0) {
        obstruct(search->plan, WEFT_RECLAIM_PROTECTED,
                 "it has a process that is not in sight here");
        return false;
    }
    search->status = open_gate(search->memory, search->request, pid, &started,
                               &gate, search->detail);
    switch (search->status) {
    case WEFT_OK:
        wefti_gate_close(&gate);
        return true;
    case WEFT_ENOENT:
        search->status = WEFT_OK;
        return true;
    case WEFT_EACCES:
        search->status = WEFT_OK;
        search->plan->obstacle = WEFT_RECLAIM_PROTECTED;
        search->plan->may_run = false;
        (void)snprintf(search->plan->reason, sizeof(search->plan->reason),
                       "process %lld is in it: %.120s", (long long)pid,
                       gate.protection.reason);
        return false;
    case WEFT_ENOTSUP:
        search->status = judge_gate(WEFT_ENOTSUP, &gate, search->plan);
        return false;
    default:
        return false;
    }
}

weft_status wefti_reclaim_check_members(weft_memory *memory,
                                        const weft_reclaim_request *request,
                                        weftos_reclaim *reclaim,
                                        weft_reclaim_plan *plan,
                                        weft_detail *detail)
{
    struct member_search search = {.memory = memory,
                                   .request = request,
                                   .plan = plan,
                                   .status = WEFT_OK,
                                   .detail = detail};
    weft_status status =
        weftos_reclaim_members(reclaim, check_member, &search, detail);

    return search.status != WEFT_OK ? search.status : status;
}

/* ----------------------------------------------------------------- plan --- */

/* Verbs that need nothing of the system but to be measured. */
static bool is_own(weft_reclaim_verb verb)
{
    return verb == WEFT_RECLAIM_HEAP || verb == WEFT_RECLAIM_ASK;
}

static void plan_own(weft_reclaim_verb verb, weft_reclaim_plan *plan)
{
    plan->may_run = true;
    (void)snprintf(plan->reason, sizeof(plan->reason), "%s",
                   verb == WEFT_RECLAIM_HEAP
                       ? "this process's own allocator gives back what it has "
                         "free; how much that is it does not tell"
                       : "programs that listen are asked; what they can give "
                         "they know themselves");
}

/* With the way open, and a target that may be touched. */
static weft_status foresee(weft_memory *memory,
                           const weft_reclaim_request *request,
                           weftos_reclaim *reclaim, weft_reclaim_plan *plan,
                           weft_detail *detail)
{
    weft_memory_figures figures = {.size = sizeof(figures)};
    weft_status status = weft_memory_look(memory, &figures, detail);

    if (status == WEFT_OK) {
        status = weftos_reclaim_plan(reclaim, &figures, plan, detail);
    }
    if (status == WEFT_OK && plan->may_run) {
        status =
            wefti_reclaim_check_members(memory, request, reclaim, plan, detail);
    }
    return status;
}

weft_status wefti_reclaim_plan(weft_memory *memory,
                               weft_reclaim_request *request,
                               weftos_reclaim **reclaim,
                               weft_reclaim_plan *plan, weft_detail *detail)
{
    weft_status status = weftos_reclaim_open("", request, reclaim, detail);

    if (status == WEFT_ENOTSUP && !is_own(request->verb)) {
        obstruct(plan, WEFT_RECLAIM_UNSUPPORTED,
                 weftos_reclaim_lack(request->verb));
        return WEFT_OK;
    }
    if (is_own(request->verb) &&
        (status == WEFT_OK || status == WEFT_ENOTSUP)) {
        plan_own(request->verb, plan);
        return WEFT_OK;
    }
    if (status == WEFT_OK && request->pid != 0) {
        status = check_process(memory, request, plan, detail);
    }
    if (status != WEFT_OK || plan->obstacle != WEFT_RECLAIM_CLEAR) {
        return status;
    }
    return foresee(memory, request, *reclaim, plan, detail);
}

weft_status weft_reclaim_plan_make(weft_memory *memory,
                                   const weft_reclaim_request *request,
                                   weft_reclaim_plan *plan, weft_detail *detail)
{
    weft_reclaim_request taken = WEFT_RECLAIM_REQUEST_INIT;
    weftos_reclaim *reclaim = NULL;
    weft_status status = wefti_memory_check(memory, "plan", detail);

    if (status == WEFT_OK && (plan == NULL || plan->size != sizeof(*plan))) {
        status = wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (status == WEFT_OK) {
        status = wefti_reclaim_take(request, &taken, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    memset(plan, 0, sizeof(*plan));
    plan->size = sizeof(*plan);
    status = wefti_reclaim_plan(memory, &taken, &reclaim, plan, detail);
    weftos_reclaim_close(reclaim);
    return status;
}
