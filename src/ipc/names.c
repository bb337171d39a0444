/* SPDX-License-Identifier: MIT
 *
 * Which names are in use: what the system finds, in order, and as callers know
 * it.
 */
#include <weft/inspect.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "handshake.h"
#include "state.h"
#include "sync_shared.h"

/* A name as it is kept until all are there. */
struct found {
    weft_name entry;
    char name[WEFT_NAME_MAX + sizeof("+63")];
};

struct list {
    struct found *items;
    size_t count;
    size_t room;
    bool has_no_memory;
};

/* ---------------------------------------------------------------- kinds --- */

/* What an object says of itself: an old version, or none, is not known. */
static weft_sync_kind find_object(const weftos_named *named)
{
    uint64_t head;
    uint32_t magic;

    memcpy(&head, named->head, sizeof(head));
    magic = (uint32_t)head;
    for (uint32_t kind = WEFT_SYNC_MUTEX; kind <= WEFT_SYNC_RWLOCK; kind++) {
        if (magic == WEFTI_SYNC_MAGIC(kind)) {
            return (weft_sync_kind)kind;
        }
    }
    return (weft_sync_kind)0;
}

/* Memory is told apart by what goes before its name. */
static void find_kind(weft_name *entry, const weftos_named *named)
{
    static const struct {
        const struct wefti_wording *wording;
        weft_name_kind kind;
    } rows[] = {{&wefti_memory_wording, WEFT_NAME_MEMORY},
                {&wefti_state_wording, WEFT_NAME_STATE},
                {&wefti_object_wording, WEFT_NAME_OBJECT}};

    entry->kind = WEFT_NAME_OTHER;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct wefti_wording *wording = rows[i].wording;
        bool is_cut = strncmp(named->name, wording->cut, 2) == 0;

        if (is_cut || strncmp(named->name, wording->whole, 2) == 0) {
            entry->kind = rows[i].kind;
            entry->is_cut = is_cut;
            entry->name += 2;
        }
    }
    if (entry->kind == WEFT_NAME_OBJECT) {
        entry->object = find_object(named);
    }
}

/* ----------------------------------------------------------------- list --- */

static bool keep(void *context, const weftos_named *named)
{
    struct list *list = context;
    struct found *found;

    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        struct found *items = wefti_grow(
            list->items, list->count * sizeof(*items), room * sizeof(*items));

        if (items == NULL) {
            list->has_no_memory = true;
            return false;
        }
        list->items = items;
        list->room = room;
    }
    found = &list->items[list->count++];
    memset(found, 0, sizeof(*found));
    (void)snprintf(found->name, sizeof(found->name), "%s", named->name);
    found->entry.kind = WEFT_NAME_ENDPOINT;
    if (named->is_memory) {
        /* Where the name begins; the list may move yet. */
        found->entry.name = named->name;
        find_kind(&found->entry, named);
        found->entry.bytes = named->bytes;
        memmove(found->name, found->name + (found->entry.name - named->name),
                strlen(found->entry.name) + 1);
    }
    return true;
}

/* The places of a name come in the order of their numbers. */
static int compare(const void *one_, const void *other_)
{
    const struct found *one = one_;
    const struct found *other = other_;
    size_t length = strcspn(one->name, "+");
    size_t other_length = strcspn(other->name, "+");
    size_t both = length < other_length ? length : other_length;
    int order = (int)one->entry.kind - (int)other->entry.kind;

    if (order == 0) {
        order = strncmp(one->name, other->name, both);
    }
    if (order != 0) {
        return order;
    }
    if (length != other_length) {
        return length < other_length ? -1 : 1;
    }
    return (int)strtol(one->name + length, NULL, 10) -
           (int)strtol(other->name + length, NULL, 10);
}

weft_status weft_names_each(weft_name_visit *visit, void *context,
                            weft_detail *detail)
{
    struct list list = {NULL, 0, 0, false};
    weft_status status;

    if (visit == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    status = weftos_names_each(keep, &list, detail);
    if (list.has_no_memory) {
        status = wefti_fail(detail, WEFT_ENOMEM, "list the names");
    }
    if (status == WEFT_OK && list.count > 0) {
        qsort(list.items, list.count, sizeof(*list.items), compare);
    }
    for (size_t i = 0; status == WEFT_OK && i < list.count; i++) {
        list.items[i].entry.name = list.items[i].name;
        if (visit(context, &list.items[i].entry) != 0) {
            break;
        }
    }
    free(list.items);
    return status;
}
