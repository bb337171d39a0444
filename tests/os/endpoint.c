/* SPDX-License-Identifier: MIT
 *
 * os.h: endpoints. A name has one owner at a time; who connects is named by
 * the kernel, and so is who listens.
 */
#include <stdio.h>
#include <string.h>

#include "contract.h"

#define NAME "endpoint"

static weftos_endpoint *endpoint;
static weft_handle ready;

static void begin(void)
{
    REQUIRE(weftos_endpoint_open(NAME, 0600, &endpoint, &ready, NULL) ==
            WEFT_OK);
}

static void end(void)
{
    weftos_endpoint_close(endpoint, false);
}

static weft_status connect_by(uint64_t deadline_ns, bool await,
                              weft_handle *socket)
{
    weftos_peer peer;

    *socket = WEFTOS_NONE;
    return weftos_endpoint_connect(NAME, await, deadline_ns, false, socket,
                                   &peer, NULL);
}

/* Waits for something to happen; gives its id. */
static weft_status wait_for_id(uint64_t deadline_ns, uint64_t *id)
{
    weft_status status =
        weftos_endpoint_wait(endpoint, deadline_ns, false, id, NULL);

    return status;
}

/* Waits for a connection and takes it, under an id. */
static weft_handle take(uint64_t id, weftos_peer *peer)
{
    weft_handle socket = WEFTOS_NONE;
    uint64_t found;

    REQUIRE(wait_for_id(peer_soon(), &found) == WEFT_OK);
    CHECK(found == WEFTOS_NEW_CONNECTION);
    REQUIRE(weftos_endpoint_accept(endpoint, &socket, peer, NULL) == WEFT_OK);
    REQUIRE(weftos_endpoint_watch(endpoint, id, socket, WEFTOS_NONE, NULL) ==
            WEFT_OK);
    return socket;
}

static void drop(uint64_t id, weft_handle socket)
{
    weftos_endpoint_forget(endpoint, id, socket, WEFTOS_NONE);
    weftos_close(socket);
}

/* ---------------------------------------------------------------- names --- */

static void test_in_use(void)
{
    weftos_endpoint *second = endpoint;
    weft_handle handle;
    weft_detail detail = {WEFT_OK, 0, NULL};
    int handles;

    check_case("a name has one owner, who stays it when another asks");
    begin();
    handles = check_open_handles();
    CHECK_STATUS(weftos_endpoint_open(NAME, 0600, &second, &handle, &detail),
                 WEFT_EINUSE);
    CHECK(second == NULL);
    CHECK(detail.status == WEFT_EINUSE && detail.operation != NULL);
    CHECK(check_open_handles() == handles);
    CHECK_STATUS(connect_by(peer_soon(), false, &handle), WEFT_OK);
    weftos_close(handle);
    end();
}

static void test_close(void)
{
    weft_handle socket;

    check_case("a name that was closed is free, and nobody listens there");
    begin();
    weftos_endpoint_close(endpoint, false);
    CHECK_STATUS(connect_by(peer_soon(), false, &socket), WEFT_ENOENT);
    REQUIRE(weftos_endpoint_open(NAME, 0600, &endpoint, &ready, NULL) ==
            WEFT_OK);
    CHECK_STATUS(connect_by(peer_soon(), false, &socket), WEFT_OK);
    weftos_close(socket);
    end();
    weftos_endpoint_close(NULL, false);
    weftos_endpoint_close(NULL, true);
}

struct plan {
    peer_gate ready;
    peer_gate leave;
    weftos_endpoint *parents;
};

static void plan_init(struct plan *plan)
{
    peer_gate_init(&plan->ready);
    peer_gate_init(&plan->leave);
    plan->parents = endpoint;
}

static void plan_deinit(struct plan *plan)
{
    peer_gate_deinit(&plan->ready);
    peer_gate_deinit(&plan->leave);
}

static void own_name(void *context)
{
    const struct plan *plan = context;
    weftos_endpoint *own;
    weft_handle handle;

    CHECK_STATUS(weftos_endpoint_open(NAME, 0600, &own, &handle, NULL),
                 WEFT_OK);
    peer_gate_open(&plan->ready);
    CHECK(peer_gate_pass(&plan->leave));
    weftos_endpoint_close(own, false);
}

static void test_dead(void)
{
    struct plan plan;
    weft_handle socket;
    peer_process child;

    check_case("a dead owner's name leads to nobody, and is free");
    plan_init(&plan);
    child = peer_run(own_name, &plan, sizeof(plan));
    REQUIRE(peer_gate_pass(&plan.ready));
    CHECK_STATUS(weftos_endpoint_open(NAME, 0600, &endpoint, &ready, NULL),
                 WEFT_EINUSE);
    peer_kill(&child);
    CHECK_STATUS(connect_by(peer_soon(), false, &socket), WEFT_ENOENT);
    REQUIRE(weftos_endpoint_open(NAME, 0600, &endpoint, &ready, NULL) ==
            WEFT_OK);
    CHECK_STATUS(connect_by(peer_soon(), false, &socket), WEFT_OK);
    weftos_close(socket);
    plan_deinit(&plan);
    end();
}

/* Forked, it has a copy; elsewhere it has none. */
static void close_parents(void *context)
{
    const struct plan *plan = context;

    if (peer_forks) {
        weftos_endpoint_close(plan->parents, true);
    }
}

static void test_fork(void)
{
    struct plan plan;
    weft_handle socket;
    weftos_peer peer;
    peer_process child;

    check_case("a forked child frees its copy, and the name stays");
    begin();
    plan_init(&plan);
    child = peer_run(close_parents, &plan, sizeof(plan));
    CHECK(peer_ended_well(&child));
    REQUIRE(connect_by(peer_soon(), false, &socket) == WEFT_OK);
    drop(0, take(0, &peer));
    weftos_close(socket);
    plan_deinit(&plan);
    end();
}

static void test_bad_names(void)
{
    static const char *const bad[] = {
        "",
        ".hidden",
        "two words",
        "a\nb",
        "a+",
        "a+0",
        "a+01",
        "a+64",
        "a+1+1",
        "+1",
        "0123456789012345678901234567890123456789012345678901234567890123",
    };
    weft_handle handle;
    weftos_peer peer;

    check_case("a name that is none can't be taken, or connected to");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int handles = check_open_handles();

        CHECK_STATUS(
            weftos_endpoint_open(bad[i], 0600, &endpoint, &handle, NULL),
            WEFT_ENAME);
        CHECK(endpoint == NULL);
        CHECK_STATUS(weftos_endpoint_connect(bad[i], false, peer_soon(), false,
                                             &handle, &peer, NULL),
                     WEFT_ENAME);
        CHECK_STATUS(weftos_endpoint_connect(bad[i], true, peer_soon(), false,
                                             &handle, &peer, NULL),
                     WEFT_ENAME);
        CHECK(check_open_handles() == handles);
    }
}

static void test_good_names(void)
{
    static const char *const good[] = {
        "a",
        "Z.9_-",
        "012345678901234567890123456789012345678901234567890123456789012",
    };
    weft_handle handle;
    weftos_peer peer;

    check_case("names of each length and letter are told apart");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        REQUIRE(weftos_endpoint_open(good[i], 0600, &endpoint, &ready, NULL) ==
                WEFT_OK);
        for (size_t k = 0; k < sizeof(good) / sizeof(good[0]); k++) {
            CHECK_STATUS(weftos_endpoint_connect(good[k], false, peer_soon(),
                                                 false, &handle, &peer, NULL),
                         k == i ? WEFT_OK : WEFT_ENOENT);
            if (k == i) {
                weftos_close(handle);
            }
        }
        weftos_endpoint_close(endpoint, false);
    }
}

static void test_numbers(void)
{
    static const char *const places[] = {NAME "+1", NAME "+10", NAME "+63",
                                         NAME "1", NAME "x+2"};
    enum { PLACES = sizeof(places) / sizeof(places[0]) };
    weftos_endpoint *endpoints[PLACES];
    uint64_t numbers;

    check_case("the places of a name that are taken are found");
    CHECK_STATUS(weftos_endpoint_numbers(NAME, NULL, 0, &numbers, NULL),
                 WEFT_OK);
    CHECK(numbers == 0);
    for (size_t i = 0; i < PLACES; i++) {
        REQUIRE(weftos_endpoint_open(places[i], 0600, &endpoints[i], &ready,
                                     NULL) == WEFT_OK);
    }
    CHECK_STATUS(weftos_endpoint_numbers(NAME, NULL, 0, &numbers, NULL),
                 WEFT_OK);
    CHECK(numbers ==
          (UINT64_C(1) << 1 | UINT64_C(1) << 10 | UINT64_C(1) << 63));
    begin();
    CHECK_STATUS(weftos_endpoint_numbers(NAME, NULL, 0, &numbers, NULL),
                 WEFT_OK);
    CHECK((numbers & 1) != 0);
    end();
    for (size_t i = 0; i < PLACES; i++) {
        weftos_endpoint_close(endpoints[i], false);
    }
    CHECK_STATUS(weftos_endpoint_numbers(NAME, NULL, 0, &numbers, NULL),
                 WEFT_OK);
    CHECK(numbers == 0);
    CHECK_STATUS(weftos_endpoint_numbers("two words", NULL, 0, &numbers, NULL),
                 WEFT_ENAME);
}

#define NAME_ID 9

static weft_status look_at_name(weftos_endpoint *hub, uint64_t *numbers)
{
    return weftos_endpoint_numbers(NAME, hub, NAME_ID, numbers, NULL);
}

static weft_status await_told(weftos_endpoint *hub, uint64_t deadline_ns)
{
    uint64_t id = 0;
    weft_status status =
        weftos_endpoint_wait(hub, deadline_ns, false, &id, NULL);

    CHECK(status != WEFT_OK || id == NAME_ID);
    return status;
}

/* It may be told of other things too, for no reason, but not without end. */
static void await_quiet(weftos_endpoint *hub, weft_handle handle)
{
    weft_status status = WEFT_OK;
    uint64_t numbers;

    for (unsigned i = 0; i < 20 && status == WEFT_OK; i++) {
        CHECK_STATUS(look_at_name(hub, &numbers), WEFT_OK);
        status = await_told(hub, WEFT_NOW);
    }
    CHECK_STATUS(status, WEFT_EAGAIN);
    CHECK(!contract_is_ready(handle, 0));
}

static void await_taken(weftos_endpoint *hub)
{
    weft_status status = WEFT_OK;
    uint64_t numbers = 0;

    while (numbers == 0 && status == WEFT_OK) {
        status = await_told(hub, peer_soon());
        CHECK_STATUS(look_at_name(hub, &numbers), WEFT_OK);
    }
    CHECK_STATUS(status, WEFT_OK);
    CHECK(numbers == 1);
}

/* `forgets`: the directory of names has to be made again. */
static void test_watched_name(bool forgets)
{
    weftos_endpoint *hubs[2];
    weft_handle handles[2];

    check_case("who watches a name is told when somebody takes it");
    if (forgets) {
        peer_names_forget();
    }
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE(weftos_endpoint_open(NULL, 0, &hubs[i], &handles[i], NULL) ==
                WEFT_OK);
        await_quiet(hubs[i], handles[i]);
    }
    for (unsigned round = 0; round < 3; round++) {
        begin();
        for (unsigned i = 0; i < 2; i++) {
            await_taken(hubs[i]);
        }
        end();
        for (unsigned i = 0; i < 2; i++) {
            await_quiet(hubs[i], handles[i]);
        }
    }
    check_case("who has forgotten it is told no more");
    for (unsigned i = 0; i < 2; i++) {
        weftos_endpoint_forget(hubs[0], NAME_ID, WEFTOS_NONE, WEFTOS_NONE);
    }
    begin();
    CHECK_STATUS(await_told(hubs[0], weft_after_ns(PEER_MS)), WEFT_ETIMEDOUT);
    await_taken(hubs[1]);
    end();
    for (unsigned i = 0; i < 2; i++) {
        weftos_endpoint_close(hubs[i], false);
    }
}

struct names {
    unsigned count;
    unsigned most;
    bool is_other; /* one was told that nobody has */
};

static bool note_name(void *context, const weftos_named *named)
{
    struct names *names = context;

    names->is_other |=
        named->is_memory ||
        (strcmp(named->name, NAME) != 0 && strcmp(named->name, NAME "+7") != 0);
    return ++names->count < names->most;
}

static void test_names(void)
{
    struct names names = {0, 10, false};
    weftos_endpoint *other;
    weft_status status;

    check_case("the names in use are told, until it is enough");
    begin();
    REQUIRE(weftos_endpoint_open(NAME "+7", 0600, &other, &ready, NULL) ==
            WEFT_OK);
    status = weftos_names_each(note_name, &names, NULL);
    if (status != WEFT_ENOTSUP) {
        CHECK_STATUS(status, WEFT_OK);
        CHECK(names.count == 2 && !names.is_other);
        names = (struct names){0, 1, false};
        CHECK_STATUS(weftos_names_each(note_name, &names, NULL), WEFT_OK);
        CHECK(names.count == 1);
    }
    weftos_endpoint_close(other, false);
    end();
}

/* ---------------------------------------------------------- connections --- */

/* One that listens nowhere. */
static void test_nameless(void)
{
    weft_handle pair[2];
    uint64_t id = 0;

    check_case("without a name it only watches");
    REQUIRE(weftos_endpoint_open(NULL, 0, &endpoint, &ready, NULL) == WEFT_OK);
    CHECK_STATUS(wait_for_id(WEFT_NOW, &id), WEFT_EAGAIN);
    REQUIRE(weftos_socket_pair(pair, NULL) == WEFT_OK);
    REQUIRE(weftos_socket_adopt(pair[1], NULL) == WEFT_OK);
    REQUIRE(weftos_endpoint_watch(endpoint, 5, pair[0], WEFTOS_NONE, NULL) ==
            WEFT_OK);
    CHECK_STATUS(wait_for_id(weft_after_ns(PEER_MS), &id), WEFT_ETIMEDOUT);
    CHECK_STATUS(weftos_socket_send(pair[1], "x", 1, NULL, 0, NULL), WEFT_OK);
    CHECK_STATUS(wait_for_id(peer_soon(), &id), WEFT_OK);
    CHECK(id == 5);
    weftos_endpoint_forget(endpoint, 5, pair[0], WEFTOS_NONE);
    weftos_close(pair[0]);
    weftos_close(pair[1]);
    end();
}

static void test_both_ends(void)
{
    weftos_peer peer;
    weftos_peer listener;
    weftos_received received;
    weft_handle mine = WEFTOS_NONE;
    weft_handle theirs;

    check_case("both ends learn who is at the other, and can talk");
    begin();
    REQUIRE(weftos_endpoint_connect(NAME, false, peer_soon(), false, &mine,
                                    &listener, NULL) == WEFT_OK);
    /* A message may come before the connection is accepted. */
    CHECK_STATUS(weftos_socket_send(mine, "one", 3, NULL, 0, NULL), WEFT_OK);
    theirs = take(0, &peer);
    CHECK(peer.who.pid == peer_self() && peer.is_same_user);
    CHECK(listener.who.pid == peer_self() && listener.is_same_user);
    CHECK(peer.who.uid == listener.who.uid && peer.who.gid == listener.who.gid);
    CHECK(!peer_is_passed(mine) && !peer_is_passed(theirs));
    CHECK(!peer_is_passed(ready));
    CHECK_STATUS(weftos_socket_wait(theirs, false, WEFTOS_NONE, peer_soon(),
                                    false, NULL),
                 WEFT_OK);
    CHECK_STATUS(weftos_socket_recv(theirs, &received, NULL), WEFT_OK);
    CHECK(received.bytes == 3 && memcmp(received.data, "one", 3) == 0);
    weftos_close(received.process);
    CHECK_STATUS(weftos_socket_send(theirs, "two", 3, NULL, 0, NULL), WEFT_OK);
    CHECK_STATUS(
        weftos_socket_wait(mine, false, WEFTOS_NONE, peer_soon(), false, NULL),
        WEFT_OK);
    CHECK_STATUS(weftos_socket_recv(mine, &received, NULL), WEFT_OK);
    CHECK(received.bytes == 3 && memcmp(received.data, "two", 3) == 0);
    weftos_close(received.process);
    drop(0, theirs);
    weftos_close(mine);
    end();
}

static void connect_and_stay(void *context)
{
    const struct plan *plan = context;
    weft_handle socket;

    CHECK_STATUS(connect_by(peer_soon(), true, &socket), WEFT_OK);
    peer_gate_open(&plan->ready);
    CHECK(peer_gate_pass(&plan->leave));
    weftos_close(socket);
}

static void test_child(void)
{
    struct plan plan;
    weftos_peer peer;
    weft_handle socket;
    uint64_t id;
    peer_process child;

    check_case("a child that connects is named, and its death is told");
    begin();
    plan_init(&plan);
    child = peer_run(connect_and_stay, &plan, sizeof(plan));
    socket = take(7, &peer);
    CHECK(peer.who.pid == child.id && peer.is_same_user);
    CHECK(peer_gate_pass(&plan.ready));
    peer_kill(&child);
    CHECK_STATUS(wait_for_id(peer_soon(), &id), WEFT_OK);
    CHECK(id == 7);
    drop(7, socket);
    CHECK_STATUS(wait_for_id(WEFT_NOW, &id), WEFT_EAGAIN);
    plan_deinit(&plan);
    end();
}

static void test_none(void)
{
    weft_handle socket;
    weftos_peer peer;

    check_case("where no connection is pending, none is accepted");
    begin();
    CHECK_STATUS(weftos_endpoint_accept(endpoint, &socket, &peer, NULL),
                 WEFT_EAGAIN);
    CHECK(!contract_is_ready(ready, 1));
    end();
}

static void test_gone_before(void)
{
    weft_handle socket;
    weftos_peer peer;
    weft_status status;
    weftos_received received;

    check_case("a connection that has gone again does no harm");
    begin();
    REQUIRE(connect_by(peer_soon(), false, &socket) == WEFT_OK);
    weftos_close(socket);
    status = weftos_endpoint_accept(endpoint, &socket, &peer, NULL);
    CHECK(status == WEFT_OK || status == WEFT_EAGAIN);
    if (status == WEFT_OK) {
        CHECK_STATUS(weftos_socket_wait(socket, false, WEFTOS_NONE, peer_soon(),
                                        false, NULL),
                     WEFT_OK);
        CHECK_STATUS(weftos_socket_recv(socket, &received, NULL), WEFT_ECLOSED);
        weftos_close(socket);
    }
    REQUIRE(connect_by(peer_soon(), false, &socket) == WEFT_OK);
    drop(1, take(1, &peer));
    weftos_close(socket);
    end();
}

/* ------------------------------------------------------------- watching --- */

struct pair {
    weft_handle mine;
    weft_handle theirs;
};

#define MANY 100

static void test_watched(void)
{
    static struct pair pairs[MANY];
    uint64_t id;
    weftos_peer peer;
    weftos_received received;

    check_case("many connections are told by their ids");
    begin();
    for (uint64_t i = 0; i < MANY; i++) {
        REQUIRE(connect_by(peer_soon(), false, &pairs[i].mine) == WEFT_OK);
        pairs[i].theirs = take(i, &peer);
    }
    CHECK_STATUS(wait_for_id(WEFT_NOW, &id), WEFT_EAGAIN);
    for (uint64_t i = MANY; i-- > 0;) {
        CHECK_STATUS(
            weftos_socket_send(pairs[i].mine, &i, sizeof(i), NULL, 0, NULL),
            WEFT_OK);
        /* Level-triggered: told until it is received. */
        CHECK(contract_is_ready(ready, 1000) && contract_is_ready(ready, 0));
        for (unsigned k = 0; k < 2; k++) {
            CHECK_STATUS(wait_for_id(peer_soon(), &id), WEFT_OK);
            CHECK(id == i);
        }
        CHECK_STATUS(weftos_socket_recv(pairs[i].theirs, &received, NULL),
                     WEFT_OK);
        weftos_close(received.process);
        CHECK_STATUS(wait_for_id(WEFT_NOW, &id), WEFT_EAGAIN);
        CHECK(!contract_is_ready(ready, 0));
    }
    for (uint64_t i = 0; i < MANY; i++) {
        weftos_socket_hang_up(pairs[i].mine);
        CHECK_STATUS(wait_for_id(peer_soon(), &id), WEFT_OK);
        CHECK(id == i);
        drop(i, pairs[i].theirs);
        weftos_close(pairs[i].mine);
    }
    end();
}

struct holder {
    peer_gate gate;
};

/* Says who it is, and dies when it is told to. */
static void greet_and_die(void *context)
{
    const struct holder *holder = context;
    weft_handle socket = WEFTOS_NONE;

    REQUIRE(connect_by(peer_soon(), false, &socket) == WEFT_OK);
    CHECK_STATUS(weftos_socket_send(socket, "m", 1, NULL, 0, NULL), WEFT_OK);
    (void)peer_gate_pass(&holder->gate);
    peer_die();
}

static void test_process(void)
{
    struct holder holder;
    weftos_received received;
    peer_process child;
    weftos_peer peer;
    weft_handle socket;
    uint64_t id;

    check_case("the end of a watched process is told, until it is forgotten");
    begin();
    peer_gate_init(&holder.gate);
    child = peer_run(greet_and_die, &holder, sizeof(holder));
    REQUIRE(wait_for_id(peer_soon(), &id) == WEFT_OK);
    REQUIRE(weftos_endpoint_accept(endpoint, &socket, &peer, NULL) == WEFT_OK);
    REQUIRE(weftos_socket_wait(socket, false, WEFTOS_NONE, peer_soon(), false,
                               NULL) == WEFT_OK);
    REQUIRE(weftos_socket_recv(socket, &received, NULL) == WEFT_OK);
    REQUIRE(weftos_endpoint_watch(endpoint, 7, socket, received.process,
                                  NULL) == WEFT_OK);
    CHECK_STATUS(wait_for_id(WEFT_NOW, &id), WEFT_EAGAIN);
    peer_gate_open(&holder.gate);
    CHECK(peer_was_killed(&child));
    for (unsigned i = 0; i < 3; i++) {
        CHECK_STATUS(wait_for_id(peer_soon(), &id), WEFT_OK);
        CHECK(id == 7);
    }
    weftos_endpoint_forget(endpoint, 7, socket, received.process);
    CHECK_STATUS(wait_for_id(WEFT_NOW, &id), WEFT_EAGAIN);
    /* One that has ended already. */
    REQUIRE(weftos_endpoint_watch(endpoint, 8, socket, received.process,
                                  NULL) == WEFT_OK);
    CHECK_STATUS(wait_for_id(peer_soon(), &id), WEFT_OK);
    CHECK(id == 8);
    weftos_endpoint_forget(endpoint, 8, socket, received.process);
    weftos_close(received.process);
    weftos_close(socket);
    peer_gate_deinit(&holder.gate);
    end();
}

static void test_forget(void)
{
    struct pair first;
    struct pair second;
    weftos_peer peer;
    uint64_t id;

    check_case("what is forgotten is told no more, and its id is free");
    begin();
    REQUIRE(connect_by(peer_soon(), false, &first.mine) == WEFT_OK);
    first.theirs = take(3, &peer);
    CHECK_STATUS(weftos_socket_send(first.mine, "m", 1, NULL, 0, NULL),
                 WEFT_OK);
    CHECK_STATUS(wait_for_id(peer_soon(), &id), WEFT_OK);
    weftos_endpoint_forget(endpoint, 3, first.theirs, WEFTOS_NONE);
    CHECK_STATUS(wait_for_id(WEFT_NOW, &id), WEFT_EAGAIN);
    REQUIRE(connect_by(peer_soon(), false, &second.mine) == WEFT_OK);
    second.theirs = take(3, &peer);
    CHECK_STATUS(weftos_socket_send(second.mine, "m", 1, NULL, 0, NULL),
                 WEFT_OK);
    CHECK_STATUS(wait_for_id(peer_soon(), &id), WEFT_OK);
    CHECK(id == 3);
    drop(3, second.theirs);
    weftos_close(second.mine);
    weftos_close(first.theirs);
    weftos_close(first.mine);
    end();
}

/* -------------------------------------------------------------- waiting --- */

static weft_status wait_endpoint(void *context, uint64_t deadline_ns)
{
    (void)context;
    return wait_for_id(deadline_ns, &(uint64_t){0});
}

static void test_waits(void)
{
    contract_sleeper sleeper;
    weft_handle socket;
    weftos_peer peer;

    check_case("a wait for a connection ends with it, or at its deadline");
    begin();
    contract_deadlines(wait_endpoint, NULL);
    for (unsigned i = 0; i < 2; i++) {
        contract_sleep(&sleeper, wait_endpoint, NULL,
                       i == 0 ? WEFT_FOREVER : CONTRACT_FAR);
        REQUIRE(connect_by(peer_soon(), false, &socket) == WEFT_OK);
        CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
        drop(i, take(i, &peer));
        weftos_close(socket);
    }
    end();
}

static weft_status wait_for_name(void *context, uint64_t deadline_ns)
{
    weft_handle *socket = context;

    return connect_by(deadline_ns, true, socket);
}

static void test_await(void)
{
    contract_sleeper sleeper;
    weft_handle socket;
    uint64_t start;

    check_case("who awaits a name connects when it appears, or gives up");
    CHECK_STATUS(connect_by(peer_soon(), false, &socket), WEFT_ENOENT);
    for (unsigned i = 0; i < 2; i++) {
        start = weft_now_ns();
        CHECK_STATUS(connect_by(start + 15 * PEER_MS, true, &socket),
                     WEFT_ETIMEDOUT);
        CHECK(weft_now_ns() >= start + 15 * PEER_MS);
        CHECK(weft_now_ns() < start + 15 * PEER_MS + CONTRACT_LATE_NS);
        contract_sleep(&sleeper, wait_for_name, &socket,
                       i == 0 ? peer_soon() : WEFT_FOREVER);
        REQUIRE(weftos_endpoint_open(NAME, 0600, &endpoint, &ready, NULL) ==
                WEFT_OK);
        CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
        weftos_close(socket);
        weftos_endpoint_close(endpoint, false);
    }
}

/* More than any queue of pending connections holds. */
#define PENDING_MOST 600

static void test_full_queue(void)
{
    static weft_handle sockets[PENDING_MOST];
    unsigned count = 0;
    weft_status status = WEFT_OK;

    check_case("who finds no place in the queue waits until his deadline");
    begin();
    while (count < PENDING_MOST && status == WEFT_OK) {
        status = connect_by(WEFT_NOW, false, &sockets[count]);
        count += status == WEFT_OK;
    }
    CHECK(count > 0);
    if (count < PENDING_MOST) {
        weft_handle late = WEFTOS_NONE;
        uint64_t start = weft_now_ns();
        contract_sleeper sleeper;
        weftos_peer peer;

        CHECK_STATUS(status, WEFT_EAGAIN);
        CHECK_STATUS(connect_by(start + 15 * PEER_MS, false, &late),
                     WEFT_ETIMEDOUT);
        CHECK(weft_now_ns() >= start + 15 * PEER_MS);
        CHECK(weft_now_ns() < start + 15 * PEER_MS + CONTRACT_LATE_NS);
        contract_sleep(&sleeper, wait_for_name, &late, peer_soon());
        drop(0, take(0, &peer));
        CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
        weftos_close(late);
    }
    for (unsigned i = 0; i < count; i++) {
        weftos_close(sockets[i]);
    }
    end();
}

void test_main(void)
{
    peer_names_begin();
    test_in_use();
    test_close();
    test_dead();
    test_fork();
    test_bad_names();
    test_good_names();
    test_numbers();
    test_watched_name(false);
    test_watched_name(true);
    test_names();
    test_nameless();
    test_both_ends();
    test_child();
    test_none();
    test_gone_before();
    test_watched();
    test_process();
    test_forget();
    test_waits();
    test_await();
    test_full_queue();
    peer_names_end();
}
