/* SPDX-License-Identifier: MIT
 *
 * state.pml - the slots of a state, each with a version around its data.
 *
 * It follows src/ipc/state.c. The writer goes round SLOTS slots; the word
 * LATEST says which version is to be read. KILLS times a writer is killed
 * between any two stores; what its processor still held back is seen, and the
 * next writer goes on after the version that it finds. The data of a version
 * are two words that name the version and who wrote it. Holds:
 *
 * - what a reader takes is of one version and of one writer, and never older
 *   than what it took before;
 * - a reader that finds another version in the slot than the one that it came
 *   for finds a later one in LATEST: so only a liar is called corrupt, and a
 *   reader always has a whole value to take, also when nobody writes any more;
 * - every run ends: a reader begins again only when it was overtaken.
 *
 * Four slots in the code, two here: that is what safety takes, and with two a
 * reader is overtaken sooner.
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef VERSIONS
#define VERSIONS 4
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef GETS
#define GETS 2
#endif
#define EARLY 0

#define LATEST 0
#define SLOT(version) (1 + 3 * ((version) % SLOTS))
#define VERSION_OF(version) SLOT(version)
#define DATA(version, i) (SLOT(version) + 1 + i)
#define WORDS (1 + 3 * SLOTS)
#include "memory.pml"

/* What writer `who` writes as version `version`. */
#define CONTENT(version, who) ((version) * 4 + (who))
#define VERSION_IN(content) ((content) / 4)

byte kills = KILLS;

init { atomic { run writer(); run reader() } }

/* May be killed here. */
inline danger()
{
    if
    :: atomic { kills > 0 -> kills--; goto killed }
    :: skip
    fi
}

inline put(address, value, ordered)
{
    danger();
    store_as(PRODUCER, address, value, ordered)
}

/* A release fence: no later store overtakes an older one. */
inline fence_stores() { fence(PRODUCER) }

proctype writer()
{
    byte version, me;

again:
    do
    :: version < VERSIONS ->
        version++;
#ifndef NO_EMPTY
#ifdef RELAXED_EMPTY
        put(VERSION_OF(version), 0, 0);
#else
        put(VERSION_OF(version), 0, 1);
#endif
#endif
#ifndef NO_FENCE
        fence_stores();
#endif
        put(DATA(version, 0), CONTENT(version, me), 0);
        put(DATA(version, 1), CONTENT(version, me), 0);
        put(VERSION_OF(version), version, 0);
#ifdef RELAXED_LATEST
        put(LATEST, version, 0);
#else
        put(LATEST, version, 1);
#endif
    :: else -> goto done
    od;
killed:
    /* The kernel tells of a death when all that was stored is seen. */
    atomic { pending(PRODUCER) == 0 -> version = memory[LATEST]; me++ };
    goto again;
done:
    skip
}

/* The second look at the version of the slot. */
inline look_again() { atomic { second = memory[VERSION_OF(latest)] } }

proctype reader()
{
    byte latest, first, second, one, two, before, gets;

    do
    :: gets < GETS ->
        memory[LATEST] != 0;
        latest = memory[LATEST];
#ifdef FIRST_LATE
        one = memory[DATA(latest, 0)];
#endif
        first = memory[VERSION_OF(latest)];
        if
        :: first != latest ->
            assert(memory[LATEST] != latest) /* or it is called corrupt */
        :: else ->
#ifdef SECOND_EARLY
            look_again();
#endif
#ifndef FIRST_LATE
            one = memory[DATA(latest, 0)];
#endif
            two = memory[DATA(latest, 1)];
#ifndef SECOND_EARLY
            look_again();
#endif
            if
            :: second == latest ->
                assert(one == two && VERSION_IN(one) == latest);
                assert(latest >= before);
                before = latest;
                gets++
            :: else
            fi
        fi;
        latest = 0; first = 0; second = 0; one = 0; two = 0
    :: else -> break
    od
}
