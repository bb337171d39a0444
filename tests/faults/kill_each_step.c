/* SPDX-License-Identifier: MIT
 *
 * Kills one side at every step.
 *
 * Two sides go through a script that makes them meet, talk in every way, and
 * part. One of them, the victim, is killed as by kill -9 at its Nth step, for
 * N from 1 on until it gets to the end of the script. A step is a mark in the
 * library's own code or any of its calls to the system. The survivor must
 * learn of the death, and soon; must have every message that the victim had
 * sent, intact and in order; must hold nothing of it afterwards; and must
 * then meet a second peer and go through the whole script with that one, at
 * the same name if there is one.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "ipc/ring.h"
#include "os/fake/fake.h"
#include "os/fake/step.h"
#include "peer.h"
#include "sides.h"

#define NAME "kill"
#define SECONDS 30
#define PATIENCE_NS UINT64_C(5000000000)
/* What is hoped for is 10 ms; a loaded machine may be late without a defect. */
#define BOUND_NS (WEFT_TEST_TIME_SCALE * UINT64_C(500000000))
/* So often a second peer asks whether it is still wanted. */
#define SLICE_NS UINT64_C(200000000)
#define ROOM 160000

enum side { OPENER, JOINER };

/* What the two sides and the test share. */
struct shared {
    struct wefti_steps steps; /* of the victim */
    _Atomic uint64_t sent;    /* messages that the victim's sends have taken */
    _Atomic bool closing;     /* the victim had begun to close */
    _Atomic bool finished;    /* the victim got to the end of the script */
    _Atomic bool met;         /* the survivor had a whole conversation */
    _Atomic uint64_t late_ns; /* from the death until the survivor knew */
    _Atomic bool has_adopter; /* the side that makes a pair has started it */
    _Atomic int adopter;      /* its number, when it has come to its end */
};

/* What a side is told when it is started. */
struct role {
    struct shared *shared;
    uint64_t number;            /* the step at which it dies, or what it is */
    char name[WEFTI_STEP_NAME]; /* or the name of that step; else empty */
    uint64_t adopters;     /* the number of who adopts its pair's other end */
    peer_gate let_go;      /* is opened for an adopter that may end */
    weft_handle theirs;    /* an adopter's */
    weft_channel *parents; /* a fork's copy of the pair's first end */
};

static struct shared *shared;

static uint64_t soon(void)
{
    return weft_after_ns(PATIENCE_NS);
}

/*
 * What a side is, beside the step at which it dies: one that nobody kills, or
 * the one that comes in place of the dead.
 */
#define SURVIVOR UINT64_C(0)
#define SECOND UINT64_MAX

/* A step that no victim comes to: it dies at a step of some name. */
#define NEVER (UINT64_MAX - 1)

static bool is_victim(uint64_t number)
{
    return number != SURVIVOR && number != SECOND;
}

/* --------------------------------------------------------------- script --- */

enum kind { MESSAGES, HANDLES, TRIM, FLUSH };

/* What one side does while the other does its part of it. */
struct act {
    enum side who; /* sends; the other receives */
    enum kind kind;
    size_t bytes;
    unsigned count;
    bool nap; /* the other sleeps first, so that this one has to wait */
};

/*
 * Rings begin at 2048 bytes and go up to 65536: messages of 700 bytes wrap,
 * 30000 bytes make the ring grow and come in pieces, ROOM fills the largest.
 */
static const struct act script[] = {
    {JOINER, MESSAGES, 0, 1, false},    {OPENER, MESSAGES, 24, 1, true},
    {JOINER, MESSAGES, 500, 2, true},   {OPENER, MESSAGES, 500, 2, false},
    {JOINER, MESSAGES, 700, 1, false},  {OPENER, MESSAGES, 700, 1, false},
    {JOINER, MESSAGES, 700, 1, false},  {OPENER, MESSAGES, 700, 1, false},
    {JOINER, HANDLES, 16, 1, false},    {OPENER, HANDLES, 16, 1, true},
    {JOINER, MESSAGES, 30000, 1, true}, {OPENER, MESSAGES, 30000, 1, true},
    {JOINER, TRIM, 0, 1, false},        {OPENER, TRIM, 0, 1, false},
    {JOINER, MESSAGES, 24, 1, false},   {OPENER, MESSAGES, 24, 1, false},
    {JOINER, MESSAGES, ROOM, 1, true},  {OPENER, MESSAGES, ROOM, 1, true},
    {JOINER, FLUSH, 0, 1, false},       {OPENER, FLUSH, 0, 1, false},
};

#define ACTS (sizeof(script) / sizeof(script[0]))

static const weft_channel_options options = {
    .size = sizeof(weft_channel_options),
    .wait = WEFT_WAIT_BLOCK,
    .flags = WEFT_CHANNEL_AWAIT_NAME,
    .ring_max_bytes = 65536,
};

/* One side's view of the conversation. */
struct talk {
    weft_channel *channel;
    enum side me;
    uint64_t number;   /* the step at which it dies, or what it is */
    uint64_t sent;     /* messages */
    uint64_t received; /* likewise */
    size_t act;        /* the next one to receive in */
    unsigned in_act;   /* messages of it that came */
};

static unsigned char room[ROOM];

static weft_status send_one(struct talk *talk, const struct act *act)
{
    weft_message message = {.data = room, .bytes = act->bytes};
    weft_status status;

    sides_fill(room, act->bytes, talk->sent);
    message.tag = talk->sent;
    if (act->kind == HANDLES) {
        message.handles[0] = peer_token((unsigned)talk->sent);
        message.handle_count = 1;
    }
    status = weft_channel_send_message(talk->channel, &message, soon());
    if (act->kind == HANDLES) {
        CHECK(peer_close(message.handles[0]));
    }
    talk->sent += status == WEFT_OK;
    if (is_victim(talk->number)) {
        shared->sent = talk->sent;
    }
    return status;
}

static weft_status receive_one(struct talk *talk, const struct act *act)
{
    weft_message message = {.data = room, .bytes = sizeof(room)};
    weft_status status =
        weft_channel_recv_message(talk->channel, &message, soon());

    if (status != WEFT_OK) {
        CHECK(message.handle_count == 0);
        return status;
    }
    CHECK(message.bytes == act->bytes && message.tag == talk->received &&
          sides_matches(room, message.bytes, talk->received));
    CHECK(message.handle_count == (act->kind == HANDLES));
    for (unsigned i = 0; i < message.handle_count; i++) {
        CHECK(peer_token_is(message.handles[i], (unsigned)talk->received));
    }
    talk->received++;
    return status;
}

static weft_status do_part(struct talk *talk, const struct act *act)
{
    weft_status status = WEFT_OK;

    switch (act->kind) {
    case MESSAGES:
    case HANDLES:
        for (unsigned i = 0; i < act->count && status == WEFT_OK; i++) {
            status = send_one(talk, act);
        }
        break;
    case TRIM:
        status = weft_channel_trim(talk->channel, soon());
        break;
    case FLUSH:
        status = weft_channel_flush(talk->channel, soon());
        break;
    }
    return status;
}

/* Receives the messages of an act, from where it was left. */
static weft_status hear_part(struct talk *talk, const struct act *act)
{
    weft_status status = WEFT_OK;

    if (act->kind != MESSAGES && act->kind != HANDLES) {
        return WEFT_OK;
    }
    if (act->nap) {
        guard_nap_us(300);
    }
    while (talk->in_act < act->count && status == WEFT_OK) {
        status = receive_one(talk, act);
        talk->in_act += status == WEFT_OK;
    }
    return status;
}

static weft_status go_through(struct talk *talk)
{
    weft_status status = WEFT_OK;

    for (; talk->act < ACTS && status == WEFT_OK; talk->act++) {
        const struct act *act = &script[talk->act];

        talk->in_act = 0;
        status =
            act->who == talk->me ? do_part(talk, act) : hear_part(talk, act);
        if (status != WEFT_OK) {
            break;
        }
    }
    return status;
}

/* ------------------------------------------------------------- survivor --- */

static void note_death(void)
{
    uint64_t died = weftos_load_acquire(&shared->steps.died_ns);
    uint64_t now = weft_now_ns();

    if (CHECK(died != 0) && now > died) {
        shared->late_ns = now - died;
    }
}

/* The peer died in the middle: what it had sent is still to come. */
static void drain(struct talk *talk)
{
    weft_status status = WEFT_OK;

    while (status == WEFT_OK && talk->act < ACTS) {
        const struct act *act = &script[talk->act];

        if (act->who != talk->me &&
            (act->kind == MESSAGES || act->kind == HANDLES) &&
            talk->in_act < act->count) {
            status = receive_one(talk, act);
            talk->in_act += status == WEFT_OK;
        } else {
            talk->act++;
            talk->in_act = 0;
        }
    }
    if (status == WEFT_OK) {
        size_t got;

        status = weft_channel_recv_until(talk->channel, room, sizeof(room),
                                         &got, soon());
    }
    CHECK(status == WEFT_EPEERDIED ||
          (status == WEFT_ECLOSED && shared->closing));
    CHECK(talk->received >= shared->sent);
    CHECK(talk->received <= shared->sent + 1);
}

/* Ends a conversation. True: it was a whole one. */
static bool part(struct talk *talk, weft_status status)
{
    size_t got;

    if (status == WEFT_OK) {
        /* The one that opened leaves last. */
        if (talk->me == OPENER) {
            status = weft_channel_recv_until(talk->channel, room, sizeof(room),
                                             &got, soon());
        }
        if (is_victim(talk->number)) {
            shared->closing = true;
        }
    }
    if (status == WEFT_OK || (status == WEFT_ECLOSED && talk->act == ACTS)) {
        weft_channel_close(&talk->channel);
        return true;
    }
    if (talk->number == SECOND) {
        CHECK(shared->met); /* the survivor did not need another one */
    } else {
        CHECK(status == WEFT_EPEERDIED || shared->closing);
        note_death();
        drain(talk);
    }
    weft_channel_close(&talk->channel);
    return false;
}

/* ---------------------------------------------------------------- sides --- */

static bool converse(weft_channel *channel, enum side me, uint64_t number)
{
    struct talk talk = {.channel = channel, .me = me, .number = number};

    return part(&talk, go_through(&talk));
}

/* Ends what a fork has of its parent's, and begins to count to its death. */
static void begin(struct role *role, const char *what)
{
    wefti_step_follow(NULL, NULL);
    fake_reset();
    weft_channel_close(&role->parents);
    guard_watch(what, SECONDS);
    shared = role->shared;
    if (is_victim(role->number)) {
        weftos_store_relaxed(&shared->steps.die_at, role->number);
        memcpy(shared->steps.die_in, role->name, sizeof(role->name));
        wefti_step_follow(&shared->steps, peer_die);
        fake_before_each(wefti_step);
    }
}

static void end(uint64_t number)
{
    if (is_victim(number)) {
        fake_reset();
        wefti_step_follow(NULL, NULL);
        shared->finished = true;
    }
}

/* Has the survivor gone, content, before its second peer came? */
static bool is_spare(uint64_t number)
{
    return number == SECOND && shared->met;
}

/* Accepts one, or nobody. True: the conversation was whole. */
static bool accept_one(weft_listener *listener, uint64_t number,
                       uint64_t patience)
{
    weft_channel *channel;
    bool whole = false;
    weft_status status = weft_channel_accept(
        listener, number == SECOND ? weft_after_ns(SLICE_NS) : soon(), &channel,
        NULL);

    if (status == WEFT_OK) {
        whole = converse(channel, OPENER, number);
        shared->met = shared->met || (whole && number == SURVIVOR);
    } else {
        REQUIRE(status == WEFT_ETIMEDOUT && number == SECOND &&
                weft_now_ns() < patience);
    }
    return whole;
}

/* Listens, and goes on accepting until one conversation was whole. */
static void listening_side(void *context)
{
    struct role *role = context;
    struct sides_holdings before;
    uint64_t patience = soon();
    weft_listener *listener;
    bool whole = false;

    begin(role, "a side that listens");
    before = sides_hold();
    REQUIRE(weft_channel_listen(NAME, &options, &listener, NULL) == WEFT_OK);
    while (!whole && !is_spare(role->number)) {
        whole = accept_one(listener, role->number, patience);
    }
    weft_listener_close(&listener);
    end(role->number);
    sides_check_holdings(&before);
}

/* The same for one that connects. */
static bool connect_once(uint64_t number, uint64_t patience)
{
    weft_channel *channel;
    bool whole = false;
    weft_status status = weft_channel_connect(
        NAME, &options, number == SECOND ? weft_after_ns(SLICE_NS) : soon(),
        &channel, NULL);

    if (status == WEFT_OK) {
        whole = converse(channel, JOINER, number);
        shared->met = shared->met || (whole && number == SURVIVOR);
    } else if (number == SECOND) {
        REQUIRE(weft_now_ns() < patience);
    } else {
        REQUIRE(status == WEFT_EPEERDIED);
        note_death();
    }
    return whole;
}

/* Connects to whoever listens until one conversation was whole. */
static void connecting_side(void *context)
{
    struct role *role = context;
    struct sides_holdings before;
    uint64_t patience = soon();
    bool whole = false;

    begin(role, "a side that connects");
    before = sides_hold();
    while (!whole && !is_spare(role->number)) {
        whole = connect_once(role->number, patience);
    }
    end(role->number);
    sides_check_holdings(&before);
}

static void adopting_side(void *context)
{
    struct role *role = context;
    struct sides_holdings before;
    weft_channel *channel;
    weft_status status;

    begin(role, "a side that adopts");
    before = sides_hold();
    status = weft_channel_adopt(role->theirs, &options, soon(), &channel, NULL);
    if (status == WEFT_OK) {
        (void)converse(channel, JOINER, role->number);
    } else {
        CHECK_STATUS(status, WEFT_EPEERDIED);
        note_death();
    }
    end(role->number);
    before.handles--; /* the one that was adopted */
    sides_check_holdings(&before);
    shared->adopter = peer_self();
    CHECK(peer_gate_pass(&role->let_go));
}

/* Did a side end as it should? It may be one that is killed. */
static bool has_ended(peer_process *side)
{
    CHECK(peer_await_end(side));
    return weftos_load_acquire(&shared->steps.died_ns) != 0
               ? peer_was_killed(side)
               : peer_ended_well(side);
}

/* Makes a pair and its peer, which survives the one that made it. */
static void pairing_side(void *context)
{
    struct role *role = context;
    struct role adopter = *role;
    struct sides_holdings before;
    weft_channel *channel;
    peer_process child;

    begin(role, "a side that makes a pair");
    before = sides_hold();
    REQUIRE(weft_channel_pair(&options, &channel, &adopter.theirs, NULL) ==
            WEFT_OK);
    adopter.number = role->adopters;
    adopter.parents = peer_forks ? channel : NULL;
    peer_pass(adopter.theirs);
    shared->has_adopter = true;
    child = peer_run(adopting_side, &adopter, sizeof(adopter));
    CHECK(peer_close(adopter.theirs));
    (void)converse(channel, OPENER, role->number);
    end(role->number);
    peer_gate_open(&role->let_go);
    CHECK(role->adopters == SURVIVOR ? peer_ended_well(&child)
                                     : has_ended(&child));
    sides_check_holdings(&before);
}

/* ----------------------------------------------------------------- runs --- */

static peer_process start_side(peer_task *side, struct role role,
                               uint64_t number)
{
    role.number = number;
    return peer_run(side, &role, sizeof(role));
}

/* The survivor may have something there for a moment; the dead, for ever. */
static bool names_become_clean(void)
{
    uint64_t late = peer_soon();

    while (!sides_names_are_clean(NAME)) {
        if (weft_now_ns() > late) {
            return false;
        }
        guard_nap_us(200);
    }
    return true;
}

/* A survivor, a victim, and maybe the one that comes in place of the dead. */
static bool kill_one_of_two(const struct role *role, peer_task *surviving,
                            peer_task *dying)
{
    peer_process survivor = start_side(surviving, *role, SURVIVOR);
    peer_process victim = start_side(dying, *role, role->number);
    bool well = has_ended(&victim);

    if (weftos_load_acquire(&shared->steps.died_ns) != 0) {
        well = well && names_become_clean();
    }
    if (!shared->met && !shared->finished) {
        peer_process second = start_side(dying, *role, SECOND);

        well = peer_ended_well(&survivor) && well;
        return peer_ended_well(&second) && well;
    }
    return peer_ended_well(&survivor) && well;
}

static bool kill_listening(struct role *role)
{
    return kill_one_of_two(role, connecting_side, listening_side);
}

static bool kill_connecting(struct role *role)
{
    return kill_one_of_two(role, listening_side, connecting_side);
}

/* The orphan lets itself be held, and be let go, before it ends. */
static bool bury_adopter(const struct role *role)
{
    uint64_t late = peer_soon();
    intptr_t orphan;

    while (shared->adopter == 0) {
        if (weft_now_ns() > late) {
            return false;
        }
        guard_nap_us(200);
    }
    orphan = sides_hold_orphan(shared->adopter);
    peer_gate_open(&role->let_go);
    return sides_orphan_ended_well(orphan);
}

static bool kill_pairing(struct role *role)
{
    peer_process victim;
    bool well;

    role->adopters = SURVIVOR;
    victim = peer_run(pairing_side, role, sizeof(*role));
    well = has_ended(&victim);
    if (shared->has_adopter && !shared->finished) {
        well = bury_adopter(role) && well;
    }
    return well;
}

/* The side that made the pair must end well, but its child is killed. */
static bool kill_adopting(struct role *role)
{
    peer_process survivor;

    role->adopters = role->number;
    survivor = start_side(pairing_side, *role, SURVIVOR);
    return peer_ended_well(&survivor);
}

static struct row {
    const char *title;
    bool (*run)(struct role *role);
    uint64_t steps;
    uint64_t late_ns;
    uint64_t late_number;
    unsigned bad;
} rows[] = {
    {"an accepting side is killed at each step", kill_listening, 0, 0, 0, 0},
    {"a connecting side is killed at each step", kill_connecting, 0, 0, 0, 0},
    {"a side that made a pair is killed at each step", kill_pairing, 0, 0, 0,
     0},
    {"an adopting side is killed at each step", kill_adopting, 0, 0, 0, 0},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The marks of the library, all of which somebody must have died at. */
static struct mark {
    const char *name;
    bool hit;
} marks[] = {
    {"send greeting", false},  {"received greeting", false},
    {"map home", false},       {"zero ahead", false},
    {"commit", false},         {"committed", false},
    {"ring", false},           {"send handles", false},
    {"send segment", false},   {"take handles", false},
    {"publish cursor", false}, {"ring for room", false},
    {"armed", false},          {"armed for room", false},
    {"close", false},          {"leave", false},
};

#define MARKS (sizeof(marks) / sizeof(marks[0]))

static void hit(const char *name)
{
    for (size_t i = 0; i < MARKS; i++) {
        marks[i].hit = marks[i].hit || strcmp(marks[i].name, name) == 0;
    }
}

/* Kills at one step. False: somebody else noticed wrongly. */
static bool kill_at(struct row *row, uint64_t number, const char *step)
{
    struct role role = {.shared = shared, .number = number};
    bool well;

    (void)snprintf(role.name, sizeof(role.name), "%s", step);
    memset(shared, 0, sizeof(*shared));
    peer_gate_init(&role.let_go);
    well = row->run(&role);
    peer_gate_deinit(&role.let_go);
    hit(shared->steps.died_in);
    return well;
}

static void kill_each(struct row *row)
{
    do {
        bool well = kill_at(row, ++row->steps, "");
        const char *name = shared->steps.died_in;

        if (!well || shared->late_ns > BOUND_NS) {
            printf("# %s: step %llu, '%s', %llu us\n", row->title,
                   (unsigned long long)row->steps,
                   name[0] != '\0' ? name : "none",
                   (unsigned long long)shared->late_ns / 1000);
            row->bad++;
        }
        if (shared->late_ns > row->late_ns) {
            row->late_ns = shared->late_ns;
            row->late_number = row->steps;
        }
    } while (!shared->finished);
}

/* Checks come last: a child would take over the failures of its parent. */
void test_main(void)
{
    shared = peer_shared(sizeof(*shared));
    sides_take_orphans();
    peer_names_begin();
    for (size_t i = 0; i < ROWS; i++) {
        kill_each(&rows[i]);
    }
    /* A mark can be at one step in a run, and at the one before in the next. */
    for (size_t i = 0; i < MARKS; i++) {
        for (size_t k = 0; k < ROWS && !marks[i].hit; k++) {
            rows[k].bad += !kill_at(&rows[k], NEVER, marks[i].name);
        }
    }
    /* One that nobody kills removes the name that a dead one may have left. */
    rows[0].bad += !kill_at(&rows[0], NEVER, "");
    for (size_t i = 0; i < ROWS; i++) {
        check_case(rows[i].title);
        printf("# %llu steps; known after %.3f ms at most (step %llu)\n",
               (unsigned long long)rows[i].steps - 1,
               (double)rows[i].late_ns / 1e6,
               (unsigned long long)rows[i].late_number);
        CHECK(rows[i].bad == 0);
        CHECK(rows[i].steps > 50);
    }
    check_case("somebody died at each mark of the library");
    for (size_t i = 0; i < MARKS; i++) {
        if (!CHECK(marks[i].hit)) {
            printf("# nobody died at '%s'\n", marks[i].name);
        }
    }
    peer_names_end();
    peer_unshare(shared, sizeof(*shared));
}
