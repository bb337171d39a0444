/* SPDX-License-Identifier: MIT
 *
 * What a user has in front of him.
 *
 * At a terminal the kernel knows: job control has one group of processes in
 * the foreground. That is what a user sees, if the terminal is used: it notes
 * when it was read from and written to. What the job has started goes with it,
 * unless a shell in it has put that into the background of the same terminal.
 *
 * A display does not tell without its protocol which window is in front, and
 * by Wayland's not even then. So whoever has been told of a display is taken
 * for one that may be.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "identity.h"

/*
 * A terminal that was not read from or written to for so long is one that
 * nobody looks at. The kernel notes the time in steps of 8 s.
 */
#define IDLE_S 600

/* Longer lines of ancestors, which no machine has, are not followed. */
#define ANCESTORS_MOST 1024

/* More than any environment: the kernel takes 6 MiB at most. */
#define ENVIRONMENT_MOST ((size_t)8 << 20)

/* ------------------------------------------------------------- terminal --- */

/* As the stat file has it: the minor number around the major one. */
static bool is_device(const struct stat *info, unsigned device)
{
    return S_ISCHR(info->st_mode) &&
           major(info->st_rdev) == (device >> 8 & 0xfff) &&
           minor(info->st_rdev) == ((device & 0xff) | (device >> 12 & 0xfff00));
}

/*
 * Whether the terminal was used lately. It is found among the process's own
 * files, as its name may be another's in our view of the file system. Where
 * that can't be done, it counts as used.
 */
static bool is_used(const char *root, const struct kin *kin)
{
    char path[PATH_MAX];
    struct stat info;
    time_t now = time(NULL);

    for (int i = 0; i <= 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/proc/%d/fd/%d", root, kin->pid,
                       i);
        if (stat(path, &info) == 0 && is_device(&info, kin->device)) {
            return now - info.st_atime <= IDLE_S ||
                   now - info.st_mtime <= IDLE_S;
        }
    }
    return true;
}

enum front { FRONT_NO, FRONT_YES, FRONT_UNKNOWN };

/* From the process upwards, to the first that has a terminal. */
static enum front find_front(const struct weftos_look *look)
{
    struct kin kin = look->kin;

    for (int i = 0; i < ANCESTORS_MOST; i++) {
        struct kin parent;

        if (kin.device != 0) {
            return kin.front > 0 && kin.front == kin.group &&
                           is_used(look->root, &kin)
                       ? FRONT_YES
                       : FRONT_NO;
        }
        if (kin.parent <= 1) {
            return FRONT_NO;
        }
        /* Whoever began later has the number of a parent that is gone. */
        if (!weftos_look_kin(look->root, kin.parent, &parent) ||
            parent.start > kin.start) {
            return FRONT_UNKNOWN;
        }
        kin = parent;
    }
    return FRONT_UNKNOWN;
}

/* -------------------------------------------------------------- display --- */

/* A display's name is short; what follows its beginning does not matter. */
#define VARIABLE_BYTES 32

static bool names_display(const char *variable)
{
    static const char *const names[] = {"DISPLAY=", "WAYLAND_DISPLAY="};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t length = strlen(names[i]);

        if (strncmp(variable, names[i], length) == 0 &&
            variable[length] != '\0') {
            return true;
        }
    }
    return false;
}

/* The environment in parts; only the beginning of each variable is kept. */
struct scan {
    char variable[VARIABLE_BYTES];
    size_t length;
    bool has_display;
};

static void scan_part(struct scan *scan, const char *part, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (part[i] == '\0') {
            scan->variable[scan->length] = '\0';
            scan->has_display |= names_display(scan->variable);
            scan->length = 0;
        } else if (scan->length < sizeof(scan->variable) - 1) {
            scan->variable[scan->length++] = part[i];
        }
    }
}

static void look_display(struct weftos_look *look)
{
    struct scan scan = {.length = 0};
    char part[4096];
    size_t total = 0;
    ssize_t got = 1;
    int file = openat(look->folder, "environ", O_RDONLY | O_CLOEXEC);

    if (file < 0) {
        return;
    }
    while (got > 0 && total < ENVIRONMENT_MOST && !scan.has_display) {
        do {
            got = read(file, part, sizeof(part));
        } while (got < 0 && errno == EINTR);
        if (got > 0) {
            scan_part(&scan, part, (size_t)got);
            total += (size_t)got;
        }
    }
    (void)close(file);
    scan_part(&scan, "", 1); /* the last one may have no end */
    if (got == 0 || scan.has_display) {
        weftos_identity_mark(look->identity, WEFT_MARK_WINDOWED,
                             scan.has_display);
    }
}

void weftos_look_front(struct weftos_look *look)
{
    enum front front = find_front(look);

    if (front != FRONT_UNKNOWN) {
        weftos_identity_mark(look->identity, WEFT_MARK_FOREGROUND,
                             front == FRONT_YES);
    }
    look_display(look);
}
