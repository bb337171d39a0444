/* SPDX-License-Identifier: MIT
 *
 * The daemon's web server in a build without libmicrohttpd: there is none.
 */
#include "memory_daemon.h"

bool daemon_http_open(memory_daemon *me)
{
    if (me->config.http_listen[0] != '\0') {
        tool_error("[http] listen: this build of weft was built without "
                   "libmicrohttpd");
        return false;
    }
    return true;
}

void daemon_http_close(memory_daemon *me)
{
    (void)me;
}

weft_handle daemon_http_handle(const memory_daemon *me, uint64_t *due_ns)
{
    (void)me;
    (void)due_ns;
    return WEFT_HANDLE_NONE;
}

void daemon_http_step(memory_daemon *me)
{
    (void)me;
}
