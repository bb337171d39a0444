/* SPDX-License-Identifier: MIT
 *
 * macOS has no other way: its system calls are not an interface.
 */
#include "clone.h"

#include <stddef.h>

pid_t (*const clone_process)(void) = NULL;
