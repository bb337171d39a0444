/* SPDX-License-Identifier: MIT
 *
 * Sending what the back end would not: a message is written into the pipe as
 * it is, to a peer that may not have spoken yet.
 */
#include "wire_windows.h"

#include <string.h>

#define DATA_MOST 1024

/* The process at the other end of a pipe; NULL if there is none any more. */
static HANDLE open_peer(HANDLE pipe)
{
    DWORD flags = 0;
    ULONG pid = 0;

    if (!GetNamedPipeInfo(pipe, &flags, NULL, NULL, NULL)) {
        return NULL;
    }
    return ((flags & PIPE_SERVER_END) != 0
                ? GetNamedPipeClientProcessId(pipe, &pid)
                : GetNamedPipeServerProcessId(pipe, &pid))
               ? OpenProcess(PROCESS_DUP_HANDLE, FALSE, pid)
               : NULL;
}

/*
 * Puts the handles into the peer, unless the message will be refused as a
 * whole: then they are only said to be there, as nobody would close them.
 */
static size_t push(HANDLE peer, struct weftos_parcel *parcel, size_t bytes,
                   const weft_handle *handles, size_t count)
{
    bool is_sound =
        bytes <= WEFTOS_SOCKET_BYTES && count <= WEFTOS_SOCKET_HANDLES;
    size_t pushed = 0;
    HANDLE copy;

    parcel->kind = count > 0 ? WEFTOS_PARCEL_PUSHED : 0;
    parcel->count = (uint32_t)count;
    for (; is_sound && pushed < count; pushed++) {
        CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)handles[pushed],
                              peer, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
        parcel->values[pushed] = (uint64_t)(uintptr_t)copy;
    }
    return pushed;
}

static void take_back(HANDLE peer, const struct weftos_parcel *parcel,
                      size_t pushed)
{
    for (size_t i = 0; i < pushed; i++) {
        (void)DuplicateHandle(peer, (HANDLE)(uintptr_t)parcel->values[i], NULL,
                              NULL, 0, FALSE, DUPLICATE_CLOSE_SOURCE);
    }
}

bool attacker_write(weft_handle socket, const void *bytes, size_t count)
{
    HANDLE pipe = (HANDLE)socket;
    OVERLAPPED io = {0};
    DWORD cause = 0;
    DWORD written;

    if (!WriteFile(pipe, bytes, (DWORD)count, NULL, &io)) {
        cause = GetLastError();
        if (cause == ERROR_IO_PENDING) {
            cause = weftos_io_finish(pipe, &io, true, &written);
        }
    }
    return cause == 0;
}

bool attacker_send(weft_handle socket, const void *data, size_t bytes,
                   const weft_handle *handles, size_t count)
{
    HANDLE peer = open_peer((HANDLE)socket);
    struct {
        struct weftos_header header;
        unsigned char data[DATA_MOST];
    } message;
    size_t pushed;
    bool sent;

    REQUIRE(bytes <= DATA_MOST);
    if (peer == NULL) {
        return false;
    }
    weftos_header_fill(&message.header, (HANDLE)socket, WEFTOS_KIND_MESSAGE,
                       bytes);
    pushed = push(peer, &message.header.parcel, bytes, handles, count);
    if (bytes > 0) {
        memcpy(message.data, data, bytes);
    }
    sent = attacker_write(socket, &message, sizeof(message.header) + bytes);
    if (!sent) {
        take_back(peer, &message.header.parcel, pushed);
    }
    CHECK(CloseHandle(peer));
    return sent;
}
