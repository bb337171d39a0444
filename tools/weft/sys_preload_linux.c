/* SPDX-License-Identifier: MIT
 *
 * A program with a library in it that it knows nothing of: LD_PRELOAD, which
 * the dynamic linker reads, and the program's children inherit.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

/* Beside this program, as it is installed. */
static bool find_beside(const char *more, char *path, size_t room)
{
    char self[PATH_MAX];
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (bytes < 0) {
        return false;
    }
    self[bytes] = '\0';
    slash = strrchr(self, '/');
    *slash = '\0';
    return (size_t)snprintf(path, room, "%s/%s", self, more) < room &&
           access(path, R_OK) == 0;
}

bool sys_preload_find(char *path, size_t room)
{
    const char *asked = getenv("WEFT_TRIM_LIBRARY");

    if (asked != NULL) {
        return (size_t)snprintf(path, room, "%s", asked) < room &&
               access(path, R_OK) == 0;
    }
    return find_beside("libweft-trim.so", path, room) ||
           find_beside(WEFT_TRIM_BESIDE, path, room) ||
           ((size_t)snprintf(path, room, "%s", WEFT_TRIM_PATH) < room &&
            access(path, R_OK) == 0);
}

int sys_preload_execute(const char *library, char **arguments)
{
    const char *before = getenv("LD_PRELOAD");
    char *list;
    int length;

    /* What separates the libraries can't be in the name of one. */
    if (strpbrk(library, " :") != NULL) {
        return EINVAL;
    }
    if (before == NULL || before[0] == '\0') {
        length = asprintf(&list, "%s", library);
    } else {
        length = asprintf(&list, "%s:%s", library, before);
    }
    if (length < 0) {
        return ENOMEM;
    }
    if (setenv("LD_PRELOAD", list, 1) == 0) {
        (void)execvp(arguments[0], arguments);
    }
    free(list);
    return errno;
}

bool sys_preload_is_missing(int code)
{
    return code == ENOENT || code == ENOTDIR;
}
