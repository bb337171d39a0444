/* SPDX-License-Identifier: MIT
 *
 * Who descends from whom: all of /proc is read, as only that tells of orphans
 * by their sessions, and then searched as a graph.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kin.h"
#include "text.h"

/* PF_KTHREAD of the kernel's sched.h. */
#define KERNELS_OWN 0x00200000u

/* ----------------------------------------------------------------- read --- */

/* The name is in brackets, and may hold anything, brackets too. */
static bool read_name(const char *text, const char *end, struct kin *kin)
{
    const char *begin = strchr(text, '(');

    if (begin == NULL || begin >= end) {
        return false;
    }
    (void)snprintf(kin->name, sizeof(kin->name), "%.*s", (int)(end - begin - 1),
                   begin + 1);
    return true;
}

bool weftos_kin_read_at(int folder, const char *path, pid_t pid,
                        struct kin *kin)
{
    char text[1024];
    const char *end;
    unsigned flags;

    errno = 0;
    if (!weftos_read_text_at(folder, path, text, sizeof(text))) {
        return false;
    }
    memset(kin, 0, sizeof(*kin));
    kin->pid = pid;
    end = strrchr(text, ')');
    if (end == NULL || !read_name(text, end, kin) ||
        sscanf(end + 1,
               " %c %d %d %d %u %d %u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
               " %" SCNu64 " %" SCNu64 " %*d %*d %" SCNu64 " %*d %" SCNu64
               " %*u %" SCNu64 " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
               " %*s %*s %*s %*s %*s %u",
               &kin->state, &kin->parent, &kin->group, &kin->session,
               &kin->device, &kin->front, &flags, &kin->ticks[0],
               &kin->ticks[1], &kin->ticks[2], &kin->ticks[3], &kin->threads,
               &kin->start, &kin->pages, &kin->policy) != 15) {
        errno = ESRCH; /* it ended under the read */
        return false;
    }
    kin->is_kernels = (flags & KERNELS_OWN) != 0;
    return true;
}

bool weftos_kin_read(pid_t pid, struct kin *kin)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    return weftos_kin_read_at(AT_FDCWD, path, pid, kin);
}

bool weftos_kin_has_ended(const struct kin *kin)
{
    /* The first thread may have ended long before the others. */
    return (kin->state == 'Z' || kin->state == 'X') && kin->threads <= 1;
}

/* ----------------------------------------------------------------- list --- */

static bool has_room(struct kin_list *list)
{
    size_t room = list->room == 0 ? 256 : list->room * 2;
    struct kin *grown;

    if (list->count < list->room) {
        return true;
    }
    grown = realloc(list->items, room * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    list->items = grown;
    list->room = room;
    return true;
}

static int compare_pids(const void *a, const void *b)
{
    pid_t first = ((const struct kin *)a)->pid;
    pid_t second = ((const struct kin *)b)->pid;

    return (first > second) - (first < second);
}

static weft_status read_all(DIR *directory, struct kin_list *list,
                            weft_detail *detail)
{
    const struct dirent *entry;
    const char *end;
    uint64_t number;

    while ((entry = readdir(directory)) != NULL) {
        if (!weftos_parse_number(entry->d_name, &end, &number) ||
            *end != '\0' || number == 0 || number > INT32_MAX) {
            continue;
        }
        if (!has_room(list)) {
            return weftos_fail(detail, WEFT_ENOMEM, 0, "list the processes");
        }
        if (weftos_kin_read((pid_t)number, &list->items[list->count])) {
            list->count++;
        } else if (errno == EMFILE || errno == ENFILE) {
            return weftos_fail_errno(detail, "list the processes");
        }
    }
    return WEFT_OK;
}

weft_status weftos_kin_list(struct kin_list *list, weft_detail *detail)
{
    DIR *directory = opendir("/proc");
    weft_status status;

    list->count = 0;
    if (directory == NULL) {
        return weftos_fail_errno(detail, "open /proc");
    }
    status = read_all(directory, list, detail);
    (void)closedir(directory);
    if (list->count > 1) {
        qsort(list->items, list->count, sizeof(*list->items), compare_pids);
    }
    return status;
}

const struct kin *weftos_kin_find(const struct kin_list *list, pid_t pid)
{
    struct kin key = {.pid = pid};

    return list->count == 0 ? NULL
                            : bsearch(&key, list->items, list->count,
                                      sizeof(*list->items), compare_pids);
}

/* --------------------------------------------------------------- family --- */

/* From a parent, or the leader of a session. */
struct link {
    pid_t from;
    size_t to;
};

static int compare_links(const void *a, const void *b)
{
    const struct link *first = a;
    const struct link *second = b;

    if (first->from != second->from) {
        return first->from > second->from ? 1 : -1;
    }
    return (first->to > second->to) - (first->to < second->to);
}

static size_t make_links(const struct kin_list *list, struct link *links)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct kin *kin = &list->items[i];

        links[count++] = (struct link){kin->parent, i};
        if (kin->session != kin->pid && kin->session != kin->parent) {
            links[count++] = (struct link){kin->session, i};
        }
    }
    qsort(links, count, sizeof(*links), compare_links);
    return count;
}

/* The first link from a process, or the place where it would be. */
static size_t first_link(const struct link *links, size_t count, pid_t from)
{
    size_t low = 0;

    while (count > 0) {
        size_t half = count / 2;

        if (links[low + half].from < from) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

size_t weftos_kin_family(const struct kin_list *list, size_t *order,
                         size_t count)
{
    struct link *links = malloc((2 * list->count + 1) * sizeof(*links));
    bool *is_in = calloc(list->count + 1, sizeof(*is_in));
    size_t link_count;

    if (links == NULL || is_in == NULL) {
        free(links);
        free(is_in);
        return 0;
    }
    link_count = make_links(list, links);
    for (size_t i = 0; i < count; i++) {
        is_in[order[i]] = true;
    }
    for (size_t i = 0; i < count; i++) {
        const struct kin *kin = &list->items[order[i]];

        for (size_t k = first_link(links, link_count, kin->pid);
             k < link_count && links[k].from == kin->pid; k++) {
            size_t to = links[k].to;

            if (!is_in[to] && list->items[to].start >= kin->start) {
                is_in[to] = true;
                order[count++] = to;
            }
        }
    }
    free(links);
    free(is_in);
    return count;
}
