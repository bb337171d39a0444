/* SPDX-License-Identifier: MIT
 *
 * microhttpd_linux.h - the calls of libmicrohttpd, taken from its library when
 * somebody asks for the web server: it brings a TLS library along.
 */
#ifndef WEFT_MICROHTTPD_LINUX_H
#define WEFT_MICROHTTPD_LINUX_H

#include <stdbool.h>
#include <stddef.h>
/* Types that <microhttpd.h> uses and does not bring itself. */
#include <stdarg.h>
#include <stdint.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <microhttpd.h>

#define MICROHTTPD_CALLS(X)                                                    \
    X(add_response_header)                                                     \
    X(create_response_from_buffer)                                             \
    X(destroy_response)                                                        \
    X(get_daemon_info)                                                         \
    X(get_timeout)                                                             \
    X(lookup_connection_value)                                                 \
    X(queue_response)                                                          \
    X(run)                                                                     \
    X(start_daemon)                                                            \
    X(stop_daemon)

typedef struct microhttpd_calls {
#define MICROHTTPD_MEMBER(name) __typeof__(MHD_##name) *(name);
    MICROHTTPD_CALLS(MICROHTTPD_MEMBER)
#undef MICROHTTPD_MEMBER
} microhttpd_calls;

/* NULL: `why` has the reason. */
const microhttpd_calls *microhttpd_load(char *why, size_t room);

#endif
