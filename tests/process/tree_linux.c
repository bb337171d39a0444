/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "process/tree_linux.h"

#define SECOND_NS UINT64_C(1000000000)

/* ------------------------------------------------------------- programs --- */

static void burn(clockid_t clock, int64_t ms)
{
    struct timespec used;

    do {
        (void)clock_gettime(clock, &used);
    } while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < ms);
}

/* What this process has used so far, for who wants to know: $WEFT_TRUTH. */
static void tell_truth(void)
{
    struct timespec used;
    uint64_t ns;

    if (getenv("WEFT_TRUTH") != NULL &&
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0) {
        ns = (uint64_t)used.tv_sec * SECOND_NS + (uint64_t)used.tv_nsec;
        (void)!write(STDIN_FILENO, &ns, sizeof(ns));
    }
}

_Noreturn static void leave(void)
{
    tell_truth();
    _exit(0);
}

static void *burn_half(void *ms)
{
    burn(CLOCK_THREAD_CPUTIME_ID, *(int64_t *)ms / 2);
    return NULL;
}

static void act_burn(int64_t ms, int64_t count)
{
    for (int64_t i = 1; i < count && fork() != 0; i++) {
    }
    burn(CLOCK_PROCESS_CPUTIME_ID, ms);
    while (wait(NULL) > 0) {
    }
}

static void act_threads(int64_t ms)
{
    pthread_t other;

    if (pthread_create(&other, NULL, burn_half, &ms) != 0) {
        _exit(9);
    }
    (void)burn_half(&ms);
    (void)pthread_join(other, NULL);
}

/* Its end is seen by the pipe that it keeps open. */
static void act_orphan(int64_t ms)
{
    int ends[2];
    char byte;

    if (pipe(ends) != 0) {
        _exit(9);
    }
    if (fork() == 0) {
        (void)setsid();
        if (fork() == 0) {
            burn(CLOCK_PROCESS_CPUTIME_ID, ms);
        }
        leave();
    }
    (void)close(ends[1]);
    (void)!read(ends[0], &byte, 1);
}

/* It is there when the leader ends, and is ended for that. */
static void act_zapped(int64_t ms)
{
    int ends[2];
    char byte;

    if (pipe(ends) != 0) {
        _exit(9);
    }
    if (fork() == 0) {
        (void)setsid();
        if (fork() == 0) {
            burn(CLOCK_PROCESS_CPUTIME_ID, ms);
            tell_truth();
            (void)!write(ends[1], ".", 1);
            (void)alarm(60);
            (void)pause();
        }
        leave();
    }
    (void)!read(ends[0], &byte, 1);
}

static void act_unreaped(int64_t ms)
{
    (void)signal(SIGCHLD, SIG_IGN);
    if (fork() == 0) {
        burn(CLOCK_PROCESS_CPUTIME_ID, ms);
        leave();
    }
    (void)wait(NULL);
}

static void act_eat(int64_t mib, int64_t count)
{
    size_t bytes = (size_t)mib << 20;
    int64_t i = 1;
    char *memory;

    while (i < count && fork() != 0) {
        i++;
    }
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        _exit(7);
    }
    memset(memory, 1, bytes);
    if (count > 1) {
        (void)alarm(60);
        for (;;) {
            (void)pause();
        }
    }
}

static void act_forks(int64_t count)
{
    int failed = 0;

    for (int64_t i = 0; i < count; i++) {
        pid_t child = fork();

        if (child == 0) {
            (void)alarm(60);
            (void)pause();
        }
        failed += child < 0;
    }
    _exit(failed);
}

static void act_hide(int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (fork() != 0) {
            continue;
        }
        (void)setsid();
        (void)signal(SIGTERM, SIG_IGN);
        (void)signal(SIGHUP, SIG_IGN);
        if (fork() == 0) {
            (void)!write(STDOUT_FILENO, ".", 1);
            (void)alarm(60); /* if weft does not end it */
            for (;;) {
                (void)pause();
            }
        }
        _exit(0);
    }
    while (wait(NULL) > 0) {
    }
}

/* A process whose first thread has ended: `told` gets a byte then. */
struct headless {
    pthread_t first;
    int told;
};

static void *outlive(void *context)
{
    const struct headless *self = context;

    (void)pthread_join(self->first, NULL);
    (void)!write(self->told, ".", 1);
    (void)alarm(60);
    for (;;) {
        (void)pause();
    }
    return NULL;
}

_Noreturn static void lose_head(int told)
{
    static struct headless self;
    pthread_t other;

    self = (struct headless){pthread_self(), told};
    if (pthread_create(&other, NULL, outlive, &self) != 0) {
        _exit(9);
    }
    pthread_exit(NULL);
}

/* The leader itself, or a child that it leaves behind. */
static void act_headless(bool is_child)
{
    int ends[2];
    char byte;

    if (!is_child) {
        lose_head(STDOUT_FILENO);
    }
    if (pipe(ends) != 0) {
        _exit(9);
    }
    if (fork() == 0) {
        lose_head(ends[1]);
    }
    (void)!read(ends[0], &byte, 1);
}

/* One leaves the tree's group, and has a child in it that nobody waits for. */
static void act_escape(void)
{
    int ends[2];
    char byte;

    if (pipe(ends) != 0 || fork() != 0) {
        (void)close(ends[1]);
        (void)!read(ends[0], &byte, 1);
        _exit(0);
    }
    if (fork() == 0) {
        (void)alarm(60);
        (void)pause();
    }
    (void)alarm(60);
    if (!tree_leave_group()) {
        (void)!write(STDOUT_FILENO, "!", 1);
    }
    (void)!write(ends[1], ".", 1);
    for (;;) {
        (void)pause();
    }
}

/* ------------------------------------------------------------------ bombs ---
 *
 * Nothing else may have to end them: all processes of one together make no
 * more than so many, and each ends by itself.
 */

#define BOMB_PROCESSES 300
#define BOMB_SECONDS 2

struct bomb {
    atomic_int made;
    struct timespec end;
};

static struct bomb *new_bomb(void)
{
    struct bomb *bomb = mmap(NULL, sizeof(*bomb), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (bomb == MAP_FAILED || clock_gettime(CLOCK_MONOTONIC, &bomb->end) != 0) {
        _exit(9);
    }
    bomb->end.tv_sec += BOMB_SECONDS;
    atomic_init(&bomb->made, 0);
    return bomb;
}

/* Ends the process if it is time to. */
static void rest_ms(const struct bomb *bomb, int ms)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0 ||
        now.tv_sec > bomb->end.tv_sec ||
        (now.tv_sec == bomb->end.tv_sec && now.tv_nsec >= bomb->end.tv_nsec)) {
        _exit(0);
    }
    if (ms > 0) {
        (void)poll(NULL, 0, ms);
    }
}

/* As fork; -1, too, when there were enough. */
static pid_t fork_in(struct bomb *bomb)
{
    pid_t child = -1;

    if (atomic_fetch_add(&bomb->made, 1) < BOMB_PROCESSES) {
        child = fork();
    }
    if (child < 0) {
        (void)atomic_fetch_sub(&bomb->made, 1);
    }
    return child;
}

_Noreturn static void act_bomb(void)
{
    struct bomb *bomb = new_bomb();

    for (;;) {
        rest_ms(bomb, fork_in(bomb) < 0 ? 1 : 0);
    }
}

_Noreturn static void act_grow(void)
{
    struct bomb *bomb = new_bomb();
    bool is_child = false;

    for (;;) {
        is_child = is_child || fork_in(bomb) == 0;
        rest_ms(bomb, 5);
    }
}

/* ------------------------------------------------------------- programs --- */

void tree_act(void)
{
    const char *action = check_arguments[1];
    int64_t first;
    int64_t second;

    if (action == NULL) {
        return;
    }
    first = check_arguments[2] != NULL ? atoll(check_arguments[2]) : 0;
    second = first != 0 && check_arguments[3] != NULL
                 ? atoll(check_arguments[3])
                 : 1;
    if (strcmp(action, "burn") == 0) {
        act_burn(first, second);
    } else if (strcmp(action, "threads") == 0) {
        act_threads(first);
    } else if (strcmp(action, "orphan") == 0) {
        act_orphan(first);
    } else if (strcmp(action, "unreaped") == 0) {
        act_unreaped(first);
    } else if (strcmp(action, "zapped") == 0) {
        act_zapped(first);
    } else if (strcmp(action, "eat") == 0) {
        act_eat(first, second);
    } else if (strcmp(action, "forks") == 0) {
        act_forks(first);
    } else if (strcmp(action, "nested-forks") == 0) {
        /* Where it counts anew, and the outer one still counts it. */
        (void)unshare(CLONE_NEWUSER);
        act_forks(first);
    } else if (strcmp(action, "hide") == 0) {
        act_hide(first);
    } else if (strcmp(action, "stay") == 0) {
        act_hide(first);
        (void)pause();
    } else if (strcmp(action, "headless") == 0) {
        act_headless(first != 0);
    } else if (strcmp(action, "escape") == 0) {
        act_escape();
    } else if (strcmp(action, "bomb") == 0) {
        act_bomb();
    } else if (strcmp(action, "grow") == 0) {
        act_grow();
    }
    leave();
}

/* ----------------------------------------------------------------- runs --- */

weft_process_spec *tree_spec(void)
{
    weft_process_spec *spec = NULL;

    REQUIRE(weft_process_spec_open(&spec) == WEFT_OK);
    REQUIRE(weft_process_spec_limit(spec, WEFT_FENCE_WALL, 0, 20 * SECOND_NS,
                                    WEFT_REQUIRE) == WEFT_OK);
    return spec;
}

static weft_process *start(weft_process_spec *spec, const char *action,
                           const char *first, const char *second)
{
    char *arguments[] = {"/proc/self/exe", (char *)(uintptr_t)action,
                         (char *)(uintptr_t)first, (char *)(uintptr_t)second,
                         NULL};
    char self[4096];
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);
    weft_process *process = NULL;

    REQUIRE(bytes > 0);
    self[bytes] = '\0';
    arguments[0] = self;
    if (!CHECK_STATUS(weft_process_start(spec, arguments, &process, NULL),
                      WEFT_OK)) {
        (void)fprintf(stderr, "%s\n", weft_process_spec_refusal(spec));
        REQUIRE(process != NULL);
    }
    return process;
}

weft_process *tree_start(weft_process_spec *spec, const char *action,
                         const char *first)
{
    return start(spec, action, first, NULL);
}

bool tree_has_ended(const weft_process_result *result)
{
    const weft_enforcement *row = &result->enforcement[WEFT_FENCE_TREE_KILL];

    return result->survivors == 0 ||
           (result->survivors == -1 && strstr(row->why_not, "unseen") != NULL);
}

void tree_run(weft_process_spec *spec, struct tree_run *run, const char *action,
              const char *first, const char *second)
{
    weft_process *process = start(spec, action, first, second);

    *run = (struct tree_run){.result.size = sizeof(run->result)};
    REQUIRE(weft_process_wait(process, WEFT_FOREVER, &run->result) == WEFT_OK);
    memcpy(run->rows, run->result.enforcement, sizeof(run->rows));
    (void)snprintf(run->evidence, sizeof(run->evidence), "%s",
                   run->result.evidence);
    (void)snprintf(run->cpu_method, sizeof(run->cpu_method), "%s",
                   run->result.usage.cpu_method);
    printf("# %s: %s, cpu %.1f ms (%s), peak %.1f MB\n", action,
           weft_reason_name(run->result.reason),
           (double)run->result.usage.cpu_ns / 1e6, run->cpu_method,
           (double)run->result.usage.memory_peak_bytes / 1e6);
    CHECK(tree_has_ended(&run->result));
    weft_process_close(&process);
}

void tree_need(weft_fence fence)
{
    weft_process_spec *spec = tree_spec();
    weft_enforcement rows[WEFT_FENCE_COUNT];
    static char why[160];

    REQUIRE(weft_process_spec_probe(spec, rows, WEFT_FENCE_COUNT, NULL) ==
            WEFT_OK);
    weft_process_spec_close(&spec);
    if (rows[fence].level != WEFT_LEVEL_TREE) {
        (void)snprintf(why, sizeof(why), "%s: %s", weft_fence_name(fence),
                       rows[fence].why_not);
        SKIP(why);
    }
}

bool tree_is_closed(int pipe)
{
    struct pollfd found = {.fd = pipe, .events = POLLIN};
    char bytes[64];

    while (poll(&found, 1, 10000) > 0) {
        if (read(pipe, bytes, sizeof(bytes)) == 0) {
            return true;
        }
    }
    return false;
}
