/* SPDX-License-Identifier: MIT
 *
 * os.h: nameless memory that one process writes and others read.
 */
#include <string.h>

#include "contract.h"

#define PAGES 3

struct object {
    weft_handle handle;
    void *base;
    size_t bytes;
};

static struct object create(void)
{
    struct object object = {.bytes = PAGES * weftos_get_facts()->page_bytes};

    REQUIRE(weftos_shm_create(object.bytes, &object.handle, &object.base,
                              NULL) == WEFT_OK);
    return object;
}

static void drop(struct object *object)
{
    weftos_shm_unmap(object->base, object->bytes);
    weftos_close(object->handle);
}

/* The object as a peer gets it: by a message. */
static weft_handle pass(const struct object *object)
{
    weft_handle ends[2];
    weftos_received received;

    contract_sockets(ends);
    CHECK_STATUS(weftos_socket_send(ends[0], "m", 1, &object->handle, 1, NULL),
                 WEFT_OK);
    REQUIRE(weftos_socket_wait(ends[1], false, WEFTOS_NONE, peer_soon(), false,
                               NULL) == WEFT_OK);
    REQUIRE(weftos_socket_recv(ends[1], &received, NULL) == WEFT_OK);
    REQUIRE(received.handle_count == 1);
    weftos_close(received.process);
    weftos_close(ends[0]);
    weftos_close(ends[1]);
    return received.handles[0];
}

static bool is_zero(const unsigned char *memory, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (memory[i] != 0) {
            return false;
        }
    }
    return true;
}

static void test_create(void)
{
    struct object object;

    check_case("new memory is zero, writable, and closed over exec");
    object = create();
    CHECK((uintptr_t)object.base % weftos_get_facts()->page_bytes == 0);
    CHECK(is_zero(object.base, object.bytes));
    peer_fill(object.base, object.bytes, 1);
    CHECK(peer_is_filled(object.base, object.bytes, 1));
    CHECK(!peer_is_passed(object.handle));
    drop(&object);
}

static void test_attach(void)
{
    struct object object;
    weft_handle theirs;
    const void *seen = NULL;

    check_case("a peer sees what was written, and what is written later");
    object = create();
    peer_fill(object.base, object.bytes, 1);
    theirs = pass(&object);
    CHECK(!peer_is_passed(theirs));
    REQUIRE(weftos_shm_attach(theirs, object.bytes, &seen, NULL) == WEFT_OK);
    CHECK(seen != object.base);
    CHECK(peer_is_filled(seen, object.bytes, 1));
    peer_fill(object.base, object.bytes, 2);
    CHECK(peer_is_filled(seen, object.bytes, 2));
    CHECK(peer_is_open(theirs));
    weftos_close(theirs);
    drop(&object);
    /* The mapping lives on, whoever else has gone. */
    CHECK(peer_is_filled(seen, object.bytes, 2));
    weftos_shm_unmap(seen, object.bytes);
}

struct errand {
    weft_handle handle;
    size_t bytes;
    void *parents; /* the address there */
};

static void write_to_attached(void *context)
{
    const struct errand *errand = context;
    const void *seen = NULL;

    if (CHECK_STATUS(
            weftos_shm_attach(errand->handle, errand->bytes, &seen, NULL),
            WEFT_OK)) {
        *(volatile unsigned char *)(uintptr_t)seen = 1;
    }
}

static void test_read_only(void)
{
    struct object object;
    struct errand errand;
    peer_process child;

    check_case("a peer that writes to attached memory dies of it");
    object = create();
    errand.handle = pass(&object);
    errand.bytes = object.bytes;
    peer_pass(errand.handle);
    child = peer_run(write_to_attached, &errand, sizeof(errand));
    CHECK(!peer_ended_well(&child));
    CHECK(is_zero(object.base, object.bytes));
    weftos_close(errand.handle);
    drop(&object);
}

static void write_to_parents(void *context)
{
    const struct errand *errand = context;

    *(volatile unsigned char *)errand->parents = 1;
}

static void test_fork(void)
{
    struct object object;
    struct errand errand = {.handle = WEFTOS_NONE};
    peer_process child;

    check_case("a forked child has no mapping of its parent's memory");
    object = create();
    errand.parents = object.base;
    child = peer_run(write_to_parents, &errand, sizeof(errand));
    CHECK(!peer_ended_well(&child) || !peer_forks);
    CHECK(is_zero(object.base, object.bytes));
    drop(&object);
}

/* -------------------------------------------------------------- refused --- */

static void check_refused(weft_handle handle, size_t bytes)
{
    const void *seen = NULL;
    weft_detail detail = {WEFT_OK, 0, NULL};
    int handles = check_open_handles();

    CHECK_STATUS(weftos_shm_attach(handle, bytes, &seen, &detail), WEFT_EPROTO);
    CHECK(detail.status == WEFT_EPROTO && detail.operation != NULL);
    CHECK_STATUS(weftos_shm_attach(handle, bytes, &seen, NULL), WEFT_EPROTO);
    CHECK(check_open_handles() == handles);
}

static void test_size(void)
{
    struct object object;
    weft_handle theirs;
    size_t page;

    check_case("memory of any other size than was said is refused");
    object = create();
    theirs = pass(&object);
    page = weftos_get_facts()->page_bytes;
    check_refused(theirs, object.bytes - page);
    check_refused(theirs, object.bytes + page);
    check_refused(theirs, page);
    check_refused(theirs, object.bytes << 20);
    CHECK(peer_is_open(theirs));
    weftos_close(theirs);
    drop(&object);
}

static void test_other_things(void)
{
    size_t page = weftos_get_facts()->page_bytes;
    weft_handle ends[2];
    weft_handle mine;
    weft_handle theirs;

    check_case("what is no memory is refused, and stays open");
    contract_sockets(ends);
    REQUIRE(weftos_bell_open(&mine, &theirs, NULL) == WEFT_OK);
    check_refused(ends[0], page);
    check_refused(mine, page);
    check_refused(theirs, page);
    check_refused(WEFTOS_NONE, page);
    CHECK(peer_is_open(ends[0]) && peer_is_open(mine) && peer_is_open(theirs));
    weftos_close(mine);
    weftos_close(theirs);
    weftos_close(ends[0]);
    weftos_close(ends[1]);
}

static void test_nothing(void)
{
    int handles = check_open_handles();

    check_case("nothing can be unmapped and closed");
    weftos_shm_unmap(NULL, weftos_get_facts()->page_bytes);
    weftos_close(WEFTOS_NONE);
    CHECK(check_open_handles() == handles);
}

void test_main(void)
{
    test_create();
    test_attach();
    test_read_only();
    test_fork();
    test_size();
    test_other_things();
    test_nothing();
}
