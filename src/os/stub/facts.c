/* SPDX-License-Identifier: MIT
 *
 * The system, this process and its limits, and directories: nothing is known.
 */
#include "../system.h"
#include "stub.h"

const bool weftos_paths_are_windows = false;

void weftos_system_find(weft_system *system)
{
    (void)system;
}

weft_status weftos_self_find(weft_self *self)
{
    (void)self;
    return WEFT_ENOTSUP;
}

weft_status weftos_limit_get(weft_resource resource, uint64_t *soft,
                             uint64_t *hard, weft_detail *detail)
{
    (void)resource;
    (void)soft;
    (void)hard;
    return stub_refuse(detail, "read a limit: weft has no back end here");
}

weft_status weftos_limit_set(weft_resource resource, uint64_t soft,
                             uint64_t hard, weft_detail *detail)
{
    (void)resource;
    (void)soft;
    (void)hard;
    return stub_refuse(detail, "set a limit: weft has no back end here");
}

weft_status weftos_folder_find(enum weftos_folder folder,
                               char path[WEFTOS_FOLDER_BYTES],
                               const char **rule)
{
    (void)folder;
    (void)path;
    (void)rule;
    return WEFT_ENOTSUP;
}
