/* SPDX-License-Identifier: MIT
 *
 * Threads of the library's own. There is no fork, and there are no signals.
 */
#include "win.h"

#include <process.h>
#include <stdlib.h>

struct weftos_thread {
    HANDLE handle;
    weftos_thread_work *work;
    void *context;
};

static unsigned __stdcall run(void *memory)
{
    const struct weftos_thread *thread = memory;

    thread->work(thread->context);
    return 0;
}

/* _beginthreadex, because the C library is used in the thread. */
weft_status weftos_thread_start(weftos_thread_work *work, void *context,
                                weftos_thread **out, weft_detail *detail)
{
    weftos_thread *thread = calloc(1, sizeof(*thread));

    *out = NULL;
    if (thread == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "allocate a thread");
    }
    thread->work = work;
    thread->context = context;
    thread->handle = (HANDLE)_beginthreadex(NULL, 0, run, thread, 0, NULL);
    if (thread->handle == NULL) {
        free(thread);
        return weftos_fail(detail, WEFT_ELIMIT, 0, "start a thread");
    }
    *out = thread;
    return WEFT_OK;
}

void weftos_thread_join(weftos_thread *thread, bool forked)
{
    (void)forked;
    if (thread != NULL) {
        (void)WaitForSingleObject(thread->handle, INFINITE);
        (void)CloseHandle(thread->handle);
    }
    free(thread);
}
