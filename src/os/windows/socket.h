/* SPDX-License-Identifier: MIT
 *
 * What makes a pipe a control socket.
 */
#ifndef WEFTOS_SOCKET_H
#define WEFTOS_SOCKET_H

#include "win.h"

/* Room for some hundred messages each way, before a sender must wait. */
#define WEFTOS_PIPE_BYTES 65536

/* The instances of a pipe that weft makes differ in number and access only. */
HANDLE weftos_pipe_create(const wchar_t *name, DWORD open_mode, DWORD instances,
                          SECURITY_ATTRIBUTES *access);

/* Opens the client end, which can't be used to act as this user. */
HANDLE weftos_pipe_open(const wchar_t *name);

/* Sets the read mode. False: it is no pipe of messages. */
bool weftos_socket_prepare(HANDLE pipe);

/* Closes a pipe that was never a control socket, and what came with it. */
void weftos_socket_discard(HANDLE pipe);

/* What the error of a read or write of a pipe means. */
weft_status weftos_pipe_status(DWORD cause);

/*
 * WEFT_OK: there is something to receive. WEFT_EAGAIN: nothing. WEFT_ECLOSED:
 * one of the two sides has hung up, and all was received.
 */
weft_status weftos_socket_look(HANDLE pipe);

#endif
