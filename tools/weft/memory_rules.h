/* SPDX-License-Identifier: MIT
 *
 * memory_rules.h - the file with the user's rules of who is left alone.
 */
#ifndef MEMORY_RULES_H
#define MEMORY_RULES_H

#include "tool.h"

/*
 * Reads the rules of a file, which the caller closes; NULL as the path: there
 * are none. TOOL_FAILED: it can't be read; TOOL_USAGE: there is a mistake in
 * it. Then it was said which, and `*rules` is NULL.
 */
int memory_read_rules(const char *path, weft_memory_rules **rules);

#endif
