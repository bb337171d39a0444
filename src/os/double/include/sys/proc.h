/* SPDX-License-Identifier: MIT
 *
 * <sys/proc.h> of macOS, as far as the double has it: the states of a process.
 */
#ifndef DOUBLE_SYS_PROC_H
#define DOUBLE_SYS_PROC_H

#define SRUN 2
#define SZOMB 5 /* has ended, and was not waited for */

#endif
