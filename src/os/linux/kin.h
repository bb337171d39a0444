/* SPDX-License-Identifier: MIT
 *
 * kin.h - who descends from whom, as /proc says at one time.
 */
#ifndef WEFTOS_LINUX_KIN_H
#define WEFTOS_LINUX_KIN_H

#include <stdbool.h>
#include <sys/types.h>

#include "linux.h"

/* A process, as its stat file has it. Its number and its start identify it. */
struct kin {
    pid_t pid;
    pid_t parent;
    pid_t session;
    pid_t group;     /* of processes, for job control */
    pid_t front;     /* the terminal's group in the foreground; -1: none */
    unsigned device; /* the terminal, as the kernel encodes it; 0: none */
    unsigned policy; /* of the scheduler, SCHED_OTHER and so on */
    char state;
    bool is_kernels;   /* a thread of the kernel's own */
    uint64_t start;    /* in ticks since the system's */
    uint64_t ticks[4]; /* user, system; both of children waited for */
    uint64_t threads;
    uint64_t pages; /* resident, as the kernel's counters have it: to some */
    char name[64];
};

struct kin_list {
    struct kin *items;
    size_t count;
    size_t room;
};

/* False, and errno: it is not there, or can't be read. */
bool weftos_kin_read(pid_t pid, struct kin *kin);

/* The same from another stat file, also of a thread; the number is given. */
bool weftos_kin_read_at(int folder, const char *path, pid_t pid,
                        struct kin *kin);

/* It has ended, and its parent has not asked. */
bool weftos_kin_has_ended(const struct kin *kin);

/*
 * Reads all processes, by rising numbers. What ends meanwhile is left out.
 * WEFT_ENOMEM, WEFT_ELIMIT, WEFT_EOS. The caller frees the items, after a
 * failure too.
 */
weft_status weftos_kin_list(struct kin_list *list, weft_detail *detail);

/* The item with this number, or NULL. */
const struct kin *weftos_kin_find(const struct kin_list *list, pid_t pid);

/*
 * Writes to `order`, which has room for all, the indices of a family: first the
 * `count` that are there, its roots, then all that descend from one of those,
 * each after the one that it was found by. Who descends from somebody has him
 * as his parent, or as the leader of his session: a session is left only for a
 * new one, so all of it descends from its leader, and no other process can get
 * the leader's number while there is a member. Whoever has been started before
 * his parent has another one now, with the number of that.
 *
 * Gives the new count; 0: there is no memory.
 */
size_t weftos_kin_family(const struct kin_list *list, size_t *order,
                         size_t count);

#endif
