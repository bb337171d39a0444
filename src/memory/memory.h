/* SPDX-License-Identifier: MIT
 *
 * memory.h - what the calls that take a weft_memory have in common.
 */
#ifndef WEFTI_MEMORY_H
#define WEFTI_MEMORY_H

#include <weft/memory.h>

/*
 * WEFT_EINVAL: there is none. WEFT_EFORKED: it is that of the process which
 * has forked this one, and `operation` is not done.
 */
weft_status wefti_memory_check(const weft_memory *memory, const char *operation,
                               weft_detail *detail);

#endif
