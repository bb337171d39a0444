/* SPDX-License-Identifier: MIT
 *
 * machine.h - what sysctlbyname() tells of the machine's memory.
 */
#ifndef DOUBLE_MACHINE_H
#define DOUBLE_MACHINE_H

#include <sys/sysctl.h>

struct xsw_usage double_swap(void);

/* 1, or what the environment says. */
int double_pressure(void);

#endif
