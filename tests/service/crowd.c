/* SPDX-License-Identifier: MIT
 *
 * A thousand clients, each in a process of its own, come at once and call one
 * server at moments of their own: every call is answered, by its own answer,
 * and none starves.
 *
 * $WEFT_CLIENTS and $WEFT_CALLS say how many clients make how many calls each.
 * With WEFT_CALLS=1000 or more, on a machine that is otherwise idle, the
 * slowest client must also have half the rate of the median one.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "serve.h"

#define CLIENTS 1000u
#define CALLS 100u

/* Rates of shorter runs tell more of the scheduler than of the server. */
#define CALLS_FOR_RATES 1000u

/* A client calls again after as many nanoseconds at most, of its own choice. */
#define PAUSE_NS 1000000

#define BYTES_MOST 300u

struct score {
    atomic_uint calls;
    _Atomic uint64_t took_ns; /* for all of them */
};

struct load {
    unsigned clients;
    unsigned calls;
    peer_gate in;   /* opened by each that has connected */
    peer_gate go;   /* and passed when all have */
    peer_gate done; /* opened by each that has called enough */
    struct score *scores;
};

struct errand {
    struct load load;
    unsigned number;
};

static unsigned setting(const char *name, unsigned instead)
{
    const char *text = getenv(name);

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : instead;
}

/* ------------------------------------------------------------- a client --- */

/* What nobody else calls with, of a length of its own. */
static bool call_once(weft_client *client, uint64_t number)
{
    unsigned char request[BYTES_MOST];
    size_t bytes = 16 + (size_t)(number * 7 % (BYTES_MOST - 16));
    weft_reply reply;

    peer_fill(request, bytes, number);
    request[0] = 'e';
    return CHECK_STATUS(
               weft_client_call(client, request, bytes, &reply, peer_soon()),
               WEFT_OK) &&
           CHECK_STATUS(reply.status, WEFT_OK) &&
           CHECK(reply.bytes == bytes &&
                 memcmp(reply.data, request, bytes) == 0);
}

/* Waits for events, of which there are none. */
static bool pause_at_random(weft_client *client, uint64_t *random)
{
    weft_reply reply;
    uint64_t until = weft_after_ns(peer_random(random) % PAUSE_NS);

    return CHECK_STATUS(weft_client_next(client, &reply, until),
                        WEFT_ETIMEDOUT);
}

static void call_often(void *context)
{
    const struct errand *errand = context;
    const struct load *load = &errand->load;
    struct score *score = &load->scores[errand->number];
    uint64_t first = (uint64_t)errand->number * load->calls;
    uint64_t random = first + 1;
    weft_client *client = serve_connect();
    uint64_t began;

    peer_gate_open(&load->in);
    /* The others may take long to come; the gate's own patience is short. */
    while (!peer_gate_pass(&load->go)) {
        REQUIRE(call_once(client, first));
    }
    began = weft_now_ns();
    while (score->calls < load->calls && pause_at_random(client, &random) &&
           call_once(client, first + score->calls)) {
        score->calls++;
    }
    score->took_ns = weft_now_ns() - began;
    peer_gate_open(&load->done);
    weft_client_close(&client);
}

/* --------------------------------------------------------------- the crowd -
 */

static uint64_t calls_so_far(const struct load *load)
{
    uint64_t calls = 0;

    for (unsigned i = 0; i < load->clients; i++) {
        calls += load->scores[i].calls;
    }
    return calls;
}

/* Waits until all have called enough, as long as anybody does. */
static void await_all(const struct load *load)
{
    for (unsigned i = 0; i < load->clients; i++) {
        uint64_t before = UINT64_MAX;

        while (!peer_gate_pass(&load->done)) {
            uint64_t calls = calls_so_far(load);

            REQUIRE(calls != before);
            before = calls;
        }
    }
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static void look_at_rates(const struct load *load)
{
    uint64_t *times = peer_shared(load->clients * sizeof(*times));
    uint64_t median;
    uint64_t longest;

    for (unsigned i = 0; i < load->clients; i++) {
        times[i] = load->scores[i].took_ns;
    }
    qsort(times, load->clients, sizeof(*times), compare);
    median = times[load->clients / 2];
    longest = times[load->clients - 1];
    printf("# %u clients of %u calls: %.2f s, the slowest has %.2f of the "
           "median rate\n",
           load->clients, load->calls, (double)longest / 1e9,
           (double)median / (double)longest);
    CHECK(load->calls < CALLS_FOR_RATES || longest <= 2 * median);
    peer_unshare(times, load->clients * sizeof(*times));
}

static void begin(struct load *load)
{
    load->clients = setting("WEFT_CLIENTS", CLIENTS / peer_cost);
    load->calls = setting("WEFT_CALLS", CALLS);
    load->scores = peer_shared(load->clients * sizeof(*load->scores));
    peer_gate_init(&load->in);
    peer_gate_init(&load->go);
    peer_gate_init(&load->done);
}

static void end(struct load *load)
{
    peer_unshare(load->scores, load->clients * sizeof(*load->scores));
    peer_gate_deinit(&load->in);
    peer_gate_deinit(&load->go);
    peer_gate_deinit(&load->done);
}

static void test_crowd(struct load *load, peer_process *children)
{
    struct serve plan;
    peer_process server;
    weft_client *client;

    serve_init(&plan);
    server = serve_run(&plan);
    for (unsigned i = 0; i < load->clients; i++) {
        struct errand errand = {*load, i};

        children[i] = peer_run(call_often, &errand, sizeof(errand));
    }
    for (unsigned i = 0; i < load->clients; i++) {
        REQUIRE(peer_gate_pass(&load->in));
    }
    for (unsigned i = 0; i < load->clients; i++) {
        peer_gate_open(&load->go);
    }
    await_all(load);
    for (unsigned i = 0; i < load->clients; i++) {
        CHECK(peer_ended_well(&children[i]));
        CHECK(load->scores[i].calls == load->calls);
    }
    client = serve_connect();
    serve_end(&server, &client);
    peer_gate_deinit(&plan.ready);
}

void test_main(void)
{
    struct load load;
    peer_process *children;

    peer_names_begin();
    begin(&load);
    children = peer_shared(load.clients * sizeof(*children));
    check_case("a crowd of clients is answered, each its own calls");
    test_crowd(&load, children);
    look_at_rates(&load);
    peer_unshare(children, load.clients * sizeof(*children));
    end(&load);
    peer_names_end();
}
