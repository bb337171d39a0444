/* SPDX-License-Identifier: MIT
 *
 * process_number.h - what the commands that are given a process's number have
 * in common.
 */
#ifndef WEFT_PROCESS_NUMBER_H
#define WEFT_PROCESS_NUMBER_H

#include "tool.h"

/* A whole number, perhaps below 0, which is one that is refused elsewhere. */
bool process_parse(const char *text, int64_t *pid);

/* Says that it failed, and why; gives the exit code. */
int process_failed(const char *action, int64_t pid, const weft_detail *detail);

/* As weft_tree_measure, with memory for all of them, which the caller frees. */
weft_status process_measure(int64_t pid, uint32_t what, weft_member **members,
                            size_t *count, weft_detail *detail);

#endif
