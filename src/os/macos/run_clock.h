/* SPDX-License-Identifier: MIT
 *
 * run_clock.h - the unit of the times that proc_pid_rusage() tells.
 */
#ifndef WEFTOS_MACOS_RUN_CLOCK_H
#define WEFTOS_MACOS_RUN_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which of two readings of `told`, this process's CPU time as
 * proc_pid_rusage() has it, is nearer to what getrusage() has: ticks of
 * `numer` / `denom` ns, or ns. True: ticks.
 */
bool weftos_run_clock_has_ticks(uint64_t told, uint64_t used_ns, uint32_t numer,
                                uint32_t denom);

/* A time that proc_pid_rusage() told, in ns. */
uint64_t weftos_run_clock_ns(uint64_t told);

#endif
