/* SPDX-License-Identifier: MIT
 *
 * Texts in UTF-16, as Windows takes them, from those in UTF-8.
 */
#ifndef WEFTOS_WINDOWS_RUN_TEXT_H
#define WEFTOS_WINDOWS_RUN_TEXT_H

#include "win.h"

/* A text that grows; nothing that was not zero-initialised. */
struct run_text {
    wchar_t *units; /* NULL: empty; else terminated */
    size_t length;
    size_t room;
};

void weftos_text_free(struct run_text *text);

/*
 * Append to it. WEFT_ENOMEM; WEFT_EINVAL: it is not UTF-8.
 */
weft_status weftos_text_add(struct run_text *text, const wchar_t *units,
                            size_t length);
weft_status weftos_text_add_utf8(struct run_text *text, const char *more);

/* A copy in UTF-8, to be freed. WEFT_EINVAL: it has half a character. */
weft_status weftos_text_narrow(const wchar_t *units, char **copy);

/*
 * Appends an argument so that CommandLineToArgvW, and what C compilers do in
 * its place, gives back these very bytes. The first one, the program's name, is
 * read by another rule, which has no way to write a quote: WEFT_EINVAL.
 */
weft_status weftos_text_add_argument(struct run_text *line,
                                     const char *argument);

/*
 * Finds a program as the shell does, but in the directories of `search` alone:
 * never in the working directory, unless it says so. A name with a separator
 * or drive is looked for from `directory`. The endings of `endings` are tried
 * behind it, and first of all none if it has one. `*path` is the file.
 *
 * WEFT_ENOENT. WEFT_EACCES: it is a batch file. What cmd.exe makes of the
 * arguments of one nobody can quote safely.
 */
weft_status weftos_program_find(const char *name, const wchar_t *directory,
                                const wchar_t *search, const wchar_t *endings,
                                struct run_text *path);

#endif
