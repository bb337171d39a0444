/* SPDX-License-Identifier: MIT
 *
 * Sets: none.
 */
#include "stub.h"

weft_status weftos_set_open(weftos_set **out, weft_detail *detail)
{
    (void)out;
    return stub_refuse(detail, "open a set");
}

void weftos_set_close(weftos_set *set)
{
    (void)set;
}

weft_status weftos_set_add(weftos_set *set, weft_handle handle, unsigned events,
                           uint64_t id, weft_detail *detail)
{
    (void)set;
    (void)handle;
    (void)events;
    (void)id;
    return stub_refuse(detail, "add to a set");
}

void weftos_set_remove(weftos_set *set, weft_handle handle, unsigned events,
                       uint64_t id)
{
    (void)set;
    (void)handle;
    (void)events;
    (void)id;
}

weft_status weftos_set_wait(weftos_set *set, uint64_t deadline_ns,
                            bool interruptible, weftos_news *news, size_t room,
                            size_t *count, weft_detail *detail)
{
    (void)set;
    (void)deadline_ns;
    (void)interruptible;
    (void)news;
    (void)room;
    (void)count;
    return stub_refuse(detail, "wait for a set");
}

void weftos_set_wake(weftos_set *set)
{
    (void)set;
}
