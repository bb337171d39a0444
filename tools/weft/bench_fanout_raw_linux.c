/* SPDX-License-Identifier: MIT
 *
 * raw in `weft bench fanout`, on Linux: the least code that hands a message to
 * many processes. A ring of slots of the message's size in a file in memory
 * that all of them can write, with a sequence in each slot, and a futex.
 *
 * The publisher never waits. A slot's sequence says what is in it:
 *
 *   2 n + 1   message n is being written
 *   2 n + 2   message n is there
 *
 * A reader copies, and looks whether the sequence is still the same. It goes on
 * with the newest message when its own was overwritten.
 *
 * Who wants to sleep and who wakes, each with a full fence in the middle:
 *
 *      reader                        publisher
 *      w = bell                      slot's sequence = 2 n + 2
 *      sleepers = 1                  if sleepers:
 *      if the message isn't there:       sleepers = 0; bell += 1; wake all
 *          sleep while bell == w
 *
 * What the publisher takes back of `sleepers` was set by readers that have the
 * bell's old value, so these are woken, or don't fall asleep. Setting it to 0
 * makes it one call for all that sleep, not one for each message until the
 * first of them runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench_fanout.h"
#include "bench_pause.h"
#include "bench_sys.h"

/* As much as the ring of a topic has by default. */
#define RING_BYTES ((size_t)1 << 20)
#define SLOTS_LEAST 16

/* As long as weft looks in the adaptive mode; the clock is read now and then.
 */
#define LOOK_NS 30000
#define LOOKS_EACH 64

typedef struct raw_head {
    _Alignas(BENCH_APART) _Atomic uint64_t published;
    _Alignas(BENCH_APART) _Atomic uint32_t sleepers;
    _Alignas(BENCH_APART) _Atomic uint32_t bell;
} raw_head;

typedef struct raw_slot {
    _Alignas(64) _Atomic uint64_t sequence;
    _Atomic uint64_t words[];
} raw_slot;

typedef struct raw_end {
    raw_head *head; /* NULL: not mapped */
    unsigned char *slots;
    size_t slot_bytes;
    uint64_t mask; /* slots, less one */
    uint64_t next; /* message */
    size_t words;
    uint64_t message[];
} raw_end;

static void choose(char address[FANOUT_ADDRESS_BYTES])
{
    snprintf(address, FANOUT_ADDRESS_BYTES, "/dev/shm/weft-bench-%llu-%llx",
             (unsigned long long)bench_sys_process(),
             (unsigned long long)weft_now_ns());
}

static void forget(const char *address)
{
    unlink(address);
}

static bool fail(fanout_side *side, const char *step)
{
    return bench_fail(&side->base, "cannot %s: %s", step, strerror(errno));
}

/* A line for the sequence and the first words, and more lines. */
static size_t slot_bytes_for(size_t words)
{
    return (sizeof(raw_slot) + words * sizeof(uint64_t) + 63) / 64 * 64;
}

static raw_end *make_end(fanout_side *side)
{
    size_t words = (side->test->size_bytes + 7) / 8;
    raw_end *state = calloc(1, sizeof(*state) + words * sizeof(uint64_t));
    uint64_t slots = SLOTS_LEAST;

    side->state = state;
    if (state == NULL) {
        bench_fail(&side->base, "out of memory");
        return NULL;
    }
    state->words = words;
    state->slot_bytes = slot_bytes_for(words);
    while (2 * slots * state->slot_bytes <= RING_BYTES) {
        slots *= 2;
    }
    state->mask = slots - 1;
    return state;
}

static size_t total_bytes(const raw_end *state)
{
    return sizeof(raw_head) + (state->mask + 1) * state->slot_bytes;
}

/* The file is there and as long as it has to be. */
static bool map_ring(fanout_side *side, int fd)
{
    raw_end *state = side->state;
    void *memory = mmap(NULL, total_bytes(state), PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED) {
        return fail(side, "map memory");
    }
    state->head = memory;
    state->slots = (unsigned char *)memory + sizeof(raw_head);
    return true;
}

static raw_slot *slot_of(const raw_end *state, uint64_t number)
{
    return (raw_slot *)(void *)(state->slots +
                                (number & state->mask) * state->slot_bytes);
}

static void close_end(fanout_side *side)
{
    raw_end *state = side->state;

    if (state != NULL && state->head != NULL) {
        munmap(state->head, total_bytes(state));
    }
    free(state);
}

/* ------------------------------------------------------------ publisher --- */

static bool open_publisher(fanout_side *side)
{
    raw_end *state = make_end(side);
    bool done;
    int fd;

    if (state == NULL) {
        return false;
    }
    fd = open(side->address, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
              S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return fail(side, "make a file");
    }
    done = ftruncate(fd, (off_t)total_bytes(state)) == 0 ? map_ring(side, fd)
                                                         : fail(side, "grow");
    close(fd);
    if (done) {
        memset(state->slots, 0, (state->mask + 1) * state->slot_bytes);
    }
    return done;
}

static void close_publisher(fanout_side *side)
{
    unlink(side->address);
    close_end(side);
}

static void *reserve(fanout_side *side)
{
    raw_end *state = side->state;

    return state->message;
}

static void wake(fanout_side *side, raw_head *head)
{
    atomic_store_explicit(&head->sleepers, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&head->bell, 1, memory_order_release);
    syscall(SYS_futex, &head->bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    side->calls++;
}

static bool publish(fanout_side *side)
{
    raw_end *state = side->state;
    uint64_t number = state->next++;
    raw_slot *slot = slot_of(state, number);

    atomic_store_explicit(&slot->sequence, 2 * number + 1,
                          memory_order_relaxed);
    /* Pairs with the fence in `copy`: who sees a new word sees this, too. */
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < state->words; i++) {
        atomic_store_explicit(&slot->words[i], state->message[i],
                              memory_order_relaxed);
    }
    atomic_store_explicit(&slot->sequence, 2 * number + 2,
                          memory_order_release);
    atomic_store_explicit(&state->head->published, number + 1,
                          memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&state->head->sleepers, memory_order_relaxed) !=
        0) {
        wake(side, state->head);
    }
    return true;
}

/* They are counted where they are made. */
static bool count_calls(fanout_side *side)
{
    (void)side;
    return true;
}

/* ----------------------------------------------------------- subscriber --- */

static bool subscribe(fanout_side *side)
{
    raw_end *state = make_end(side);
    bool done;
    int fd;

    if (state == NULL) {
        return false;
    }
    fd = open(side->address, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return fail(side, "open a file");
    }
    done = map_ring(side, fd);
    close(fd);
    return done;
}

/* The slot's sequence, if it is the awaited one's or a later one's; else 0. */
static uint64_t look(const raw_end *state, const raw_slot *slot)
{
    uint64_t sequence =
        atomic_load_explicit(&slot->sequence, memory_order_acquire);

    return sequence >= 2 * state->next + 2 ? sequence : 0;
}

static uint64_t sleep_for(raw_end *state, const raw_slot *slot)
{
    raw_head *head = state->head;
    uint32_t bell = atomic_load_explicit(&head->bell, memory_order_acquire);
    uint64_t found;

    atomic_store_explicit(&head->sleepers, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    found = look(state, slot);
    if (found == 0) {
        syscall(SYS_futex, &head->bell, FUTEX_WAIT, bell, NULL, NULL, 0);
    }
    return found;
}

/* Waits for the next message, as the mode says. */
static uint64_t await(fanout_side *side, const raw_slot *slot)
{
    raw_end *state = side->state;
    weft_wait mode = side->test->wait;
    uint64_t end_ns = 0;

    for (uint64_t i = 1;; i++) {
        uint64_t found = look(state, slot);

        if (found != 0) {
            return found;
        }
        if (mode != WEFT_WAIT_SPIN && i % LOOKS_EACH == 0) {
            uint64_t now = weft_now_ns();

            end_ns = end_ns == 0 ? now + LOOK_NS : end_ns;
            mode = now >= end_ns ? WEFT_WAIT_BLOCK : mode;
        }
        if (mode == WEFT_WAIT_BLOCK) {
            (void)sleep_for(state, slot);
        }
        bench_pause();
    }
}

/* False: it has been overwritten. */
static bool copy(raw_end *state, const raw_slot *slot, uint64_t sequence)
{
    for (size_t i = 0; i < state->words; i++) {
        state->message[i] =
            atomic_load_explicit(&slot->words[i], memory_order_relaxed);
    }
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&slot->sequence, memory_order_relaxed) ==
           sequence;
}

static bool take(fanout_side *side, fanout_taken *taken)
{
    raw_end *state = side->state;
    uint64_t first = state->next;

    for (;;) {
        const raw_slot *slot = slot_of(state, state->next);
        uint64_t sequence = await(side, slot);

        if (sequence == 2 * state->next + 2 && copy(state, slot, sequence)) {
            break;
        }
        state->next = atomic_load_explicit(&state->head->published,
                                           memory_order_acquire) -
                      1;
    }
    taken->data = state->message;
    taken->bytes = side->test->size_bytes;
    taken->lost = state->next - first;
    state->next++;
    return true;
}

const fanout_transport fanout_raw = {
    .name = "raw",
    .has_wait = true,
    .loses = true,
    .counts = true,
    .choose = choose,
    .forget = forget,
    .open = open_publisher,
    .reserve = reserve,
    .publish = publish,
    .count_calls = count_calls,
    .close = close_publisher,
    .subscribe = subscribe,
    .take = take,
    .leave = close_end,
};
