/* SPDX-License-Identifier: MIT
 *
 * What has come through a pipe, and was not yet received.
 */
#ifndef WEFTOS_INBOX_H
#define WEFTOS_INBOX_H

#include "handles.h"

/*
 * Takes the next message as it came, WEFT_EAGAIN if there is none,
 * WEFT_ECLOSED if all was taken and the peer has hung up. WEFT_EPROTO: it is
 * too large, or there is no end to the fillers.
 */
weft_status weftos_inbox_take(struct weftos_link *link,
                              struct weftos_message *message, DWORD *bytes);

/*
 * A hearing has told of a message: if a look finds none, takes the one that it
 * can't find, if there is one.
 */
void weftos_inbox_probe(struct weftos_link *link);

/*
 * Moves what there is from the pipe to the inbox, so that the pipe can tell of
 * what comes next. `*has_message`: something can be received. Returns how the
 * pipe was left: WEFT_EAGAIN, empty; WEFT_ECLOSED; WEFT_OK, the inbox takes no
 * more.
 */
weft_status weftos_inbox_gather(struct weftos_link *link, bool *has_message);

#endif
