/* SPDX-License-Identifier: MIT
 *
 * The list of all processes, read from the buffer that the system has filled.
 *
 * The layout is that of the programs that show it (System Informer's phnt,
 * ntexapi.h): Microsoft names some of the members, and calls the others
 * reserved. Threads follow each entry, then its name.
 */
#include "process_list.h"

#include <string.h>

_Static_assert(offsetof(struct weftos_process_entry, private_working_set) ==
                   0x08,
               "not the system's layout");
_Static_assert(offsetof(struct weftos_process_entry, created) == 0x20,
               "not the system's layout");
_Static_assert(offsetof(struct weftos_process_entry, name_bytes) == 0x38,
               "not the system's layout");
_Static_assert(offsetof(struct weftos_process_entry, pid) == 0x50,
               "not the system's layout");
_Static_assert(offsetof(struct weftos_process_entry, working_set) == 0x88,
               "not the system's layout");
_Static_assert(offsetof(struct weftos_process_entry, commit) == 0xb8,
               "not the system's layout");
_Static_assert(sizeof(struct weftos_process_entry) == 0xc8,
               "not the system's layout");

bool weftos_process_next(struct weftos_process_list *list,
                         struct weftos_process_entry *entry)
{
    if (list->has_ended || list->is_broken) {
        return false;
    }
    if (list->at > list->bytes || list->bytes - list->at < sizeof(*entry)) {
        list->is_broken = true;
        return false;
    }
    memcpy(entry, (const char *)list->data + list->at, sizeof(*entry));
    if (entry->next == 0) {
        list->has_ended = true;
    } else if (entry->next < sizeof(*entry)) {
        /* It would be read twice, or for ever. */
        list->is_broken = true;
        return false;
    } else {
        list->at += entry->next;
    }
    return true;
}

/* ----------------------------------------------------------------- names ---
 */

/* The 16 bits at an offset that was checked. */
static uint32_t unit_at(const struct weftos_process_list *list, size_t at)
{
    uint16_t unit;

    memcpy(&unit, (const char *)list->data + at, sizeof(unit));
    return unit;
}

/* The next character of UTF-16; half of a pair stands for nothing: U+FFFD. */
static uint32_t take(const struct weftos_process_list *list, size_t *at,
                     size_t end)
{
    uint32_t first = unit_at(list, *at);
    uint32_t second;

    *at += 2;
    if (first < 0xd800 || first > 0xdfff) {
        return first;
    }
    second = first < 0xdc00 && *at < end ? unit_at(list, *at) : 0;
    if (second < 0xdc00 || second > 0xdfff) {
        return 0xfffd;
    }
    *at += 2;
    return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}

/* Its bytes in UTF-8, at most 4. */
static size_t encode(uint32_t character, char *bytes)
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t count = character < 0x80      ? 1
                   : character < 0x800   ? 2
                   : character < 0x10000 ? 3
                                         : 4;

    for (size_t i = count - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    bytes[0] = (char)(count == 1 ? character : first[count] | character);
    return count;
}

void weftos_process_name(const struct weftos_process_list *list,
                         const struct weftos_process_entry *entry, char *text,
                         size_t room)
{
    uint64_t offset = entry->name - list->address;
    size_t length = 0;
    size_t at;
    size_t end;

    text[0] = '\0';
    if (entry->name < list->address || entry->name_bytes % 2 != 0 ||
        offset > list->bytes || list->bytes - offset < entry->name_bytes) {
        return;
    }
    at = (size_t)offset;
    end = at + entry->name_bytes;
    while (at < end) {
        char bytes[4];
        size_t count = encode(take(list, &at, end), bytes);

        if (bytes[0] == '\0' || length + count >= room) {
            break;
        }
        memcpy(text + length, bytes, count);
        length += count;
    }
    text[length] = '\0';
}
