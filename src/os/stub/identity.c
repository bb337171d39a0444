/* SPDX-License-Identifier: MIT
 *
 * What a process is, which weft can't tell here yet: so none is touched.
 */
#include "../identity.h"
#include "stub.h"

weft_status weftos_identify(const char *root, int64_t pid,
                            weft_memory_identity *identity, weft_detail *detail)
{
    (void)root;
    (void)pid;
    (void)identity;
    return stub_refuse(detail, "look at other processes");
}

weft_status weftos_target_open(int64_t pid, weft_handle *target,
                               weft_detail *detail)
{
    (void)pid;
    *target = WEFTOS_NONE;
    return stub_refuse(detail, "open another process");
}

bool weftos_target_lives(weft_handle target)
{
    (void)target;
    return false;
}

void weftos_target_close(weft_handle target)
{
    (void)target;
}
