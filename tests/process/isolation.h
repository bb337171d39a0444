/* SPDX-License-Identifier: MIT
 *
 * isolation.h - what the tests of isolation share: this program again, as the
 * one that is isolated, and a folder with something to hide.
 */
#ifndef WEFT_TESTS_ISOLATION_H
#define WEFT_TESTS_ISOLATION_H

#include <weft/weft.h>

#include "check.h"
#include "peer.h"

/* This program's file. */
extern char isolation_self[];

/* folder/ outside, read/file, write/, write/hidden/file; for all users. */
extern char isolation_folder[];
void isolation_folder_make(void);
void isolation_folder_remove(void);

/* A path there; good until the fourth call after. */
const char *isolation_path(const char *name);

/*
 * A spec under which this program can run: it may read its own file, and the
 * sanitizers, which would use ptrace, do not look for leaks.
 */
weft_process_spec *isolation_spec(weft_sandbox sandbox);

void isolation_rule(weft_process_spec *spec, const char *path,
                    weft_access access);

/* Starts this program in a role; it must succeed. */
weft_process *isolation_start(weft_process_spec *spec, const char *role);

weft_process_result isolation_end(weft_process *process);

/* The role ends well. Closes the process. */
void isolation_expect_well(weft_process *process);

/*
 * Runs `all` in a child, and as root once more as a user without rights, if
 * that one can reach this program and the helper.
 */
void isolation_as_users(void (*all)(void));

/* In a child: from here on the kernel refuses all new namespaces. */
bool isolation_refuse_namespaces(void);

/* Likewise, all new file systems; the namespaces themselves are to be had. */
bool isolation_refuse_mounts(void);

#endif
