/* SPDX-License-Identifier: MIT
 *
 * Programs under limits: not supported.
 */
#include "../run.h"
#include "stub.h"

weft_status weftos_helper_start(const char *path, bool forks,
                                weft_handle socket, weft_detail *detail)
{
    (void)path;
    (void)forks;
    (void)socket;
    return stub_refuse(detail, "run programs under limits");
}

int weftos_helper_main(weft_handle socket)
{
    (void)socket;
    return 1;
}
