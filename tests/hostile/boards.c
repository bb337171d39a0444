/* SPDX-License-Identifier: MIT
 *
 * Boards that lie, and answers that are none: an inspector shows any number as
 * it is, refuses what is no board, and never waits, faults or goes beyond it.
 */
#include "attacker.h"
#include "ipc/received.h"

#include <string.h>

#include "peer.h"

#define NAME "lying"

/* An endpoint that is none, and the inspector, in one thread. */
struct liar {
    weftos_endpoint *endpoint;
    weft_handle handle;
    weft_handle socket;
    weft_handle object;
    struct wefti_board *board;
    uint64_t bytes;
    weft_inspection *inspection;
};

static void make_board(struct liar *liar, uint64_t pages)
{
    void *base = NULL;

    liar->bytes = pages * weftos_get_facts()->page_bytes;
    REQUIRE(weftos_shm_create((size_t)liar->bytes, &liar->object, &base,
                              NULL) == WEFT_OK);
    liar->board = base;
    liar->board->magic = WEFTI_MAGIC;
}

/* Up to where the answer is due. */
static void be_asked(struct liar *liar, uint64_t pages)
{
    weftos_received received;
    weftos_peer peer;
    uint64_t id;

    peer_names_begin();
    memset(liar, 0, sizeof(*liar));
    REQUIRE(weftos_process_mark(NULL, NULL, NULL) == WEFT_OK);
    make_board(liar, pages);
    REQUIRE(weftos_endpoint_open(NAME, 0600, &liar->endpoint, &liar->handle,
                                 NULL) == WEFT_OK);
    CHECK_STATUS(
        weft_inspection_open(NAME, peer_soon(), &liar->inspection, NULL, NULL),
        WEFT_OK);
    REQUIRE(weftos_endpoint_wait(liar->endpoint, peer_soon(), false, &id,
                                 NULL) == WEFT_OK);
    REQUIRE(weftos_endpoint_accept(liar->endpoint, &liar->socket, &peer,
                                   NULL) == WEFT_OK);
    REQUIRE(wefti_greeting_await(liar->socket, false, peer_soon(), &received,
                                 NULL) == WEFT_OK);
    wefti_received_drop(&received);
}

static struct wefti_greeting answer_of(const struct liar *liar)
{
    struct wefti_greeting greeting =
        wefti_greeting(WEFTI_WELCOME, WEFTI_SERVICE);

    greeting.home_bytes = liar->bytes;
    return greeting;
}

static void say(const struct liar *liar, const struct wefti_greeting *greeting,
                size_t count)
{
    const weft_handle handles[] = {liar->object, liar->object};

    CHECK(attacker_send(liar->socket, greeting, sizeof(*greeting), handles,
                        count));
}

static weft_status read(const struct liar *liar, weft_endpoint_stats *stats)
{
    stats->size = sizeof(*stats);
    return weft_inspection_read(liar->inspection, stats,
                                weft_after_ns(VICTIM_NS), NULL);
}

static void leave(struct liar *liar)
{
    weft_inspection_close(&liar->inspection);
    weftos_shm_unmap(liar->board, (size_t)liar->bytes);
    weftos_close(liar->object);
    weftos_close(liar->socket);
    weftos_endpoint_close(liar->endpoint, false);
    peer_names_end();
}

/* --------------------------------------------------------------- answers -- */

struct fault {
    const char *name;
    void (*spoil)(struct wefti_greeting *greeting);
    size_t count; /* of handles */
    uint64_t pages;
    weft_status expected;
};

static void nothing(struct wefti_greeting *greeting)
{
    (void)greeting;
}

static void unknown_pattern(struct wefti_greeting *greeting)
{
    greeting->pattern = 77;
}

static void other_kind(struct wefti_greeting *greeting)
{
    greeting->kind = WEFTI_LOOK;
}

static void other_protocol(struct wefti_greeting *greeting)
{
    greeting->protocol--;
}

static void larger(struct wefti_greeting *greeting)
{
    greeting->home_bytes *= 2;
}

static void no_size(struct wefti_greeting *greeting)
{
    greeting->home_bytes = 0;
}

static void vast(struct wefti_greeting *greeting)
{
    greeting->home_bytes = UINT64_C(1) << 63;
}

static void more(struct wefti_greeting *greeting)
{
    greeting->sequence = 1;
}

static void refusal(struct wefti_greeting *greeting)
{
    greeting->kind = WEFTI_REFUSE;
    greeting->status = WEFT_EACCES;
}

static void wrong_refusal(struct wefti_greeting *greeting)
{
    greeting->kind = WEFTI_REFUSE;
    greeting->status = WEFT_OK;
}

static const struct fault faults[] = {
    {"no handle", nothing, 0, 1, WEFT_EPROTO},
    {"two handles", nothing, 2, 1, WEFT_EPROTO},
    {"an unknown pattern", unknown_pattern, 1, 1, WEFT_EPROTO},
    {"a look", other_kind, 1, 1, WEFT_EPROTO},
    {"an older protocol", other_protocol, 1, 1, WEFT_EVERSION},
    {"a size that is not the object's", larger, 1, 1, WEFT_EPROTO},
    {"no size", no_size, 1, 1, WEFT_EPROTO},
    {"a vast size", vast, 1, 1, WEFT_EPROTO},
    {"more than belongs there", more, 1, 1, WEFT_EPROTO},
    {"a refusal", refusal, 0, 1, WEFT_EACCES},
    {"a refusal for success", wrong_refusal, 0, 1, WEFT_EPROTO},
    {"two pages", nothing, 1, 2, WEFT_OK},
};

static void answer_wrongly(const void *argument)
{
    const struct fault *fault = argument;
    weft_endpoint_stats stats;
    struct wefti_greeting greeting;
    struct liar liar;

    be_asked(&liar, fault->pages);
    greeting = answer_of(&liar);
    fault->spoil(&greeting);
    say(&liar, &greeting, fault->count);
    CHECK_STATUS(read(&liar, &stats), fault->expected);
    CHECK((stats.valid == 0) == (fault->expected != WEFT_OK));
    CHECK_STATUS(read(&liar, &stats), fault->expected); /* it stays */
    leave(&liar);
}

static void have_no_magic(const void *argument)
{
    weft_endpoint_stats stats;
    struct wefti_greeting greeting;
    struct liar liar;

    (void)argument;
    be_asked(&liar, 1);
    liar.board->magic = 0;
    greeting = answer_of(&liar);
    say(&liar, &greeting, 1);
    CHECK_STATUS(read(&liar, &stats), WEFT_EPROTO);
    leave(&liar);
}

static void keep_silent(const void *argument)
{
    uint64_t began_ns;
    weft_endpoint_stats stats;
    struct liar liar;

    (void)argument;
    be_asked(&liar, 1);
    began_ns = weft_now_ns();
    CHECK_STATUS(read(&liar, &stats), WEFT_ETIMEDOUT);
    CHECK_IN_TIME(began_ns, VICTIM_NS);
    leave(&liar);
}

/* -------------------------------------------------------------- contents -- */

/* Every word is any number at all, over and over. */
static void scribble(const void *argument)
{
    weft_endpoint_stats stats;
    struct wefti_greeting greeting;
    uint64_t random = 1;
    struct liar liar;

    (void)argument;
    be_asked(&liar, 1);
    greeting = answer_of(&liar);
    say(&liar, &greeting, 1);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t *words = (uint64_t *)(void *)liar.board;

        CHECK_STATUS(read(&liar, &stats), WEFT_OK);
        CHECK(stats.kind == WEFT_ENDPOINT_SERVICE);
        for (size_t j = 1; j < liar.bytes / sizeof(*words); j++) {
            words[j] = i % 3 == 0   ? UINT64_MAX
                       : i % 3 == 1 ? peer_random(&random)
                                    : 0;
        }
        weftos_store_relaxed(&liar.board->closed, 0);
        CHECK_STATUS(read(&liar, &stats), WEFT_OK);
        CHECK(stats.received == weftos_load_relaxed(&liar.board->received));
        CHECK(stats.depth == weftos_load_relaxed(&liar.board->depth));
    }
    weftos_store_relaxed(&liar.board->closed, UINT64_MAX);
    CHECK_STATUS(read(&liar, &stats), WEFT_ECLOSED);
    leave(&liar);
}

/* It began, and has waited for room, since tomorrow. */
static void live_in_the_future(const void *argument)
{
    weft_endpoint_stats stats;
    struct wefti_greeting greeting;
    struct liar liar;

    (void)argument;
    be_asked(&liar, 1);
    liar.board->since_ns = UINT64_MAX;
    weftos_store_relaxed(&liar.board->blocked_since_ns, UINT64_MAX);
    greeting = answer_of(&liar);
    say(&liar, &greeting, 1);
    CHECK_STATUS(read(&liar, &stats), WEFT_OK);
    CHECK(stats.age_ns == 0 && stats.blocked_ns <= 1);
    leave(&liar);
}

void test_main(void)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        hostile_case(hostile_name("an answer to a look", faults[i].name),
                     answer_wrongly, &faults[i]);
    }
    hostile_case("a board without its magic", have_no_magic, NULL);
    hostile_case("no answer", keep_silent, NULL);
    hostile_case("a board whose words are anything", scribble, NULL);
    hostile_case("a board of the future", live_in_the_future, NULL);
}
