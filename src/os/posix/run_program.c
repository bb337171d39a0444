/* SPDX-License-Identifier: MIT
 *
 * The program's file: found by PATH, and executed, as execvp does; but a file
 * that the system can't execute is given to a shell only if it is a text, and
 * when it can't be executed it is told what is missing of it.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

/* As much of a file as tells what it is: the length of "#!" lines. */
#define HEAD_BYTES 256

#define USUAL_PATH "/bin:/usr/bin"

/* The beginning of a file, terminated; -1: it can't be read. */
static ssize_t read_head(const char *path, char *head)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t bytes;

    if (file < 0) {
        return -1;
    }
    bytes = read(file, head, HEAD_BYTES - 1);
    (void)close(file);
    head[bytes > 0 ? bytes : 0] = '\0';
    return bytes;
}

/* As shells do it: what has a zero in it is no text. */
static void execute_text(const char *path, char *const *arguments, size_t count,
                         char *const *variables)
{
    static char shell[] = "/bin/sh";
    char head[HEAD_BYTES];
    ssize_t bytes = read_head(path, head);
    char **list = calloc(count + 2, sizeof(*list));

    if (bytes < 0 || strlen(head) != (size_t)bytes || list == NULL) {
        free(list);
        errno = ENOEXEC;
        return;
    }
    list[0] = shell;
    list[1] = (char *)(uintptr_t)path;
    for (size_t i = 1; i < count; i++) {
        list[i + 1] = arguments[i];
    }
    (void)execve(shell, list, variables);
    free(list);
}

/* Says more if it is there and the system finds no part of it. */
static void explain(const char *path, struct run_failure *failure)
{
    char head[HEAD_BYTES];
    const char *name = head + 2;

    if (access(path, F_OK) != 0) {
        return;
    }
    if (read_head(path, head) > 2 && strncmp(head, "#!", 2) == 0) {
        name += strspn(name, " \t");
        (void)snprintf(failure->operation, sizeof(failure->operation),
                       "find its interpreter '%.*s'",
                       (int)strcspn(name, " \t\r\n"), name);
    } else {
        (void)snprintf(failure->operation, sizeof(failure->operation),
                       "find its loader");
    }
}

/* False: `failure->os_code` says why not. */
static void execute_file(const char *path, char *const *arguments, size_t count,
                         char *const *variables, struct run_failure *failure)
{
    (void)execve(path, arguments, variables);
    if (errno == ENOEXEC) {
        execute_text(path, arguments, count, variables);
    }
    failure->os_code = errno;
    if (failure->os_code == ENOENT) {
        explain(path, failure);
    }
}

/* Whether the next place is to be looked at after this one. */
static bool goes_on(const struct run_failure *failure)
{
    switch (failure->os_code) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case ESTALE:
    case ENODEV:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* The next place of a list, as a path of the program; NULL: there is none. */
static const char *next_place(const char *places, const char *name, char *path,
                              size_t room)
{
    size_t length = strcspn(places, ":");

    if ((size_t)snprintf(path, room, "%.*s%s%s", (int)length, places,
                         length > 0 ? "/" : "", name) >= room) {
        path[0] = '\0';
    }
    return places[length] == ':' ? places + length + 1 : NULL;
}

void weftos_run_program(char *const *arguments, size_t count,
                        char *const *variables, struct run_failure *failure)
{
    const char *places = getenv("PATH");
    char path[PATH_MAX];
    bool is_denied = false;

    failure->os_code = ENOENT;
    if (strchr(arguments[0], '/') != NULL) {
        execute_file(arguments[0], arguments, count, variables, failure);
        return;
    }
    places = places != NULL ? places : USUAL_PATH;
    while (places != NULL && arguments[0][0] != '\0' && goes_on(failure)) {
        places = next_place(places, arguments[0], path, sizeof(path));
        execute_file(path, arguments, count, variables, failure);
        /* A place that can't be looked into does not have it. */
        is_denied = is_denied ||
                    (failure->os_code == EACCES && access(path, F_OK) == 0);
    }
    if (goes_on(failure)) {
        failure->os_code = is_denied ? EACCES : ENOENT;
    }
}
