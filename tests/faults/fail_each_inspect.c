/* SPDX-License-Identifier: MIT
 *
 * Fails every call to the operating system that an inspection makes, and the
 * list of names, one at a time and in each of its ways, on both sides: the
 * publisher that is inspected has its thread in this process. Whatever fails is
 * told, or done without; the next one goes well; and nothing is kept.
 */
#include "check.h"
#include "os/fake/fake.h"
#include "peer.h"
#include "sides.h"

#define NAME "fail"
/* What a wait that a failure has made hopeless may take. */
#define PATIENCE_NS (WEFT_TEST_TIME_SCALE * UINT64_C(500000000))

static unsigned names;
static bool can_list;

static int count(void *context, const weft_name *name)
{
    (void)context;
    CHECK(name->kind == WEFT_NAME_ENDPOINT);
    names++;
    return 0;
}

/* False: something has failed, as the status and the detail say. */
static bool is_well(weft_status status, const weft_detail *detail)
{
    CHECK(status == WEFT_OK || detail->status == status);
    return status == WEFT_OK;
}

static bool look(weft_inspection **inspection)
{
    weft_endpoint_stats stats = {.size = sizeof(stats)};
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_status status = weft_inspection_open(NAME, weft_after_ns(PATIENCE_NS),
                                              inspection, NULL, &detail);

    CHECK((*inspection != NULL) == (status == WEFT_OK));
    if (!is_well(status, &detail) ||
        !is_well(weft_inspection_read(*inspection, &stats,
                                      weft_after_ns(PATIENCE_NS), &detail),
                 &detail)) {
        return false;
    }
    CHECK(stats.kind == WEFT_ENDPOINT_PUBLISHER && stats.sent == 1);
    status = weft_inspection_wait(*inspection, weft_after_ns(1), &detail);
    if (status != WEFT_ETIMEDOUT) {
        CHECK(detail.status == status && fake_failed_operation() != NULL);
        return false;
    }
    return is_well(weft_inspection_read(*inspection, &stats, WEFT_NOW, &detail),
                   &detail);
}

/* False: something has failed. */
static bool go_through(void)
{
    weft_publisher *publisher = NULL;
    weft_inspection *inspection = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};
    bool is_through =
        is_well(weft_publisher_open(NAME, NULL, &publisher, &detail), &detail);

    is_through = is_through &&
                 weft_publisher_send(publisher, "x", 1, WEFT_NOW) == WEFT_OK;
    names = 0;
    if (is_through && can_list) {
        is_through = is_well(weft_names_each(count, NULL, &detail), &detail);
        CHECK(!is_through || names == 1);
    }
    is_through = is_through && look(&inspection);
    weft_publisher_close(&publisher);
    weft_inspection_close(&inspection);
    return is_through;
}

/* Returns how many ways the failed call has; 0: the script has ended before. */
static unsigned fail(uint64_t number, unsigned variant)
{
    struct sides_holdings before = sides_hold();
    int64_t live = fake_live_allocations();
    unsigned variants;

    fake_fail_at(number, variant);
    if (!go_through()) {
        CHECK(fake_failed_operation() != NULL);
        CHECK(go_through());
    }
    variants = fake_failed_variants();
    fake_reset();
    CHECK(fake_live_allocations() == live);
    sides_check_holdings(&before);
    return variants;
}

void test_main(void)
{
    uint64_t number = 1;
    unsigned variants;

    peer_names_begin();
    can_list = weft_names_each(count, NULL, NULL) != WEFT_ENOTSUP;
    check_case("each call of an inspection fails once");
    (void)fail(0, 0); /* what is made once is kept */
    do {
        variants = fail(number, 0);
        for (unsigned i = 1; i < variants; i++) {
            (void)fail(number, i);
        }
        number++;
    } while (variants > 0);
    CHECK(number > 20);
    CHECK(sides_names_are_clean(NAME));
    peer_names_end();
}
