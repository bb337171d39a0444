/* SPDX-License-Identifier: MIT
 *
 * What the processes of a tree use, as /proc says.
 *
 * The files of a process are read one after the other, and its number may be
 * another's in between: they count only if the start is the same afterwards.
 * Memory in shares and open files may be looked at by those alone who may trace
 * the process; Linux 6.2 and later tell the number of its files to all.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../tree.h"
#include "kin.h"
#include "text.h"

#define SECOND_NS UINT64_C(1000000000)

/* More than /proc/PID/status and smaps_rollup have. */
#define TEXT_BYTES 8192

/* ------------------------------------------------------------ one process --
 */

static uint64_t tick_ns(void)
{
    long ticks = sysconf(_SC_CLK_TCK);

    return SECOND_NS / (uint64_t)(ticks > 0 ? ticks : 100);
}

/* When the system was started, by the clock of the day. */
static uint64_t boot_unix_ns(void)
{
    struct timespec now = {0, 0};
    struct timespec up = {0, 0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)clock_gettime(CLOCK_BOOTTIME, &up);
    return (uint64_t)(now.tv_sec - up.tv_sec) * SECOND_NS +
           (uint64_t)now.tv_nsec - (uint64_t)up.tv_nsec;
}

static void tell_stat(const struct kin *kin, weft_member *member)
{
    uint64_t tick = tick_ns();

    *member = (weft_member){
        .valid = WEFT_MEMBER_STARTED | WEFT_MEMBER_CPU | WEFT_MEMBER_WAITED |
                 WEFT_MEMBER_COMMAND,
        .pid = kin->pid,
        .parent = kin->parent,
        .has_ended = weftos_kin_has_ended(kin),
        .started_unix_ns = boot_unix_ns() + kin->start * tick,
        .user_ns = kin->ticks[0] * tick,
        .system_ns = kin->ticks[1] * tick,
        .waited_user_ns = kin->ticks[2] * tick,
        .waited_system_ns = kin->ticks[3] * tick,
    };
    (void)snprintf(member->command, sizeof(member->command), "%s", kin->name);
}

static bool read_of(pid_t pid, const char *name, char *text, size_t bytes)
{
    char path[48];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return weftos_read_text(path, text, bytes);
}

/* The kernel's kilobytes; the figure's label is at a line's beginning. */
static void tell_bytes(const char *text, const char *label, uint64_t *bytes,
                       uint32_t bit, weft_member *member)
{
    if (weftos_find_bytes(text, label, bytes)) {
        member->valid |= bit;
    }
}

static void tell_memory(weft_member *member, uint32_t what)
{
    pid_t pid = (pid_t)member->pid;
    char text[TEXT_BYTES];

    if (!read_of(pid, "status", text, sizeof(text))) {
        return;
    }
    if (strstr(text, "\nState:") != NULL && strstr(text, "\nVmSize:") == NULL) {
        /* It has none any more, or is the kernel's and never had. */
        member->valid |= WEFT_MEMBER_RESIDENT | WEFT_MEMBER_SHARE;
        return;
    }
    tell_bytes(text, "VmRSS:", &member->resident_bytes, WEFT_MEMBER_RESIDENT,
               member);
    tell_bytes(text, "VmHWM:", &member->peak_bytes, WEFT_MEMBER_PEAK, member);
    if ((what & WEFT_MEMBER_SHARE) != 0 &&
        read_of(pid, "smaps_rollup", text, sizeof(text))) {
        tell_bytes(text, "Pss:", &member->share_bytes, WEFT_MEMBER_SHARE,
                   member);
    }
}

static void tell_handles(weft_member *member)
{
    char path[48];
    DIR *directory;
    const struct dirent *entry;
    struct stat info;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)member->pid);
    directory = opendir(path);
    if (directory == NULL) {
        if (stat(path, &info) == 0 && info.st_size > 0) {
            member->handles = (uint64_t)info.st_size;
            member->valid |= WEFT_MEMBER_HANDLES;
        }
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        member->handles += entry->d_name[0] != '.';
    }
    /* The one that was opened to look is not there afterwards. */
    if (member->pid == getpid() && member->handles > 0) {
        member->handles--;
    }
    (void)closedir(directory);
    member->valid |= WEFT_MEMBER_HANDLES;
}

/* The arguments with blanks between; a thread of the kernel's has none. */
static void tell_command(weft_member *member)
{
    char path[48];
    char text[sizeof(member->command)];
    ssize_t bytes;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)member->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    bytes = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (bytes <= 0) {
        return;
    }
    for (ssize_t i = 0; i < bytes - 1; i++) {
        text[i] = text[i] != '\0' ? text[i] : ' ';
    }
    text[bytes] = '\0';
    (void)snprintf(member->command, sizeof(member->command), "%s", text);
}

static void tell(const struct kin *kin, uint32_t what, weft_member *member)
{
    struct kin now;

    tell_stat(kin, member);
    member->threads = member->has_ended ? 0 : kin->threads;
    member->valid |= WEFT_MEMBER_THREADS;
    if ((what &
         (WEFT_MEMBER_RESIDENT | WEFT_MEMBER_SHARE | WEFT_MEMBER_PEAK)) != 0) {
        tell_memory(member, what);
    }
    if ((what & WEFT_MEMBER_HANDLES) != 0) {
        tell_handles(member);
    }
    if ((what & WEFT_MEMBER_COMMAND) != 0) {
        tell_command(member);
    }
    if (!weftos_kin_read(kin->pid, &now) || now.start != kin->start) {
        tell_stat(kin, member);
        member->has_ended = true;
    } else if (weftos_kin_has_ended(&now)) {
        member->has_ended = true;
    }
    member->valid &= what;
}

/* ------------------------------------------------------------------ tree ---
 */

static weft_status measure(const struct kin_list *list, pid_t pid,
                           uint32_t what, weft_member *members, size_t room,
                           size_t *count, weft_detail *detail)
{
    const struct kin *root = weftos_kin_find(list, pid);
    size_t *order;

    if (root == NULL) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "there is no such process");
    }
    order = malloc(list->count * sizeof(*order));
    if (order == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "find a tree");
    }
    order[0] = (size_t)(root - list->items);
    *count = weftos_kin_family(list, order, 1);
    for (size_t i = 0; i < *count && i < room; i++) {
        tell(&list->items[order[i]], what, &members[i]);
    }
    free(order);
    return *count > 0 ? WEFT_OK
                      : weftos_fail(detail, WEFT_ENOMEM, 0, "find a tree");
}

weft_status weftos_tree_measure(int64_t pid, uint32_t what,
                                weft_member *members, size_t room,
                                size_t *count, weft_detail *detail)
{
    struct kin_list list = {NULL, 0, 0};
    weft_status status;
    int cancel;

    if (pid > INT32_MAX) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "there is no such process");
    }
    /* A thread that is cancelled in here would keep descriptors. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    status = weftos_kin_list(&list, detail);
    if (status == WEFT_OK) {
        status = measure(&list, (pid_t)pid, what, members, room, count, detail);
    }
    free(list.items);
    (void)pthread_setcancelstate(cancel, &cancel);
    return status;
}
