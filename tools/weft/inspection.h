/* SPDX-License-Identifier: MIT
 *
 * inspection.h - what `weft ls` and `weft stat` have in common.
 */
#ifndef WEFT_INSPECTION_H
#define WEFT_INSPECTION_H

#include "tool.h"

/* "listener", "service", "topic" or "unknown". */
const char *inspection_kind(weft_endpoint_kind kind);

/* How much there was of something in a second, between two readings. */
double inspection_rate(uint64_t before, uint64_t after, uint64_t ns);

/* A number with few digits and a unit: "950", "12.3k", "4.5M". */
void inspection_format(double number, char *text, size_t room);

/* Members for the process that listens, as far as it is known. */
void inspection_json_owner(tool_json *json, const weft_peer *owner);

/* Members for the figures that there are. */
void inspection_json_stats(tool_json *json, const weft_endpoint_stats *stats);

/* And for what changed since: messages and bytes in a second. */
void inspection_json_rates(tool_json *json, const weft_endpoint_stats *before,
                           const weft_endpoint_stats *now);

#endif
