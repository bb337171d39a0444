/* SPDX-License-Identifier: MIT
 *
 * Who the processes are.
 */
#include <stdlib.h>
#include <string.h>

#include <weft/protect.h>

#include "top.h"

static char *copy(bool is_known, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *made = is_known ? malloc(bytes) : NULL;

    if (made != NULL) {
        memcpy(made, text, bytes);
    }
    return made;
}

void top_table_identify(top_table *table, top_process *process)
{
    weft_memory_identity identity = {.size = sizeof(identity)};
    int64_t before = top_cpu_ns();
    weft_status status =
        weft_memory_identify(table->memory, process->now.pid, &identity, NULL);

    table->identify_ns -= top_cpu_ns() - before;
    process->is_identified = true;
    if (status == WEFT_ENOENT ||
        (status == WEFT_OK && identity.started != process->now.started)) {
        process->is_gone = true;
    } else if (status == WEFT_OK) {
        process->exe =
            copy((identity.valid & WEFT_IDENTITY_EXE) != 0, identity.exe);
        process->group =
            copy((identity.valid & WEFT_IDENTITY_GROUP) != 0, identity.group);
        process->container =
            copy((identity.valid & WEFT_IDENTITY_CONTAINER) != 0,
                 identity.container);
    }
}
