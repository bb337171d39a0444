/* SPDX-License-Identifier: MIT
 *
 * Processes and doorbells: none. The process token is a constant, because a
 * back end without handles has none that a child could misuse.
 */
#include "stub.h"

static const uint64_t token = 1;

const volatile uint64_t *weftos_process_token = &token;

weft_status weftos_process_mark(weft_detail *detail)
{
    (void)detail;
    return WEFT_OK;
}

/*
 * C has no call for it. The variable names a channel, which this back end
 * refuses to open, so nobody is misled by what stays.
 */
void weftos_environment_remove(const char *name)
{
    (void)name;
}

weft_status weftos_process_open(int64_t pid, weft_handle *process,
                                weft_detail *detail)
{
    (void)pid;
    (void)process;
    return stub_refuse(detail, "watch a process");
}

weft_status weftos_bell_open(weft_handle *mine, weft_handle *theirs,
                             weft_detail *detail)
{
    (void)mine;
    (void)theirs;
    return stub_refuse(detail, "make a doorbell");
}

weft_status weftos_bell_adopt(weft_handle theirs, weftos_bell *bell,
                              weft_detail *detail)
{
    (void)theirs;
    (void)bell;
    return stub_refuse(detail, "adopt a doorbell");
}

weft_status weftos_bell_ring(const weftos_bell *bell, weft_detail *detail)
{
    (void)bell;
    return stub_refuse(detail, "ring a doorbell");
}
