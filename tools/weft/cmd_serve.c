/* SPDX-License-Identifier: MIT
 *
 * weft serve - a service whose answers a program gives.
 *
 * Calls wait in a queue until a copy of the program is free. One loop does it
 * all: it takes what clients want, moves bytes to and from the programs, and
 * sleeps until one of them, a client or the clock has something for it.
 *
 * A program that ends is started again, at once if it has answered something,
 * else after a pause that doubles. After too many such ends in a row, with no
 * answer from any copy between them, the command gives up.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <weft/service.h>

#include "filter.h"
#include "transfer.h"

#define COPIES_MAX 128u
#define QUEUE_CALLS 1024u
#define QUEUE_BYTES ((size_t)64 * 1024 * 1024)

/* Ends without an answer, one after the other, and the pauses after them. */
#define FAILURES_MAX 10u
#define PAUSE_LEAST_NS UINT64_C(10000000)
#define PAUSE_MOST_NS UINT64_C(2000000000)

/* How long programs may take to end when the command ends. */
#define GRACE_NS UINT64_C(1000000000)

typedef struct serve_values {
    transfer_values common;
    bool null;
    uint64_t copies;
    uint64_t queue;
    uint64_t limit_ns;
} serve_values;

static const tool_option options[] = {
    {.name = "null",
     .letter = '0',
     .kind = TOOL_FLAG,
     .offset = offsetof(serve_values, null),
     .help = "end requests and answers with a NUL byte, not a newline"},
    {.name = "jobs",
     .letter = 'j',
     .kind = TOOL_COUNT,
     .offset = offsetof(serve_values, copies),
     .label = "N",
     .least = 1,
     .most = COPIES_MAX,
     .help = "run N copies of the program (default 1)"},
    {.name = "queue",
     .kind = TOOL_COUNT,
     .offset = offsetof(serve_values, queue),
     .label = "N",
     .least = 1,
     .most = 1000000,
     .help = "let at most N calls wait for a copy (default 1024)"},
    {.name = "limit",
     .kind = TOOL_DURATION,
     .offset = offsetof(serve_values, limit_ns),
     .label = "D",
     .least = 1,
     .help = "end a program that takes longer than this for an answer"},
    {.name = "count",
     .letter = 'n',
     .kind = TOOL_COUNT,
     .offset = offsetof(transfer_values, count),
     .label = "N",
     .least = 1,
     .help = "end after N answers of the program"},
    TRANSFER_TIMEOUT_ROW,
    TRANSFER_JSON_ROW,
    TRANSFER_QUIET_ROW,
};

static const tool_syntax syntax = {
    .command = "serve",
    .usage = "[options] NAME -- COMMAND [ARGUMENT...]",
    .about = "Is the service NAME, and lets a program answer its calls: it "
             "reads each request\nas a line and writes the answer as a line. "
             "It is kept running, and has to write\neach answer at once, not "
             "when its buffer is full.\n",
    .options = options,
    .option_count = TOOL_COUNT_OF(options),
    .operands_least = 2,
    .operands_most = INT_MAX,
};

/* A request that waits, or is under way; its delimiter follows the data. */
typedef struct call {
    struct call *next;
    uint64_t client;
    uint64_t number; /* 0: it wants no answer */
    uint64_t deadline_ns;
    size_t bytes;
    char data[];
} call;

typedef struct copy {
    filter program;
    call *call;           /* what it works at, or NULL */
    bool has_answered;    /* since it was started */
    uint64_t give_up_ns;  /* when it has taken too long */
    uint64_t start_at_ns; /* not running: when to start it again */
} copy;

typedef struct server {
    transfer job;
    const serve_values *values;
    char **arguments;
    char delimiter;
    weft_service *service;
    copy copies[COPIES_MAX];
    size_t count;
    call *first; /* the queue */
    call **last;
    size_t queued;
    size_t queued_bytes;
    unsigned failures;
    uint64_t restarts;
    bool enough;
    bool interrupted;
} server;

/* ---------------------------------------------------------------- queue --- */

static void reply(server *me, uint64_t client, uint64_t number,
                  weft_status answer, const char *data, size_t bytes)
{
    weft_message message = {.data = (void *)(uintptr_t)data, .bytes = bytes};
    weft_status status;

    if (number == 0) {
        return;
    }
    status =
        weft_service_reply(me->service, client, number, answer, 0, &message);
    if (status == WEFT_EMSGSIZE) {
        message.bytes = 0;
        status = weft_service_reply(me->service, client, number, WEFT_EMSGSIZE,
                                    0, &message);
    }
    /* One that has gone is its own affair; one that takes nothing, too. */
    if (status == WEFT_ELIMIT) {
        (void)weft_service_drop(me->service, client);
    }
}

static void refuse(server *me, const call *refused, weft_status why)
{
    reply(me, refused->client, refused->number, why, NULL, 0);
}

/* Takes the first call out that `*link` leads to. */
static call *unlink_call(server *me, call **link)
{
    call *taken = *link;

    *link = taken->next;
    if (me->last == &taken->next) {
        me->last = link;
    }
    me->queued--;
    me->queued_bytes -= taken->bytes;
    return taken;
}

/* Forgets the calls of a client that wait; `number` 0: all of them. */
static void forget(server *me, uint64_t client, uint64_t number)
{
    call **link = &me->first;

    while (*link != NULL) {
        if ((*link)->client == client &&
            (number == 0 || (*link)->number == number)) {
            free(unlink_call(me, link));
        } else {
            link = &(*link)->next;
        }
    }
}

static weft_status enqueue(server *me, const weft_request *request)
{
    call *fresh;

    if (request->bytes > 0 &&
        memchr(request->data, me->delimiter, request->bytes) != NULL) {
        return WEFT_EINVAL;
    }
    if (me->queued >= me->values->queue ||
        me->queued_bytes + request->bytes > QUEUE_BYTES) {
        return WEFT_ELIMIT;
    }
    fresh = malloc(sizeof(*fresh) + request->bytes + 1);
    if (fresh == NULL) {
        return WEFT_ENOMEM;
    }
    *fresh = (call){.client = request->client,
                    .deadline_ns = WEFT_FOREVER,
                    .bytes = request->bytes + 1};
    if (request->kind == WEFT_REQUEST_CALL) {
        fresh->number = request->call;
        fresh->deadline_ns = request->deadline_ns;
    }
    if (request->bytes > 0) {
        memcpy(fresh->data, request->data, request->bytes);
    }
    fresh->data[request->bytes] = me->delimiter;
    *me->last = fresh;
    me->last = &fresh->next;
    me->queued++;
    me->queued_bytes += fresh->bytes;
    return WEFT_OK;
}

/* The next call that somebody still waits for. */
static call *dequeue(server *me)
{
    while (me->first != NULL) {
        call *next = unlink_call(me, &me->first);

        if (weft_now_ns() < next->deadline_ns) {
            return next;
        }
        refuse(me, next, WEFT_ETIMEDOUT);
        free(next);
    }
    return NULL;
}

/* -------------------------------------------------------------- clients --- */

static void take_request(server *me, const weft_request *request)
{
    weft_status status;

    switch (request->kind) {
    case WEFT_REQUEST_CALL:
    case WEFT_REQUEST_ONE_WAY:
        status = enqueue(me, request);
        if (status != WEFT_OK && request->kind == WEFT_REQUEST_CALL) {
            reply(me, request->client, request->call, status, NULL, 0);
        }
        break;
    case WEFT_REQUEST_CANCEL:
        forget(me, request->client, request->call);
        break;
    case WEFT_REQUEST_DISCONNECT:
        forget(me, request->client, 0);
        break;
    case WEFT_REQUEST_CONNECT:
        break;
    }
}

/* Takes all that clients have sent so far. */
static int take_requests(server *me)
{
    transfer *job = &me->job;

    for (;;) {
        weft_detail detail = {WEFT_OK, 0, NULL};
        weft_request request;
        char text[256];

        switch (weft_service_next(me->service, &request, WEFT_NOW, &detail)) {
        case WEFT_OK:
            take_request(me, &request);
            break;
        case WEFT_EAGAIN:
            return TOOL_OK;
        default:
            weft_detail_text(&detail, text, sizeof(text));
            return transfer_failed(job, "cannot serve '%s': %s", job->name,
                                   text);
        }
    }
}

/* ------------------------------------------------------------- programs --- */

/* A copy could not be started, or ended without an answer. */
static int note_failure(server *me, copy *at, const char *text)
{
    uint64_t pause = PAUSE_LEAST_NS << me->failures;

    me->failures++;
    if (me->failures >= FAILURES_MAX) {
        return transfer_failed(&me->job,
                               "'%s' %s; given up after %u times without an "
                               "answer",
                               me->arguments[0], text, me->failures);
    }
    at->start_at_ns =
        weft_after_ns(pause < PAUSE_MOST_NS ? pause : PAUSE_MOST_NS);
    return TOOL_OK;
}

static int start_copy(server *me, copy *at)
{
    char cause[128];
    char text[192];
    int code = filter_start(&at->program, me->arguments, me->delimiter);

    at->has_answered = false;
    if (code == 0) {
        return TOOL_OK;
    }
    snprintf(text, sizeof(text), "can't be started: %s",
             sys_error_text(code, cause, sizeof(cause)));
    return note_failure(me, at, text);
}

/* Ends a copy that is of no more use; the call that it had fails. */
static int end_copy(server *me, copy *at, weft_status why, const char *what)
{
    char text[128];

    if (at->call != NULL) {
        refuse(me, at->call, why);
        free(at->call);
        at->call = NULL;
    }
    filter_end(&at->program, WEFT_NOW, text, sizeof(text));
    what = what != NULL ? what : text;
    progress_end(&me->job.bar);
    tool_error("'%s' %s", me->arguments[0], what);
    me->restarts++;
    at->start_at_ns = WEFT_NOW;
    return at->has_answered ? TOOL_OK : note_failure(me, at, what);
}

static void take_answer(server *me, copy *at)
{
    const filter *program = &at->program;

    reply(me, at->call->client, at->call->number, WEFT_OK, program->answer,
          program->got);
    free(at->call);
    at->call = NULL;
    at->has_answered = true;
    me->failures = 0;
    me->enough = transfer_count(&me->job, program->got) || me->enough;
}

/* Goes on with a copy that runs, until it or the clients have to be waited for.
 */
static int step_copy(server *me, copy *at)
{
    for (;;) {
        if (at->call == NULL && !me->enough) {
            at->call = dequeue(me);
            if (at->call != NULL) {
                filter_ask(&at->program, at->call->data, at->call->bytes);
                at->give_up_ns = me->values->limit_ns != 0
                                     ? weft_after_ns(me->values->limit_ns)
                                     : WEFT_FOREVER;
            }
        }
        switch (filter_step(&at->program)) {
        case FILTER_ANSWERED:
            take_answer(me, at);
            break;
        case FILTER_ENDED:
            return end_copy(me, at, WEFT_EPEERDIED, NULL);
        case FILTER_STRAYED:
            return end_copy(me, at, WEFT_EPROTO,
                            "has written what no request has asked for");
        case FILTER_TOO_LONG:
            return end_copy(me, at, WEFT_EMSGSIZE,
                            "has written an answer that is too long");
        case FILTER_WAITS:
            return at->call != NULL && weft_now_ns() >= at->give_up_ns
                       ? end_copy(me, at, WEFT_ETIMEDOUT,
                                  "has taken too long for an answer")
                       : TOOL_OK;
        }
    }
}

static int step_copies(server *me)
{
    int exit_code = TOOL_OK;

    for (size_t i = 0; exit_code == TOOL_OK && i < me->count; i++) {
        copy *at = &me->copies[i];

        if (!filter_runs(&at->program) && weft_now_ns() >= at->start_at_ns) {
            exit_code = start_copy(me, at);
        }
        if (exit_code == TOOL_OK && filter_runs(&at->program)) {
            exit_code = step_copy(me, at);
        }
    }
    return exit_code;
}

/* ----------------------------------------------------------------- loop --- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Sleeps until there is something to do. */
static int wait_for_more(server *me)
{
    transfer *job = &me->job;
    sys_watch watches[COPIES_MAX];
    size_t count = 0;
    uint64_t until = job->deadline_ns;
    char text[128];
    int code = 0;
    sys_event event;

    for (size_t i = 0; i < me->count; i++) {
        const copy *at = &me->copies[i];

        if (!filter_runs(&at->program)) {
            until = sooner(until, at->start_at_ns);
            continue;
        }
        until = at->call != NULL ? sooner(until, at->give_up_ns) : until;
        watches[count++] = filter_watch(&at->program);
    }
    progress_look(&job->bar, job->bytes);
    event = sys_wait_programs(weft_service_handle(me->service), watches, count,
                              until, &code);
    if (event == SYS_INTERRUPTED) {
        me->interrupted = true;
        return TOOL_FAILED;
    }
    if (event == SYS_ERROR) {
        return transfer_failed(job, "cannot wait for a client: %s",
                               sys_error_text(code, text, sizeof(text)));
    }
    return weft_now_ns() >= job->deadline_ns ? transfer_timed_out(job)
                                             : TOOL_OK;
}

static int serve(server *me)
{
    int exit_code = TOOL_OK;

    while (exit_code == TOOL_OK && !me->enough) {
        exit_code = take_requests(me);
        if (exit_code == TOOL_OK) {
            exit_code = step_copies(me);
        }
        if (exit_code == TOOL_OK && !me->enough) {
            exit_code = wait_for_more(me);
        }
    }
    return exit_code;
}

/* ---------------------------------------------------------- the two ends ---
 */

/* A program that can't be started at all ends the command before it begins. */
static int open_server(server *me)
{
    transfer *job = &me->job;
    weft_service_options service_options = WEFT_SERVICE_OPTIONS_INIT;
    weft_detail detail = {WEFT_OK, 0, NULL};
    char text[128];

    for (size_t i = 0; i < me->count; i++) {
        int code =
            filter_start(&me->copies[i].program, me->arguments, me->delimiter);

        if (code != 0) {
            return transfer_failed(job, "cannot start '%s': %s",
                                   me->arguments[0],
                                   sys_error_text(code, text, sizeof(text)));
        }
    }
    return weft_service_open(job->name, &service_options, &me->service,
                             &detail) == WEFT_OK
               ? TOOL_OK
               : transfer_open_failed(job, "serve", &detail);
}

/* All are asked to end before any is waited for. */
static void close_server(server *me)
{
    uint64_t deadline_ns = weft_after_ns(GRACE_NS);
    char text[128];

    weft_service_close(&me->service);
    for (size_t i = 0; i < me->count; i++) {
        if (filter_runs(&me->copies[i].program)) {
            sys_program_close_input(&me->copies[i].program.program);
        }
    }
    for (size_t i = 0; i < me->count; i++) {
        copy *at = &me->copies[i];

        if (filter_runs(&at->program)) {
            filter_end(&at->program, deadline_ns, text, sizeof(text));
        }
        filter_free(&at->program);
        free(at->call);
    }
    while (me->first != NULL) {
        free(unlink_call(me, &me->first));
    }
}

int cmd_serve(int argc, char **argv)
{
    static server me;
    serve_values values = {.copies = 1, .queue = QUEUE_CALLS};
    tool_operands operands;
    tool_json json;
    int exit_code;

    if (!tool_parse(&syntax, argc, argv, &values, &operands, &exit_code)) {
        return exit_code;
    }
    transfer_begin(&me.job, &values.common, "serve", operands.items[0],
                   "client");
    operands.items[operands.count] = NULL; /* argv has room for it */
    me.values = &values;
    me.arguments = operands.items + 1;
    me.delimiter = values.null ? '\0' : '\n';
    me.count = (size_t)values.copies;
    me.last = &me.first;
    sys_hold_signals();
    exit_code = open_server(&me);
    if (exit_code == TOOL_OK) {
        transfer_start(&me.job, 0);
        exit_code = serve(&me);
    }
    if (transfer_summary_begin(&me.job, exit_code, &json)) {
        tool_json_u64(&json, "restarts", me.restarts);
        tool_json_end(&json);
    }
    close_server(&me);
    if (me.interrupted) {
        (void)transfer_failed(&me.job, "interrupted");
    }
    sys_release_signals();
    return exit_code;
}
