/* SPDX-License-Identifier: MIT
 *
 * received.h - what to do with a control message when it is done with.
 */
#ifndef WEFTI_RECEIVED_H
#define WEFTI_RECEIVED_H

#include "os/os.h"

/* Handles that nobody takes. */
static inline void wefti_close_handles(const weft_handle *handles, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weftos_close(handles[i]);
    }
}

/* Closes what is left in it. */
static inline void wefti_received_drop(weftos_received *received)
{
    wefti_close_handles(received->handles, received->handle_count);
    received->handle_count = 0;
    weftos_close(received->process);
    received->process = WEFTOS_NONE;
}

#endif
