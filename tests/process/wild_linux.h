/* SPDX-License-Identifier: MIT
 *
 * wild_linux.h - a tree of processes that are hard to find and to end.
 *
 * Each writes a byte to standard output when it is there, and ends by itself
 * after some seconds if nobody else ends it; together they are no more than
 * WILD_PROCESSES.
 */
#ifndef WEFT_TESTS_WILD_LINUX_H
#define WEFT_TESTS_WILD_LINUX_H

#include <stdint.h>

#define WILD_PROCESSES 80
#define WILD_SECONDS 20

/* What the leader writes when it has started all of its own. */
#define WILD_READY '!'

/*
 * Is the program's leader: starts some, as the seed says, and stays, or ends
 * with 5.
 */
_Noreturn void wild_lead(uint64_t seed, int stays);

#endif
