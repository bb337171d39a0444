/* SPDX-License-Identifier: MIT
 *
 * Libraries that are loaded at run time, which weft can't do here yet.
 */
#include <stdio.h>

#include "../gpu.h"

void *weftos_library_open(const char *name, char *why, size_t room)
{
    (void)snprintf(why, room, "cannot load %s here", name);
    return NULL;
}

weftos_gpu_function *weftos_library_find(void *library, const char *name)
{
    (void)library;
    (void)name;
    return NULL;
}

void weftos_library_close(void *library)
{
    (void)library;
}
