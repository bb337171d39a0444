/* SPDX-License-Identifier: MIT
 *
 * The list of waits, the processes they watch, and the thread that is told of
 * deaths; watch.h has the theory.
 */
#define _GNU_SOURCE
#include "watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "posix.h"

/* A process that is listened for. */
struct watched {
    weftos_process_id who;
    weft_handle handle;
    struct watched *next;
};

/* A power of two. There are as many watched processes as share locks. */
#define BUCKETS 64

struct registry {
    uint64_t token;          /* of the process that it was made in */
    struct registry *parent; /* of the process that this one was forked from */
    pthread_mutex_t lock;    /* for all below, and for each function here */
    weft_handle deaths;      /* WEFTOS_NONE while nobody is watched */
    bool is_running;         /* the thread */
    size_t count;            /* of watched processes */
    struct weftos_watch *waits;
    struct watched *watched[BUCKETS];
};

static _Atomic(struct registry *) current;

/*
 * The thread's stack. It uses little of it, but the program's thread-local
 * variables come out of it too.
 */
#define STACK_BYTES 262144

/* ------------------------------------------------------------ processes --- */

static struct watched **bucket_of(struct registry *registry, uint32_t pid)
{
    return &registry->watched[pid % BUCKETS];
}

/* The entry of a process; it may have the number of an older one that died. */
static struct watched *find(struct registry *registry,
                            const weftos_process_id *who)
{
    struct watched *at = *bucket_of(registry, who->pid);

    while (at != NULL &&
           (at->who.pid != who->pid || at->who.stamp != who->stamp)) {
        at = at->next;
    }
    return at;
}

static weft_status add(struct registry *registry, const weftos_process_id *who,
                       weft_detail *detail)
{
    struct watched **bucket = bucket_of(registry, who->pid);
    struct watched *added = calloc(1, sizeof(*added));
    weft_status status;

    if (added == NULL) {
        return weftos_fail(detail, WEFT_ENOMEM, 0, "watch a process");
    }
    added->who = *who;
    status = weftos_deaths_add(registry->deaths, who, &added->handle, detail);
    if (status != WEFT_OK) {
        free(added);
        return status == WEFT_ENOENT ? WEFT_EPEERDIED : status;
    }
    added->next = *bucket;
    *bucket = added;
    registry->count++;
    return WEFT_OK;
}

/* Removes an entry: what pointed to it points to the next one. */
static void strike_off(struct registry *registry, struct watched **at)
{
    struct watched *gone = *at;

    *at = gone->next;
    registry->count--;
    weftos_deaths_remove(registry->deaths, &gone->who, gone->handle);
    free(gone);
}

/* Sees to it that a process is listened for. */
static weft_status watch_process(struct registry *registry,
                                 const weftos_process_id *who, bool exact,
                                 weft_detail *detail)
{
    const struct watched *found = find(registry, who);

    if (who->pid == 0) {
        return WEFT_OK;
    }
    if (found == NULL) {
        return add(registry, who, detail);
    }
    return exact && weftos_deaths_has(who, found->handle)
               ? weftos_fail(detail, WEFT_EPEERDIED, 0, "watch a process")
               : WEFT_OK;
}

/* ----------------------------------------------------------- the thread --- */

/* Strikes off who has died of those with this number, and stirs all waits. */
static void hear_of(struct registry *registry, uint32_t pid)
{
    struct watched **at = bucket_of(registry, pid);
    bool is_any = false;

    while (*at != NULL) {
        if ((*at)->who.pid == pid &&
            weftos_deaths_has(&(*at)->who, (*at)->handle)) {
            strike_off(registry, at);
            is_any = true;
        } else {
            at = &(*at)->next;
        }
    }
    for (struct weftos_watch *watch = registry->waits; is_any && watch != NULL;
         watch = watch->next) {
        weftos_word_stir(watch->word);
    }
}

static void close_deaths(struct registry *registry)
{
    weftos_close(registry->deaths);
    registry->deaths = WEFTOS_NONE;
}

/*
 * Until nobody is left to listen for. A wait that is still in the list then
 * was stirred for the last of them, and begins again. Nobody else removes
 * entries, so the thread never sleeps with none.
 */
static void *listen_for_deaths(void *context)
{
    struct registry *registry = context;
    weft_handle deaths = registry->deaths;
    bool is_over = false;

    while (!is_over) {
        uint32_t pid = weftos_deaths_next(deaths);

        (void)pthread_mutex_lock(&registry->lock);
        hear_of(registry, pid);
        is_over = registry->count == 0;
        if (is_over) {
            close_deaths(registry);
            registry->is_running = false;
        }
        (void)pthread_mutex_unlock(&registry->lock);
    }
    return NULL;
}

/* The thread takes no signals: they are for the program's own threads. */
static int start_thread(struct registry *registry)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t old;
    pthread_t thread;
    int result;

    (void)sigfillset(&all);
    result = pthread_attr_init(&attributes);
    if (result != 0) {
        return result;
    }
    /* A smaller stack than the system allows is refused, and no harm. */
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    result = pthread_create(&thread, &attributes, listen_for_deaths, registry);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attributes);
    return result;
}

/*
 * Has the thread run if and only if there is somebody to listen for. Without
 * it nobody is listened for.
 */
static weft_status settle(struct registry *registry, weft_detail *detail)
{
    int result = 0;

    if (!registry->is_running && registry->count > 0) {
        result = start_thread(registry);
        registry->is_running = result == 0;
    }
    if (registry->is_running) {
        return WEFT_OK;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (registry->watched[i] != NULL) {
            strike_off(registry, &registry->watched[i]);
        }
    }
    close_deaths(registry);
    return result == 0
               ? WEFT_OK
               : weftos_fail(detail, WEFT_ELIMIT, result, "start a thread");
}

/* ----------------------------------------------------------------- fork --- */

/* What the forking thread has locked. */
static _Thread_local struct registry *locked;

/* Nobody is at work on the registry while the process is copied. */
static void before_fork(void)
{
    locked = atomic_load(&current);
    if (locked != NULL) {
        (void)pthread_mutex_lock(&locked->lock);
    }
}

static void after_fork(void)
{
    if (locked != NULL) {
        (void)pthread_mutex_unlock(&locked->lock);
    }
}

/*
 * Closes what the parent had, at once: later these may be the numbers of other
 * descriptors, of a program that has closed all that it inherited. The memory
 * is left to the first wait, as fork is no place to free any.
 */
static void in_child(void)
{
    if (locked == NULL) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct watched *at = locked->watched[i]; at != NULL;
             at = at->next) {
            weftos_close(at->handle);
        }
    }
    weftos_deaths_forget(locked->deaths);
    (void)pthread_mutex_unlock(&locked->lock);
}

static int fork_result;

static void handle_forks(void)
{
    fork_result = pthread_atfork(before_fork, after_fork, in_child);
}

/*
 * In a child: frees what the parent had. Where the child was made without the
 * handlers, by a bare system call, its descriptors stay open, and another
 * thread may have been at work on it.
 */
static void forget(struct registry *parent)
{
    if (pthread_mutex_trylock(&parent->lock) != 0) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (parent->watched[i] != NULL) {
            struct watched *gone = parent->watched[i];

            parent->watched[i] = gone->next;
            free(gone);
        }
    }
}

/* ------------------------------------------------------------- registry --- */

static weft_status make(struct registry *parent, uint64_t token,
                        struct registry **out, weft_detail *detail)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct registry *made = calloc(1, sizeof(*made));

    (void)pthread_once(&once, handle_forks);
    if (made == NULL || fork_result != 0) {
        free(made);
        return weftos_fail(detail, WEFT_ENOMEM, 0, "watch processes");
    }
    made->token = token;
    made->parent = parent;
    made->deaths = WEFTOS_NONE;
    (void)pthread_mutex_init(&made->lock, NULL); /* a plain one can't fail */
    *out = made;
    return WEFT_OK;
}

/* This process's own registry; who comes first makes it. */
static weft_status get_registry(struct registry **out, weft_detail *detail)
{
    struct registry *found = atomic_load(&current);
    struct registry *made = NULL;
    weft_status status = WEFT_OK;

    if (weftos_process_token() == 0) {
        status = weftos_process_mark(NULL, NULL, detail);
    }
    *out = found;
    if (status != WEFT_OK ||
        (found != NULL && found->token == weftos_process_token())) {
        return status;
    }
    status = make(found, weftos_process_token(), &made, detail);
    if (status != WEFT_OK) {
        return status;
    }
    *out = made;
    if (atomic_compare_exchange_strong(&current, &found, made)) {
        if (made->parent != NULL) {
            forget(made->parent);
        }
    } else {
        free(made);
        *out = found;
    }
    return WEFT_OK;
}

/* ---------------------------------------------------------------- waits --- */

bool weftos_watch_is_needed(const weftos_site *site)
{
    bool is_needed = site->owner.pid != 0;

    for (size_t i = 0; i < WEFTOS_SITE_OTHERS; i++) {
        is_needed = is_needed || site->others[i].pid != 0;
    }
    return is_needed;
}

static weft_status watch_all(struct registry *registry, const weftos_site *site,
                             bool exact, weft_detail *detail)
{
    weft_status status = watch_process(registry, &site->owner, exact, detail);

    for (size_t i = 0; i < WEFTOS_SITE_OTHERS && status == WEFT_OK; i++) {
        status = watch_process(registry, &site->others[i], exact, detail);
    }
    return status;
}

static weft_status watch_site(struct registry *registry,
                              const weftos_site *site, bool exact,
                              weft_detail *detail)
{
    weft_status status = WEFT_OK;
    weft_status settled;

    if (registry->deaths == WEFTOS_NONE) {
        status = weftos_deaths_open(&registry->deaths, detail);
        if (status != WEFT_OK) {
            return status;
        }
    }
    status = watch_all(registry, site, exact, detail);
    settled = settle(registry, detail);
    return status != WEFT_OK ? status : settled;
}

static void enter(struct registry *registry, struct weftos_watch *watch)
{
    watch->next = registry->waits;
    watch->link = &registry->waits;
    if (watch->next != NULL) {
        watch->next->link = &watch->next;
    }
    registry->waits = watch;
}

static weft_status begin(struct weftos_watch *watch, _Atomic uint32_t *word,
                         const weftos_site *site, bool exact,
                         weft_detail *detail)
{
    struct registry *registry = NULL;
    weft_status status = get_registry(&registry, detail);

    if (status != WEFT_OK) {
        return status;
    }
    watch->word = word;
    watch->registry = registry;
    (void)pthread_mutex_lock(&registry->lock);
    status = watch_site(registry, site, exact, detail);
    if (status == WEFT_OK) {
        enter(registry, watch);
    }
    (void)pthread_mutex_unlock(&registry->lock);
    return status;
}

weft_status weftos_watch_begin(struct weftos_watch *watch,
                               _Atomic uint32_t *word, const weftos_site *site,
                               bool exact, weft_detail *detail)
{
    weft_status status;
    int cancel;

    /* A thread that is cancelled in here would leave the registry locked. */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    status = begin(watch, word, site, exact, detail);
    (void)pthread_setcancelstate(cancel, &cancel);
    return status;
}

void weftos_watch_end(struct weftos_watch *watch)
{
    struct registry *registry = watch->registry;

    (void)pthread_mutex_lock(&registry->lock);
    *watch->link = watch->next;
    if (watch->next != NULL) {
        watch->next->link = watch->link;
    }
    (void)pthread_mutex_unlock(&registry->lock);
}
