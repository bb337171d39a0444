/* SPDX-License-Identifier: MIT
 *
 * The library of ncurses, loaded at run time. It stays for the rest of the
 * process.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "curses_posix.h"

/* The one for wide characters; macOS has no other. */
static const char *const libraries[] = {"libncursesw.so.6",
                                        "/usr/lib/libncurses.5.4.dylib"};

static void *open_library(char *why, size_t room)
{
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        void *library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);

        if (library != NULL) {
            return library;
        }
        if (i == 0) {
            const char *text = dlerror();

            (void)snprintf(why, room, "cannot load ncurses: %s",
                           text != NULL ? text : libraries[i]);
        }
    }
    return NULL;
}

/* A pointer to data becomes one to a function, which C has no cast for. */
static bool find(void *library, const char *name, void *place)
{
    void *symbol = dlsym(library, name);

    memcpy(place, &symbol, sizeof(symbol));
    return symbol != NULL;
}

const curses_calls *curses_load(char *why, size_t room)
{
    static curses_calls calls;
    static bool is_loaded;
    bool has_all = true;
    void *library;

    if (is_loaded) {
        return &calls;
    }
    library = open_library(why, room);
    if (library == NULL) {
        return NULL;
    }
#define CURSES_FIND(name)                                                      \
    has_all = find(library, #name, &calls.name) && has_all;
    CURSES_CALLS(CURSES_FIND)
#undef CURSES_FIND
    if (!has_all) {
        (void)snprintf(why, room, "this system's ncurses lacks a call");
        (void)dlclose(library);
        return NULL;
    }
    is_loaded = true;
    return &calls;
}
