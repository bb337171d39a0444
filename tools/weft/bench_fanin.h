/* SPDX-License-Identifier: MIT
 *
 * bench_fanin.h - what a transport with one server and many clients is to the
 * benchmark.
 *
 * A round is one server, `clients` clients, and a conductor, each a process of
 * its own that is not pinned. The conductor takes them through the stages of
 * the round, and reads what they use; it sleeps while calls are timed.
 */
#ifndef BENCH_FANIN_H
#define BENCH_FANIN_H

#include "bench_transport.h"

#define FANIN_CLIENTS_MOST 4096

/* What a packet of a Unix socket surely takes. */
#define FANIN_SIZE_MOST ((size_t)64 << 10)

/* What is measured; the same for all sides. */
typedef struct fanin_case {
    unsigned clients;
    size_t size_bytes; /* of each request and each answer, at least 1 */
    weft_wait wait;
    uint64_t count; /* calls of each client; 0: as many as there is time */
    uint64_t duration_ns; /* if there is no count */
    uint64_t idle_ns;     /* of the idle server's CPU time; 0: not measured */
} fanin_case;

/* The clients, and the spare connections of some; a server has so many. */
unsigned fanin_connections(const fanin_case *test);

#define FANIN_ADDRESS_BYTES 100

/* A server or a client, in its own process. */
typedef struct fanin_side {
    bench_side base; /* without a bench_case */
    const fanin_case *test;
    const char *address;
    void *state; /* the transport's; NULL until it sets it */
} fanin_side;

/* What has failed was told by bench_fail where the result is false. */
typedef struct fanin_transport {
    const char *name;
    bool has_wait; /* --wait is for it; else all sleep at once */

    /*
     * In the parent: an address that only this round has, and after a failure
     * the end of what a server that died has left there.
     */
    void (*choose)(char address[FANIN_ADDRESS_BYTES]);
    void (*forget)(const char *address);

    /*
     * In the server: opens; answers until all clients have come and gone; and
     * closes, also what is half open or not at all.
     */
    bool (*open)(fanin_side *side);
    bool (*serve)(fanin_side *side);
    void (*close)(fanin_side *side);

    /*
     * In a client: calls what connecting needs, in vain, so that what the
     * process itself has to have is there, NULL if there is no such thing;
     * connects; sends a request, and shows the answer, which is good until the
     * next call; leaves, as close does.
     */
    void (*prepare)(fanin_side *side);
    bool (*connect)(fanin_side *side);
    bool (*call)(fanin_side *side, const void *request, const void **answer,
                 size_t *bytes);
    void (*leave)(fanin_side *side);
} fanin_transport;

#define FANIN_TRANSPORTS_MOST 4

/* All of them, in the order of the results. */
extern const fanin_transport *const fanin_transports[];
extern const size_t fanin_transport_count;

extern const fanin_transport fanin_weft;
extern const fanin_transport fanin_uds;

/*
 * In the server: reads all of a request, and writes the answer that belongs to
 * it, of the same size. False: the request is not what a client has sent.
 */
bool fanin_answer(fanin_side *side, const void *request, size_t bytes,
                  void *answer);

/* What came of a round; BENCH_UNKNOWN is not known. */
typedef struct fanin_result {
    double calls_per_s;
    double p50_ns;
    double p99_ns;
    double slowest_ratio; /* of the slowest client's rate to the median one */
    double connect_p50_ns;
    double server_pss_bytes; /* for each idle client, against none */
    double client_pss_bytes;
    double server_more_pss_bytes; /* for a second one in a process */
    double client_more_pss_bytes;
    double idle_cpu_ms;
} fanin_result;

/* False: it failed, and tool_error has said why. */
bool fanin_round(const fanin_transport *transport, const fanin_case *test,
                 fanin_result *result);

/* The rounds of one transport. */
typedef struct fanin_series {
    const fanin_transport *transport;
    fanin_result *results; /* one for each round */
} fanin_series;

/* As bench_print. */
bool fanin_print(const fanin_series *series, size_t count,
                 const fanin_case *test, size_t rounds, bool json);

#endif
