/* SPDX-License-Identifier: MIT
 *
 * Mappings and what they hold, by the kernel's own lists of them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"

int guard_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    int count = 0;

    if (maps == NULL) {
        return -1;
    }
    /* Permissions such as "rw-s" follow the addresses: s is for shared. */
    while (fgets(line, sizeof(line), maps) != NULL) {
        const char *permissions = strchr(line, ' ');

        count += permissions != NULL && strlen(permissions) > 4 &&
                 permissions[4] == 's';
    }
    (void)fclose(maps);
    return count;
}

uint64_t guard_resident_bytes(int id)
{
    uint64_t kib = 0;
    char path[64];
    char line[512];
    FILE *list;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", id);
    list = fopen(path, "re");
    if (list == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), list) != NULL) {
        if (sscanf(line, "Pss: %" SCNu64, &kib) == 1) {
            break;
        }
    }
    (void)fclose(list);
    return kib * 1024;
}
