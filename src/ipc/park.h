/* SPDX-License-Identifier: MIT
 *
 * park.h - how one side waits for the other: spin briefly, then sleep.
 *
 * A channel end has two sites to wait at: for a record to read, and for room
 * to write. Both use the same protocol. The sleeper announces *what* it
 * sleeps for, a 64-bit position, in a word of its own page (its mark); the
 * waker rings the doorbell only if the mark lies in the range that it has
 * just made true. A mere flag would make every commit ring until the sleeper
 * has run again.
 *
 *      sleeper                        waker
 *      store mark = position          store record (or cursor)
 *      FULL FENCE                     FULL FENCE
 *      load record (or cursor)        load mark
 *      sleep if not there             ring if it is in the range
 *
 * Without both fences each side's load may pass its own store, both see the
 * old state, and the wake-up is lost (models/ shows it).
 *
 * The waker runs for every message, the sleeper once in a while, so the
 * fence is better left to the sleeper: weftos_fence_remote() fences both
 * sides at once. Where both sides can do that (the handshake says so),
 *
 * - a consumer never fences after its cursor, and who sleeps for room always
 *   fences for both;
 * - a producer begins with fences of its own, because a sleeper on the same
 *   CPU, or one that is woken for every message, would pay 0.5 to 8 us for
 *   what costs the producer 5 ns. When it streams, it declares
 *   WEFTI_FENCE_REMOTE in its page and drops them: 100 instead of 67 million
 *   messages a second on the development host. A sleeper that finds it so
 *   fences for both. The declaration is followed by a full fence: either the
 *   sleeper, after its own fence, sees the declaration, or the producer,
 *   after its fence, sees the mark.
 *
 * Where there are more processes than CPUs, who waits is often waiting for one
 * that has no CPU. Then it is better to let the others have theirs, by
 * yielding, than to sleep, and be woken: with all doing so, the answer is there
 * when it is this one's turn again, and nobody makes a system call to wake
 * anybody. See struct wefti_yields.
 *
 * A ring of the bell is never lost: it stays in the doorbell until the
 * sleeper's next wait. It may come late or for no reason, so every caller
 * loops on the state itself.
 */
#ifndef WEFTI_PARK_H
#define WEFTI_PARK_H

#include "layout.h"
#include "os/os.h"

/* What the waits of one channel end share. */
struct wefti_line {
    struct wefti_home *own;        /* writable */
    const struct wefti_home *peer; /* read-only, and hostile */
    weft_handle socket;
    weft_handle hear;    /* our doorbell */
    weft_handle process; /* the peer, or WEFTOS_NONE */
    weftos_bell bell;    /* the peer's doorbell */
    bool fences_remote;  /* both sides can */
    bool is_hub;         /* a server's: it waits for all clients elsewhere */
    bool hears_socket;   /* the peer is a hub: its socket is its bell */
    bool defers;         /* a hub's: who rings for a commit only notes it */
    bool owes_ring;      /* ... here; then the hub rings later */
    weft_wait wait;
    bool interruptible;
    /*
     * Grows whenever either direction gets on. Two threads add to it; it only
     * serves to tell a flood of rings from work done.
     */
    weftos_word progress;
    weftos_word broken;        /* not 0: we could not ring the peer's bell */
    struct wefti_early *early; /* of a hub; NULL until there is one */
};

/*
 * A hub receives what is on a socket to hear rings, and so may get handles
 * before it comes to their record: by one message at most, and a second one if
 * that record is committed meanwhile.
 */
#define WEFTI_EARLY_MOST 2

struct wefti_early {
    unsigned count;
    weftos_received received[WEFTI_EARLY_MOST];
};

/*
 * When to yield instead of sleeping, as learnt. It has its price where somebody
 * computes on this CPU who has nothing to do with us: he takes a whole slice of
 * time, when a sleeper would have been woken in the midst of it. So it is not
 * tried before several sleeps in a row have been short; and where it has cost a
 * slice it is not tried again for four times as long, then for four times that.
 */
struct wefti_yields {
    uint64_t not_before_ns;
    uint64_t pause_ns; /* after the last time that it cost a slice */
    uint32_t most;     /* yields in the next wait */
    uint32_t sleeps;   /* short ones, in a row */
    bool come_first;   /* before spinning: others have the CPU anyhow */
};

/*
 * Says whether what is waited for is there. Called in the spin loop: it should
 * be one load.
 */
typedef bool wefti_ready(void *context);

/*
 * Yields, for a bounded time, and not with a deadline that a slice of somebody
 * else's could make late: who sleeps wakes in time. True: it is ready.
 */
bool wefti_yields_take(struct wefti_yields *yields, uint64_t deadline_ns,
                       wefti_ready *ready, void *context);

/* A slice of time was worth it. */
static inline void wefti_yields_forgive(struct wefti_yields *yields)
{
    yields->not_before_ns = 0;
    yields->pause_ns = 0;
}

/* After a sleep. */
void wefti_yields_learn(struct wefti_yields *yields, uint64_t slept_ns);

/* One place to wait. Private to the thread that uses the direction. */
struct wefti_site {
    struct wefti_line *line;
    weftos_word *mark;
    weftos_waiter *waiter; /* opened by the first wait */
    weft_handle exposed;   /* WEFTOS_NONE until somebody polls */
    bool poked;
    struct wefti_source *source;   /* in a poll set, which arms; or NULL */
    uint32_t arms;                 /* since the waiter was last asked */
    const weftos_word *fence_mode; /* the peer's; NULL: always remote */
    bool hung_up;                  /* the kernel says that the peer is gone */
    uint32_t spin_us;              /* how long the next wait spins at most */
    struct wefti_yields yields;
    uint32_t idle_wakes; /* in a row, without progress */
    uint64_t progress;   /* as of the last wake */
    uint64_t parks;
    weft_detail detail;
};

void wefti_site_init(struct wefti_site *site, struct wefti_line *line,
                     weftos_word *mark, const weftos_word *fence_mode);
void wefti_site_deinit(struct wefti_site *site);

/* Was a wait one that spinning is good for? So the next one's bound. */
void wefti_spin_learn(uint32_t *spin_us, bool is_short);

/* How long a wait spins at most before any was learnt from. */
#define WEFTI_SPIN_MOST_US 30

/*
 * What the wait for the peer's greeting says of the first ones: a peer that has
 * many others to greet answers none of them while they spin.
 */
void wefti_site_learn_greeting(struct wefti_site *site, uint64_t took_ns);

/* Sleeps shorter than this are worth more spinning. */
#define WEFTI_SHORT_SLEEP_NS 75000

/* How long this wait may spin: 0 not at all, WEFTI_SPIN_ON without end. */
#define WEFTI_SPIN_ON UINT64_MAX
uint64_t wefti_site_spin_us(struct wefti_site *site);

/*
 * Looks in the first half microsecond or so, in the caller's own code. With a
 * pause even between the first ones: two threads of one core share what a
 * tight loop would take from the other (130 ns a round trip instead of 160).
 */
#define WEFTI_EAGER_LOOKS 32

static inline bool wefti_spin_eagerly(wefti_ready *ready, void *context)
{
    for (unsigned i = 0; i < WEFTI_EAGER_LOOKS; i++) {
        if (ready(context)) {
            return true;
        }
        weftos_pause();
    }
    return false;
}

/*
 * Spins for `us`; with WEFTI_SPIN_ON for a while, after which the caller asks
 * the kernel, by wefti_site_sleep with WEFT_NOW, whether the peer is still
 * there. True: it is ready.
 */
bool wefti_site_spin(struct wefti_site *site, uint64_t us, wefti_ready *ready,
                     void *context);

/*
 * The sleeper's half of the table above, up to its load: announces that this
 * side sleeps for `position`. The caller looks at the state again, then
 * calls wefti_site_sleep or wefti_site_disarm.
 */
weft_status wefti_site_arm(struct wefti_site *site, uint64_t position);
void wefti_site_disarm(struct wefti_site *site);

/*
 * Sleeps until a ring, a hang-up, the peer's death or the deadline. WEFT_OK:
 * look again. WEFT_NOW: only collects what has happened. WEFT_EPROTO: the peer
 * rings and rings, and nothing ever comes of it.
 */
weft_status wefti_site_sleep(struct wefti_site *site, uint64_t deadline_ns);

/* Makes an exposed site ready (or not) for whoever polls it. */
void wefti_site_poke_exposed(struct wefti_site *site, bool on);

static inline void wefti_site_poke(struct wefti_site *site, bool on)
{
    if (site->exposed != WEFTOS_NONE) {
        wefti_site_poke_exposed(site, on);
    }
}

/* Opens the waiter of the site, if it is not, and gives its handle. */
weft_status wefti_site_expose(struct wefti_site *site, weft_handle *handle);

/*
 * Rings the peer's bell. Should that fail, the connection is broken off: the
 * hang-up wakes a peer that would otherwise sleep on.
 */
weft_status wefti_line_ring(struct wefti_line *line, weft_detail *detail);

/* Why the connection is gone: the peer died, or we broke it off ourselves. */
static inline weft_status wefti_line_loss(const struct wefti_line *line)
{
    return weftos_load_relaxed(&line->broken) != 0 ? WEFT_EOS : WEFT_EPEERDIED;
}

/* Counts progress in either direction. */
static inline void wefti_line_advance(struct wefti_line *line)
{
    /* Relaxed, and not atomic as a whole: it only must not stand still. */
    weftos_store_relaxed(&line->progress,
                         weftos_load_relaxed(&line->progress) + 1);
}

#endif
