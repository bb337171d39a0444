/* SPDX-License-Identifier: MIT
 *
 * os.h: sets. The handles are those of exposed waiters, which are ready when
 * they are told to be.
 */
#include "contract.h"

#define MEMBERS 100

static weftos_set *set;

static struct member {
    weft_handle bell[2];
    weft_handle sockets[2];
    weftos_waiter *waiter;
    weft_handle handle;
} members[MEMBERS];

static void open_member(struct member *member)
{
    REQUIRE(weftos_bell_open(&member->bell[0], &member->bell[1], NULL) ==
            WEFT_OK);
    contract_sockets(member->sockets);
    REQUIRE(weftos_waiter_open(member->bell[0], member->sockets[0], WEFTOS_NONE,
                               &member->waiter, NULL) == WEFT_OK);
    REQUIRE(weftos_waiter_expose(member->waiter, false, &member->handle,
                                 NULL) == WEFT_OK);
}

static void close_member(struct member *member)
{
    weftos_waiter_close(member->waiter);
    weftos_close(member->bell[0]);
    weftos_close(member->bell[1]);
    weftos_close(member->sockets[0]);
    weftos_close(member->sockets[1]);
}

static void set_ready(const struct member *member, bool ready)
{
    weft_handle handle;
    unsigned events;

    CHECK_STATUS(weftos_waiter_expose(member->waiter, ready, &handle, NULL),
                 WEFT_OK);
    /* What made it ready before is collected. */
    CHECK_STATUS(
        weftos_waiter_wait(member->waiter, WEFT_NOW, false, &events, NULL),
        WEFT_OK);
}

/* Waits until there is news; WEFT_OK for no reason does not count. */
static weft_status next_news(weftos_news *news, size_t room, size_t *count,
                             uint64_t deadline_ns)
{
    weft_status status = WEFT_OK;

    *count = 0;
    for (unsigned i = 0; i < CONTRACT_EARLY_MOST && status == WEFT_OK; i++) {
        status =
            weftos_set_wait(set, deadline_ns, false, news, room, count, NULL);
        if (*count > 0) {
            break;
        }
    }
    return status;
}

static weft_status wait_for_any(void *context, uint64_t deadline_ns)
{
    weftos_news news[4];
    size_t count;

    (void)context;
    return next_news(news, 4, &count, deadline_ns);
}

static weft_status wait_for_wake(void *context, uint64_t deadline_ns)
{
    weftos_news news[4];
    size_t count;

    (void)context;
    return weftos_set_wait(set, deadline_ns, false, news, 4, &count, NULL);
}

static void add(unsigned i)
{
    CHECK_STATUS(weftos_set_add(set, members[i].handle, WEFTOS_READ, i, NULL),
                 WEFT_OK);
}

static void take_out(unsigned i)
{
    weftos_set_remove(set, members[i].handle, WEFTOS_READ, i);
}

/* Is this one ready, and no other? */
static bool only(unsigned wanted)
{
    weftos_news news[4];
    size_t count;

    return next_news(news, 4, &count, peer_soon()) == WEFT_OK && count == 1 &&
           news[0].id == wanted && news[0].events == WEFTOS_READ;
}

static void test_levels(void)
{
    check_case("a handle that is ready is told again and again");
    add(0);
    add(1);
    set_ready(&members[0], true);
    for (unsigned i = 0; i < 5; i++) {
        CHECK(only(0));
    }
    check_case("one that is ready no more is not told");
    set_ready(&members[0], false);
    contract_deadlines(wait_for_any, NULL);
    check_case("it may become ready again");
    set_ready(&members[0], true);
    CHECK(only(0));
    set_ready(&members[0], false);
    set_ready(&members[1], true);
    CHECK(only(1));
    check_case("one that is removed is told no more, ready or not");
    take_out(1);
    CHECK_STATUS(wait_for_any(NULL, WEFT_NOW), WEFT_EAGAIN);
    add(1);
    CHECK(only(1));
    set_ready(&members[1], false);
    take_out(0);
    take_out(1);
}

static void test_wakes(void)
{
    contract_sleeper sleeper;

    check_case("a wake ends the wait in progress");
    contract_sleep(&sleeper, wait_for_wake, NULL, peer_soon());
    weftos_set_wake(set);
    CHECK_STATUS(contract_woken(&sleeper), WEFT_OK);
    check_case("or the next one, and no other");
    weftos_set_wake(set);
    weftos_set_wake(set);
    CHECK_STATUS(wait_for_wake(NULL, peer_soon()), WEFT_OK);
    CHECK_STATUS(wait_for_any(NULL, WEFT_NOW), WEFT_EAGAIN);
}

/* The first half is ready: so is whoever comes last, in time. */
static void test_many(void)
{
    bool seen[MEMBERS] = {false};
    unsigned left = MEMBERS / 2;

    check_case("many are told in turn, few at a time");
    for (unsigned i = 0; i < MEMBERS; i++) {
        add(i);
        set_ready(&members[i], i < MEMBERS / 2);
    }
    for (unsigned i = 0; i < 10 * MEMBERS && left > 0; i++) {
        weftos_news news[7];
        size_t count;

        CHECK_STATUS(next_news(news, 7, &count, peer_soon()), WEFT_OK);
        for (size_t n = 0; n < count; n++) {
            REQUIRE(news[n].id < MEMBERS / 2);
            left -= !seen[news[n].id];
            seen[news[n].id] = true;
        }
    }
    CHECK(left == 0);
    for (unsigned i = 0; i < MEMBERS; i++) {
        set_ready(&members[i], false);
    }
    /* That some were ready may have been noted already. */
    for (unsigned i = 0; i < MEMBERS; i++) {
        (void)wait_for_any(NULL, WEFT_NOW);
    }
    CHECK_STATUS(wait_for_any(NULL, WEFT_NOW), WEFT_EAGAIN);
    weftos_set_close(set);
    weftos_set_close(NULL);
}

void test_main(void)
{
    weft_detail detail;

    for (unsigned i = 0; i < MEMBERS; i++) {
        open_member(&members[i]);
    }
    REQUIRE(weftos_set_open(&set, &detail) == WEFT_OK);
    check_case("an empty set waits");
    contract_deadlines(wait_for_any, NULL);
    test_levels();
    test_wakes();
    test_many();
    for (unsigned i = 0; i < MEMBERS; i++) {
        close_member(&members[i]);
    }
}
