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

/* Makes this process one that weftos_fence_remote() of others reaches. */
weft_status weftos_fence_enroll(void);

/* A process as the kernel names it. */
struct ucred;
void weftos_fill_peer(weftos_peer *peer, const struct ucred *found);

/*
 * A handle on a process that becomes ready when it ends. WEFT_ENOENT: it has
 * ended; WEFT_ENOTSUP: it can't be watched from here.
 */
weft_status weftos_process_open(int64_t pid, weft_handle *process,
                                weft_detail *detail);

/* The stamp of a process that lives, by when it was started. */
weft_status weftos_process_stamp(uint32_t pid, uint32_t *stamp,
                                 weft_detail *detail);

/*
 * Maps an object, populated, and for no forked child; with guards in builds
 * that have them. weftos_shm_unmap ends it.
 */
weft_status weftos_shm_map(int fd, size_t bytes, int protection, void **base,
                           weft_detail *detail);

/* The descriptor's memory, allocated and of this size. Sets errno. */
int weftos_shm_allocate(int fd, size_t bytes);

/* Makes room in a doorbell that we hear. No ring that is not heard is lost. */
void weftos_bell_settle(weft_handle mine);

#endif
