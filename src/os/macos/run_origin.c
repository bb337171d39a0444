/* SPDX-License-Identifier: MIT
 *
 * Who a process was made by, as a flavor of proc_pidinfo() tells that is in
 * no public header, and in XNU since 10.7 (proc_piduniqidentifierinfo). Who
 * uses it checks first that it tells what is known already.
 */
#define _DARWIN_C_SOURCE
#include <libproc.h>

#include "run_origin.h"

#define UNIQUE_IDENTIFIERS 17

struct identifiers {
    uint8_t program[16];
    uint64_t own;
    uint64_t parent; /* set when it is made, and never again */
    int32_t version;
    int32_t parent_version;
    uint64_t reserved[2];
};

bool weftos_run_origin_of(pid_t pid, struct run_origin *origin)
{
    struct identifiers found;

    if (proc_pidinfo(pid, UNIQUE_IDENTIFIERS, 0, &found, sizeof(found)) !=
        (int)sizeof(found)) {
        return false;
    }
    *origin = (struct run_origin){found.own, found.parent};
    return true;
}
