/* SPDX-License-Identifier: MIT
 *
 * Whether a program is Apple's own, by a call that is in no public header, and
 * in libSystem since 10.5. The status is told of everybody's processes (XNU:
 * csops_internal).
 */
#include "identity.h"

#include <stddef.h>
#include <stdint.h>

#define OPERATION_STATUS 0        /* CS_OPS_STATUS */
#define FLAG_PLATFORM 0x04000000u /* CS_PLATFORM_BINARY */

int csops(pid_t pid, unsigned operation, void *buffer, size_t bytes);

bool weftos_signature_ask(pid_t pid, bool *is_platform)
{
    uint32_t flags = 0;

    if (csops(pid, OPERATION_STATUS, &flags, sizeof(flags)) != 0) {
        return false;
    }
    *is_platform = (flags & FLAG_PLATFORM) != 0;
    return true;
}
