/* SPDX-License-Identifier: MIT
 *
 * Proving which end of which pipe a handle is.
 */
#ifndef WEFTOS_PROOF_H
#define WEFTOS_PROOF_H

#include "win.h"

bool weftos_is_server_end(HANDLE pipe, bool *is_server);

/* Are these the two ends of one pipe? Both handles are of this process's own.
 */
bool weftos_is_other_end(HANDLE ours, HANDLE theirs);

/*
 * The same for a copy of what a peer has named, which may be anything. Takes
 * it and closes it. False too if the answer takes too long.
 */
bool weftos_is_proven_end(HANDLE ours, HANDLE theirs);

#endif
