/* SPDX-License-Identifier: MIT
 *
 * Threads of the library's own: none.
 */
#include "stub.h"

weft_status weftos_thread_start(weftos_thread_work *work, void *context,
                                weftos_thread **out, weft_detail *detail)
{
    (void)work;
    (void)context;
    (void)out;
    return stub_refuse(detail, "start a thread");
}

void weftos_thread_join(weftos_thread *thread, bool forked)
{
    (void)thread;
    (void)forked;
}
