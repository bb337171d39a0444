/* SPDX-License-Identifier: MIT
 *
 * weft/version.h - the version of these headers and of the library in use.
 *
 * Versions follow semantic versioning. While the major version is 0 a minor
 * version may change the interface; CHANGELOG.md says how.
 */
#ifndef WEFT_VERSION_H
#define WEFT_VERSION_H

#include <weft/base.h>

/* The version of the headers a program was compiled with. */
#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0
#define WEFT_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of the library that is loaded, as "major.minor.patch". The
 * string is static. Safe in any thread and in signal handlers. Since 0.1.
 */
WEFT_API const char *weft_version(void);

#ifdef __cplusplus
}
#endif

#endif
