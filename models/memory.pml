/* SPDX-License-Identifier: MIT
 *
 * memory.pml - shared memory as two processors see it.
 *
 * Spin executes the statements of all processes in one global order, which
 * no multiprocessor does: there a store waits in its processor's store
 * buffer while later loads already run. That is the one reordering that
 * breaks "publish, then look whether somebody sleeps", so it is modelled
 * here, and every model includes this file.
 *
 * Each side has a buffer of DEPTH stores. The process `drain` moves them to
 * memory one by one, at any time. Without PSO they leave in order (TSO:
 * x86). With PSO a store may overtake older ones to other words, unless it
 * is a release store: the store side of arm64. Loads run in program order;
 * README.md says for each load why that is enough on arm64, and models that
 * depend on it have a variant in which the loads are swapped.
 *
 * A load reads memory directly. That is exact because no process here loads
 * a word that it stores: it keeps private copies, as the C code does.
 *
 * The including model defines WORDS.
 */
#ifndef DEPTH
#define DEPTH 3
#endif

#define PRODUCER 0
#define CONSUMER 1
#define NONE 255 /* "nobody sleeps", "not closed": all ones in the C code */

typedef store_buffer {
    byte count;
    byte word[DEPTH];
    byte value[DEPTH];
    bit release[DEPTH]
};

byte memory[WORDS];
store_buffer buffer[2];

#define pending(who) buffer[who].count
#define last(who) buffer[who].count - 1

/* The stores. They wait, as a processor does, while the buffer is full. */
inline store_as(who, address, data, ordered)
{
    atomic {
        pending(who) < DEPTH ->
        buffer[who].word[pending(who)] = address;
        buffer[who].value[pending(who)] = data;
        buffer[who].release[pending(who)] = ordered;
        buffer[who].count++
    }
}
inline store(who, address, data) { store_as(who, address, data, 0) }
inline store_release(who, address, data) { store_as(who, address, data, 1) }

/* A full fence: later loads wait until all earlier stores are seen. */
inline fence(who) { pending(who) == 0 }

/* membarrier(): a full fence on both processors. */
inline fence_remote() { pending(PRODUCER) == 0 && pending(CONSUMER) == 0 }

/* Moves the store at `index` to memory, and closes the gap. */
inline drain_one(who, index)
{
    memory[buffer[who].word[index]] = buffer[who].value[index];
    gap = index;
    do
    :: gap < last(who) ->
        buffer[who].word[gap] = buffer[who].word[gap + 1];
        buffer[who].value[gap] = buffer[who].value[gap + 1];
        buffer[who].release[gap] = buffer[who].release[gap + 1];
        gap++
    :: else -> break
    od;
    buffer[who].word[gap] = 0;
    buffer[who].value[gap] = 0;
    buffer[who].release[gap] = 0;
    buffer[who].count--;
    gap = 0
}

#define free_of(who, index, older) \
    (buffer[who].word[index] != buffer[who].word[older])
#define second_may_pass(who) \
    (pending(who) > 1 && !buffer[who].release[1] && free_of(who, 1, 0))
#define third_may_pass(who) \
    (pending(who) > 2 && !buffer[who].release[2] && free_of(who, 2, 0) && \
     free_of(who, 2, 1))

active proctype drain()
{
    byte gap;

end:
    do
    :: d_step { pending(PRODUCER) > 0 -> drain_one(PRODUCER, 0) }
    :: d_step { pending(CONSUMER) > 0 -> drain_one(CONSUMER, 0) }
#ifdef PSO
    :: d_step { second_may_pass(PRODUCER) -> drain_one(PRODUCER, 1) }
    :: d_step { second_may_pass(CONSUMER) -> drain_one(CONSUMER, 1) }
#if DEPTH > 2
    :: d_step { third_may_pass(PRODUCER) -> drain_one(PRODUCER, 2) }
    :: d_step { third_may_pass(CONSUMER) -> drain_one(CONSUMER, 2) }
#endif
#endif
    od
}

/*
 * The doorbell. A ring before the sleep is kept, rings merge, and a ring
 * orders nothing: it may be heard before older stores are seen. EARLY is how
 * often a sleep ends for no reason at all. bell.pml is about how such a
 * doorbell is made of a pipe.
 */
#ifndef EARLY
#define EARLY 1
#endif
bit bell[2];
byte early = EARLY;

inline sleep(who)
{
    if
    :: atomic { bell[who] -> bell[who] = 0 }
    :: atomic { early > 0 -> early-- }
    fi
}
