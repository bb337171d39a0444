/* SPDX-License-Identifier: MIT
 *
 * Processes, holdings and payloads of the failure tests.
 */
#define _GNU_SOURCE
#include "sides.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

void *sides_share(size_t bytes)
{
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    REQUIRE(map != MAP_FAILED);
    return map;
}

/* ------------------------------------------------------------ processes --- */

pid_t sides_fork(unsigned seconds)
{
    pid_t parent = getpid();
    pid_t child = fork();

    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _Exit(EXIT_FAILURE);
        }
        (void)alarm(seconds);
    } else {
        REQUIRE(child > 0);
    }
    return child;
}

int sides_wait(pid_t child)
{
    int status = -1;

    REQUIRE(waitpid(child, &status, 0) == child);
    return status;
}

bool sides_ended_well(pid_t child)
{
    int status = sides_wait(child);

    if (WIFSIGNALED(status)) {
        printf("# process ended by signal %d%s\n", WTERMSIG(status),
               WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ------------------------------------------------------------- holdings --- */

static int count_mappings(void)
{
    char line[512];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");

    REQUIRE(maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        count += strstr(line, "memfd:weft") != NULL;
    }
    (void)fclose(maps);
    return count;
}

struct sides_holdings sides_hold(void)
{
    struct sides_holdings now = {check_open_handles(), count_mappings()};

    return now;
}

void sides_check_holdings(const struct sides_holdings *before)
{
    struct sides_holdings now = sides_hold();

    if (!CHECK(now.handles == before->handles)) {
        printf("# descriptors: %d, then %d\n", before->handles, now.handles);
    }
    if (!CHECK(now.mappings == before->mappings)) {
        printf("# mappings: %d, then %d\n", before->mappings, now.mappings);
    }
}

/* ------------------------------------------------------------ directory --- */

static char directory[64];

void sides_make_directory(void)
{
    (void)strcpy(directory, "/tmp/weft-faults-XXXXXX");
    REQUIRE(mkdtemp(directory) != NULL);
    REQUIRE(setenv("WEFT_RUNTIME_DIR", directory, 1) == 0);
}

const char *sides_directory(void)
{
    return directory;
}

/* Calls back for each entry; false if one of them did. */
static bool each_entry(bool (*visit)(const char *entry, const char *context),
                       const char *context)
{
    DIR *list = opendir(directory);
    const struct dirent *entry;
    bool all = true;

    if (list == NULL) {
        return false;
    }
    while ((entry = readdir(list)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0) {
            all = visit(entry->d_name, context) && all;
        }
    }
    (void)closedir(list);
    return all;
}

static bool remove_entry(const char *entry, const char *context)
{
    char path[512];

    (void)context;
    (void)snprintf(path, sizeof(path), "%s/%s", directory, entry);
    return unlink(path) == 0;
}

void sides_remove_directory(void)
{
    CHECK(each_entry(remove_entry, NULL));
    CHECK(rmdir(directory) == 0);
    (void)unsetenv("WEFT_RUNTIME_DIR");
}

static bool is_socket_of(const char *entry, const char *name)
{
    size_t length = strlen(name);

    return strncmp(entry, name, length) == 0 &&
           strcmp(entry + length, ".sock") == 0;
}

bool sides_directory_is_clean(const char *name)
{
    return each_entry(is_socket_of, name);
}

/* ------------------------------------------------------------- payloads --- */

static unsigned char expected_byte(uint64_t number, size_t place)
{
    return (unsigned char)((number * 131 + place * 7 + (place >> 8)) & 0xff);
}

void sides_fill(void *payload, size_t bytes, uint64_t number)
{
    unsigned char *to = payload;

    for (size_t i = 0; i < bytes; i++) {
        to[i] = expected_byte(number, i);
    }
}

bool sides_matches(const void *payload, size_t bytes, uint64_t number)
{
    const unsigned char *from = payload;

    for (size_t i = 0; i < bytes; i++) {
        if (from[i] != expected_byte(number, i)) {
            return false;
        }
    }
    return true;
}
