/* SPDX-License-Identifier: MIT
 *
 * The bytes of a control message in a pipe.
 */
#ifndef WEFTOS_WIRE_H
#define WEFTOS_WIRE_H

#include <string.h>

#include "win.h"

#define WEFTOS_MAGIC UINT32_C(0x77666577) /* "wefw" */

enum weftos_kind {
    WEFTOS_KIND_MESSAGE = 1,
    WEFTOS_KIND_FILLER = 2,
    WEFTOS_KIND_END =
        3, /* the sender has hung up: stays in the pipe, as its end */
};

/* How the values in a message are to be read. */
enum weftos_parcel_kind {
    WEFTOS_PARCEL_PUSHED = 1, /* they are the receiver's own handles */
    WEFTOS_PARCEL_LENT = 2,   /* they are the sender's: the receiver copies */
    WEFTOS_PARCEL_HELD = 3,   /* the same, and the receiver takes them away */
};

struct weftos_parcel {
    uint32_t kind;
    uint32_t count;
    uint64_t values[WEFTOS_SOCKET_HANDLES];
};

struct weftos_header {
    uint32_t magic;
    uint32_t kind;
    uint32_t pid;   /* the sender's */
    uint32_t bytes; /* of the caller's, behind the header */
    uint64_t pipe;  /* the sender's end, as its own handle */
    uint32_t seen;  /* messages that the sender had received */
    uint32_t zero;
    struct weftos_parcel parcel;
};

struct weftos_message {
    struct weftos_header header;
    unsigned char data[WEFTOS_SOCKET_BYTES];
};

_Static_assert(sizeof(struct weftos_message) ==
                   sizeof(struct weftos_header) + WEFTOS_SOCKET_BYTES,
               "no padding travels");

static inline void weftos_header_fill(struct weftos_header *header, HANDLE pipe,
                                      enum weftos_kind kind, size_t bytes)
{
    memset(header, 0, sizeof(*header));
    header->magic = WEFTOS_MAGIC;
    header->kind = (uint32_t)kind;
    header->pid = GetCurrentProcessId();
    header->bytes = (uint32_t)bytes;
    header->pipe = (uint64_t)(uintptr_t)pipe;
}

#endif
