/* SPDX-License-Identifier: MIT
 *
 * Directories of this user.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "folder.h"

#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const bool weftos_paths_are_windows = false;

/* More than an entry of the list of users takes. */
#define ENTRY_BYTES 16384

static weft_status copy(const char *from, char path[WEFTOS_FOLDER_BYTES])
{
    return snprintf(path, WEFTOS_FOLDER_BYTES, "%s", from) < WEFTOS_FOLDER_BYTES
               ? WEFT_OK
               : WEFT_ELIMIT;
}

bool weftos_folder_variable(const char *name, const char *variable_rule,
                            char path[WEFTOS_FOLDER_BYTES], const char **rule,
                            weft_status *status)
{
    const char *value = getenv(name);

    if (value == NULL || value[0] != '/') {
        return false;
    }
    *rule = variable_rule;
    *status = copy(value, path);
    return true;
}

weft_status weftos_folder_at_home(const char *name,
                                  char path[WEFTOS_FOLDER_BYTES])
{
    size_t length = strlen(path);

    return (size_t)snprintf(path + length, WEFTOS_FOLDER_BYTES - length, "%s%s",
                            length == 1 ? "" : "/",
                            name) < WEFTOS_FOLDER_BYTES - length
               ? WEFT_OK
               : WEFT_ELIMIT;
}

static weft_status ask_users(char path[WEFTOS_FOLDER_BYTES])
{
    char *room = calloc(1, ENTRY_BYTES);
    struct passwd entry;
    struct passwd *found = NULL;
    weft_status status = WEFT_ENOMEM;
    int error;

    if (room == NULL) {
        return status;
    }
    error = getpwuid_r(geteuid(), &entry, room, ENTRY_BYTES, &found);
    if (found != NULL && found->pw_dir != NULL && found->pw_dir[0] == '/') {
        status = copy(found->pw_dir, path);
    } else {
        status =
            found != NULL || error == 0 || error == ENOENT || error == ESRCH
                ? WEFT_ENOENT
                : weftos_errno_status(error);
    }
    free(room);
    return status;
}

weft_status weftos_folder_home(char path[WEFTOS_FOLDER_BYTES],
                               const char **rule)
{
    weft_status status;

    if (weftos_folder_variable("HOME", "$HOME", path, rule, &status)) {
        return status;
    }
    *rule = "the system's list of users";
    return ask_users(path);
}

static weft_status find(enum weftos_folder folder,
                        char path[WEFTOS_FOLDER_BYTES], const char **rule)
{
    weft_status status;

    switch (folder) {
    case WEFTOS_FOLDER_TEMP:
        return weftos_folder_variable("TMPDIR", "$TMPDIR", path, rule, &status)
                   ? status
                   : weftos_folder_temp(path, rule);
    case WEFTOS_FOLDER_RUNTIME:
        return weftos_folder_runtime(path, rule);
    case WEFTOS_FOLDER_CONFIG:
        return weftos_folder_config(path, rule);
    default:
        return weftos_folder_home(path, rule);
    }
}

weft_status weftos_folder_find(enum weftos_folder folder,
                               char path[WEFTOS_FOLDER_BYTES],
                               const char **rule)
{
    weft_status status;
    int cancel;

    /* A thread that is cancelled in here would keep memory and files. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    status = find(folder, path, rule);
    (void)pthread_setcancelstate(cancel, &cancel);
    return status;
}
