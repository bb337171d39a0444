/* SPDX-License-Identifier: MIT
 *
 * Listening for demands to give memory back.
 */
#include <weft/trim.h>

#include "../ipc/handshake.h"

weft_status weft_memory_on_pressure(const weft_memory_listener_options *options,
                                    weft_memory_trim *trim, void *context,
                                    weft_memory_listener **out,
                                    weft_detail *detail)
{
    (void)options;
    (void)trim;
    (void)context;
    *out = NULL;
    return wefti_fail(detail, WEFT_ENOTSUP, "listen for pressure");
}

weft_status
weft_memory_listener_open(const weft_memory_listener_options *options,
                          weft_memory_listener **out, weft_detail *detail)
{
    (void)options;
    *out = NULL;
    return wefti_fail(detail, WEFT_ENOTSUP, "listen for pressure");
}

void weft_memory_listener_close(weft_memory_listener **listener)
{
    (void)listener;
}

weft_handle weft_memory_listener_handle(const weft_memory_listener *listener)
{
    (void)listener;
    return WEFT_HANDLE_NONE;
}

weft_status weft_memory_listener_next(weft_memory_listener *listener,
                                      weft_memory_demand *demand,
                                      uint64_t deadline_ns, weft_detail *detail)
{
    (void)listener;
    (void)demand;
    (void)deadline_ns;
    return wefti_fail(detail, WEFT_ENOTSUP, "listen for pressure");
}

weft_status weft_memory_listener_answer(weft_memory_listener *listener,
                                        uint64_t bytes)
{
    (void)listener;
    (void)bytes;
    return WEFT_ENOTSUP;
}

weft_status weft_memory_listener_get_stats(const weft_memory_listener *listener,
                                           weft_memory_listener_stats *stats)
{
    (void)listener;
    (void)stats;
    return WEFT_ENOTSUP;
}

weft_status weft_memory_trim_heap(weft_detail *detail)
{
    return wefti_fail(detail, WEFT_ENOTSUP, "trim the heap");
}
