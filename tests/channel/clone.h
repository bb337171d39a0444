/* SPDX-License-Identifier: MIT
 *
 * clone.h - a fork that runs no handlers, where there is one.
 */
#ifndef WEFT_TESTS_CLONE_H
#define WEFT_TESTS_CLONE_H

#include <sys/types.h>

/* As fork(); NULL: fork() is the only way. */
extern pid_t (*const clone_process)(void);

#endif
