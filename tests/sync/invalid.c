/* SPDX-License-Identifier: MIT
 *
 * Memory that holds no object is refused by every call, whatever is in it.
 */
#include <string.h>

#include "check.h"
#include "peer.h"

/* Room for any object, and for one that is not aligned. */
union room {
    weft_mutex mutex;
    weft_condition condition;
    weft_semaphore semaphore;
    weft_event event;
    weft_rwlock rwlock;
    unsigned char bytes[sizeof(weft_rwlock) + 8];
};

/* Every call on an object in this memory; the mutex that a condition takes. */
static void check_refused(void *at, weft_mutex *mutex)
{
    uint32_t value = 0;

    CHECK_STATUS(weft_mutex_lock(at), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_try_lock(at), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_unlock(at), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_recover(at), WEFT_EINVAL);
    CHECK_STATUS(weft_condition_wait(at, mutex), WEFT_EINVAL);
    CHECK_STATUS(weft_condition_wait_until(at, mutex, WEFT_NOW), WEFT_EINVAL);
    CHECK_STATUS(weft_condition_signal(at), WEFT_EINVAL);
    CHECK_STATUS(weft_condition_broadcast(at), WEFT_EINVAL);
    CHECK_STATUS(weft_semaphore_wait(at), WEFT_EINVAL);
    CHECK_STATUS(weft_semaphore_try_wait(at), WEFT_EINVAL);
    CHECK_STATUS(weft_semaphore_post(at, 1), WEFT_EINVAL);
    CHECK_STATUS(weft_semaphore_get_value(at, &value), WEFT_EINVAL);
    CHECK_STATUS(weft_event_wait(at), WEFT_EINVAL);
    CHECK_STATUS(weft_event_set(at), WEFT_EINVAL);
    CHECK_STATUS(weft_event_reset(at), WEFT_EINVAL);
    CHECK_STATUS(weft_rwlock_read(at), WEFT_EINVAL);
    CHECK_STATUS(weft_rwlock_write(at), WEFT_EINVAL);
    CHECK_STATUS(weft_rwlock_unlock(at), WEFT_EINVAL);
    CHECK_STATUS(weft_rwlock_recover(at), WEFT_EINVAL);
    weft_mutex_deinit(at);
    weft_condition_deinit(at);
    weft_semaphore_deinit(at);
    weft_event_deinit(at);
    weft_rwlock_deinit(at);
}

static void test_memory(weft_mutex *mutex)
{
    union room room;
    uint64_t seed = 1;

    check_case("nowhere is no object");
    check_refused(NULL, mutex);

    check_case("zeroed memory, and memory of all ones, is no object");
    memset(&room, 0, sizeof(room));
    check_refused(&room, mutex);
    memset(&room, 0xff, sizeof(room));
    check_refused(&room, mutex);

    check_case("garbage is no object");
    for (unsigned i = 0; i < 200; i++) {
        peer_fill(&room, sizeof(room), peer_random(&seed));
        check_refused(&room, mutex);
    }

    check_case("an object that is not aligned is none");
    CHECK_STATUS(weft_mutex_init((void *)(room.bytes + 4)), WEFT_EINVAL);
    CHECK_STATUS(weft_rwlock_init((void *)(room.bytes + 1)), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_init(NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_rwlock_init(NULL), WEFT_EINVAL);
    check_refused(room.bytes + 4, mutex);
}

static void test_kinds(weft_mutex *mutex)
{
    union room room;

    check_case("an object of one kind is none of another kind");
    CHECK_STATUS(weft_semaphore_init(&room.semaphore, 1), WEFT_OK);
    CHECK_STATUS(weft_mutex_try_lock(&room.mutex), WEFT_EINVAL);
    CHECK_STATUS(weft_event_set(&room.event), WEFT_EINVAL);
    CHECK_STATUS(weft_condition_signal(&room.condition), WEFT_EINVAL);
    CHECK_STATUS(weft_rwlock_unlock(&room.rwlock), WEFT_EINVAL);
    weft_mutex_deinit(&room.mutex);
    CHECK_STATUS(weft_semaphore_try_wait(&room.semaphore), WEFT_OK);

    check_case("what was ended is no object");
    weft_semaphore_deinit(&room.semaphore);
    check_refused(&room, mutex);

    check_case("an object of another layout version is none");
    CHECK_STATUS(weft_mutex_init(&room.mutex), WEFT_OK);
    room.mutex.reserved[0] ^= 2; /* the version is in the lowest byte */
    check_refused(&room, mutex);
}

static void test_arguments(weft_mutex *mutex)
{
    weft_semaphore semaphore;
    weft_condition condition;
    weft_event event;

    check_case("a semaphore's value and an event's flags are checked");
    CHECK_STATUS(weft_semaphore_init(&semaphore, WEFT_SEMAPHORE_MAX + 1),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_event_init(&event, 4), WEFT_EINVAL);

    check_case("a condition takes a mutex that the caller holds");
    CHECK_STATUS(weft_condition_init(&condition), WEFT_OK);
    CHECK_STATUS(weft_condition_wait(&condition, mutex), WEFT_EINVAL);
    CHECK_STATUS(weft_condition_wait_until(&condition, mutex, WEFT_NOW),
                 WEFT_EINVAL);
    CHECK_STATUS(weft_condition_wait(&condition, NULL), WEFT_EINVAL);
    CHECK_STATUS(weft_mutex_try_lock(mutex), WEFT_OK);
    CHECK_STATUS(weft_condition_wait_until(&condition, mutex, WEFT_NOW),
                 WEFT_EAGAIN);
    CHECK_STATUS(weft_mutex_unlock(mutex), WEFT_OK);
}

/*
 * Of an object that was scribbled on nothing is promised but that its calls
 * come back; those with a deadline, by then.
 */
static void test_scribbled(void)
{
    union room room;
    uint64_t seed = 3;

    check_case("calls on scribbled objects come back");
    for (unsigned i = 0; i < 300; i++) {
        /* The first word says what it is, and is left alone. */
        uint64_t head;

        memset(&room, 0, sizeof(room));
        switch (i % 4) {
        case 0:
            CHECK_STATUS(weft_mutex_init(&room.mutex), WEFT_OK);
            break;
        case 1:
            CHECK_STATUS(weft_semaphore_init(&room.semaphore, 0), WEFT_OK);
            break;
        case 2:
            CHECK_STATUS(weft_event_init(&room.event, 0), WEFT_OK);
            break;
        default:
            CHECK_STATUS(weft_condition_init(&room.condition), WEFT_OK);
            break;
        }
        head = room.mutex.reserved[0];
        peer_fill(&room, sizeof(room.mutex), peer_random(&seed));
        room.mutex.reserved[0] = head;
        (void)weft_mutex_lock_until(&room.mutex, weft_after_ns(PEER_MS));
        (void)weft_mutex_unlock(&room.mutex);
        (void)weft_semaphore_wait_until(&room.semaphore,
                                        weft_after_ns(PEER_MS));
        (void)weft_semaphore_post(&room.semaphore, 1);
        (void)weft_event_wait_until(&room.event, weft_after_ns(PEER_MS));
        (void)weft_event_set(&room.event);
        (void)weft_condition_signal(&room.condition);
        (void)weft_condition_broadcast(&room.condition);
        CHECK(room.mutex.reserved[0] == head);
    }
}

void test_main(void)
{
    weft_mutex mutex;

    CHECK_STATUS(weft_mutex_init(&mutex), WEFT_OK);
    test_memory(&mutex);
    test_kinds(&mutex);
    test_arguments(&mutex);
    test_scribbled();
}
