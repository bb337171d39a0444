/* SPDX-License-Identifier: MIT
 *
 * run_group.h - control groups of a tree, and the files in them.
 *
 * A tree has up to four groups of the same name, one in each hierarchy that is
 * of use here: v2, which kills and counts CPU time even without a controller,
 * and the v1 hierarchies of the controllers that v2 does not have.
 */
#ifndef WEFTOS_LINUX_RUN_GROUP_H
#define WEFTOS_LINUX_RUN_GROUP_H

#include "run.h"

#define RUN_ROOT_VARIABLE "WEFT_CGROUP_ROOT"

/* Finds where groups can be made; what the fields held before is lost. */
void weftos_run_groups_find(struct run_group *groups);

/* Closes what that has opened. */
void weftos_run_groups_forget(struct run_group *groups);

/* -------------------------------------------------------------------- files
 */

/* Writes a file of a group; 0 or the error. */
int weftos_run_file_write(int directory, const char *name, const char *text);

/* Reads a file of a group, terminated. False: it has none. */
bool weftos_run_file_read(int directory, const char *name, char *text,
                          size_t room);

/* The number that is all of a file; "max" is UINT64_MAX. */
bool weftos_run_file_number(int directory, const char *name, uint64_t *number);

/* The number after a key, at the start of a line of a file. */
bool weftos_run_file_value(int directory, const char *name, const char *key,
                           uint64_t *number);

/* ------------------------------------------------------------------- groups
 */

/*
 * Makes the tree's group of a tier, if it has none yet. Its directory, or -1:
 * the tier's why_not says why.
 */
int weftos_run_group_make(struct run *run, enum run_tier tier);

/*
 * The group that has a controller: v2's, if it can have it, or v1's. -1: there
 * is none, and `why_not`, of 96 bytes, says why.
 */
int weftos_run_group_with(struct run *run, const char *controller,
                          enum run_tier v1, bool *is_unified, char *why_not);

#endif
