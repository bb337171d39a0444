/* SPDX-License-Identifier: MIT
 *
 * identity.h - whether a program is Apple's own.
 */
#ifndef WEFTOS_MACOS_IDENTITY_H
#define WEFTOS_MACOS_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

/* By its signature. False: it is not told. */
bool weftos_signature_ask(pid_t pid, bool *is_platform);

#endif
