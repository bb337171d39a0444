/* SPDX-License-Identifier: MIT
 *
 * job.h - the job that this process is in, as far as it can see it.
 */
#ifndef WEFTOS_WINDOWS_JOB_H
#define WEFTOS_WINDOWS_JOB_H

#include <stdbool.h>
#include <stdint.h>

enum weftos_job_sight { WEFTOS_JOB_UNKNOWN, WEFTOS_JOB_NONE, WEFTOS_JOB_SOME };

enum weftos_job_sight weftos_is_in_job(void);

/*
 * The limits of memory of one process, and of all of the job together;
 * WEFT_UNLIMITED: none, or no job. False: they can't be asked.
 */
bool weftos_job_memory(uint64_t *process_limit, uint64_t *job_limit);

#endif
