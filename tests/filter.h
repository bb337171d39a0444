/* SPDX-License-Identifier: MIT
 *
 * filter.h - what the program of the tests of weft serve needs of the system.
 */
#ifndef WEFT_FILTER_TEST_H
#define WEFT_FILTER_TEST_H

/* The standard streams carry bytes as they are. */
void filter_begin(void);

/* Ends as if somebody had killed it. */
_Noreturn void filter_die(void);

/* Never returns, and takes no notice of anything. */
_Noreturn void filter_hang(void);

#endif
