/* SPDX-License-Identifier: MIT
 *
 * memory_ask.h - asks the memory daemon, if one runs, for its state.
 */
#ifndef WEFT_MEMORY_ASK_H
#define WEFT_MEMORY_ASK_H

#include "tool.h"

typedef struct memory_daemon_state {
    char state[16]; /* "calm" and so on */
    bool is_dry;
} memory_daemon_state;

/* False: there is none that this user may ask, or it does not answer. */
bool memory_ask_state(memory_daemon_state *found);

#endif
