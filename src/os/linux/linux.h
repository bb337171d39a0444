/* SPDX-License-Identifier: MIT
 *
 * What the files of the Linux back end share among themselves.
 */
#ifndef WEFTOS_LINUX_H
#define WEFTOS_LINUX_H

#include <errno.h>

#include "../os.h"

/* Fills in `detail`, if there is one, and returns `status`. */
static inline weft_status weftos_fail(weft_detail *detail, weft_status status,
                                      int os_code, const char *operation)
{
    if (detail != NULL) {
        detail->status = status;
        detail->os_code = os_code;
        detail->operation = operation;
    }
    return status;
}

/* The status that an errno stands for when a call has no better one. */
weft_status weftos_errno_status(int os_code);

/* Both at once, for the errno of the call that has just failed. */
static inline weft_status weftos_fail_errno(weft_detail *detail,
                                            const char *operation)
{
    int os_code = errno;

    return weftos_fail(detail, weftos_errno_status(os_code), os_code,
                       operation);
}

/*
 * The time left until a deadline as poll and epoll_pwait2 want it: NULL for
 * WEFT_FOREVER, zero when the deadline is past, else `room` filled in.
 */
struct timespec;
struct timespec *weftos_time_left(uint64_t deadline_ns, struct timespec *room);

#endif
