/* SPDX-License-Identifier: MIT
 *
 * Inspectors without end: a service goes on answering, a listener returns
 * nobody, and nothing of them stays.
 */
#include <stdatomic.h>
#include <string.h>

#include "guard.h"
#include "look.h"
#include "service/serve.h"

#define INSPECTORS 4u
#define LOOKS 2500u /* of each */
#define LATE_NS (PEER_S * 40 * WEFT_TEST_TIME_SCALE)
#define GROWTH_MOST ((uint64_t)1 << 20)

struct crowd {
    atomic_uint looks;
    atomic_uint failures;
};

struct errand {
    struct crowd *crowd;
    unsigned looks;
};

/* Looks; some hang up before they have the answer. */
static void look_on(void *context)
{
    const struct errand *errand = context;

    for (unsigned i = 0; i < errand->looks; i++) {
        weft_inspection *inspection = look_at(SERVE_NAME);

        if (i % 5 != 0) {
            weft_endpoint_stats stats = look_once(inspection, WEFT_OK);

            errand->crowd->failures += stats.kind != WEFT_ENDPOINT_SERVICE;
        }
        weft_inspection_close(&inspection);
        errand->crowd->looks++;
    }
}

void test_main(void)
{
    struct crowd *crowd = peer_shared(sizeof(*crowd));
    unsigned looks = peer_rounds(LOOKS) / peer_cost;
    struct errand errand = {crowd, looks};
    peer_process children[INSPECTORS];
    weft_inspection *inspection;
    weft_endpoint_stats stats;
    unsigned calls = 0;
    struct serve plan;
    peer_process server;
    weft_client *client;
    uint64_t late_ns;
    uint64_t memory;
    int handles;

    peer_names_begin();
    check_case("a service answers calls while many inspect it in a loop");
    serve_init(&plan);
    server = serve_run(&plan);
    client = serve_connect();
    inspection = look_at(SERVE_NAME);
    (void)look_once(inspection, WEFT_OK);
    serve_call(client, "e", "e");
    handles = serve_open_handles(client);
    memory = guard_resident_bytes(server.id);
    late_ns = weft_after_ns(LATE_NS);
    for (unsigned i = 0; i < INSPECTORS; i++) {
        children[i] = peer_run(look_on, &errand, sizeof(errand));
    }
    while (crowd->looks < INSPECTORS * looks && weft_now_ns() < late_ns) {
        serve_call(client, "e", "e");
        calls++;
    }
    for (unsigned i = 0; i < INSPECTORS; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
    CHECK(crowd->looks == INSPECTORS * looks && crowd->failures == 0);
    CHECK(calls > 0);

    check_case("and then nothing of them is left");
    LOOK_UNTIL(inspection, stats, stats.sent == calls + 2);
    CHECK(stats.peers == 1 && stats.admitted == 1 && stats.turned_away == 0);
    /* It has perhaps not heard yet that the last ones have hung up. */
    late_ns = peer_soon();
    while (serve_open_handles(client) != handles && weft_now_ns() < late_ns) {
    }
    CHECK(serve_open_handles(client) == handles);
    CHECK(guard_resident_bytes(server.id) < memory + GROWTH_MOST);
    weft_inspection_close(&inspection);
    serve_end(&server, &client);
    peer_gate_deinit(&plan.ready);
    peer_unshare(crowd, sizeof(*crowd));
    peer_names_end();
}
