/* SPDX-License-Identifier: MIT
 *
 * weft-helper - stands between a program and those that it runs under limits
 * (weft/process.h). It is started by the library, with the value of the handle
 * of a socket that it inherits, and by nobody else.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../os/run.h"

int main(int argc, char **argv)
{
    unsigned long long value = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;

    if (value == 0 || value > INTPTR_MAX) {
        fputs("weft-helper: is started by weft's library only\n", stderr);
        return 2;
    }
    return weftos_helper_main((weft_handle)value);
}
