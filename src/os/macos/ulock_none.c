/* SPDX-License-Identifier: MIT
 *
 * For Apple's store: none of the private calls that ulock.c has.
 */
#include "word.h"

const struct weftos_way *weftos_find_ulock(void)
{
    return NULL;
}
