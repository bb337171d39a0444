/* SPDX-License-Identifier: MIT
 *
 * memory_json.h - what the commands about memory have in common in JSON.
 */
#ifndef WEFT_MEMORY_JSON_H
#define WEFT_MEMORY_JSON_H

#include "tool.h"

/* The members of `weft memory status`, in an object that was begun. */
void memory_json_figures(tool_json *json, const weft_memory_figures *figures);

#endif
