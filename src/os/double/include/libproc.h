/* SPDX-License-Identifier: MIT
 *
 * <libproc.h> of macOS, as far as the double has it.
 */
#ifndef DOUBLE_LIBPROC_H
#define DOUBLE_LIBPROC_H

#include <stdint.h>
#include <sys/proc_info.h>

/* Both give the bytes that they filled in; 0 and errno if they failed. */
int proc_pidinfo(int pid, int flavor, uint64_t argument, void *buffer,
                 int bytes);
int proc_pidfdinfo(int pid, int fd, int flavor, void *buffer, int bytes);

#endif
