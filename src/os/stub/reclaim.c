/* SPDX-License-Identifier: MIT
 *
 * Memory is taken back: weft can't do that here yet.
 */
#include "../reclaim.h"
#include "stub.h"

weft_status weftos_reclaim_open(const char *root,
                                const weft_reclaim_request *request,
                                weftos_reclaim **reclaim, weft_detail *detail)
{
    (void)root;
    (void)request;
    *reclaim = NULL;
    return stub_refuse(detail, "take memory back");
}

const char *weftos_reclaim_lack(weft_reclaim_verb verb)
{
    (void)verb;
    return "this system has nothing that does that";
}

void weftos_reclaim_close(weftos_reclaim *reclaim)
{
    (void)reclaim;
}

weft_status weftos_reclaim_plan(weftos_reclaim *reclaim,
                                const weft_memory_figures *figures,
                                weft_reclaim_plan *plan, weft_detail *detail)
{
    (void)reclaim;
    (void)figures;
    (void)plan;
    return stub_refuse(detail, "take memory back");
}

weft_status weftos_reclaim_members(weftos_reclaim *reclaim,
                                   weftos_member_visit *visit, void *context,
                                   weft_detail *detail)
{
    (void)reclaim;
    (void)visit;
    (void)context;
    return stub_refuse(detail, "take memory back");
}

weft_status weftos_reclaim_look(weftos_reclaim *reclaim,
                                struct weftos_target_figures *figures,
                                weft_detail *detail)
{
    (void)reclaim;
    (void)figures;
    return stub_refuse(detail, "look at what memory is taken from");
}

uint64_t weftos_reclaim_lag(const char *root)
{
    (void)root;
    return 0;
}

bool weftos_reclaim_disk(const char *root, uint64_t *bytes)
{
    (void)root;
    (void)bytes;
    return false;
}

uint64_t weftos_reclaim_cpu_ns(void)
{
    return 0;
}

weft_status weftos_reclaim_mark(weftos_reclaim *reclaim, weft_handle process,
                                weft_detail *detail)
{
    (void)reclaim;
    (void)process;
    return stub_refuse(detail, "take memory back");
}

weft_status weftos_reclaim_act(weftos_reclaim *reclaim, weft_handle process,
                               bool *is_done, weft_detail *detail)
{
    (void)reclaim;
    (void)process;
    (void)is_done;
    return stub_refuse(detail, "take memory back");
}

weft_status weftos_reclaim_restore(weftos_reclaim *reclaim, weft_handle process,
                                   weft_detail *detail)
{
    (void)reclaim;
    (void)process;
    return stub_refuse(detail, "bring memory back");
}
