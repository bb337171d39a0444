/* SPDX-License-Identifier: MIT
 *
 * reclaim.h - the ways to take memory back, among themselves.
 */
#ifndef WEFTOS_LINUX_RECLAIM_H
#define WEFTOS_LINUX_RECLAIM_H

#include <limits.h>
#include <sys/types.h>

#include "../reclaim.h"
#include "linux.h"

/* What a verb does of <src/os/reclaim.h>. NULL: it has no such thing. */
struct reclaim_way {
    weft_status (*plan)(weftos_reclaim *reclaim,
                        const weft_memory_figures *figures,
                        weft_reclaim_plan *plan, weft_detail *detail);
    weft_status (*members)(weftos_reclaim *reclaim, weftos_member_visit *visit,
                           void *context, weft_detail *detail);
    weft_status (*look)(weftos_reclaim *reclaim,
                        struct weftos_target_figures *figures,
                        weft_detail *detail);
    weft_status (*mark)(weftos_reclaim *reclaim, weft_handle process,
                        weft_detail *detail);
    weft_status (*act)(weftos_reclaim *reclaim, weft_handle process,
                       bool *is_done, weft_detail *detail);
    weft_status (*restore)(weftos_reclaim *reclaim, weft_handle process,
                           weft_detail *detail);
};

extern const struct reclaim_way weftos_reclaim_cold;
extern const struct reclaim_way weftos_reclaim_pageout;
extern const struct reclaim_way weftos_reclaim_group;
extern const struct reclaim_way weftos_reclaim_files;
extern const struct reclaim_way weftos_reclaim_heap;

/* ------------------------------------------------------------- mappings --- */

/* A mapping of a process, as /proc/PID/smaps tells of it, in bytes. */
struct reclaim_mapping {
    uint64_t start;
    uint64_t end;
    uint64_t resident;
    uint64_t own; /* of that, what nobody else has mapped */
    uint64_t referenced;
    uint64_t anonymous;
    uint64_t away;         /* in swap */
    bool is_shared_memory; /* without a file behind it */
    bool is_fixed; /* locked, a device's, of huge pages of their own, ... */
};

struct reclaim_mappings {
    struct reclaim_mapping *items;
    size_t count;
    size_t room;
};

/*
 * Reads them, in place of those that there were. WEFT_ENOENT: the process has
 * ended; WEFT_EACCES: this user may not look.
 */
weft_status weftos_mappings_read(pid_t pid, struct reclaim_mappings *mappings,
                                 weft_detail *detail);
void weftos_mappings_free(struct reclaim_mappings *mappings);

/* ----------------------------------------------------------------- pages ---
 */

struct reclaim_range {
    uint64_t start;
    uint64_t bytes;
};

struct reclaim_ranges {
    struct reclaim_range *items;
    size_t count;
    size_t room;
};

/* Adds one behind those that there are; false: there is no memory. */
bool weftos_ranges_add(struct reclaim_ranges *ranges, uint64_t start,
                       uint64_t bytes);

/*
 * Looks through the pages of a mapping, from `*at` on, for those that are in
 * memory, that no other process has mapped, and that are no copy of a file
 * unless `with_files`. Adds what it finds to `ranges`, which has `most` of them
 * then at most, and `most_bytes` of pages, which are added to `*bytes`. `*at`
 * is where it goes on.
 */
weft_status weftos_pages_find(int pagemap,
                              const struct reclaim_mapping *mapping,
                              bool with_files, uint64_t page_bytes,
                              struct reclaim_ranges *ranges, size_t most,
                              uint64_t most_bytes, uint64_t *at,
                              uint64_t *bytes, weft_detail *detail);

/* -------------------------------------------------------------- the rest ---
 */

struct weftos_reclaim {
    const struct reclaim_way *way;
    const char *root;
    unsigned flags;
    pid_t pid;
    uint64_t page_bytes;
    uint64_t bytes; /* that are wanted; UINT64_MAX: all */
    uint64_t taken_bytes;
    char path[PATH_MAX]; /* as it was given; of a group: its directory */

    /* Of a process: where the work is. */
    struct reclaim_mappings mappings;
    bool has_begun;
    size_t mapping;
    uint64_t at;
    struct reclaim_ranges taken; /* what was paged out */

    unsigned version; /* of a group's hierarchy */
};

/* What swap there is, and what becomes of a page there. */
struct reclaim_swap {
    bool is_there;
    uint64_t free_bytes;
    bool is_packed;  /* it is compressed in memory */
    bool knows_part; /* of its size a page takes in memory */
    double part;
};
void weftos_reclaim_swap(const char *root, const weft_memory_figures *figures,
                         struct reclaim_swap *swap);

/* How much less memory so much takes when it is swapped. False: not known. */
bool weftos_swap_gain(const struct reclaim_swap *swap, uint64_t bytes,
                      uint64_t *gain);

/* What a process has in memory and in swap. WEFT_ENOENT, WEFT_EACCES. */
weft_status weftos_target_of_process(pid_t pid,
                                     struct weftos_target_figures *figures,
                                     weft_detail *detail);

/* Says what stands in the way. */
#define WEFTOS_OBSTRUCT(plan, what, ...)                                       \
    ((plan)->obstacle = (what),                                                \
     (plan)->may_run = (what) == WEFT_RECLAIM_NOTHING,                         \
     (void)snprintf((plan)->reason, sizeof((plan)->reason), __VA_ARGS__))

#endif
