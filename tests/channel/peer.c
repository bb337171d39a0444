/* SPDX-License-Identifier: MIT
 *
 * The other end of a channel; peer.h has what each part is for.
 */
#define _GNU_SOURCE
#include "peer.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define SOON_NS (10 * PEER_S)

uint64_t peer_soon(void)
{
    return weft_after_ns(SOON_NS);
}

/* ------------------------------------------------------------ channels --- */

weft_channel_options peer_options(weft_wait wait)
{
    weft_channel_options options = WEFT_CHANNEL_OPTIONS_INIT;

    options.wait = wait;
    return options;
}

struct adoption {
    weft_handle handle;
    const weft_channel_options *options;
    weft_channel *channel;
};

static void *adopt(void *context)
{
    struct adoption *adoption = context;

    CHECK_STATUS(weft_channel_adopt(adoption->handle, adoption->options,
                                    peer_soon(), &adoption->channel, NULL),
                 WEFT_OK);
    return NULL;
}

void peer_both_ends(const weft_channel_options *first_options,
                    const weft_channel_options *second_options,
                    weft_channel **first, weft_channel **second)
{
    struct adoption adoption = {WEFT_HANDLE_NONE, second_options, NULL};
    pthread_t thread;

    REQUIRE(weft_channel_pair(first_options, first, &adoption.handle, NULL) ==
            WEFT_OK);
    REQUIRE(pthread_create(&thread, NULL, adopt, &adoption) == 0);
    /* Nothing was sent, so this only finishes the handshake. */
    CHECK_STATUS(weft_channel_flush(*first, peer_soon()), WEFT_OK);
    REQUIRE(pthread_join(thread, NULL) == 0);
    REQUIRE(adoption.channel != NULL);
    *second = adoption.channel;
}

static void run_child(weft_handle handle, const weft_channel_options *options,
                      peer_work *work, void *context)
{
    weft_channel *channel;

    if (CHECK_STATUS(
            weft_channel_adopt(handle, options, peer_soon(), &channel, NULL),
            WEFT_OK)) {
        work(channel, context);
        weft_channel_close(&channel);
    }
    check_exit_child();
}

pid_t peer_start(const weft_channel_options *options,
                 const weft_channel_options *child_options, peer_work *work,
                 void *context, weft_channel **mine)
{
    weft_handle theirs;
    pid_t pid;

    REQUIRE(weft_channel_pair(options, mine, &theirs, NULL) == WEFT_OK);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        weft_channel_close(mine);
        run_child(theirs, child_options, work, context);
    }
    (void)close((int)theirs);
    CHECK_STATUS(weft_channel_flush(*mine, peer_soon()), WEFT_OK);
    return pid;
}

pid_t peer_fork(void (*work)(void *context), void *context)
{
    pid_t pid = fork();

    REQUIRE(pid >= 0);
    if (pid == 0) {
        work(context);
        check_exit_child();
    }
    return pid;
}

/* ----------------------------------------------------------- processes --- */

/* Waits for a child's end, and leaves it to be reaped. */
static bool await_end(pid_t pid)
{
    int handle = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd entry = {.fd = handle, .events = POLLIN};
    int count;

    REQUIRE(handle >= 0);
    do {
        count = poll(&entry, 1, (int)(SOON_NS / PEER_MS));
    } while (count < 0);
    (void)close(handle);
    return count > 0;
}

bool peer_ended_well(pid_t pid)
{
    bool ended = await_end(pid);
    int status;

    if (!ended) {
        printf("# child %d did not end\n", (int)pid);
        (void)kill(pid, SIGKILL);
    }
    return waitpid(pid, &status, 0) == pid && ended && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

void peer_kill(pid_t pid)
{
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

pid_t peer_thread(void)
{
    return (pid_t)syscall(SYS_gettid);
}

/* Whether the kernel calls it asleep: the state follows the name's ')'. */
static bool is_asleep(const char *path)
{
    char text[512];
    const char *state = NULL;
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        return false;
    }
    if (fgets(text, sizeof(text), file) != NULL) {
        state = strrchr(text, ')');
    }
    (void)fclose(file);
    return state != NULL && strncmp(state, ") S", 3) == 0;
}

static bool await_asleep(const char *path)
{
    uint64_t late = peer_soon();

    while (!is_asleep(path)) {
        if (weft_now_ns() > late) {
            return false;
        }
        (void)sched_yield();
    }
    return true;
}

bool peer_await_asleep(pid_t pid)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    return await_asleep(path);
}

bool peer_await_thread_asleep(pid_t thread)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)thread);
    return await_asleep(path);
}

void peer_gate_init(peer_gate *gate)
{
    REQUIRE(pipe(gate->fds) == 0);
}

void peer_gate_deinit(peer_gate *gate)
{
    (void)close(gate->fds[0]);
    (void)close(gate->fds[1]);
}

void peer_gate_open(const peer_gate *gate)
{
    CHECK(write(gate->fds[1], "", 1) == 1);
}

bool peer_gate_pass(const peer_gate *gate)
{
    struct pollfd entry = {.fd = gate->fds[0], .events = POLLIN};
    char byte;

    return poll(&entry, 1, (int)(SOON_NS / PEER_MS)) == 1 &&
           read(gate->fds[0], &byte, 1) == 1;
}

/* ------------------------------------------------------------- content --- */

static uint64_t word_at(uint64_t seed, size_t index)
{
    uint64_t word = (seed + index) * UINT64_C(0x9e3779b97f4a7c15);

    return word ^ word >> 29;
}

void peer_fill(void *data, size_t bytes, uint64_t seed)
{
    unsigned char *out = data;
    size_t words = bytes / sizeof(uint64_t);
    uint64_t word;

    for (size_t i = 0; i < words; i++) {
        word = word_at(seed, i);
        memcpy(out + i * sizeof(word), &word, sizeof(word));
    }
    word = word_at(seed, words);
    if (bytes % sizeof(word) != 0) {
        memcpy(out + words * sizeof(word), &word, bytes % sizeof(word));
    }
}

bool peer_is_filled(const void *data, size_t bytes, uint64_t seed)
{
    const unsigned char *in = data;
    size_t words = bytes / sizeof(uint64_t);
    uint64_t wrong = 0;
    uint64_t word;

    for (size_t i = 0; i < words; i++) {
        memcpy(&word, in + i * sizeof(word), sizeof(word));
        wrong |= word ^ word_at(seed, i);
    }
    word = word_at(seed, words);
    return wrong == 0 && (bytes % sizeof(word) == 0 ||
                          memcmp(in + words * sizeof(word), &word,
                                 bytes % sizeof(word)) == 0);
}

/* The xorshift generator of 64 bits; `state` is never 0. */
uint64_t peer_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

weft_status peer_send(weft_channel *channel, size_t bytes, uint64_t seed,
                      uint64_t deadline_ns)
{
    unsigned char *data = malloc(bytes + 1);
    weft_status status;

    REQUIRE(data != NULL);
    peer_fill(data, bytes, seed);
    status = weft_channel_send_until(channel, data, bytes, deadline_ns);
    free(data);
    return status;
}

bool peer_receives(weft_channel *channel, size_t bytes, uint64_t seed)
{
    size_t room = bytes + PEER_SPARE;
    unsigned char *data = malloc(room);
    size_t got = 0;
    bool right;

    REQUIRE(data != NULL);
    right = CHECK_STATUS(
                weft_channel_recv_until(channel, data, room, &got, peer_soon()),
                WEFT_OK) &&
            CHECK(got == bytes) && CHECK(peer_is_filled(data, bytes, seed));
    free(data);
    return right;
}

unsigned peer_fill_ring(weft_channel *channel, size_t bytes)
{
    unsigned count = 0;
    weft_status status;

    do {
        status = peer_send(channel, bytes, count, WEFT_NOW);
        count += status == WEFT_OK;
    } while (status == WEFT_OK);
    CHECK_STATUS(status, WEFT_EAGAIN);
    return count;
}
