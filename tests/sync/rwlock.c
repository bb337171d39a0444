/* SPDX-License-Identifier: MIT
 *
 * A read-write lock lets many read or one write; no side starves the other,
 * and a death of either is survived.
 */
#include <stdatomic.h>

#include "check.h"
#include "peer.h"

#define SIDES 3
#define ROUNDS 3000u
#define READERS_MOST (WEFT_RWLOCK_READERS + 2)

struct stage {
    weft_rwlock lock;
    uint64_t first; /* both are written under the lock, one after the other */
    uint64_t second;
    atomic_uint broken;
    atomic_uint reading;
    atomic_uint most;
    atomic_uint writes;
    atomic_uint reads;
    atomic_bool enough;
};

struct errand {
    struct stage *stage;
    peer_gate ready;
};

static struct errand begin(const char *property)
{
    struct errand errand = {.stage = peer_shared(sizeof(struct stage))};

    check_case(property);
    CHECK_STATUS(weft_rwlock_init(&errand.stage->lock), WEFT_OK);
    peer_gate_init(&errand.ready);
    return errand;
}

static void end(struct errand *errand)
{
    peer_gate_deinit(&errand->ready);
    peer_unshare(errand->stage, sizeof(*errand->stage));
}

static peer_process run(peer_task *task, const struct errand *errand)
{
    return peer_run(task, errand, sizeof(*errand));
}

/* ---------------------------------------------------------------- alone --- */

static void test_alone(void)
{
    weft_rwlock lock;

    check_case("many read, or one writes");
    CHECK_STATUS(weft_rwlock_init(&lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&lock), WEFT_EINVAL);
    CHECK_STATUS(weft_rwlock_read(&lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_read(&lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_write_until(&lock, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_rwlock_write_until(&lock, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_rwlock_read_until(&lock, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&lock), WEFT_EINVAL);
    CHECK_STATUS(weft_rwlock_write(&lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_read_until(&lock, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_rwlock_read_until(&lock, weft_after_ns(PEER_MS)),
                 WEFT_ETIMEDOUT);
    CHECK_STATUS(weft_rwlock_write_until(&lock, WEFT_NOW), WEFT_EAGAIN);
    CHECK_STATUS(weft_rwlock_recover(&lock), WEFT_EINVAL);
    CHECK_STATUS(weft_rwlock_unlock(&lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_write_until(&lock, WEFT_NOW), WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&lock), WEFT_OK);
    weft_rwlock_deinit(&lock);
}

/* -------------------------------------------------------------- traffic --- */

static void write_all(void *context)
{
    struct stage *stage = ((struct errand *)context)->stage;

    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK_STATUS(weft_rwlock_write_until(&stage->lock, peer_soon()),
                     WEFT_OK);
        stage->broken += stage->reading != 0 || stage->first != stage->second;
        stage->first++;
        stage->second++;
        CHECK_STATUS(weft_rwlock_unlock(&stage->lock), WEFT_OK);
    }
}

static void read_all(void *context)
{
    struct stage *stage = ((struct errand *)context)->stage;

    for (unsigned i = 0; i < ROUNDS; i++) {
        CHECK_STATUS(weft_rwlock_read_until(&stage->lock, peer_soon()),
                     WEFT_OK);
        stage->reading++;
        stage->broken += stage->first != stage->second;
        stage->reading--;
        CHECK_STATUS(weft_rwlock_unlock(&stage->lock), WEFT_OK);
    }
}

static void test_traffic(void)
{
    struct errand errand = begin("writers exclude writers and readers");
    peer_process sides[2 * SIDES];

    for (size_t i = 0; i < SIDES; i++) {
        sides[2 * i] = run(write_all, &errand);
        sides[2 * i + 1] = run(read_all, &errand);
    }
    for (unsigned i = 0; i < 2 * SIDES; i++) {
        CHECK(peer_ended_well(&sides[i]));
    }
    CHECK(errand.stage->broken == 0);
    CHECK(errand.stage->first == (uint64_t)SIDES * ROUNDS);
    end(&errand);
}

/* ----------------------------------------------------------- starvation --- */

static void write_on(void *context)
{
    struct stage *stage = ((struct errand *)context)->stage;

    while (!stage->enough) {
        CHECK_STATUS(weft_rwlock_write_until(&stage->lock, peer_soon()),
                     WEFT_OK);
        stage->writes++;
        CHECK_STATUS(weft_rwlock_unlock(&stage->lock), WEFT_OK);
    }
}

static void read_on(void *context)
{
    struct stage *stage = ((struct errand *)context)->stage;

    while (!stage->enough) {
        CHECK_STATUS(weft_rwlock_read_until(&stage->lock, peer_soon()),
                     WEFT_OK);
        stage->reads++;
        CHECK_STATUS(weft_rwlock_unlock(&stage->lock), WEFT_OK);
    }
}

/* One of a side against many of the other one, which never let go. */
static void test_starvation(const char *property, peer_task *many,
                            peer_task *one)
{
    struct errand errand = begin(property);
    atomic_uint *turns =
        one == read_on ? &errand.stage->reads : &errand.stage->writes;
    peer_process sides[SIDES + 1];
    uint64_t late = peer_soon();

    for (unsigned i = 0; i < SIDES; i++) {
        sides[i] = run(many, &errand);
    }
    sides[SIDES] = run(one, &errand);
    while (*turns < 50 && weft_now_ns() < late) {
    }
    CHECK(*turns >= 50);
    errand.stage->enough = true;
    for (unsigned i = 0; i <= SIDES; i++) {
        CHECK(peer_ended_well(&sides[i]));
    }
    end(&errand);
}

/* --------------------------------------------------------------- deaths --- */

static void hold_reading(void *context)
{
    struct errand *errand = context;

    CHECK_STATUS(weft_rwlock_read(&errand->stage->lock), WEFT_OK);
    peer_gate_open(&errand->ready);
    peer_await_kill();
}

static void hold_writing(void *context)
{
    struct errand *errand = context;

    CHECK_STATUS(weft_rwlock_write(&errand->stage->lock), WEFT_OK);
    peer_gate_open(&errand->ready);
    peer_await_kill();
}

static void write_once(void *context)
{
    struct errand *errand = context;
    weft_status status =
        weft_rwlock_write_until(&errand->stage->lock, peer_soon());

    if (CHECK_STATUS(status, WEFT_OK)) {
        CHECK_STATUS(weft_rwlock_unlock(&errand->stage->lock), WEFT_OK);
    }
}

static void read_once(void *context)
{
    struct errand *errand = context;
    weft_status status =
        weft_rwlock_read_until(&errand->stage->lock, peer_soon());

    if (CHECK(status == WEFT_OK || status == WEFT_EOWNERDEAD)) {
        if (status == WEFT_EOWNERDEAD) {
            errand->stage->writes++;
            CHECK_STATUS(weft_rwlock_recover(&errand->stage->lock), WEFT_OK);
        }
        CHECK_STATUS(weft_rwlock_unlock(&errand->stage->lock), WEFT_OK);
    }
}

static void test_dead_readers(void)
{
    struct errand errand = begin("readers that die read no longer");
    peer_process readers[SIDES];
    peer_process writer;

    for (unsigned i = 0; i < SIDES; i++) {
        readers[i] = run(hold_reading, &errand);
        CHECK(peer_gate_pass(&errand.ready));
    }
    peer_kill(&readers[0]);
    CHECK_STATUS(weft_rwlock_write_until(&errand.stage->lock, WEFT_NOW),
                 WEFT_EAGAIN);
    writer = run(write_once, &errand);
    CHECK(peer_await_asleep(&writer));
    for (unsigned i = 1; i < SIDES; i++) {
        peer_kill(&readers[i]);
    }
    CHECK(peer_ended_well(&writer));
    CHECK_STATUS(weft_rwlock_write_until(&errand.stage->lock, WEFT_NOW),
                 WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&errand.stage->lock), WEFT_OK);
    end(&errand);
}

static void test_dead_writer(void)
{
    struct errand errand = begin("a dead writer is told of, once");
    peer_process readers[SIDES];
    peer_process writer = run(hold_writing, &errand);

    CHECK(peer_gate_pass(&errand.ready));
    for (unsigned i = 0; i < SIDES; i++) {
        readers[i] = run(read_once, &errand);
        CHECK(peer_await_asleep(&readers[i]));
    }
    peer_kill(&writer);
    for (unsigned i = 0; i < SIDES; i++) {
        CHECK(peer_ended_well(&readers[i]));
    }
    CHECK(errand.stage->writes == 1);

    check_case("a lock that is not recovered is lost to both sides");
    writer = run(hold_writing, &errand);
    CHECK(peer_gate_pass(&errand.ready));
    peer_kill(&writer);
    CHECK_STATUS(weft_rwlock_read(&errand.stage->lock), WEFT_EOWNERDEAD);
    CHECK_STATUS(weft_rwlock_unlock(&errand.stage->lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_read(&errand.stage->lock), WEFT_ENOTRECOVERABLE);
    CHECK_STATUS(weft_rwlock_write(&errand.stage->lock), WEFT_ENOTRECOVERABLE);
    end(&errand);
}

static void test_dead_drainer(void)
{
    struct errand errand =
        begin("a writer that dies while it waits has changed nothing");
    peer_process reader = run(hold_reading, &errand);
    peer_process writer;

    CHECK(peer_gate_pass(&errand.ready));
    writer = run(write_once, &errand);
    CHECK(peer_await_asleep(&writer));
    peer_kill(&writer);
    CHECK_STATUS(weft_rwlock_write_until(&errand.stage->lock, WEFT_NOW),
                 WEFT_EAGAIN);
    peer_kill(&reader);
    CHECK_STATUS(weft_rwlock_write_until(&errand.stage->lock, peer_soon()),
                 WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&errand.stage->lock), WEFT_OK);
    end(&errand);
}

/* The survivor reads already when the writer dies, and reads once more. */
static void test_dead_drainer_and_reader(void)
{
    struct errand errand =
        begin("who reads may read on when a waiting writer dies");
    peer_process writer;

    CHECK_STATUS(weft_rwlock_read(&errand.stage->lock), WEFT_OK);
    writer = run(write_once, &errand);
    CHECK(peer_await_asleep(&writer));
    peer_kill(&writer);
    CHECK_STATUS(weft_rwlock_read_until(&errand.stage->lock, WEFT_NOW),
                 WEFT_OK);
    writer = run(write_once, &errand);
    CHECK(peer_await_asleep(&writer));
    peer_kill(&writer);
    CHECK_STATUS(weft_rwlock_read_until(&errand.stage->lock, peer_soon()),
                 WEFT_OK);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_STATUS(weft_rwlock_unlock(&errand.stage->lock), WEFT_OK);
    }
    CHECK_STATUS(weft_rwlock_write_until(&errand.stage->lock, peer_soon()),
                 WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&errand.stage->lock), WEFT_OK);
    end(&errand);
}

/* ------------------------------------------------------------ time-outs --- */

static void write_in_vain(void *context)
{
    struct errand *errand = context;

    CHECK_STATUS(weft_rwlock_write_until(&errand->stage->lock,
                                         weft_after_ns(20 * PEER_MS)),
                 WEFT_ETIMEDOUT);
}

static void test_late_writer(void)
{
    struct errand errand =
        begin("a writer that gives up leaves nobody asleep at a free lock");
    peer_process sleepers[3];
    peer_process late;

    CHECK_STATUS(weft_rwlock_write(&errand.stage->lock), WEFT_OK);
    for (unsigned i = 0; i < 3; i++) {
        sleepers[i] = run(i == 0 ? write_once : read_once, &errand);
        CHECK(peer_await_asleep(&sleepers[i]));
    }
    late = run(write_in_vain, &errand);
    CHECK(peer_ended_well(&late));
    CHECK_STATUS(weft_rwlock_unlock(&errand.stage->lock), WEFT_OK);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(peer_ended_well(&sleepers[i]));
    }
    end(&errand);
}

/* ------------------------------------------------------------ many more --- */

static void read_along(void *context)
{
    struct errand *errand = context;

    CHECK_STATUS(weft_rwlock_read_until(&errand->stage->lock, peer_soon()),
                 WEFT_OK);
    errand->stage->reading++;
    peer_gate_open(&errand->ready);
    while (!errand->stage->enough) {
        CHECK_STATUS(weft_rwlock_unlock(&errand->stage->lock), WEFT_OK);
        CHECK_STATUS(weft_rwlock_read_until(&errand->stage->lock, peer_soon()),
                     WEFT_OK);
    }
    CHECK_STATUS(weft_rwlock_unlock(&errand->stage->lock), WEFT_OK);
}

static void test_many_readers(void)
{
    struct errand errand = begin("more processes read than have a place");
    peer_process readers[READERS_MOST];

    for (unsigned i = 0; i < READERS_MOST; i++) {
        readers[i] = run(read_along, &errand);
        CHECK(peer_gate_pass(&errand.ready));
    }
    errand.stage->enough = true;
    for (unsigned i = 0; i < READERS_MOST; i++) {
        CHECK(peer_ended_well(&readers[i]));
    }

    check_case("places of the dead are taken over");
    CHECK_STATUS(weft_rwlock_write_until(&errand.stage->lock, peer_soon()),
                 WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&errand.stage->lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_read(&errand.stage->lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_read_until(&errand.stage->lock, WEFT_NOW),
                 WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&errand.stage->lock), WEFT_OK);
    CHECK_STATUS(weft_rwlock_unlock(&errand.stage->lock), WEFT_OK);
    end(&errand);
}

void test_main(void)
{
    test_alone();
    test_dead_readers();
    test_dead_writer();
    test_dead_drainer();
    test_dead_drainer_and_reader();
    test_late_writer();
    test_traffic();
    test_starvation("writers don't starve a reader", write_on, read_on);
    test_starvation("readers don't starve a writer", read_on, write_on);
    test_many_readers();
}
