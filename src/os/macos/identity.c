/* SPDX-License-Identifier: MIT
 *
 * What a process is, by <libproc.h>.
 *
 * Of other users' processes only root is told all; of the rest little is
 * known, and that protects them. There is no handle on a process by which it
 * could be acted on: nobody here acts on another process.
 */
#include "../identity.h"

#include <errno.h>
#include <libproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/proc.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../known.h"
#include "identity.h"
#include "macos.h"

/* Longer lines of ancestors, which no machine has, are not followed. */
#define ANCESTORS_MOST 1024

/* Of a process with more threads it is not known if one is in real time. */
#define THREADS_FIRST 64
#define THREADS_MOST 16384

/*
 * Of a list that is sealed, so that what is in it is Apple's: a signature says
 * so too, where it can be asked for.
 */
static const char *const sealed[] = {"/System/",  "/bin/",         "/sbin/",
                                     "/usr/bin/", "/usr/libexec/", "/usr/sbin/",
                                     NULL};

/* In a priority from here on a thread is in real time: BASEPRI_RTQUEUES. */
#define PRIORITY_REALTIME 97

/* As <sys/proc.h> and <sys/proc_info.h> have them. */
#define FLAG_TRACED 2
#define NO_DEVICE UINT32_MAX

/* A terminal that was not used for so long is one that nobody looks at. */
#define IDLE_S 600

struct look {
    pid_t pid;
    struct proc_bsdinfo info;
    bool is_told; /* `info` is, but for its number, parent and owner */
    weft_memory_identity *identity;
};

static void mark(struct look *look, weft_mark which, bool is_set)
{
    weftos_identity_mark(look->identity, which, is_set);
}

/* --------------------------------------------------------------- family --- */

/* The short form is told of other users' processes too. */
static bool ask_short(pid_t pid, struct proc_bsdshortinfo *info)
{
    errno = 0;
    return proc_pidinfo(pid, PROC_PIDT_SHORTBSDINFO, 0, info, sizeof(*info)) ==
           (int)sizeof(*info);
}

static bool ask_long(pid_t pid, struct proc_bsdinfo *info)
{
    errno = 0;
    return proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, info, sizeof(*info)) ==
           (int)sizeof(*info);
}

static void look_family(struct look *look)
{
    struct proc_bsdshortinfo info;
    pid_t pid = getpid();

    mark(look, WEFT_MARK_KERNEL, false); /* whose number is 0 */
    mark(look, WEFT_MARK_FIRST, look->pid == 1);
    mark(look, WEFT_MARK_SELF, look->pid == pid);
    for (int i = 0; i < ANCESTORS_MOST && ask_short(pid, &info); i++) {
        pid_t parent = (pid_t)info.pbsi_ppid;

        if (parent == look->pid || parent <= 1) {
            mark(look, WEFT_MARK_ANCESTOR, parent == look->pid);
            return;
        }
        pid = parent;
    }
}

/* --------------------------------------------------------------- program ---
 */

static void judge_signature(struct look *look)
{
    bool is_platform = false;
    bool is_known = weftos_signature_ask(look->pid, &is_platform);

    for (size_t i = 0; sealed[i] != NULL && !is_platform; i++) {
        is_platform =
            strncmp(look->identity->exe, sealed[i], strlen(sealed[i])) == 0;
    }
    if (is_known || is_platform) {
        mark(look, WEFT_MARK_PLATFORM, is_platform);
    }
}

/* The window in front is not told to who has none himself. */
static void judge_bundle(struct look *look)
{
    mark(look, WEFT_MARK_WINDOWED,
         strstr(look->identity->exe, ".app/Contents/") != NULL);
}

static void look_program(struct look *look)
{
    weft_memory_identity *identity = look->identity;
    char path[PROC_PIDPATHINFO_MAXSIZE];
    struct stat info;
    int length = proc_pidpath(look->pid, path, sizeof(path));

    if (length <= 0 || (size_t)length >= sizeof(identity->exe)) {
        return;
    }
    memcpy(identity->exe, path, (size_t)length);
    identity->exe[length] = '\0';
    identity->is_exe_gone = stat(identity->exe, &info) != 0 && errno == ENOENT;
    identity->valid |= WEFT_IDENTITY_EXE | WEFT_IDENTITY_VIEW;
    /* Who plays by the server of sound is not seen, as elsewhere. */
    identity->marks |= weftos_known_marks(&weftos_known, identity->exe, true);
    identity->marks_known |= WEFT_MARK_BIT(WEFT_MARK_SESSION) |
                             WEFT_MARK_BIT(WEFT_MARK_AUDIO) |
                             WEFT_MARK_BIT(WEFT_MARK_MACHINE);
    judge_signature(look);
    judge_bundle(look);
}

/* ----------------------------------------------------------------- marks ---
 */

/* Threads by their handles; NULL: they are not told. The caller frees them. */
static uint64_t *list_threads(pid_t pid, size_t *count)
{
    for (int room = THREADS_FIRST; room <= THREADS_MOST; room *= 2) {
        int most = room * (int)sizeof(uint64_t);
        uint64_t *threads = malloc((size_t)most);
        int bytes = threads != NULL ? proc_pidinfo(pid, PROC_PIDLISTTHREADS, 0,
                                                   threads, most)
                                    : 0;

        if (bytes > 0 && bytes < most) {
            *count = (size_t)bytes / sizeof(*threads);
            return threads;
        }
        free(threads);
        if (bytes <= 0) {
            return NULL;
        }
    }
    return NULL; /* there are more of them */
}

static void look_threads(struct look *look)
{
    size_t count = 0;
    uint64_t *threads = list_threads(look->pid, &count);
    bool is_set = false;

    for (size_t i = 0; i < count && !is_set; i++) {
        struct proc_threadinfo info;

        is_set = proc_pidinfo(look->pid, PROC_PIDTHREADINFO, threads[i], &info,
                              sizeof(info)) == (int)sizeof(info) &&
                 info.pth_priority >= PRIORITY_REALTIME;
    }
    if (threads != NULL) {
        mark(look, WEFT_MARK_REALTIME, is_set);
    }
    free(threads);
}

static void look_wired(struct look *look)
{
    struct rusage_info_v4 usage;

    if (proc_pid_rusage(look->pid, RUSAGE_INFO_V4, (rusage_info_t *)&usage) ==
        0) {
        mark(look, WEFT_MARK_LOCKED, usage.ri_wired_size > 0);
    }
}

/* What macOS has nothing of. */
static void look_absent(struct look *look)
{
    look->identity->valid |= WEFT_IDENTITY_GROUP | WEFT_IDENTITY_CONTAINER;
    mark(look, WEFT_MARK_CRITICAL, false);
    mark(look, WEFT_MARK_SPARED, false);
    mark(look, WEFT_MARK_GUARDED, false);
    mark(look, WEFT_MARK_SHELTERED, false);
}

/* ------------------------------------------------------------- terminals ---
 */

/* Whether the terminal was used lately; who can't be asked was. */
static bool is_used(uint32_t device)
{
    char path[64] = "/dev/";
    struct stat info;
    time_t now = time(NULL);

    return devname_r((dev_t)device, S_IFCHR, path + 5, sizeof(path) - 5) ==
               NULL ||
           stat(path, &info) != 0 || now - info.st_atime <= IDLE_S ||
           now - info.st_mtime <= IDLE_S;
}

/* From the process upwards, to the first that has a terminal. */
static void look_front(struct look *look)
{
    struct proc_bsdinfo info = look->info;

    for (int i = 0; i < ANCESTORS_MOST; i++) {
        pid_t parent = (pid_t)info.pbi_ppid;

        if (info.e_tdev != NO_DEVICE && info.e_tdev != 0) {
            mark(look, WEFT_MARK_FOREGROUND,
                 info.e_tpgid != 0 && info.e_tpgid == info.pbi_pgid &&
                     is_used(info.e_tdev));
            return;
        }
        if (parent <= 1) {
            mark(look, WEFT_MARK_FOREGROUND, false);
            return;
        }
        if (!ask_long(parent, &info)) {
            /* login, which is root's, is above each terminal's shell. */
            mark(look, WEFT_MARK_FOREGROUND, false);
            return;
        }
    }
}

/* ----------------------------------------------------------------- whole ---
 */

static void look_told(struct look *look)
{
    weft_memory_identity *identity = look->identity;
    const char *name = look->info.pbi_name[0] != '\0' ? look->info.pbi_name
                                                      : look->info.pbi_comm;
    pid_t session = getsid(look->pid);

    identity->started = look->info.pbi_start_tvsec * UINT64_C(1000000) +
                        look->info.pbi_start_tvusec;
    (void)snprintf(identity->name, sizeof(identity->name), "%.*s",
                   (int)sizeof(look->info.pbi_name), name);
    identity->valid |= WEFT_IDENTITY_NAME;
    if (session > 0) {
        identity->session = session;
        identity->valid |= WEFT_IDENTITY_SESSION;
    }
    mark(look, WEFT_MARK_TRACED, (look->info.pbi_flags & FLAG_TRACED) != 0);
    look_front(look);
    look_threads(look);
    look_wired(look);
}

weft_status weftos_identify(const char *root, int64_t pid,
                            weft_memory_identity *identity, weft_detail *detail)
{
    struct look look = {.identity = identity};
    struct proc_bsdshortinfo info;

    (void)root;
    if (pid <= 0 || pid > INT32_MAX) {
        return weftos_fail(detail, WEFT_ENOENT, 0, "find the process");
    }
    look.pid = (pid_t)pid;
    look.is_told = ask_long(look.pid, &look.info);
    if (!ask_short(look.pid, &info)) {
        return errno == ESRCH
                   ? weftos_fail(detail, WEFT_ENOENT, errno, "find the process")
                   : weftos_fail_errno(detail, "look at a process");
    }
    identity->pid = pid;
    identity->parent = (int64_t)info.pbsi_ppid;
    identity->owner = info.pbsi_uid;
    identity->valid |= WEFT_IDENTITY_OWNER;
    identity->ignores_case = true;
    look_family(&look);
    look_absent(&look);
    look_program(&look);
    if (look.is_told) {
        look_told(&look);
    }
    return WEFT_OK;
}

/* ---------------------------------------------------------------- target ---
 */

weft_status weftos_target_open(int64_t pid, weft_handle *target,
                               weft_detail *detail)
{
    (void)pid;
    *target = WEFTOS_NONE;
    return weftos_fail(detail, WEFT_ENOTSUP, 0,
                       "open another process: macOS has no way to act on one");
}

bool weftos_target_lives(weft_handle target)
{
    (void)target;
    return false;
}

void weftos_target_close(weft_handle target)
{
    weftos_close(target);
}
