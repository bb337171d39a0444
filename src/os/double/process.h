/* SPDX-License-Identifier: MIT
 *
 * process.h - what is known of a process, before it is asked who wants to
 * know.
 */
#ifndef DOUBLE_PROCESS_H
#define DOUBLE_PROCESS_H

#include <sys/proc_info.h>

/* 0, or an errno: there is none. */
int double_identify(int pid, struct proc_bsdinfo *found);

#endif
