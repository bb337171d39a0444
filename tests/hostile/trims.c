/* SPDX-License-Identifier: MIT
 *
 * Programs that are asked for memory and lie, and askers that keep no rule: the
 * others hear the truth, in time; and nobody is made to give without end.
 */
#include <stdio.h>

#include "attacker.h"
#include "ipc/received.h"
#include "memory/trim.h"
#include "peer.h"

/* What an honest one is allowed, on a busy machine, beside one that is late. */
#define DEADLINE_NS UINT64_C(2000000000)

#define FLOOD 300u
#define SILENT 100u

/* What is acted on at once, and each second after that. */
#define AT_ONCE 16u
#define A_SECOND 4u

/* What children of a case are told. */
struct plan {
    peer_gate ready;
    peer_gate end;
    unsigned which;    /* of the lies */
    unsigned *demands; /* that the honest one was told; peer_shared() */
};

static struct plan make_plan(void)
{
    struct plan plan = {.demands = peer_shared(sizeof(*plan.demands))};

    peer_gate_init(&plan.ready);
    peer_gate_init(&plan.end);
    return plan;
}

static void end_plan(struct plan *plan)
{
    peer_gate_deinit(&plan->ready);
    peer_gate_deinit(&plan->end);
    peer_unshare(plan->demands, sizeof(*plan->demands));
}

/* ----------------------------------------------------------- the honest --- */

static uint64_t give(void *context, const weft_memory_demand *demand)
{
    unsigned *demands = context;

    CHECK(demand->level >= WEFT_TRIM_MILD &&
          demand->level <= WEFT_TRIM_CRITICAL && demand->asker.pid > 0);
    ++*demands;
    return 7;
}

static void listen(void *context)
{
    const struct plan *plan = context;
    weft_memory_listener_options options = WEFT_MEMORY_LISTENER_OPTIONS_INIT;
    weft_memory_listener *listener = NULL;

    options.flags = WEFT_MEMORY_LISTENER_KEEPS_HEAP;
    CHECK_STATUS(
        weft_memory_on_pressure(&options, give, plan->demands, &listener, NULL),
        WEFT_OK);
    peer_gate_open(&plan->ready);
    CHECK(peer_gate_pass(&plan->end));
    weft_memory_listener_close(&listener);
}

static peer_process start(const struct plan *plan, peer_task *task)
{
    peer_process child = peer_run(task, plan, sizeof(*plan));

    CHECK(peer_gate_pass(&plan->ready));
    return child;
}

/* ---------------------------------------------------------------- lies --- */

typedef void lie(weft_handle socket);

static void say_welcome(weft_handle socket)
{
    const struct wefti_greeting welcome =
        wefti_greeting(WEFTI_WELCOME, WEFTI_DEMAND);

    (void)attacker_send(socket, &welcome, sizeof(welcome), NULL, 0);
}

static struct wefti_yield absurd(void)
{
    return (struct wefti_yield){.magic = WEFTI_MAGIC,
                                .valid = 15,
                                .claimed_bytes = UINT64_MAX,
                                .measured_bytes = INT64_MAX,
                                .footprint_bytes = UINT64_MAX,
                                .took_ns = UINT64_MAX};
}

static void say_yield(weft_handle socket, const struct wefti_yield *yield)
{
    (void)attacker_send(socket, yield, sizeof(*yield), NULL, 0);
}

static void claim_all(weft_handle socket)
{
    const struct wefti_yield yield = absurd();

    say_welcome(socket);
    say_yield(socket, &yield);
}

static void answer_twice(weft_handle socket)
{
    struct wefti_yield yield = absurd();

    say_welcome(socket);
    say_yield(socket, &yield);
    yield.claimed_bytes = 1;
    say_yield(socket, &yield);
}

static void answer_without_end(weft_handle socket)
{
    const struct wefti_yield yield = absurd();

    say_welcome(socket);
    for (unsigned i = 0; i < FLOOD; i++) {
        say_yield(socket, &yield);
    }
}

static void know_more(weft_handle socket)
{
    struct wefti_yield yield = absurd();

    yield.valid = UINT32_MAX;
    say_welcome(socket);
    say_yield(socket, &yield);
}

static void be_another(weft_handle socket)
{
    struct wefti_yield yield = absurd();

    yield.magic++;
    say_welcome(socket);
    say_yield(socket, &yield);
}

static void answer_short(weft_handle socket)
{
    const struct wefti_yield yield = absurd();

    say_welcome(socket);
    (void)attacker_send(socket, &yield, sizeof(yield) - 1, NULL, 0);
}

static void answer_long(weft_handle socket)
{
    const struct wefti_yield yields[2] = {absurd(), absurd()};

    say_welcome(socket);
    (void)attacker_send(socket, yields, sizeof(yields[0]) + 1, NULL, 0);
}

static void answer_with_handle(weft_handle socket)
{
    const struct wefti_yield yield = absurd();
    weft_handle token = peer_token(1);

    say_welcome(socket);
    (void)attacker_send(socket, &yield, sizeof(yield), &token, 1);
    CHECK(peer_token_is(token, 1));
}

static void welcome_with_handle(weft_handle socket)
{
    const struct wefti_greeting welcome =
        wefti_greeting(WEFTI_WELCOME, WEFTI_DEMAND);
    weft_handle token = peer_token(1);

    (void)attacker_send(socket, &welcome, sizeof(welcome), &token, 1);
    CHECK(peer_token_is(token, 1));
}

static void answer_unasked(weft_handle socket)
{
    const struct wefti_yield yield = absurd();

    say_yield(socket, &yield);
}

static void welcome_twice(weft_handle socket)
{
    say_welcome(socket);
    say_welcome(socket);
}

static void welcome_as_channel(weft_handle socket)
{
    const struct wefti_greeting welcome =
        wefti_greeting(WEFTI_WELCOME, WEFTI_CHANNEL);

    (void)attacker_send(socket, &welcome, sizeof(welcome), NULL, 0);
}

static void ask_back(weft_handle socket)
{
    struct wefti_greeting demand = wefti_greeting(WEFTI_HELLO, WEFTI_DEMAND);

    demand.topic_flags = WEFT_TRIM_CRITICAL;
    (void)attacker_send(socket, &demand, sizeof(demand), NULL, 0);
}

static void say_garbage(weft_handle socket)
{
    for (unsigned i = 0; i < FLOOD; i++) {
        (void)attacker_send(socket, "garbage", 7, NULL, 0);
    }
}

static void say_nothing(weft_handle socket)
{
    (void)socket;
}

/* What an asker makes of a lie. */
struct told {
    const char *name;
    lie *lie; /* NULL: it does not even accept */
    weft_memory_answer_kind kind;
};

static const struct told lies[] = {
    {"numbers that nobody can give", claim_all, WEFT_ANSWER_GIVEN},
    {"a second answer", answer_twice, WEFT_ANSWER_GIVEN},
    {"answers without end", answer_without_end, WEFT_ANSWER_GIVEN},
    {"more is known than there is", know_more, WEFT_ANSWER_REFUSED},
    {"another program's answer", be_another, WEFT_ANSWER_REFUSED},
    {"a short answer", answer_short, WEFT_ANSWER_REFUSED},
    {"a long answer", answer_long, WEFT_ANSWER_REFUSED},
    {"a handle with the answer", answer_with_handle, WEFT_ANSWER_REFUSED},
    {"a handle with the welcome", welcome_with_handle, WEFT_ANSWER_REFUSED},
    {"an answer without a welcome", answer_unasked, WEFT_ANSWER_REFUSED},
    {"a second welcome", welcome_twice, WEFT_ANSWER_REFUSED},
    {"a channel's welcome", welcome_as_channel, WEFT_ANSWER_REFUSED},
    {"a demand for a demand", ask_back, WEFT_ANSWER_REFUSED},
    {"garbage", say_garbage, WEFT_ANSWER_REFUSED},
    {"a welcome, and nothing more", say_welcome, WEFT_ANSWER_LATE},
    {"nothing", say_nothing, WEFT_ANSWER_LATE},
    {"not even a place to say it", NULL, WEFT_ANSWER_LATE},
};

/* Listens by hand, reads nothing, and lies. */
static void deceive(void *context)
{
    const struct plan *plan = context;
    weftos_endpoint *endpoint;
    weft_handle handle;
    weft_handle socket = WEFTOS_NONE;
    weftos_peer peer;
    uint64_t id;

    REQUIRE(weftos_endpoint_open(WEFTI_TRIM_NAME "4095", 0600, &endpoint,
                                 &handle, NULL) == WEFT_OK);
    peer_gate_open(&plan->ready);
    if (lies[plan->which].lie != NULL) {
        CHECK_STATUS(
            weftos_endpoint_wait(endpoint, peer_soon(), false, &id, NULL),
            WEFT_OK);
        CHECK_STATUS(weftos_endpoint_accept(endpoint, &socket, &peer, NULL),
                     WEFT_OK);
        lies[plan->which].lie(socket);
    }
    CHECK(peer_gate_pass(&plan->end));
    weftos_close(socket);
    weftos_endpoint_close(endpoint, false);
}

/* Nothing is known but what came with an answer. */
static void check_lie(const weft_memory_answer *answer,
                      weft_memory_answer_kind kind)
{
    CHECK(answer->kind == kind);
    if (kind != WEFT_ANSWER_GIVEN) {
        CHECK(answer->valid == 0 && answer->claimed_bytes == 0 &&
              answer->measured_bytes == 0);
        return;
    }
    /* Its word, unchanged: the first one. */
    CHECK(answer->valid == 15 && answer->claimed_bytes == UINT64_MAX);
    CHECK(answer->measured_bytes == INT64_MAX);
    CHECK(answer->took_ns == UINT64_MAX);
}

static void hear_lie(const void *argument)
{
    const struct told *told = argument;
    struct plan plan = make_plan();
    peer_process liar;
    peer_process honest;
    weft_memory_answer answers[2];
    uint64_t began_ns;
    size_t count = 0;

    plan.which = (unsigned)(told - lies);
    liar = start(&plan, deceive);
    honest = start(&plan, listen);
    began_ns = weft_now_ns();
    CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MODERATE, NULL,
                                 began_ns + DEADLINE_NS, answers, 2, &count,
                                 NULL),
                 WEFT_OK);
    CHECK_IN_TIME(began_ns, DEADLINE_NS);
    REQUIRE(count == 2);
    for (size_t i = 0; i < 2; i++) {
        if (answers[i].who.pid == liar.id) {
            check_lie(&answers[i], told->kind);
        } else {
            CHECK(answers[i].who.pid == honest.id);
            CHECK(answers[i].kind == WEFT_ANSWER_GIVEN);
            CHECK(answers[i].claimed_bytes == 7);
        }
    }
    CHECK(answers[0].who.pid != answers[1].who.pid);
    peer_gate_open(&plan.end);
    peer_gate_open(&plan.end);
    CHECK(peer_ended_well(&liar));
    CHECK(peer_ended_well(&honest));
    end_plan(&plan);
}

/* ------------------------------------------------------------- attacks --- */

/* The honest one's name, which nobody else has taken here. */
static const char *name_of(const peer_process *child)
{
    static char name[WEFT_NAME_MAX + 1];

    (void)snprintf(name, sizeof(name), WEFTI_TRIM_NAME "%u",
                   (unsigned)child->id % WEFTI_TRIM_NAMES);
    return name;
}

static weft_handle visit(const peer_process *child)
{
    weft_handle socket = WEFTOS_NONE;
    weftos_peer peer;

    CHECK_STATUS(weftos_endpoint_connect(name_of(child), false, peer_soon(),
                                         false, &socket, &peer, NULL),
                 WEFT_OK);
    return socket;
}

static struct wefti_greeting demand_of(uint32_t level, uint64_t deadline_ns)
{
    struct wefti_greeting demand = wefti_greeting(WEFTI_HELLO, WEFTI_DEMAND);

    demand.topic_flags = level;
    demand.position = deadline_ns;
    return demand;
}

/* Says one thing on a connection of its own, and waits for nothing. */
static void say(const peer_process *child, const void *data, size_t bytes)
{
    weft_handle socket = visit(child);

    (void)attacker_send(socket, data, bytes, NULL, 0);
    weftos_close(socket);
}

static void demand_wrongly(const peer_process *child)
{
    static const uint32_t levels[] = {0, 4, UINT32_MAX};
    struct wefti_greeting demand;

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        demand = demand_of(levels[i], WEFT_FOREVER);
        say(child, &demand, sizeof(demand));
    }
    demand = demand_of(WEFT_TRIM_MILD, WEFT_FOREVER);
    demand.home_bytes = 4096;
    say(child, &demand, sizeof(demand));
    demand.home_bytes = 0;
    demand.status = 1;
    say(child, &demand, sizeof(demand));
    demand.status = 0;
    say(child, &demand, sizeof(demand) - 1);
    say(child, "garbage", 7);
}

static void demand_with_handle(const peer_process *child)
{
    struct wefti_greeting demand = demand_of(WEFT_TRIM_MILD, WEFT_FOREVER);
    weft_handle token = peer_token(1);
    weft_handle socket = visit(child);

    (void)attacker_send(socket, &demand, sizeof(demand), &token, 1);
    CHECK(peer_token_is(token, 1));
    weftos_close(socket);
}

static void demand_too_late(const peer_process *child)
{
    struct wefti_greeting demand = demand_of(WEFT_TRIM_MILD, 0);

    for (unsigned i = 0; i < FLOOD; i++) {
        say(child, &demand, sizeof(demand));
    }
}

/* They hang up before they can be answered. */
static void demand_without_end(const peer_process *child)
{
    struct wefti_greeting demand = demand_of(WEFT_TRIM_CRITICAL, WEFT_FOREVER);

    for (unsigned i = 0; i < FLOOD; i++) {
        say(child, &demand, sizeof(demand));
    }
}

/* They read no answer, and stay. */
static void demand_and_stay(const peer_process *child)
{
    struct wefti_greeting demand = demand_of(WEFT_TRIM_CRITICAL, WEFT_FOREVER);
    weft_handle sockets[SILENT];

    for (unsigned i = 0; i < SILENT; i++) {
        sockets[i] = visit(child);
        (void)attacker_send(sockets[i], &demand, sizeof(demand), NULL, 0);
        (void)attacker_send(sockets[i], &demand, sizeof(demand), NULL, 0);
    }
    for (unsigned i = 0; i < SILENT; i++) {
        weftos_close(sockets[i]);
    }
}

static void connect_only(const peer_process *child)
{
    weft_handle sockets[SILENT];

    for (unsigned i = 0; i < SILENT; i++) {
        sockets[i] = visit(child);
    }
    for (unsigned i = 0; i < SILENT; i++) {
        weftos_close(sockets[i]);
    }
}

struct attack {
    const char *name;
    void (*attack)(const peer_process *child);
};

static const struct attack attacks[] = {
    {"demands of what there is not", demand_wrongly},
    {"a handle with the demand", demand_with_handle},
    {"demands that come too late", demand_too_late},
    {"demands without end", demand_without_end},
    {"demands whose answers are not read", demand_and_stay},
    {"askers that say nothing", connect_only},
};

/* Asks until it is its turn: what was asked before may have been too much. */
static void check_alive(const peer_process *child)
{
    uint64_t late_ns = peer_soon();
    weft_memory_answer answer = {.kind = WEFT_ANSWER_REFUSED};
    size_t count = 1;

    while (answer.kind == WEFT_ANSWER_REFUSED && count == 1 &&
           weft_now_ns() < late_ns) {
        CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MILD, NULL, late_ns, &answer, 1,
                                     &count, NULL),
                     WEFT_OK);
    }
    CHECK(count == 1 && answer.kind == WEFT_ANSWER_GIVEN);
    CHECK(answer.who.pid == child->id);
}

static void bear_attack(const void *argument)
{
    const struct attack *attack = argument;
    struct plan plan = make_plan();
    uint64_t began_ns = weft_now_ns();
    peer_process honest = start(&plan, listen);
    uint64_t seconds;

    attack->attack(&honest);
    check_alive(&honest);
    peer_gate_open(&plan.end);
    CHECK(peer_ended_well(&honest));
    seconds = (weft_now_ns() - began_ns) / 1000000000 + 1;
    CHECK(*plan.demands >= 1);
    CHECK(*plan.demands <= AT_ONCE + A_SECOND * seconds);
    end_plan(&plan);
}

/* ---------------------------------------------------------------- rate --- */

static void refuses_what_is_too_much(const void *argument)
{
    struct plan plan = make_plan();
    peer_process honest = start(&plan, listen);
    uint64_t began_ns = weft_now_ns();
    unsigned kinds[5] = {0};
    uint64_t seconds;

    (void)argument;
    for (unsigned i = 0; i < 4 * AT_ONCE; i++) {
        weft_memory_answer answer;
        size_t count = 0;

        CHECK_STATUS(weft_memory_ask(WEFT_TRIM_MILD, NULL, peer_soon(), &answer,
                                     1, &count, NULL),
                     WEFT_OK);
        REQUIRE(count == 1);
        CHECK(answer.kind == WEFT_ANSWER_GIVEN || answer.valid == 0);
        kinds[answer.kind]++;
    }
    seconds = (weft_now_ns() - began_ns) / 1000000000 + 1;
    CHECK(kinds[WEFT_ANSWER_GIVEN] >= AT_ONCE);
    CHECK(kinds[WEFT_ANSWER_GIVEN] <= AT_ONCE + A_SECOND * seconds);
    CHECK(kinds[WEFT_ANSWER_GIVEN] + kinds[WEFT_ANSWER_REFUSED] == 4 * AT_ONCE);
    check_alive(&honest);
    peer_gate_open(&plan.end);
    CHECK(peer_ended_well(&honest));
    end_plan(&plan);
}

void test_main(void)
{
    peer_names_begin();
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        hostile_case(hostile_name("a lie", lies[i].name), hear_lie, &lies[i]);
    }
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        hostile_case(hostile_name("an asker", attacks[i].name), bear_attack,
                     &attacks[i]);
    }
    hostile_case("more than is acted on is refused at once",
                 refuses_what_is_too_much, NULL);
    peer_names_end();
}
