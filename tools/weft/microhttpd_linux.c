/* SPDX-License-Identifier: MIT
 *
 * libmicrohttpd, loaded at run time. It stays for the rest of the process.
 */
#include "microhttpd_linux.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* The version of the interface that <microhttpd.h> describes. */
static const char library_name[] = "libmicrohttpd.so.12";

/* A pointer to data becomes one to a function, which C has no cast for. */
static bool find(void *library, const char *name, void *place)
{
    void *symbol = dlsym(library, name);

    memcpy(place, &symbol, sizeof(symbol));
    return symbol != NULL;
}

const microhttpd_calls *microhttpd_load(char *why, size_t room)
{
    static microhttpd_calls calls;
    bool has_all = true;
    void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL) {
        const char *text = dlerror();

        (void)snprintf(why, room, "cannot load libmicrohttpd: %s",
                       text != NULL ? text : library_name);
        return NULL;
    }
#define MICROHTTPD_FIND(name)                                                  \
    has_all = find(library, "MHD_" #name, &calls.name) && has_all;
    MICROHTTPD_CALLS(MICROHTTPD_FIND)
#undef MICROHTTPD_FIND
    if (!has_all) {
        (void)snprintf(why, room, "this system's libmicrohttpd is too old");
        (void)dlclose(library);
        return NULL;
    }
    return &calls;
}
