/* SPDX-License-Identifier: MIT
 *
 * posix.h - what Linux and macOS share.
 *
 * The files of this directory are part of both back ends. What they need of
 * the one they are built into is declared at the end: those are the seams.
 */
#ifndef WEFTOS_POSIX_H
#define WEFTOS_POSIX_H

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
 * The time left until a deadline, as the system's waits want it: NULL for
 * WEFT_FOREVER, zero when the deadline is past, else `room` filled in.
 */
struct timespec;
struct timespec *weftos_time_left(uint64_t deadline_ns, struct timespec *room);

/*
 * mmap at an address of the system's choice, with an inaccessible page on each
 * side in builds that have guards. weftos_shm_unmap ends it. MAP_FAILED and
 * errno.
 */
void *weftos_map_guarded(int fd, size_t bytes, int protection, int flags);

/* Makes room in a doorbell that we hear. No ring that is not heard is lost. */
void weftos_bell_settle(weft_handle mine);

/* -------------------------------------------- what each system does itself */

/* The facts of this system; called once. */
void weftos_fill_facts(weftos_facts *facts);

/*
 * Maps an object for no forked child, with guards in builds that have them.
 * weftos_shm_unmap ends it.
 */
weft_status weftos_shm_map(int fd, size_t bytes, int protection, void **base,
                           weft_detail *detail);

/*
 * Where files with names lie when the environment says nothing: `path`, which
 * has room for PATH_MAX bytes, is the directory of sockets, and stays as it is
 * unless there is one that files last longer in.
 */
weft_status weftos_place_of_files(char *path, weft_detail *detail);

/*
 * Gives a new file its size, and all the memory or disk that it takes: what is
 * not to be had is an error here, and no fault later. Sets errno.
 */
int weftos_shm_allocate(int fd, size_t bytes);

#endif
