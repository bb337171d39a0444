/* SPDX-License-Identifier: MIT
 *
 * Where this user's programs keep what they know, on Linux, and whether that
 * is on this machine.
 */
#define _POSIX_C_SOURCE 200809L

#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>

#include <weft/system.h>

#include "sys.h"

/* Those that <linux/magic.h> of an older kernel lacks. */
#define MAGIC_CIFS 0xff534d42u
#define MAGIC_SMB2 0xfe534d42u
#define MAGIC_CEPH 0x00c36400u
#define MAGIC_FUSE 0x65735546u

bool sys_state_directory(char *path, size_t room)
{
    const char *own = getenv("XDG_STATE_HOME");
    char home[4096];
    int length;

    if (own != NULL && own[0] == '/') {
        length = snprintf(path, room, "%s", own);
        return length >= 0 && (size_t)length < room;
    }
    if (weft_path_home(home, sizeof(home), NULL) <= 0 || home[0] == '\0') {
        return false;
    }
    length = weft_path_join(home, ".local/state", path, room);
    return length > 0 && (size_t)length < room;
}

bool sys_is_local(const char *path)
{
    struct statfs facts;

    if (statfs(path, &facts) != 0) {
        return false;
    }
    switch ((unsigned long)facts.f_type & 0xffffffffu) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case MAGIC_CIFS:
    case MAGIC_SMB2:
    case AFS_SUPER_MAGIC:
    case CODA_SUPER_MAGIC:
    case V9FS_MAGIC:
    case MAGIC_CEPH:
    case MAGIC_FUSE:
        return false;
    default:
        return true;
    }
}
