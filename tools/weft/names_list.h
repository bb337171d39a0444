/* SPDX-License-Identifier: MIT
 *
 * names_list.h - the names that are in use, as `weft ls` and `weft status` list
 * them.
 */
#ifndef WEFT_NAMES_LIST_H
#define WEFT_NAMES_LIST_H

#include "tool.h"

/* One name. */
typedef struct names_row {
    char name[WEFT_NAME_MAX + 8];
    weft_name_kind kind;
    weft_sync_kind object;
    uint64_t bytes;
    weft_peer owner;
    weft_inspection *inspection;
    weft_status status; /* of an endpoint: WEFT_OK, or why it is not known */
    weft_endpoint_stats first;
    weft_endpoint_stats last;
} names_row;

typedef struct names_list {
    names_row *rows;
    size_t count;
    size_t room;
    bool failed;
} names_list;

/*
 * Finds the names, asks all endpoints at once, and gives them half of the
 * interval to answer; rates are those of what is left of it. What has ended
 * meanwhile is left out. False: it was said why. names_list_free also then.
 */
bool names_list_read(names_list *list, uint64_t interval_ns);
void names_list_free(names_list *list);

/* A table of the first `most`, each line after `indent`. */
void names_list_print(const names_list *list, size_t most, const char *indent);

/* All of them as JSON objects. */
void names_list_json(const names_list *list);

#endif
