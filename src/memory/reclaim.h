/* SPDX-License-Identifier: MIT
 *
 * reclaim.h - what plans and runs have in common.
 */
#ifndef WEFTI_RECLAIM_H
#define WEFTI_RECLAIM_H

#include <weft/reclaim.h>

#include "../os/reclaim.h"

/* Defaults of a request. */
#define WEFTI_RECLAIM_IDLE_NS UINT64_C(30000000000)
#define WEFTI_RECLAIM_WATCH_NS UINT64_C(2000000000)
#define WEFTI_RECLAIM_ANSWER_NS UINT64_C(2000000000)

/* What a verb's target is: a letter of WEFT_RECLAIM_VERB_LIST; 0: no verb. */
char wefti_reclaim_target(weft_reclaim_verb verb);

/*
 * Copies a request, with the defaults in place of zeros, after a look at
 * whether it contradicts itself. The path is still the caller's.
 */
weft_status wefti_reclaim_take(const weft_reclaim_request *given,
                               weft_reclaim_request *request,
                               weft_detail *detail);

/*
 * As weft_reclaim_plan_make, for a request that was taken: a process that it
 * names without a start has one then. `*reclaim` does the work; NULL: nothing
 * does, or the verb needs nothing of the kind. The caller closes it, after a
 * failure too.
 */
weft_status wefti_reclaim_plan(weft_memory *memory,
                               weft_reclaim_request *request,
                               weftos_reclaim **reclaim,
                               weft_reclaim_plan *plan, weft_detail *detail);

/*
 * Whether all processes may be touched that the verb touches besides `pid`. A
 * process that may not is an obstacle in the plan.
 */
weft_status wefti_reclaim_check_members(weft_memory *memory,
                                        const weft_reclaim_request *request,
                                        weftos_reclaim *reclaim,
                                        weft_reclaim_plan *plan,
                                        weft_detail *detail);

#endif
