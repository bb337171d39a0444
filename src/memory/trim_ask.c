/* SPDX-License-Identifier: MIT
 *
 * Asking programs to give memory back; trim.h says how the two sides find each
 * other.
 *
 * All are asked at once, and one place hears them: their words, and the end of
 * their connections and processes. To connect waits for nobody, so that a
 * listener that has stopped, or whose queue its enemies have filled, is late
 * and keeps nobody from the others.
 */
#include "trim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ipc/grow.h"
#include "../ipc/handshake.h"
#include "../ipc/received.h"
#include "../os/others.h"

/* So many connections at a time. */
#define OPEN_MOST 256

/* A second try waits so long for a place in a listener's queue. */
#define PATIENCE_NS 10000000

/* Our own listener has no more than others before us in its queue. */
#define WAKE_NS 1000000000

/* More than the path of a socket may have. */
#define NAME_BYTES 128

enum stage {
    STAGE_TO_ASK,   /* not yet */
    STAGE_BUSY,     /* it had no place in its queue: once more, at the end */
    STAGE_ASKED,    /* connected */
    STAGE_WELCOMED, /* it is at it */
    STAGE_OVER,     /* the answer is there */
    STAGE_NOBODY    /* nobody to be asked */
};

/* One listener. */
struct target {
    char name[NAME_BYTES];
    int64_t owner; /* of whose directory it is; -1: in our own */
    enum stage stage;
    weft_handle socket;
    weft_handle process;
    weft_memory_answer answer;
};

struct ask {
    struct wefti_greeting demand;
    struct wefti_settings settings;
    uint64_t deadline_ns;
    int64_t pid;  /* 0: all */
    int64_t self; /* not to be asked */
    weftos_endpoint *hub;
    struct target *targets;
    size_t count;
    size_t room;
    unsigned open;
    bool asks_everybody;
    bool has_no_memory;
};

/* --------------------------------------------------------------- names --- */

static bool is_listener(const char *name)
{
    const size_t before = sizeof(WEFTI_TRIM_NAME) - 1;

    return strncmp(name, WEFTI_TRIM_NAME, before) == 0 &&
           name[before] != '\0' &&
           strspn(name + before, "0123456789") == strlen(name + before);
}

/* False: there is no memory for it. */
static bool add(struct ask *ask, const char *name, int64_t owner)
{
    struct target *target;

    if (ask->count == ask->room) {
        size_t room = ask->room == 0 ? 16 : ask->room * 2;
        struct target *targets =
            wefti_grow(ask->targets, ask->count * sizeof(*targets),
                       room * sizeof(*targets));

        ask->has_no_memory = targets == NULL;
        if (targets == NULL) {
            return false;
        }
        ask->targets = targets;
        ask->room = room;
    }
    target = &ask->targets[ask->count++];
    memset(target, 0, sizeof(*target));
    (void)snprintf(target->name, sizeof(target->name), "%s", name);
    target->owner = owner;
    target->socket = WEFTOS_NONE;
    target->process = WEFTOS_NONE;
    target->answer.kind = WEFT_ANSWER_LATE;
    target->answer.who = (weft_peer){0, -1, -1};
    return true;
}

static bool keep(void *context, const weftos_named *named)
{
    return named->is_memory || !is_listener(named->name) ||
           strlen(named->name) >= NAME_BYTES || add(context, named->name, -1);
}

/* A path, which ends in ".sock". */
static bool keep_other(void *context, const char *path, int64_t owner)
{
    const char *file = strrchr(path, '/') + 1;
    char name[WEFT_NAME_MAX + 1];

    (void)snprintf(name, sizeof(name), "%.*s",
                   (int)(strlen(file) - strlen(".sock")), file);
    return !is_listener(name) || strlen(path) >= NAME_BYTES ||
           add(context, path, owner);
}

static weft_status find_targets(struct ask *ask, weft_detail *detail)
{
    weft_status status = weftos_names_each(keep, ask, detail);

    if (status == WEFT_OK && ask->asks_everybody && !ask->has_no_memory) {
        status = weftos_others_each(keep_other, ask, detail);
    }

    return status == WEFT_OK && ask->has_no_memory
               ? wefti_fail(detail, WEFT_ENOMEM, "list the listeners")
               : status;
}

/* --------------------------------------------------------------- asking --- */

static void hang_up(struct ask *ask, struct target *target)
{
    if (target->stage == STAGE_ASKED || target->stage == STAGE_WELCOMED) {
        weftos_endpoint_forget(ask->hub, (uint64_t)(target - ask->targets),
                               target->socket, target->process);
        ask->open--;
    }
    weftos_close(target->socket);
    weftos_close(target->process);
    target->socket = WEFTOS_NONE;
    target->process = WEFTOS_NONE;
}

static void finish(struct ask *ask, struct target *target,
                   weft_memory_answer_kind kind)
{
    hang_up(ask, target);
    target->answer.kind = kind;
    target->stage = STAGE_OVER;
}

/* What a dead process has left is taken over, and given back. */
static void remove_dead(const char *name)
{
    weftos_endpoint *endpoint;
    weft_handle handle;

    if (weftos_endpoint_open(name, 0600, &endpoint, &handle, NULL) == WEFT_OK) {
        weftos_endpoint_close(endpoint, false);
    }
}

/* Is this one to be asked? */
static bool is_meant(const struct ask *ask, const struct target *target,
                     const weftos_peer *peer)
{
    bool is_owners =
        target->owner < 0 ? peer->is_same_user : peer->who.uid == target->owner;

    return is_owners && peer->who.pid != ask->self &&
           (ask->pid == 0 || peer->who.pid == ask->pid);
}

static weft_status send_demand(struct ask *ask, struct target *target,
                               weft_detail *detail)
{
    weft_status status =
        weftos_endpoint_watch(ask->hub, (uint64_t)(target - ask->targets),
                              target->socket, WEFTOS_NONE, detail);

    if (status != WEFT_OK) {
        return status;
    }
    target->stage = STAGE_ASKED;
    ask->open++;
    wefti_step("send demand");
    status = weftos_socket_send(target->socket, &ask->demand,
                                sizeof(ask->demand), NULL, 0, detail);
    /* Who turned us away before this has left its answer. */
    return status == WEFT_ECLOSED ? WEFT_OK : status;
}

/* Connects to a listener, and asks. Only what this process lacks is told. */
static weft_status begin(struct ask *ask, struct target *target,
                         weft_detail *detail)
{
    uint64_t until_ns = target->stage == STAGE_BUSY
                            ? wefti_within(ask->deadline_ns, PATIENCE_NS)
                            : WEFT_NOW;
    bool is_first = target->stage == STAGE_TO_ASK;
    weftos_peer peer;
    weft_status status = weftos_endpoint_connect(
        target->name, false, until_ns, false, &target->socket, &peer, detail);

    if (status != WEFT_OK) {
        target->socket = WEFTOS_NONE;
    }
    switch (status) {
    case WEFT_OK:
        break;
    case WEFT_EAGAIN:
    case WEFT_ETIMEDOUT:
        target->stage = is_first ? STAGE_BUSY : STAGE_OVER;
        return WEFT_OK;
    case WEFT_ENOENT:
        target->stage = STAGE_NOBODY;
        if (target->owner < 0) {
            remove_dead(target->name);
        }
        return WEFT_OK;
    case WEFT_ENOMEM:
    case WEFT_ELIMIT:
        return status;
    default: /* it is nothing that we know */
        target->stage = STAGE_NOBODY;
        return WEFT_OK;
    }
    if (!is_meant(ask, target, &peer)) {
        hang_up(ask, target);
        target->stage = STAGE_NOBODY;
        return WEFT_OK;
    }
    target->answer.who = peer.who;
    status = send_demand(ask, target, detail);
    if (status != WEFT_OK) {
        finish(ask, target, WEFT_ANSWER_LATE);
    }
    return WEFT_OK;
}

/*
 * Asks as many as may be asked at a time. `from` is the first that was not
 * asked. Those whose queue was full come again when all others have been asked.
 */
static weft_status ask_more(struct ask *ask, enum stage stage, size_t *from,
                            weft_detail *detail)
{
    while (*from < ask->count && ask->open < OPEN_MOST) {
        struct target *target = &ask->targets[*from];
        weft_status status =
            target->stage == stage ? begin(ask, target, detail) : WEFT_OK;

        if (status != WEFT_OK) {
            /* When another one has answered there is room again. */
            return ask->open > 0 ? WEFT_OK : status;
        }
        ++*from;
    }
    return WEFT_OK;
}

/* -------------------------------------------------------------- hearing --- */

static bool has_died(const struct target *target)
{
    return target->process != WEFTOS_NONE &&
           weftos_socket_wait(target->socket, false, target->process, WEFT_NOW,
                              false, NULL) == WEFT_EPEERDIED;
}

/* It is at it: from here on the kernel tells of its process's end, too. */
static void take_welcome(struct ask *ask, struct target *target,
                         weftos_received *received)
{
    uint64_t id = (uint64_t)(target - ask->targets);
    struct wefti_greeting greeting;

    if (wefti_greeting_read(&greeting, received, WEFTI_WELCOME, &ask->settings,
                            NULL) != WEFT_OK ||
        received->handle_count != 0) {
        finish(ask, target, WEFT_ANSWER_REFUSED);
        return;
    }
    target->stage = STAGE_WELCOMED;
    if (received->process == WEFTOS_NONE) {
        return;
    }
    weftos_endpoint_forget(ask->hub, id, target->socket, WEFTOS_NONE);
    if (weftos_endpoint_watch(ask->hub, id, target->socket, received->process,
                              NULL) == WEFT_OK) {
        target->process = received->process;
        received->process = WEFTOS_NONE;
    } else {
        /* It is not heard any more. */
        ask->open--;
        target->stage = STAGE_OVER;
        hang_up(ask, target);
    }
}

static void take_yield(struct ask *ask, struct target *target,
                       const weftos_received *received)
{
    static const uint32_t known = WEFT_ANSWER_CLAIMED | WEFT_ANSWER_MEASURED |
                                  WEFT_ANSWER_FOOTPRINT | WEFT_ANSWER_TOOK;
    struct wefti_yield yield;

    memset(&yield, 0, sizeof(yield));
    if (received->bytes == sizeof(yield) && received->handle_count == 0) {
        memcpy(&yield, received->data, sizeof(yield));
    }
    if (yield.magic != WEFTI_MAGIC || (yield.valid & ~known) != 0) {
        finish(ask, target, WEFT_ANSWER_REFUSED);
        return;
    }
    target->answer.valid = yield.valid;
    target->answer.claimed_bytes = yield.claimed_bytes;
    target->answer.measured_bytes = yield.measured_bytes;
    target->answer.footprint_bytes = yield.footprint_bytes;
    target->answer.took_ns = yield.took_ns;
    finish(ask, target, WEFT_ANSWER_GIVEN);
}

/* One control message; if there are more, the hub says so again. */
static void hear(struct ask *ask, struct target *target)
{
    weftos_received received;
    weft_status status = weftos_socket_recv(target->socket, &received, NULL);

    if (status == WEFT_ECLOSED || (status == WEFT_EAGAIN && has_died(target))) {
        finish(ask, target, WEFT_ANSWER_GONE);
    } else if (status == WEFT_EPROTO) {
        finish(ask, target, WEFT_ANSWER_REFUSED);
    } else if (status == WEFT_OK) {
        if (target->stage == STAGE_ASKED) {
            take_welcome(ask, target, &received);
        } else {
            take_yield(ask, target, &received);
        }
        wefti_received_drop(&received);
    } else if (status != WEFT_EAGAIN) {
        finish(ask, target, WEFT_ANSWER_LATE);
    }
}

static weft_status hear_one(struct ask *ask, weft_detail *detail)
{
    uint64_t id = WEFTOS_NEW_CONNECTION;
    weft_status status =
        weftos_endpoint_wait(ask->hub, ask->deadline_ns, false, &id, detail);

    if (status == WEFT_OK && id < ask->count &&
        (ask->targets[id].stage == STAGE_ASKED ||
         ask->targets[id].stage == STAGE_WELCOMED)) {
        hear(ask, &ask->targets[id]);
    }
    return status;
}

/* ------------------------------------------------------------ the whole --- */

/* Asks those of a stage, and hears all, until nothing is left to hear. */
static weft_status ask_all(struct ask *ask, enum stage stage,
                           weft_detail *detail)
{
    size_t from = 0;
    weft_status status;

    do {
        status = ask_more(ask, stage, &from, detail);
        /* Those who are to be asked again needn't wait for the others. */
        if (status == WEFT_OK && from == ask->count && stage == STAGE_TO_ASK) {
            return WEFT_OK;
        }
        if (status == WEFT_OK && ask->open > 0) {
            status = hear_one(ask, detail);
        }
    } while (status == WEFT_OK && (from < ask->count || ask->open > 0));
    return status == WEFT_ETIMEDOUT || status == WEFT_EAGAIN ? WEFT_OK : status;
}

/* Ends what is still open, and writes the answers. */
static size_t report(struct ask *ask, weft_memory_answer *answers, size_t room)
{
    size_t count = 0;

    for (size_t i = 0; i < ask->count; i++) {
        struct target *target = &ask->targets[i];

        hang_up(ask, target);
        if (target->stage == STAGE_NOBODY ||
            (ask->pid != 0 && target->answer.who.pid == 0)) {
            continue;
        }
        if (count < room) {
            answers[count] = target->answer;
        }
        count++;
    }
    return count;
}

static int allow_all(void *context, const weft_peer *peer)
{
    (void)context;
    (void)peer;
    return 1;
}

weft_handle wefti_trim_wake(const char *name)
{
    struct wefti_greeting demand = wefti_greeting(WEFTI_HELLO, WEFTI_DEMAND);
    weft_handle socket = WEFTOS_NONE;
    weftos_peer peer;

    demand.topic_flags = WEFT_TRIM_MILD;
    demand.position = WEFT_FOREVER;
    if (weftos_endpoint_connect(name, false, weft_after_ns(WAKE_NS), false,
                                &socket, &peer, NULL) != WEFT_OK) {
        return WEFTOS_NONE;
    }
    if (weftos_socket_send(socket, &demand, sizeof(demand), NULL, 0, NULL) !=
        WEFT_OK) {
        weftos_close(socket);
        return WEFTOS_NONE;
    }
    return socket;
}

static weft_status prepare(struct ask *ask, weft_trim_level level,
                           const weft_memory_ask_options *given,
                           weft_detail *detail)
{
    weft_memory_ask_options options = WEFT_MEMORY_ASK_OPTIONS_INIT;
    weftos_process_id self = {0, 0};
    weft_status status;

    if (!wefti_copy_options(&options, sizeof(options), given,
                            sizeof(options))) {
        return wefti_fail(detail, WEFT_EINVAL, "check the option size");
    }
    if ((options.flags & ~WEFT_MEMORY_ASK_EVERYBODY) != 0 || options.pid < 0) {
        return wefti_fail(detail, WEFT_EINVAL, "check the options");
    }
    status = wefti_settings_init(&ask->settings, NULL, detail);
    if (status == WEFT_OK) {
        status = weftos_process_mark(&self, NULL, detail);
    }
    /* Who it is was asked when it was connected to. */
    ask->settings.allow = allow_all;
    ask->settings.pattern = WEFTI_DEMAND;
    ask->demand = wefti_greeting(WEFTI_HELLO, WEFTI_DEMAND);
    ask->demand.topic_flags = (uint32_t)level;
    ask->demand.position = ask->deadline_ns;
    ask->pid = options.pid;
    ask->asks_everybody = (options.flags & WEFT_MEMORY_ASK_EVERYBODY) != 0;
    ask->self = self.pid;
    return status;
}

weft_status weft_memory_ask(weft_trim_level level,
                            const weft_memory_ask_options *options,
                            uint64_t deadline_ns, weft_memory_answer *answers,
                            size_t room, size_t *count, weft_detail *detail)
{
    struct ask ask = {.deadline_ns = deadline_ns};
    weft_handle handle;
    weft_status status;
    size_t found;

    if (level < WEFT_TRIM_MILD || level > WEFT_TRIM_CRITICAL || count == NULL ||
        (answers == NULL && room > 0)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *count = 0;
    status = prepare(&ask, level, options, detail);
    if (status == WEFT_OK) {
        status = weftos_endpoint_open(NULL, 0, &ask.hub, &handle, detail);
    }
    if (status != WEFT_OK) {
        return status;
    }
    status = find_targets(&ask, detail);
    if (status == WEFT_OK) {
        status = ask_all(&ask, STAGE_TO_ASK, detail);
    }
    if (status == WEFT_OK) {
        status = ask_all(&ask, STAGE_BUSY, detail);
    }
    found = report(&ask, answers, room);
    *count = status == WEFT_OK ? found : 0;
    weftos_endpoint_close(ask.hub, false);
    free(ask.targets);
    return status;
}
