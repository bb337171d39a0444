/* SPDX-License-Identifier: MIT
 *
 * Where nothing tells how many handles are open.
 */
#include "check.h"

int check_open_handles(void)
{
    return -1;
}
