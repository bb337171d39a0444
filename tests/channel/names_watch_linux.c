/* SPDX-License-Identifier: MIT
 *
 * What a wait for a name is woken by, and what it has of the system meanwhile:
 * a watch that is given back before it connects; no need of others who wait;
 * an eye for its own name alone; and for links, where it is a path.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "channel/names_serve.h"
#include "check.h"
#include "peer.h"

#define CLIENTS 8u

static char folder[] = "/tmp/weft-test-XXXXXX";

struct plan {
    peer_gate begun; /* opened by each before it waits */
    char name[64];
};

static void call_once(void *context)
{
    const struct plan *plan = context;
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;
    weft_client *client = NULL;
    weft_reply reply;

    options.flags = WEFT_CHANNEL_AWAIT_NAME;
    peer_gate_open(&plan->begun);
    if (CHECK_STATUS(
            weft_client_open(plan->name, &options, peer_soon(), &client, NULL),
            WEFT_OK)) {
        CHECK_STATUS(weft_client_call(client, "", 0, &reply, peer_soon()),
                     WEFT_OK);
    }
    weft_client_close(&client);
}

static unsigned count_watches(int64_t pid)
{
    char path[32];
    char target[64];
    unsigned count = 0;
    const struct dirent *entry;
    DIR *directory;

    (void)snprintf(path, sizeof(path), "/proc/%lld/fd", (long long)pid);
    directory = opendir(path);
    if (!CHECK(directory != NULL)) {
        return 0;
    }
    while ((entry = readdir(directory)) != NULL) {
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, target,
                                    sizeof(target) - 1);

        target[length > 0 ? length : 0] = '\0';
        count += strstr(target, "inotify") != NULL;
    }
    (void)closedir(directory);
    return count;
}

/*
 * Each waits when the next one begins to, so that the first one has the first
 * watch. From the watch on it sleeps for the name alone.
 */
static void start(const struct plan *plan, peer_process *children,
                  unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t deadline_ns = peer_soon();

        children[i] = peer_run(call_once, plan, sizeof(*plan));
        REQUIRE(peer_gate_pass(&plan->begun));
        while (count_watches(children[i].id) == 0 &&
               CHECK(weft_now_ns() < deadline_ns)) {
            CHECK(peer_await_asleep(&children[i]));
        }
        CHECK(peer_await_asleep(&children[i]));
    }
}

/* ---------------------------------------------------------------- watch --- */

struct seen {
    unsigned connections;
    unsigned watches;
};

/* Does it sleep in close, and so most likely in that of its watch? */
static bool is_closing(int64_t pid)
{
    char path[32];
    FILE *file;
    long number = -1;

    (void)snprintf(path, sizeof(path), "/proc/%lld/syscall", (long long)pid);
    file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%ld", &number) != 1) {
        number = -1; /* it runs, or we may not know */
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return number == SYS_close;
}

static int look_for_watches(void *context, const weft_peer *peer)
{
    struct seen *seen = context;

    seen->connections++;
    seen->watches += count_watches(peer->pid) + is_closing(peer->pid);
    return 1;
}

/*
 * To end a watch takes the kernel many ms, and a listener has few places for
 * those who have connected and have not greeted yet.
 */
static void test_watch_is_given_back(struct plan *plan)
{
    peer_process children[CLIENTS];
    weft_service_options options = WEFT_SERVICE_OPTIONS_INIT;
    weft_service *service = NULL;
    struct seen seen = {0, 0};

    check_case("who waits has given back its watch when it connects");
    start(plan, children, CLIENTS);
    options.allow = look_for_watches;
    options.allow_context = &seen;
    REQUIRE(weft_service_open(plan->name, &options, &service, NULL) == WEFT_OK);
    names_serve(service, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
    CHECK(seen.connections >= CLIENTS);
    CHECK(seen.watches == 0);
    weft_service_close(&service);
}

static void test_a_stopped_one(struct plan *plan)
{
    peer_process children[CLIENTS];
    weft_service *service;

    check_case("one that is stopped while it waits holds up nobody");
    start(plan, children, CLIENTS);
    peer_stop(&children[0]);
    peer_stop(&children[1]);
    service = names_service(plan->name);
    names_serve(service, CLIENTS - 2);
    for (unsigned i = 2; i < CLIENTS; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
    peer_go_on(&children[0]);
    peer_go_on(&children[1]);
    names_serve(service, 2);
    CHECK(peer_ended_well(&children[0]));
    CHECK(peer_ended_well(&children[1]));
    weft_service_close(&service);
}

/* ---------------------------------------------------------------- names --- */

static void hold_name(void *context)
{
    const struct plan *plan = context;
    weft_service *service = names_service(plan->name);

    peer_gate_open(&plan->begun);
    peer_await_kill();
    weft_service_close(&service);
}

/* A socket that refuses, as its owner has left it who was killed. */
static void leave_dead_socket(const struct plan *plan)
{
    peer_process child = peer_run(hold_name, plan, sizeof(*plan));

    REQUIRE(peer_gate_pass(&plan->begun));
    peer_kill(&child);
}

static void test_other_names(struct plan *plan)
{
    peer_process children[CLIENTS];
    weft_service *service;

    check_case("other names come and go while some wait for theirs");
    leave_dead_socket(plan);
    start(plan, children, CLIENTS);
    for (unsigned i = 0; i < 4; i++) {
        service = names_service("another");
        weft_service_close(&service);
        for (unsigned k = 0; k < CLIENTS; k++) {
            CHECK(peer_await_asleep(&children[k]));
            CHECK(count_watches(children[k].id) == 1);
        }
    }
    service = names_service(plan->name);
    names_serve(service, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        CHECK(peer_ended_well(&children[i]));
    }
    weft_service_close(&service);
}

static void test_link(struct plan *plan)
{
    char path[64];
    peer_process child;
    weft_service *service;

    check_case("who waits for a path finds a listener by a link");
    REQUIRE(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/real", folder);
    (void)snprintf(plan->name, sizeof(plan->name), "%s/link", folder);
    start(plan, &child, 1);
    service = names_service(path);
    CHECK(peer_await_asleep(&child));
    CHECK(symlink("real", plan->name) == 0);
    names_serve(service, 1);
    CHECK(peer_ended_well(&child));
    weft_service_close(&service);
    CHECK(unlink(plan->name) == 0);
    CHECK(rmdir(folder) == 0);
}

void test_main(void)
{
    struct plan plan = {.name = "watched"};
    weft_service *service;

    peer_names_begin();
    /* So that the directory is there, and not waited for first. */
    service = names_service(plan.name);
    weft_service_close(&service);
    peer_gate_init(&plan.begun);
    test_watch_is_given_back(&plan);
    test_a_stopped_one(&plan);
    test_other_names(&plan);
    test_link(&plan);
    peer_gate_deinit(&plan.begun);
    peer_names_end();
}
