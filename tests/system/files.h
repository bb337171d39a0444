/* SPDX-License-Identifier: MIT
 *
 * files.h - a tree of files that looks like one of the kernel's.
 */
#ifndef WEFT_TESTS_FILES_H
#define WEFT_TESTS_FILES_H

/* Makes an empty one, and returns its root; there is one at a time. */
const char *files_begin(void);

/* Makes a file and the directories that it needs. `name` begins with a '/'. */
void files_make(const char *name, const char *text);

/* Removes all of it. */
void files_end(void);

#endif
