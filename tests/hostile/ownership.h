/* SPDX-License-Identifier: MIT
 *
 * ownership.h - what a peer tries with the handles that it was shown; one file
 * for each system.
 */
#ifndef WEFT_TESTS_OWNERSHIP_H
#define WEFT_TESTS_OWNERSHIP_H

#include <stddef.h>

#include <weft/channel.h>

/* Checks that shared memory can't be written to, resized or taken away. */
void ownership_memory(weft_handle object, size_t bytes);

/* Checks that a doorbell can be rung, and nothing else. */
void ownership_bell(weft_handle bell);

#endif
