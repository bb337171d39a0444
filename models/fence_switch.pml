/* SPDX-License-Identifier: MIT
 *
 * fence_switch.pml - the producer changes who pays for the fence.
 *
 * `fence_mode` lies in the producer's page. PLAIN: the producer fences after
 * each commit. ASYM: it does not, and a consumer that parks fences both. The
 * producer changes it at any time; the consumer looks after its own fence.
 *
 * To ASYM: store the mode, fence, and only then commit without a fence. This
 * is the pattern of the park itself: either the consumer sees ASYM and
 * fences both, or its `parked_at` is seen by every later commit. Without the
 * fence (NO_SWITCH_FENCE) neither need be.
 *
 * To PLAIN: the mode must not become visible before the last commit that was
 * not fenced. So it is a release store (RELAXED_PLAIN: not; harmless in
 * TSO), the consumer's load of it is an acquire load (EARLY_RECHECK: the
 * length is loaded first), and commits are fenced from this store on
 * (LATE_PLAIN: one more is not).
 */
#define NMSG 3
#ifndef SWITCHES
#define SWITCHES 2
#endif
#define PARKED NMSG
#define MODE (NMSG + 1)
#define WORDS (NMSG + 2)
#include "memory.pml"

#define PLAIN 0
#define ASYM 1

byte parks, wakes;

init
{
    atomic {
        memory[PARKED] = NONE;
        if
        :: memory[MODE] = PLAIN
        :: memory[MODE] = ASYM
        fi;
        run producer(memory[MODE]);
        run consumer()
    }
}

inline switch_to_asym()
{
    store(PRODUCER, MODE, ASYM);
#ifndef NO_SWITCH_FENCE
    fence(PRODUCER);
#endif
    mode = ASYM
}

inline switch_to_plain()
{
#ifdef RELAXED_PLAIN
    store(PRODUCER, MODE, PLAIN);
#else
    store_release(PRODUCER, MODE, PLAIN);
#endif
#ifdef LATE_PLAIN
    commit();
#endif
    mode = PLAIN
}

inline commit()
{
    if
    :: written < NMSG ->
        store_release(PRODUCER, written, 1);
        if
        :: mode == PLAIN -> fence(PRODUCER)
        :: else
        fi;
        if
        :: memory[PARKED] == written ->
            atomic { bell[CONSUMER] = 1; wakes++; assert(wakes <= parks) }
        :: else
        fi;
        written++
    :: else
    fi
}

proctype producer(bit mode)
{
    byte written, switches;

    do
    :: written < NMSG -> commit()
    :: written < NMSG && switches < SWITCHES ->
        switches++;
        if
        :: mode == PLAIN -> switch_to_asym()
        :: else -> switch_to_plain()
        fi
    :: written == NMSG -> break
    od
}

inline load_mode()
{
    if
    :: memory[MODE] == ASYM -> fence_remote()
    :: else
    fi
}

inline park()
{
    parks++;
    store(CONSUMER, PARKED, got);
    fence(CONSUMER);
#ifdef EARLY_RECHECK
    length = memory[got];
    if
    :: memory[MODE] == ASYM ->
        fence_remote();
        length = memory[got]
    :: else
    fi;
#else
    load_mode();
    length = memory[got];
#endif
    if
    :: length != 0
    :: else -> sleep(CONSUMER)
    fi;
    length = 0;
    store(CONSUMER, PARKED, NONE)
}

proctype consumer()
{
    byte got, length;

    do
    :: got < NMSG ->
        if
        :: memory[got] != 0 -> got++
        :: else -> park()
        fi
    :: else -> break
    od
}
