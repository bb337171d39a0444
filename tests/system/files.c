/* SPDX-License-Identifier: MIT
 *
 * A tree of files that looks like one of the kernel's.
 */
#define _GNU_SOURCE
#include "files.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"

static char root[64];

const char *files_begin(void)
{
    (void)snprintf(root, sizeof(root), "/tmp/weft-tree-XXXXXX");
    REQUIRE(mkdtemp(root) != NULL);
    return root;
}

static void make_folders(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL;
         at = strchr(at + 1, '/')) {
        *at = '\0';
        REQUIRE(mkdir(path, 0700) == 0 || errno == EEXIST);
        *at = '/';
    }
}

void files_make(const char *name, const char *text)
{
    char path[PATH_MAX];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s%s", root, name);
    make_folders(path);
    file = fopen(path, "we");
    REQUIRE(file != NULL);
    CHECK(fputs(text, file) >= 0);
    REQUIRE(fclose(file) == 0);
}

static int remove_one(const char *path, const struct stat *info, int kind,
                      struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void files_end(void)
{
    CHECK(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}
