/* SPDX-License-Identifier: MIT
 *
 * machine.h - what sysctlbyname() tells of the machine's memory, and the call
 * that drops copies of files.
 */
#ifndef DOUBLE_MACHINE_H
#define DOUBLE_MACHINE_H

struct xsw_usage;
struct xsw_usage double_swap(void);

/* 1, or what the environment says. */
int double_pressure(void);

/* The address of vfs_purge(); NULL: this macOS has none. */
void *double_find_purge(void);

/* How often this process has dropped copies of files. */
unsigned double_purges(void);

#endif
