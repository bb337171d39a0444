/* SPDX-License-Identifier: MIT
 *
 * received.h - what to do with a control message when it is done with.
 */
#ifndef WEFTI_RECEIVED_H
#define WEFTI_RECEIVED_H

#include "os/os.h"

/* Closes what is left in it. */
static inline void wefti_received_drop(weftos_received *received)
{
    for (size_t i = 0; i < received->handle_count; i++) {
        weftos_close(received->handles[i]);
    }
    received->handle_count = 0;
    weftos_close(received->process);
    received->process = WEFTOS_NONE;
}

#endif
