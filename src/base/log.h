/* SPDX-License-Identifier: MIT
 *
 * The library's side of the log.
 */
#ifndef WEFTI_LOG_H
#define WEFTI_LOG_H

#include <weft/base.h>

/* gcc's "printf" means an older set of formats where it builds for Windows. */
#if defined(__clang__)
#define WEFTI_LIKE_PRINTF __attribute__((format(printf, 2, 3)))
#elif defined(__GNUC__)
#define WEFTI_LIKE_PRINTF __attribute__((format(gnu_printf, 2, 3)))
#else
#define WEFTI_LIKE_PRINTF
#endif

/* The longest line, with its terminator; the rest is cut off. */
#define WEFTI_LOG_BYTES 512

/*
 * Tells the log callback, if there is one, a line made as printf does.
 * Control characters, which a peer may have chosen, become '?'.
 */
void wefti_log(weft_log_level level, const char *format, ...) WEFTI_LIKE_PRINTF;

#endif
