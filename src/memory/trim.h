/* SPDX-License-Identifier: MIT
 *
 * trim.h - what asking and listening share.
 *
 * A listener takes a name, and whoever asks finds it among the names in use,
 * connects, and sends the demand with its greeting (layout.h has the bytes). So
 * nothing has to be there before the two, a listener that nobody asks hears
 * nothing, and an asker knows from the kernel whom it has asked, and when one
 * of them has ended. One message each way: no memory is shared.
 *
 * The names are "weft.memory.pressure.N", N being the process's number, less
 * whole multiples of WEFTI_TRIM_NAMES; who finds it taken takes the next one.
 * A process that ends without a word leaves its socket behind, as with all
 * names. The next one with that N replaces it, so that there are never many of
 * them, and who asks removes those that it comes upon.
 */
#ifndef WEFTI_TRIM_H
#define WEFTI_TRIM_H

#include <weft/trim.h>

#include "../os/os.h"

#define WEFTI_TRIM_NAME "weft.memory.pressure."
#define WEFTI_TRIM_NAMES 4096

/* Tries, one name after the other. */
#define WEFTI_TRIM_TRIES 64

/*
 * Has this process's listener of that name tell a demand whose asker is this
 * process itself; weft_memory_ask never does. Returns the connection, which is
 * to be closed when that has been told; WEFTOS_NONE: there can't be one.
 */
weft_handle wefti_trim_wake(const char *name);

/* The name, and the endpoint at which it is heard. */
const char *wefti_memory_listener_name(const weft_memory_listener *listener);
weftos_endpoint *
wefti_memory_listener_endpoint(const weft_memory_listener *listener);

#endif
