/* SPDX-License-Identifier: MIT
 *
 * What macOS, or its double, does not have.
 */
#include "process/tree_linux.h"

const bool tree_finds_headless = false;

bool tree_leave_group(void)
{
    return false; /* there are none */
}
