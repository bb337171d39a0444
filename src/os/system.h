/* SPDX-License-Identifier: MIT
 *
 * system.h - what <weft/system.h> needs of the operating system besides os.h:
 * facts of the system, of this process and its limits, and directories.
 *
 * The rules of os.h hold here too.
 */
#ifndef WEFTOS_SYSTEM_H
#define WEFTOS_SYSTEM_H

#include "architecture.h"
#include "os.h"

/*
 * Fills in what it can find out, and names that in `valid`. All of it is zero
 * before, but for `size` and `process`.
 */
void weftos_system_find(weft_system *system);

/* Copies a text into a member, or as much of it as there is room for. */
#define WEFTOS_SET_TEXT(member, text)                                          \
    ((void)snprintf((member), sizeof(member), "%.*s", (int)sizeof(member) - 1, \
                    (text)))

/*
 * Fills in what this process uses, and names that in `valid`. All of it is
 * zero before, but for `size`; the limits are not its work.
 */
weft_status weftos_self_find(weft_self *self);

/*
 * A limit of this process, in the unit of the resource, which is one. What
 * can't be limited is WEFT_ENOTSUP, with the reason as the operation, before
 * anything has changed. `soft` is at most `hard`, and not 0 for CPU.
 */
weft_status weftos_limit_get(weft_resource resource, uint64_t *soft,
                             uint64_t *hard, weft_detail *detail);
weft_status weftos_limit_set(weft_resource resource, uint64_t soft,
                             uint64_t hard, weft_detail *detail);

/* ---------------------------------------------------------------- paths --- */

/* Paths have drives and two separators. */
extern const bool weftos_paths_are_windows;

enum weftos_folder {
    WEFTOS_FOLDER_HOME,
    WEFTOS_FOLDER_CONFIG,
    WEFTOS_FOLDER_TEMP,
    WEFTOS_FOLDER_RUNTIME
};

/* More than a path has on any system, as UTF-8; longer ones are an error. */
#define WEFTOS_FOLDER_BYTES 8192

/*
 * Finds a directory of this user's, as weft_path_home and the others say.
 * `*rule` is a static string.
 */
weft_status weftos_folder_find(enum weftos_folder folder,
                               char path[WEFTOS_FOLDER_BYTES],
                               const char **rule);

#endif
