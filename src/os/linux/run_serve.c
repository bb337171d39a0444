/* SPDX-License-Identifier: MIT
 *
 * The helper's main loop, and how a supervisor begins.
 *
 * A start is a message on the helper's socket. A supervisor takes it: one that
 * the helper forks then, or the spare, which waits for it there. So from the
 * second start on no fork is on its way:
 *
 *   host            helper              spare
 *   START --------------------------->  takes it, and is a supervisor
 *   the program runs <----------------  STARTED
 *                   forks the next <--  tells so
 *
 * The helper looks at its socket for messages only while it has no spare. It
 * makes none after the first start: most who start one program start no other.
 *
 * The helper is small, so that a fork costs little. It lives as long as the
 * host has its end of the socket open, or until the host dies. If a supervisor
 * is killed, the helper adopts what is left of its tree, and kills that.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define STARTS_MIN 2 /* before there is a spare */

struct helper {
    weft_handle socket;
    int host;    /* its pidfd, or -1 */
    int ends;    /* of children: a signalfd */
    int told[2]; /* a pipe of struct run_told; or -1 */
    pid_t number;
    unsigned starts; /* so many, up to STARTS_MIN */
    pid_t spare;     /* or 0 */
    pid_t killed;    /* a supervisor, whose tree is to be killed; or 0 */
    pid_t *pids;     /* the supervisors that live */
    size_t count;
    size_t room;
};

/* ----------------------------------------------------------- supervisor --- */

/* False: it is no start. */
static bool read_start(const weftos_received *received,
                       struct wefti_run_message *message, struct run *run)
{
    if (received->bytes != sizeof(*message)) {
        return false;
    }
    memcpy(message, received->data, sizeof(*message));
    return message->magic == WEFTI_RUN_MAGIC &&
           message->type == WEFTI_RUN_START &&
           weftos_run_unpack(message, received, run);
}

/* To the end. The exit code. */
static int supervise(struct run *run, uint64_t request_bytes)
{
    return weftos_run_open(run, request_bytes) ? weftos_run_tree(run) : 1;
}

static bool has_room(struct helper *helper)
{
    size_t room = helper->room == 0 ? 16 : helper->room * 2;
    pid_t *grown;

    if (helper->count < helper->room) {
        return true;
    }
    grown = realloc(helper->pids, room * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    helper->pids = grown;
    helper->room = room;
    return true;
}

/* -1: there is none. */
static pid_t fork_supervisor(struct helper *helper)
{
    pid_t supervisor = has_room(helper) ? fork() : -1;

    if (supervisor > 0) {
        helper->pids[helper->count++] = supervisor;
    }
    return supervisor;
}

/* One start. The handles are the supervisor's, and closed here. */
static void start_one(struct helper *helper, weftos_received *received)
{
    struct wefti_run_message message;
    struct run run = {.host = helper->host, .told = helper->told[1]};

    if (read_start(received, &message, &run) && fork_supervisor(helper) == 0) {
        weftos_close(helper->socket);
        _exit(supervise(&run, message.bytes));
    }
    /* If there is none the host sees its program's socket hang up. */
    for (size_t i = 0; i < received->handle_count; i++) {
        weftos_close(received->handles[i]);
    }
}

/* ---------------------------------------------------------------- spare --- */

/* Until there is a message for it. False: there will be none. */
static bool wait_for_start(const struct helper *helper,
                           weftos_received *received)
{
    struct pollfd polls[] = {{.fd = (int)helper->socket, .events = POLLIN},
                             {.fd = helper->host, .events = POLLIN}};
    weft_status status;

    do {
        if (poll(polls, 2, -1) < 0 && errno != EINTR) {
            return false;
        }
        if (polls[1].revents != 0) {
            return false;
        }
        status = weftos_socket_recv(helper->socket, received, NULL);
    } while (status == WEFT_EAGAIN);
    return status == WEFT_OK;
}

/* Without the helper it would be nobody's; a supervisor goes on then. */
static int be_spare(const struct helper *helper)
{
    struct run run = {.host = helper->host, .told = helper->told[1]};
    struct wefti_run_message message;
    weftos_received received = {.handle_count = 0};

    if (weftos_run_make_report(&run) != WEFT_OK ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != helper->number ||
        !wait_for_start(helper, &received)) {
        return 0;
    }
    (void)prctl(PR_SET_PDEATHSIG, 0);
    weftos_close(received.process);
    weftos_close(helper->socket);
    return read_start(&received, &message, &run)
               ? supervise(&run, message.bytes)
               : 0;
}

/* Should it fail, the next start is as the first ones. */
static void make_spare(struct helper *helper)
{
    pid_t spare = fork_supervisor(helper);

    if (spare == 0) {
        _exit(be_spare(helper));
    }
    helper->spare = spare > 0 ? spare : 0;
}

/* Hears who has started a program. */
static void hear_told(struct helper *helper)
{
    struct run_told told = {0};

    while (read(helper->told[0], &told, sizeof(told)) ==
           (ssize_t)sizeof(told)) {
        if (helper->starts < STARTS_MIN) {
            helper->starts++;
        }
        if (told.supervisor == helper->spare) {
            helper->spare = 0;
        }
    }
    if (told.has_groups) {
        weftos_run_groups_keep();
    }
    if (helper->spare == 0 && helper->starts == STARTS_MIN) {
        make_spare(helper);
    }
}

/* --------------------------------------------------------------- helper --- */

/* Reaps, and ends the trees that have lost their supervisors. */
static void reap_all(struct helper *helper)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG | (int)__WALL)) > 0) {
        for (size_t i = 0; i < helper->count; i++) {
            if (helper->pids[i] != pid) {
                continue;
            }
            helper->pids[i] = helper->pids[--helper->count];
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                if (helper->killed != 0) {
                    weftos_run_groups_end_of(helper->killed);
                }
                helper->killed = pid;
            }
            break;
        }
        if (pid == helper->spare) {
            helper->spare = 0;
        }
    }
    if (helper->killed != 0) {
        bool is_left = weftos_run_kill_strays(helper->pids, helper->count);

        weftos_run_groups_end_of(helper->killed);
        if (!is_left) {
            helper->killed = 0;
        }
    }
}

/* Until there is a message for the helper itself, or the host has gone. */
static weft_status wait_for_host(struct helper *helper)
{
    struct pollfd polls[] = {{.fd = (int)helper->socket},
                             {.fd = helper->host, .events = POLLIN},
                             {.fd = helper->ends, .events = POLLIN},
                             {.fd = helper->told[0], .events = POLLIN}};
    struct signalfd_siginfo signal_;

    while (polls[0].revents == 0 && polls[1].revents == 0) {
        polls[0].events = helper->spare == 0 ? POLLIN : 0;
        if (poll(polls, sizeof(polls) / sizeof(polls[0]), -1) < 0 &&
            errno != EINTR) {
            return WEFT_EOS;
        }
        if (polls[2].revents != 0) {
            (void)!read(helper->ends, &signal_, sizeof(signal_));
            reap_all(helper);
        }
        if (polls[3].revents != 0) {
            hear_told(helper);
        }
    }
    return polls[0].revents == 0 ? WEFT_EPEERDIED : WEFT_OK;
}

static weft_status begin(struct helper *helper)
{
    helper->number = getpid();
    helper->ends = weftos_run_open_ends();
    (void)prctl(PR_SET_NAME, "weft-helper");
    (void)fcntl((int)helper->socket, F_SETFD, FD_CLOEXEC);
    weftos_run_ignore_signals();
    weftos_run_learn_signals();
    weftos_run_isolate_begin();
    (void)weftos_get_facts(); /* once for all supervisors */
    if (pipe2(helper->told, O_CLOEXEC | O_NONBLOCK) != 0) {
        helper->told[0] = -1; /* there will be no spare */
        helper->told[1] = -1;
    }
    return helper->ends < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0
               ? WEFT_EOS
               : weftos_socket_adopt(helper->socket, NULL);
}

/*
 * The host has gone, so all supervisors come to their ends. One that is killed
 * on the way has nobody else to end its tree.
 */
static void await_supervisors(struct helper *helper)
{
    struct pollfd end = {.fd = helper->ends, .events = POLLIN};
    struct signalfd_siginfo signal_;

    for (;;) {
        reap_all(helper);
        if (helper->count == 0 && helper->killed == 0) {
            return;
        }
        (void)poll(&end, 1, -1);
        (void)!read(helper->ends, &signal_, sizeof(signal_));
    }
}

int weftos_helper_main(weft_handle socket)
{
    struct helper helper = {.socket = socket, .host = -1};
    weftos_received received = {.handle_count = 0};
    weft_status status;

    /* What the host has open without knowing better is not for programs. */
    (void)syscall(SYS_close_range, (unsigned)socket + 1, ~0U, 0);
    status = begin(&helper);
    while (status == WEFT_OK) {
        status = wait_for_host(&helper);
        if (status == WEFT_OK) {
            status = weftos_socket_recv(socket, &received, NULL);
        }
        if (status == WEFT_EAGAIN) {
            status = WEFT_OK;
            continue;
        }
        if (status != WEFT_OK) {
            break;
        }
        if (helper.host < 0) {
            helper.host = (int)received.process; /* who it is, by the kernel */
        } else {
            weftos_close(received.process);
        }
        start_one(&helper, &received);
    }
    if (helper.ends >= 0) {
        await_supervisors(&helper);
    }
    free(helper.pids);
    return status == WEFT_ECLOSED || status == WEFT_EPEERDIED ? 0 : 1;
}
