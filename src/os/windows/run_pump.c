/* SPDX-License-Identifier: MIT
 *
 * The output of a tree, passed on and counted.
 *
 * With a limit of output or idle time the program writes to pipes, and a thread
 * for each passes on what comes: exactly as many bytes as the limit allows, and
 * none after them. It may wait for as long as it likes when nobody reads: the
 * limits are not its affair. What it has counted it tells by two words under a
 * lock, and the supervisor's event.
 *
 * When nobody takes the output any more, the program has to learn of it as
 * without us: its pipe is closed, so that its next write fails.
 */
#include <stdlib.h>

#include "run.h"

#define STREAMS 2
#define ROOM ((size_t)64 * 1024)

/* How long what is left may take to be passed on after the tree's end. */
#define DRAIN_NS UINT64_C(5000000000)

/* How long a thread may take to end when its operation is cancelled. */
#define CANCEL_MS 1000

struct run_pump;

struct stream {
    struct run_pump *pump;
    HANDLE from;   /* the pipe that is read; its thread's, to close */
    HANDLE to;     /* NULL: nobody wants it */
    HANDLE thread; /* NULL: not started */
};

/* Of the supervisor and of both threads: the last one frees it. */
struct run_pump {
    _Atomic unsigned owners;
    HANDLE news; /* a copy of the supervisor's */
    uint64_t soft;
    uint64_t hard;
    SRWLOCK lock;     /* of the two that follow */
    uint64_t bytes;   /* that have come */
    uint64_t last_ns; /* of output, or of the start */
    struct stream streams[STREAMS];
    uint64_t idle_soft_ns; /* WEFT_FOREVER: none, or reached */
    uint64_t idle_hard_ns;
    bool has_passed_soft;
    bool has_passed_hard;
};

static void leave(struct run_pump *pump)
{
    if (atomic_fetch_sub(&pump->owners, 1) != 1) {
        return;
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        weftos_close_native(pump->streams[i].from);
        weftos_close_native(pump->streams[i].to);
    }
    weftos_close_native(pump->news);
    free(pump);
}

/* --------------------------------------------------------------- threads ---
 */

/* Counts what has come; returns how much of it may go on. */
static size_t count(struct run_pump *pump, size_t bytes)
{
    size_t allowed = bytes;
    uint64_t before;
    uint64_t all;

    AcquireSRWLockExclusive(&pump->lock);
    before = pump->bytes;
    all = before + bytes;
    pump->bytes = all;
    pump->last_ns = weftos_now_ns();
    ReleaseSRWLockExclusive(&pump->lock);
    if (before >= pump->hard) {
        allowed = 0;
    } else if (pump->hard - before < allowed) {
        allowed = (size_t)(pump->hard - before);
    }
    if ((before <= pump->hard && all > pump->hard) ||
        (before < pump->soft && all >= pump->soft)) {
        (void)SetEvent(pump->news);
    }
    return allowed;
}

/* The host's handle may be one of overlapped operations, which wait here. */
static bool write_all(HANDLE to, const char *data, size_t bytes)
{
    while (bytes > 0) {
        OVERLAPPED io = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
        DWORD done = 0;
        DWORD cause = 0;

        io.Offset = UINT32_MAX; /* a file grows at its end */
        io.OffsetHigh = UINT32_MAX;
        if (io.hEvent == NULL) {
            return false;
        }
        if (!WriteFile(to, data, (DWORD)bytes, &done, &io)) {
            cause = GetLastError();
            if (cause == ERROR_IO_PENDING) {
                cause = weftos_io_finish(to, &io, false, &done);
            }
        }
        (void)CloseHandle(io.hEvent);
        if (cause != 0 || done == 0) {
            return false;
        }
        data += done;
        bytes -= done;
    }
    return true;
}

static DWORD WINAPI pump_stream(void *argument)
{
    struct stream *stream = argument;
    char *room = malloc(ROOM);
    bool goes_on = room != NULL;

    while (goes_on) {
        DWORD bytes = 0;
        size_t allowed;

        if (!ReadFile(stream->from, room, (DWORD)ROOM, &bytes, NULL)) {
            break;
        }
        allowed = count(stream->pump, bytes);
        goes_on = allowed == 0 || stream->to == NULL ||
                  write_all(stream->to, room, allowed);
    }
    free(room);
    (void)CloseHandle(stream->from);
    stream->from = NULL;
    leave(stream->pump);
    return 0;
}

/* ----------------------------------------------------------- supervisor --- */

static bool is_wanted(const struct run *run)
{
    return run->request->fences[WEFT_FENCE_OUTPUT].is_asked != 0 ||
           run->request->fences[WEFT_FENCE_IDLE].is_asked != 0;
}

void weftos_run_pump_rows(struct run *run)
{
    if (weftos_run_is_asked(run, WEFT_FENCE_OUTPUT)) {
        weftos_run_row(run, WEFT_FENCE_OUTPUT, WEFT_LEVEL_MONITORED,
                       "pipe, passed on and counted",
                       "the kernel has no such limit");
        weftos_run_row_of(run, WEFT_FENCE_OUTPUT)->granularity = 1;
    }
    if (weftos_run_is_asked(run, WEFT_FENCE_IDLE)) {
        weftos_run_row(run, WEFT_FENCE_IDLE, WEFT_LEVEL_MONITORED,
                       "pipe, monotonic clock", "the kernel has no such limit");
    }
}

/* Puts a pipe between the program and where its stream leads. */
static bool put_between(struct run *run, unsigned number)
{
    struct stream *stream = &run->pump->streams[number];
    weft_handle *handle = &run->handles[WEFTI_RUN_OUTPUT + number];
    HANDLE to = *handle != WEFTOS_NONE ? weftos_native(*handle) : NULL;
    HANDLE end = NULL;

    stream->pump = run->pump;
    if (!CreatePipe(&stream->from, &end, NULL, (DWORD)ROOM)) {
        return false;
    }
    stream->to = to;
    *handle = (weft_handle)end;
    return true;
}

bool weftos_run_pump_prepare(struct run *run)
{
    const struct wefti_run_fence *output =
        &run->request->fences[WEFT_FENCE_OUTPUT];
    HANDLE self = GetCurrentProcess();
    struct run_pump *pump;

    if (!is_wanted(run)) {
        return true;
    }
    pump = calloc(1, sizeof(*pump));
    if (pump == NULL) {
        weftos_run_refuse(run, WEFT_ENOMEM, 0, "cannot watch the output");
        return false;
    }
    run->pump = pump;
    atomic_init(&pump->owners, 1);
    InitializeSRWLock(&pump->lock);
    pump->soft = output->soft;
    pump->hard = output->is_asked != 0 ? output->hard : UINT64_MAX;
    if (!DuplicateHandle(self, run->news, self, &pump->news, 0, FALSE,
                         DUPLICATE_SAME_ACCESS) ||
        !put_between(run, 0) || !put_between(run, 1)) {
        DWORD cause = GetLastError();

        weftos_run_refuse(run, weftos_error_status(cause), cause,
                          "cannot watch the output");
        return false;
    }
    return true;
}

bool weftos_run_pump_start(struct run *run)
{
    const struct wefti_run_fence *idle = &run->request->fences[WEFT_FENCE_IDLE];
    struct run_pump *pump = run->pump;

    if (pump == NULL) {
        return true;
    }
    pump->idle_hard_ns = idle->is_asked != 0 ? idle->hard : WEFT_FOREVER;
    pump->idle_soft_ns =
        idle->is_asked != 0 && idle->soft != 0 ? idle->soft : WEFT_FOREVER;
    pump->last_ns = weftos_now_ns();
    for (unsigned i = 0; i < STREAMS; i++) {
        struct stream *stream = &pump->streams[i];

        /* Only the tree holds it now: its end is its end. */
        weftos_close(run->handles[WEFTI_RUN_OUTPUT + i]);
        run->handles[WEFTI_RUN_OUTPUT + i] = WEFTOS_NONE;
        (void)atomic_fetch_add(&pump->owners, 1);
        stream->thread = CreateThread(NULL, 0, pump_stream, stream, 0, NULL);
        if (stream->thread == NULL) {
            (void)atomic_fetch_sub(&pump->owners, 1);
            return false;
        }
    }
    return true;
}

/* When the output has been silent for `ns`; WEFT_FOREVER: never. */
static uint64_t silent_at(uint64_t last, uint64_t ns)
{
    return ns >= WEFT_FOREVER - last ? WEFT_FOREVER : last + ns;
}

static void look(struct run_pump *pump, uint64_t *bytes, uint64_t *last)
{
    AcquireSRWLockShared(&pump->lock);
    *bytes = pump->bytes;
    *last = pump->last_ns;
    ReleaseSRWLockShared(&pump->lock);
}

uint64_t weftos_run_pump_next(const struct run *run)
{
    uint64_t bytes;
    uint64_t last;
    uint64_t soft;
    uint64_t hard;

    if (run->pump == NULL) {
        return WEFT_FOREVER;
    }
    look(run->pump, &bytes, &last);
    soft = silent_at(last, run->pump->idle_soft_ns);
    hard = silent_at(last, run->pump->idle_hard_ns);
    return soft < hard ? soft : hard;
}

void weftos_run_pump_check(struct run *run, uint64_t now)
{
    struct run_pump *pump = run->pump;
    uint64_t bytes;
    uint64_t last;

    if (pump == NULL) {
        return;
    }
    look(pump, &bytes, &last);
    if (pump->soft != 0 && bytes >= pump->soft && !pump->has_passed_soft) {
        pump->has_passed_soft = true;
        weftos_run_soft_limit(run, WEFT_FENCE_OUTPUT);
    }
    if (bytes > pump->hard && !pump->has_passed_hard) {
        pump->has_passed_hard = true;
        weftos_run_hard_limit(run, WEFT_FENCE_OUTPUT, WEFT_REASON_OUTPUT);
    }
    if (now >= silent_at(last, pump->idle_soft_ns)) {
        pump->idle_soft_ns = WEFT_FOREVER;
        weftos_run_soft_limit(run, WEFT_FENCE_IDLE);
    }
    if (now >= silent_at(last, pump->idle_hard_ns)) {
        pump->idle_hard_ns = WEFT_FOREVER;
        weftos_run_hard_limit(run, WEFT_FENCE_IDLE, WEFT_REASON_IDLE);
    }
}

/* False: it still waits for who is to take the rest. */
static bool await_thread(HANDLE thread, uint64_t until)
{
    return thread == NULL ||
           WaitForSingleObject(thread, weftos_ms_left(until)) == WAIT_OBJECT_0;
}

void weftos_run_pump_finish(struct run *run)
{
    struct run_pump *pump = run->pump;
    uint64_t until = weft_after_ns(DRAIN_NS);
    weft_usage *usage = &run->report->usage;
    bool is_done = true;
    uint64_t last;

    if (pump == NULL) {
        return;
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        is_done = await_thread(pump->streams[i].thread, until) && is_done;
    }
    if (!is_done) {
        weftos_run_evidence(run,
                            "output: nobody has read the rest of it for %u s",
                            (unsigned)(DRAIN_NS / UINT64_C(1000000000)));
    }
    weftos_run_pump_check(run, 0);
    look(pump, &usage->output_bytes, &last);
    usage->valid |= WEFT_USAGE_OUTPUT;
}

/* A thread that can't be stopped ends when its host reads, or has gone. */
void weftos_run_pump_close(struct run_pump *pump)
{
    if (pump == NULL) {
        return;
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        HANDLE thread = pump->streams[i].thread;

        if (thread != NULL && !weftos_is_signalled(thread)) {
            (void)CancelSynchronousIo(thread);
            (void)WaitForSingleObject(thread, CANCEL_MS);
        }
        weftos_close_native(thread);
    }
    leave(pump);
}
