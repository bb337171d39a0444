/* SPDX-License-Identifier: MIT
 *
 * Who waits costs nothing: no CPU time, no system call, and two pages.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "guard.h"
#include "peer.h"

/* ----------------------------------------------------------------- time --- */

/* What a process has done so far: any system call of a sleeper shows here. */
struct doings {
    unsigned long long cpu_ns;
    unsigned long long switches;
};

/* Adds up the lines of a file of /proc that begin with `key`. */
static unsigned long long read_number(int pid, const char *file,
                                      const char *key)
{
    unsigned long long found = 0;
    char path[64];
    char line[256];
    FILE *list;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    list = fopen(path, "re");
    REQUIRE(list != NULL);
    while (fgets(line, sizeof(line), list) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            found += strtoull(line + strlen(key), NULL, 10);
        }
    }
    (void)fclose(list);
    return found;
}

static struct doings look(int pid)
{
    struct doings doings = {
        read_number(pid, "schedstat", ""),
        read_number(pid, "status", "voluntary_ctxt_switches:") +
            read_number(pid, "status", "nonvoluntary_ctxt_switches:")};

    return doings;
}

static void read_on(weft_channel *channel, void *context)
{
    size_t bytes;

    (void)context;
    CHECK_STATUS(weft_channel_recv(channel, NULL, 0, &bytes), WEFT_ECLOSED);
}

static void write_on(weft_channel *channel, void *context)
{
    char data[100] = {0};

    (void)context;
    while (weft_channel_send(channel, data, sizeof(data)) == WEFT_OK) {
    }
}

#define SLEEPERS 4

/* The channels themselves are idle connections meanwhile. */
static void test_time(void)
{
    const struct timespec interval = {2, 0};
    weft_channel_options block = peer_options(WEFT_WAIT_BLOCK);
    weft_channel *mine[SLEEPERS];
    struct doings before[SLEEPERS];
    peer_process children[SLEEPERS];

    check_case("blocked readers and writers do nothing at all");
    for (unsigned i = 0; i < SLEEPERS; i++) {
        children[i] =
            peer_start(NULL, i < 2 ? &block : NULL,
                       i % 2 == 0 ? read_on : write_on, NULL, 0, &mine[i]);
    }
    /* A writer sleeps after it has grown its ring and filled it. */
    for (unsigned i = 0; i < SLEEPERS; i++) {
        do {
            before[i] = look(children[i].id);
            CHECK(nanosleep(&(struct timespec){0, 50000000}, NULL) == 0);
        } while (before[i].cpu_ns != look(children[i].id).cpu_ns);
    }
    CHECK(nanosleep(&interval, NULL) == 0);
    /* The last first, since each child has inherited the ends before its. */
    for (unsigned i = SLEEPERS; i-- > 0;) {
        struct doings after = look(children[i].id);

        CHECK(after.cpu_ns == before[i].cpu_ns);
        CHECK(after.switches == before[i].switches);
        CHECK(read_number(children[i].id, "status", "Threads:") == 1);
        weft_channel_close(&mine[i]);
        CHECK(peer_ended_well(&children[i]));
    }
}

/* --------------------------------------------------------------- memory --- */

#define CHANNELS 64
#define MOST_BYTES 12288

static char folder[] = "/tmp/weft-test-XXXXXX";
static char name[64];
static peer_gate start;
static peer_gate leave;

/* The first channel pays for what is needed once; a message goes each way. */
static void connect_all(void *context)
{
    weft_channel *channels[1 + CHANNELS];

    (void)context;
    for (unsigned i = 0; i <= CHANNELS; i++) {
        if (i == 1) {
            CHECK(peer_gate_pass(&start));
        }
        CHECK_STATUS(
            weft_channel_connect(name, NULL, peer_soon(), &channels[i], NULL),
            WEFT_OK);
        CHECK_STATUS(peer_send(channels[i], 9, 9, peer_soon()), WEFT_OK);
        peer_receives(channels[i], 8, 8);
    }
    CHECK(peer_gate_pass(&leave));
    for (unsigned i = 0; i <= CHANNELS; i++) {
        weft_channel_close(&channels[i]);
    }
}

static weft_channel *accept_one(weft_listener *listener)
{
    weft_channel *channel;

    CHECK_STATUS(weft_channel_accept(listener, peer_soon(), &channel, NULL),
                 WEFT_OK);
    peer_receives(channel, 9, 9);
    CHECK_STATUS(peer_send(channel, 8, 8, peer_soon()), WEFT_OK);
    return channel;
}

/* Of both processes, pages that they share counted once. */
static uint64_t resident(const peer_process *child)
{
    CHECK(peer_await_asleep(child));
    return guard_resident_bytes(getpid()) + guard_resident_bytes(child->id);
}

static void test_memory(void)
{
    weft_channel *channels[1 + CHANNELS];
    weft_listener *listener;
    uint64_t before;
    uint64_t after;
    peer_process child;

    check_case("an idle channel holds at most 12 KiB, both ends together");
    REQUIRE(mkdtemp(folder) != NULL);
    (void)snprintf(name, sizeof(name), "%s/name", folder);
    REQUIRE(weft_channel_listen(name, NULL, &listener, NULL) == WEFT_OK);
    peer_gate_init(&start);
    peer_gate_init(&leave);
    child = peer_run(connect_all, NULL, 0);
    channels[0] = accept_one(listener);
    before = resident(&child);
    peer_gate_open(&start);
    for (unsigned i = 1; i <= CHANNELS; i++) {
        channels[i] = accept_one(listener);
    }
    after = resident(&child);
    printf("# %" PRIu64 " bytes a channel\n", (after - before) / CHANNELS);
    CHECK(after > before);
    CHECK(after - before <= (uint64_t)MOST_BYTES * CHANNELS);
    peer_gate_open(&leave);
    for (unsigned i = 0; i <= CHANNELS; i++) {
        weft_channel_close(&channels[i]);
    }
    CHECK(peer_ended_well(&child));
    weft_listener_close(&listener);
    peer_gate_deinit(&start);
    peer_gate_deinit(&leave);
    CHECK(rmdir(folder) == 0);
}

void test_main(void)
{
    test_memory();
    test_time();
}
