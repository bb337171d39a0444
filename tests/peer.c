/* SPDX-License-Identifier: MIT
 *
 * The other end of a channel; peer.h has what each part is for. What differs
 * between systems is in peer_posix.c and peer_windows.c.
 */
#include "peer.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "os/os.h"

#define SOON_NS (10 * PEER_S)

uint64_t peer_soon(void)
{
    return weft_after_ns(SOON_NS);
}

/* ----------------------------------------------------------- processes --- */

bool peer_ended_well(peer_process *child)
{
    int id = child->id;
    int status = peer_status(child);

    if (status < 0) {
        printf("# child %d %s\n", id,
               status == PEER_LATE     ? "did not end"
               : status == PEER_KILLED ? "was killed"
                                       : "crashed");
    }
    return status == 0;
}

bool peer_was_killed(peer_process *child)
{
    return peer_status(child) == PEER_KILLED;
}

bool peer_await_thread_asleep(int thread)
{
    uint64_t late = peer_soon();

    while (!peer_is_asleep(thread)) {
        if (weft_now_ns() > late) {
            return false;
        }
        (void)sched_yield();
    }
    return true;
}

bool peer_await_asleep(const peer_process *child)
{
    return peer_await_begun(child) &&
           peer_await_thread_asleep(child->main_thread);
}

/* ------------------------------------------------------------ functions --- */

/*
 * A program may be loaded at another address when it is started again, so what
 * names a function is its distance from another one.
 */
uintptr_t peer_number_of(peer_function *function)
{
    return (uintptr_t)function - (uintptr_t)peer_soon;
}

peer_function *peer_function_of(uintptr_t number)
{
    return (peer_function *)(number + (uintptr_t)peer_soon);
}

/* At a gate that nobody opens: its end is a killer's, or the gate's limit. */
void peer_await_kill(void)
{
    peer_gate gate;

    peer_gate_init(&gate);
    (void)peer_gate_pass(&gate);
    peer_gate_deinit(&gate);
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

/* What a child with a channel is told; the context's copy follows. */
struct errand {
    weft_channel *parents; /* a fork's copy of our end, else NULL */
    weft_handle theirs;
    bool has_options;
    weft_channel_options options;
    uintptr_t work;
    void *shared; /* the context if none is copied */
    size_t bytes;
    _Alignas(16) unsigned char copy[];
};

static void run_errand(void *context)
{
    struct errand *errand = context;
    peer_work *work = (peer_work *)peer_function_of(errand->work);
    weft_channel *channel;

    weft_channel_close(&errand->parents);
    if (CHECK_STATUS(
            weft_channel_adopt(errand->theirs,
                               errand->has_options ? &errand->options : NULL,
                               peer_soon(), &channel, NULL),
            WEFT_OK)) {
        work(channel, errand->bytes > 0 ? errand->copy : errand->shared);
        weft_channel_close(&channel);
    }
}

peer_process peer_start(const weft_channel_options *options,
                        const weft_channel_options *child_options,
                        peer_work *work, const void *context, size_t bytes,
                        weft_channel **mine)
{
    size_t total = sizeof(struct errand) + bytes;
    struct errand *errand = calloc(1, total);
    peer_process child;

    if (errand == NULL) {
        abort();
    }
    REQUIRE(weft_channel_pair(options, mine, &errand->theirs, NULL) == WEFT_OK);
    errand->parents = peer_forks ? *mine : NULL;
    errand->work = peer_number_of((peer_function *)work);
    errand->bytes = bytes;
    if (child_options != NULL) {
        errand->has_options = true;
        errand->options = *child_options;
    }
    if (bytes > 0) {
        memcpy(errand->copy, context, bytes);
    } else {
        errand->shared = (void *)(uintptr_t)context;
    }
    peer_pass(errand->theirs);
    child = peer_run(run_errand, errand, total);
    CHECK(peer_close(errand->theirs));
    free(errand);
    CHECK_STATUS(weft_channel_flush(*mine, peer_soon()), WEFT_OK);
    return child;
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

size_t peer_ring_min(void)
{
    return weftos_get_facts()->page_bytes / 2;
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
