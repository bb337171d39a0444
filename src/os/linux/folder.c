/* SPDX-License-Identifier: MIT
 *
 * Directories of this user, as the XDG base directory specification has them.
 */
#define _GNU_SOURCE
#include "../posix/folder.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

weft_status weftos_folder_config(char path[WEFTOS_FOLDER_BYTES],
                                 const char **rule)
{
    weft_status status;

    if (weftos_folder_variable("XDG_CONFIG_HOME", "$XDG_CONFIG_HOME", path,
                               rule, &status)) {
        return status;
    }
    status = weftos_folder_home(path, rule);
    *rule = "the XDG specification: .config at home";
    return status == WEFT_OK ? weftos_folder_at_home(".config", path) : status;
}

weft_status weftos_folder_temp(char path[WEFTOS_FOLDER_BYTES],
                               const char **rule)
{
    *rule = "the fallback, because $TMPDIR is no absolute path";
    (void)snprintf(path, WEFTOS_FOLDER_BYTES, "/tmp");
    return WEFT_OK;
}

weft_status weftos_folder_runtime(char path[WEFTOS_FOLDER_BYTES],
                                  const char **rule)
{
    struct stat info;
    weft_status status;

    if (weftos_folder_variable("XDG_RUNTIME_DIR", "$XDG_RUNTIME_DIR", path,
                               rule, &status)) {
        return status;
    }
    *rule = "the session manager's directory /run/user/UID";
    (void)snprintf(path, WEFTOS_FOLDER_BYTES, "/run/user/%lu",
                   (unsigned long)geteuid());
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode) &&
                   info.st_uid == geteuid() && (info.st_mode & 077) == 0
               ? WEFT_OK
               : WEFT_ENOENT;
}
