/* SPDX-License-Identifier: MIT
 *
 * Making pipes, and pairs of their ends.
 */
#include "socket.h"

#include <ntsecapi.h>
#include <wchar.h>

#include "link.h"

HANDLE weftos_pipe_create(const wchar_t *name, DWORD open_mode, DWORD instances,
                          SECURITY_ATTRIBUTES *access)
{
    return CreateNamedPipeW(
        name, open_mode | PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT |
            PIPE_REJECT_REMOTE_CLIENTS,
        instances, WEFTOS_PIPE_BYTES, WEFTOS_PIPE_BYTES, 0, access);
}

/*
 * GENERIC_WRITE would ask for the right to make instances too. Who listens
 * there may learn who we are, and no more.
 */
HANDLE weftos_pipe_open(const wchar_t *name)
{
    const DWORD rights = FILE_READ_DATA | FILE_WRITE_DATA |
                         FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES |
                         READ_CONTROL | SYNCHRONIZE;

    return CreateFileW(name, rights, 0, NULL, OPEN_EXISTING,
                       FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT |
                           SECURITY_IDENTIFICATION,
                       NULL);
}

/*
 * Connects the two ends. The server end needs no ConnectNamedPipe when its
 * client is there already.
 */
static weft_status make_ends(HANDLE ends[2], SECURITY_ATTRIBUTES *access,
                             weft_detail *detail)
{
    static const char step[] = "make a pair of control sockets";
    uint64_t random[2];
    wchar_t name[64];

    if (!RtlGenRandom(random, sizeof(random))) {
        return weftos_fail_last(detail, step);
    }
    (void)_snwprintf(name, ARRAYSIZE(name), L"\\\\.\\pipe\\weft-%016llx%016llx",
                     (unsigned long long)random[0],
                     (unsigned long long)random[1]);
    ends[0] =
        weftos_pipe_create(name, FILE_FLAG_FIRST_PIPE_INSTANCE, 1, access);
    if (ends[0] == INVALID_HANDLE_VALUE) {
        return weftos_fail_last(detail, step);
    }
    ends[1] = weftos_pipe_open(name);
    if (ends[1] == INVALID_HANDLE_VALUE || !weftos_socket_prepare(ends[1])) {
        weft_status status = weftos_fail_last(detail, step);

        weftos_close_native(ends[0]);
        weftos_close_native(ends[1]);
        return status;
    }
    return WEFT_OK;
}

weft_status weftos_socket_pair(weft_handle ends[2], weft_detail *detail)
{
    SECURITY_ATTRIBUTES *access = weftos_get_access(WEFTOS_ACCESS_USER, detail);
    HANDLE pipes[2] = {INVALID_HANDLE_VALUE, INVALID_HANDLE_VALUE};
    weft_status status;

    if (access == NULL) {
        return WEFT_EOS;
    }
    status = make_ends(pipes, access, detail);
    if (status != WEFT_OK) {
        return status;
    }
    status = weftos_link_add(pipes[0], true, NULL, detail);
    if (status != WEFT_OK) {
        (void)CloseHandle(pipes[0]);
        (void)CloseHandle(pipes[1]);
        return status;
    }
    ends[0] = (weft_handle)pipes[0];
    ends[1] = (weft_handle)pipes[1];
    return WEFT_OK;
}
