/* SPDX-License-Identifier: MIT
 *
 * sched.h - see pthread.h beside it.
 */
#ifndef WEFT_TESTS_WINDOWS_SCHED_H
#define WEFT_TESTS_WINDOWS_SCHED_H

int sched_yield(void);

#endif
