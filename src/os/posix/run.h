/* SPDX-License-Identifier: MIT
 *
 * run.h - the `struct run` of the system that this is built for.
 */
#ifndef WEFTOS_POSIX_RUN_H
#define WEFTOS_POSIX_RUN_H

#include "posix.h"

#if defined(__APPLE__) || defined(DOUBLE_DARWIN_H)
#include "../macos/run.h"
#else
#include "../linux/run.h"
#endif

#endif
