/* SPDX-License-Identifier: MIT
 *
 * attacker.h - a peer that keeps no rule.
 *
 * It speaks the raw protocol with the library's own pieces and with plain
 * system calls: its home is a real one unless a test replaces it, so that it
 * can write any word of it at any time, and it sends whatever bytes and
 * handles it likes. The victim is the real library, in the same process or in
 * another; a victim's own memory is never touched, as it could not be from
 * outside.
 *
 * Each case runs in a child of its own, so that a crash or a hang of the
 * victim is one failed case, with its name.
 */
#ifndef WEFT_TESTS_ATTACKER_H
#define WEFT_TESTS_ATTACKER_H

#include <weft/weft.h>

#include "check.h"
#include "ipc/handshake.h"

/* How long a victim is willing to wait in most cases. */
#define VICTIM_NS UINT64_C(50000000)
/* How late it may be: a machine that is busy with other tests delays it. */
#define LATE_NS UINT64_C(3000000000)

/* --------------------------------------------------------------- cases --- */

/* Counts what is false in this process alone, and passes it on. */
bool hostile_note(bool truth);
/* Was anything false? */
bool hostile_noted(void);

/*
 * A child of check.h fails when its parent has failed before. Here a case that
 * fails must not fail all that come after it, so these count by themselves.
 */
#undef CHECK
#undef CHECK_STATUS
#define CHECK(expression)                                                      \
    hostile_note(check_that((expression), #expression, __FILE__, __LINE__))
#define CHECK_STATUS(call, expected)                                           \
    hostile_note(check_status((call), (expected), #call, __FILE__, __LINE__))

/*
 * Runs `body` in a child and checks that it ends by itself, in time, with no
 * handle open and no shared memory mapped that was not before. `argument` is
 * NULL or a constant of this program: a child may be the program started anew.
 */
typedef void hostile_body(const void *argument);
void hostile_case(const char *name, hostile_body *body, const void *argument);

/*
 * "WHAT: HOW", for a property that is checked in several ways. It is good
 * until the next call but one, which is as long as check_case() wants it.
 */
const char *hostile_name(const char *what, const char *how);

/* Checks that a call that began then and had until then was not late. */
#define CHECK_IN_TIME(began_ns, allowed_ns)                                    \
    CHECK(weft_now_ns() - (began_ns) < (allowed_ns) + LATE_NS)

/* ------------------------------------------------------------ attacker --- */

struct attacker {
    weft_handle socket;
    struct wefti_offer offer;   /* its home and its doorbell */
    struct wefti_answer answer; /* what the victim showed it */
    uint64_t at;                /* where its next forged record goes */
};

/*
 * Does the whole handshake in good faith with one end of a new channel; the
 * other is the victim's. All in one thread.
 */
void attacker_meet(struct attacker *attacker,
                   const weft_channel_options *options, weft_channel **victim);
/* The same, with a greeting that claims these limits. */
void attacker_meet_claiming(struct attacker *attacker,
                            const weft_channel_options *options,
                            uint64_t ring_max_bytes, uint64_t message_max_bytes,
                            weft_channel **victim);
void attacker_leave(struct attacker *attacker);
/* attacker_leave and the closing of the victim's end. */
void attacker_part(struct attacker *attacker, weft_channel **victim);

/* An honest greeting of the attacker's, to be made worse. */
void attacker_greeting(const struct attacker *attacker, enum wefti_kind kind,
                       struct wefti_greeting *greeting);

/*
 * Sends any bytes and any number of handles, past all that the back end's own
 * call checks. True: sent; false: there is no room, or nobody there.
 */
bool attacker_send(weft_handle socket, const void *data, size_t bytes,
                   const weft_handle *handles, size_t count);
/* Sends handles for a record. */
bool attacker_ride(const struct attacker *attacker, uint32_t type,
                   uint64_t position, const weft_handle *handles, size_t count);

/* The attacker's ring within its home, and its size. */
unsigned char *attacker_ring(const struct attacker *attacker);
uint64_t attacker_ring_bytes(const struct attacker *attacker);

static inline uint64_t forged_word(uint64_t length, uint64_t type,
                                   uint64_t flags, uint64_t handles)
{
    return length | type << WEFTI_TYPE_SHIFT | flags << WEFTI_FLAGS_SHIFT |
           handles << WEFTI_COUNT_SHIFT;
}

/*
 * Writes a header and a payload at `attacker->at` in the home's ring, zero
 * ahead and word last, and moves on by what the word's length says.
 */
void attacker_forge(struct attacker *attacker, uint64_t word,
                    const void *payload, size_t bytes);

/* ------------------------------------------------------------- objects --- */

/* A home or a ring as it should be, with a home's magic. */
weft_handle hostile_memory(uint64_t bytes);

/* Some handle that is not what it is taken for. */
struct hostile_thing {
    const char *name;
    /* For memory: so large, or what is called so. NONE: it can't be made. */
    weft_handle (*open)(uint64_t bytes);
    bool may_lack; /* not every machine can make it */
};

/* Each system has its own: no memory, no bells, no control sockets. */
struct hostile_things {
    const struct hostile_thing *list;
    size_t count;
};
extern const struct hostile_things hostile_no_memory;
extern const struct hostile_things hostile_no_bells;
extern const struct hostile_things hostile_no_sockets;

/* Opens one; says so if this machine has none. */
weft_handle hostile_open(const struct hostile_thing *thing, uint64_t bytes);

/* -------------------------------------------------------------- victim --- */

/*
 * The victim receives with VICTIM_NS and a large buffer, takes handles and
 * closes them; checks that it was not late.
 */
weft_status victim_receive(weft_channel *victim);
weft_status victim_receive_plain(weft_channel *victim);
weft_status victim_peek(weft_channel *victim);

/*
 * The victim sends messages with a handle each, until one fails, to a peer
 * that says in its home that it reads the ring, but never reads the socket.
 * NULL: to one that has left.
 */
weft_status victim_send_handles(weft_channel *victim, struct wefti_home *home);

/* Checks that a failed direction stays failed, with and without waiting. */
void victim_stays_failed(weft_channel *victim, weft_status status);

#endif
