/* SPDX-License-Identifier: MIT
 *
 * weft in `weft bench fanout`: a topic with subscribers that are lossy, and one
 * with reliable ones, through the public headers only, with the default options
 * but for those of the command line.
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft/topic.h>

#include "bench_fanout.h"

/* How long a subscriber may take to connect. */
#define CONNECT_NS UINT64_C(10000000000)

typedef struct weft_end {
    weft_publisher *publisher;
    uint64_t wakes; /* those that are in side->calls */
    weft_subscriber *subscriber;
    unsigned char message[];
} weft_end;

static void choose(char address[FANOUT_ADDRESS_BYTES])
{
    snprintf(address, FANOUT_ADDRESS_BYTES, "bench-%llx",
             (unsigned long long)weft_now_ns());
}

/* A publisher takes the name of one that has died, and gives it back. */
static void forget(const char *address)
{
    weft_publisher *publisher;

    (void)weft_publisher_open(address, NULL, &publisher, NULL);
    weft_publisher_close(&publisher);
}

static weft_end *make_end(fanout_side *side)
{
    side->state = calloc(1, sizeof(weft_end) + side->test->size_bytes);
    if (side->state == NULL) {
        bench_fail(&side->base, "out of memory");
    }
    return side->state;
}

static void close_end(fanout_side *side)
{
    weft_end *state = side->state;

    if (state != NULL) {
        weft_publisher_close(&state->publisher);
        weft_subscriber_close(&state->subscriber);
        free(state);
    }
}

static bool fail(fanout_side *side, const char *step, const weft_detail *detail)
{
    char text[BENCH_ERROR_BYTES / 2];

    weft_detail_text(detail, text, sizeof(text));
    return bench_fail(&side->base, "cannot %s: %s", step, text);
}

/* ------------------------------------------------------------ publisher --- */

static bool open_publisher(fanout_side *side)
{
    weft_publisher_options options = WEFT_PUBLISHER_OPTIONS_INIT;
    weft_end *state = make_end(side);
    weft_detail detail;

    if (state == NULL) {
        return false;
    }
    options.wait = side->test->wait;
    return weft_publisher_open(side->address, &options, &state->publisher,
                               &detail) == WEFT_OK ||
           fail(side, "open a publisher", &detail);
}

static void *reserve(fanout_side *side)
{
    weft_end *state = side->state;

    return state->message;
}

static bool publish(fanout_side *side)
{
    weft_end *state = side->state;
    weft_status status = weft_publisher_send(
        state->publisher, state->message, side->test->size_bytes, WEFT_FOREVER);

    return status == WEFT_OK || bench_fail(&side->base, "cannot publish: %s",
                                           weft_status_text(status));
}

static bool count_calls(fanout_side *side)
{
    weft_publisher_stats stats = {.size = sizeof(stats)};
    weft_end *state = side->state;
    weft_status status = weft_publisher_get_stats(state->publisher, &stats);

    if (status != WEFT_OK) {
        return bench_fail(&side->base, "cannot read what was counted: %s",
                          weft_status_text(status));
    }
    side->calls += stats.wakes - state->wakes;
    state->wakes = stats.wakes;
    return true;
}

/* ----------------------------------------------------------- subscriber --- */

static weft_status try_subscribe(fanout_side *side, const char *name,
                                 unsigned flags, weft_subscriber **subscriber,
                                 weft_detail *detail)
{
    weft_subscriber_options options = WEFT_SUBSCRIBER_OPTIONS_INIT;

    options.wait = side->test->wait;
    options.flags = flags;
    return weft_subscriber_open(name, &options, weft_after_ns(CONNECT_NS),
                                subscriber, detail);
}

/* Nobody has that name. */
static void prepare(fanout_side *side)
{
    char name[FANOUT_ADDRESS_BYTES + sizeof("-none")];
    weft_subscriber *subscriber;

    snprintf(name, sizeof(name), "%s-none", side->address);
    (void)try_subscribe(side, name, 0, &subscriber, NULL);
    weft_subscriber_close(&subscriber);
}

static bool subscribe_as(fanout_side *side, unsigned flags)
{
    weft_end *state = make_end(side);
    weft_detail detail;

    if (state == NULL) {
        return false;
    }
    return try_subscribe(side, side->address, flags, &state->subscriber,
                         &detail) == WEFT_OK ||
           fail(side, "subscribe", &detail);
}

static bool subscribe_lossy(fanout_side *side)
{
    return subscribe_as(side, 0);
}

static bool subscribe_reliable(fanout_side *side)
{
    return subscribe_as(side, WEFT_SUBSCRIBER_RELIABLE);
}

static bool take(fanout_side *side, fanout_taken *taken)
{
    weft_end *state = side->state;
    weft_publication publication = {.data = state->message,
                                    .bytes = side->test->size_bytes};
    weft_status status =
        weft_subscriber_recv(state->subscriber, &publication, WEFT_FOREVER);

    if (status != WEFT_OK) {
        return bench_fail(&side->base, "cannot receive: %s",
                          weft_status_text(status));
    }
    taken->data = state->message;
    taken->bytes = publication.bytes;
    taken->lost = publication.lost;
    return true;
}

const fanout_transport fanout_weft = {
    .name = "weft",
    .has_wait = true,
    .loses = true,
    .counts = true,
    .choose = choose,
    .forget = forget,
    .open = open_publisher,
    .reserve = reserve,
    .publish = publish,
    .count_calls = count_calls,
    .close = close_end,
    .prepare = prepare,
    .subscribe = subscribe_lossy,
    .take = take,
    .leave = close_end,
};

const fanout_transport fanout_reliable = {
    .name = "reliable",
    .has_wait = true,
    .counts = true,
    .choose = choose,
    .forget = forget,
    .open = open_publisher,
    .reserve = reserve,
    .publish = publish,
    .count_calls = count_calls,
    .close = close_end,
    .prepare = prepare,
    .subscribe = subscribe_reliable,
    .take = take,
    .leave = close_end,
};
