/* SPDX-License-Identifier: MIT
 *
 * What the files of the macOS back end share among themselves.
 *
 * Where a comment says what the kernel does, it was read in the sources of
 * XNU that Apple publishes (github.com/apple-oss-distributions/xnu), from
 * xnu-6153 (macOS 10.15) on; the function is named.
 */
#ifndef WEFTOS_MACOS_H
#define WEFTOS_MACOS_H

#include <sys/types.h>

#include "../posix/posix.h"

/* The version of the kernel: 20 is macOS 11. False: it can't be asked. */
bool weftos_darwin_major(unsigned *major);

/* -------------------------------------------------------------- kqueues --- */

/*
 * A kqueue is nothing that a forked child has: its number is free there, and
 * may be given to another file. So who closes one must know that it is still
 * in the process that opened it.
 */
struct weftos_queue {
    int fd; /* -1: not open */
    int64_t pid;
};

#define WEFTOS_QUEUE_NONE                                                      \
    {                                                                          \
        -1, 0                                                                  \
    }

weft_status weftos_queue_open(struct weftos_queue *queue, weft_detail *detail);
void weftos_queue_close(struct weftos_queue *queue);

/*
 * Changes what is heard: as EV_SET, with `id` to be handed back with the
 * event. 0, or -1 and errno.
 */
int weftos_queue_change(int fd, uintptr_t ident, int16_t filter, uint16_t flags,
                        uint32_t fflags, uint64_t id);

/*
 * Collects up to `most` events. Returns how many; 0 when the deadline has
 * passed; -1 and errno.
 */
struct kevent;
int weftos_queue_wait(int fd, struct kevent *found, int most,
                      uint64_t deadline_ns);

/* ------------------------------------------------------------ processes --- */

/*
 * The stamp of a process that lives, never 0. WEFT_ENOENT: it has ended.
 * WEFT_EACCES: it is another user's, or the sandbox tells nothing.
 */
weft_status weftos_process_stamp(uint32_t pid, uint32_t *stamp,
                                 weft_detail *detail);

/* Its user and group, as far as that is told; else they stay as they are. */
void weftos_process_user(uint32_t pid, uid_t *uid, gid_t *gid);

/*
 * A process as a handle: not a descriptor but its number and stamp.
 * weftos_close passes over it, and so does a forked child. A stamp of 0 is not
 * known.
 */
weft_handle weftos_process_handle(const weftos_process_id *who);
weftos_process_id weftos_process_of(weft_handle handle);

/*
 * Has a kqueue tell, once and with `id`, of a process's end. WEFT_ENOENT: it
 * has ended.
 */
weft_status weftos_process_watch(int queue, const weftos_process_id *who,
                                 uint64_t id, weft_detail *detail);

/* In a forked child: gives up what the parent's threads were at. */
void weftos_words_forget(void);

/* -------------------------------------------------------------- sockets --- */

/* socket() with what every socket of weft's has. -1 and errno. */
int weftos_socket_make(int type);

/*
 * Makes a connected socket fit to be a control socket. WEFT_ECLOSED: its other
 * end is closed.
 */
weft_status weftos_socket_prepare(int fd, weft_detail *detail);

/* What hears, in a kqueue, of changes to the directory of a name. */
struct weftos_changes {
    int directory; /* -1: it does not exist */
    int parent;    /* then this; good for one change */
};

#define WEFTOS_CHANGES_NONE                                                    \
    {                                                                          \
        -1, -1                                                                 \
    }

/*
 * Listens to the directory; where it does not exist, to its parent. The events
 * are of EVFILT_VNODE, and come once.
 */
struct weftos_place;
weft_status weftos_changes_open(struct weftos_changes *changes, int queue,
                                const struct weftos_place *place, uint64_t id,
                                weft_detail *detail);
void weftos_changes_close(struct weftos_changes *changes);

/* Whether any socket is open at an address, with a full queue or not. */
struct sockaddr_un;
bool weftos_is_alive(const struct sockaddr_un *address);

/* Who is at the other end. The pid is 0 when that end is closed. */
weft_status weftos_socket_ask_peer(int fd, weftos_peer *peer,
                                   weft_detail *detail);

#endif
