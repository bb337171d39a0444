/* SPDX-License-Identifier: MIT
 *
 * layout.h - every byte that two processes share, in memory and on the
 * control socket.
 *
 * Each side of a channel owns one "home": a page whose first half holds the
 * words below and whose second half is the smallest ring. Larger rings are
 * segments of their own, without a header. The owner maps its home writable;
 * the peer maps it read-only, so that each word has exactly one writer.
 *
 * Nothing here is a pointer, a size or a bound that anybody relies on: sizes
 * travel over the control socket, are checked against the real object, and
 * are kept in private memory.
 */
#ifndef WEFTI_LAYOUT_H
#define WEFTI_LAYOUT_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/atomic.h"

/* ----------------------------------------------------------------- home --- */

#define WEFTI_MAGIC UINT32_C(0x74666577) /* "weft" */

/*
 * Words that different sides poll lie 128 bytes apart: a cache line on
 * Apple's CPUs, and two lines, which x86 fetches in pairs, elsewhere.
 */
#define WEFTI_APART 128

/* parked_at, space_at, closed_at: nothing of the kind. */
#define WEFTI_NONE UINT64_MAX
/* parked_at: this side has closed and will read no more. */
#define WEFTI_GONE (UINT64_MAX - 1)

/* Values of fence_mode; see park.h. */
#define WEFTI_FENCE_PLAIN 0
#define WEFTI_FENCE_REMOTE 1

/*
 * Word by word, what the owner writes and with which order:
 *
 * cursor      The position up to which the owner has consumed the peer's
 *             ring. Only grows, never beyond what was written. Release: all
 *             reads of the freed bytes come before it. The peer acquires it
 *             before it writes there.
 * parked_at   The position whose record the owner sleeps for; WEFTI_NONE while
 *             it is awake; WEFTI_GONE for good. Relaxed, between fences.
 * cpu         The CPU on which the owner last began to wait, plus 1; 0 if
 *             unknown. A hint, relaxed.
 * space_at    The value that the peer's cursor must reach before the owner,
 *             asleep because the peer has not read, goes on; WEFTI_NONE while
 *             it is awake. Relaxed, between fences.
 * closed_at   The final position of the owner's stream; WEFTI_NONE while it
 *             is open. Release: after the last record.
 * fence_mode  How the owner orders its commits against its reading of
 *             parked_at. Release, with a full fence after a change to REMOTE;
 *             the peer acquires it before its last look at the record.
 */
struct wefti_home {
    uint32_t magic;
    uint32_t reserved;

    alignas(WEFTI_APART) weftos_word cursor;

    alignas(WEFTI_APART) weftos_word parked_at;
    weftos_word cpu;

    alignas(WEFTI_APART) weftos_word space_at;
    weftos_word closed_at;
    weftos_word fence_mode;
};

_Static_assert(offsetof(struct wefti_home, cursor) == 128, "layout");
_Static_assert(offsetof(struct wefti_home, parked_at) == 256, "layout");
_Static_assert(offsetof(struct wefti_home, cpu) == 264, "layout");
_Static_assert(offsetof(struct wefti_home, space_at) == 384, "layout");
_Static_assert(offsetof(struct wefti_home, closed_at) == 392, "layout");
_Static_assert(offsetof(struct wefti_home, fence_mode) == 400, "layout");
_Static_assert(sizeof(struct wefti_home) == 512, "layout");

/* A home is one page of the owner's, within these. */
#define WEFTI_HOME_MIN 4096
#define WEFTI_HOME_MAX 65536

/* ----------------------------------------------------------------- ring --- */

/*
 * A record: one header, then the payload, then up to 15 bytes of nothing, so
 * that each header is 16-byte aligned. The first word of the header is
 *
 *   bits  0..31  length: 16 + payload bytes, so never 0
 *   bits 32..39  type
 *   bits 40..47  flags
 *   bits 48..55  handles that ride with it
 *   bits 56..63  0
 *
 * It is stored last, with release order, and read once, with acquire order.
 * 0 means "not yet": the producer zeroes the next record's word before it
 * stores this one.
 */
struct wefti_header {
    weftos_word word;
    uint64_t tag;
};

_Static_assert(sizeof(struct wefti_header) == 16, "layout");

#define WEFTI_HEADER 16
#define WEFTI_LENGTH_MASK UINT64_C(0xffffffff)
#define WEFTI_TYPE_SHIFT 32
#define WEFTI_FLAGS_SHIFT 40
#define WEFTI_COUNT_SHIFT 48
#define WEFTI_RESERVED_SHIFT 56

enum wefti_type {
    WEFTI_DATA = 1,  /* a message, or a piece of one */
    WEFTI_WRAP = 2,  /* nothing until the end of the ring */
    WEFTI_RESEAT = 3 /* the stream goes on in another ring */
};

/* Flags of WEFTI_DATA. A message that is whole has the first two. */
#define WEFTI_FIRST 1u
#define WEFTI_LAST 2u
/* Handles ride with the last record of this message; on its first too. */
#define WEFTI_HANDLES 4u
/* The header's tag counts; without this flag it is 0, whatever is there. */
#define WEFTI_TAGGED 8u
#define WEFTI_FLAGS_KNOWN 15u

/*
 * The first piece of a message in pieces begins with its total length: 64
 * bits, before the payload.
 */
#define WEFTI_TOTAL_BYTES 8

/* Large messages are published in pieces that fill this much of the ring. */
#define WEFTI_PIECE_BYTES 16384

/* The payload of WEFTI_RESEAT: the new ring's size; 0 is the home's ring. */
#define WEFTI_RESEAT_BYTES 8

/* The upper half of a word: what the record is, beside its length. */
static inline uint64_t wefti_upper_half(enum wefti_type type, unsigned flags,
                                        uint64_t handles)
{
    return (uint64_t)type |
           (uint64_t)flags << (WEFTI_FLAGS_SHIFT - WEFTI_TYPE_SHIFT) |
           handles << (WEFTI_COUNT_SHIFT - WEFTI_TYPE_SHIFT);
}

/* That of a whole message with nothing riding on it, as a constant. */
#define WEFTI_PLAIN                                                            \
    ((uint64_t)WEFTI_DATA | (uint64_t)(WEFTI_FIRST | WEFTI_LAST)               \
                                << (WEFTI_FLAGS_SHIFT - WEFTI_TYPE_SHIFT))

/* The same with a tag. */
#define WEFTI_PLAIN_TAGGED                                                     \
    (WEFTI_PLAIN | (uint64_t)WEFTI_TAGGED                                      \
                       << (WEFTI_FLAGS_SHIFT - WEFTI_TYPE_SHIFT))

static inline uint64_t wefti_round_up(uint64_t bytes)
{
    return (bytes + 15) & ~UINT64_C(15);
}

/* A consumer publishes its cursor once for this much of the ring. */
static inline uint64_t wefti_batch(uint64_t ring_bytes)
{
    return ring_bytes / 8;
}

/*
 * Kept free by every other record, so that a producer can always leave a full
 * ring: 16 for a wrap marker, 32 for the RESEAT record, 16 for the zero ahead.
 */
#define WEFTI_EXIT_BYTES 64

/*
 * The largest record, header included, of a ring of R bytes. With M this, B
 * the cursor batch and E the exit: a record needs at most M - 16 for the wrap
 * marker, M for itself, 16 for the zero ahead and E, while up to B consumed
 * bytes are unpublished. So 2M + B + E + 16 <= R, or a producer could wait
 * for room in a ring that is empty.
 */
static inline uint64_t wefti_record_max(uint64_t ring_bytes)
{
    return ((ring_bytes - 16 - WEFTI_EXIT_BYTES - wefti_batch(ring_bytes)) /
            2) &
           ~UINT64_C(15);
}

/* -------------------------------------------------------------- service --- */

/*
 * A service's messages say in their tag what they are:
 *
 *   bits  0..47  the number of the call, which the client counts; or 0
 *   bits 48..54  WEFTI_REPLY: minus the status of the answer
 *   bit  55      WEFTI_REPLY: more of it follow
 *   bits 56..63  enum wefti_parcel
 */
enum wefti_parcel {
    WEFTI_DUE = 1,     /* 8 bytes: when the next call's caller gives up */
    WEFTI_CALL = 2,    /* client to server */
    WEFTI_ONE_WAY = 3, /* the same; no call */
    WEFTI_CANCEL = 4,  /* the same; no payload */
    WEFTI_REPLY = 5,   /* server to client */
    WEFTI_NEWS = 6,    /* the same; no call */
    WEFTI_CALL_DUE = 7 /* client to server; ends with what DUE has */
};

#define WEFTI_CALL_MASK ((UINT64_C(1) << 48) - 1)
#define WEFTI_FAILURE_SHIFT 48
#define WEFTI_FAILURE_MASK UINT64_C(127)
#define WEFTI_MORE (UINT64_C(1) << 55)
#define WEFTI_PARCEL_SHIFT 56

static inline uint64_t wefti_tag(enum wefti_parcel parcel, uint64_t call)
{
    return (uint64_t)parcel << WEFTI_PARCEL_SHIFT | call;
}

static inline enum wefti_parcel wefti_tag_parcel(uint64_t tag)
{
    return (enum wefti_parcel)(tag >> WEFTI_PARCEL_SHIFT);
}

/* ---------------------------------------------------------------- topic --- */

/*
 * A publisher owns one segment: this head, and behind it its ring. All its
 * subscribers map it. Each subscriber has a home, whose cursor counts the
 * bytes that it has consumed since the position where it began, and is only
 * read if the subscriber is reliable.
 *
 * home.space_at   The position that a reliable subscriber must reach before
 *                 the publisher, waiting for room, goes on.
 * home.closed_at  The final position; WEFTI_NONE while the topic is open.
 * claim           What lies before claim - R may have been overwritten, with
 *                 R the ring's size. Only grows, at least to the end of the
 *                 next header before a record is written, in steps of R / 16.
 *                 Release, because of tail, and followed by a release fence,
 *                 because of the record. Readers load it after an acquire
 *                 fence that follows their reading of the record.
 * tail            The position after the last record. Release: the record.
 * count           How many records there were. Relaxed, before tail.
 *
 * The tag of a record's header is its number, counted from 0.
 */
struct wefti_topic_head {
    struct wefti_home home;

    alignas(WEFTI_APART) weftos_word claim;

    alignas(WEFTI_APART) weftos_word tail;
    weftos_word count;
};

_Static_assert(offsetof(struct wefti_topic_head, claim) == 512, "layout");
_Static_assert(offsetof(struct wefti_topic_head, tail) == 640, "layout");
_Static_assert(offsetof(struct wefti_topic_head, count) == 648, "layout");
_Static_assert(sizeof(struct wefti_topic_head) == 768, "layout");

#define WEFTI_TOPIC_RING_MIN (UINT64_C(16) << 10)

/*
 * The publisher claims so much more of the ring than it needs. With M the
 * largest record, 2M + 32 + this <= R, or what was just written would count as
 * overwritten.
 */
static inline uint64_t wefti_claim_step(uint64_t ring_bytes)
{
    return ring_bytes / 16;
}

/* Flags of a subscriber's greeting. */
#define WEFTI_TOPIC_RELIABLE 1u
#define WEFTI_TOPIC_HISTORY 2u
#define WEFTI_TOPIC_JOIN 4u /* it is no subscriber, but a publisher too */
#define WEFTI_TOPIC_TAP 8u  /* nor is this one: it only reads */
#define WEFTI_TOPIC_FLAGS_KNOWN 15u

/* Is it the greeting of a subscriber, who has a home? Others bring nothing. */
static inline bool wefti_topic_brings_home(uint32_t flags)
{
    return (flags & (WEFTI_TOPIC_JOIN | WEFTI_TOPIC_TAP)) == 0;
}

/* ---------------------------------------------------------------- board --- */

/*
 * What an endpoint tells of itself: one page for each name that is listened at.
 * Only its owner writes there, relaxed, and each word by one thread at a time;
 * inspectors map it read-only, and read it as often as they like. The words do
 * not belong together: each is right for itself. Those that a kind of endpoint
 * does not know stay 0, and inspectors know which.
 *
 * since_ns          weft_now_ns() when it began. Constant.
 *
 * received          Messages taken of a service's clients, without those that
 * received_bytes    ask for nothing; their payload.
 * lost              Of them, those that were dropped, and not told.
 *
 * sent              Messages given to clients, or published; their payload.
 * sent_bytes
 * depth             Calls that are not answered yet.
 * queued_bytes      What waits for clients that do not take it.
 * full              Times there was no room at first.
 * wakes             System calls that woke somebody.
 * blocked_since_ns  Since when the publisher waits for room; 0: it does not.
 * memory_bytes      Shared memory that it owns now, the board included.
 *
 * peers             Clients or subscribers.
 * reliable          Of the subscribers.
 * parked            1: the serving or accepting thread had nothing to do when
 *                   it last looked, and sleeps or polls. Or how many
 *                   subscribers sleep.
 * admitted          Peers that were let in.
 * turned_away       Peers that were not.
 * cut_off           Peers that it let go of, not they of it.
 * closed            Not 0: it has ended, in order. Release: after the rest.
 */
struct wefti_board {
    uint32_t magic;
    uint32_t reserved;
    uint64_t since_ns;

    alignas(WEFTI_APART) weftos_word received;
    weftos_word received_bytes;
    weftos_word lost;

    alignas(WEFTI_APART) weftos_word sent;
    weftos_word sent_bytes;
    weftos_word depth;
    weftos_word queued_bytes;
    weftos_word full;
    weftos_word wakes;
    weftos_word blocked_since_ns;
    weftos_word memory_bytes;

    alignas(WEFTI_APART) weftos_word peers;
    weftos_word reliable;
    weftos_word parked;
    weftos_word admitted;
    weftos_word turned_away;
    weftos_word cut_off;
    weftos_word closed;
};

_Static_assert(offsetof(struct wefti_board, since_ns) == 8, "layout");
_Static_assert(offsetof(struct wefti_board, received) == 128, "layout");
_Static_assert(offsetof(struct wefti_board, sent) == 256, "layout");
_Static_assert(offsetof(struct wefti_board, memory_bytes) == 312, "layout");
_Static_assert(offsetof(struct wefti_board, peers) == 384, "layout");
_Static_assert(offsetof(struct wefti_board, closed) == 432, "layout");
_Static_assert(sizeof(struct wefti_board) == 512, "layout");

/* ------------------------------------------------------- control socket --- */

/* Changes with every change of this file. */
#define WEFTI_PROTOCOL 7

enum wefti_kind {
    WEFTI_HELLO = 1,   /* the connecting side's first word */
    WEFTI_WELCOME = 2, /* the answer; both carry the home and the doorbell */
    WEFTI_REFUSE = 3,  /* the other answer; `status` says why */
    WEFTI_LOOK = 4     /* instead of HELLO: wants the board alone */
};

/* What talks: only equals understand each other. */
enum wefti_pattern {
    WEFTI_CHANNEL = 0,
    WEFTI_SERVICE = 1, /* the side that accepts is the server */
    WEFTI_TOPIC = 2,   /* the side that accepts is the publisher */
    WEFTI_DEMAND = 3   /* the side that accepts gives memory back */
};

#define WEFTI_CAN_FENCE_REMOTE 1u
#define WEFTI_CAPABILITIES_KNOWN 1u

struct wefti_greeting {
    uint32_t magic;
    uint16_t protocol;
    uint16_t kind;
    uint32_t capabilities; /* as a sleeper and as an enrolled process */
    int32_t status;        /* WEFTI_REFUSE: a weft_status */
    uint64_t home_bytes;
    uint64_t ring_max_bytes;    /* the largest ring the sender will map */
    uint64_t message_max_bytes; /* the largest message it will receive */
    uint32_t pattern;           /* enum wefti_pattern */
    uint32_t topic_flags;       /* WEFTI_TOPIC_...; else 0, see below */
    uint64_t position;          /* WELCOME of a topic; else 0, see below */
    uint64_t sequence;          /* the same */
};

_Static_assert(sizeof(struct wefti_greeting) == 64, "layout");
_Static_assert(offsetof(struct wefti_greeting, home_bytes) == 16, "layout");

/*
 * The WELCOME of a topic carries the publisher's segment alone: home_bytes is
 * its size, ring_max_bytes that of its ring, message_max_bytes the largest
 * message that will come. The subscriber begins at `position` with the record
 * of the number `sequence`.
 */

/*
 * Publishers that share a name greet each other once, when one of them begins:
 * a HELLO with WEFTI_TOPIC_JOIN and without a home or handles. The WELCOME, or
 * REFUSE, brings as little, and ends the connection. Who welcomes another one
 * tells its subscribers, by WEFTI_JOIN.
 */

/*
 * A tap greets with WEFTI_TOPIC_TAP, and WEFTI_TOPIC_HISTORY or not, without a
 * home or handles. The WELCOME is that of a subscriber. The tap then hangs up:
 * it says nothing more, and hears nothing.
 */

/*
 * Who asks for memory sends the demand with the HELLO: `topic_flags` is the
 * level, `position` the deadline; there are no home and no handles. The WELCOME
 * brings as little, and says that the listener is at it now. Then comes a
 * wefti_yield, and the asker hangs up.
 */
struct wefti_yield {
    uint32_t magic;
    uint32_t valid; /* WEFT_ANSWER_... */
    uint64_t claimed_bytes;
    int64_t measured_bytes;
    uint64_t footprint_bytes;
    uint64_t took_ns;
};

_Static_assert(sizeof(struct wefti_yield) == 40, "layout");

/*
 * Who inspects an endpoint does not know of what pattern it is: a LOOK has
 * nothing but its kind, and no handles. The WELCOME has the endpoint's pattern,
 * home_bytes, which is the board's size, and the board. Then the inspector
 * hangs up: not the endpoint, because on Windows handles are not the peer's
 * before it has taken them.
 */

/* The handles of a greeting, in this order. */
#define WEFTI_GREETING_HOME 0
#define WEFTI_GREETING_BELL 1
#define WEFTI_GREETING_HANDLES 2

/*
 * Carries handles for the record at `position`; sent before its commit. A
 * server has no doorbell, but hears all its clients' sockets: a rider of type
 * WEFTI_RING rings, with position 0 and no handles.
 *
 * A subscriber, which hears several publishers, has no doorbell either. It
 * sends WEFTI_PARK before it sleeps for the record at `position`: it is then
 * rung once, when that record is there. WEFTI_RING tells a publisher that waits
 * for room of a cursor. The publisher sends WEFTI_CUT_OFF, as its last word, to
 * one that was too slow, and WEFTI_JOIN when another publisher has begun.
 */
struct wefti_rider {
    uint32_t magic;
    uint32_t type; /* enum wefti_type of the record, or WEFTI_RING */
    uint64_t position;
};

#define WEFTI_RING 255u
#define WEFTI_PARK 254u
#define WEFTI_CUT_OFF 253u
#define WEFTI_JOIN 252u

_Static_assert(sizeof(struct wefti_rider) == 16, "layout");

#endif
