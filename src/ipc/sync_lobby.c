/* SPDX-License-Identifier: MIT
 *
 * Waiting for synchronisation objects; sync_lobby.h has the theory.
 */
#include "sync_lobby.h"

#include <string.h>

/*
 * Microseconds. Each lobby learns what its waits are like: one that was
 * answered while it spun, or that slept for so short a time that more spinning
 * would have caught the answer, spins for twice as long next time; one that
 * slept for long, half as long. More than this is never repaid: it is what a
 * wake costs. Who is woken from the CPU that it waits on spins no more (5 us
 * for a round trip there, instead of 55), but for one wait in so many.
 */
#define SPIN_FIRST_US 15
#define SPIN_MOST_US 30
#define SPIN_LEAST_US 2
#define SPIN_RETRY 64
#define SHORT_SLEEP_NS 40000

struct wefti_self wefti_self = {.token = UINT64_MAX};

/* ----------------------------------------------------------- identities --- */

static uint64_t to_identity(weftos_process_id who)
{
    return (uint64_t)who.pid << WEFTI_PID_SHIFT | (uint64_t)who.stamp
                                                      << WEFTI_STAMP_SHIFT;
}

static weftos_process_id from_identity(uint64_t identity)
{
    weftos_process_id who = {
        (uint32_t)(identity >> WEFTI_PID_SHIFT),
        (uint32_t)(identity >> WEFTI_STAMP_SHIFT),
    };

    return who;
}

/* Whether others of the object's domain know whom the identity names. */
static bool is_known(uint64_t identity)
{
    return from_identity(identity).pid != 0;
}

/* Spreads every bit over all bits (the finalizer of splitmix64). */
static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* Finds out who this process is, if it does not know yet. */
static weft_status know_self(void)
{
    weftos_process_id self = {0, 0};
    uint64_t domain = 0;
    weft_status status;

    if (weftos_process_token() != 0 &&
        weftos_load_acquire(&wefti_self.token) == weftos_process_token()) {
        return WEFT_OK;
    }
    status = weftos_process_mark(&self, &domain, NULL);
    if (status != WEFT_OK) {
        return status;
    }
    weftos_store_relaxed(&wefti_self.identity, to_identity(self));
    weftos_store_relaxed(&wefti_self.domain, mix(domain) << 32);
    weftos_store_release(&wefti_self.token, weftos_process_token());
    return WEFT_OK;
}

weft_status wefti_identify_slowly(const struct wefti_object *object,
                                  uint32_t magic, uint64_t *identity)
{
    weft_status status;
    uint64_t head;

    if (!wefti_object_fits(object)) {
        return WEFT_EINVAL;
    }
    head = weftos_load_relaxed(&object->head);
    if ((uint32_t)head != magic) {
        return WEFT_EINVAL;
    }
    status = know_self();
    if (status != WEFT_OK) {
        return status;
    }
    *identity = weftos_load_relaxed(&wefti_self.identity);
    if (head != (weftos_load_relaxed(&wefti_self.domain) | magic)) {
        /* A guest: some number that is most likely no other guest's. */
        *identity =
            (mix(*identity ^ weftos_load_relaxed(&wefti_self.domain)) | 1)
            << WEFTI_STAMP_SHIFT;
    }
    return WEFT_OK;
}

/*
 * Whom another one's death is told of. Not a guest, to whom the numbers of the
 * others mean nothing, and nobody of himself.
 */
static weftos_process_id watchable(uint64_t self, uint64_t other)
{
    return is_known(self) && self != (other & WEFTI_IDENTITY)
               ? from_identity(other)
               : from_identity(0);
}

bool wefti_is_dead(uint64_t self, uint64_t identity)
{
    _Atomic uint32_t still = 0;
    weftos_site site = {.id = 0, .owner = watchable(self, identity)};

    return site.owner.pid != 0 &&
           weftos_word_wait(&still, 0, &site, WEFT_NOW, false, NULL) ==
               WEFT_EPEERDIED;
}

/* --------------------------------------------------------------- object --- */

/* A number that no other lobby has: 63 bits that depend on all there is. */
static uint64_t choose_site(const void *object)
{
    static weftos_word counter;
    uint64_t count =
        atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed);

    return mix(mix(weftos_now_ns() ^ mix((uint64_t)(uintptr_t)object)) +
               mix(weftos_process_token() + count)) &
           ~UINT64_C(1);
}

weft_status wefti_object_init(struct wefti_object *object, uint32_t magic,
                              uint64_t state)
{
    weft_status status;

    if (!wefti_object_fits(object)) {
        return WEFT_EINVAL;
    }
    status = know_self();
    if (status != WEFT_OK) {
        return status;
    }
    memset((void *)object, 0, sizeof(*object));
    object->lobby.site = choose_site(object);
    weftos_store_relaxed(&object->state, state);
    /* Release: who sees the head sees the rest. */
    weftos_store_release(&object->head,
                         weftos_load_relaxed(&wefti_self.domain) | magic);
    return WEFT_OK;
}

void wefti_object_deinit(struct wefti_object *object, uint32_t magic)
{
    uint64_t identity;

    if (wefti_identify(object, magic, &identity) == WEFT_OK) {
        weftos_store_relaxed(&object->head, 0);
    }
}

/* -------------------------------------------------------------- members --- */

uint32_t wefti_lobby_enter(struct wefti_lobby *lobby)
{
    /* Acquire: the look at the object, and at the members, comes after. */
    uint32_t turn = atomic_load_explicit(&lobby->turn, memory_order_acquire);

    while ((turn & WEFTOS_WORD_STIRRED) != 0) {
        uint32_t next = (turn + 1) & ~WEFTOS_WORD_STIRRED;

        if (atomic_compare_exchange_weak(&lobby->turn, &turn, next)) {
            return next;
        }
    }
    return turn;
}

static void wake_all(struct wefti_lobby *lobby)
{
    weftos_site site = {.id = lobby->site};

    (void)atomic_fetch_add(&lobby->turn, 1);
    weftos_word_wake(&lobby->turn, UINT32_MAX, &site);
}

/*
 * In a member: its process has not yet woken everybody since it came. Another
 * of its threads that finds this does so too, before it counts on being seen.
 */
#define UNTOLD UINT64_C(1)

/*
 * A place whose process is dead is taken over only where that is known without
 * asking: it had our number. Others are cleared by those who watch them.
 */
static bool is_vacant(uint64_t member, uint64_t self)
{
    return member == 0 || from_identity(member).pid == from_identity(self).pid;
}

/* Has everybody look at a place that names us, if nobody was told of it yet. */
static void tell_of_place(struct wefti_lobby *lobby, weftos_word *place,
                          uint64_t member)
{
    if ((member & UNTOLD) != 0) {
        wake_all(lobby);
        (void)atomic_compare_exchange_strong(place, &member, member & ~UNTOLD);
    }
}

bool wefti_lobby_list(struct wefti_lobby *lobby, uint64_t self)
{
    if (!is_known(self)) {
        return false;
    }
    for (size_t i = 0; i < WEFTOS_SITE_OTHERS; i++) {
        uint64_t member = weftos_load_relaxed(&lobby->members[i]);

        if ((member & WEFTI_IDENTITY) == self) {
            tell_of_place(lobby, &lobby->members[i], member);
            return true;
        }
    }
    for (size_t i = 0; i < WEFTOS_SITE_OTHERS; i++) {
        uint64_t member = weftos_load_relaxed(&lobby->members[i]);

        /*
         * Two threads of this process may take two places. That is harmless,
         * and the second one is free again when the process has died.
         */
        if (is_vacant(member, self) &&
            atomic_compare_exchange_strong(&lobby->members[i], &member,
                                           self | UNTOLD)) {
            tell_of_place(lobby, &lobby->members[i], self | UNTOLD);
            return true;
        }
    }
    return false;
}

/* Clears the places of the dead. */
static void strike_off(struct wefti_lobby *lobby, uint64_t self)
{
    for (size_t i = 0; i < WEFTOS_SITE_OTHERS; i++) {
        uint64_t member = weftos_load_relaxed(&lobby->members[i]);

        if (wefti_is_dead(self, member)) {
            (void)atomic_compare_exchange_strong(&lobby->members[i], &member,
                                                 0);
        }
    }
}

bool wefti_lobby_list_waker(struct wefti_lobby *lobby, uint64_t self)
{
    if (wefti_lobby_list(lobby, self)) {
        return true;
    }
    strike_off(lobby, self);
    return wefti_lobby_list(lobby, self);
}

/* -------------------------------------------------------------- waiting --- */

/* How long to look now, in us. */
static unsigned spin_budget(const struct wefti_lobby *lobby)
{
    unsigned spin = atomic_load_explicit(&lobby->spin, memory_order_relaxed);

    if (weftos_get_facts()->cpus < 2) {
        return 0;
    }
    if (spin == WEFTI_SPIN_NONE) {
        uint32_t turn =
            atomic_load_explicit(&lobby->turn, memory_order_relaxed);

        /* Once in a while: they may run on two CPUs by now. */
        return turn % SPIN_RETRY == 0 ? SPIN_FIRST_US : 0;
    }
    return spin == 0             ? SPIN_FIRST_US
           : spin < SPIN_MOST_US ? spin
                                 : SPIN_MOST_US;
}

/* Relaxed, and several may do so at a time: it is a guess. */
static void set_spin(struct wefti_lobby *lobby, unsigned spin)
{
    if (atomic_load_explicit(&lobby->spin, memory_order_relaxed) != spin) {
        atomic_store_explicit(&lobby->spin, (uint8_t)spin,
                              memory_order_relaxed);
    }
}

static void spin_more(struct wefti_lobby *lobby)
{
    unsigned spin = spin_budget(lobby) * 2;

    set_spin(lobby, spin < SPIN_LEAST_US  ? SPIN_LEAST_US
                    : spin < SPIN_MOST_US ? spin
                                          : SPIN_MOST_US);
}

static void spin_less(struct wefti_lobby *lobby)
{
    unsigned spin = spin_budget(lobby) / 2;

    set_spin(lobby, spin > SPIN_LEAST_US ? spin : SPIN_LEAST_US);
}

/* After a sleep that somebody's wake has ended. */
static void learn(struct wefti_lobby *lobby, int cpu, uint64_t slept_ns)
{
    if (cpu >= 0 && atomic_load_explicit(&lobby->cpu, memory_order_relaxed) ==
                        (uint8_t)cpu) {
        /* Looking only kept the other one from running on this CPU. */
        set_spin(lobby, WEFTI_SPIN_NONE);
    } else if (slept_ns < SHORT_SLEEP_NS) {
        spin_more(lobby);
    } else {
        spin_less(lobby);
    }
}

bool wefti_lobby_spin(struct wefti_lobby *lobby, wefti_look *look,
                      const void *context)
{
    uint64_t pauses =
        (uint64_t)spin_budget(lobby) * weftos_get_facts()->pauses_per_us;

    for (uint64_t i = 0; i < pauses; i++) {
        if (look(context)) {
            spin_more(lobby);
            return true;
        }
        weftos_pause();
    }
    return false;
}

weft_status wefti_word_wait(_Atomic uint32_t *word, uint32_t value,
                            uint64_t site, uint64_t self, uint64_t owner,
                            uint64_t deadline_ns)
{
    weftos_site whole = {.id = site, .owner = watchable(self, owner)};

    return weftos_word_wait(word, value, &whole, deadline_ns, false, NULL);
}

static weft_status wait_among(struct wefti_lobby *lobby, uint32_t ticket,
                              uint64_t self, uint64_t owner,
                              uint64_t deadline_ns)
{
    weftos_site site = {.id = lobby->site, .owner = watchable(self, owner)};

    for (size_t i = 0; i < WEFTOS_SITE_OTHERS; i++) {
        site.others[i] =
            watchable(self, weftos_load_relaxed(&lobby->members[i]));
    }
    return weftos_word_wait(&lobby->turn, ticket, &site, deadline_ns, false,
                            NULL);
}

weft_status wefti_lobby_wait(struct wefti_lobby *lobby, uint32_t ticket,
                             uint64_t self, uint64_t owner,
                             uint64_t deadline_ns)
{
    weft_status status;
    uint64_t began;
    int cpu = weftos_cpu();

    if (!wefti_lobby_list(lobby, self)) {
        /* Seen by whoever advances the count after our sleep has begun. */
        atomic_store(&lobby->crowd, 1);
    }
    began = weftos_now_ns();
    status = wait_among(lobby, ticket, self, owner, deadline_ns);
    if (status == WEFT_OK) {
        learn(lobby, cpu, weftos_now_ns() - began);
    }
    if (status == WEFT_EPEERDIED) {
        strike_off(lobby, self);
    }
    return status;
}

/*
 * The crowd is looked for three times. Cleared before the count is advanced:
 * whoever announced itself before that has an old ticket, so that it is woken
 * below, or does not fall asleep. After the count: it may have announced itself
 * in between, and sleep. After the wake: with a new ticket it may have slept in
 * time to take the wake that was another one's.
 */
void wefti_lobby_wake(struct wefti_lobby *lobby, bool all)
{
    weftos_site site = {.id = lobby->site};
    bool is_crowded = atomic_load(&lobby->crowd) != 0 &&
                      atomic_exchange(&lobby->crowd, 0) != 0;

    atomic_store_explicit(&lobby->cpu, (uint8_t)weftos_cpu(),
                          memory_order_relaxed);
    (void)atomic_fetch_add(&lobby->turn, 1);
    if (!all && !is_crowded && atomic_load(&lobby->crowd) == 0) {
        weftos_word_wake(&lobby->turn, 1, &site);
        if (atomic_load(&lobby->crowd) == 0) {
            return;
        }
    }
    weftos_word_wake(&lobby->turn, UINT32_MAX, &site);
}
