/* SPDX-License-Identifier: MIT
 *
 * Waiting at words by kqueue alone: for builds that may not use private calls,
 * on systems before macOS 14.4. Slower, and complete.
 *
 * A word of this process's own: each wait has a kqueue with an event of its
 * own, and is entered in a list; a wake triggers the events of as many waits
 * as it is for. That works within one process only, because nobody else can
 * have the kqueue.
 *
 * A word that processes share: each wait has a file open beside the memory of
 * names (posix.h), whose name is the site's number, and listens to changes of
 * its attributes. A wake changes its times, by its name. It ends all waits at
 * the word, which os.h allows. Why a file and not a FIFO:
 *
 *   - A wake needs no descriptor, so that it can't fail for want of one.
 *   - Nothing is written that somebody must read again.
 *   - A file can be locked: while anybody has it open it is, and whoever finds
 *     it free removes it. FIFOs can't be locked (VNOP_ADVLOCK refuses them).
 *
 * A process that is killed while it waits leaves an empty file, which the next
 * wait at that word removes. Nothing is kept from one wait to the next: that
 * would be faster, and would leave more behind.
 *
 * The processes must have the same directory for files: they must be of one
 * user. Deaths are heard by the wait's own kqueue.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/event.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "../posix/place.h"
#include "word.h"

/* What an event is of. */
#define ID_WAKE 0
#define ID_DEATH 1

/* ------------------------------------------------ words of this process --- */

struct waiting {
    const _Atomic uint32_t *word;
    int queue;
    bool is_woken;
    struct waiting *next;
};

static struct waiting *waits;
static atomic_flag waits_lock = ATOMIC_FLAG_INIT;

static void lock_waits(void)
{
    while (
        atomic_flag_test_and_set_explicit(&waits_lock, memory_order_acquire)) {
        weftos_yield(); /* some microseconds at most */
    }
}

static void unlock_waits(void)
{
    atomic_flag_clear_explicit(&waits_lock, memory_order_release);
}

/* The other threads are not in the child, nor are the kqueues. */
void weftos_words_forget(void)
{
    waits = NULL;
    unlock_waits();
}

static void enter(struct waiting *wait)
{
    lock_waits();
    wait->next = waits;
    waits = wait;
    unlock_waits();
}

static void leave(const struct waiting *wait)
{
    struct waiting **at = &waits;

    lock_waits();
    while (*at != NULL && *at != wait) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = wait->next;
    }
    unlock_waits();
}

/* Under the lock the kqueues of the list are open. */
static void wake_own(const _Atomic uint32_t *word, uint32_t count)
{
    lock_waits();
    for (struct waiting *wait = waits; wait != NULL && count > 0;
         wait = wait->next) {
        if (wait->word == word && !wait->is_woken) {
            wait->is_woken = true;
            count--;
            (void)weftos_queue_change(wait->queue, ID_WAKE, EVFILT_USER, 0,
                                      NOTE_TRIGGER, ID_WAKE);
        }
    }
    unlock_waits();
}

/* ------------------------------------------- words that processes share --- */

/* Of a file: 16 hex digits, ".wait" and the end. */
#define NAME_BYTES 22

/* What a wait listens with. */
struct post {
    struct weftos_queue queue;
    int fd; /* of the file, which it holds a shared lock on */
    char path[PATH_MAX];
};

static void find_name(uint64_t site, char name[NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, "%016llx.wait", (unsigned long long)site);
}

static weft_status find_path(uint64_t site, char *path, weft_detail *detail)
{
    struct weftos_place place;
    char name[NAME_BYTES];
    weft_status status;

    find_name(site, name);
    status = weftos_place_file(name, &place, detail);
    if (status == WEFT_OK && snprintf(path, PATH_MAX, "%s/%s",
                                      place.directory_path, name) >= PATH_MAX) {
        status = weftos_fail(detail, WEFT_ENAME, ENAMETOOLONG,
                             "use the run-time directory");
    }
    return status;
}

/* Makes and checks the run-time directory. */
static weft_status check_directory(uint64_t site, weft_detail *detail)
{
    struct weftos_place place;
    char name[NAME_BYTES];
    weft_status status;

    find_name(site, name);
    status = weftos_place_open_file(name, &place, detail);
    if (status == WEFT_OK) {
        weftos_close(place.directory);
    }
    return status;
}

static int lock_shared(int fd)
{
    int result;

    do {
        result = flock(fd, LOCK_SH);
    } while (result != 0 && errno == EINTR);
    return result;
}

/* Opens the file, or makes it, so that nobody removes it while it is open. */
static weft_status open_file(struct post *post, weft_detail *detail)
{
    struct stat info = {.st_nlink = 0};

    /* If it was just removed, there is no name for it: once more. */
    while (info.st_nlink == 0) {
        weftos_close(post->fd);
        post->fd =
            open(post->path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        /* Nobody locks out others for longer than it takes to remove it. */
        if (post->fd < 0 || lock_shared(post->fd) != 0 ||
            fstat(post->fd, &info) != 0) {
            return weftos_fail_errno(detail, "open the file of a word");
        }
    }
    return WEFT_OK;
}

/*
 * Removes the file if nobody else has it open, and nobody has removed it. To
 * close it would not do to release the lock: a child that another thread has
 * forked meanwhile has it too.
 */
static void close_post(struct post *post)
{
    struct stat info;

    if (post->fd >= 0) {
        if (flock(post->fd, LOCK_UN) == 0 &&
            flock(post->fd, LOCK_EX | LOCK_NB) == 0 &&
            fstat(post->fd, &info) == 0 && info.st_nlink > 0) {
            (void)unlink(post->path);
        }
        (void)flock(post->fd, LOCK_UN);
        (void)close(post->fd);
    }
    weftos_queue_close(&post->queue);
}

static weft_status open_post(struct post *post, uint64_t site,
                             weft_detail *detail)
{
    weft_status status = check_directory(site, detail);

    post->fd = -1;
    post->queue.fd = -1;
    if (status == WEFT_OK) {
        status = find_path(site, post->path, detail);
    }
    if (status == WEFT_OK) {
        status = weftos_queue_open(&post->queue, detail);
    }
    if (status == WEFT_OK) {
        status = open_file(post, detail);
    }
    if (status == WEFT_OK &&
        weftos_queue_change(post->queue.fd, (uintptr_t)post->fd, EVFILT_VNODE,
                            EV_ADD | EV_CLEAR, NOTE_ATTRIB, ID_WAKE) != 0) {
        status = weftos_fail_errno(detail, "listen to the file of a word");
    }
    return status;
}

static weft_status listen_to_deaths(int queue, const weftos_site *site,
                                    weft_detail *detail)
{
    weft_status status = WEFT_OK;

    if (site->owner.pid != 0) {
        status = weftos_process_watch(queue, &site->owner, ID_DEATH, detail);
    }
    for (size_t i = 0; i < WEFTOS_SITE_OTHERS && status == WEFT_OK; i++) {
        if (site->others[i].pid != 0) {
            status =
                weftos_process_watch(queue, &site->others[i], ID_DEATH, detail);
        }
    }
    return status == WEFT_ENOENT
               ? weftos_fail(detail, WEFT_EPEERDIED, 0, "wait at a word")
               : status;
}

/* ----------------------------------------------------------------- both --- */

/*
 *      sleeper                         waker
 *      listen                          change the word
 *      FULL FENCE                      FULL FENCE
 *      load the word; sleep            tell whoever listens
 *
 * Either the sleeper sees the new word, or the waker finds it listening. The
 * kernel's locks would do as much; the fences say so.
 */
static weft_status sleep_at(const _Atomic uint32_t *word, uint32_t value,
                            int queue, uint64_t deadline_ns, bool interruptible,
                            weft_detail *detail)
{
    static const char step[] = "wait at a word";
    struct kevent event;
    int count;

    weftos_fence_full();
    do {
        if (atomic_load(word) != value) {
            return WEFT_OK;
        }
        count = weftos_queue_wait(queue, &event, 1, deadline_ns);
    } while (count < 0 && errno == EINTR && !interruptible);
    if (count < 0) {
        return weftos_fail_errno(detail, step);
    }
    if (count == 0) {
        return weftos_fail(
            detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT, 0,
            step);
    }
    return (uintptr_t)event.udata == ID_DEATH
               ? weftos_fail(detail, WEFT_EPEERDIED, 0, step)
               : WEFT_OK;
}

static weft_status wait_own(const _Atomic uint32_t *word, uint32_t value,
                            uint64_t deadline_ns, bool interruptible,
                            weft_detail *detail)
{
    struct weftos_queue queue;
    struct waiting wait = {.word = word};
    weft_status status = weftos_queue_open(&queue, detail);

    if (status != WEFT_OK) {
        return status;
    }
    wait.queue = queue.fd;
    if (weftos_queue_change(queue.fd, ID_WAKE, EVFILT_USER, EV_ADD | EV_CLEAR,
                            0, ID_WAKE) != 0) {
        status = weftos_fail_errno(detail, "add an event to a kqueue");
    } else {
        enter(&wait);
        status =
            sleep_at(word, value, queue.fd, deadline_ns, interruptible, detail);
        leave(&wait);
    }
    weftos_queue_close(&queue);
    return status;
}

static weft_status wait_shared(const _Atomic uint32_t *word, uint32_t value,
                               const weftos_site *site, uint64_t deadline_ns,
                               bool interruptible, weft_detail *detail)
{
    struct post post;
    weft_status status = open_post(&post, site->id, detail);

    if (status == WEFT_OK) {
        status = listen_to_deaths(post.queue.fd, site, detail);
    }
    if (status == WEFT_OK) {
        status = sleep_at(word, value, post.queue.fd, deadline_ns,
                          interruptible, detail);
    }
    close_post(&post);
    return status;
}

/* A thread that is cancelled in here would leave files open and locked. */
weft_status weftos_events_wait(_Atomic uint32_t *word, uint32_t value,
                               const weftos_site *site, uint64_t deadline_ns,
                               bool interruptible, weft_detail *detail)
{
    weft_status status;
    int cancel;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    status = site == NULL
                 ? wait_own(word, value, deadline_ns, interruptible, detail)
                 : wait_shared(word, value, site, deadline_ns, interruptible,
                               detail);
    (void)pthread_setcancelstate(cancel, &cancel);
    return status;
}

/* The times are changed by the file's name; if it is not there, nobody waits.
 */
static void touch_file(uint64_t site)
{
    char path[PATH_MAX];
    int cancel;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    if (find_path(site, path, NULL) == WEFT_OK) {
        (void)utimes(path, NULL);
    }
    (void)pthread_setcancelstate(cancel, &cancel);
}

void weftos_events_wake(_Atomic uint32_t *word, uint32_t count,
                        const weftos_site *site)
{
    weftos_fence_full();
    if (site == NULL) {
        wake_own(word, count);
    } else {
        touch_file(site->id);
    }
}
