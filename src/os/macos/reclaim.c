/* SPDX-License-Identifier: MIT
 *
 * Memory is taken back, in the two ways that macOS has for that. No call takes
 * pages of another process: MADV_PAGEOUT is for kernels that are debugged, and
 * answers ENOTSUP on others.
 *
 * vfs_purge() is what the command purge calls: libSystem has it, and no header
 * does. It drops copies of files, which are available anyhow.
 */
#define _DARWIN_C_SOURCE
#include "../reclaim.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../heap.h"
#include "macos.h"

typedef int purge_call(void);

struct weftos_reclaim {
    weft_reclaim_verb verb;
    bool is_limited; /* an amount was asked for */
};

/* C has no conversion from what dlsym gives to a pointer to a function. */
static purge_call *find_purge(void)
{
    union {
        void *object;
        purge_call *call;
    } found = {dlsym(RTLD_DEFAULT, "vfs_purge")};

    return found.call;
}

const char *weftos_reclaim_lack(weft_reclaim_verb verb)
{
    switch (verb) {
    case WEFT_RECLAIM_COLD:
    case WEFT_RECLAIM_PAGEOUT:
    case WEFT_RECLAIM_TRIM:
        return "macOS has no call that takes memory from another process: "
               "'ask' "
               "asks programs that listen";
    case WEFT_RECLAIM_GROUP:
        return "macOS has no control groups";
    default:
        return "macOS has no call that does that";
    }
}

weft_status weftos_reclaim_open(const char *root,
                                const weft_reclaim_request *request,
                                weftos_reclaim **reclaim, weft_detail *detail)
{
    weftos_reclaim *made;

    (void)root;
    *reclaim = NULL;
    if (request->verb != WEFT_RECLAIM_HEAP &&
        request->verb != WEFT_RECLAIM_PURGE) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0,
                           "take memory back in this way");
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    made->verb = request->verb;
    made->is_limited = request->bytes > 0;
    *reclaim = made;
    return WEFT_OK;
}

void weftos_reclaim_close(weftos_reclaim *reclaim)
{
    free(reclaim);
}

static void obstruct(weft_reclaim_plan *plan, weft_reclaim_obstacle obstacle,
                     const char *reason)
{
    plan->obstacle = obstacle;
    (void)snprintf(plan->reason, sizeof(plan->reason), "%s", reason);
}

/* Of the purge: the heap needs no plan. */
weft_status weftos_reclaim_plan(weftos_reclaim *reclaim,
                                const weft_memory_figures *figures,
                                weft_reclaim_plan *plan, weft_detail *detail)
{
    (void)figures;
    (void)detail;
    if (reclaim->is_limited) {
        obstruct(plan, WEFT_RECLAIM_UNSUPPORTED,
                 "macOS drops all copies of files, and not up to an amount");
    } else if (find_purge() == NULL) {
        obstruct(plan, WEFT_RECLAIM_UNSUPPORTED, "this macOS has no vfs_purge");
    } else if (geteuid() != 0) {
        obstruct(plan, WEFT_RECLAIM_PRIVILEGE, "only root may do that");
    } else {
        plan->expected_bytes = 0;
        plan->valid |= WEFT_RECLAIM_PLAN_EXPECTED;
        plan->may_run = true;
        (void)snprintf(plan->reason, sizeof(plan->reason),
                       "cold caches, no memory gained: all copies of files are "
                       "dropped, and read again when they are used");
    }
    return WEFT_OK;
}

weft_status weftos_reclaim_members(weftos_reclaim *reclaim,
                                   weftos_member_visit *visit, void *context,
                                   weft_detail *detail)
{
    (void)reclaim;
    (void)visit;
    (void)context;
    (void)detail;
    return WEFT_OK;
}

/*
 * Of this process its footprint: what malloc gives back counts in it no more,
 * and stays in memory until somebody needs it.
 */
weft_status weftos_reclaim_look(weftos_reclaim *reclaim,
                                struct weftos_target_figures *figures,
                                weft_detail *detail)
{
    weft_status status = WEFT_OK;

    memset(figures, 0, sizeof(*figures));
    if (reclaim->verb == WEFT_RECLAIM_HEAP) {
        status = weftos_heap_footprint(&figures->resident_bytes, detail);
        figures->valid |= status == WEFT_OK ? WEFTOS_TARGET_WHOLE : 0;
    }
    return status;
}

uint64_t weftos_reclaim_lag(const char *root)
{
    (void)root;
    return 0;
}

/* How much of what is swapped is compressed in memory it does not tell. */
bool weftos_reclaim_disk(const char *root, uint64_t *bytes)
{
    (void)root;
    (void)bytes;
    return false;
}

uint64_t weftos_reclaim_cpu_ns(void)
{
    struct timespec used;

    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0
               ? (uint64_t)used.tv_sec * UINT64_C(1000000000) +
                     (uint64_t)used.tv_nsec
               : 0;
}

weft_status weftos_reclaim_mark(weftos_reclaim *reclaim, weft_handle process,
                                weft_detail *detail)
{
    (void)reclaim;
    (void)process;
    (void)detail;
    return WEFT_OK;
}

weft_status weftos_reclaim_act(weftos_reclaim *reclaim, weft_handle process,
                               bool *is_done, weft_detail *detail)
{
    purge_call *purge = find_purge();

    (void)reclaim;
    (void)process;
    *is_done = true;
    if (purge == NULL) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0, "drop copies of files");
    }
    return purge() == 0 ? WEFT_OK
                        : weftos_fail_errno(detail, "drop copies of files");
}

weft_status weftos_reclaim_restore(weftos_reclaim *reclaim, weft_handle process,
                                   weft_detail *detail)
{
    (void)reclaim;
    (void)process;
    return weftos_fail(detail, WEFT_ENOTSUP, 0, "bring back what was taken");
}
