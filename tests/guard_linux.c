/* SPDX-License-Identifier: MIT
 *
 * Shared mappings by the kernel's own list of all mappings.
 */
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
