/* SPDX-License-Identifier: MIT
 *
 * folder.h - the seam between folder.c and each system.
 */
#ifndef WEFTOS_POSIX_FOLDER_H
#define WEFTOS_POSIX_FOLDER_H

#include "../system.h"
#include "posix.h"

weft_status weftos_folder_home(char path[WEFTOS_FOLDER_BYTES],
                               const char **rule);

/* The variable, if it is an absolute path; then it is the rule, too. */
bool weftos_folder_variable(const char *name, const char *variable_rule,
                            char path[WEFTOS_FOLDER_BYTES], const char **rule,
                            weft_status *status);

/* `path` is the user's home, and becomes a directory in it. */
weft_status weftos_folder_at_home(const char *name,
                                  char path[WEFTOS_FOLDER_BYTES]);

/* ------------------------------------------- what each system does itself */

weft_status weftos_folder_config(char path[WEFTOS_FOLDER_BYTES],
                                 const char **rule);
weft_status weftos_folder_temp(char path[WEFTOS_FOLDER_BYTES],
                               const char **rule);
weft_status weftos_folder_runtime(char path[WEFTOS_FOLDER_BYTES],
                                  const char **rule);

#endif
