/* SPDX-License-Identifier: MIT
 *
 * Spinning and sleeping; park.h has the theory.
 */
#include <string.h>

#include "park.h"

/*
 * Microseconds. Waking a sleeper costs 5 us on idle real hardware and 20 to
 * 45 us in a virtual machine, so more spinning than this is never repaid.
 * Each site learns what its waits are like: one that was answered while it
 * spun, or that slept for so short a time that more spinning would have
 * caught the answer, spins for twice as long next time; one that slept for
 * long, half as long. So who waits for the answer of a peer that has to be
 * woken first spins through that, and the peer, who waits for the next
 * question, does not.
 */
#define SPIN_LEAST_US 2

/* A peer that has been asleep greets within 0.4 ms. */
#define BUSY_NS 1000000

/*
 * Yields. A switch to another process takes 1 to 3 us, and those who only
 * compute take a slice of 1 to 4 ms. So a round of all who wait on this CPU is
 * told from a slice by its length; ALONE_NS, from a yield that finds nobody.
 * With 64 clients of one server on 2 CPUs 4 yields are enough mostly.
 */
#define YIELDS_MOST 64
#define SLICE_NS 1000000
#define LONG_SLICE_NS 5000000
#define PAUSE_FACTOR 4
#define PAUSE_MOST_NS UINT64_C(60000000000)
#define ALONE_NS 2000

/* So many sleeps in a row, and so short, that yields are tried. */
#define SHORT_SLEEPS 8
#define SHORT_SLEEP_NS 2000000

/* WEFT_WAIT_SPIN looks up this often, for the peer's end: 0.3 us in 50. */
#define SPIN_CHECK_US 50

/*
 * An honest peer rings once for each sleep, and late rings are few. So many
 * wakes in a row without any progress are an attack or a defect.
 */
#define IDLE_WAKES_MOST 1000

/* Each arming may bring a ring, and the waiter wants to be asked in time. */
#define ARMS_MOST 128

void wefti_site_init(struct wefti_site *site, struct wefti_line *line,
                     weftos_word *mark, const weftos_word *fence_mode)
{
    memset(site, 0, sizeof(*site));
    site->line = line;
    site->mark = mark;
    site->exposed = WEFTOS_NONE;
    site->fence_mode = fence_mode;
    site->spin_us = WEFTI_SPIN_MOST_US;
}

void wefti_site_deinit(struct wefti_site *site)
{
    weftos_waiter_close(site->waiter);
    site->waiter = NULL;
}

/* A socket that is full of rings needs no more; one that is closed has told. */
static weft_status ring_socket(const struct wefti_line *line,
                               weft_detail *detail)
{
    static const struct wefti_rider ring = {WEFTI_MAGIC, WEFTI_RING, 0};
    weft_status status =
        weftos_socket_send(line->socket, &ring, sizeof(ring), NULL, 0, detail);

    return status == WEFT_EAGAIN || status == WEFT_ECLOSED ? WEFT_OK : status;
}

weft_status wefti_line_ring(struct wefti_line *line, weft_detail *detail)
{
    weft_status status = line->hears_socket
                             ? ring_socket(line, detail)
                             : weftos_bell_ring(&line->bell, detail);

    if (status != WEFT_OK) {
        weftos_store_relaxed(&line->broken, 1);
        weftos_socket_hang_up(line->socket);
    }
    return status;
}

static weft_status open_waiter(struct wefti_site *site)
{
    struct wefti_line *line = site->line;

    if (site->waiter != NULL || line->is_hub) {
        return WEFT_OK;
    }
    return weftos_waiter_open(line->hear, line->socket, line->process,
                              &site->waiter, &site->detail);
}

/* ------------------------------------------------------------- spinning --- */

/* Publishes where this side waits, and says whether the peer was here too. */
static bool shares_cpu_with_peer(struct wefti_line *line)
{
    uint64_t here = (uint64_t)weftos_cpu() + 1; /* -1, unknown, gives 0 */

    if (weftos_load_relaxed(&line->own->cpu) != here) {
        weftos_store_relaxed(&line->own->cpu, here);
    }
    return here != 0 && weftos_load_relaxed(&line->peer->cpu) == here;
}

uint64_t wefti_site_spin_us(struct wefti_site *site)
{
    bool together = shares_cpu_with_peer(site->line);

    switch (site->line->wait) {
    case WEFT_WAIT_SPIN:
        return WEFTI_SPIN_ON;
    case WEFT_WAIT_BLOCK:
        return 0;
    case WEFT_WAIT_DEFAULT:
    case WEFT_WAIT_ADAPTIVE:
        break;
    }
    /* On the peer's own CPU, spinning only keeps the answer from coming. */
    if (together || site->yields.come_first || weftos_get_facts()->cpus < 2) {
        return 0;
    }
    return site->spin_us;
}

/* Spins for `us` microseconds. True: ready. */
static bool spin_for(wefti_ready *ready, void *context, uint64_t us)
{
    uint64_t pauses = us * weftos_get_facts()->pauses_per_us;

    for (uint64_t i = 0; i < pauses; i++) {
        if (ready(context)) {
            return true;
        }
        weftos_pause();
    }
    return false;
}

void wefti_spin_learn(uint32_t *spin_us, bool is_short)
{
    uint32_t next = is_short ? *spin_us * 2 : *spin_us / 2;

    *spin_us = next < SPIN_LEAST_US        ? SPIN_LEAST_US
               : next > WEFTI_SPIN_MOST_US ? WEFTI_SPIN_MOST_US
                                           : next;
}

void wefti_site_learn_greeting(struct wefti_site *site, uint64_t took_ns)
{
    if (took_ns >= BUSY_NS) {
        site->spin_us = SPIN_LEAST_US;
    }
}

bool wefti_site_spin(struct wefti_site *site, uint64_t us, wefti_ready *ready,
                     void *context)
{
    if (us == WEFTI_SPIN_ON) {
        bool together = shares_cpu_with_peer(site->line);

        if (spin_for(ready, context, together ? 1 : SPIN_CHECK_US)) {
            return true;
        }
        if (together) {
            weftos_yield();
        }
        return ready(context);
    }
    if (!spin_for(ready, context, us)) {
        return false;
    }
    wefti_spin_learn(&site->spin_us, true);
    return true;
}

/* ------------------------------------------------------------- yielding --- */

/* A yield has cost a slice. */
static void pause_yields(struct wefti_yields *yields, uint64_t now,
                         uint64_t took)
{
    uint64_t pause = yields->pause_ns * PAUSE_FACTOR;

    pause = pause < took * PAUSE_FACTOR ? took * PAUSE_FACTOR : pause;
    yields->pause_ns = pause < PAUSE_MOST_NS ? pause : PAUSE_MOST_NS;
    yields->not_before_ns = now + yields->pause_ns;
    yields->come_first = false;
}

bool wefti_yields_take(struct wefti_yields *yields, uint64_t deadline_ns,
                       wefti_ready *ready, void *context)
{
    uint64_t began;
    uint64_t now;

    if (yields->most == 0) {
        return false;
    }
    began = now = weftos_now_ns();
    if (now < yields->not_before_ns ||
        (deadline_ns != WEFT_FOREVER && deadline_ns < now + LONG_SLICE_NS)) {
        return false;
    }
    for (uint32_t i = 0; i < yields->most && now - began < SLICE_NS; i++) {
        uint64_t last = now;

        weftos_yield();
        now = weftos_now_ns();
        if (now - last >= SLICE_NS) {
            pause_yields(yields, now, now - last);
            return ready(context);
        }
        if (ready(context)) {
            yields->most = YIELDS_MOST;
            yields->pause_ns = 0;
            yields->come_first = now - began >= ALONE_NS;
            return true;
        }
    }
    yields->most /= 2;
    yields->come_first = false;
    return false;
}

void wefti_yields_learn(struct wefti_yields *yields, uint64_t slept_ns)
{
    yields->sleeps = slept_ns < SHORT_SLEEP_NS ? yields->sleeps + 1 : 0;
    if (yields->sleeps >= SHORT_SLEEPS && yields->most == 0) {
        yields->most = YIELDS_MOST;
        yields->sleeps = 0;
    }
}

/* ------------------------------------------------------------- sleeping --- */

static weft_status count_idle_wake(struct wefti_site *site)
{
    uint64_t progress = weftos_load_relaxed(&site->line->progress);

    if (progress != site->progress) {
        site->progress = progress;
        site->idle_wakes = 0;
        return WEFT_OK;
    }
    if (++site->idle_wakes < IDLE_WAKES_MOST) {
        return WEFT_OK;
    }
    site->detail.status = WEFT_EPROTO;
    site->detail.os_code = 0;
    site->detail.operation = "bear with the peer's endless ringing";
    return WEFT_EPROTO;
}

static weft_status collect(struct wefti_site *site, uint64_t deadline_ns)
{
    unsigned events = 0;
    weft_status status;

    if (site->line->is_hub) {
        return WEFT_OK; /* nothing comes to us alone */
    }
    site->arms = 0;
    status =
        weftos_waiter_wait(site->waiter, deadline_ns, site->line->interruptible,
                           &events, &site->detail);

    if (status != WEFT_OK) {
        return status;
    }
    if ((events & (WEFTOS_EVENT_HANGUP | WEFTOS_EVENT_DEATH)) != 0) {
        site->hung_up = true;
        return WEFT_OK;
    }
    if ((events & WEFTOS_EVENT_SIGNAL) != 0) {
        return WEFT_EINTR;
    }
    return events != 0 ? count_idle_wake(site) : WEFT_OK;
}

/* Does the waker leave its half of the fence to us? */
static bool fences_for_both(const struct wefti_site *site)
{
    /* What was not agreed on is not believed: who lies here rings too late. */
    if (site->fence_mode == NULL || !site->line->fences_remote) {
        return site->line->fences_remote;
    }
    /*
     * Acquire: if a producer has just gone back to PLAIN, then what it
     * committed without a fence before that is visible to the next look.
     */
    return weftos_load_acquire(site->fence_mode) != WEFTI_FENCE_PLAIN;
}

weft_status wefti_site_arm(struct wefti_site *site, uint64_t position)
{
    weft_status status = open_waiter(site);

    /* What is collected here came before the mark: no wake-up is lost. */
    if (status == WEFT_OK && ++site->arms >= ARMS_MOST) {
        status = collect(site, WEFT_NOW);
    }
    if (status != WEFT_OK) {
        return status;
    }
    weftos_store_relaxed(site->mark, position);
    weftos_fence_full();
    if (fences_for_both(site)) {
        status = weftos_fence_remote(&site->detail);
        if (status != WEFT_OK) {
            /* Agreed upon and refused now: to sleep could be for ever. */
            wefti_site_disarm(site);
        }
    }
    return status;
}

void wefti_site_disarm(struct wefti_site *site)
{
    /* Relaxed: a ring that comes for the old mark is only a wake for nothing */
    weftos_store_relaxed(site->mark, WEFTI_NONE);
}

weft_status wefti_site_sleep(struct wefti_site *site, uint64_t deadline_ns)
{
    weft_status status = open_waiter(site);
    uint64_t began;
    uint64_t slept;

    if (status != WEFT_OK || deadline_ns == WEFT_NOW) {
        return status != WEFT_OK ? status : collect(site, WEFT_NOW);
    }
    site->parks++;
    began = weftos_now_ns();
    status = collect(site, deadline_ns);
    slept = weftos_now_ns() - began;
    wefti_spin_learn(&site->spin_us, slept < WEFTI_SHORT_SLEEP_NS);
    wefti_yields_learn(&site->yields, slept);
    return status;
}

/* -------------------------------------------------------------- exposed --- */

void wefti_site_poke_exposed(struct wefti_site *site, bool on)
{
    if (site->poked != on) {
        /* Can't fail: the waiter has been exposed before. */
        (void)weftos_waiter_expose(site->waiter, on, &site->exposed, NULL);
        site->poked = on;
    }
}

weft_status wefti_site_expose(struct wefti_site *site, weft_handle *handle)
{
    weft_status status = open_waiter(site);

    if (status != WEFT_OK || site->exposed != WEFTOS_NONE) {
        *handle = site->exposed;
        return status;
    }
    /* Ready until somebody has looked. */
    status = weftos_waiter_expose(site->waiter, true, handle, &site->detail);
    if (status == WEFT_OK) {
        site->exposed = *handle;
        site->poked = true;
    }
    return status;
}
