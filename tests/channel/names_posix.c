/* SPDX-License-Identifier: MIT
 *
 * Names as sockets: where they lie, paths, and what places are not safe.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

static char folder[] = "/tmp/weft-test-XXXXXX";

/* A path below the test's directory; good until the next but three. */
static const char *below(const char *rest)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, rest);
    return path;
}

static weft_status listen_at(const char *name, weft_listener **out)
{
    return weft_channel_listen(name, NULL, out, NULL);
}

/* For names that nobody can listen at. */
static void check_refused(const char *name, weft_status expected)
{
    weft_detail detail = {WEFT_OK, 0, NULL};
    weft_listener *listener;

    CHECK_STATUS(weft_channel_listen(name, NULL, &listener, &detail), expected);
    CHECK(listener == NULL);
    CHECK_STATUS(detail.status, expected);
    CHECK(detail.operation != NULL);
    weft_listener_close(&listener);
}

/* --------------------------------------------------------------- places --- */

static void connect_with(const char *name, unsigned flags)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_channel *channel;

    options.flags = flags;
    if (CHECK_STATUS(
            weft_channel_connect(name, &options, peer_soon(), &channel, NULL),
            WEFT_OK)) {
        CHECK_STATUS(peer_send(channel, 9, 9, peer_soon()), WEFT_OK);
        peer_receives(channel, 8, 8);
        weft_channel_close(&channel);
    }
}

static void connect_now(void *context)
{
    connect_with(context, 0);
}

static void await_name(void *context)
{
    connect_with(context, WEFT_CHANNEL_AWAIT_NAME);
}

/* Lets one peer in that connect_now or await_name made. */
static void serve_one(weft_listener *listener, peer_process child)
{
    weft_channel *channel;
    weft_peer peer;

    if (CHECK_STATUS(weft_channel_accept(listener, peer_soon(), &channel, NULL),
                     WEFT_OK)) {
        CHECK_STATUS(weft_channel_get_peer(channel, &peer), WEFT_OK);
        CHECK(peer.pid == child.id && peer.uid == (int64_t)geteuid());
        peer_receives(channel, 9, 9);
        CHECK_STATUS(peer_send(channel, 8, 8, peer_soon()), WEFT_OK);
    }
    CHECK(peer_ended_well(&child));
    weft_channel_close(&channel);
}

static void connect_to(weft_listener *listener, const char *name)
{
    serve_one(listener, peer_run(connect_now, name, strlen(name) + 1));
}

static void test_socket(void)
{
    weft_listener *listener;

    check_case("a name is a socket below WEFT_RUNTIME_DIR");
    REQUIRE(listen_at("name", &listener) == WEFT_OK);
    CHECK(access(below("run/name.sock"), F_OK) == 0);
    connect_to(listener, "name");
    weft_listener_close(&listener);
    CHECK(access(below("run/name.sock"), F_OK) != 0);
}

static void test_path(void)
{
    weft_listener *listener;
    weft_listener *other;

    check_case("two meet at a path");
    REQUIRE(listen_at(below("path"), &listener) == WEFT_OK);
    connect_to(listener, below("path"));

    check_case("a close leaves alone the socket that took its place");
    CHECK(unlink(below("path")) == 0);
    REQUIRE(listen_at(below("path"), &other) == WEFT_OK);
    weft_listener_close(&listener);
    connect_to(other, below("path"));
    weft_listener_close(&other);
    CHECK(access(below("path"), F_OK) != 0);
}

/* ----------------------------------------------------------- dead names --- */

static void listen_and_die(void *context)
{
    weft_listener *listener;

    CHECK_STATUS(listen_at(context, &listener), WEFT_OK);
    peer_die();
}

static void test_dead(void)
{
    peer_process owner = peer_run(listen_and_die, "name", sizeof("name"));
    weft_listener *listener;
    FILE *file;

    check_case("a dead owner's socket stays, and is replaced");
    CHECK(peer_was_killed(&owner));
    CHECK(access(below("run/name.sock"), F_OK) == 0);
    REQUIRE(listen_at("name", &listener) == WEFT_OK);
    connect_to(listener, "name");
    weft_listener_close(&listener);

    check_case("a file that is no socket is not replaced");
    file = fopen(below("file"), "we");
    REQUIRE(file != NULL && fclose(file) == 0);
    check_refused(below("file"), WEFT_EINUSE);
    CHECK(unlink(below("file")) == 0);
}

/* --------------------------------------------------------- wrong places --- */

static void test_long(void)
{
    char text[300];
    weft_channel *channel;

    check_case("a path too long for a socket is refused");
    memset(text, 'x', sizeof(text) - 1);
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    check_refused(text, WEFT_ENAME);
    CHECK_STATUS(weft_channel_connect(text, NULL, WEFT_NOW, &channel, NULL),
                 WEFT_ENAME);
    CHECK(setenv("WEFT_RUNTIME_DIR", text, 1) == 0);
    check_refused("name", WEFT_ENAME);
    CHECK(setenv("WEFT_RUNTIME_DIR", below("run"), 1) == 0);
}

static void check_unsafe(void)
{
    weft_channel *channel;

    check_refused("name", WEFT_EACCES);
    CHECK_STATUS(weft_channel_connect("name", NULL, WEFT_NOW, &channel, NULL),
                 WEFT_EACCES);
}

static void test_folders(void)
{
    check_case("a run-time directory that others may read is refused");
    CHECK(chmod(below("run"), 0755) == 0);
    check_unsafe();
    CHECK(chmod(below("run"), 0700) == 0);

    check_case("a symbolic link for a run-time directory is refused");
    CHECK(symlink(below("run"), below("link")) == 0);
    CHECK(setenv("WEFT_RUNTIME_DIR", below("link"), 1) == 0);
    check_unsafe();
    CHECK(unlink(below("link")) == 0);
    CHECK(setenv("WEFT_RUNTIME_DIR", below("run"), 1) == 0);

    check_case("another user's directory is refused");
    if (CHECK(geteuid() != 0 || chown(below("run"), 65533, 0) == 0) &&
        geteuid() == 0) {
        check_unsafe();
        check_refused(below("run/path"), WEFT_EACCES);
        CHECK(chown(below("run"), 0, 0) == 0);
    }

    check_case("a directory that others may write to is refused");
    CHECK(chmod(folder, 0777) == 0);
    check_refused(below("path"), WEFT_EACCES);
    CHECK(chmod(folder, 0700) == 0);

    check_case("a run-time directory without a parent can't be made");
    CHECK(setenv("WEFT_RUNTIME_DIR", below("no/run"), 1) == 0);
    check_refused("name", WEFT_ENAME);
    CHECK(setenv("WEFT_RUNTIME_DIR", below("run"), 1) == 0);
    check_refused(below("no/path"), WEFT_ENAME);
}

/* -------------------------------------------------------------- waiting --- */

static void test_await(void)
{
    const char *path = below("path");
    peer_process child = peer_run(await_name, path, strlen(path) + 1);
    weft_listener *listener;

    check_case("who waits for a path finds it");
    CHECK(peer_await_asleep(&child));
    REQUIRE(listen_at(path, &listener) == WEFT_OK);
    serve_one(listener, child);
    weft_listener_close(&listener);
}

static void test_session(void)
{
    weft_listener *listener;

    check_case("without WEFT_RUNTIME_DIR, XDG_RUNTIME_DIR/weft is the place");
    CHECK(unsetenv("WEFT_RUNTIME_DIR") == 0);
    CHECK(setenv("XDG_RUNTIME_DIR", folder, 1) == 0);
    CHECK_STATUS(listen_at("name", &listener), WEFT_OK);
    CHECK(access(below("weft/name.sock"), F_OK) == 0);
    weft_listener_close(&listener);
    CHECK(rmdir(below("weft")) == 0);
}

void test_main(void)
{
    REQUIRE(mkdtemp(folder) != NULL);
    REQUIRE(setenv("WEFT_RUNTIME_DIR", below("run"), 1) == 0);
    test_socket();
    test_path();
    test_dead();
    test_long();
    test_folders();
    test_await();
    test_session();

    check_case("nothing is left over but the run-time directory");
    CHECK(rmdir(below("run")) == 0);
    CHECK(rmdir(folder) == 0);
}
