/* SPDX-License-Identifier: MIT
 *
 * Where this user's programs keep what they know, on macOS, and whether that
 * is on this machine.
 */
#include <sys/mount.h>
#include <sys/param.h>

#include <weft/system.h>

#include "sys.h"

bool sys_state_directory(char *path, size_t room)
{
    int length = weft_path_config(path, room, NULL);

    return length > 0 && (size_t)length < room;
}

bool sys_is_local(const char *path)
{
    struct statfs facts;

    return statfs(path, &facts) == 0 && (facts.f_flags & MNT_LOCAL) != 0;
}
