/* SPDX-License-Identifier: MIT
 *
 * One request to take memory back, from its plan to its verdict.
 */
#include <stdlib.h>
#include <string.h>

#include <weft/reclaim.h>

#include "../ipc/handshake.h"

struct weft_reclaim {
    uint64_t token; /* of the process that made it */
    weft_reclaim_plan plan;
};

weft_status weft_reclaim_plan_make(weft_memory *memory,
                                   const weft_reclaim_request *request,
                                   weft_reclaim_plan *plan, weft_detail *detail)
{
    if (memory == NULL || request == NULL || plan == NULL ||
        plan->size != sizeof(*plan)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    memset(plan, 0, sizeof(*plan));
    plan->size = sizeof(*plan);
    return wefti_fail(detail, WEFT_ENOTSUP, "plan to take memory back");
}

weft_status weft_reclaim_start(weft_memory *memory,
                               const weft_reclaim_request *request,
                               weft_reclaim **out, weft_detail *detail)
{
    if (memory == NULL || request == NULL || out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    return wefti_fail(detail, WEFT_ENOTSUP, "take memory back");
}

weft_status weft_reclaim_run(weft_memory *memory,
                             const weft_reclaim_request *request,
                             weft_reclaim **out, weft_detail *detail)
{
    return weft_reclaim_start(memory, request, out, detail);
}

weft_status weft_reclaim_step(weft_reclaim *reclaim, weft_detail *detail)
{
    if (reclaim == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    return wefti_fail(detail, WEFT_ENOTSUP, "take memory back");
}

uint64_t weft_reclaim_due_ns(const weft_reclaim *reclaim)
{
    (void)reclaim;
    return WEFT_FOREVER;
}

weft_reclaim_phase weft_reclaim_get_phase(const weft_reclaim *reclaim)
{
    (void)reclaim;
    return WEFT_RECLAIM_DONE;
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

weft_status weft_reclaim_undo(weft_reclaim *reclaim, weft_detail *detail)
{
    if (reclaim == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    return wefti_fail(detail, WEFT_ENOTSUP, "bring memory back");
}

void weft_reclaim_close(weft_reclaim **reclaim)
{
    if (reclaim == NULL || *reclaim == NULL) {
        return;
    }
    free(*reclaim);
    *reclaim = NULL;
}

weft_status weft_reclaim_verdict(weft_reclaim *reclaim, weft_verdict *verdict,
                                 weft_detail *detail)
{
    if (reclaim == NULL || verdict == NULL ||
        verdict->size != sizeof(*verdict)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    return wefti_fail(detail, WEFT_ENOTSUP, "judge");
}
