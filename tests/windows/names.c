/* SPDX-License-Identifier: MIT
 *
 * Names of pipes: they ignore case; and a pipe outlives its listener by the
 * connections that it has, which keeps nobody from listening anew.
 *
 * Wine makes a first instance of a pipe that is there, and Windows does not: so
 * the cases about that are run with a CreateNamedPipeW that refuses it.
 */
#include "os/windows/win.h"

#include <pthread.h>

#include "imports.h"
#include "os/contract.h"

typedef HANDLE WINAPI create_call(const wchar_t *name, DWORD open_mode,
                                  DWORD pipe_mode, DWORD most, DWORD out,
                                  DWORD in, DWORD wait_ms,
                                  SECURITY_ATTRIBUTES *access);

extern create_call *__imp_CreateNamedPipeW;

static create_call *real_create;
static DWORD joined_with; /* the mode of the last instance that was not first */

static HANDLE WINAPI create_otherwise(const wchar_t *name, DWORD open_mode,
                                      DWORD pipe_mode, DWORD most, DWORD out,
                                      DWORD in, DWORD wait_ms,
                                      SECURITY_ATTRIBUTES *access)
{
    if ((open_mode & FILE_FLAG_FIRST_PIPE_INSTANCE) != 0) {
        SetLastError(ERROR_ACCESS_DENIED);
        return INVALID_HANDLE_VALUE;
    }
    joined_with = open_mode;
    return real_create(name, open_mode, pipe_mode, most, out, in, wait_ms,
                       access);
}

static weftos_endpoint *listen_at(const char *name)
{
    weftos_endpoint *endpoint;
    weft_handle ready;

    REQUIRE(weftos_endpoint_open(name, 0600, &endpoint, &ready, NULL) ==
            WEFT_OK);
    return endpoint;
}

static weft_status connect_to(const char *name, uint64_t deadline_ns,
                              weft_handle *socket)
{
    weftos_peer peer;

    *socket = WEFTOS_NONE;
    return weftos_endpoint_connect(name, false, deadline_ns, false, socket,
                                   &peer, NULL);
}

static weft_handle take(weftos_endpoint *endpoint)
{
    weft_handle socket = WEFTOS_NONE;
    weftos_peer peer;
    uint64_t id;

    REQUIRE(weftos_endpoint_wait(endpoint, peer_soon(), false, &id, NULL) ==
            WEFT_OK);
    REQUIRE(weftos_endpoint_accept(endpoint, &socket, &peer, NULL) == WEFT_OK);
    return socket;
}

/* ----------------------------------------------------------------- case - */

static void *await_upper(void *socket)
{
    weftos_peer peer;

    CHECK_STATUS(weftos_endpoint_connect("CASE", true, peer_soon(), false,
                                         socket, &peer, NULL),
                 WEFT_OK);
    return NULL;
}

static void test_case(void)
{
    weftos_endpoint *endpoint;
    weftos_endpoint *second;
    weft_handle socket = WEFTOS_NONE;
    weft_handle ready;
    pthread_t thread;

    check_case("one name in two cases is one name");
    REQUIRE(pthread_create(&thread, NULL, await_upper, &socket) == 0);
    Sleep(50);
    endpoint = listen_at("case");
    CHECK_STATUS(weftos_endpoint_open("Case", 0600, &second, &ready, NULL),
                 WEFT_EINUSE);
    CHECK(pthread_join(thread, NULL) == 0);
    weftos_close(socket);
    weftos_endpoint_close(endpoint, false);
}

/* ---------------------------------------------------------------- crowd - */

/* More than there are events for those who wait. */
#define CROWD 80u

static void *await_crowded(void *socket)
{
    weftos_peer peer;

    CHECK_STATUS(weftos_endpoint_connect("crowded", true, peer_soon(), false,
                                         socket, &peer, NULL),
                 WEFT_OK);
    return NULL;
}

static void test_crowd(void)
{
    pthread_t threads[CROWD];
    weft_handle sockets[CROWD];
    weftos_endpoint *endpoint;
    weft_handle late;
    weftos_peer peer;
    uint64_t began;

    check_case("any number of clients can wait for a name");
    for (unsigned i = 0; i < CROWD; i++) {
        sockets[i] = WEFTOS_NONE;
        REQUIRE(pthread_create(&threads[i], NULL, await_crowded, &sockets[i]) ==
                0);
    }
    Sleep(50);
    began = weft_now_ns();
    CHECK_STATUS(weftos_endpoint_connect("crowded", true, began + 15 * PEER_MS,
                                         false, &late, &peer, NULL),
                 WEFT_ETIMEDOUT);
    CHECK(weft_now_ns() >= began + 15 * PEER_MS);
    endpoint = listen_at("crowded");
    for (unsigned i = 0; i < CROWD; i++) {
        weftos_close(take(endpoint));
    }
    for (unsigned i = 0; i < CROWD; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        weftos_close(sockets[i]);
    }
    weftos_endpoint_close(endpoint, false);
}

/* ------------------------------------------------------------- survivors - */

static void test_survivor(void)
{
    weftos_endpoint *endpoint = listen_at("left");
    weft_handle ours;
    weft_handle theirs;
    weft_handle late;
    uint64_t began;

    check_case("a name whose listener has left a connection has no listener");
    REQUIRE(connect_to("left", peer_soon(), &theirs) == WEFT_OK);
    ours = take(endpoint);
    weftos_endpoint_close(endpoint, false);
    began = weft_now_ns();
    CHECK_STATUS(connect_to("left", WEFT_FOREVER, &late), WEFT_ENOENT);
    CHECK(weft_now_ns() - began < CONTRACT_LATE_NS);

    check_case("who listens there next joins the pipe, and makes it its own");
    IMPORT_SET(__imp_CreateNamedPipeW, create_otherwise);
    endpoint = listen_at("left");
    IMPORT_SET(__imp_CreateNamedPipeW, real_create);
    CHECK((joined_with & WRITE_DAC) != 0);
    REQUIRE(connect_to("left", peer_soon(), &late) == WEFT_OK);
    weftos_close(take(endpoint));
    weftos_close(late);
    weftos_close(ours);
    weftos_close(theirs);
    weftos_endpoint_close(endpoint, false);
}

void test_main(void)
{
    real_create = __imp_CreateNamedPipeW;
    peer_names_begin();
    test_case();
    test_crowd();
    test_survivor();
    peer_names_end();
}
