/* SPDX-License-Identifier: MIT
 *
 * reclaim.h - what <weft/reclaim.h> needs of the operating system besides
 * os.h: memory is taken from one target, part by part.
 *
 * Who may be touched is not decided here: whoever acts on a process gives a
 * handle that src/memory/protect_gate.h has given him.
 *
 * The rules of os.h hold here too.
 */
#ifndef WEFTOS_RECLAIM_H
#define WEFTOS_RECLAIM_H

#include <weft/reclaim.h>

#include "system.h"

/* A verb and its target, with what is remembered of the work. */
typedef struct weftos_reclaim weftos_reclaim;

/*
 * Prepares, and changes nothing. `root` goes before the paths of the system's
 * own files: "", but in tests. WEFT_ENOTSUP: the verb is not for this system.
 */
weft_status weftos_reclaim_open(const char *root,
                                const weft_reclaim_request *request,
                                weftos_reclaim **reclaim, weft_detail *detail);

/* Why there is no such verb here, in words; static. */
const char *weftos_reclaim_lack(weft_reclaim_verb verb);

/* NULL is allowed. */
void weftos_reclaim_close(weftos_reclaim *reclaim);

/*
 * Fills in what the verb would do; it only reads. All of the plan is zero
 * before, but for its size. What stands in the way is an obstacle in the plan
 * and no failure. `figures` are those of now.
 */
weft_status weftos_reclaim_plan(weftos_reclaim *reclaim,
                                const weft_memory_figures *figures,
                                weft_reclaim_plan *plan, weft_detail *detail);

/*
 * The processes that the verb touches besides `pid`: of a group. `visit`
 * returns false to end it. WEFT_ENOENT: there is no such group.
 */
typedef bool weftos_member_visit(void *context, int64_t pid);
weft_status weftos_reclaim_members(weftos_reclaim *reclaim,
                                   weftos_member_visit *visit, void *context,
                                   weft_detail *detail);

/*
 * What is told of the target at one time. `anonymous_bytes` is the part of
 * `resident_bytes` that is no copy of a file.
 */
#define WEFTOS_TARGET_RESIDENT 1u /* both of them */
#define WEFTOS_TARGET_AWAY 2u
#define WEFTOS_TARGET_REFAULTS 4u
#define WEFTOS_TARGET_WHOLE 8u /* in place of RESIDENT: no part is known */
#define WEFTOS_TARGET_FAULTS 16u
struct weftos_target_figures {
    uint32_t valid;
    uint64_t resident_bytes;
    uint64_t anonymous_bytes;
    uint64_t away_bytes; /* in swap, at its size before */
    /* That came back, since it began. */
    uint64_t refault_anonymous_bytes;
    uint64_t refault_file_bytes;
    uint64_t fault_bytes; /* of all page faults, of new pages too */
};

/*
 * WEFT_ENOENT: the target is no more. A verb without a target leaves `valid`
 * zero.
 */
weft_status weftos_reclaim_look(weftos_reclaim *reclaim,
                                struct weftos_target_figures *figures,
                                weft_detail *detail);

/*
 * By how much the system's figures may lag behind, since each CPU counts for
 * itself for a while; 0: they do not.
 */
uint64_t weftos_reclaim_lag(const char *root);

/* How much lies in swap that is not in memory. False: it is not known. */
bool weftos_reclaim_disk(const char *root, uint64_t *bytes);

/* The CPU time of this thread so far; 0: not known. */
uint64_t weftos_reclaim_cpu_ns(void);

/*
 * Of a verb that waits for what is not used: marks everything as unused, and
 * sees later what was used since. `process` is a handle of the gate's, or
 * WEFT_HANDLE_NONE where the target is none.
 */
weft_status weftos_reclaim_mark(weftos_reclaim *reclaim, weft_handle process,
                                weft_detail *detail);

/*
 * Does a part of the work, in some 20 ms where it can be parted; `*is_done`:
 * that was the last one.
 */
weft_status weftos_reclaim_act(weftos_reclaim *reclaim, weft_handle process,
                               bool *is_done, weft_detail *detail);

/* Asks to have back what was taken. WEFT_ENOTSUP: nothing does that. */
weft_status weftos_reclaim_restore(weftos_reclaim *reclaim, weft_handle process,
                                   weft_detail *detail);

#endif
