/* SPDX-License-Identifier: MIT
 *
 * Directories of this user, as macOS has them.
 */
#include "../posix/folder.h"

#include <string.h>
#include <unistd.h>

weft_status weftos_folder_config(char path[WEFTOS_FOLDER_BYTES],
                                 const char **rule)
{
    weft_status status = weftos_folder_home(path, rule);

    *rule = "macOS: Library/Application Support at home";
    return status == WEFT_OK
               ? weftos_folder_at_home("Library/Application Support", path)
               : status;
}

/* A directory that macOS makes and keeps for this user; it ends in '/'. */
static weft_status ask(int name, char path[WEFTOS_FOLDER_BYTES])
{
    size_t bytes = confstr(name, path, WEFTOS_FOLDER_BYTES);
    size_t length;

    if (bytes == 0) {
        return weftos_errno_status(errno);
    }
    if (bytes > WEFTOS_FOLDER_BYTES) {
        return WEFT_ELIMIT;
    }
    length = strlen(path);
    if (length > 1 && path[length - 1] == '/') {
        path[length - 1] = '\0';
    }
    return WEFT_OK;
}

weft_status weftos_folder_temp(char path[WEFTOS_FOLDER_BYTES],
                               const char **rule)
{
    *rule = "macOS: DARWIN_USER_TEMP_DIR";
    return ask(_CS_DARWIN_USER_TEMP_DIR, path);
}

weft_status weftos_folder_runtime(char path[WEFTOS_FOLDER_BYTES],
                                  const char **rule)
{
    *rule = "macOS: DARWIN_USER_DIR";
    return ask(_CS_DARWIN_USER_DIR, path);
}
