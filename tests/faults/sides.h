/* SPDX-License-Identifier: MIT
 *
 * sides.h - what the failure tests share: processes that can't outlive their
 * time, what a process holds, a run-time directory, and payloads that tell a
 * lost or torn byte.
 */
#ifndef WEFT_TESTS_FAULTS_SIDES_H
#define WEFT_TESTS_FAULTS_SIDES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weft/weft.h>

/* Zeroed memory that this process and its children share, for good. */
void *sides_share(size_t bytes);

/*
 * Forks. The child is ended by SIGALRM after `seconds`, and when its parent
 * dies; 0 is returned in it.
 */
pid_t sides_fork(unsigned seconds);

/* Waits for a child; its status as waitpid gives it. */
int sides_wait(pid_t child);

/* Waits for a child: did it end well? Prints what it ended with if not. */
bool sides_ended_well(pid_t child);

/* What a process holds that a leak would add to. */
struct sides_holdings {
    int handles;
    int mappings; /* of weft's shared memory */
};
struct sides_holdings sides_hold(void);

/* CHECKs that no more and no less is held than before. */
void sides_check_holdings(const struct sides_holdings *before);

/* Makes a run-time directory of the test's own, and removes it. */
void sides_make_directory(void);
void sides_remove_directory(void);
const char *sides_directory(void);

/* Does the directory hold nothing, or only the socket of this name? */
bool sides_directory_is_clean(const char *name);

/* Each byte depends on the number of the message and on its place in it. */
void sides_fill(void *payload, size_t bytes, uint64_t number);
bool sides_matches(const void *payload, size_t bytes, uint64_t number);

#endif
