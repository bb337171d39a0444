/* SPDX-License-Identifier: MIT
 *
 * The vigils that the endpoints of this process share; lookout.h has the
 * theory.
 */
#define _GNU_SOURCE
#include "lookout.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What a watch has watched is let go of by the kernel within some ms. */
#define OLD_NS UINT64_C(100000000)

struct weftos_lookout {
    struct weftos_vigil vigil;
    uint64_t token; /* of the process that it was made in */
    bool is_spent;  /* the vigil hears no more; in no list */
    struct weftos_awaited *members;
    struct weftos_lookout *next;
    char directory[PATH_MAX];
};

/* For all here. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct weftos_lookout *lookouts;

static void take_lock(void)
{
    (void)pthread_mutex_lock(&lock);
}

static void leave_lock(void)
{
    (void)pthread_mutex_unlock(&lock);
}

static int fork_result;

/* Nobody is at work here while the process is copied. */
static void handle_forks(void)
{
    fork_result = pthread_atfork(take_lock, leave_lock, leave_lock);
}

/* ------------------------------------------------------------- lookouts --- */

static struct weftos_lookout *find(const char *directory)
{
    struct weftos_lookout *found = lookouts;

    while (found != NULL && (found->token != weftos_process_token() ||
                             strcmp(found->directory, directory) != 0)) {
        found = found->next;
    }
    return found;
}

/* Nobody joins it any more. */
static void strike_off(struct weftos_lookout *lookout)
{
    struct weftos_lookout **at = &lookouts;

    lookout->is_spent = true;
    while (*at != NULL && *at != lookout) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = lookout->next;
    }
}

static weft_status make(const struct weftos_place *place,
                        struct weftos_lookout **out, weft_detail *detail)
{
    struct weftos_lookout *made = calloc(1, sizeof(*made));
    weft_status status;

    if (made == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "watch for the name");
    }
    status = weftos_vigil_begin(&made->vigil, place, false, detail);
    if (status != WEFT_OK) {
        free(made);
        return status;
    }
    made->token = weftos_process_token();
    memcpy(made->directory, place->directory_path, sizeof(made->directory));
    made->next = lookouts;
    lookouts = made;
    *out = made;
    return WEFT_OK;
}

static void tell(const struct weftos_awaited *awaited)
{
    const uint64_t one = 1;

    /* It holds far more than are ever added to it. */
    (void)!write(awaited->told, &one, sizeof(one));
}

/* An entry of the directory has changed; NULL: any may have. */
static void tell_of(void *context, const char *file)
{
    const struct weftos_lookout *lookout = context;

    for (const struct weftos_awaited *at = lookout->members; at != NULL;
         at = at->next) {
        if (file == NULL || strcmp(file, at->file) == 0) {
            tell(at);
        }
    }
}

/* -------------------------------------------------------------- members --- */

static int add(const struct weftos_awaited *awaited, int fd, uint64_t data)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.u64 = data;
    return epoll_ctl(awaited->epoll, EPOLL_CTL_ADD, fd, &event);
}

static weft_status open_told(struct weftos_awaited *awaited, uint64_t data,
                             weft_detail *detail)
{
    awaited->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (awaited->told < 0 || add(awaited, awaited->told, data) != 0) {
        weft_status status = weftos_fail_errno(detail, "watch for the name");

        weftos_close(awaited->told);
        return status;
    }
    awaited->is_open = true;
    return WEFT_OK;
}

static void close_old(struct weftos_awaited *awaited)
{
    weftos_close(awaited->old);
    awaited->old = -1;
}

/* The last one who leaves ends the vigil. */
static void leave(struct weftos_awaited *awaited, bool forked)
{
    struct weftos_lookout *lookout = awaited->lookout;
    struct weftos_awaited **at;

    if (lookout == NULL) {
        return;
    }
    if (!forked) {
        (void)epoll_ctl(awaited->epoll, EPOLL_CTL_DEL,
                        weftos_vigil_handle(&lookout->vigil), NULL);
    }
    at = &lookout->members;
    while (*at != awaited) {
        at = &(*at)->next;
    }
    *at = awaited->next;
    awaited->lookout = NULL;
    if (lookout->members == NULL) {
        strike_off(lookout);
        if (forked) {
            weftos_vigil_end(&lookout->vigil, true);
        } else {
            close_old(awaited);
            awaited->old = weftos_vigil_end_soon(&lookout->vigil);
            awaited->close_at_ns = weft_after_ns(OLD_NS);
        }
        free(lookout);
    }
}

static weft_status join(struct weftos_awaited *awaited, uint64_t data,
                        const struct weftos_place *place, weft_detail *detail)
{
    struct weftos_lookout *lookout = find(place->directory_path);
    weft_status status = WEFT_OK;

    if (lookout == NULL) {
        status = make(place, &lookout, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    awaited->next = lookout->members;
    lookout->members = awaited;
    awaited->lookout = lookout;
    if (add(awaited, weftos_vigil_handle(&lookout->vigil), data) != 0) {
        status = weftos_fail_errno(detail, "watch for the name");
        leave(awaited, false);
    }
    return status;
}

static weft_status begin(struct weftos_awaited *awaited, uint64_t data,
                         const struct weftos_place *place, weft_detail *detail)
{
    const char *path = place->address.sun_path;
    const char *slash = strrchr(path, '/');
    weft_status status = WEFT_OK;

    if (!awaited->is_open) {
        status = open_told(awaited, data, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    (void)snprintf(awaited->file, sizeof(awaited->file), "%s",
                   slash != NULL ? slash + 1 : path);
    take_lock();
    if (awaited->lookout != NULL && awaited->lookout->is_spent) {
        leave(awaited, false);
    }
    if (awaited->lookout == NULL) {
        status = join(awaited, data, place, detail);
    }
    leave_lock();
    return status;
}

weft_status weftos_await_begin(struct weftos_awaited *awaited, int epoll,
                               uint64_t data, const struct weftos_place *place,
                               weft_detail *detail)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    weft_status status;
    int cancel;

    (void)pthread_once(&once, handle_forks);
    if (fork_result != 0) {
        return weftos_fail(detail, WEFT_ENOMEM, fork_result,
                           "watch for the name");
    }
    awaited->epoll = epoll;
    /* A thread that is cancelled in here would leave the lock taken. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    status = begin(awaited, data, place, detail);
    (void)pthread_setcancelstate(cancel, &cancel);
    if (status != WEFT_OK) {
        weftos_await_end(awaited);
    }
    return status;
}

bool weftos_await_hear(struct weftos_awaited *awaited)
{
    uint64_t times;
    int cancel;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    take_lock();
    if (awaited->lookout != NULL) {
        struct weftos_lookout *lookout = awaited->lookout;

        if (!lookout->is_spent &&
            weftos_vigil_look(&lookout->vigil, tell_of, lookout)) {
            strike_off(lookout);
        }
        if (lookout->is_spent) {
            leave(awaited, false);
        }
    }
    leave_lock();
    (void)pthread_setcancelstate(cancel, &cancel);
    return read(awaited->told, &times, sizeof(times)) == sizeof(times);
}

static void end(struct weftos_awaited *awaited, bool forked)
{
    int cancel;

    if (!awaited->is_open) {
        return;
    }
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    take_lock();
    leave(awaited, forked);
    leave_lock();
    (void)pthread_setcancelstate(cancel, &cancel);
    if (!forked) {
        (void)epoll_ctl(awaited->epoll, EPOLL_CTL_DEL, awaited->told, NULL);
    }
    weftos_close(awaited->told);
    awaited->told = -1;
    awaited->is_open = false;
}

void weftos_await_end(struct weftos_awaited *awaited)
{
    end(awaited, false);
}

void weftos_await_tidy(struct weftos_awaited *awaited)
{
    if (awaited->old >= 0 && weftos_now_ns() >= awaited->close_at_ns) {
        close_old(awaited);
    }
}

void weftos_await_close(struct weftos_awaited *awaited, bool forked)
{
    end(awaited, forked);
    close_old(awaited);
}
