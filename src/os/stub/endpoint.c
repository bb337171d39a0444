/* SPDX-License-Identifier: MIT
 *
 * Names and those who meet there: none.
 */
#include "stub.h"

weft_status weftos_endpoint_open(const char *name, unsigned mode,
                                 weftos_endpoint **out, weft_detail *detail)
{
    (void)name;
    (void)mode;
    (void)out;
    return stub_refuse(detail, "listen at a name");
}

void weftos_endpoint_close(weftos_endpoint *endpoint, bool forked)
{
    (void)endpoint;
    (void)forked;
}

weft_handle weftos_endpoint_handle(const weftos_endpoint *endpoint)
{
    (void)endpoint;
    return WEFTOS_NONE;
}

weft_status weftos_endpoint_wait(weftos_endpoint *endpoint,
                                 uint64_t deadline_ns, bool interruptible,
                                 uint64_t *id, weft_detail *detail)
{
    (void)endpoint;
    (void)deadline_ns;
    (void)interruptible;
    (void)id;
    return stub_refuse(detail, "wait for a connection");
}

weft_status weftos_endpoint_watch(weftos_endpoint *endpoint, weft_handle socket,
                                  uint64_t id, weft_detail *detail)
{
    (void)endpoint;
    (void)socket;
    (void)id;
    return stub_refuse(detail, "watch a connection");
}

void weftos_endpoint_forget(weftos_endpoint *endpoint, weft_handle socket)
{
    (void)endpoint;
    (void)socket;
}

weft_status weftos_endpoint_accept(weftos_endpoint *endpoint,
                                   weft_handle *socket, weft_peer *peer,
                                   weft_detail *detail)
{
    (void)endpoint;
    (void)socket;
    (void)peer;
    return stub_refuse(detail, "accept a connection");
}

weft_status weftos_endpoint_connect(const char *name, bool await,
                                    uint64_t deadline_ns, bool interruptible,
                                    weft_handle *socket, weft_peer *peer,
                                    weft_detail *detail)
{
    (void)name;
    (void)await;
    (void)deadline_ns;
    (void)interruptible;
    (void)socket;
    (void)peer;
    return stub_refuse(detail, "connect to a name");
}

bool weftos_is_same_user(const weft_peer *peer)
{
    (void)peer;
    return false;
}
