/* SPDX-License-Identifier: MIT
 *
 * helped.h - what tests of programs under limits need of the system: pipes
 * that their output goes to, and processes that nobody looks after.
 */
#ifndef WEFT_TESTS_HELPED_H
#define WEFT_TESTS_HELPED_H

#include <stddef.h>
#include <stdint.h>

#include <weft/weft.h>

/* A pipe: what is written to the second end is read from the first one. */
void helped_pipe(weft_handle ends[2]);

/*
 * Reads to the end, which comes when no process has the other end any more, and
 * terminates the text. Returns its length; what has no room is lost.
 */
size_t helped_read(weft_handle end, char *text, size_t room);

/*
 * Starts this program with one argument, as its child, with its streams, and in
 * a session or group of its own; nobody waits for it. False: it could not be.
 */
bool helped_spawn(const char *argument);

/* The path of this program. */
const char *helped_self(void);

/* Standard output carries bytes as they are. */
void helped_begin(void);

#endif
