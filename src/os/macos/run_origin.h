/* SPDX-License-Identifier: MIT
 *
 * run_origin.h - who a process was made by, whoever has adopted it since.
 */
#ifndef WEFTOS_MACOS_RUN_ORIGIN_H
#define WEFTOS_MACOS_RUN_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Numbers that no two processes have while the machine runs. */
struct run_origin {
    uint64_t own;
    uint64_t parent; /* of who made it */
};

/* False: it has ended, or this macOS does not tell. */
bool weftos_run_origin_of(pid_t pid, struct run_origin *origin);

#endif
