/* SPDX-License-Identifier: MIT
 *
 * The helper's main thread, and what its supervisors share.
 *
 * Three kinds of threads are here: this one, which takes what is to be started
 * from the host; a supervisor for each program; and one that hears the
 * completion port of all jobs, and tells the supervisors. A job names its run
 * by a number that is never used again, so that a message that comes late is
 * for nobody.
 *
 * The host proves who has sent a message by looking at the handle of the
 * sender's end. So a socket is not closed with its supervisor: it lingers until
 * the host says something on the helper's own socket, or hangs up there. By
 * then it has heard what was said about the start.
 */
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "run.h"

static struct {
    SRWLOCK lock; /* of all that follows */
    struct run *runs;
    uintptr_t last_number;
    weft_handle *lingering;
    size_t count;
    size_t room;
    unsigned live; /* supervisors */
    HANDLE idle;   /* manual-reset: there is none */
    HANDLE port;   /* of all jobs; made before the first supervisor */
} helper = {.lock = SRWLOCK_INIT};

/* ---------------------------------------------------------------- news --- */

/* Bits of `run.happened`; what is nobody's news is none. */
static unsigned news_of(DWORD message)
{
    switch (message) {
    case JOB_OBJECT_MSG_NEW_PROCESS:
        return RUN_BIRTH;
    case JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO:
        return RUN_EMPTY;
    case JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT:
        return RUN_PROCESSES;
    case JOB_OBJECT_MSG_JOB_MEMORY_LIMIT:
    case JOB_OBJECT_MSG_NOTIFICATION_LIMIT:
        return RUN_MEMORY;
    default:
        return 0;
    }
}

static void tell(uintptr_t number, unsigned news)
{
    AcquireSRWLockShared(&helper.lock);
    for (struct run *run = helper.runs; run != NULL; run = run->next) {
        if (run->number == number) {
            atomic_fetch_or(&run->happened, news);
            (void)SetEvent(run->news);
        }
    }
    ReleaseSRWLockShared(&helper.lock);
}

/* Ends with the process. */
static DWORD WINAPI hear_jobs(void *unused)
{
    DWORD message;
    ULONG_PTR number;
    OVERLAPPED *about;

    (void)unused;
    while (GetQueuedCompletionStatus(helper.port, &message, &number, &about,
                                     INFINITE)) {
        unsigned news = news_of(message);

        if (news != 0) {
            tell(number, news);
        }
    }
    return 0;
}

bool weftos_run_register(struct run *run)
{
    JOBOBJECT_ASSOCIATE_COMPLETION_PORT port;

    AcquireSRWLockExclusive(&helper.lock);
    run->number = ++helper.last_number;
    run->next = helper.runs;
    helper.runs = run;
    ReleaseSRWLockExclusive(&helper.lock);
    port.CompletionKey = (void *)run->number;
    port.CompletionPort = helper.port;
    return SetInformationJobObject(run->job,
                                   JobObjectAssociateCompletionPortInformation,
                                   &port, sizeof(port)) != 0;
}

void weftos_run_unregister(struct run *run)
{
    struct run **place = &helper.runs;

    AcquireSRWLockExclusive(&helper.lock);
    while (*place != NULL && *place != run) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
        *place = run->next;
    }
    ReleaseSRWLockExclusive(&helper.lock);
}

/* ---------------------------------------------------------- supervisors --- */

/* Keeps the socket until close_lingering. */
static void linger(weft_handle socket)
{
    bool is_kept = false;

    AcquireSRWLockExclusive(&helper.lock);
    if (helper.count == helper.room) {
        size_t room = helper.room == 0 ? 16 : helper.room * 2;
        weft_handle *grown =
            realloc(helper.lingering, room * sizeof(helper.lingering[0]));

        if (grown != NULL) {
            helper.lingering = grown;
            helper.room = room;
        }
    }
    if (helper.count < helper.room) {
        helper.lingering[helper.count++] = socket;
        is_kept = true;
    }
    ReleaseSRWLockExclusive(&helper.lock);
    if (!is_kept) {
        weftos_close(socket);
    }
}

static void close_lingering(void)
{
    AcquireSRWLockExclusive(&helper.lock);
    while (helper.count > 0) {
        weftos_close(helper.lingering[--helper.count]);
    }
    ReleaseSRWLockExclusive(&helper.lock);
}

static void count_in(void)
{
    AcquireSRWLockExclusive(&helper.lock);
    helper.live++;
    (void)ResetEvent(helper.idle);
    ReleaseSRWLockExclusive(&helper.lock);
}

static void count_out(void)
{
    AcquireSRWLockExclusive(&helper.lock);
    if (--helper.live == 0) {
        (void)SetEvent(helper.idle);
    }
    ReleaseSRWLockExclusive(&helper.lock);
}

static void free_run(struct run *run)
{
    for (unsigned i = 0; i < WEFTI_RUN_HANDLES; i++) {
        weftos_close(run->handles[i]);
    }
    weftos_close(run->report_handle);
    weftos_shm_unmap(run->request, run->request_bytes);
    weftos_shm_unmap(run->report, run->report_bytes);
    weftos_close_native(run->thread);
    free(run);
}

/* Maps the request and makes the report. */
static weft_status prepare(struct run *run)
{
    HANDLE self = GetCurrentProcess();
    size_t page = weftos_get_facts()->page_bytes;
    const void *request = NULL;
    void *report = NULL;
    weft_status status = weftos_shm_attach(run->handles[WEFTI_RUN_REQUEST],
                                           run->request_bytes, &request, NULL);

    if (status != WEFT_OK) {
        return status;
    }
    run->request = request;
    if (run->request_bytes < sizeof(*run->request) ||
        run->request->magic != WEFTI_RUN_MAGIC ||
        run->request->stamp != WEFTI_RUN_STAMP) {
        return WEFT_EVERSION;
    }
    run->report_bytes = (sizeof(*run->report) + page - 1) / page * page;
    status = weftos_shm_create(run->report_bytes, &run->report_handle, &report,
                               NULL);
    if (status == WEFT_OK) {
        run->report = report;
        run->report->magic = WEFTI_RUN_MAGIC;
        if (!DuplicateHandle(self, GetCurrentThread(), self, &run->thread,
                             SYNCHRONIZE, FALSE, 0)) {
            status = WEFT_ELIMIT;
        }
    }
    return status;
}

static DWORD WINAPI supervise(void *argument)
{
    struct run *run = argument;
    weft_handle socket = run->handles[WEFTI_RUN_SOCKET];
    weft_status status = weftos_socket_adopt(socket, NULL);
    struct weftos_link *link = weftos_link_find(weftos_native(socket));

    if (status == WEFT_OK && link != NULL) {
        /* It is the host's helper's: it may be given handles at once. */
        weftos_link_confirm(link, 0);
        run->host = link->peer.can_watch ? link->peer.process : NULL;
        status = prepare(run);
        if (status == WEFT_OK) {
            weftos_run_tree(run);
        } else {
            weftos_run_refuse(run, status, 0, "%s",
                              status == WEFT_EVERSION
                                  ? "weft-helper is of another version"
                                  : "cannot map the request");
        }
        run->handles[WEFTI_RUN_SOCKET] = WEFTOS_NONE;
        linger(socket);
    }
    free_run(run);
    count_out();
    return 0;
}

/* ------------------------------------------------------------ main loop --- */

/* Puts the handles of a start where its flags say. False: they don't match. */
static bool unpack(const struct wefti_run_message *message,
                   weftos_received *received, struct run *run)
{
    size_t next = 0;

    for (unsigned i = 0; i < WEFTI_RUN_HANDLES; i++) {
        if ((message->flags & (1u << i)) != 0) {
            if (next == received->handle_count) {
                return false;
            }
            run->handles[i] = received->handles[next];
            received->handles[next++] = WEFTOS_NONE;
        }
    }
    return next == received->handle_count &&
           run->handles[WEFTI_RUN_SOCKET] != WEFTOS_NONE &&
           run->handles[WEFTI_RUN_REQUEST] != WEFTOS_NONE;
}

static bool start_supervisor(struct run *run)
{
    HANDLE thread;

    count_in();
    thread = CreateThread(NULL, 0, supervise, run, 0, NULL);
    if (thread == NULL) {
        count_out();
        return false;
    }
    (void)CloseHandle(thread);
    return true;
}

/* One start. If it fails the host sees its program's socket hang up. */
static void start_one(weftos_received *received)
{
    struct run *run = calloc(1, sizeof(*run));
    struct wefti_run_message message = {.magic = 0};
    bool has_started = false;

    if (received->bytes == sizeof(message)) {
        memcpy(&message, received->data, sizeof(message));
    }
    if (run != NULL) {
        for (unsigned i = 0; i < WEFTI_RUN_HANDLES; i++) {
            run->handles[i] = WEFTOS_NONE;
        }
        run->report_handle = WEFTOS_NONE;
        run->request_bytes = (size_t)message.bytes;
        has_started = message.magic == WEFTI_RUN_MAGIC &&
                      message.type == WEFTI_RUN_START &&
                      message.bytes <= SIZE_MAX &&
                      unpack(&message, received, run) && start_supervisor(run);
        if (!has_started) {
            free_run(run);
        }
    }
    for (size_t i = 0; i < received->handle_count && !has_started; i++) {
        weftos_close(received->handles[i]);
    }
}

/* What the console tells all that have it is for the programs and the host. */
static BOOL WINAPI ignore_console(DWORD kind)
{
    return kind == CTRL_C_EVENT || kind == CTRL_BREAK_EVENT;
}

static bool begin(void)
{
    HANDLE thread = NULL;

    (void)SetConsoleCtrlHandler(ignore_console, TRUE);
    helper.idle = CreateEventW(NULL, TRUE, TRUE, NULL);
    helper.port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (helper.idle != NULL && helper.port != NULL) {
        thread = CreateThread(NULL, 0, hear_jobs, NULL, 0, NULL);
    }
    weftos_close_native(thread);
    return thread != NULL;
}

int weftos_helper_main(weft_handle socket)
{
    weftos_received received = {.handle_count = 0};
    weft_handle host = WEFTOS_NONE;
    const struct weftos_link *link;
    weft_status status = begin() ? weftos_socket_adopt(socket, NULL) : WEFT_EOS;

    link = weftos_link_find(weftos_native(socket));
    if (link != NULL && link->peer.can_watch) {
        host = (weft_handle)link->peer.process;
    }
    while (status == WEFT_OK) {
        status = weftos_socket_recv(socket, &received, NULL);
        if (status == WEFT_OK) {
            weftos_close(received.process);
            close_lingering();
            start_one(&received);
        } else if (status == WEFT_EAGAIN) {
            status = weftos_socket_wait(socket, false, host, WEFT_FOREVER,
                                        false, NULL);
        }
    }
    close_lingering();
    /* What runs goes on without its spec, but not without its host. */
    if (WaitForSingleObject(helper.idle, INFINITE) != WAIT_OBJECT_0) {
        return 1;
    }
    return status == WEFT_ECLOSED || status == WEFT_EPEERDIED ? 0 : 1;
}
