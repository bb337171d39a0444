/* SPDX-License-Identifier: MIT
 *
 * The output of a tree, passed on and counted.
 *
 * With a limit of output or idle time the program writes to pipes, and a
 * thread of the supervisor's passes on what comes: exactly as many bytes as
 * the limit allows, and none after them. It may block for as long as it likes
 * when nobody reads: the limits are not its affair. What it has counted it
 * tells by two atomic words and a byte in another pipe.
 *
 * When nobody takes the output any more, the program has to learn of it as
 * without us: its pipe is closed, so that its next write gets SIGPIPE.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

#define STREAMS 2
#define ROOM ((size_t)64 * 1024)

/* How long what is left may take to be passed on after the tree's end. */
#define DRAIN_NS UINT64_C(5000000000)

struct run_pump {
    int from[STREAMS]; /* the pipes we read; -1: closed */
    int to[STREAMS];   /* -1: nobody wants it */
    int event[2];      /* to be read: a limit was passed, or all is done */
    uint64_t soft;
    uint64_t hard;
    /* Relaxed, both: each is a figure by itself, and the event comes after. */
    _Atomic uint64_t bytes;
    _Atomic uint64_t last_ns; /* of output, or of the start */
    _Atomic bool is_done;
    pthread_t thread;
    uint64_t idle_soft_ns; /* WEFT_FOREVER: none, or reached */
    uint64_t idle_hard_ns;
    bool has_passed_soft;
    bool has_passed_hard;
};

/* --------------------------------------------------------------- thread --- */

static void tell(const struct run_pump *pump)
{
    char byte = 0;

    /* What has no room is not missed: there is enough to be read. */
    (void)!write(pump->event[1], &byte, sizeof(byte));
}

static bool write_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t done = write(fd, data, bytes);

        if (done < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};

            (void)poll(&room, 1, -1);
            continue;
        }
        if (done < 0 && errno != EINTR) {
            return false;
        }
        if (done > 0) {
            data += done;
            bytes -= (size_t)done;
        }
    }
    return true;
}

static void close_stream(struct run_pump *pump, unsigned stream)
{
    (void)close(pump->from[stream]);
    pump->from[stream] = -1;
}

static void pass_on(struct run_pump *pump, unsigned stream, char *room)
{
    ssize_t bytes = read(pump->from[stream], room, ROOM);
    uint64_t before = atomic_load_explicit(&pump->bytes, memory_order_relaxed);
    uint64_t all;
    size_t allowed;

    if (bytes < 0 && errno == EINTR) {
        return;
    }
    if (bytes <= 0) {
        close_stream(pump, stream);
        return;
    }
    allowed = (size_t)bytes;
    if (before >= pump->hard) {
        allowed = 0;
    } else if (pump->hard - before < allowed) {
        allowed = (size_t)(pump->hard - before);
    }
    all = before + (uint64_t)bytes;
    atomic_store_explicit(&pump->last_ns, weftos_now_ns(),
                          memory_order_relaxed);
    atomic_store_explicit(&pump->bytes, all, memory_order_relaxed);
    if ((before <= pump->hard && all > pump->hard) ||
        (before < pump->soft && all >= pump->soft)) {
        tell(pump);
    }
    if (allowed > 0 && pump->to[stream] >= 0 &&
        !write_all(pump->to[stream], room, allowed)) {
        close_stream(pump, stream);
    }
}

static void *pump_output(void *memory)
{
    struct run_pump *pump = memory;
    char *room = malloc(ROOM);

    while (room != NULL && (pump->from[0] >= 0 || pump->from[1] >= 0)) {
        struct pollfd polls[STREAMS];

        for (unsigned i = 0; i < STREAMS; i++) {
            polls[i] = (struct pollfd){.fd = pump->from[i], .events = POLLIN};
        }
        if (poll(polls, STREAMS, -1) < 0) {
            continue; /* EINTR */
        }
        for (unsigned i = 0; i < STREAMS; i++) {
            if (polls[i].revents != 0) {
                pass_on(pump, i, room);
            }
        }
    }
    free(room);
    atomic_store(&pump->is_done, true);
    tell(pump);
    return NULL;
}

/* ----------------------------------------------------------- supervisor --- */

static bool open_event(struct run_pump *pump)
{
    return weftos_run_make_pipe(pump->event) == 0 &&
           fcntl(pump->event[0], F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(pump->event[1], F_SETFL, O_NONBLOCK) == 0;
}

static void clear_event(const struct run_pump *pump)
{
    char bytes[64];

    while (read(pump->event[0], bytes, sizeof(bytes)) > 0) {
    }
}

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

bool weftos_run_pump_prepare(struct run *run)
{
    const struct wefti_run_fence *output =
        &run->request->fences[WEFT_FENCE_OUTPUT];
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
    pump->soft = output->soft;
    pump->hard = output->is_asked != 0 ? output->hard : UINT64_MAX;
    if (!open_event(pump)) {
        weftos_run_refuse(run, weftos_errno_status(errno), errno,
                          "cannot watch the output");
        return false;
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        int ends[2];

        if (weftos_run_make_pipe(ends) != 0) {
            weftos_run_refuse(run, weftos_errno_status(errno), errno,
                              "cannot watch the output");
            return false;
        }
        pump->from[i] = ends[0];
        pump->to[i] = run->handles[WEFTI_RUN_OUTPUT + i];
        run->handles[WEFTI_RUN_OUTPUT + i] = ends[1];
    }
    return true;
}

bool weftos_run_pump_start(struct run *run)
{
    const struct wefti_run_fence *idle = &run->request->fences[WEFT_FENCE_IDLE];
    struct run_pump *pump = run->pump;
    int cause;

    if (pump == NULL) {
        return true;
    }
    /* Only the tree holds them now: their end is its end. */
    for (unsigned i = 0; i < STREAMS; i++) {
        (void)close(run->handles[WEFTI_RUN_OUTPUT + i]);
        run->handles[WEFTI_RUN_OUTPUT + i] = -1;
    }
    pump->idle_hard_ns = idle->is_asked != 0 ? idle->hard : WEFT_FOREVER;
    pump->idle_soft_ns =
        idle->is_asked != 0 && idle->soft != 0 ? idle->soft : WEFT_FOREVER;
    atomic_store(&pump->last_ns, weftos_now_ns());
    cause = pthread_create(&pump->thread, NULL, pump_output, pump);
    if (cause != 0) {
        weftos_run_refuse(run, WEFT_ELIMIT, cause, "cannot watch the output");
    }
    return cause == 0;
}

int weftos_run_pump_event(const struct run *run)
{
    return run->pump != NULL ? run->pump->event[0] : -1;
}

/* When the output has been silent for `ns`; WEFT_FOREVER: never. */
static uint64_t silent_at(const struct run_pump *pump, uint64_t ns)
{
    uint64_t last = atomic_load_explicit(&pump->last_ns, memory_order_relaxed);

    return ns >= WEFT_FOREVER - last ? WEFT_FOREVER : last + ns;
}

uint64_t weftos_run_pump_next(const struct run *run)
{
    uint64_t soft;
    uint64_t hard;

    if (run->pump == NULL) {
        return WEFT_FOREVER;
    }
    soft = silent_at(run->pump, run->pump->idle_soft_ns);
    hard = silent_at(run->pump, run->pump->idle_hard_ns);
    return soft < hard ? soft : hard;
}

void weftos_run_pump_check(struct run *run, uint64_t now)
{
    struct run_pump *pump = run->pump;
    uint64_t bytes;

    if (pump == NULL) {
        return;
    }
    clear_event(pump);
    bytes = atomic_load_explicit(&pump->bytes, memory_order_relaxed);
    if (pump->soft != 0 && bytes >= pump->soft && !pump->has_passed_soft) {
        pump->has_passed_soft = true;
        weftos_run_soft_limit(run, WEFT_FENCE_OUTPUT);
    }
    if (bytes > pump->hard && !pump->has_passed_hard) {
        pump->has_passed_hard = true;
        weftos_run_hard_limit(run, WEFT_FENCE_OUTPUT, WEFT_REASON_OUTPUT);
    }
    if (now >= silent_at(pump, pump->idle_soft_ns)) {
        pump->idle_soft_ns = WEFT_FOREVER;
        weftos_run_soft_limit(run, WEFT_FENCE_IDLE);
    }
    if (now >= silent_at(pump, pump->idle_hard_ns)) {
        pump->idle_hard_ns = WEFT_FOREVER;
        weftos_run_hard_limit(run, WEFT_FENCE_IDLE, WEFT_REASON_IDLE);
    }
}

void weftos_run_pump_usage(const struct run *run, weft_usage *usage)
{
    const struct run_pump *pump = run->pump;

    if (pump != NULL) {
        usage->output_bytes =
            atomic_load_explicit(&pump->bytes, memory_order_relaxed);
        usage->valid |= WEFT_USAGE_OUTPUT;
    }
}

void weftos_run_pump_finish(struct run *run)
{
    struct run_pump *pump = run->pump;
    uint64_t until = weft_after_ns(DRAIN_NS);

    if (pump == NULL) {
        return;
    }
    while (!atomic_load(&pump->is_done) && weftos_now_ns() < until) {
        struct pollfd done = {.fd = pump->event[0], .events = POLLIN};

        (void)poll(&done, 1, (int)(DRAIN_NS / 1000000));
        clear_event(pump);
    }
    if (!atomic_load(&pump->is_done)) {
        weftos_run_evidence(run,
                            "output: nobody has read the rest of it for %u s",
                            (unsigned)(DRAIN_NS / UINT64_C(1000000000)));
    }
    weftos_run_pump_check(run, 0);
    weftos_run_pump_usage(run, &run->report->usage);
}
