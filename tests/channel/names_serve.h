/* SPDX-License-Identifier: MIT
 *
 * names_serve.h - who answers those that have waited for a name.
 */
#ifndef WEFT_TESTS_CHANNEL_NAMES_SERVE_H
#define WEFT_TESTS_CHANNEL_NAMES_SERVE_H

#include <weft/weft.h>

/* Opens a service that takes all clients; it must succeed. */
weft_service *names_service(const char *name);

/* Answers each of so many clients, until they have gone. */
void names_serve(weft_service *service, unsigned clients);

#endif
