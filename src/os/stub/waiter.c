/* SPDX-License-Identifier: MIT
 *
 * Waiters: none.
 */
#include "stub.h"

weft_status weftos_waiter_open(weft_handle bell, weft_handle socket,
                               weft_handle process, weftos_waiter **out,
                               weft_detail *detail)
{
    (void)bell;
    (void)socket;
    (void)process;
    (void)out;
    return stub_refuse(detail, "open a waiter");
}

void weftos_waiter_close(weftos_waiter *waiter)
{
    (void)waiter;
}

weft_status weftos_waiter_wait(weftos_waiter *waiter, uint64_t deadline_ns,
                               bool interruptible, unsigned *events,
                               weft_detail *detail)
{
    (void)waiter;
    (void)deadline_ns;
    (void)interruptible;
    (void)events;
    return stub_refuse(detail, "wait");
}

weft_status weftos_waiter_expose(weftos_waiter *waiter, bool ready,
                                 weft_handle *handle, weft_detail *detail)
{
    (void)waiter;
    (void)ready;
    (void)handle;
    return stub_refuse(detail, "expose a waiter");
}
