/* SPDX-License-Identifier: MIT
 *
 * Names and those who meet there: none.
 */
#include "stub.h"

weft_status weftos_endpoint_numbers(const char *name, weftos_endpoint *endpoint,
                                    uint64_t id, uint64_t *numbers,
                                    weft_detail *detail)
{
    (void)name;
    (void)endpoint;
    (void)id;
    *numbers = 0;
    return stub_refuse(detail, "look who shares a name");
}

weft_status weftos_names_each(weftos_name_visit *visit, void *context,
                              weft_detail *detail)
{
    (void)visit;
    (void)context;
    return stub_refuse(detail, "list the names in use");
}

weft_status weftos_endpoint_open(const char *name, unsigned mode,
                                 weftos_endpoint **out, weft_handle *handle,
                                 weft_detail *detail)
{
    (void)name;
    (void)mode;
    (void)out;
    (void)handle;
    return stub_refuse(detail, "listen at a name");
}

void weftos_endpoint_close(weftos_endpoint *endpoint, bool forked)
{
    (void)endpoint;
    (void)forked;
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

weft_status weftos_endpoint_watch(weftos_endpoint *endpoint, uint64_t id,
                                  weft_handle socket, weft_handle process,
                                  weft_detail *detail)
{
    (void)endpoint;
    (void)id;
    (void)socket;
    (void)process;
    return stub_refuse(detail, "watch a connection");
}

void weftos_endpoint_forget(weftos_endpoint *endpoint, uint64_t id,
                            weft_handle socket, weft_handle process)
{
    (void)endpoint;
    (void)id;
    (void)socket;
    (void)process;
}

weft_status weftos_endpoint_accept(weftos_endpoint *endpoint,
                                   weft_handle *socket, weftos_peer *peer,
                                   weft_detail *detail)
{
    (void)endpoint;
    (void)socket;
    (void)peer;
    return stub_refuse(detail, "accept a connection");
}

weft_status weftos_endpoint_connect(const char *name, bool await,
                                    uint64_t deadline_ns, bool interruptible,
                                    weft_handle *socket, weftos_peer *peer,
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
