/* SPDX-License-Identifier: MIT
 *
 * one_mapping.h - both ends of a channel see shared memory at one address.
 *
 * A tool that watches for races between threads goes by addresses, so two
 * mappings of one object hide from it what the two ends of a channel do to
 * each other. A program linked with one_mapping.c, and with the options in
 * tests/CMakeLists.txt that put it in front of the back end, gets the owner's
 * mapping when it attaches to an object of its own. The mapping ends with its
 * last user.
 */
#ifndef WEFT_TESTS_ONE_MAPPING_H
#define WEFT_TESTS_ONE_MAPPING_H

#include <stdbool.h>

/* How often the owner's mapping was given out, and how often a second one. */
unsigned one_mapping_shared(void);
unsigned one_mapping_missed(void);

/* Whether channels opened from here on may use the remote fence. */
void one_mapping_fences_remote(bool on);

#endif
