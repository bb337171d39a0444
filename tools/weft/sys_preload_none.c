/* SPDX-License-Identifier: MIT
 *
 * A program with a library in it that it knows nothing of: not here.
 */
#include "sys.h"

bool sys_preload_find(char *path, size_t room)
{
    (void)path;
    (void)room;
    return false;
}

int sys_preload_execute(const char *library, char **arguments)
{
    (void)library;
    (void)arguments;
    return SYS_BUSY; /* it is never called */
}

bool sys_preload_is_missing(int code)
{
    (void)code;
    return false;
}
