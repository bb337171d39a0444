/* SPDX-License-Identifier: MIT
 *
 * pattern_trace.h - what memory did while `weft memory record` looked.
 */
#ifndef WEFT_PATTERN_TRACE_H
#define WEFT_PATTERN_TRACE_H

#include "pattern_set.h"

/*
 * Fills a set, which is empty, from a recording: with the processes that were
 * there at its end. False: `why` says why not.
 */
bool pattern_read_trace(const char *path, pattern_set *set, char *why,
                        size_t room);

#endif
