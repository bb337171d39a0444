/* SPDX-License-Identifier: MIT
 *
 * sides.h - what the failure tests share beside peer.h: what a process holds,
 * what deaths leave behind, and payloads that tell a lost or torn byte.
 */
#ifndef WEFT_TESTS_FAULTS_SIDES_H
#define WEFT_TESTS_FAULTS_SIDES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a process holds that a leak would add to. */
struct sides_holdings {
    int handles;
    int mappings; /* of shared memory */
};
struct sides_holdings sides_hold(void);

/* CHECKs that no more and no less is held than before. */
void sides_check_holdings(const struct sides_holdings *before);

/*
 * Is nothing in the place for names but what a dead owner of this one may
 * leave there?
 */
bool sides_names_are_clean(const char *name);

/* What lies where programs leave memory and temporary files. */
struct sides_litter {
    unsigned things;
    unsigned memories; /* of the double, whose memory has a name at first */
};
struct sides_litter sides_look_around(void);

/* Gives this process and its children such places of their own, if it may. */
bool sides_own_places(void);

/*
 * The children of this process's children become its own to wait for, when
 * those have died. An orphan must live until it is held.
 */
void sides_take_orphans(void);
intptr_t sides_hold_orphan(int id);
bool sides_orphan_ended_well(intptr_t orphan);

/* Lets later children have every handle that this process has. */
void sides_pass_all(void);

/* Each byte depends on the number of the message and on its place in it. */
void sides_fill(void *payload, size_t bytes, uint64_t number);
bool sides_matches(const void *payload, size_t bytes, uint64_t number);

#endif
