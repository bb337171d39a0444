/* SPDX-License-Identifier: MIT
 *
 * identity.h - the parts that find out what a process is.
 */
#ifndef WEFTOS_LINUX_IDENTITY_H
#define WEFTOS_LINUX_IDENTITY_H

#include <dirent.h>

#include "../identity.h"
#include "kin.h"

/*
 * A look at one process. The directory of /proc is open all the time: it is
 * that of this process, and empty when that has ended, whoever has the number
 * then.
 */
struct weftos_look {
    const char *root;
    int folder; /* of /proc/PID */
    struct kin kin;
    weft_memory_identity *identity;
};

/* The control group, the container, GUARDED and SHELTERED. */
void weftos_look_group(struct weftos_look *look);

/* The open files: AUDIO and MACHINE. */
void weftos_look_files(struct weftos_look *look);

/* The terminal and the display: FOREGROUND and WINDOWED. */
void weftos_look_front(struct weftos_look *look);

/*
 * The next of a directory of /proc, less "." and ".."; NULL: no other. Not all
 * of them were seen if reading has failed: then `*is_seen` becomes false.
 */
const struct dirent *weftos_next_entry(DIR *directory, bool *is_seen);

/* Reads a stat file below `root`. */
bool weftos_look_kin(const char *root, pid_t pid, struct kin *kin);

#endif
