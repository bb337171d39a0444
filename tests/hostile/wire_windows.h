/* SPDX-License-Identifier: MIT
 *
 * wire_windows.h - writing whatever one likes into a control pipe.
 */
#ifndef WEFT_TESTS_WIRE_WINDOWS_H
#define WEFT_TESTS_WIRE_WINDOWS_H

#include "attacker.h"
#include "os/windows/wire.h"

/* Writes bytes as one message of the pipe. False: no room, or nobody there. */
bool attacker_write(weft_handle socket, const void *bytes, size_t count);

#endif
