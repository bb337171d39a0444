/* SPDX-License-Identifier: MIT
 *
 * What the publisher, the conductor and a subscriber do in a round; the order
 * of it is in bench_fanout_board.h.
 *
 * Messages are numbered through the whole round, and each subscriber is in
 * before the first one. So it knows of every message whether it has come, and
 * what a transport says of those that were lost is checked to the last one.
 */
#include <string.h>

#include "bench_fanout_board.h"
#include "bench_pattern.h"
#include "bench_sys.h"

/*
 * In a flood one message of so many has the time in it: reading the clock costs
 * about as much as publishing.
 */
#define TIMED_EACH 64

/* The end of a stage is told again to those that have not got it by then. */
#define REPEAT_NS UINT64_C(50000000)

static uint64_t seed_of(const fanout_head *head)
{
    return bench_seed(head->number, 0) ^ head->time_ns;
}

/* ------------------------------------------------------------ publisher --- */

typedef struct sender {
    fanout_side *side;
    const fanout_transport *transport;
    fanout_board *board;
    uint64_t sequence;
} sender;

/* `time_ns` may be 0. */
static bool publish(sender *one, fanout_kind kind, uint64_t time_ns)
{
    fanout_head head = {one->sequence++ * FANOUT_KINDS + kind, time_ns};
    unsigned char *data = one->transport->reserve(one->side);

    if (data == NULL) {
        return false;
    }
    memcpy(data, &head, sizeof(head));
    bench_fill(data + sizeof(head), one->side->test->size_bytes - sizeof(head),
               seed_of(&head));
    return one->transport->publish(one->side);
}

/* Until `end_ns`, or if that is 0 so many. */
static bool publish_many(sender *one, fanout_kind kind, uint64_t count,
                         uint64_t end_ns)
{
    uint64_t now = 0;

    for (uint64_t i = 0; end_ns == 0 ? i < count : now < end_ns; i++) {
        bool timed = i % TIMED_EACH == 0;

        if (timed) {
            now = weft_now_ns();
            bench_advance(&one->side->base);
        }
        if (!publish(one, kind, timed ? now : 0)) {
            return false;
        }
    }
    return true;
}

/* Ends a stage: all subscribers have its last message. */
static bool publish_end(sender *one, fanout_kind kind)
{
    unsigned left = one->side->test->subscribers;
    bool done = publish(one, kind, 0);

    while (done && left > 0) {
        weft_status status = weft_semaphore_wait_until(
            &one->board->finished, weft_after_ns(REPEAT_NS));

        if (status == WEFT_OK) {
            left--;
            bench_advance(&one->side->base);
        } else if (status != WEFT_ETIMEDOUT) {
            return bench_require(&one->side->base, "wait for a semaphore",
                                 status);
        } else if (one->transport->loses) {
            done = publish(one, kind, 0);
        }
    }
    return done;
}

/* What was used so far, but for the thread's time. */
static bool read_totals(sender *one, fanout_cost *cost)
{
    cost->messages = one->sequence;
    cost->has_process_cpu =
        bench_sys_cpu_time(bench_sys_process(), &cost->process_cpu_ns);
    if (one->transport->count_calls != NULL &&
        !one->transport->count_calls(one->side)) {
        return false;
    }
    cost->calls = one->side->calls;
    return true;
}

/* The thread's time is read last here and first below: next to what it times.
 */
static bool begin_cost(sender *one, fanout_cost *before)
{
    bool done = read_totals(one, before);

    before->has_cpu = bench_sys_thread_cpu_time(&before->cpu_ns);
    return done;
}

/* Adds what was used since then. */
static bool add_cost(sender *one, const fanout_cost *before, fanout_cost *cost)
{
    fanout_cost after = {0};
    bool has_cpu = bench_sys_thread_cpu_time(&after.cpu_ns);

    if (!read_totals(one, &after)) {
        return false;
    }
    cost->messages += after.messages - before->messages;
    cost->cpu_ns += after.cpu_ns - before->cpu_ns;
    cost->process_cpu_ns += after.process_cpu_ns - before->process_cpu_ns;
    cost->calls += after.calls - before->calls;
    cost->has_cpu = before->has_cpu && has_cpu;
    cost->has_process_cpu = before->has_process_cpu && after.has_process_cpu;
    return true;
}

static bool flood(sender *one)
{
    const fanout_case *test = one->side->test;
    fanout_board *board = one->board;
    uint64_t warmup_ns =
        test->count != 0 ? 0 : bench_warmup_ns(test->duration_ns);
    fanout_cost before = {0};

    if (!publish_many(one, FANOUT_WARMUP, test->count / 10 + 1,
                      warmup_ns != 0 ? weft_after_ns(warmup_ns) : 0) ||
        !begin_cost(one, &before)) {
        return false;
    }
    board->start_ns = weft_now_ns();
    if (!publish_many(one, FANOUT_FLOOD, test->count,
                      test->count != 0 ? 0
                                       : board->start_ns + test->duration_ns)) {
        return false;
    }
    board->end_ns = weft_now_ns();
    return add_cost(one, &before, &board->flood) &&
           publish_end(one, FANOUT_FLOOD_END);
}

/* The silence is no part of the cost. */
static bool publish_paced(sender *one)
{
    const fanout_case *test = one->side->test;

    for (uint64_t i = 0; i < test->paced; i++) {
        fanout_cost before = {0};

        bench_sys_sleep(test->pace_ns);
        bench_advance(&one->side->base);
        if (!begin_cost(one, &before) ||
            !publish(one, FANOUT_PACED, weft_now_ns()) ||
            !add_cost(one, &before, &one->board->paced)) {
            return false;
        }
    }
    return publish_end(one, FANOUT_PACED_END);
}

/* The subscribers go when this has told that it is done. */
static bool run_publisher_stages(sender *one)
{
    bench_crew *crew = &one->board->crew;
    bench_side *base = &one->side->base;

    return bench_arrive(crew, base) &&
           (one->transport->admit == NULL ||
            one->transport->admit(one->side)) &&
           bench_await_go(crew, base) && flood(one) && publish_paced(one) &&
           bench_arrive(crew, base) && bench_await_go(crew, base);
}

bool fanout_run_publisher(fanout_board *board, fanout_side *side)
{
    sender one = {.side = side,
                  .transport = bench_sys_object(board->transport),
                  .board = board};
    bool done;

    board->crew.leader_process = bench_sys_process();
    done = one.transport->open(side) && run_publisher_stages(&one);
    one.transport->close(side);
    return done;
}

/* ----------------------------------------------------------- subscriber --- */

typedef struct reader {
    fanout_side *side;
    const fanout_transport *transport;
    fanout_board *board;
    fanout_subscriber *told;
    uint64_t expected; /* the sequence of the next message */
} reader;

/* The order of the messages, and what was lost of them. */
static bool check_sequence(reader *one, uint64_t sequence, uint64_t lost)
{
    bench_side *base = &one->side->base;
    uint64_t gap = sequence - one->expected;

    if (sequence < one->expected) {
        return bench_fail(base, "message %llu came after message %llu",
                          (unsigned long long)sequence,
                          (unsigned long long)(one->expected - 1));
    }
    if (gap != 0 && !one->transport->loses) {
        return bench_fail(base, "message %llu has not come",
                          (unsigned long long)one->expected);
    }
    if (one->transport->counts && gap != lost) {
        return bench_fail(base, "%llu messages were lost, and %llu were told",
                          (unsigned long long)gap, (unsigned long long)lost);
    }
    one->expected = sequence + 1;
    return true;
}

/* Takes a message and reads all of it. */
static bool take(reader *one, fanout_head *head)
{
    size_t size = one->side->test->size_bytes;
    bench_side *base = &one->side->base;
    const unsigned char *data;
    fanout_taken taken = {0};

    if (!one->transport->take(one->side, &taken)) {
        return false;
    }
    if (taken.bytes != size) {
        return bench_fail(base, "a message has %zu bytes instead of %zu",
                          taken.bytes, size);
    }
    data = taken.data;
    memcpy(head, data, sizeof(*head));
    if (!bench_verify(data + sizeof(*head), size - sizeof(*head),
                      seed_of(head))) {
        return bench_fail(base, "message %llu is wrong at byte %zu",
                          (unsigned long long)(head->number / FANOUT_KINDS),
                          sizeof(*head) + bench_find_wrong(data + sizeof(*head),
                                                           size - sizeof(*head),
                                                           seed_of(head)));
    }
    return check_sequence(one, head->number / FANOUT_KINDS, taken.lost);
}

/* Takes messages until the last one of a stage; counts those of `kind`. */
static bool receive(reader *one, fanout_kind kind, fanout_kind end,
                    bench_samples *samples, uint64_t *count)
{
    fanout_head head = {0};
    fanout_kind found;

    do {
        if (!take(one, &head)) {
            return false;
        }
        found = (fanout_kind)(head.number % FANOUT_KINDS);
        *count += found == kind;
        if (head.time_ns != 0) {
            bench_advance(&one->side->base);
        }
        if (head.time_ns != 0 && found == kind) {
            bench_keep(samples, weft_now_ns() - head.time_ns);
        }
    } while (found != end);
    return true;
}

static bool post_finished(reader *one)
{
    return bench_require(&one->side->base, "post a semaphore",
                         weft_semaphore_post(&one->board->finished, 1));
}

static bool receive_all(reader *one)
{
    fanout_subscriber *told = one->told;
    uint64_t paced = 0;

    if (!receive(one, FANOUT_FLOOD, FANOUT_FLOOD_END, &told->flood,
                 &told->received)) {
        return false;
    }
    told->end_ns = weft_now_ns();
    return post_finished(one) &&
           receive(one, FANOUT_PACED, FANOUT_PACED_END, &told->paced, &paced) &&
           post_finished(one);
}

static bool subscribe(reader *one)
{
    uint64_t before = weft_now_ns();

    if (!one->transport->subscribe(one->side)) {
        return false;
    }
    one->told->connect_ns = weft_now_ns() - before;
    return true;
}

static bool run_subscriber_stages(reader *one)
{
    bench_crew *crew = &one->board->crew;
    bench_side *base = &one->side->base;

    return bench_arrive(crew, base) && bench_await_go(crew, base) &&
           subscribe(one) && bench_arrive(crew, base) && receive_all(one) &&
           bench_await_go(crew, base);
}

bool fanout_run_subscriber(fanout_board *board, fanout_side *side)
{
    reader one = {
        .side = side,
        .transport = bench_sys_object(board->transport),
        .board = board,
        .told = &board->subscribers[side->base.index - BENCH_FIRST_MEMBER]};
    bool done;

    memset(one.told, 0, sizeof(*one.told)); /* no first touch later */
    bench_begin_member(&board->crew, &side->base);
    if (one.transport->prepare != NULL) {
        one.transport->prepare(side);
    }
    done = run_subscriber_stages(&one);
    one.transport->leave(side);
    return done;
}

/* ------------------------------------------------------------ conductor --- */

bool fanout_run_conductor(fanout_board *board, fanout_side *side)
{
    bench_crew *crew = &board->crew;
    bench_side *base = &side->base;
    unsigned subscribers = side->test->subscribers;

    if (!bench_await_arrivals(crew, base, subscribers + 1)) {
        return false;
    }
    /* The first reading is not used. */
    bench_measure_pss(crew, base, &board->before);
    bench_measure_pss(crew, base, &board->before);
    if (!bench_go_in_turn(crew, base, subscribers)) {
        return false;
    }
    bench_measure_pss(crew, base, &board->after);
    bench_measure_idle(crew, side->test->idle_ns);
    return bench_let_leader_go(crew, base) &&
           bench_await_arrivals(crew, base, 1) &&
           bench_let_all_go(crew, base) && bench_let_leader_go(crew, base);
}
