/* SPDX-License-Identifier: MIT
 *
 * weft-helper - stands between a program and those that it runs under limits
 * (weft/process.h). It is started by the library, with a socket as descriptor
 * 3, and by nobody else.
 */
#include <stdio.h>

#include "../../os/run.h"

#define SOCKET 3

int main(int argc, char **argv)
{
    (void)argv;
    if (argc != 1) {
        fputs("weft-helper: is started by weft's library only\n", stderr);
        return 2;
    }
    return weftos_helper_main(SOCKET);
}
