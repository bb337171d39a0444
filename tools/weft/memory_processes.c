/* SPDX-License-Identifier: MIT
 *
 * The list of all processes and what they take.
 */
#include "memory_processes.h"

#include <stdlib.h>

/* Some more room is made, for those that begin meanwhile. */
weft_status memory_read_processes(weft_memory *memory, memory_processes *found,
                                  weft_detail *detail)
{
    weft_status status;
    size_t room = 0;

    free(found->items);
    found->items = NULL;
    do {
        status = weft_memory_processes(memory, found->items, room,
                                       &found->count, detail);
        if (status != WEFT_OK || found->count <= room) {
            return status;
        }
        room = found->count + found->count / 8 + 16;
        free(found->items);
        found->items = calloc(room, sizeof(*found->items));
    } while (found->items != NULL);
    found->count = 0;
    *detail = (weft_detail){WEFT_ENOMEM, 0, "allocate memory"};
    return WEFT_ENOMEM;
}

weft_memory_process *memory_find_process(const memory_processes *found,
                                         int64_t pid)
{
    size_t low = 0;
    size_t high = found->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (found->items[middle].pid < pid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < found->count && found->items[low].pid == pid
               ? &found->items[low]
               : NULL;
}
