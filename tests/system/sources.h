/* SPDX-License-Identifier: MIT
 *
 * sources.h - what else on this system says what weft_system_info() tells.
 */
#ifndef WEFT_TESTS_SOURCES_H
#define WEFT_TESTS_SOURCES_H

#include <weft/system.h>

/* Checks all that another source tells. */
void sources_check(const weft_system *system);

#endif
