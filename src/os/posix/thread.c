/* SPDX-License-Identifier: MIT
 *
 * Threads of the library's own.
 *
 * A new thread has the signal mask of its maker, so the maker blocks all
 * signals for that moment: none may be handled in a thread that the program
 * does not know of.
 */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "posix.h"

struct weftos_thread {
    pthread_t id;
    weftos_thread_work *work;
    void *context;
};

static void *run(void *memory)
{
    const struct weftos_thread *thread = memory;

    thread->work(thread->context);
    return NULL;
}

weft_status weftos_thread_start(weftos_thread_work *work, void *context,
                                weftos_thread **out, weft_detail *detail)
{
    weftos_thread *thread = calloc(1, sizeof(*thread));
    sigset_t all;
    sigset_t before;
    int cause;

    *out = NULL;
    if (thread == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate a thread");
    }
    thread->work = work;
    thread->context = context;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    cause = pthread_create(&thread->id, NULL, run, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (cause != 0) {
        free(thread);
        /* EAGAIN: no memory for its stack, or too many threads. */
        return weftos_fail(
            detail, cause == EAGAIN ? WEFT_ELIMIT : weftos_errno_status(cause),
            cause, "start a thread");
    }
    *out = thread;
    return WEFT_OK;
}

void weftos_thread_join(weftos_thread *thread, bool forked)
{
    if (thread != NULL && !forked) {
        (void)pthread_join(thread->id, NULL);
    }
    free(thread);
}
