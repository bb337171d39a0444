/* SPDX-License-Identifier: MIT
 *
 * known.h - programs that are known by their files.
 *
 * A program is known by its whole path, or by its name in one of the folders
 * that are the system's: those that a user who has no right to change the
 * system can't put a file into. The comparison is exact, so that "Dock" is not
 * "com.docker.backend". A list can only protect, so that who has the right and
 * uses it gains nothing but protection.
 */
#ifndef WEFTOS_KNOWN_H
#define WEFTOS_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/protect.h>

/*
 * Files that mean a mark: a name without a separator is looked for in the
 * folders.
 */
struct weftos_known_list {
    weft_mark mark;
    const char *const *files; /* the last is NULL */
};

#define WEFTOS_KNOWN_LISTS 3

struct weftos_known {
    char separator;
    const char *const *folders; /* each ends with a separator; NULL at last */
    struct weftos_known_list lists[WEFTOS_KNOWN_LISTS];
};

/* The lists of this system. */
extern const struct weftos_known weftos_known;

/* The marks, as bits, of the program in the file `exe`. */
uint32_t weftos_known_marks(const struct weftos_known *known, const char *exe,
                            bool ignores_case);

#endif
