/* SPDX-License-Identifier: MIT
 *
 * process_list.h - the list of all processes, as the system writes it into one
 * buffer (NtQuerySystemInformation, SystemProcessInformation).
 *
 * Nothing here asks the system, so it is tested everywhere. Neither an offset
 * nor an address in the buffer is followed before it has been checked.
 */
#ifndef WEFTOS_PROCESS_LIST_H
#define WEFTOS_PROCESS_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How the list has each process, in a program of 64 bits, since Windows 7.
 * Times are in units of 100 ns; of two amounts the first is the most that ever
 * was, the second one that of now.
 */
struct weftos_process_entry {
    uint32_t next; /* bytes from here to the next one; 0: it is the last */
    uint32_t threads;
    uint64_t private_working_set;
    uint64_t unused[2];
    uint64_t created;
    uint64_t user;
    uint64_t kernel;
    uint16_t name_bytes;
    uint16_t name_room;
    uint32_t padding;
    uint64_t name; /* an address in the buffer */
    int32_t priority;
    uint32_t more_padding;
    uint64_t pid;
    uint64_t parent;
    uint32_t handles;
    uint32_t session;
    uint64_t key;
    uint64_t address_space[2];
    uint32_t faults;
    uint32_t last_padding;
    uint64_t working_set[2];
    uint64_t quotas[4];
    uint64_t commit; /* now */
    uint64_t commit_most;
};

struct weftos_process_list {
    void *data; /* the caller's to free */
    size_t bytes;
    uint64_t address; /* where the system wrote it */
    size_t at;        /* of the next entry; 0 at first */
    bool has_ended;
    bool is_broken; /* the rest makes no sense */
};

/* Copies the next entry. False: there is none, or see `is_broken`. */
bool weftos_process_next(struct weftos_process_list *list,
                         struct weftos_process_entry *entry);

/* The name in UTF-8, terminated, as much of it as there is room for; or "". */
void weftos_process_name(const struct weftos_process_list *list,
                         const struct weftos_process_entry *entry, char *text,
                         size_t room);

#endif
