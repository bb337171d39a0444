/* SPDX-License-Identifier: MIT
 *
 * How those who wait for a name are told that somebody listens there.
 */
#ifndef WEFTOS_RENDEZVOUS_H
#define WEFTOS_RENDEZVOUS_H

#include "place.h"

/* Tells all who wait: the pipe of this key is there. */
void weftos_announce(const wchar_t *key);

/*
 * An event that is set then, and that no other one waits for; NULL if as many
 * wait as can be told.
 */
weft_status weftos_await_event(const wchar_t *key, HANDLE *event,
                               weft_detail *detail);

/* As weftos_endpoint_numbers with an endpoint. */
weft_status weftos_endpoint_await(weftos_endpoint *endpoint, uint64_t id,
                                  const wchar_t *key, weft_detail *detail);

/* The name of the event that there is as long as somebody listens. */
weft_status weftos_claim_name(const wchar_t *key,
                              wchar_t text[WEFTOS_PLACE_TEXT],
                              weft_detail *detail);

#endif
