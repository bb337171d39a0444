/* SPDX-License-Identifier: MIT
 *
 * The copies of files that lie in memory are dropped: posix_fadvise with
 * POSIX_FADV_DONTNEED, for a file or for all below a folder. What is dirty, or
 * what somebody has mapped, stays. cachestat (Linux 6.5) tells how much there
 * is, before and after.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reclaim.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

/* As the kernel's <linux/mman.h> has them; older ones do not. */
struct cache_range {
    uint64_t start;
    uint64_t bytes; /* 0: to its end */
};
struct cache_count {
    uint64_t cached;
    uint64_t dirty;
    uint64_t writeback;
    uint64_t evicted;
    uint64_t recently_evicted;
};

/* What is done with each file. False: no more of them. */
struct walk {
    bool drops;
    uint64_t page_bytes;
    uint64_t cached_bytes;
    uint64_t files;
    uint64_t refused; /* that this user may not open */
    bool is_counted;  /* cachestat has told of each */
};

static void visit(struct walk *walk, const char *path)
{
    struct cache_range range = {0, 0};
    struct cache_count count;
    struct stat info;
    /* A name may be a device's or a pipe's by now. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
                              O_NOFOLLOW | O_NOATIME);

    if (file < 0 && errno == EPERM) { /* O_NOATIME is for owners */
        file = open(path,
                    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    }
    if (file < 0) {
        walk->refused++;
        return;
    }
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode)) {
        walk->files++;
        if (walk->drops) {
            (void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
        }
        if (syscall(SYS_cachestat, file, &range, &count, 0) == 0) {
            walk->cached_bytes += count.cached * walk->page_bytes;
        } else {
            walk->is_counted = false;
        }
    }
    (void)close(file);
}

/* Links are not followed, and other file systems are not entered. */
static weft_status go_through(weftos_reclaim *reclaim, struct walk *walk,
                              weft_detail *detail)
{
    char *roots[] = {reclaim->path, NULL};
    struct stat info;
    FTSENT *entry;
    FTS *tree;

    if (stat(reclaim->path, &info) != 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? weftos_fail(detail, WEFT_ENOENT, errno, "find the file")
                   : weftos_fail_errno(detail, "find the file");
    }
    walk->page_bytes = reclaim->page_bytes;
    walk->is_counted = true;
    tree = fts_open(
        roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV | FTS_COMFOLLOW, NULL);
    if (tree == NULL) {
        return weftos_fail_errno(detail, "list the files");
    }
    while ((entry = fts_read(tree)) != NULL) {
        if (entry->fts_info == FTS_F) {
            visit(walk, entry->fts_accpath);
        } else if (entry->fts_info == FTS_DNR) {
            walk->refused++;
        }
    }
    (void)fts_close(tree);
    return WEFT_OK;
}

static weft_status look(weftos_reclaim *reclaim,
                        struct weftos_target_figures *figures,
                        weft_detail *detail)
{
    struct walk walk = {.drops = false};
    weft_status status = go_through(reclaim, &walk, detail);

    if (status == WEFT_OK && walk.is_counted) {
        figures->resident_bytes = walk.cached_bytes;
        figures->anonymous_bytes = 0;
        figures->valid |= WEFTOS_TARGET_RESIDENT;
    }
    return status;
}

static weft_status plan(weftos_reclaim *reclaim,
                        const weft_memory_figures *figures,
                        weft_reclaim_plan *plan, weft_detail *detail)
{
    struct walk walk = {.drops = false};
    weft_status status = go_through(reclaim, &walk, NULL);

    (void)figures;
    (void)detail;
    if (status != WEFT_OK) {
        WEFTOS_OBSTRUCT(plan,
                        status == WEFT_ENOENT   ? WEFT_RECLAIM_GONE
                        : status == WEFT_EACCES ? WEFT_RECLAIM_PRIVILEGE
                                                : WEFT_RECLAIM_UNREADABLE,
                        status == WEFT_ENOENT ? "there is no such file"
                                              : "this user may not look at it");
        return WEFT_OK;
    }
    if (walk.files == 0 && walk.refused > 0) {
        WEFTOS_OBSTRUCT(plan, WEFT_RECLAIM_PRIVILEGE,
                        "this user may not open it for reading");
        return WEFT_OK;
    }
    if (walk.is_counted) {
        plan->candidate_bytes = walk.cached_bytes;
        plan->valid |= WEFT_RECLAIM_PLAN_CANDIDATE;
    }
    plan->expected_bytes = 0;
    plan->valid |= WEFT_RECLAIM_PLAN_EXPECTED;
    plan->may_run = true;
    (void)snprintf(plan->reason, sizeof(plan->reason),
                   "copies of %llu files are dropped; they count as available "
                   "already, so nothing is gained by it%s",
                   (unsigned long long)walk.files,
                   walk.refused > 0 ? " (some may not be opened)" : "");
    return WEFT_OK;
}

static weft_status act(weftos_reclaim *reclaim, weft_handle process,
                       bool *is_done, weft_detail *detail)
{
    struct walk walk = {.drops = true};

    (void)process;
    *is_done = true;
    return go_through(reclaim, &walk, detail);
}

const struct reclaim_way weftos_reclaim_files = {
    .plan = plan, .look = look, .act = act};
