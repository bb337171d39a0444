/* SPDX-License-Identifier: MIT
 *
 * A flood of messages of no bytes delays nobody beyond its deadline.
 *
 * Under Wine a read of no bytes takes such a message out of the pipe. By the
 * sources of ReactOS, whose pipes follow Windows, it ends at once, takes
 * nothing, and goes on to do so. So each case is run once more with a ReadFile
 * that behaves like that.
 */
#include "wire_windows.h"

#include <pthread.h>
#include <stdatomic.h>

#include "peer.h"
#include "windows/imports.h"

/* ------------------------------------------------------- the other system - */

typedef BOOL WINAPI read_call(HANDLE file, void *buffer, DWORD bytes,
                              DWORD *got, OVERLAPPED *io);

extern read_call *__imp_ReadFile;

static read_call *real_read;
static atomic_int unread; /* empty messages, about so many */

/* One more reads them than the system knows: it has none if it would wait. */
static BOOL WINAPI read_otherwise(HANDLE file, void *buffer, DWORD bytes,
                                  DWORD *got, OVERLAPPED *io)
{
    BOOL ended;

    if (bytes == 0 && unread > 0) {
        io->Internal = 0;
        io->InternalHigh = 0;
        (void)SetEvent(io->hEvent);
        return TRUE;
    }
    ended = real_read(file, buffer, bytes, got, io);
    if (bytes > 0 && ended && io->InternalHigh == 0) {
        unread--;
    } else if (bytes > 0 && !ended && GetLastError() == ERROR_IO_PENDING) {
        unread = 0;
        SetLastError(ERROR_IO_PENDING);
    }
    return ended;
}

static void begin(const bool *otherwise)
{
    if (*otherwise) {
        real_read = __imp_ReadFile;
        IMPORT_SET(__imp_ReadFile, read_otherwise);
    }
}

/* ---------------------------------------------------------------- floods -- */

#define FLOOD_MOST 300000
#define HANDSHAKE_NS UINT64_C(100000000)

struct flood {
    weft_handle socket;
    atomic_bool stop;
    unsigned written;
    pthread_t thread;
};

static void *write_empties(void *argument)
{
    struct flood *flood = argument;

    while (!flood->stop && flood->written < FLOOD_MOST) {
        unread++;
        if (!attacker_write(flood->socket, "", 0)) {
            unread--;
            break;
        }
        flood->written++;
        if (flood->written % 16 == 0) {
            (void)SwitchToThread();
        }
    }
    return NULL;
}

static void begin_flood(struct flood *flood, weft_handle socket)
{
    *flood = (struct flood){.socket = socket};
    REQUIRE(pthread_create(&flood->thread, NULL, write_empties, flood) == 0);
}

static void end_flood(struct flood *flood)
{
    flood->stop = true;
    CHECK(pthread_join(flood->thread, NULL) == 0);
    CHECK(flood->written > 0);
}

static bool is_borne(weft_status status)
{
    return status == WEFT_ETIMEDOUT || status == WEFT_EPROTO;
}

/* ----------------------------------------------------------------- cases -- */

static void bears_when_parked(const void *argument)
{
    struct attacker attacker;
    struct flood flood;
    weft_channel *victim;

    begin(argument);
    attacker_meet(&attacker, NULL, &victim);
    begin_flood(&flood, attacker.socket);
    CHECK(is_borne(victim_receive(victim)));
    end_flood(&flood);
    attacker_part(&attacker, &victim);
}

static void bears_when_exposed(const void *argument)
{
    struct attacker attacker;
    struct flood flood;
    weft_channel *victim;
    weft_handle handle;

    begin(argument);
    attacker_meet(&attacker, NULL, &victim);
    CHECK_STATUS(weft_channel_recv_handle(victim, &handle), WEFT_OK);
    begin_flood(&flood, attacker.socket);
    CHECK(is_borne(victim_receive(victim)));
    end_flood(&flood);
    attacker_part(&attacker, &victim);
}

/* A peer that begins with an empty message is told of as what it is. */
static void refuses_empty_greeting(const void *argument)
{
    weft_channel *victim;
    weft_handle theirs;

    begin(argument);
    REQUIRE(weft_channel_pair(NULL, &victim, &theirs, NULL) == WEFT_OK);
    REQUIRE(weftos_socket_adopt(theirs, NULL) == WEFT_OK);
    unread++;
    CHECK(attacker_write(theirs, "", 0));
    CHECK(is_borne(victim_receive(victim)));
    weftos_close(theirs);
    weft_channel_close(&victim);
}

static void bears_before_greeting(const void *argument)
{
    struct flood flood;
    weft_channel *victim;
    weft_handle theirs;

    begin(argument);
    REQUIRE(weft_channel_pair(NULL, &victim, &theirs, NULL) == WEFT_OK);
    REQUIRE(weftos_socket_adopt(theirs, NULL) == WEFT_OK);
    begin_flood(&flood, theirs);
    CHECK(is_borne(victim_receive(victim)));
    end_flood(&flood);
    weftos_close(theirs);
    weft_channel_close(&victim);
}

static void listener_bears(const void *argument)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_listener *listener;
    weft_channel *channel;
    weft_handle socket;
    struct flood flood;
    weftos_peer peer;

    begin(argument);
    options.handshake_ns = HANDSHAKE_NS;
    REQUIRE(weft_channel_listen("empties", &options, &listener, NULL) ==
            WEFT_OK);
    REQUIRE(weftos_endpoint_connect("empties", false, weft_after_ns(LATE_NS),
                                    false, &socket, &peer, NULL) == WEFT_OK);
    begin_flood(&flood, socket);
    for (unsigned i = 1; i <= 8; i++) {
        uint64_t began = weft_now_ns();

        CHECK_STATUS(weft_channel_accept(listener, began + HANDSHAKE_NS / 4,
                                         &channel, NULL),
                     WEFT_ETIMEDOUT);
        CHECK_IN_TIME(began, HANDSHAKE_NS / 4);
        began = weft_now_ns();
        CHECK_STATUS(weft_channel_accept(listener, WEFT_NOW, &channel, NULL),
                     WEFT_EAGAIN);
        CHECK_IN_TIME(began, 0);
    }
    end_flood(&flood);
    weftos_close(socket);
    weft_listener_close(&listener);
}

struct test {
    const char *name;
    hostile_body *body;
};

void test_main(void)
{
    static const struct test tests[] = {
        {"an empty greeting is none", refuses_empty_greeting},
        {"empty messages before the greeting", bears_before_greeting},
        {"empty messages to a listener", listener_bears},
        {"empty messages to a sleeper", bears_when_parked},
        {"empty messages to a sleeper that is polled", bears_when_exposed},
    };
    static const bool otherwise[] = {false, true};

    peer_names_begin();
    for (size_t i = 0; i < 2 * sizeof(tests) / sizeof(tests[0]); i++) {
        hostile_case(hostile_name(tests[i / 2].name, i % 2 == 0
                                                         ? "taken by a look"
                                                         : "left by a look"),
                     tests[i / 2].body, &otherwise[i % 2]);
    }
    peer_names_end();
}
