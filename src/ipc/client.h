/* SPDX-License-Identifier: MIT
 *
 * client.h - what poll sets ask of a client.
 */
#ifndef WEFTI_CLIENT_H
#define WEFTI_CLIENT_H

#include <stdbool.h>

#include <weft/service.h>

/* Its own, until it is opened again. */
weft_channel *wefti_client_channel(const weft_client *client);

/* Does weft_client_next have an answer that came before? */
bool wefti_client_has_kept(const weft_client *client);

#endif
