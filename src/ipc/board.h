/* SPDX-License-Identifier: MIT
 *
 * board.h - counting on a board, whose words layout.h explains.
 *
 * Each word has one thread at a time that writes it, so that to add is to load
 * and to store: no locked instruction, and no system call. Nobody waits for
 * what a board says, so relaxed is enough.
 */
#ifndef WEFTI_BOARD_H
#define WEFTI_BOARD_H

#include "layout.h"

static inline void wefti_board_set(weftos_word *word, uint64_t value)
{
    weftos_store_relaxed(word, value);
}

/* `amount` may be the negative of a number. */
static inline void wefti_board_add(weftos_word *word, uint64_t amount)
{
    weftos_store_relaxed(word, weftos_load_relaxed(word) + amount);
}

#endif
