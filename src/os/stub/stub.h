/* SPDX-License-Identifier: MIT
 *
 * The stub back end: where a port starts.
 *
 * It compiles on every system with the C library alone. What C has (memory,
 * a clock) works; all else answers WEFT_ENOTSUP and touches nothing, so a
 * program that is built on it starts, and says what is missing.
 */
#ifndef WEFTOS_STUB_H
#define WEFTOS_STUB_H

#include "../os.h"

/* Answers "not supported", with `operation` as the step that failed. */
static inline weft_status stub_refuse(weft_detail *detail,
                                      const char *operation)
{
    if (detail != NULL) {
        detail->status = WEFT_ENOTSUP;
        detail->os_code = 0;
        detail->operation = operation;
    }
    return WEFT_ENOTSUP;
}

#endif
