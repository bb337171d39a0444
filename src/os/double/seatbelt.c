/* SPDX-License-Identifier: MIT
 *
 * sandbox_init_with_parameters(), which notes the profile and confines nobody:
 * what the back end asks for can be seen, and not whether XNU understands it.
 *
 * WEFT_DOUBLE_SEATBELT is the file that profiles are added to. Without it this
 * macOS has no seatbelt; where it can't be written, the profile is refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "seatbelt.h"

#define VARIABLE "WEFT_DOUBLE_SEATBELT"

static int init(const char *text, uint64_t flags, const char *const *parameters,
                char **why)
{
    FILE *file = fopen(getenv(VARIABLE), "ae");

    if (flags != 0 || parameters == NULL || parameters[0] != NULL) {
        double_lacks("a profile with flags or parameters");
    }
    if (file == NULL) {
        *why = strdup("the profile is not understood");
        return double_fail(EINVAL);
    }
    (void)fputs(text, file);
    (void)fclose(file);
    return 0;
}

void *double_find_seatbelt(const char *name)
{
    union {
        void *object;
        int (*call)(const char *text, uint64_t flags,
                    const char *const *parameters, char **why);
    } found = {NULL};

    if (getenv(VARIABLE) != NULL &&
        strcmp(name, "sandbox_init_with_parameters") == 0) {
        found.call = init;
    }
    return found.object;
}
