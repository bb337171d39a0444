/* SPDX-License-Identifier: MIT
 *
 * Services on Linux and macOS are programs like others.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>

#include "sys.h"

int sys_service_run(sys_service *body, void *context, int *exit_code)
{
    (void)body;
    (void)context;
    (void)exit_code;
    return ENOTSUP;
}
