/* SPDX-License-Identifier: MIT
 *
 * loop.h - an event loop's view of two handles.
 */
#ifndef WEFT_TESTS_CHANNEL_LOOP_H
#define WEFT_TESTS_CHANNEL_LOOP_H

#include <stdbool.h>

#include <weft/channel.h>

/* One loop at a time. The handles stay the caller's. */
void loop_open(weft_handle first, weft_handle second);
void loop_close(void);

/*
 * Is a handle ready, or will it be within this time? Checks that all ways to
 * wait agree, and that a look does not take the readiness away.
 */
bool loop_is_ready(weft_handle handle, int timeout_ms);

#endif
