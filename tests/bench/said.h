/* SPDX-License-Identifier: MIT
 *
 * said.h - what the parent of a round tells the user; the command prints it.
 */
#ifndef WEFT_TESTS_BENCH_SAID_H
#define WEFT_TESTS_BENCH_SAID_H

#include <stdbool.h>

/* Forgets what was said. */
void said_begin(void);

bool said_nothing(void);

/* CHECKs that a text is in what was said last. */
void said_expect(const char *text);

/* Says as a comment what was said last. */
void said_show(void);

#endif
