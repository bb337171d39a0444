/* SPDX-License-Identifier: MIT
 *
 * Processes: who this one is, and how the end of another one is told.
 *
 * The end is told by kqueue, with NOTE_EXIT, which anybody may ask for of any
 * process. A number may have been given to another process by then, so the
 * start of the process is compared, and after the kqueue was told to listen:
 * from then on it is this process's end that will be told.
 *
 * XNU takes a process that ends out of its table of numbers first, when its
 * last thread has left user space for good (proc_exit: proc_refdrain), closes
 * its files then, and posts NOTE_EXIT at last. So ESRCH means dead, and both
 * the hang-up of a socket and NOTE_EXIT come later than it.
 */
#include <dlfcn.h>
#include <libproc.h>
#include <pthread.h>
#include <sys/event.h>
#include <unistd.h>

#include "../posix/watch.h"
#include "macos.h"

#define STAMP_MASK ((UINT32_C(1) << WEFTOS_STAMP_BITS) - 1)

/* ------------------------------------------------------------- identity --- */

/* What the kernel tells of a process that lives. 0, or -1 and errno. */
static int ask(uint32_t pid, struct proc_bsdinfo *info)
{
    errno = 0;
    /* The 0 passes over those that only wait for their parent to ask. */
    return proc_pidinfo((int)pid, PROC_PIDTBSDINFO, 0, info, sizeof(*info)) ==
                   (int)sizeof(*info)
               ? 0
               : -1;
}

/* The start in microseconds, as far as there is room for it. */
weft_status weftos_process_stamp(uint32_t pid, uint32_t *stamp,
                                 weft_detail *detail)
{
    static const char step[] = "ask when a process was started";
    struct proc_bsdinfo info;
    uint64_t start_us;

    if (ask(pid, &info) != 0) {
        return weftos_fail(
            detail, errno == ESRCH ? WEFT_ENOENT : weftos_errno_status(errno),
            errno, step);
    }
    start_us = info.pbi_start_tvsec * UINT64_C(1000000) + info.pbi_start_tvusec;
    *stamp = (uint32_t)start_us & STAMP_MASK;
    *stamp += *stamp == 0; /* which stands for "not known" */
    return WEFT_OK;
}

/*
 * The short form is told of other users' processes too, of which the long one
 * is EPERM (proc_pidinfo: check_same_user).
 */
void weftos_process_user(uint32_t pid, uid_t *uid, gid_t *gid)
{
    struct proc_bsdshortinfo info;

    if (proc_pidinfo((int)pid, PROC_PIDT_SHORTBSDINFO, 0, &info,
                     sizeof(info)) == (int)sizeof(info)) {
        *uid = info.pbsi_uid;
        *gid = info.pbsi_gid;
    }
}

/*
 * Handles are as wide as pointers, and descriptors are ints: one bit above
 * those tells a process from a descriptor.
 */
_Static_assert(sizeof(weft_handle) == 8, "no room for a process in a handle");
#define PROCESS_BIT (INT64_C(1) << 62)

weft_handle weftos_process_handle(const weftos_process_id *who)
{
    return PROCESS_BIT | (int64_t)who->stamp << 32 | (int64_t)who->pid;
}

weftos_process_id weftos_process_of(weft_handle handle)
{
    weftos_process_id who = {
        .pid = (uint32_t)handle,
        .stamp = (uint32_t)(handle >> 32) & STAMP_MASK,
    };

    return who;
}

/* Not a point of cancellation, as close is: sync.h promises that. */
void weftos_close(weft_handle handle)
{
    int cancel;

    if (handle != WEFTOS_NONE && (handle & PROCESS_BIT) == 0) {
        (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
        (void)close((int)handle);
        (void)pthread_setcancelstate(cancel, &cancel);
    }
}

/* ----------------------------------------------------------------- ends --- */

weft_status weftos_process_watch(int queue, const weftos_process_id *who,
                                 uint64_t id, weft_detail *detail)
{
    static const char step[] = "watch a process";
    uint32_t stamp = 0;
    weft_status status;

    if (weftos_queue_change(queue, who->pid, EVFILT_PROC, EV_ADD, NOTE_EXIT,
                            id) != 0) {
        return weftos_fail(
            detail, errno == ESRCH ? WEFT_ENOENT : weftos_errno_status(errno),
            errno, step);
    }
    status = weftos_process_stamp(who->pid, &stamp, NULL);
    if (status != WEFT_OK || who->stamp == 0) {
        stamp = who->stamp; /* not told: the number alone must do */
    }
    if (status == WEFT_ENOENT || stamp != who->stamp) {
        /* Its end may have been told and collected: then this finds none. */
        (void)weftos_queue_change(queue, who->pid, EVFILT_PROC, EV_DELETE, 0,
                                  0);
        return weftos_fail(detail, WEFT_ENOENT, ESRCH, step);
    }
    return WEFT_OK;
}

weft_status weftos_deaths_open(weft_handle *deaths, weft_detail *detail)
{
    struct weftos_queue queue;
    weft_status status = weftos_queue_open(&queue, detail);

    *deaths = queue.fd;
    return status;
}

/* Whether a process with this number and stamp lives, as far as is known. */
static bool is_there(const weftos_process_id *who)
{
    uint32_t stamp = 0;
    weft_status status = weftos_process_stamp(who->pid, &stamp, NULL);

    return status == WEFT_OK ? stamp == who->stamp : status != WEFT_ENOENT;
}

/* Has deaths_next give this number once, for whoever had it before. */
static void tell_again(int queue, uint32_t pid)
{
    (void)weftos_queue_change(queue, pid, EVFILT_USER, EV_ADD | EV_ONESHOT, 0,
                              pid);
    (void)weftos_queue_change(queue, pid, EVFILT_USER, 0, NOTE_TRIGGER, pid);
}

/*
 * A kqueue has one note for a number. If there is one it may be of a process
 * that has ended, which was not collected yet, and then to add it again would
 * not listen to the one that lives now. So it is made anew, and what the old
 * one may have had to tell is told in another way.
 */
weft_status weftos_deaths_add(weft_handle deaths, const weftos_process_id *who,
                              weft_handle *handle, weft_detail *detail)
{
    static const char step[] = "watch a process";
    int queue = (int)deaths;
    weft_status status = WEFT_OK;

    *handle = WEFTOS_NONE;
    if (!is_there(who)) {
        return weftos_fail(detail, WEFT_ENOENT, ESRCH, step);
    }
    if (weftos_queue_change(queue, who->pid, EVFILT_PROC, EV_DELETE, 0, 0) ==
        0) {
        tell_again(queue, who->pid);
    }
    if (weftos_queue_change(queue, who->pid, EVFILT_PROC, EV_ADD, NOTE_EXIT,
                            who->pid) != 0) {
        status = weftos_fail(
            detail, errno == ESRCH ? WEFT_ENOENT : weftos_errno_status(errno),
            errno, step);
    } else if (!is_there(who)) {
        status = weftos_fail(detail, WEFT_ENOENT, ESRCH, step);
    }
    return status;
}

/*
 * The note of one that has ended goes when it is collected; the one that is
 * there may be of another process.
 */
void weftos_deaths_remove(weft_handle deaths, const weftos_process_id *who,
                          weft_handle handle)
{
    (void)deaths;
    (void)who;
    (void)handle;
}

bool weftos_deaths_has(const weftos_process_id *who, weft_handle handle)
{
    struct weftos_queue queue;
    uint32_t stamp = 0;
    weft_status status = weftos_process_stamp(who->pid, &stamp, NULL);

    (void)handle;
    if (status == WEFT_OK || status == WEFT_ENOENT) {
        return status == WEFT_ENOENT || stamp != who->stamp;
    }
    /* Nothing is told of it but whether it is there. */
    status = weftos_queue_open(&queue, NULL);
    if (status == WEFT_OK) {
        status = weftos_process_watch(queue.fd, who, 0, NULL);
        weftos_queue_close(&queue);
    }
    return status == WEFT_ENOENT;
}

uint32_t weftos_deaths_next(weft_handle deaths)
{
    struct kevent event;

    return weftos_queue_wait((int)deaths, &event, 1, WEFT_FOREVER) > 0
               ? (uint32_t)event.ident
               : 0;
}

void weftos_deaths_forget(weft_handle deaths)
{
    (void)deaths; /* no kqueue is inherited */
}

/* ----------------------------------------------------------------- fork --- */

/*
 * macOS has no memory that a child gets as zeroes. A handler of fork's clears
 * the token; what does not run handlers is vfork, whose child may only exec.
 * There is no other way to fork: the system calls are not an interface.
 */
static weftos_word token;
_Atomic(const weftos_word *) weftos_token = &token;

static void become_child(void)
{
    weftos_store_relaxed(&token, 0);
    weftos_words_forget();
}

/*
 * A handler can't be taken back, and a thread may be listening for deaths: if
 * the library is loaded by dlopen, dlclose must leave it where it is. A
 * program itself is never unloaded, so it is no harm if it can't be opened.
 */
static void stay_loaded(void)
{
    Dl_info self;

    if (dladdr(&token, &self) != 0) {
        (void)dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    }
}

static int handler_result = -1;

static void add_handler(void)
{
    stay_loaded();
    handler_result = pthread_atfork(NULL, NULL, become_child);
}

/* All processes of the machine see the same numbers. */
#define DOMAIN UINT64_C(1)

weft_status weftos_process_mark(weftos_process_id *self, uint64_t *domain,
                                weft_detail *detail)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t unmarked = 0;
    weft_status status = WEFT_OK;

    (void)pthread_once(&once, add_handler);
    if (handler_result != 0) {
        return weftos_fail(detail, weftos_errno_status(handler_result),
                           handler_result, "pthread_atfork");
    }
    if (self != NULL) {
        self->pid = (uint32_t)getpid();
        status = weftos_process_stamp(self->pid, &self->stamp, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    if (domain != NULL) {
        *domain = DOMAIN;
    }
    /* The time makes it differ from that of an ancestor with the same pid. */
    (void)atomic_compare_exchange_strong(
        &token, &unmarked, (weftos_now_ns() << 22) | (uint64_t)getpid());
    return WEFT_OK;
}
