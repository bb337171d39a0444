/* SPDX-License-Identifier: MIT
 *
 * libweft-trim.so: preloaded into a program that knows nothing of weft
 * (LD_PRELOAD), it has the program give the free memory of its heap back when
 * that is asked for (<weft/trim.h>).
 *
 * A thread listens. It begins some time after the program has, so that one that
 * ends soon pays for the thread alone, and it disturbs as little as it can:
 *
 * - It has a table of descriptors of its own (apart.h). The program's
 *   descriptors have the numbers that they would have; it may close all that
 *   there are, as daemons do, and use the numbers again; and neither its
 *   children nor the programs that it executes get any of ours.
 * - All signals are blocked in it, and none gets a handler. Nothing is written
 *   anywhere, also where it can't listen.
 * - It is no thread that the program waits for: the calls below, which need or
 *   bring about that there is one thread alone, end it first.
 *
 * After a fork the child has no such thread; it gets one of its own. That is
 * not done by pthread_atfork(): other allocators than the C library's take
 * their locks by that, and may give them back only after us. So fork() is
 * wrapped. A child of vfork(), posix_spawn() or clone() has none, nor has a
 * program that runs with more rights than its user, or that is linked
 * statically.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../memory/trim.h"
#include "../apart.h"

/* The only names that this library shows. */
#define SHOWN __attribute__((visibility("default")))

/* So long after the program, or a child of it, has begun. */
#define DELAY_NS 500000000

/*
 * Of which little is used; but the program's thread-local variables come out of
 * it, too.
 */
#define STACK_BYTES 262144

/* Before the next try when something is lacking. */
#define BREAK_NS 10000000

/* So often the thread is looked for after its end, 100 us apart. */
#define LOOKS 10000
#define LOOK_NS 100000

#define NS_PER_S 1000000000

/* What a namespace is made for by a process with one thread alone. */
#define LONELY                                                                 \
    (CLONE_NEWUSER | CLONE_NEWPID | CLONE_THREAD | CLONE_VM | CLONE_SIGHAND)

/*
 * Under the lock, but for `owner` and the thread's own number. A child finds
 * its parent's here, and begins anew.
 */
static pthread_mutex_t lock;
static pthread_cond_t changed;
static pid_t owner;      /* the process whose thread it is */
static bool is_running;  /* there is a thread */
static bool is_stopping; /* it is to end */
static pid_t thread_id;  /* as the kernel has it; 0: it has not begun */
static pthread_t thread;
static weft_memory_listener *current; /* while it listens */

/* -------------------------------------------------------------- thread --- */

/* False: it is to end. */
static bool wait_a_while(void)
{
    struct timespec until;
    bool goes_on;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += DELAY_NS;
    until.tv_sec += until.tv_nsec / NS_PER_S;
    until.tv_nsec %= NS_PER_S;
    (void)pthread_mutex_lock(&lock);
    thread_id = (pid_t)syscall(SYS_gettid);
    while (!is_stopping &&
           pthread_cond_timedwait(&changed, &lock, &until) == 0) {
    }
    goes_on = !is_stopping;
    (void)pthread_mutex_unlock(&lock);
    return goes_on;
}

/* From here on it can be told to end, and its name removed; or no more. */
static bool show(weft_memory_listener *listener)
{
    bool goes_on;

    (void)pthread_mutex_lock(&lock);
    current = listener;
    goes_on = !is_stopping;
    (void)pthread_mutex_unlock(&lock);
    return goes_on;
}

/*
 * Answers until this process itself asks, which is how it is ended. What the
 * program lacks for the moment (descriptors, as a rule) is there again later.
 */
static void answer_all(weft_memory_listener *listener)
{
    const struct timespec pause = {0, BREAK_NS};
    weft_memory_demand demand;

    for (;;) {
        weft_status status =
            weft_memory_listener_next(listener, &demand, WEFT_FOREVER, NULL);

        if (status == WEFT_OK) {
            if (demand.asker.pid == (int64_t)getpid()) {
                return;
            }
            (void)weft_memory_listener_answer(listener, WEFT_TRIM_UNKNOWN);
        } else if (status == WEFT_ELIMIT || status == WEFT_ENOMEM) {
            (void)nanosleep(&pause, NULL);
        } else {
            return;
        }
    }
}

static void *listen_on(void *unused)
{
    weft_memory_listener *listener = NULL;

    (void)unused;
    (void)pthread_setname_np(pthread_self(), "weft-trim");
    if (!wait_a_while() || weftos_apart_begin(NULL) != WEFT_OK ||
        weft_memory_listener_open(NULL, &listener, NULL) != WEFT_OK) {
        return NULL;
    }
    if (show(listener)) {
        answer_all(listener);
    }
    (void)show(NULL);
    weft_memory_listener_close(&listener);
    return NULL;
}

static void init_lock(void)
{
    pthread_condattr_t attributes;

    (void)pthread_mutex_init(&lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

/* All signals are the program's. */
static void start(void)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;

    init_lock();
    owner = getpid();
    current = NULL;
    is_stopping = false;
    thread_id = 0;
    if (pthread_attr_init(&attributes) != 0) {
        return;
    }
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    is_running = pthread_create(&thread, &attributes, listen_on, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
}

/* Tells the thread to end. False: there is none, or it can't be told. */
static bool tell_to_stop(weft_handle *connection)
{
    char name[WEFT_NAME_MAX + 1] = "";
    bool is_to_stop;

    *connection = WEFTOS_NONE;
    if (!is_running || owner != getpid()) {
        return false;
    }
    (void)pthread_mutex_lock(&lock);
    is_to_stop = !is_stopping;
    is_stopping = true;
    (void)pthread_cond_signal(&changed);
    if (current != NULL) {
        (void)snprintf(name, sizeof(name), "%s",
                       wefti_memory_listener_name(current));
    }
    (void)pthread_mutex_unlock(&lock);
    if (is_to_stop && name[0] != '\0') {
        *connection = wefti_trim_wake(name);
        is_to_stop = *connection != WEFTOS_NONE;
    }
    return is_to_stop;
}

/*
 * Ends the thread, and waits until the kernel has none of it: that it is joined
 * says only that it runs no more.
 */
static void stop(void)
{
    const struct timespec pause = {0, LOOK_NS};
    weft_handle connection;
    char path[48];

    if (!tell_to_stop(&connection)) {
        return;
    }
    (void)pthread_join(thread, NULL);
    weftos_close(connection);
    is_running = false;
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d", (int)thread_id);
    for (int i = 0; i < LOOKS && access(path, F_OK) == 0; i++) {
        (void)nanosleep(&pause, NULL);
    }
}

/* --------------------------------------------------------- the program's ---
 */

/* The calls behind ours. */
static pid_t (*real_fork)(void);
static int (*real_daemon)(int nochdir, int noclose);
static int (*real_unshare)(int flags);
static int (*real_setns)(int fd, int type);
static void (*real_pthread_exit)(void *value);

/* A library that is begun before this one may use them. */
static void find_calls(void)
{
    if (real_pthread_exit == NULL) {
        *(void **)(void *)&real_fork = dlsym(RTLD_NEXT, "fork");
        *(void **)(void *)&real_daemon = dlsym(RTLD_NEXT, "daemon");
        *(void **)(void *)&real_unshare = dlsym(RTLD_NEXT, "unshare");
        *(void **)(void *)&real_setns = dlsym(RTLD_NEXT, "setns");
        *(void **)(void *)&real_pthread_exit = dlsym(RTLD_NEXT, "pthread_exit");
    }
}

__attribute__((constructor)) static void begin(void)
{
    find_calls();
    if (getauxval(AT_SECURE) == 0) {
        start();
    }
}

/* The thread ends with the process; its name would stay. */
__attribute__((destructor)) static void end(void)
{
    if (!is_running || owner != getpid()) {
        return;
    }
    (void)pthread_mutex_lock(&lock);
    if (current != NULL) {
        weftos_apart_unname(wefti_memory_listener_endpoint(current));
    }
    (void)pthread_mutex_unlock(&lock);
}

/* In a child, if its parent listens. */
static void go_on_in_child(void)
{
    if (is_running && !is_stopping) {
        start();
    }
}

SHOWN pid_t fork(void)
{
    pid_t pid;

    find_calls();
    pid = real_fork();
    if (pid == 0) {
        go_on_in_child();
    }
    return pid;
}

SHOWN int daemon(int nochdir, int noclose)
{
    int result;

    find_calls();
    result = real_daemon(nochdir, noclose);
    if (result == 0 || owner != getpid()) {
        go_on_in_child();
    }
    return result;
}

SHOWN int unshare(int flags)
{
    find_calls();
    if ((flags & LONELY) != 0) {
        stop();
    }
    return real_unshare(flags);
}

SHOWN int setns(int fd, int type)
{
    find_calls();
    stop();
    return real_setns(fd, type);
}

/* The first thread does not wait for the others then: ours would be left. */
SHOWN void pthread_exit(void *retval)
{
    find_calls();
    if (getpid() == (pid_t)syscall(SYS_gettid)) {
        stop();
    }
    real_pthread_exit(retval);
    __builtin_unreachable();
}
