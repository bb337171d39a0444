/* SPDX-License-Identifier: MIT
 *
 * Control sockets: none.
 */
#include "stub.h"

void weftos_close(weft_handle handle)
{
    (void)handle;
}

weft_status weftos_socket_send(weft_handle socket, const void *data,
                               size_t bytes, const weft_handle *handles,
                               size_t handle_count, weft_detail *detail)
{
    (void)socket;
    (void)data;
    (void)bytes;
    (void)handles;
    (void)handle_count;
    return stub_refuse(detail, "send a control message");
}

weft_status weftos_socket_recv(weft_handle socket, weftos_received *received,
                               weft_detail *detail)
{
    (void)socket;
    (void)received;
    return stub_refuse(detail, "receive a control message");
}

weft_status weftos_socket_pair(weft_handle ends[2], weft_detail *detail)
{
    (void)ends;
    return stub_refuse(detail, "make a pair of control sockets");
}

weft_status weftos_socket_adopt(weft_handle socket, weft_detail *detail)
{
    (void)socket;
    return stub_refuse(detail, "adopt a control socket");
}

weft_status weftos_socket_wait(weft_handle socket, bool room,
                               weft_handle process, uint64_t deadline_ns,
                               bool interruptible, weft_detail *detail)
{
    (void)socket;
    (void)room;
    (void)process;
    (void)deadline_ns;
    (void)interruptible;
    return stub_refuse(detail, "wait for a control socket");
}

void weftos_socket_hang_up(weft_handle socket)
{
    (void)socket;
}
