/* SPDX-License-Identifier: MIT
 *
 * handshake.h - how two processes agree on a channel.
 *
 * The connecting side sends HELLO, the accepting side answers WELCOME or
 * REFUSE. Both greetings carry the same: the sender's home, the ringing end
 * of its doorbell, and its limits. Nothing of the peer's is mapped before the
 * kernel has said who it is and that user is allowed.
 */
#ifndef WEFTI_HANDSHAKE_H
#define WEFTI_HANDSHAKE_H

#include <string.h>

#include "park.h"
#include "ring.h"

/* The options of a channel, checked and with the defaults filled in. */
struct wefti_settings {
    weft_wait wait;
    weft_full full;
    bool interruptible;
    bool await_name;
    unsigned mode;
    uint64_t ring_bytes;
    uint64_t ring_max_bytes;
    uint64_t message_max_bytes;
    uint64_t peer_ring_max_bytes;
    uint64_t handshake_ns;
    weft_peer_policy *allow;
    void *allow_context;
    enum wefti_pattern pattern;
    bool is_hub;          /* the server of a service */
    bool shows_board;     /* a listener's: a LOOK is as good as a HELLO */
    uint32_t topic_flags; /* of a subscriber */
    bool admits_root;     /* besides this user, where there is no policy */
};

/*
 * Copies the options of a caller who may have been compiled against an older
 * or a newer header over the defaults; their first member is their size. What
 * we do not know must be zero. False: it is not, or they are too short.
 */
bool wefti_copy_options(void *copy, size_t copy_bytes, const void *options,
                        size_t least_bytes);

/* WEFT_EINVAL, with the option's name in `detail`. */
weft_status wefti_settings_init(struct wefti_settings *settings,
                                const weft_channel_options *options,
                                weft_detail *detail);

/*
 * A plain name of the caller's has no number: those are for who shares it.
 * Whether it is a good name otherwise, the system's own code says.
 */
weft_status wefti_check_name(const char *name, weft_detail *detail);

/* A copy of the caller's, for free(); NULL if that fails. */
weft_status wefti_copy_name(const char *name, char **copy, weft_detail *detail);

/* Is this peer allowed? WEFT_EACCES if not. */
weft_status wefti_check_peer(const struct wefti_settings *settings,
                             const weftos_peer *peer, weft_detail *detail);

/* What this side brings to a channel. */
struct wefti_offer {
    struct wefti_home *home;
    uint64_t home_bytes;
    weft_handle object; /* the home's, until it is sent */
    weft_handle hear;   /* our doorbell */
    weft_handle ring;   /* its other end, until it is sent */
    bool can_fence_remote;
};

weft_status wefti_offer_init(struct wefti_offer *offer, bool is_hub,
                             weft_detail *detail);
void wefti_offer_deinit(struct wefti_offer *offer, bool forked);

/* A greeting that says nothing else yet. */
static inline struct wefti_greeting wefti_greeting(enum wefti_kind kind,
                                                   enum wefti_pattern pattern)
{
    struct wefti_greeting greeting;

    memset(&greeting, 0, sizeof(greeting)); /* it is sent with its gaps */
    greeting.magic = WEFTI_MAGIC;
    greeting.protocol = WEFTI_PROTOCOL;
    greeting.kind = (uint16_t)kind;
    greeting.pattern = (uint32_t)pattern;
    return greeting;
}

/* Sends our greeting; the peer then has its handles, and we no longer. */
weft_status wefti_offer_send(struct wefti_offer *offer, weft_handle socket,
                             enum wefti_kind kind,
                             const struct wefti_settings *settings,
                             weft_detail *detail);

/* Tells a peer why it is turned away. That it hears it is not certain. */
void wefti_refuse(weft_handle socket, const struct wefti_settings *settings,
                  weft_status status);

/* What the peer brings, checked. */
struct wefti_answer {
    const struct wefti_home *home;
    uint64_t home_bytes;
    weftos_bell bell;
    weft_handle process;
    weft_peer peer;
    uint64_t ring_max_bytes;
    uint64_t message_max_bytes;
    uint32_t topic_flags; /* of a demand: its level */
    uint64_t deadline_ns; /* of a demand */
    bool can_fence_remote;
    bool is_look;      /* nothing else came: it wants the board */
    bool was_received; /* a greeting was taken, whatever came of it */
};

/*
 * Where a process can't be watched: does somebody else listen at its name, or
 * nobody? It is asked for by a connection, no more often than each
 * WEFTI_PROBE_NS.
 */
#define WEFTI_PROBE_NS UINT64_C(100000000)
bool wefti_has_left(const char *name, int64_t pid);

/* Waits for the first control message. WEFT_EPEERDIED: the peer hung up. */
weft_status wefti_greeting_await(weft_handle socket, bool interruptible,
                                 uint64_t deadline_ns,
                                 weftos_received *received,
                                 weft_detail *detail);

/*
 * Is this a greeting of the expected kind, from whom it may be, and of the
 * same pattern? Otherwise, or if it is a refusal: why not. Where
 * there is a board a LOOK may come in place of a HELLO.
 */
weft_status wefti_greeting_read(struct wefti_greeting *greeting,
                                const weftos_received *received,
                                enum wefti_kind kind,
                                const struct wefti_settings *settings,
                                weft_detail *detail);

/*
 * Waits for the peer's greeting, checks it and maps what it brings.
 * WEFT_EPEERDIED: it has hung up.
 */
weft_status wefti_answer_receive(struct wefti_answer *answer,
                                 weft_handle socket, enum wefti_kind kind,
                                 const struct wefti_settings *settings,
                                 uint64_t deadline_ns, weft_detail *detail);
void wefti_answer_deinit(struct wefti_answer *answer, bool forked);

/* Both halves make a channel, which takes the socket, the offer and answer. */
weft_status wefti_channel_create(weft_handle socket, struct wefti_offer *offer,
                                 struct wefti_answer *answer,
                                 const struct wefti_settings *settings,
                                 weft_channel **out, weft_detail *detail);

/*
 * Who waits for a name connects again where it was hung up on before any
 * greeting, so many times at most.
 */
#define WEFTI_HANG_UPS_MOST 16

/* Connects to a name, as weft_channel_connect. */
weft_status wefti_channel_connect(const char *name,
                                  const struct wefti_settings *settings,
                                  uint64_t deadline_ns, weft_channel **out,
                                  weft_detail *detail);

/* What is in a channel, for those who make more of it. */
struct wefti_tx *wefti_channel_tx(weft_channel *channel);
struct wefti_rx *wefti_channel_rx(weft_channel *channel);
struct wefti_line *wefti_channel_line(weft_channel *channel);

/* The earlier of a deadline and `ns` from now. */
uint64_t wefti_within(uint64_t deadline_ns, uint64_t ns);

/* Passes the detail of a failure on, and none of a success. */
weft_status wefti_pass(weft_detail *detail, weft_status status,
                       const weft_detail *found);

/* Fills in a detail, if there is one, and returns the status. */
weft_status wefti_fail(weft_detail *detail, weft_status status,
                       const char *operation);

#endif
