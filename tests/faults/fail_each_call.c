/* SPDX-License-Identifier: MIT
 *
 * Fails every call to the operating system once.
 *
 * One process, the victim, goes through a script that touches all of the
 * library, and its Nth call to the system fails, for N from 1 on until the
 * script is through before its Nth call; each time in every way in which that
 * call can fail. Its peer is a process whose calls do not fail, and which
 * echoes each message. Whatever fails: nobody crashes or hangs, the victim is
 * told what failed or does without, a step that may be tried again succeeds
 * then, the peer ends in order, and no one keeps anything.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "os/fake/fake.h"
#include "peer.h"
#include "sides.h"

#define NAME "fail"
#define SECONDS (WEFT_TEST_TIME_SCALE * 20)
/*
 * A ring that can't grow makes a large message a hundred short waits on each
 * way, and each may be a turn of every process of a busy machine.
 */
#define PATIENCE_NS (WEFT_TEST_TIME_SCALE * UINT64_C(2000000000))
/* So long a victim accepts before it looks whether one was turned away. */
#define TRY_NS UINT64_C(50000000)
/* So often a peer that listens asks whether it is still wanted. */
#define SLICE_NS UINT64_C(5000000)
#define SMALL 40
#define LARGE 200000

/* What a victim says of itself, in shared memory. */
struct report {
    char struck[32]; /* the call that failed; empty: none did */
    fake_fault fault;
    unsigned variants;
    uint64_t calls;
    bool told;         /* a call of the victim's returned a failure */
    unsigned logs;     /* lines in the log */
    bool finished;     /* it came to the end of the script all the same */
    _Atomic bool over; /* the victim's peer is wanted no more */
};

/* One run: what a victim or its peer is told when it is started. */
struct run {
    struct report *report;
    uint64_t number;
    unsigned variant;
    peer_gate ready; /* the victim opens it for its peer to connect */
};

struct victim {
    const struct run *run;
    weft_listener *listener;
    weft_channel *channel;
    weft_handle theirs;
    weft_detail detail;
    peer_process peer; /* of a pair */
    bool has_peer;
};

static struct report *report;
static const weft_channel_options blocking = {
    .size = sizeof(weft_channel_options), .wait = WEFT_WAIT_BLOCK};

static void heed_log(void *context, weft_log_level level, const char *line)
{
    (void)context;
    (void)level;
    (void)line;
    report->logs++;
}

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

/* ----------------------------------------------------------------- peer --- */

static unsigned char peer_room[LARGE];

/* Sends back what comes, until the other side ends. */
static void echo(weft_channel *channel)
{
    weft_message message;
    weft_status status;

    do {
        memset(&message, 0, sizeof(message));
        message.data = peer_room;
        message.bytes = sizeof(peer_room);
        status = weft_channel_recv_message(channel, &message, soon());
        if (status == WEFT_OK) {
            status = weft_channel_send_message(channel, &message, soon());
            for (unsigned i = 0; i < message.handle_count; i++) {
                CHECK(peer_close(message.handles[i]));
            }
        }
    } while (status == WEFT_OK);
    if (!CHECK(status == WEFT_ECLOSED || status == WEFT_EPEERDIED)) {
        printf("# the peer got %s\n", weft_status_name(status));
    }
}

/* Comes again whenever it is called, until it is wanted no more. */
static void connect_when_ready(const struct run *run)
{
    while (peer_gate_pass(&run->ready) && !run->report->over) {
        weft_channel *channel;
        weft_status status =
            weft_channel_connect(NAME, &blocking, soon(), &channel, NULL);

        if (status == WEFT_OK) {
            echo(channel);
        } else {
            CHECK(status != WEFT_ETIMEDOUT);
        }
        weft_channel_close(&channel);
    }
}

static void connecting_peer(void *context)
{
    struct sides_holdings before;

    guard_watch("the peer that connects", SECONDS);
    before = sides_hold();
    connect_when_ready(context);
    sides_check_holdings(&before);
}

static void accept_all(weft_listener *listener, const struct run *run)
{
    while (!run->report->over) {
        weft_channel *channel;
        weft_status status = weft_channel_accept(
            listener, weft_after_ns(SLICE_NS), &channel, NULL);

        if (status == WEFT_OK) {
            echo(channel);
        } else {
            CHECK_STATUS(status, WEFT_ETIMEDOUT);
        }
        weft_channel_close(&channel);
    }
}

static void listening_peer(void *context)
{
    struct sides_holdings before;
    weft_listener *listener;

    guard_watch("the peer that listens", SECONDS);
    before = sides_hold();
    REQUIRE(weft_channel_listen(NAME, &blocking, &listener, NULL) == WEFT_OK);
    accept_all(listener, context);
    weft_listener_close(&listener);
    sides_check_holdings(&before);
}

/* What the child at the other end of a pair is told. */
struct adoption {
    struct run run;
    weft_handle theirs;
    weft_channel *parents; /* a fork's copy, else NULL */
};

/* Ends what a fork has of its parent's: the channel, and the script. */
static void begin_adopting(struct adoption *adoption, const char *what)
{
    fake_reset();
    weft_channel_close(&adoption->parents);
    guard_watch(what, SECONDS);
}

static void adopting_peer(void *context)
{
    struct adoption *adoption = context;
    struct sides_holdings before;
    weft_channel *channel;
    weft_status status;

    begin_adopting(adoption, "the peer that adopts");
    before = sides_hold();
    status =
        weft_channel_adopt(adoption->theirs, &blocking, soon(), &channel, NULL);
    if (status == WEFT_OK) {
        echo(channel);
    } else {
        CHECK(status != WEFT_ETIMEDOUT);
    }
    weft_channel_close(&channel);
    before.handles--; /* the one that was adopted */
    sides_check_holdings(&before);
}

static peer_process start_adopting(peer_task *task, const struct run *run,
                                   weft_channel *channel, weft_handle theirs)
{
    struct adoption adoption = {*run, theirs, peer_forks ? channel : NULL};
    peer_process child;

    peer_pass(theirs);
    child = peer_run(task, &adoption, sizeof(adoption));
    CHECK(peer_close(theirs));
    return child;
}

/* -------------------------------------------------------------- opening --- */

static weft_status do_listen(struct victim *victim)
{
    return weft_channel_listen(NAME, &blocking, &victim->listener,
                               &victim->detail);
}

/*
 * The peer is called for each try: the last one may have been let down. One
 * that was turned away, as the log says, is followed by another.
 */
static weft_status do_accept(struct victim *victim)
{
    uint64_t deadline = soon();
    weft_status status = WEFT_ETIMEDOUT;
    unsigned logs = report->logs;

    peer_gate_open(&victim->run->ready);
    while (status == WEFT_ETIMEDOUT && weft_now_ns() < deadline) {
        status = weft_channel_accept(victim->listener, weft_after_ns(TRY_NS),
                                     &victim->channel, &victim->detail);
        if (status == WEFT_ETIMEDOUT && report->logs > logs) {
            logs = report->logs;
            peer_gate_open(&victim->run->ready);
        }
    }
    return status;
}

static weft_status do_connect(struct victim *victim)
{
    return weft_channel_connect(NAME, &blocking, soon(), &victim->channel,
                                &victim->detail);
}

static weft_status do_pair(struct victim *victim)
{
    weft_status status = weft_channel_pair(&blocking, &victim->channel,
                                           &victim->theirs, &victim->detail);

    if (status != WEFT_OK) {
        return status;
    }
    victim->peer = start_adopting(adopting_peer, victim->run, victim->channel,
                                  victim->theirs);
    victim->has_peer = true;
    return status;
}

static weft_status do_adopt(struct victim *victim)
{
    return weft_channel_adopt(victim->theirs, &blocking, soon(),
                              &victim->channel, &victim->detail);
}

/* ----------------------------------------------------------------- acts --- */

static unsigned char room[LARGE];

static weft_status send_bytes(struct victim *victim, size_t bytes)
{
    sides_fill(room, bytes, bytes);
    return weft_channel_send_until(victim->channel, room, bytes, soon());
}

static weft_status receive_bytes(struct victim *victim, size_t bytes)
{
    size_t got = 0;
    weft_status status;

    memset(room, 0, bytes);
    status = weft_channel_recv_until(victim->channel, room, sizeof(room), &got,
                                     soon());
    if (status == WEFT_OK) {
        CHECK(got == bytes && sides_matches(room, bytes, bytes));
    }
    return status;
}

static weft_status send_small(struct victim *victim)
{
    return send_bytes(victim, SMALL);
}

static weft_status receive_small(struct victim *victim)
{
    return receive_bytes(victim, SMALL);
}

static weft_status send_large(struct victim *victim)
{
    return send_bytes(victim, LARGE);
}

static weft_status receive_large(struct victim *victim)
{
    return receive_bytes(victim, LARGE);
}

static weft_status peek_large(struct victim *victim)
{
    const void *data;
    size_t bytes;
    weft_status status =
        weft_channel_peek(victim->channel, &data, &bytes, soon());

    if (status == WEFT_OK) {
        CHECK(bytes == LARGE && sides_matches(data, bytes, bytes));
        weft_channel_release(victim->channel);
    }
    return status;
}

static weft_status send_handles(struct victim *victim)
{
    weft_message message = {.data = room, .bytes = SMALL, .tag = 7};
    weft_status status;

    sides_fill(room, SMALL, 7);
    message.handle_count = 2;
    message.handles[0] = peer_token(1);
    message.handles[1] = peer_token(2);
    status = weft_channel_send_message(victim->channel, &message, soon());
    CHECK(peer_close(message.handles[0]));
    CHECK(peer_close(message.handles[1]));
    return status;
}

static weft_status receive_handles(struct victim *victim)
{
    weft_message message = {.data = room, .bytes = sizeof(room)};
    weft_status status =
        weft_channel_recv_message(victim->channel, &message, soon());

    if (status != WEFT_OK) {
        CHECK(message.handle_count == 0);
        return status;
    }
    CHECK(message.bytes == SMALL && message.tag == 7 &&
          message.handle_count == 2 && sides_matches(room, SMALL, 7));
    for (unsigned i = 0; i < message.handle_count; i++) {
        CHECK(peer_token_is(message.handles[i], i + 1));
    }
    return status;
}

static weft_status trim(struct victim *victim)
{
    return weft_channel_trim(victim->channel, soon());
}

static weft_status expose_receiving(struct victim *victim)
{
    weft_handle handle;

    return weft_channel_recv_handle(victim->channel, &handle);
}

static weft_status expose_sending(struct victim *victim)
{
    weft_handle handle;

    return weft_channel_send_handle(victim->channel, &handle);
}

/* As an event loop does: looks, polls, looks. */
static weft_status poll_small(struct victim *victim)
{
    weft_handle handle;
    size_t got = 0;
    weft_status status = weft_channel_recv_handle(victim->channel, &handle);

    while (status == WEFT_OK) {
        status =
            weft_channel_try_recv(victim->channel, room, sizeof(room), &got);
        if (status != WEFT_EAGAIN) {
            break;
        }
        status = guard_await(handle, PATIENCE_NS / PEER_MS) ? WEFT_OK
                                                            : WEFT_ETIMEDOUT;
    }
    if (status == WEFT_OK) {
        CHECK(got == SMALL && sides_matches(room, SMALL, SMALL));
    }
    return status;
}

static weft_status flush(struct victim *victim)
{
    return weft_channel_flush(victim->channel, soon());
}

static weft_status shut_down(struct victim *victim)
{
    return weft_channel_shutdown(victim->channel);
}

/* The peer answers the end of one direction with that of the other. */
static weft_status receive_end(struct victim *victim)
{
    size_t got;
    weft_status status = weft_channel_recv_until(victim->channel, room,
                                                 sizeof(room), &got, soon());

    return status == WEFT_ECLOSED ? WEFT_OK : status;
}

/* --------------------------------------------------------------- script --- */

typedef weft_status act(struct victim *victim);

struct step {
    const char *name;
    act *act;
    bool again; /* whatever it failed with: it can be tried again */
};

static const struct step accepting[] = {{"listen", do_listen, true},
                                        {"accept", do_accept, true},
                                        {NULL, NULL, false}};
static const struct step connecting[] = {{"connect", do_connect, true},
                                         {NULL, NULL, false}};
static const struct step pairing[] = {{"pair", do_pair, true},
                                      {NULL, NULL, false}};
static const struct step adopting[] = {{"adopt", do_adopt, false},
                                       {NULL, NULL, false}};
static const struct step talking[] = {
    {"send a small message", send_small, false},
    {"receive a small message", receive_small, false},
    {"send handles", send_handles, false},
    {"receive handles", receive_handles, false},
    {"send a large message", send_large, false},
    {"receive a large message", receive_large, false},
    {"trim", trim, false},
    {"send a large message after a trim", send_large, false},
    {"peek at a large message", peek_large, false},
    {"expose receiving", expose_receiving, true},
    {"expose sending", expose_sending, true},
    {"send, to be polled for", send_small, false},
    {"poll", poll_small, false},
    {"send, exposed", send_large, false},
    {"receive, exposed", receive_large, false},
    {"flush", flush, false},
    {"shut down", shut_down, false},
    {"receive the end", receive_end, false},
    {NULL, NULL, false}};

/* Is what failed named, to the caller of this step? */
static void check_named(struct victim *victim, const struct step *step,
                        weft_status status)
{
    weft_detail detail = victim->detail;

    if (victim->channel != NULL) {
        weft_channel_get_detail(victim->channel, &detail);
    }
    if (!CHECK(detail.status == status && detail.operation != NULL)) {
        printf("# '%s' gave %s, its detail %s in '%s'\n", step->name,
               weft_status_name(status), weft_status_name(detail.status),
               detail.operation != NULL ? detail.operation : "(none)");
    }
}

/*
 * On a channel, out of memory is promised to have changed nothing; but a
 * pair's handshake that was broken off half-way is over.
 */
static bool may_repeat(const struct victim *victim, weft_status status)
{
    weft_peer peer;

    return status == WEFT_ENOMEM && victim->channel != NULL &&
           weft_channel_get_peer(victim->channel, &peer) == WEFT_OK;
}

static weft_status take_step(struct victim *victim, const struct step *step)
{
    weft_status status = step->act(victim);

    if (status == WEFT_OK) {
        return status;
    }
    report->told = true;
    CHECK(fake_failed_operation() != NULL);
    CHECK(status != WEFT_ETIMEDOUT);
    check_named(victim, step, status);
    if (step->again || may_repeat(victim, status)) {
        memset(&victim->detail, 0, sizeof(victim->detail));
        status = step->act(victim);
        if (!CHECK_STATUS(status, WEFT_OK)) {
            printf("# in the second try of '%s'\n", step->name);
        }
    }
    return status;
}

static bool take_steps(struct victim *victim, const struct step *steps)
{
    for (; steps->name != NULL; steps++) {
        if (take_step(victim, steps) != WEFT_OK) {
            return false;
        }
    }
    return true;
}

static void note_outcome(void)
{
    const char *struck = fake_failed_operation();

    (void)snprintf(report->struck, sizeof(report->struck), "%s",
                   struck != NULL ? struck : "");
    report->calls = fake_calls();
    report->fault = fake_failed_how();
    report->variants = fake_failed_variants();
}

/* The whole life of a victim, from its first call to its last. */
static void live(struct victim *victim, const struct step *opening)
{
    struct sides_holdings before = sides_hold();
    int64_t allocations = fake_live_allocations();

    guard_count_strays();
    weft_log_set(heed_log, NULL);
    fake_fail_at(victim->run->number, victim->run->variant);
    if (take_steps(victim, opening)) {
        report->finished = take_steps(victim, talking);
    }
    weft_channel_close(&victim->channel);
    weft_listener_close(&victim->listener);
    note_outcome();
    fake_reset();
    before.handles -= opening == adopting;
    CHECK(!victim->has_peer || peer_ended_well(&victim->peer));
    CHECK(guard_close_strays() <= 2); /* of a greeting that came too late */
    sides_check_holdings(&before);
    CHECK(fake_live_allocations() == allocations);
}

/* ---------------------------------------------------------------- roles --- */

/* A static variable has to be set in each child. */
static void begin(const struct run *run, const char *what)
{
    report = run->report;
    guard_watch(what, SECONDS);
}

static void accepting_victim(void *context)
{
    struct victim victim = {.run = context};

    begin(context, "a victim that accepts");
    live(&victim, accepting);
}

static void connecting_victim(void *context)
{
    struct victim victim = {.run = context};
    weft_channel_options patient = blocking;
    weft_channel *channel;

    begin(context, "a victim that connects");
    /* Not before the peer listens. */
    patient.flags = WEFT_CHANNEL_AWAIT_NAME;
    REQUIRE(weft_channel_connect(NAME, &patient, soon(), &channel, NULL) ==
            WEFT_OK);
    weft_channel_close(&channel);
    live(&victim, connecting);
}

static void pairing_victim(void *context)
{
    struct victim victim = {.run = context};

    begin(context, "a victim that makes a pair");
    live(&victim, pairing);
}

static void adopting_victim(void *context)
{
    struct adoption *adoption = context;
    struct victim victim = {.run = &adoption->run, .theirs = adoption->theirs};

    begin_adopting(adoption, "a victim that adopts");
    report = adoption->run.report;
    live(&victim, adopting);
}

/* Starts the peer first or last, and waits for both. */
static bool run_both(const struct run *run, peer_task *first, peer_task *second,
                     peer_task *victim)
{
    peer_process sides[2];
    bool well[2];
    size_t peer = first == victim ? 1 : 0;

    sides[0] = peer_run(first, run, sizeof(*run));
    sides[1] = peer_run(second, run, sizeof(*run));
    well[0] = peer_ended_well(&sides[1 - peer]);
    run->report->over = true;
    peer_gate_open(&run->ready);
    well[1] = peer_ended_well(&sides[peer]);
    return well[0] && well[1];
}

/* Each of these runs a victim and its peer, and says whether all was well. */
typedef bool role(const struct run *run);

static bool as_accepting(const struct run *run)
{
    return run_both(run, accepting_victim, connecting_peer, accepting_victim);
}

static bool as_connecting(const struct run *run)
{
    return run_both(run, listening_peer, connecting_victim, connecting_victim);
}

static bool as_pairing(const struct run *run)
{
    peer_process child = peer_run(pairing_victim, run, sizeof(*run));

    return peer_ended_well(&child);
}

/* Makes the pair, and is the victim's peer. */
static void host_adopting(void *context)
{
    struct sides_holdings before;
    weft_channel *channel;
    weft_handle theirs;
    peer_process child;

    guard_watch("the peer that made a pair", SECONDS);
    before = sides_hold();
    REQUIRE(weft_channel_pair(&blocking, &channel, &theirs, NULL) == WEFT_OK);
    child = start_adopting(adopting_victim, context, channel, theirs);
    echo(channel);
    weft_channel_close(&channel);
    CHECK(peer_ended_well(&child));
    sides_check_holdings(&before);
}

static bool as_adopting(const struct run *run)
{
    peer_process child = peer_run(host_adopting, run, sizeof(*run));

    return peer_ended_well(&child);
}

/* ------------------------------------------------------------------ all --- */

/*
 * What may fail without a word: an early return is no failure; a faster way
 * is not taken; somebody else's connection, not this one, was concerned.
 */
static bool may_be_silent(void)
{
    static const char *const silent[] = {"shm_create", "socket_send",
                                         "socket_recv", "bell_ring",
                                         "endpoint_accept"};

    if (report->fault.status == WEFT_OK) {
        return true;
    }
    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
        if (strcmp(report->struck, silent[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool was_struck(void)
{
    return report->struck[0] != '\0';
}

static bool try_run(const char *title, role *play, uint64_t number,
                    unsigned variant)
{
    struct run run = {.report = report, .number = number, .variant = variant};
    bool well;

    memset(report, 0, sizeof(*report));
    peer_gate_init(&run.ready);
    well = play(&run);
    peer_gate_deinit(&run.ready);
    if (!was_struck()) {
        well = well && report->finished;
    } else {
        well = well && (report->told || report->logs > 0 ||
                        (report->finished && may_be_silent()));
    }
    if (!well) {
        printf("# %s: call %llu, %s, gave %s: %s, %s\n", title,
               (unsigned long long)number,
               was_struck() ? report->struck : "none",
               weft_status_name(report->fault.status),
               report->told ? "told" : "not told",
               report->finished ? "finished" : "not finished");
    }
    return well;
}

/* One row a role. */
static struct row {
    const char *title;
    role *run;
    uint64_t calls;
    unsigned runs;
    unsigned bad;
} rows[] = {
    {"each call of an accepting side fails once", as_accepting, 0, 0, 0},
    {"each call of a connecting side fails once", as_connecting, 0, 0, 0},
    {"each call of a side that makes a pair fails once", as_pairing, 0, 0, 0},
    {"each call of an adopting side fails once", as_adopting, 0, 0, 0},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* N rising until a run is through before its Nth call. */
static void fail_each(struct row *row)
{
    do {
        unsigned variant = 0;

        row->calls++;
        do {
            row->bad += !try_run(row->title, row->run, row->calls, variant++);
            row->runs++;
        } while (variant < report->variants);
    } while (was_struck());
}

/* Checks come last: a child would take over the failures of its parent. */
void test_main(void)
{
    report = peer_shared(sizeof(*report));
    peer_names_begin();
    for (size_t i = 0; i < ROWS; i++) {
        fail_each(&rows[i]);
    }
    for (size_t i = 0; i < ROWS; i++) {
        check_case(rows[i].title);
        printf("# %llu calls, %u runs\n", (unsigned long long)rows[i].calls,
               rows[i].runs);
        CHECK(rows[i].bad == 0);
        CHECK(rows[i].calls > 20);
    }
    peer_names_end();
    peer_unshare(report, sizeof(*report));
}
