/* SPDX-License-Identifier: MIT
 *
 * The latest value of something, by name; state.h has the theory.
 */
#include "state.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "handshake.h"
#include "ring.h"
#include "sync_lock.h"
#include "sync_shared.h"

/* Times that a reader begins anew before it gives up on this value. */
#define OVERTAKEN_MOST 64

#define KNOWN_FLAGS (WEFT_STATE_WRITE | WEFT_STATE_ANY_WRITER)

const struct wefti_wording wefti_state_wording = {"v-", "w-", ".weft-state"};

/* What is the same for as long as it is open: nothing of it is shared. */
struct weft_state {
    uint64_t token; /* of the process that has it open */
    struct wefti_state_head *head;
    unsigned char *slots;
    size_t stride;
    size_t bytes_max;
    unsigned flags;
    uint64_t version; /* of a writer: the last one that it has set */
    weft_shared *shared;
};

/* --------------------------------------------------------------- layout --- */

bool wefti_state_measure(size_t bytes_max, size_t *stride, size_t *total)
{
    return bytes_max > 0 && bytes_max <= WEFT_STATE_BYTES_MAX &&
           wefti_align_up(sizeof(struct wefti_state_slot) + bytes_max,
                          WEFTI_STATE_LINE, stride) &&
           wefti_multiply(*stride, WEFTI_STATE_SLOTS, total) &&
           wefti_add(*total, sizeof(struct wefti_state_head), total);
}

static struct wefti_state_slot *slot_of(const weft_state *state,
                                        uint64_t version)
{
    return (struct wefti_state_slot *)(void *)(state->slots +
                                               version % WEFTI_STATE_SLOTS *
                                                   state->stride);
}

/* Acquire: pairs with the exchange in weft_state_set. */
static uint64_t latest_of(const weft_state *state)
{
    return WEFTI_STATE_VERSION(weftos_load_acquire(&state->head->value.state));
}

/* WEFT_OK: the handle is one, and this process's. */
static weft_status check_handle(const weft_state *state)
{
    if (state == NULL) {
        return WEFT_EINVAL;
    }
    return state->token == weftos_process_token() ? WEFT_OK : WEFT_EFORKED;
}

/* -------------------------------------------------------------- setting --- */

/* Only in words, as it is read: what tears between two is found out. */
static void copy_in(weftos_word *to, const void *from_, size_t bytes)
{
    const unsigned char *from = from_;
    uint64_t word;

    for (; bytes >= sizeof(word); bytes -= sizeof(word)) {
        memcpy(&word, from, sizeof(word));
        weftos_store_relaxed(to++, word);
        from += sizeof(word);
    }
    if (bytes > 0) {
        word = 0;
        memcpy(&word, from, bytes);
        weftos_store_relaxed(to, word);
    }
}

static void write_slot(struct wefti_state_slot *slot, uint64_t version,
                       const void *data, size_t bytes)
{
    wefti_step("empty a slot");
    /* Release: the latest version comes before; see the first look. */
    weftos_store_release(&slot->version, 0);
    /* Pairs with the fence in read_slot: the 0 comes before what follows. */
    atomic_thread_fence(memory_order_release);
    wefti_step("write a slot");
    weftos_store_relaxed(&slot->bytes, bytes);
    copy_in(slot->data, data, bytes);
    wefti_step("fill a slot");
    /* Relaxed: nobody looks for it before it is the latest. */
    weftos_store_relaxed(&slot->version, version);
}

weft_status weft_state_set(weft_state *state, const void *data, size_t bytes)
{
    weft_status status = check_handle(state);
    uint64_t version;
    uint64_t before;

    if (status != WEFT_OK) {
        return status;
    }
    if ((state->flags & WEFT_STATE_WRITE) == 0 || (data == NULL && bytes > 0)) {
        return WEFT_EINVAL;
    }
    if (bytes > state->bytes_max) {
        return WEFT_EMSGSIZE;
    }
    version = state->version + 1;
    write_slot(slot_of(state, version), version, data, bytes);
    wefti_step("publish a version");
    state->version = version;
    /*
     * Release: pairs with the acquire in latest_of. And one step: whoever says
     * that he sleeps did so before it, or finds a new version.
     */
    before = atomic_exchange(&state->head->value.state, version << 1);
    wefti_step("published a version");
    if ((before & WEFTI_STATE_WAITERS) != 0) {
        wefti_lobby_wake(&state->head->value.lobby, true);
    }
    return WEFT_OK;
}

/* -------------------------------------------------------------- getting --- */

static void copy_out(void *to_, const weftos_word *from, size_t bytes)
{
    unsigned char *to = to_;
    uint64_t word;

    for (; bytes >= sizeof(word); bytes -= sizeof(word)) {
        word = weftos_load_relaxed(from++);
        memcpy(to, &word, sizeof(word));
        to += sizeof(word);
    }
    if (bytes > 0) {
        word = weftos_load_relaxed(from);
        memcpy(to, &word, bytes);
    }
}

/*
 * Copies a version out of its slot, if there is room for it in `*bytes` bytes.
 * WEFT_EAGAIN: it was overwritten meanwhile.
 */
static weft_status read_slot(const weft_state *state, uint64_t version,
                             void *data, size_t *bytes)
{
    const struct wefti_state_slot *slot = slot_of(state, version);
    size_t room = *bytes;
    uint64_t length;

    /* Acquire: pairs with the release, or the fence, in write_slot. */
    if (weftos_load_acquire(&slot->version) != version) {
        /* The writer has gone round since: latest tells, unless it lies. */
        return latest_of(state) == version ? WEFT_ECORRUPT : WEFT_EAGAIN;
    }
    length = weftos_load_relaxed(&slot->bytes);
    if (length <= room && length <= state->bytes_max) {
        copy_out(data, slot->data, (size_t)length);
    }
    wefti_step("copied a slot");
    /* Pairs with the fence in write_slot. */
    atomic_thread_fence(memory_order_acquire);
    if (weftos_load_relaxed(&slot->version) != version) {
        return WEFT_EAGAIN;
    }
    if (length > state->bytes_max) {
        return WEFT_ECORRUPT;
    }
    *bytes = (size_t)length;
    return length <= room ? WEFT_OK : WEFT_EMSGSIZE;
}

weft_status weft_state_get(const weft_state *state, void *data, size_t *bytes,
                           uint64_t *version)
{
    weft_status status = check_handle(state);
    uint64_t latest = 0;

    if (status != WEFT_OK) {
        return status;
    }
    if (bytes == NULL || (data == NULL && *bytes > 0)) {
        return WEFT_EINVAL;
    }
    status = WEFT_EAGAIN;
    for (unsigned i = 0; i < OVERTAKEN_MOST && status == WEFT_EAGAIN; i++) {
        latest = latest_of(state);
        if (latest == 0) {
            break;
        }
        status = read_slot(state, latest, data, bytes);
    }
    if (version != NULL) {
        *version = latest;
    }
    return status;
}

uint64_t weft_state_version(const weft_state *state)
{
    return check_handle(state) == WEFT_OK ? latest_of(state) : 0;
}

size_t weft_state_bytes_max(const weft_state *state)
{
    return state != NULL ? state->bytes_max : 0;
}

/* -------------------------------------------------------------- waiting --- */

/* One wait: what it looks at. */
struct visit {
    const weft_state *state;
    uint64_t version; /* that is known */
    uint64_t self;
    uint64_t dead; /* a writer that is known to be dead, or 0 */
};

static bool has_changed(const void *context)
{
    const struct visit *visit = context;

    return latest_of(visit->state) != visit->version;
}

/* Who the writer is, or 0. Acquire: after it, all that it has set is seen. */
static uint64_t find_writer(const struct visit *visit)
{
    const struct wefti_object *writer =
        (const struct wefti_object *)(const void *)&visit->state->head->writer;

    return weftos_load_acquire(&writer->state) & WEFTI_IDENTITY;
}

/* Says that we are about to sleep. False: there is no need to. */
static bool announce(const struct visit *visit)
{
    uint64_t latest = visit->version << 1;

    return atomic_compare_exchange_strong(&visit->state->head->value.state,
                                          &latest,
                                          latest | WEFTI_STATE_WAITERS) ||
           latest == (visit->version << 1 | WEFTI_STATE_WAITERS);
}

/*
 * Nothing has changed: why not to wait for this writer. WEFT_OK: no reason.
 * Whether it is dead costs a system call, so the sleep asks first.
 */
static weft_status find_end(struct visit *visit, uint64_t writer, bool ask)
{
    bool stays = (visit->state->flags & WEFT_STATE_ANY_WRITER) != 0;

    if (writer == 0) {
        return stays || visit->version == 0 ? WEFT_OK : WEFT_ECLOSED;
    }
    if (!ask || writer == visit->dead || !wefti_is_dead(visit->self, writer)) {
        return WEFT_OK;
    }
    visit->dead = writer;
    return stays ? WEFT_OK : WEFT_EPEERDIED;
}

/* One round. WEFT_OK: look again. */
static weft_status wait_once(struct visit *visit, uint64_t deadline_ns)
{
    struct wefti_lobby *lobby = &visit->state->head->value.lobby;
    uint32_t ticket = wefti_lobby_enter(lobby);
    uint64_t writer = find_writer(visit);
    weft_status status = find_end(visit, writer, deadline_ns == WEFT_NOW);

    if (status == WEFT_OK && deadline_ns == WEFT_NOW) {
        return WEFT_EAGAIN;
    }
    if (status != WEFT_OK || wefti_lobby_spin(lobby, has_changed, visit) ||
        !announce(visit)) {
        return status;
    }
    wefti_step("sleep for a version");
    status = wefti_lobby_wait(lobby, ticket, visit->self,
                              writer != visit->dead ? writer : 0, deadline_ns);
    if (status == WEFT_EPEERDIED) {
        return find_end(visit, find_writer(visit), true);
    }
    /* A word that somebody keeps changing would let us sleep no more. */
    return status == WEFT_OK && deadline_ns != WEFT_FOREVER &&
                   weftos_now_ns() >= deadline_ns
               ? WEFT_ETIMEDOUT
               : status;
}

weft_status weft_state_wait(const weft_state *state, uint64_t version,
                            uint64_t deadline_ns)
{
    struct visit visit = {.state = state, .version = version};
    weft_status status = check_handle(state);

    if (status != WEFT_OK || has_changed(&visit)) {
        return status;
    }
    if (wefti_identify(&state->head->value, WEFTI_STATE_MAGIC, &visit.self) !=
        WEFT_OK) {
        return WEFT_ECORRUPT;
    }
    while (status == WEFT_OK && !has_changed(&visit)) {
        status = wait_once(&visit, deadline_ns);
    }
    /* What the writer has set before its end comes first. */
    return has_changed(&visit) ? WEFT_OK : status;
}

/* ---------------------------------------------------- opening and closing */

/* Can't fail: the same was tried before. */
static void make_state(void *context, void *base, size_t bytes)
{
    struct wefti_state_head *head = base;

    (void)bytes;
    head->bytes_max = *(const size_t *)context;
    (void)weft_mutex_init(&head->writer);
    (void)wefti_object_init(&head->value, WEFTI_STATE_MAGIC, 0);
}

/* Finds out how the memory is laid out, and believes nothing that it says. */
static weft_status find_layout(weft_state *state, size_t bytes_max,
                               weft_detail *detail)
{
    struct wefti_state_head *head = weft_shared_base(state->shared);
    size_t bytes = weft_shared_bytes(state->shared);
    uint64_t self;
    uint64_t found = bytes >= sizeof(*head) ? head->bytes_max : 0;
    size_t total;

    if (found > WEFT_STATE_BYTES_MAX ||
        !wefti_state_measure((size_t)found, &state->stride, &total) ||
        total > bytes ||
        wefti_identify(&head->value, WEFTI_STATE_MAGIC, &self) != WEFT_OK) {
        return wefti_fail(detail, WEFT_ECORRUPT, "find a state in the memory");
    }
    if (bytes_max != 0 && bytes_max != found) {
        return wefti_fail(detail, WEFT_EINUSE,
                          "find the size that the state was made with");
    }
    state->head = head;
    state->slots = (unsigned char *)(head + 1);
    state->bytes_max = (size_t)found;
    return WEFT_OK;
}

static weft_status become_writer(weft_state *state, weft_detail *detail)
{
    weft_mutex *writer = &state->head->writer;
    weft_status status = weft_mutex_try_lock(writer);

    if (status == WEFT_EOWNERDEAD) {
        /* It has left nothing half done that anybody reads. */
        status = weft_mutex_recover(writer);
    }
    if (status == WEFT_EAGAIN) {
        return wefti_fail(detail, WEFT_EINUSE, "become the writer");
    }
    if (status == WEFT_EINVAL || status == WEFT_ENOTRECOVERABLE) {
        return wefti_fail(detail, WEFT_ECORRUPT, "become the writer");
    }
    if (status != WEFT_OK) {
        return wefti_fail(detail, status, "become the writer");
    }
    state->version = latest_of(state);
    if (state->version >= WEFTI_STATE_VERSION_MAX) {
        (void)weft_mutex_unlock(writer);
        return wefti_fail(detail, WEFT_ECORRUPT, "find the latest version");
    }
    wefti_step("become the writer");
    /* Those who wait have to watch this process from now on. */
    wefti_lobby_wake(&state->head->value.lobby, true);
    return WEFT_OK;
}

static weft_status open_state(weft_state *state, const char *name,
                              size_t bytes_max,
                              const weft_state_options *options,
                              weft_detail *detail)
{
    weft_shared_options shared = WEFT_SHARED_OPTIONS_INIT;
    struct wefti_object trial;
    size_t total = 0;
    weft_status status;

    if (bytes_max != 0 &&
        !wefti_state_measure(bytes_max, &state->stride, &total)) {
        return wefti_fail(detail, WEFT_EINVAL, "check the largest value");
    }
    status = wefti_object_init(&trial, WEFTI_STATE_MAGIC, 0);
    if (status != WEFT_OK) {
        return wefti_fail(detail, status, "make a state");
    }
    shared.mode = options->mode;
    shared.make = make_state;
    shared.make_context = &bytes_max;
    status = wefti_shared_open(name, &wefti_state_wording, total, &shared,
                               &state->shared, detail);
    if (status != WEFT_OK) {
        return status;
    }
    state->token = weftos_process_token();
    status = find_layout(state, bytes_max, detail);
    if (status == WEFT_OK && (options->flags & WEFT_STATE_WRITE) != 0) {
        status = become_writer(state, detail);
    }
    if (status != WEFT_OK) {
        weft_shared_close(&state->shared);
    }
    return status;
}

weft_status weft_state_open(const char *name, size_t bytes_max,
                            const weft_state_options *options, weft_state **out,
                            weft_detail *detail)
{
    weft_state_options own = WEFT_STATE_OPTIONS_INIT;
    weft_state *state;
    weft_status status;

    if (out == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    *out = NULL;
    if (name == NULL) {
        return wefti_fail(detail, WEFT_EINVAL, "check the arguments");
    }
    if (!wefti_copy_options(&own, sizeof(own), options, sizeof(own.size)) ||
        (own.flags & ~KNOWN_FLAGS) != 0) {
        return wefti_fail(detail, WEFT_EINVAL, "check the options");
    }
    state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return wefti_fail(detail, WEFT_ENOMEM, "allocate a state");
    }
    state->flags = own.flags;
    status = open_state(state, name, bytes_max, &own, detail);
    if (status != WEFT_OK) {
        free(state);
        return status;
    }
    *out = state;
    return WEFT_OK;
}

/* The writer goes: those who wait are to look who is there now. */
static void resign(weft_state *state)
{
    wefti_step("resign");
    (void)weft_mutex_unlock(&state->head->writer);
    wefti_step("resigned");
    wefti_lobby_wake(&state->head->value.lobby, true);
}

void weft_state_close(weft_state **state)
{
    weft_state *closed;

    if (state == NULL || *state == NULL) {
        return;
    }
    closed = *state;
    *state = NULL;
    if (check_handle(closed) == WEFT_OK &&
        (closed->flags & WEFT_STATE_WRITE) != 0) {
        resign(closed);
    }
    weft_shared_close(&closed->shared);
    free(closed);
}
