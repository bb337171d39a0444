/* SPDX-License-Identifier: MIT
 *
 * bench_fanout.h - what a transport with one publisher and many subscribers is
 * to the benchmark.
 *
 * A round is one publisher, `subscribers` subscribers and a conductor, each a
 * process of its own that is not pinned; see bench_fanout_board.h.
 */
#ifndef BENCH_FANOUT_H
#define BENCH_FANOUT_H

#include "bench_transport.h"

#define FANOUT_SUBSCRIBERS_MOST 4096

/* Room for the head of a message and something that follows from it. */
#define FANOUT_SIZE_LEAST 24

/* What a packet of a Unix socket surely takes. */
#define FANOUT_SIZE_MOST ((size_t)64 << 10)

/* What is measured; the same for all sides. */
typedef struct fanout_case {
    unsigned subscribers;
    size_t size_bytes;
    weft_wait wait;
    uint64_t count; /* of the flood's messages; 0: as many as there is time */
    uint64_t duration_ns; /* if there is no count */
    uint64_t paced;       /* messages that come singly */
    uint64_t pace_ns;     /* the silence before each of them */
    uint64_t idle_ns; /* of the idle publisher's CPU time; 0: not measured */
} fanout_case;

#define FANOUT_ADDRESS_BYTES 100

/* A publisher or a subscriber, in its own process. */
typedef struct fanout_side {
    bench_side base; /* without a bench_case */
    const fanout_case *test;
    const char *address;
    void *state;    /* the transport's; NULL until it sets it */
    uint64_t calls; /* see below */
} fanout_side;

/* A message that has come; good until the next one is taken. */
typedef struct fanout_taken {
    const void *data;
    size_t bytes;
    uint64_t lost; /* where the transport counts: before this one */
} fanout_taken;

/* What has failed was told by bench_fail where the result is false. */
typedef struct fanout_transport {
    const char *name;
    bool has_wait; /* --wait is for it; else all sleep at once */
    bool loses;    /* a subscriber that is too slow loses messages */
    bool counts;   /* and is told how many */

    /*
     * In the parent: an address that only this round has, and after a failure
     * the end of what a publisher that died has left there.
     */
    void (*choose)(char address[FANOUT_ADDRESS_BYTES]);
    void (*forget)(const char *address);

    /*
     * In the publisher: opens; lets all subscribers in while they subscribe one
     * after the other, NULL if that needs nobody; gives the place where the
     * next message is to be written, NULL after a failure; publishes it; adds
     * to side->calls the system calls by which the publishing thread handed
     * messages over, since the last time, NULL if they are not known; closes,
     * also what is half open or not at all.
     */
    bool (*open)(fanout_side *side);
    bool (*admit)(fanout_side *side);
    void *(*reserve)(fanout_side *side);
    bool (*publish)(fanout_side *side);
    bool (*count_calls)(fanout_side *side);
    void (*close)(fanout_side *side);

    /*
     * In a subscriber: calls what subscribing needs, in vain, so that what the
     * process itself has to have is there, NULL if there is no such thing;
     * subscribes, which ends when all that is published from then on comes;
     * takes the next message; leaves, as close does.
     */
    void (*prepare)(fanout_side *side);
    bool (*subscribe)(fanout_side *side);
    bool (*take)(fanout_side *side, fanout_taken *taken);
    void (*leave)(fanout_side *side);
} fanout_transport;

#define FANOUT_TRANSPORTS_MOST 8

/* All of them, in the order of the results. */
extern const fanout_transport *const fanout_transports[];
extern const size_t fanout_transport_count;

extern const fanout_transport fanout_weft;
extern const fanout_transport fanout_reliable;
extern const fanout_transport fanout_raw;
extern const fanout_transport fanout_uds;
extern const fanout_transport fanout_pipe;

/* What came of a round; BENCH_UNKNOWN is not known. */
typedef struct fanout_result {
    double msgs_per_s;            /* published in the flood */
    double subscriber_msgs_per_s; /* received by the median subscriber */
    double slowest_msgs_per_s;
    double slowest_ratio;  /* of these two */
    double cpu_ns_per_msg; /* of the publishing thread, in the flood */
    double process_cpu_ns_per_msg;
    double syscalls_per_msg;
    double paced_cpu_ns_per_msg; /* of that thread, when messages are single */
    double paced_syscalls_per_msg;
    double p50_ns; /* from publishing a single message to having it */
    double p99_ns;
    double p999_ns;
    double flood_p50_ns; /* in the flood */
    double flood_p99_ns;
    double flood_p999_ns;
    double connect_p50_ns;
    double publisher_pss_bytes; /* for each idle subscriber, against none */
    double subscriber_pss_bytes;
    double idle_cpu_ms;
    uint64_t published; /* in the flood */
    uint64_t received;  /* by all subscribers */
    uint64_t lost;      /* all that was published and not received */
} fanout_result;

/* False: it failed, and tool_error has said why. */
bool fanout_round(const fanout_transport *transport, const fanout_case *test,
                  fanout_result *result);

/* The rounds of one transport and one number of subscribers. */
typedef struct fanout_series {
    const fanout_transport *transport;
    fanout_case test;
    fanout_result *results; /* one for each round */
    /* The same transport with the number of subscribers that came first. */
    const struct fanout_series *first;
} fanout_series;

/* As bench_print. */
bool fanout_print(const fanout_series *series, size_t count, size_t rounds,
                  bool json);

#endif
