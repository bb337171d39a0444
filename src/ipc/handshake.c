/* SPDX-License-Identifier: MIT
 *
 * Options, greetings and their checks; handshake.h has the order of things.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "handshake.h"
#include "received.h"

#define DEFAULT_RING_MAX (UINT64_C(8) << 20)
#define DEFAULT_PEER_RING_MAX (UINT64_C(64) << 20)
#define DEFAULT_HANDSHAKE_NS UINT64_C(5000000000)
#define LARGEST_RING (UINT64_C(1) << 30)

weft_status wefti_fail(weft_detail *detail, weft_status status,
                       const char *operation)
{
    if (detail != NULL) {
        detail->status = status;
        detail->os_code = 0;
        detail->operation = operation;
    }
    return status;
}

weft_status wefti_pass(weft_detail *detail, weft_status status,
                       const weft_detail *found)
{
    if (status != WEFT_OK && detail != NULL) {
        *detail = *found;
    }
    return status;
}

uint64_t wefti_within(uint64_t deadline_ns, uint64_t ns)
{
    uint64_t bound = weft_after_ns(ns);

    return deadline_ns < bound ? deadline_ns : bound;
}

/* -------------------------------------------------------------- options --- */

bool wefti_copy_options(void *copy, size_t copy_bytes, const void *options,
                        size_t least_bytes)
{
    const unsigned char *bytes = options;
    size_t size;

    if (options == NULL) {
        return true;
    }
    memcpy(&size, options, sizeof(size));
    if (size < least_bytes) {
        return false;
    }
    for (size_t i = copy_bytes; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    memcpy(copy, options, size < copy_bytes ? size : copy_bytes);
    return true;
}

static const char *find_fault(const weft_channel_options *options)
{
    const unsigned known = WEFT_CHANNEL_INTERRUPTIBLE | WEFT_CHANNEL_AWAIT_NAME;

    if ((unsigned)options->wait > WEFT_WAIT_BLOCK) {
        return "check the option wait";
    }
    if ((unsigned)options->full > WEFT_FULL_DROP) {
        return "check the option full";
    }
    if ((options->flags & ~known) != 0) {
        return "check the option flags";
    }
    if ((options->mode & ~0777u) != 0) {
        return "check the option mode";
    }
    if ((options->ring_bytes != 0 &&
         !wefti_is_power_of_two(options->ring_bytes)) ||
        options->ring_bytes > LARGEST_RING) {
        return "check the option ring_bytes";
    }
    if ((options->ring_max_bytes != 0 &&
         !wefti_is_power_of_two(options->ring_max_bytes)) ||
        options->ring_max_bytes > LARGEST_RING ||
        (options->ring_max_bytes != 0 &&
         options->ring_bytes > options->ring_max_bytes)) {
        return "check the option ring_max_bytes";
    }
    if (options->message_max_bytes > WEFT_MESSAGE_MAX) {
        return "check the option message_max_bytes";
    }
    return NULL;
}

static uint64_t or_default(uint64_t value, uint64_t instead)
{
    return value != 0 ? value : instead;
}

weft_status wefti_settings_init(struct wefti_settings *settings,
                                const weft_channel_options *options,
                                weft_detail *detail)
{
    weft_channel_options copy = WEFT_CHANNEL_OPTIONS_INIT;
    const char *fault;

    if (!wefti_copy_options(&copy, sizeof(copy), options,
                            offsetof(weft_channel_options, ring_bytes))) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option size");
    }
    fault = find_fault(&copy);
    if (fault != NULL) {
        return wefti_fail(detail, WEFT_EINVAL, fault);
    }
    settings->wait =
        copy.wait == WEFT_WAIT_DEFAULT ? WEFT_WAIT_ADAPTIVE : copy.wait;
    settings->full = copy.full;
    settings->interruptible = (copy.flags & WEFT_CHANNEL_INTERRUPTIBLE) != 0;
    settings->await_name = (copy.flags & WEFT_CHANNEL_AWAIT_NAME) != 0;
    settings->mode = copy.mode != 0 ? copy.mode : 0600;
    settings->ring_bytes = copy.ring_bytes;
    settings->ring_max_bytes =
        or_default(copy.ring_max_bytes, DEFAULT_RING_MAX);
    if (settings->ring_bytes > settings->ring_max_bytes) {
        settings->ring_max_bytes = settings->ring_bytes;
    }
    settings->message_max_bytes =
        or_default(copy.message_max_bytes, WEFT_MESSAGE_MAX);
    settings->peer_ring_max_bytes =
        or_default(copy.peer_ring_max_bytes, DEFAULT_PEER_RING_MAX);
    settings->handshake_ns =
        or_default(copy.handshake_ns, DEFAULT_HANDSHAKE_NS);
    settings->allow = copy.allow;
    settings->allow_context = copy.allow_context;
    settings->pattern = WEFTI_CHANNEL;
    settings->is_hub = false;
    settings->shows_board = false;
    settings->topic_flags = 0;
    settings->admits_root = false;
    return WEFT_OK;
}

weft_status wefti_check_name(const char *name, weft_detail *detail)
{
    return strpbrk(name, "/\\") != NULL || strchr(name, '+') == NULL
               ? WEFT_OK
               : wefti_fail(detail, WEFT_ENAME, "check the name");
}

weft_status wefti_copy_name(const char *name, char **copy, weft_detail *detail)
{
    size_t bytes = strlen(name) + 1;

    *copy = calloc(1, bytes);
    if (*copy == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "copy the name");
    }
    (void)snprintf(*copy, bytes, "%s", name);
    return WEFT_OK;
}

weft_status wefti_check_peer(const struct wefti_settings *settings,
                             const weftos_peer *peer, weft_detail *detail)
{
    int allowed = settings->allow != NULL
                      ? settings->allow(settings->allow_context, &peer->who)
                      : peer->is_same_user ||
                            (settings->admits_root && peer->who.uid == 0);

    return allowed ? WEFT_OK
                   : wefti_fail(detail, WEFT_EACCES, "trust the peer's user");
}

/* ---------------------------------------------------------------- offer --- */

weft_status wefti_offer_init(struct wefti_offer *offer, bool is_hub,
                             weft_detail *detail)
{
    void *home = NULL;
    weft_status status;

    memset(offer, 0, sizeof(*offer));
    offer->object = WEFTOS_NONE;
    offer->hear = WEFTOS_NONE;
    offer->ring = WEFTOS_NONE;
    status = weftos_process_mark(NULL, NULL, detail);
    if (status != WEFT_OK) {
        return status;
    }
    offer->home_bytes = weftos_get_facts()->page_bytes;
    status = weftos_shm_create((size_t)offer->home_bytes, &offer->object, &home,
                               detail);
    if (status != WEFT_OK) {
        return status;
    }
    offer->home = home;
    offer->home->magic = WEFTI_MAGIC;
    weftos_store_relaxed(&offer->home->parked_at, WEFTI_NONE);
    weftos_store_relaxed(&offer->home->space_at, WEFTI_NONE);
    weftos_store_relaxed(&offer->home->closed_at, WEFTI_NONE);
    if (!is_hub) {
        status = weftos_bell_open(&offer->hear, &offer->ring, detail);
    }
    if (status != WEFT_OK) {
        wefti_offer_deinit(offer, false);
        return status;
    }
    offer->can_fence_remote = weftos_get_facts()->fence_remote;
    return WEFT_OK;
}

static void close_sent(struct wefti_offer *offer)
{
    weftos_close(offer->object);
    weftos_close(offer->ring);
    offer->object = WEFTOS_NONE;
    offer->ring = WEFTOS_NONE;
}

void wefti_offer_deinit(struct wefti_offer *offer, bool forked)
{
    close_sent(offer);
    weftos_close(offer->hear);
    offer->hear = WEFTOS_NONE;
    if (!forked) {
        weftos_shm_unmap(offer->home, (size_t)offer->home_bytes);
    }
    offer->home = NULL;
}

/* A hub has no doorbell. */
static size_t handles_of(bool is_hub)
{
    return is_hub ? WEFTI_GREETING_BELL : WEFTI_GREETING_HANDLES;
}

weft_status wefti_offer_send(struct wefti_offer *offer, weft_handle socket,
                             enum wefti_kind kind,
                             const struct wefti_settings *settings,
                             weft_detail *detail)
{
    weft_handle handles[WEFTI_GREETING_HANDLES];
    struct wefti_greeting greeting = wefti_greeting(kind, settings->pattern);
    weft_status status;

    greeting.capabilities =
        offer->can_fence_remote ? WEFTI_CAN_FENCE_REMOTE : 0;
    greeting.home_bytes = offer->home_bytes;
    greeting.ring_max_bytes = settings->peer_ring_max_bytes;
    greeting.message_max_bytes = settings->message_max_bytes;
    greeting.topic_flags = settings->topic_flags;
    handles[WEFTI_GREETING_HOME] = offer->object;
    handles[WEFTI_GREETING_BELL] = offer->ring;
    wefti_step("send greeting");
    status = weftos_socket_send(socket, &greeting, sizeof(greeting), handles,
                                handles_of(settings->is_hub), detail);
    if (status == WEFT_OK) {
        close_sent(offer);
    }
    if (status == WEFT_ECLOSED) {
        return wefti_fail(detail, WEFT_EPEERDIED, "send the greeting");
    }
    /* No room for a first message: the peer has stuffed its own socket. */
    return status == WEFT_EAGAIN
               ? wefti_fail(detail, WEFT_EPROTO, "send the greeting")
               : status;
}

void wefti_refuse(weft_handle socket, const struct wefti_settings *settings,
                  weft_status status)
{
    struct wefti_greeting greeting =
        wefti_greeting(WEFTI_REFUSE, settings->pattern);

    greeting.status = (int32_t)status;
    (void)weftos_socket_send(socket, &greeting, sizeof(greeting), NULL, 0,
                             NULL);
}

/* --------------------------------------------------------------- answer --- */

static weft_status check_pattern(const struct wefti_greeting *greeting,
                                 const struct wefti_settings *settings,
                                 weft_detail *detail)
{
    static const char *const steps[] = {
        [WEFTI_CHANNEL] = "find a channel at the other end",
        [WEFTI_SERVICE] = "find a service or its client at the other end",
        [WEFTI_TOPIC] = "find a topic or its subscriber at the other end",
        [WEFTI_DEMAND] = "find who asks for memory, or is asked",
    };

    return greeting->pattern == (uint32_t)settings->pattern
               ? WEFT_OK
               : wefti_fail(detail, WEFT_EPROTO, steps[settings->pattern]);
}

static weft_status refusal(const struct wefti_greeting *greeting,
                           const struct wefti_settings *settings,
                           weft_detail *detail)
{
    static const weft_status known[] = {WEFT_EACCES, WEFT_EVERSION,
                                        WEFT_ENOMEM, WEFT_ELIMIT,
                                        WEFT_EPROTO, WEFT_EINUSE};
    weft_status status = check_pattern(greeting, settings, detail);

    if (status != WEFT_OK) {
        return status;
    }

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (greeting->status == (int32_t)known[i]) {
            return wefti_fail(detail, known[i], "be let in by the peer");
        }
    }
    return wefti_fail(detail, WEFT_EPROTO, "read the peer's refusal");
}

weft_status wefti_greeting_read(struct wefti_greeting *greeting,
                                const weftos_received *received,
                                enum wefti_kind kind,
                                const struct wefti_settings *settings,
                                weft_detail *detail)
{
    size_t bytes = received->bytes < sizeof(*greeting) ? received->bytes
                                                       : sizeof(*greeting);
    weft_status status;

    memset(greeting, 0, sizeof(*greeting));
    memcpy(greeting, received->data, bytes);
    status = received->has_sender
                 ? wefti_check_peer(settings, &received->sender, detail)
                 : wefti_fail(detail, WEFT_EPROTO, "learn who the peer is");
    if (status != WEFT_OK) {
        return status;
    }
    if (received->bytes < 8 || greeting->magic != WEFTI_MAGIC) {
        return wefti_fail(detail, WEFT_EPROTO, "recognise the peer's greeting");
    }
    if (greeting->protocol != WEFTI_PROTOCOL) {
        return wefti_fail(detail, WEFT_EVERSION, "speak the peer's protocol");
    }
    if (received->bytes == sizeof(*greeting) &&
        greeting->kind == WEFTI_REFUSE && kind == WEFTI_WELCOME) {
        return refusal(greeting, settings, detail);
    }
    if (received->bytes == sizeof(*greeting) && greeting->kind == WEFTI_LOOK &&
        kind == WEFTI_HELLO && settings->shows_board) {
        return WEFT_OK;
    }
    status = check_pattern(greeting, settings, detail);
    if (status == WEFT_OK && (received->bytes != sizeof(*greeting) ||
                              greeting->kind != (uint16_t)kind)) {
        status = wefti_fail(detail, WEFT_EPROTO, "check the peer's greeting");
    }
    return status;
}

static weft_status check_look(const struct wefti_greeting *greeting,
                              const weftos_received *received,
                              weft_detail *detail)
{
    const struct wefti_greeting bare =
        wefti_greeting(WEFTI_LOOK, WEFTI_CHANNEL);

    return received->handle_count == 0 &&
                   memcmp(greeting, &bare, sizeof(bare)) == 0
               ? WEFT_OK
               : wefti_fail(detail, WEFT_EPROTO, "check the inspector's word");
}

/* The rest of a demand for memory; the levels are 1 to 3. */
static weft_status check_demand(const struct wefti_greeting *greeting,
                                const weftos_received *received,
                                weft_detail *detail)
{
    bool sound = greeting->status == 0 && greeting->capabilities == 0 &&
                 (greeting->home_bytes | greeting->ring_max_bytes |
                  greeting->message_max_bytes | greeting->sequence) == 0 &&
                 greeting->topic_flags >= 1 && greeting->topic_flags <= 3 &&
                 received->handle_count == 0;

    return sound ? WEFT_OK : wefti_fail(detail, WEFT_EPROTO, "read the demand");
}

/* The rest, for greetings that bring a home. */
static weft_status check_greeting(const struct wefti_greeting *greeting,
                                  const weftos_received *received,
                                  enum wefti_kind kind,
                                  const struct wefti_settings *settings,
                                  weft_detail *detail)
{
    bool is_hub = settings->pattern == WEFTI_TOPIC ||
                  (settings->pattern == WEFTI_SERVICE && kind == WEFTI_WELCOME);
    uint32_t flags_known =
        settings->pattern == WEFTI_TOPIC ? WEFTI_TOPIC_FLAGS_KNOWN : 0;
    bool brings_home = wefti_topic_brings_home(greeting->topic_flags);
    bool sound = greeting->status == 0 &&
                 (greeting->capabilities & ~WEFTI_CAPABILITIES_KNOWN) == 0 &&
                 (greeting->topic_flags & ~flags_known) == 0 &&
                 (greeting->position | greeting->sequence) == 0;

    /* A tap wants the history, or not; no other flag goes with it. */
    if ((greeting->topic_flags & WEFTI_TOPIC_TAP) != 0) {
        sound = sound && (greeting->topic_flags &
                          ~(WEFTI_TOPIC_TAP | WEFTI_TOPIC_HISTORY)) == 0;
    }

    if (brings_home) {
        sound = sound && received->handle_count == handles_of(is_hub) &&
                wefti_is_power_of_two((size_t)greeting->home_bytes) &&
                greeting->home_bytes >= WEFTI_HOME_MIN &&
                greeting->home_bytes <= WEFTI_HOME_MAX;
    } else {
        sound =
            sound && received->handle_count == 0 && greeting->home_bytes == 0;
    }

    return sound ? WEFT_OK
                 : wefti_fail(detail, WEFT_EPROTO, "check the peer's greeting");
}

static weft_status take_answer(struct wefti_answer *answer,
                               const struct wefti_greeting *greeting,
                               weftos_received *received, weft_detail *detail)
{
    const void *home = NULL;
    weft_status status;

    answer->peer = received->sender.who;
    answer->is_look = greeting->kind == WEFTI_LOOK;
    if (answer->is_look) {
        return WEFT_OK;
    }
    answer->topic_flags = greeting->topic_flags;
    if (greeting->pattern == WEFTI_DEMAND) {
        answer->deadline_ns = greeting->position;
        return WEFT_OK;
    }
    if (!wefti_topic_brings_home(answer->topic_flags)) {
        return WEFT_OK;
    }
    /* Where it can't be watched, the socket's hang-up has to do. */
    answer->process = received->process;
    received->process = WEFTOS_NONE;
    wefti_step("map home");
    status = weftos_shm_attach(received->handles[WEFTI_GREETING_HOME],
                               (size_t)greeting->home_bytes, &home, detail);
    if (status != WEFT_OK) {
        return status;
    }
    answer->home = home;
    answer->home_bytes = greeting->home_bytes;
    if (answer->home->magic != WEFTI_MAGIC) {
        return wefti_fail(detail, WEFT_EPROTO, "recognise the peer's memory");
    }
    if (received->handle_count > WEFTI_GREETING_BELL) {
        status = weftos_bell_adopt(received->handles[WEFTI_GREETING_BELL],
                                   &answer->bell, detail);
        received->handle_count = WEFTI_GREETING_BELL; /* it is used up */
    }
    answer->ring_max_bytes = greeting->ring_max_bytes;
    answer->message_max_bytes = greeting->message_max_bytes;
    answer->can_fence_remote =
        (greeting->capabilities & WEFTI_CAN_FENCE_REMOTE) != 0;
    return status;
}

static bool seems_gone(const char *name, int64_t pid)
{
    weft_handle socket = WEFTOS_NONE;
    weftos_peer peer;
    weft_status status = weftos_endpoint_connect(name, false, WEFT_NOW, false,
                                                 &socket, &peer, NULL);

    if (status != WEFT_OK) {
        return status == WEFT_ENOENT;
    }
    weftos_close(socket);
    return peer.who.pid != pid;
}

/* Asked twice: that one which lives is taken for dead costs more. */
bool wefti_has_left(const char *name, int64_t pid)
{
    bool has_left = seems_gone(name, pid);

    if (has_left) {
        has_left = seems_gone(name, pid);
    }
    return has_left;
}

weft_status wefti_greeting_await(weft_handle socket, bool interruptible,
                                 uint64_t deadline_ns,
                                 weftos_received *received, weft_detail *detail)
{
    for (bool has_waited = false;; has_waited = true) {
        weft_status status = weftos_socket_recv(socket, received, detail);

        if (status == WEFT_ECLOSED) {
            return wefti_fail(detail, WEFT_EPEERDIED, "wait for the greeting");
        }
        if (status != WEFT_EAGAIN) {
            return status;
        }
        /* The peer may end each wait early with what means nothing. */
        if (has_waited && weftos_now_ns() >= deadline_ns) {
            return wefti_fail(
                detail, deadline_ns == WEFT_NOW ? WEFT_EAGAIN : WEFT_ETIMEDOUT,
                "wait for the greeting");
        }
        status = weftos_socket_wait(socket, false, WEFTOS_NONE, deadline_ns,
                                    interruptible, detail);
        if (status != WEFT_OK) {
            return status;
        }
    }
}

weft_status wefti_answer_receive(struct wefti_answer *answer,
                                 weft_handle socket, enum wefti_kind kind,
                                 const struct wefti_settings *settings,
                                 uint64_t deadline_ns, weft_detail *detail)
{
    struct wefti_greeting greeting;
    weftos_received received;
    weft_status status;

    memset(answer, 0, sizeof(*answer));
    answer->process = WEFTOS_NONE;
    answer->bell.handle = WEFTOS_NONE;
    status = wefti_greeting_await(socket, settings->interruptible, deadline_ns,
                                  &received, detail);
    if (status != WEFT_OK) {
        return status;
    }
    wefti_step("received greeting");
    answer->was_received = true;
    status = wefti_greeting_read(&greeting, &received, kind, settings, detail);
    if (status == WEFT_OK && greeting.kind == WEFTI_LOOK) {
        status = check_look(&greeting, &received, detail);
    } else if (status == WEFT_OK && settings->pattern == WEFTI_DEMAND) {
        status = check_demand(&greeting, &received, detail);
    } else if (status == WEFT_OK) {
        status = check_greeting(&greeting, &received, kind, settings, detail);
    }
    if (status == WEFT_OK) {
        status = take_answer(answer, &greeting, &received, detail);
    }
    wefti_received_drop(&received);
    if (status != WEFT_OK) {
        wefti_answer_deinit(answer, false);
    }
    return status;
}

void wefti_answer_deinit(struct wefti_answer *answer, bool forked)
{
    if (!forked) {
        weftos_shm_unmap(answer->home, (size_t)answer->home_bytes);
    }
    answer->home = NULL;
    weftos_close(answer->bell.handle);
    answer->bell.handle = WEFTOS_NONE;
    weftos_close(answer->process);
    answer->process = WEFTOS_NONE;
}
