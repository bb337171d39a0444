/* SPDX-License-Identifier: MIT
 *
 * The place of a name: the address of its socket, and its directory. Files
 * with names may lie in another directory than sockets (posix.h).
 */
#ifndef WEFTOS_PLACE_H
#define WEFTOS_PLACE_H

#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "posix.h"

struct weftos_place {
    struct sockaddr_un address;
    char directory_path[PATH_MAX];
    int directory;   /* open, or -1 */
    bool is_private; /* in the run-time directory */
};

/* Finds the paths only. WEFT_ENAME: not a usable name. */
weft_status weftos_place_name(const char *name, struct weftos_place *place,
                              weft_detail *detail);

/*
 * Opens and checks the directory too. To listen, the run-time directory is
 * made if it is missing. To connect by a path its directory is not looked at:
 * who listens there is asked of the kernel. WEFT_ENOENT: it does not exist.
 */
weft_status weftos_place_open(const char *name, bool listens,
                              struct weftos_place *place, weft_detail *detail);

/*
 * The run-time directory, of sockets or of files, as a place without a name;
 * it is not made. WEFT_ENOENT: it does not exist.
 */
weft_status weftos_place_runtime(bool of_files, struct weftos_place *place,
                                 weft_detail *detail);

/* The same for a file, whose place has no address. The directory is made. */
weft_status weftos_place_file(const char *name, struct weftos_place *place,
                              weft_detail *detail);
weft_status weftos_place_open_file(const char *name, struct weftos_place *place,
                                   weft_detail *detail);

/*
 * Takes the lock that keeps apart those who change the names of the directory,
 * for some system calls. To close the descriptor would not do to release it: a
 * child that another thread has forked meanwhile has it too.
 */
weft_status weftos_place_lock(const struct weftos_place *place,
                              weft_detail *detail);
void weftos_place_unlock(const struct weftos_place *place);

/* Each system does this itself; as weftos_endpoint_numbers with an endpoint. */
weft_status weftos_endpoint_await(weftos_endpoint *endpoint, uint64_t id,
                                  const struct weftos_place *place,
                                  weft_detail *detail);

/* Writes the directory part of a path that has a '/', cut to PATH_MAX. */
void weftos_place_parent(const char *path, char *parent);

#endif
