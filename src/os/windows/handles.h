/* SPDX-License-Identifier: MIT
 *
 * Handles that ride in control messages.
 */
#ifndef WEFTOS_HANDLES_H
#define WEFTOS_HANDLES_H

#include "link.h"

/*
 * Sending: makes copies for the peer. The link's lock is held. WEFT_ELIMIT: too
 * many for a peer that has not yet answered.
 */
weft_status weftos_parcel_pack(struct weftos_link *link,
                               const weft_handle *handles, size_t count,
                               struct weftos_parcel *parcel,
                               weft_detail *detail);
/* The message was not sent. */
void weftos_parcel_take_back(struct weftos_link *link,
                             const struct weftos_parcel *parcel);

/*
 * Receiving: gives handles of this process. WEFT_EPROTO: they are not believed,
 * or can't be had.
 */
weft_status weftos_parcel_open(struct weftos_link *link,
                               const struct weftos_parcel *parcel,
                               weft_handle *handles, weft_detail *detail);

#endif
