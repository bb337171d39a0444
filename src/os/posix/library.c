/* SPDX-License-Identifier: MIT
 *
 * Libraries that are loaded at run time.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "../gpu.h"
#include "posix.h"

void *weftos_library_open(const char *name, char *why, size_t room)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    const char *text;

    if (library == NULL) {
        text = dlerror();
        (void)snprintf(why, room, "%.*s", (int)room - 1,
                       text != NULL ? text : name);
    }
    return library;
}

weftos_gpu_function *weftos_library_find(void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    weftos_gpu_function *function = NULL;

    /* A pointer to data becomes one to a function, which C has no cast for. */
    memcpy(&function, &symbol, sizeof(symbol));
    return function;
}

void weftos_library_close(void *library)
{
    (void)dlclose(library);
}
