/* SPDX-License-Identifier: MIT
 *
 * How those who wait for a name are told that somebody listens there.
 */
#ifndef WEFTOS_RENDEZVOUS_H
#define WEFTOS_RENDEZVOUS_H

#include "place.h"

/* Tells all who wait: the pipe of this key is there. */
void weftos_announce(const wchar_t *key);

/* The name of the event that there is as long as somebody listens. */
weft_status weftos_claim_name(const wchar_t *key,
                              wchar_t text[WEFTOS_PLACE_TEXT],
                              weft_detail *detail);

#endif
