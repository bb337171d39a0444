/* SPDX-License-Identifier: MIT
 *
 * How those who wait for a name are told that somebody listens there.
 */
#ifndef WEFTOS_RENDEZVOUS_H
#define WEFTOS_RENDEZVOUS_H

#include "win.h"

/* Tells all who wait: the pipe of this key is there. */
void weftos_announce(const wchar_t *key);

#endif
