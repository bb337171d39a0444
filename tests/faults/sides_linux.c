/* SPDX-License-Identifier: MIT
 *
 * Names are sockets in a directory; orphans can be adopted.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "check.h"
#include "sides.h"

/* Memory with a name, and what is temporary. */
static const char *const places[] = {"/dev/shm", "/tmp"};
#define PLACES (sizeof(places) / sizeof(places[0]))

/* How the names of the double's memory begin (src/os/double/memory.c). */
#define DOUBLE_PREFIX "weft-double."

static bool may_stay(const char *entry, const char *name)
{
    size_t length = strlen(name);

    return strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0 ||
           (strncmp(entry, name, length) == 0 &&
            strcmp(entry + length, ".sock") == 0);
}

bool sides_names_are_clean(const char *name)
{
    const char *place = getenv("WEFT_RUNTIME_DIR");
    DIR *list = place != NULL ? opendir(place) : NULL;
    const struct dirent *entry;
    bool clean = true;

    /* Without the directory nobody has used a name yet. */
    if (list == NULL) {
        return true;
    }
    while ((entry = readdir(list)) != NULL) {
        clean = clean && may_stay(entry->d_name, name);
    }
    (void)closedir(list);
    return clean;
}

static void look_into(const char *place, struct sides_litter *litter)
{
    DIR *list = opendir(place);
    const struct dirent *entry;

    REQUIRE(list != NULL);
    while ((entry = readdir(list)) != NULL) {
        if (strncmp(entry->d_name, DOUBLE_PREFIX, strlen(DOUBLE_PREFIX)) == 0) {
            litter->memories++;
        } else {
            litter->things++;
        }
    }
    (void)closedir(list);
}

struct sides_litter sides_look_around(void)
{
    struct sides_litter litter = {0, 0};

    for (size_t i = 0; i < PLACES; i++) {
        look_into(places[i], &litter);
    }
    return litter;
}

bool sides_own_places(void)
{
    if (unshare(CLONE_NEWNS) != 0) {
        return false;
    }
    REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    for (size_t i = 0; i < PLACES; i++) {
        REQUIRE(mount("tmpfs", places[i], "tmpfs", 0, NULL) == 0);
    }
    return true;
}

void sides_take_orphans(void)
{
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
}

intptr_t sides_hold_orphan(int id)
{
    return id; /* it stays to be reaped */
}

bool sides_orphan_ended_well(intptr_t orphan)
{
    int status = 0;

    return waitpid((pid_t)orphan, &status, 0) == (pid_t)orphan &&
           WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void sides_pass_all(void)
{
    /* A forked child has a copy of everything. */
}
