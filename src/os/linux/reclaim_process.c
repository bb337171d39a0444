/* SPDX-License-Identifier: MIT
 *
 * Memory is taken from a process: process_madvise with MADV_COLD and
 * MADV_PAGEOUT.
 *
 * MADV_PAGEOUT takes what it is given, used or not. So the pages are made cold
 * first, which clears the marks that the processor leaves on used ones, and
 * after a while smaps tells how much of each mapping was used since. Nothing
 * else in the kernel tells that in general: the bitmap of idle pages is seldom
 * built in, and /proc/PID/clear_refs changes more than is asked for. It tells
 * for a mapping and not for a page, so a mapping goes as a whole or not at all.
 *
 * Within a mapping those pages alone are given to the kernel that are in
 * memory, that this process alone has, and that are no copies of files: there
 * is nothing to gain by others. The kernel claims success for pages that it
 * leaves where they are, and for all of them without swap: what it returns is
 * not believed.
 *
 * The files of /proc are read by the process's number, and acted is by its
 * handle: should the number be another's meanwhile, then the handle's process
 * has ended, and nothing is done to anybody.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "reclaim.h"
#include "text.h"

#ifndef SYS_process_madvise
#define SYS_process_madvise 440 /* Linux 5.10 */
#endif
#ifndef MADV_COLD
#define MADV_COLD 20 /* Linux 5.4, as the next one */
#define MADV_PAGEOUT 21
#endif

/* The kernel takes so many ranges in one call. */
#define RANGES_MOST 1024

/* A part: at up to 7 us for each page some 15 ms. */
#define PART_BYTES (UINT64_C(8) << 20)

/* A mapping counts as unused if less than a twentieth of it was used. */
#define USED_LEAST 20

/* How often a call is made again that the kernel had no means for. */
#define TRIES 3

/* Costs, measured with zram (lz4) on a machine of 2024; 4-KiB pages. */
#define PAGEOUT_NS_PER_PAGE 5000
#define FILE_NS_PER_PAGE 500
#define COLD_NS_PER_PAGE 60
#define RETURN_NS_PER_PAGE 4000
#define COST_PAGE_BYTES 4096

/* ------------------------------------------------------------- mappings --- */

/* What of it is no copy of a file, and nobody else's. */
static uint64_t movable(const struct reclaim_mapping *mapping)
{
    uint64_t bytes =
        mapping->is_shared_memory ? mapping->resident : mapping->anonymous;

    return bytes < mapping->own ? bytes : mapping->own;
}

/* What the verb would be applied to. */
static uint64_t candidate(const weftos_reclaim *reclaim,
                          const struct reclaim_mapping *mapping)
{
    if (mapping->is_fixed) {
        return 0;
    }
    return reclaim->way == &weftos_reclaim_cold ||
                   (reclaim->flags & WEFT_RECLAIM_FOR_HYPERVISOR) != 0
               ? mapping->own
               : movable(mapping);
}

static bool was_used(const struct reclaim_mapping *mapping)
{
    return mapping->referenced >= mapping->resident / USED_LEAST &&
           mapping->referenced > 0;
}

/* ----------------------------------------------------------------- plan --- */

static bool may_advise(void)
{
    char text[4096];
    const char *line = NULL;
    unsigned long long effective = 0;

    if (weftos_read_text("/proc/self/status", text, sizeof(text))) {
        line = strstr(text, "\nCapEff:");
    }
    return line != NULL && sscanf(line, "\nCapEff: %llx", &effective) == 1 &&
           (effective >> 23 & 1) != 0; /* CAP_SYS_NICE */
}

/* Whether what stands in the way was found, and said. */
static bool is_obstructed(weftos_reclaim *reclaim, weft_reclaim_plan *plan,
                          weft_status *status, weft_detail *detail)
{
    weft_detail found = {WEFT_OK, 0, NULL};

    *status = weftos_mappings_read(reclaim->pid, &reclaim->mappings, &found);
    switch (*status) {
    case WEFT_OK:
        if (may_advise()) {
            return false;
        }
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_PRIVILEGE,
                        "CAP_SYS_NICE is missing");
        return true;
    case WEFT_ENOENT:
        *status = WEFT_OK;
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_GONE, "the process has ended");
        return true;
    case WEFT_EACCES:
        *status = WEFT_OK;
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_PRIVILEGE,
                        "this user may not look at its memory: "
                        "CAP_SYS_PTRACE is missing");
        return true;
    default:
        if (detail != NULL) {
            *detail = found;
        }
        return true;
    }
}

static void tell_cost(weft_reclaim_plan *plan, uint64_t anonymous,
                      uint64_t file, uint64_t ns_per_page,
                      const struct reclaim_swap *swap)
{
    plan->expected_cost_ns =
        anonymous / COST_PAGE_BYTES * ns_per_page +
        file / COST_PAGE_BYTES *
            (ns_per_page < FILE_NS_PER_PAGE ? ns_per_page : FILE_NS_PER_PAGE);
    plan->valid |= WEFT_RECLAIM_PLAN_COST;
    /* What a disk takes nobody knows beforehand. */
    if (ns_per_page == PAGEOUT_NS_PER_PAGE && file == 0 && swap->is_packed) {
        plan->return_cost_ns = anonymous / COST_PAGE_BYTES * RETURN_NS_PER_PAGE;
        plan->valid |= WEFT_RECLAIM_PLAN_RETURN;
    }
}

static void tell_candidates(weftos_reclaim *reclaim, weft_reclaim_plan *plan,
                            uint64_t *anonymous)
{
    *anonymous = 0;
    for (size_t i = 0; i < reclaim->mappings.count; i++) {
        const struct reclaim_mapping *mapping = &reclaim->mappings.items[i];

        plan->candidate_bytes += candidate(reclaim, mapping);
        *anonymous += mapping->is_fixed ? 0 : movable(mapping);
    }
    if (plan->candidate_bytes > reclaim->bytes) {
        plan->candidate_bytes = reclaim->bytes;
    }
    if (*anonymous > plan->candidate_bytes) {
        *anonymous = plan->candidate_bytes;
    }
    plan->valid |= WEFT_RECLAIM_PLAN_CANDIDATE;
}

static weft_status plan_cold(weftos_reclaim *reclaim,
                             const weft_memory_figures *figures,
                             weft_reclaim_plan *plan, weft_detail *detail)
{
    struct reclaim_swap swap = {0};
    uint64_t anonymous;
    weft_status status;

    (void)figures;
    if (is_obstructed(reclaim, plan, &status, detail)) {
        return status;
    }
    tell_candidates(reclaim, plan, &anonymous);
    tell_cost(plan, plan->candidate_bytes, 0, COLD_NS_PER_PAGE, &swap);
    plan->expected_bytes = 0;
    plan->valid |= WEFT_RECLAIM_PLAN_EXPECTED;
    plan->may_run = true;
    (void)snprintf(plan->reason, sizeof(plan->reason),
                   "its pages will go first when memory gets scarce; nothing "
                   "is released by that");
    return WEFT_OK;
}

/* There is something to page out, and this is what can come of it. */
static void foresee(weftos_reclaim *reclaim, const struct reclaim_swap *swap,
                    uint64_t anonymous, weft_reclaim_plan *plan)
{
    uint64_t file = plan->candidate_bytes - anonymous;

    if (!swap->is_there) {
        anonymous = 0;
    } else if (anonymous > swap->free_bytes) {
        anonymous = swap->free_bytes;
    }
    tell_cost(plan, anonymous, file, PAGEOUT_NS_PER_PAGE, swap);
    if (weftos_swap_gain(swap, anonymous, &plan->expected_bytes)) {
        plan->valid |= WEFT_RECLAIM_PLAN_EXPECTED;
    }
    plan->may_run = true;
    (void)snprintf(plan->reason, sizeof(plan->reason), "%s%s",
                   (reclaim->flags & WEFT_RECLAIM_AGGRESSIVE) != 0
                       ? "all its pages go, used or not"
                       : "mappings go that stay unused meanwhile",
                   (plan->valid & WEFT_RECLAIM_PLAN_EXPECTED) != 0
                       ? ""
                       : "; how well they compress is not known yet");
}

static weft_status plan_pageout(weftos_reclaim *reclaim,
                                const weft_memory_figures *figures,
                                weft_reclaim_plan *plan, weft_detail *detail)
{
    bool with_files = (reclaim->flags & WEFT_RECLAIM_FOR_HYPERVISOR) != 0;
    struct reclaim_swap swap;
    uint64_t anonymous;
    weft_status status;

    if (is_obstructed(reclaim, plan, &status, detail)) {
        return status;
    }
    weftos_reclaim_swap(reclaim->root, figures, &swap);
    tell_candidates(reclaim, plan, &anonymous);
    if (plan->candidate_bytes > 0 && (with_files || swap.is_there)) {
        foresee(reclaim, &swap, anonymous, plan);
        return WEFT_OK;
    }
    plan->valid |= WEFT_RECLAIM_PLAN_EXPECTED;
    if (!swap.is_there) {
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_NOTHING,
                        "there is no swap that memory of programs could go "
                        "to, and copies of files are available already");
    } else {
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_NOTHING,
                        "it has nothing for itself alone but copies of "
                        "files, which are available already");
    }
    return WEFT_OK;
}

/* ----------------------------------------------------------------- act --- */

static weft_status judge(int error, weft_detail *detail)
{
    switch (error) {
    case ESRCH:
        return weftos_fail(detail, WEFT_ENOENT, error, "find the process");
    case EPERM:
    case EACCES:
        return weftos_fail(detail, WEFT_EACCES, error,
                           "advise the kernel about another process");
    case ENOSYS:
        return weftos_fail(detail, WEFT_ENOTSUP, error,
                           "advise the kernel about another process");
    default:
        errno = error;
        return weftos_fail_errno(detail,
                                 "advise the kernel about another process");
    }
}

/* What of them is done is cut off: whole ranges, whose count is told, and the
 * beginning of the next one. */
static size_t cut(struct iovec *ranges, size_t count, size_t done)
{
    size_t at = 0;

    while (at < count && done >= ranges[at].iov_len) {
        done -= ranges[at].iov_len;
        at++;
    }
    if (at < count) {
        ranges[at].iov_base = (char *)ranges[at].iov_base + done;
        ranges[at].iov_len -= done;
    }
    return at;
}

/*
 * Advises about all ranges, which are used up by that. A call does less than 2
 * GiB, whatever it is given: the next one goes on there. What is no more
 * mapped, or was locked meanwhile, ends a call too, and then the next one fails
 * at once: so that range is given up.
 */
static weft_status advise(weft_handle process, struct iovec *ranges,
                          size_t count, int advice, weft_detail *detail)
{
    int tries = 0;

    while (count > 0) {
        size_t most = count < RANGES_MOST ? count : RANGES_MOST;
        long done =
            syscall(SYS_process_madvise, process, ranges, most, advice, 0);
        size_t at = done > 0 ? cut(ranges, most, (size_t)done) : 1;

        if (done < 0 && (errno == EAGAIN || errno == EINTR) && tries < TRIES) {
            tries++;
            continue;
        }
        if (done < 0 && errno != ENOMEM && errno != EINVAL) {
            return judge(errno, detail);
        }
        tries = 0;
        ranges += at;
        count -= at;
    }
    return WEFT_OK;
}

static struct iovec to_iovec(uint64_t start, uint64_t bytes)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)start,
                          .iov_len = (size_t)bytes};
}

/* All mappings that the verb would be applied to. */
static weft_status mark(weftos_reclaim *reclaim, weft_handle process,
                        weft_detail *detail)
{
    weft_status status =
        weftos_mappings_read(reclaim->pid, &reclaim->mappings, detail);
    struct iovec *ranges;
    size_t count = 0;

    if (status != WEFT_OK) {
        return status;
    }
    ranges = calloc(reclaim->mappings.count + 1, sizeof(*ranges));
    if (ranges == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
    }
    for (size_t i = 0; i < reclaim->mappings.count; i++) {
        const struct reclaim_mapping *mapping = &reclaim->mappings.items[i];

        if (candidate(reclaim, mapping) > 0) {
            ranges[count++] =
                to_iovec(mapping->start, mapping->end - mapping->start);
        }
    }
    status = advise(process, ranges, count, MADV_COLD, detail);
    free(ranges);
    return status;
}

static weft_status act_cold(weftos_reclaim *reclaim, weft_handle process,
                            bool *is_done, weft_detail *detail)
{
    *is_done = true;
    return mark(reclaim, process, detail);
}

/* The next mapping that may go, from the present one on. */
static const struct reclaim_mapping *next(weftos_reclaim *reclaim)
{
    while (reclaim->mapping < reclaim->mappings.count) {
        const struct reclaim_mapping *mapping =
            &reclaim->mappings.items[reclaim->mapping];

        if (reclaim->at < mapping->end && candidate(reclaim, mapping) > 0 &&
            ((reclaim->flags & WEFT_RECLAIM_AGGRESSIVE) != 0 ||
             !was_used(mapping))) {
            if (reclaim->at < mapping->start) {
                reclaim->at = mapping->start;
            }
            return mapping;
        }
        reclaim->mapping++;
    }
    return NULL;
}

/* The pages of one part. */
static weft_status gather(weftos_reclaim *reclaim, int pagemap,
                          struct reclaim_ranges *part, uint64_t *bytes,
                          weft_detail *detail)
{
    bool with_files = (reclaim->flags & WEFT_RECLAIM_FOR_HYPERVISOR) != 0;
    uint64_t left = reclaim->bytes - reclaim->taken_bytes;
    uint64_t most = left < PART_BYTES ? left : PART_BYTES;
    const struct reclaim_mapping *mapping;

    *bytes = 0;
    while (*bytes < most && part->count < RANGES_MOST &&
           (mapping = next(reclaim)) != NULL) {
        weft_status status = weftos_pages_find(
            pagemap, mapping, with_files, reclaim->page_bytes, part,
            RANGES_MOST, most, &reclaim->at, bytes, detail);

        if (status != WEFT_OK) {
            return status;
        }
    }
    return WEFT_OK;
}

/* Pages it out, and remembers it before: else it could not be brought back. */
static weft_status take(weftos_reclaim *reclaim, weft_handle process,
                        const struct reclaim_ranges *part, weft_detail *detail)
{
    struct iovec ranges[RANGES_MOST];

    for (size_t i = 0; i < part->count; i++) {
        ranges[i] = to_iovec(part->items[i].start, part->items[i].bytes);
        if (!weftos_ranges_add(&reclaim->taken, part->items[i].start,
                               part->items[i].bytes)) {
            return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate memory");
        }
    }
    return advise(process, ranges, part->count, MADV_PAGEOUT, detail);
}

static weft_status act_pageout(weftos_reclaim *reclaim, weft_handle process,
                               bool *is_done, weft_detail *detail)
{
    struct reclaim_ranges part = {NULL, 0, 0};
    weft_status status = WEFT_OK;
    uint64_t bytes = 0;
    char path[48];
    int pagemap;

    if (!reclaim->has_begun) {
        status = weftos_mappings_read(reclaim->pid, &reclaim->mappings, detail);
        reclaim->has_begun = status == WEFT_OK;
    }
    if (status != WEFT_OK) {
        return status;
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)reclaim->pid);
    pagemap = open(path, O_RDONLY | O_CLOEXEC);
    if (pagemap < 0) {
        return errno == ENOENT || errno == ESRCH
                   ? weftos_fail(detail, WEFT_ENOENT, errno, "find the process")
                   : weftos_fail_errno(detail, "open /proc/PID/pagemap");
    }
    status = gather(reclaim, pagemap, &part, &bytes, detail);
    (void)close(pagemap);
    if (status == WEFT_OK) {
        status = take(reclaim, process, &part, detail);
    }
    free(part.items);
    reclaim->taken_bytes += bytes;
    *is_done = bytes == 0 || reclaim->taken_bytes >= reclaim->bytes;
    return status;
}

static weft_status restore(weftos_reclaim *reclaim, weft_handle process,
                           weft_detail *detail)
{
    struct iovec ranges[RANGES_MOST];
    weft_status status = WEFT_OK;

    for (size_t i = 0; i < reclaim->taken.count && status == WEFT_OK;) {
        size_t count = 0;

        while (count < RANGES_MOST && i < reclaim->taken.count) {
            ranges[count++] = to_iovec(reclaim->taken.items[i].start,
                                       reclaim->taken.items[i].bytes);
            i++;
        }
        status = advise(process, ranges, count, MADV_WILLNEED, detail);
    }
    return status;
}

/* ----------------------------------------------------------------- look --- */

weft_status weftos_target_of_process(pid_t pid,
                                     struct weftos_target_figures *figures,
                                     weft_detail *detail)
{
    char path[48];
    char text[4096];
    uint64_t shared = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    errno = 0;
    if (!weftos_read_text(path, text, sizeof(text))) {
        return errno == ENOENT || errno == ESRCH
                   ? weftos_fail(detail, WEFT_ENOENT, errno, "find the process")
                   : weftos_fail_errno(detail, "open /proc/PID/smaps_rollup");
    }
    if (weftos_find_bytes(text, "Rss:", &figures->resident_bytes) &&
        weftos_find_bytes(text, "Anonymous:", &figures->anonymous_bytes)) {
        figures->valid |= WEFTOS_TARGET_RESIDENT;
    }
    if (weftos_find_bytes(text, "Swap:", &figures->away_bytes)) {
        figures->valid |= WEFTOS_TARGET_AWAY;
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    if (weftos_read_text(path, text, sizeof(text)) &&
        weftos_find_bytes(text, "RssShmem:", &shared)) {
        figures->anonymous_bytes += shared;
    }
    return WEFT_OK;
}

static weft_status look(weftos_reclaim *reclaim,
                        struct weftos_target_figures *figures,
                        weft_detail *detail)
{
    return weftos_target_of_process(reclaim->pid, figures, detail);
}

const struct reclaim_way weftos_reclaim_cold = {
    .plan = plan_cold, .look = look, .act = act_cold};

const struct reclaim_way weftos_reclaim_pageout = {.plan = plan_pageout,
                                                   .look = look,
                                                   .mark = mark,
                                                   .act = act_pageout,
                                                   .restore = restore};
