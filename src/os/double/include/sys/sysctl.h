/* SPDX-License-Identifier: MIT
 *
 * <sys/sysctl.h> of macOS, as far as the double has it.
 */
#ifndef DOUBLE_SYS_SYSCTL_H
#define DOUBLE_SYS_SYSCTL_H

#include <stddef.h>

#define CTL_KERN 1
#define KERN_PROCARGS2 49

int sysctl(int *name, unsigned parts, void *old, size_t *old_bytes, void *new_,
           size_t new_bytes);
int sysctlbyname(const char *name, void *old, size_t *old_bytes, void *new_,
                 size_t new_bytes);

#endif
