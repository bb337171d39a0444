/* SPDX-License-Identifier: MIT
 *
 * What a supervisor has with its host, and how it starts the leader.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

/* ----------------------------------------------------------------- host --- */

bool weftos_run_unpack(const struct wefti_run_message *message,
                       const weftos_received *received, struct run *run)
{
    size_t next = 0;

    for (unsigned i = 0; i < WEFTI_RUN_HANDLES; i++) {
        run->handles[i] = -1;
        if ((message->flags & (1u << i)) != 0) {
            if (next == received->handle_count) {
                return false;
            }
            run->handles[i] = (int)received->handles[next++];
        }
    }
    return next == received->handle_count &&
           run->handles[WEFTI_RUN_SOCKET] >= 0 &&
           run->handles[WEFTI_RUN_REQUEST] >= 0;
}

weft_status weftos_run_make_report(struct run *run)
{
    size_t page = weftos_get_facts()->page_bytes;
    size_t bytes = (sizeof(*run->report) + page - 1) / page * page;
    void *report = NULL;
    weft_handle object;
    weft_status status = weftos_shm_create(bytes, &object, &report, NULL);

    if (status == WEFT_OK) {
        run->report = report;
        run->report->magic = WEFTI_RUN_MAGIC;
        run->report_handle = (int)object;
        run->report_bytes = bytes;
    }
    return status;
}

static weft_status map_request(struct run *run, uint64_t bytes)
{
    const void *request = NULL;
    weft_status status = weftos_shm_attach(run->handles[WEFTI_RUN_REQUEST],
                                           (size_t)bytes, &request, NULL);

    if (status != WEFT_OK) {
        return status;
    }
    run->request = request;
    if (bytes < sizeof(*run->request) ||
        run->request->magic != WEFTI_RUN_MAGIC ||
        run->request->stamp != WEFTI_RUN_STAMP) {
        return WEFT_EVERSION;
    }
    /* The leader, too, reads it before it becomes the program. */
    return weftos_run_map_for_leader((void *)(uintptr_t)request,
                                     (size_t)bytes) == 0
               ? WEFT_OK
               : WEFT_EOS;
}

bool weftos_run_open(struct run *run, uint64_t request_bytes)
{
    struct wefti_run_message message = {.magic = WEFTI_RUN_MAGIC,
                                        .type = WEFTI_RUN_REFUSED};
    weft_status status = map_request(run, request_bytes);

    if (status == WEFT_OK && run->report == NULL) {
        status = weftos_run_make_report(run);
    }
    if (status == WEFT_OK) {
        return true;
    }
    message.number = status;
    (void)snprintf(message.text, sizeof(message.text), "%s",
                   status == WEFT_EVERSION ? "weft-helper is of another version"
                                           : "cannot map the request");
    (void)weftos_socket_send(run->handles[WEFTI_RUN_SOCKET], &message,
                             sizeof(message), NULL, 0, NULL);
    return false;
}

void weftos_run_tell(const struct run *run, uint32_t type, int64_t number,
                     int handle)
{
    struct wefti_run_message message = {.magic = WEFTI_RUN_MAGIC,
                                        .type = type,
                                        .number = number,
                                        .bytes = run->report_bytes};
    weft_handle handles[1] = {handle};

    (void)weftos_socket_send(run->handles[WEFTI_RUN_SOCKET], &message,
                             sizeof(message), handles, handle >= 0, NULL);
}

/* A signal that the host asks for, to the leader or to all. */
static void pass_signal(struct run *run, int number, bool whole_tree)
{
    if (number == SIGKILL && !run->leader_has_ended) {
        weftos_run_evidence(run, "the host asked for SIGKILL");
        run->report->was_killed = 1;
    }
    if (whole_tree) {
        weftos_run_signal_tree(run, number);
    } else if (!run->leader_has_ended) {
        (void)kill(run->leader, number);
    }
}

bool weftos_run_hear(struct run *run)
{
    weftos_received received = {.handle_count = 0};
    struct wefti_run_message message;
    weft_status status =
        weftos_socket_recv(run->handles[WEFTI_RUN_SOCKET], &received, NULL);

    if (status != WEFT_OK) {
        return status == WEFT_EAGAIN;
    }
    weftos_close(received.process);
    for (size_t i = 0; i < received.handle_count; i++) {
        weftos_close(received.handles[i]);
    }
    if (received.bytes != sizeof(message)) {
        return false;
    }
    memcpy(&message, received.data, sizeof(message));
    if (message.type == WEFTI_RUN_KILL) {
        weftos_run_set_reason(run, WEFT_REASON_CANCELLED);
        weftos_run_evidence(run, "the host asked for the end, SIGKILL sent");
        weftos_run_kill(run);
    } else if (message.type == WEFTI_RUN_SIGNAL) {
        pass_signal(run, (int)message.number, message.flags != 0);
    } else if (message.type == WEFTI_RUN_ASK_USAGE) {
        weftos_run_fill_in_usage(run);
        weftos_run_tell(run, WEFTI_RUN_USAGE, 0, -1);
    }
    return true;
}

/* ---------------------------------------------------------------- start --- */

int weftos_run_make_pipe(int ends[2])
{
    if (pipe(ends) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) != 0) {
            (void)close(ends[0]);
            (void)close(ends[1]);
            return -1;
        }
    }
    return 0;
}

/*
 * What the child says: notes, and in the end a failure, or nothing more when
 * the program runs, as the other end closes over exec.
 */
static ssize_t hear_child(struct run *run, int pipe,
                          struct run_failure *failure)
{
    ssize_t bytes;

    for (;;) {
        bytes = read(pipe, failure, sizeof(*failure));
        if (bytes < 0 && errno == EINTR) {
            continue;
        }
        failure->operation[sizeof(failure->operation) - 1] = '\0';
        if (bytes <= 0 || failure->os_code != 0) {
            return bytes;
        }
        weftos_run_evidence(run, "%s", failure->operation);
    }
}

/* One attempt. False: `*failure` says why not. */
static bool try_leader(struct run *run, struct run_failure *failure)
{
    int ends[2];
    bool has_started;

    if (weftos_run_make_pipe(ends) != 0) {
        *failure = (struct run_failure){
            .os_code = errno, .fence = -1, .operation = "make a pipe"};
        return false;
    }
    has_started = weftos_run_fork_leader(run, ends[1], failure);
    (void)close(ends[1]);
    if (has_started) {
        has_started = hear_child(run, ends[0], failure) == 0;
    }
    (void)close(ends[0]);
    if (!has_started) {
        weftos_run_isolate_undo(run);
    }
    return has_started;
}

static weft_status status_of(const struct run_failure *failure)
{
    switch (failure->os_code) {
    case ENOENT:
        return WEFT_ENOENT;
    case E2BIG:
        return WEFT_ELIMIT;
    case ENOEXEC: /* no program of this machine's */
    case ETXTBSY: /* somebody writes it */
        return failure->is_program != 0 ? WEFT_EACCES : WEFT_EOS;
    default:
        return weftos_errno_status(failure->os_code);
    }
}

bool weftos_run_start_leader(struct run *run)
{
    struct run_failure failure = {.fence = -1};

    while (!try_leader(run, &failure)) {
        if (failure.fence >= WEFT_FENCE_PRIVILEGES &&
            weftos_run_isolate_again(run)) {
            if (!weftos_run_check_rows(run)) {
                return false;
            }
            continue;
        }
        run->is_program_wrong = failure.is_program != 0;
        weftos_run_refuse(run, status_of(&failure), failure.os_code,
                          "cannot %s", failure.operation);
        return false;
    }
    return true;
}
