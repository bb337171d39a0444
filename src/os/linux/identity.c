/* SPDX-License-Identifier: MIT
 *
 * What a process is, from its directory in /proc.
 *
 * The directory is opened once, and everything is read through it: it stays
 * that of the process, and reading fails with ESRCH when that has ended. So
 * what is told here is told of one process, even if its number is another's
 * before the end. It may run another program meanwhile: then which one it runs
 * is not known.
 *
 * What others may not read of a process (its program, its open files, its
 * environment) is not known to them, and so protects it from them.
 */
#define _GNU_SOURCE
#include "identity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../known.h"
#include "text.h"

/* More than /proc/PID/status has, with the lists of a large machine. */
#define STATUS_BYTES 16384

/* From here on the kernel's choice of victims is as good as forbidden. */
#define SPARED_SCORE (-500)

/* What the kernel writes behind the name of a file that is removed. */
#define GONE " (deleted)"

/* Longer lines of ancestors, which no machine has, are not followed. */
#define ANCESTORS_MOST 1024

/* Of a process with more threads it is not known if one is in real time. */
#define THREADS_MOST 16384

static void mark(struct weftos_look *look, weft_mark which, bool is_set)
{
    weftos_identity_mark(look->identity, which, is_set);
}

/* ----------------------------------------------------------------- kin --- */

bool weftos_look_kin(const char *root, pid_t pid, struct kin *kin)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/proc/%d/stat", root, pid);
    return weftos_kin_read_at(AT_FDCWD, path, pid, kin);
}

/* From this process upwards; what can't be followed leaves it unknown. */
static void look_ancestors(struct weftos_look *look)
{
    struct kin kin;
    pid_t pid = getpid();

    mark(look, WEFT_MARK_SELF, look->kin.pid == pid);
    for (int i = 0; i < ANCESTORS_MOST; i++) {
        if (!weftos_look_kin(look->root, pid, &kin)) {
            return;
        }
        if (kin.parent == look->kin.pid) {
            mark(look, WEFT_MARK_ANCESTOR, true);
            return;
        }
        if (kin.parent <= 1) { /* 0: the rest is outside this namespace */
            mark(look, WEFT_MARK_ANCESTOR, false);
            return;
        }
        pid = kin.parent;
    }
}

static bool is_realtime(const struct kin *kin)
{
    return kin->policy == SCHED_FIFO || kin->policy == SCHED_RR ||
           kin->policy == SCHED_DEADLINE;
}

const struct dirent *weftos_next_entry(DIR *directory, bool *is_seen)
{
    const struct dirent *entry;

    do {
        errno = 0;
        entry = readdir(directory);
    } while (entry != NULL && entry->d_name[0] == '.');
    *is_seen = *is_seen && (entry != NULL || errno == 0);
    return entry;
}

/* The policy is each thread's own: that of the first one says little. */
static void look_threads(struct weftos_look *look)
{
    int folder;
    DIR *threads;
    const struct dirent *entry;
    char path[NAME_MAX + 16];
    struct kin kin;
    int count = 0;
    bool is_seen = true; /* all of them, but those that end meanwhile */
    bool is_set = is_realtime(&look->kin);

    if (is_set || look->kin.threads <= 1) {
        mark(look, WEFT_MARK_REALTIME, is_set);
        return;
    }
    folder = openat(look->folder, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    threads = folder >= 0 ? fdopendir(folder) : NULL;
    if (threads == NULL) {
        if (folder >= 0) {
            (void)close(folder);
        }
        return;
    }
    while (!is_set && count <= THREADS_MOST &&
           (entry = weftos_next_entry(threads, &is_seen)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/stat", entry->d_name);
        count++;
        if (weftos_kin_read_at(folder, path, 0, &kin)) {
            is_set = is_realtime(&kin);
        } else {
            is_seen = is_seen && (errno == ENOENT || errno == ESRCH);
        }
    }
    (void)closedir(threads);
    if (is_set || (is_seen && count <= THREADS_MOST)) {
        mark(look, WEFT_MARK_REALTIME, is_set);
    }
}

/* --------------------------------------------------------------- status --- */

static void look_status(struct weftos_look *look)
{
    weft_memory_identity *identity = look->identity;
    char text[STATUS_BYTES];
    uint64_t value;
    const char *ids;
    const char *end;

    if (!weftos_read_text_at(look->folder, "status", text, sizeof(text))) {
        return;
    }
    if (weftos_find_number(text, "TracerPid:", &value)) {
        mark(look, WEFT_MARK_TRACED, value != 0);
    }
    if (weftos_find_number(text, "VmLck:", &value)) {
        mark(look, WEFT_MARK_LOCKED, value != 0);
    }
    /* The real one and the effective one; the latter acts. */
    ids = strstr(text, "\nUid:\t");
    if (ids != NULL && weftos_parse_number(ids + 6, &end, &value) &&
        weftos_parse_number(end + strspn(end, "\t"), &end, &value) &&
        value <= UINT32_MAX) {
        identity->owner = (uint32_t)value;
        identity->valid |= WEFT_IDENTITY_OWNER;
    }
}

static void look_score(struct weftos_look *look)
{
    char text[32];
    const char *end;
    uint64_t value;
    bool is_below;

    if (!weftos_read_text_at(look->folder, "oom_score_adj", text,
                             sizeof(text))) {
        return;
    }
    is_below = text[0] == '-';
    if (weftos_parse_number(text + is_below, &end, &value) && value <= 1000) {
        mark(look, WEFT_MARK_SPARED,
             is_below && value >= (uint64_t)-SPARED_SCORE);
    }
}

/* -------------------------------------------------------------- program --- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * What `exe` is to this process's view of the files. A name can end with the
 * kernel's note by itself: then there is a file that is called so.
 */
static void judge_path(struct weftos_look *look, const struct stat *running)
{
    weft_memory_identity *identity = look->identity;
    size_t length = strlen(identity->exe);
    size_t note = strlen(GONE);
    char path[PATH_MAX + sizeof(identity->exe)];
    struct stat found;
    bool is_there;

    (void)snprintf(path, sizeof(path), "%s%s", look->root, identity->exe);
    is_there = stat(path, &found) == 0;
    if (is_there && is_same_file(&found, running)) {
        identity->valid |= WEFT_IDENTITY_VIEW;
        return;
    }
    if (length > note && strcmp(identity->exe + length - note, GONE) == 0) {
        identity->exe[length - note] = '\0';
        identity->is_exe_gone = true;
        identity->valid |= WEFT_IDENTITY_VIEW;
    } else if (is_there || errno == ENOENT || errno == ENOTDIR) {
        identity->is_exe_foreign = true;
        identity->valid |= WEFT_IDENTITY_VIEW;
    }
}

/* Which file it runs; `*running` is that one. False: it is not known. */
static bool look_program(struct weftos_look *look, struct stat *running)
{
    weft_memory_identity *identity = look->identity;
    ssize_t length =
        readlinkat(look->folder, "exe", identity->exe, sizeof(identity->exe));

    /* As long as the room is as good as cut. */
    if (length <= 0 || (size_t)length >= sizeof(identity->exe) ||
        fstatat(look->folder, "exe", running, 0) != 0) {
        memset(identity->exe, 0, sizeof(identity->exe));
        return false;
    }
    identity->exe[length] = '\0';
    identity->valid |= WEFT_IDENTITY_EXE;
    judge_path(look, running);
    return true;
}

/* Forgets it if another one runs now: the marks may be of either. */
static void check_program(struct weftos_look *look, const struct stat *running)
{
    struct stat now;

    if (fstatat(look->folder, "exe", &now, 0) != 0 ||
        !is_same_file(&now, running)) {
        memset(look->identity->exe, 0, sizeof(look->identity->exe));
        look->identity->valid &=
            ~(uint32_t)(WEFT_IDENTITY_EXE | WEFT_IDENTITY_VIEW);
    }
}

/* ---------------------------------------------------------------- whole --- */

/* What a thread of the kernel's own is needs no more words. */
static void look_kernel(struct weftos_look *look)
{
    look->identity->valid |= WEFT_IDENTITY_EXE;
    mark(look, WEFT_MARK_KERNEL, true);
}

static void look_user(struct weftos_look *look)
{
    struct stat running;
    bool is_known = look_program(look, &running);

    mark(look, WEFT_MARK_KERNEL, false);
    look_status(look);
    look_score(look);
    look_ancestors(look);
    look_threads(look);
    weftos_look_group(look);
    weftos_look_files(look);
    weftos_look_front(look);
    if (is_known) {
        check_program(look, &running);
    }
    if ((look->identity->valid & WEFT_IDENTITY_EXE) != 0) {
        look->identity->marks |= weftos_known_marks(
            &weftos_known, look->identity->exe, look->identity->ignores_case);
        look->identity->marks_known |= WEFT_MARK_BIT(WEFT_MARK_SESSION);
    }
}

static weft_status look_all(struct weftos_look *look, weft_detail *detail)
{
    weft_memory_identity *identity = look->identity;

    if (!weftos_kin_read_at(look->folder, "stat", look->kin.pid, &look->kin) ||
        weftos_kin_has_ended(&look->kin)) {
        return errno == EMFILE || errno == ENFILE
                   ? weftos_fail_errno(detail, "look at a process")
                   : weftos_fail(detail, WEFT_ENOENT, errno,
                                 "find the process");
    }
    identity->pid = look->kin.pid;
    identity->parent = look->kin.parent;
    identity->started = look->kin.start;
    identity->session = look->kin.session;
    WEFTOS_SET_TEXT(identity->name, look->kin.name);
    identity->valid |= WEFT_IDENTITY_NAME | WEFT_IDENTITY_SESSION;
    mark(look, WEFT_MARK_FIRST, look->kin.pid == 1);
    /* Linux has neither. */
    mark(look, WEFT_MARK_CRITICAL, false);
    mark(look, WEFT_MARK_PLATFORM, false);
    if (look->kin.is_kernels) {
        look_kernel(look);
    } else {
        look_user(look);
    }
    return WEFT_OK;
}

/*
 * Where /proc is mounted with hidepid, other users' processes are not in it;
 * they are there all the same, and whoever took them for ended would think that
 * a group has none.
 */
static weft_status fail_looking(const struct weftos_look *look,
                                weft_detail *detail)
{
    if (errno != ENOENT && errno != ESRCH) {
        return weftos_fail_errno(detail, "look at a process");
    }
    if (look->root[0] == '\0' &&
        (getpgid(look->kin.pid) >= 0 || errno == EPERM)) {
        return weftos_fail(detail, WEFT_EACCES, EPERM, "look at a process");
    }
    return weftos_fail(detail, WEFT_ENOENT, ESRCH, "find the process");
}

weft_status weftos_identify(const char *root, int64_t pid,
                            weft_memory_identity *identity, weft_detail *detail)
{
    struct weftos_look look = {.root = root, .identity = identity};
    char path[PATH_MAX];
    weft_status status;

    if (pid <= 0 || pid > INT32_MAX) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    look.kin.pid = (pid_t)pid;
    (void)snprintf(path, sizeof(path), "%s/proc/%d", root, look.kin.pid);
    look.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (look.folder < 0) {
        return fail_looking(&look, detail);
    }
    status = look_all(&look, detail);
    (void)close(look.folder);
    return status;
}

/* --------------------------------------------------------------- target --- */

weft_status weftos_target_open(int64_t pid, weft_handle *target,
                               weft_detail *detail)
{
    if (pid <= 0 || pid > INT32_MAX) {
        *target = WEFTOS_NONE;
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    return weftos_process_open(pid, target, detail);
}

bool weftos_target_lives(weft_handle target)
{
    /* EPERM: it is another user's, and lives. */
    return syscall(SYS_pidfd_send_signal, (int)target, 0, NULL, 0) == 0 ||
           errno == EPERM;
}

void weftos_target_close(weft_handle target)
{
    weftos_close(target);
}
