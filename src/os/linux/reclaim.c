/* SPDX-License-Identifier: MIT
 *
 * Memory is taken back, in the way of each verb; and what swap makes of it.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reclaim.h"
#include "text.h"

/* Less that is compressed tells nothing of how well pages compress. */
#define PACKED_LEAST (UINT64_C(1) << 20)

/* ------------------------------------------------------------------ swap ---
 */

/* Whether what is swapped is compressed, and stays in memory. */
static bool is_packed(const char *root)
{
    char path[PATH_MAX];
    char text[4096];

    (void)snprintf(path, sizeof(path), "%s/proc/swaps", root);
    if (weftos_read_text(path, text, sizeof(text)) &&
        strstr(text, "\n/dev/zram") != NULL) {
        return true;
    }
    (void)snprintf(path, sizeof(path), "%s/sys/module/zswap/parameters/enabled",
                   root);
    return weftos_read_text(path, text, sizeof(text)) && text[0] == 'Y';
}

static bool knows(const weft_memory_figures *figures, weft_memory_figure figure)
{
    return (figures->valid >> figure & 1) != 0;
}

void weftos_reclaim_swap(const char *root, const weft_memory_figures *figures,
                         struct reclaim_swap *swap)
{
    *swap = (struct reclaim_swap){.is_there =
                                      knows(figures, WEFT_MEMORY_SWAP_TOTAL) &&
                                      figures->swap_total_bytes > 0,
                                  .free_bytes = figures->swap_free_bytes};
    swap->is_packed = swap->is_there && is_packed(root);
    if (!swap->is_packed) {
        swap->knows_part = true; /* nothing of it stays in memory */
    } else if (knows(figures, WEFT_MEMORY_PACKED) &&
               knows(figures, WEFT_MEMORY_PACK) &&
               figures->packed_bytes >= PACKED_LEAST) {
        swap->knows_part = true;
        swap->part =
            (double)figures->pack_bytes / (double)figures->packed_bytes;
    }
}

bool weftos_swap_gain(const struct reclaim_swap *swap, uint64_t bytes,
                      uint64_t *gain)
{
    *gain = 0;
    if (bytes > 0 && !swap->knows_part) {
        return false;
    }
    if (bytes > 0 && swap->part < 1) {
        *gain = (uint64_t)((double)bytes * (1 - swap->part));
    }
    return true;
}

uint64_t weftos_reclaim_lag(const char *root)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    long page = sysconf(_SC_PAGESIZE);
    char *line = malloc(WEFTOS_LINE_BYTES);
    char path[PATH_MAX];
    uint64_t most = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/proc/zoneinfo", root);
    file = fopen(path, "re");
    while (file != NULL && line != NULL && weftos_read_line(file, line)) {
        uint64_t batch;

        if (weftos_find_number(line + strspn(line, " "), "batch:", &batch) &&
            batch > most && batch < UINT32_MAX) {
            most = batch;
        }
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
    /* A list is filled and emptied by so many pages; each way may lag. */
    return cpus > 0 && page > 0 ? 2 * most * (uint64_t)cpus * (uint64_t)page
                                : 0;
}

/* "/dev/sda2  partition  1048572  1024  -2": what is used of it, in KiB. */
static bool find_used(const char *line, uint64_t *bytes)
{
    unsigned long long used;

    if (sscanf(line, "%*s %*s %*s %llu", &used) != 1 ||
        used > UINT64_MAX / 1024) {
        return false;
    }
    *bytes = used * 1024;
    return true;
}

bool weftos_reclaim_disk(const char *root, uint64_t *bytes)
{
    char path[PATH_MAX];
    char text[8192];
    uint64_t packed = 0;
    uint64_t sum = 0;
    uint64_t used;

    (void)snprintf(path, sizeof(path), "%s/proc/meminfo", root);
    if (weftos_read_text(path, text, sizeof(text))) {
        (void)weftos_find_bytes(text, "Zswapped:", &packed);
    }
    (void)snprintf(path, sizeof(path), "%s/proc/swaps", root);
    if (!weftos_read_text(path, text, sizeof(text))) {
        return false;
    }
    /* The first line is a heading. */
    for (const char *at = strchr(text, '\n'); at != NULL && at[1] != '\0';
         at = strchr(at + 1, '\n')) {
        if (strncmp(at + 1, "/dev/zram", 9) != 0 && find_used(at + 1, &used)) {
            sum += used;
        }
    }
    /* What zswap holds has a place on the disk, and is not there. */
    *bytes = sum > packed ? sum - packed : 0;
    return true;
}

uint64_t weftos_reclaim_cpu_ns(void)
{
    struct timespec used;

    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0
               ? (uint64_t)used.tv_sec * UINT64_C(1000000000) +
                     (uint64_t)used.tv_nsec
               : 0;
}

/* -------------------------------------------------------------- own heap ---
 */

static weft_status plan_heap(weftos_reclaim *reclaim,
                             const weft_memory_figures *figures,
                             weft_reclaim_plan *plan, weft_detail *detail)
{
    (void)reclaim;
    (void)figures;
    (void)detail;
    plan->may_run = true;
    (void)snprintf(plan->reason, sizeof(plan->reason),
                   "what this process's own allocator has free is given back; "
                   "how much that is it does not tell");
    return WEFT_OK;
}

static weft_status look_self(weftos_reclaim *reclaim,
                             struct weftos_target_figures *figures,
                             weft_detail *detail)
{
    (void)reclaim;
    return weftos_target_of_process(getpid(), figures, detail);
}

static weft_status act_heap(weftos_reclaim *reclaim, weft_handle process,
                            bool *is_done, weft_detail *detail)
{
    (void)reclaim;
    (void)process;
    (void)detail;
    (void)malloc_trim(0);
    *is_done = true;
    return WEFT_OK;
}

const struct reclaim_way weftos_reclaim_heap = {
    .plan = plan_heap, .look = look_self, .act = act_heap};

/* ------------------------------------------------------------ which way ---
 */

static const struct reclaim_way *way_of(weft_reclaim_verb verb)
{
    switch (verb) {
    case WEFT_RECLAIM_COLD:
        return &weftos_reclaim_cold;
    case WEFT_RECLAIM_PAGEOUT:
        return &weftos_reclaim_pageout;
    case WEFT_RECLAIM_GROUP:
        return &weftos_reclaim_group;
    case WEFT_RECLAIM_FILES:
        return &weftos_reclaim_files;
    case WEFT_RECLAIM_HEAP:
        return &weftos_reclaim_heap;
    default:
        return NULL;
    }
}

const char *weftos_reclaim_lack(weft_reclaim_verb verb)
{
    (void)verb;
    return "this system has nothing that does that";
}

weft_status weftos_reclaim_open(const char *root,
                                const weft_reclaim_request *request,
                                weftos_reclaim **reclaim, weft_detail *detail)
{
    const struct reclaim_way *way = way_of(request->verb);
    weftos_reclaim *made;

    *reclaim = NULL;
    if (way == NULL) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0,
                           "take memory back in this way");
    }
    if (request->path != NULL && strlen(request->path) >= PATH_MAX) {
        return weftos_fail(detail, WEFT_EINVAL, 0, "check the path's length");
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    made->way = way;
    made->root = root;
    made->flags = request->flags;
    made->pid = (pid_t)request->pid;
    made->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    made->bytes = request->bytes > 0 ? request->bytes : UINT64_MAX;
    (void)snprintf(made->path, sizeof(made->path), "%s",
                   request->path != NULL ? request->path : "");
    *reclaim = made;
    return WEFT_OK;
}

void weftos_reclaim_close(weftos_reclaim *reclaim)
{
    if (reclaim == NULL) {
        return;
    }
    weftos_mappings_free(&reclaim->mappings);
    free(reclaim->taken.items);
    free(reclaim);
}

weft_status weftos_reclaim_plan(weftos_reclaim *reclaim,
                                const weft_memory_figures *figures,
                                weft_reclaim_plan *plan, weft_detail *detail)
{
    return reclaim->way->plan(reclaim, figures, plan, detail);
}

weft_status weftos_reclaim_members(weftos_reclaim *reclaim,
                                   weftos_member_visit *visit, void *context,
                                   weft_detail *detail)
{
    return reclaim->way->members != NULL
               ? reclaim->way->members(reclaim, visit, context, detail)
               : WEFT_OK;
}

weft_status weftos_reclaim_look(weftos_reclaim *reclaim,
                                struct weftos_target_figures *figures,
                                weft_detail *detail)
{
    memset(figures, 0, sizeof(*figures));
    return reclaim->way->look(reclaim, figures, detail);
}

weft_status weftos_reclaim_mark(weftos_reclaim *reclaim, weft_handle process,
                                weft_detail *detail)
{
    return reclaim->way->mark != NULL
               ? reclaim->way->mark(reclaim, process, detail)
               : WEFT_OK;
}

weft_status weftos_reclaim_act(weftos_reclaim *reclaim, weft_handle process,
                               bool *is_done, weft_detail *detail)
{
    return reclaim->way->act(reclaim, process, is_done, detail);
}

weft_status weftos_reclaim_restore(weftos_reclaim *reclaim, weft_handle process,
                                   weft_detail *detail)
{
    return reclaim->way->restore != NULL
               ? reclaim->way->restore(reclaim, process, detail)
               : weftos_fail(detail, WEFT_ENOTSUP, 0,
                             "bring back what was taken");
}
