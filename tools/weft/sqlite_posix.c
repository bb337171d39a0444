/* SPDX-License-Identifier: MIT
 *
 * SQLite's library, loaded at run time.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "sqlite_posix.h"

/* Strict tables are as old as this. */
#define VERSION_LEAST 3037000

static const char *const libraries[] = {"libsqlite3.so.0",
                                        "/usr/lib/libsqlite3.dylib"};

static sqlite_calls calls;
static void *library; /* NULL: it is not loaded */

static void *open_library(char *why, size_t room)
{
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        void *opened = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);

        if (opened != NULL) {
            return opened;
        }
        if (i == 0) {
            const char *text = dlerror();

            (void)snprintf(why, room, "cannot load SQLite: %s",
                           text != NULL ? text : libraries[i]);
        }
    }
    return NULL;
}

/* A pointer to data becomes one to a function, which C has no cast for. */
static bool find(const char *name, void *place)
{
    void *symbol = dlsym(library, name);

    memcpy(place, &symbol, sizeof(symbol));
    return symbol != NULL;
}

const sqlite_calls *sqlite_load(char *why, size_t room)
{
    bool has_all = true;

    if (library != NULL) {
        return &calls;
    }
    library = open_library(why, room);
    if (library == NULL) {
        return NULL;
    }
#define SQLITE_FIND(name)                                                      \
    has_all = find("sqlite3_" #name, &calls.name) && has_all;
    SQLITE_CALLS(SQLITE_FIND)
#undef SQLITE_FIND
    if (!has_all || calls.libversion_number() < VERSION_LEAST) {
        (void)snprintf(why, room, "this system's SQLite is older than 3.37");
        (void)dlclose(library);
        library = NULL;
        return NULL;
    }
    return &calls;
}

void sqlite_unload(void)
{
    if (library != NULL) {
        (void)calls.shutdown();
        (void)dlclose(library);
        library = NULL;
    }
}
