/* SPDX-License-Identifier: MIT
 *
 * Paths as texts, by the rules of either kind of system: the tests try both of
 * them everywhere. What is returned is what <weft/system.h> says.
 */
#ifndef WEFTI_PATH_H
#define WEFTI_PATH_H

#include <stdbool.h>
#include <stddef.h>

int wefti_path_join(bool is_windows, const char *first, const char *second,
                    char *text, size_t bytes);
int wefti_path_normalise(bool is_windows, const char *path, char *text,
                         size_t bytes);
int wefti_path_executable(bool is_windows, const char *name, char *text,
                          size_t bytes);

#endif
