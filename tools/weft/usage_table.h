/* SPDX-License-Identifier: MIT
 *
 * usage_table.h - what processes use, for people and as JSON.
 */
#ifndef WEFT_USAGE_TABLE_H
#define WEFT_USAGE_TABLE_H

#include "tool.h"

/* The sum of a tree, whose root is the first member. */
void usage_print_sum(const weft_member *members, size_t count);

/* A line for each process, below its parent. */
void usage_print_tree(const weft_member *members, size_t count);

/* An object for each process with `each`, and one for the sum. */
void usage_print_json(const weft_member *members, size_t count, bool each);

#endif
