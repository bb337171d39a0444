/* SPDX-License-Identifier: MIT
 *
 * bench-sandbox - what a sandbox costs a channel that leads into it.
 *
 *   bench-sandbox [ROUNDS]
 *
 * Two programs run at the same time, both this one and on the second CPU: one
 * as it is, one under WEFT_SANDBOX_STRICT. Each round starts both anew, as the
 * places of their memory make a difference, and measures everything with both,
 * one right after the other; which is first alternates. One line of JSON for
 * each figure: the medians of the rounds, and the median of the rounds' ratios.
 * Below 1 the sandbox is faster, which is noise.
 *
 * Then what a system call costs in both, as the program itself measures it:
 * futex is one that the filter always allows, which the kernel remembers;
 * for ioctl it runs the filter each time, as that looks at an argument.
 * $WEFT_HELPER says where the helper is.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <weft/weft.h>

#include "bench_stats.h"

#define ROUNDS_MAX 1000
#define MESSAGE_MAX ((size_t)1 << 20)
#define CHUNKS 50 /* of a round, whose median is its figure */
#define PAUSE_NS 300000

enum kind { SPIN, SLEEP, STREAM, CALL_FUTEX, CALL_EVENT, CALL_IOCTL, END };

/* What the host asks for, and the program's answer in the end. */
struct order {
    uint32_t kind;
    uint32_t count;
    uint64_t bytes;
    uint64_t taken_ns; /* of system calls */
};

_Noreturn static void fail(const char *what, weft_status status)
{
    fprintf(stderr, "bench-sandbox: %s: %s\n", what, weft_status_text(status));
    exit(1);
}

static void check(const char *what, weft_status status)
{
    if (status != WEFT_OK) {
        fail(what, status);
    }
}

static char room[MESSAGE_MAX];

/* Receives one message; awake all the time if the order is to SPIN. */
static void receive(weft_channel *channel, enum kind kind)
{
    weft_status status;
    size_t bytes;

    do {
        status =
            weft_channel_recv_until(channel, room, sizeof(room), &bytes,
                                    kind == SPIN ? WEFT_NOW : WEFT_FOREVER);
    } while (status == WEFT_EAGAIN);
    check("receive", status);
}

/* ------------------------------------------------------------ program --- */

static uint64_t time_calls(const struct order *order)
{
    uint32_t word = 0;
    uint64_t value = 1;
    int event = eventfd(0, 0);
    int number;
    uint64_t began = weft_now_ns();

    for (uint32_t i = 0; i < order->count; i++) {
        if (order->kind == CALL_FUTEX) {
            (void)syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
        } else if (order->kind == CALL_EVENT) {
            (void)!write(event, &value, sizeof(value));
        } else {
            (void)ioctl(event, FIONREAD, &number); /* which it has not */
        }
    }
    began = weft_now_ns() - began;
    (void)close(event);
    return began;
}

/* Does what it is told to. */
static int serve(void)
{
    weft_channel *channel = NULL;
    struct order order;
    size_t bytes;

    check("adopt", weft_channel_adopt(WEFT_HANDLE_NONE, NULL, WEFT_FOREVER,
                                      &channel, NULL));
    for (;;) {
        check("receive",
              weft_channel_recv(channel, &order, sizeof(order), &bytes));
        if (order.kind == END) {
            weft_channel_close(&channel);
            return 0;
        }
        if (order.kind >= CALL_FUTEX) {
            order.taken_ns = time_calls(&order);
            check("send", weft_channel_send(channel, &order, sizeof(order)));
            continue;
        }
        for (uint32_t i = 0; i < order.count; i++) {
            receive(channel, (enum kind)order.kind);
            if (order.kind != STREAM || i + 1 == order.count) {
                check("send", weft_channel_send(channel, room, order.bytes));
            }
        }
    }
}

/* --------------------------------------------------------------- host --- */

/* The time of one message there and back; of a stream of one message. */
static double measure(weft_channel *channel, const struct order *order)
{
    static double times[CHUNKS];
    const struct timespec pause = {0, PAUSE_NS};
    uint32_t each = order->count / CHUNKS;

    check("send", weft_channel_send(channel, order, sizeof(*order)));
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
        uint64_t taken = 0;

        for (uint32_t i = 0; i < each; i++) {
            uint64_t began;

            if (order->kind == SLEEP) {
                (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
            }
            began = order->kind == SLEEP || i == 0 ? weft_now_ns() : 0;
            check("send", weft_channel_send(channel, room, order->bytes));
            if (order->kind != STREAM) {
                receive(channel, (enum kind)order->kind);
            }
            if (order->kind == SLEEP) {
                taken += weft_now_ns() - began;
            } else {
                taken -= began;
            }
        }
        if (order->kind != SLEEP) {
            taken += weft_now_ns();
        }
        times[chunk] = (double)taken / each;
    }
    if (order->kind == STREAM) {
        receive(channel, STREAM);
    }
    return bench_median(times, CHUNKS);
}

static double measure_calls(weft_channel *channel, const struct order *order)
{
    struct order answer;
    size_t bytes;

    check("send", weft_channel_send(channel, order, sizeof(*order)));
    check("receive",
          weft_channel_recv(channel, &answer, sizeof(answer), &bytes));
    return (double)answer.taken_ns / order->count;
}

struct side {
    weft_process_spec *spec;
    weft_process *process;
    weft_channel *channel;
};

/* The host on the first CPU that it may use, the program on the second. */
static uint64_t choose_cpus(void)
{
    cpu_set_t all;
    cpu_set_t first;
    uint64_t second = 0;
    unsigned found = 0;

    CPU_ZERO(&first);
    (void)sched_getaffinity(0, sizeof(all), &all);
    for (unsigned i = 0; i < 64 && found < 2; i++) {
        if (CPU_ISSET(i, &all)) {
            if (found++ == 0) {
                CPU_SET(i, &first);
            }
            second = UINT64_C(1) << i;
        }
    }
    (void)sched_setaffinity(0, sizeof(first), &first);
    return second;
}

static void start(struct side *side, bool is_strict, uint64_t cpus)
{
    static char self[PATH_MAX];
    char *const arguments[] = {self, "--serve", NULL};
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[bytes > 0 ? bytes : 0] = '\0';
    check("open", weft_process_spec_open(&side->spec));
    check("channel", weft_process_spec_channel(side->spec, NULL));
    check("cpus", weft_process_spec_cpus(side->spec, &cpus, 1));
    if (is_strict) {
        check("sandbox",
              weft_process_spec_sandbox(side->spec, WEFT_SANDBOX_STRICT));
        check("path", weft_process_spec_path(side->spec, self, WEFT_ACCESS_READ,
                                             WEFT_REQUIRE));
    }
    if (weft_process_start(side->spec, arguments, &side->process, NULL) !=
        WEFT_OK) {
        fprintf(stderr, "bench-sandbox: %s\n",
                weft_process_spec_refusal(side->spec));
        exit(1);
    }
    side->channel = weft_process_channel(side->process);
}

static void stop(struct side *side)
{
    struct order order = {.kind = END};

    (void)weft_channel_send(side->channel, &order, sizeof(order));
    weft_process_close(&side->process);
    weft_process_spec_close(&side->spec);
}

static const struct figure {
    const char *name;
    struct order order;
} figures[] = {
    {"rtt_awake", {.kind = SPIN, .count = 20000, .bytes = 64}},
    {"rtt_asleep", {.kind = SLEEP, .count = 100, .bytes = 64}},
    {"stream", {.kind = STREAM, .count = 1000000, .bytes = 64}},
    {"stream", {.kind = STREAM, .count = 200000, .bytes = 1024}},
    {"stream", {.kind = STREAM, .count = 10000, .bytes = 65536}},
    {"call_futex", {.kind = CALL_FUTEX, .count = 100000}},
    {"call_eventfd", {.kind = CALL_EVENT, .count = 100000}},
    {"call_ioctl", {.kind = CALL_IOCTL, .count = 100000}},
};

#define FIGURES (sizeof(figures) / sizeof(figures[0]))

static double values[FIGURES][2][ROUNDS_MAX];

static void measure_all(unsigned round, uint64_t cpus)
{
    struct side sides[2];

    for (unsigned i = 0; i < 2; i++) {
        unsigned side = (i + round) % 2;

        start(&sides[side], side == 1, cpus);
    }
    for (unsigned i = 0; i < 2 * FIGURES; i++) {
        unsigned side = (i + round) % 2;
        const struct order *order = &figures[i / 2].order;

        values[i / 2][side][round] =
            order->kind >= CALL_FUTEX
                ? measure_calls(sides[side].channel, order)
                : measure(sides[side].channel, order);
    }
    stop(&sides[0]);
    stop(&sides[1]);
}

int main(int argc, char **argv)
{
    static double ratios[ROUNDS_MAX];
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 15;
    uint64_t cpus;

    if (argc == 2 && strcmp(argv[1], "--serve") == 0) {
        return serve();
    }
    if (argc > 2 || rounds == 0 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: %s [ROUNDS]\n", argv[0]);
        return 2;
    }
    cpus = choose_cpus();
    for (unsigned round = 0; round < rounds; round++) {
        measure_all(round, cpus);
    }
    for (unsigned i = 0; i < FIGURES; i++) {
        double ratio =
            bench_paired_ratio(values[i][1], values[i][0], rounds, ratios);

        printf("{\"figure\":\"%s\",\"size_bytes\":%" PRIu64
               ",\"rounds\":%u,\"outside_ns\":%.1f,\"strict_ns\":%.1f,"
               "\"ratio\":%.3f}\n",
               figures[i].name, figures[i].order.bytes, rounds,
               bench_median(values[i][0], rounds),
               bench_median(values[i][1], rounds), ratio);
    }
    return 0;
}
