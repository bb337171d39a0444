/* SPDX-License-Identifier: MIT
 *
 * What the files of the Linux back end share among themselves.
 */
#ifndef WEFTOS_LINUX_H
#define WEFTOS_LINUX_H

#include "../posix/posix.h"

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

/* epoll_wait with a time-out in nanoseconds; NULL waits for ever. */
struct epoll_event;
struct timespec;
int weftos_epoll_wait(int epoll, struct epoll_event *found, int most,
                      const struct timespec *left);

/*
 * The kernel is asked to name the sender of each message on a control socket,
 * or no longer.
 */
weft_status weftos_socket_name_senders(int fd, weft_detail *detail);
void weftos_socket_forget_senders(int fd);

/* The stamp of a process that lives, by when it was started. */
weft_status weftos_process_stamp(uint32_t pid, uint32_t *stamp,
                                 weft_detail *detail);

#endif
