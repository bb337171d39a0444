/* SPDX-License-Identifier: MIT
 *
 * A program that knows nothing of weft, for preload.sh, which has it run with
 * libweft-trim.so. Its argument says what it does; a line on its standard input
 * has it go on, the end of that has it end. It prints what the script reads.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Blocks of more than a page, every sixteenth of which stays. */
#define BLOCKS 14336
#define BLOCK_BYTES 4640

/* The descriptors that daemons close. */
#define FIRST 3
#define LAST 1023

static void *blocks[BLOCKS];

/* 63 MiB, of which 59 are free and can't be used at the heap's end. */
static void fragment(void)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK_BYTES);
        if (blocks[i] == NULL) {
            exit(1);
        }
        memset(blocks[i], 0x5a, BLOCK_BYTES);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        if (i % 16 != 0) {
            free(blocks[i]);
        }
    }
}

static void say(const char *word)
{
    puts(word);
    (void)fflush(stdout);
}

static bool go_on(void)
{
    char line[16];

    return read(STDIN_FILENO, line, sizeof(line)) > 0;
}

/* ------------------------------------------------------- descriptors --- */

static int count_open(void)
{
    int count = 0;

    for (int fd = FIRST; fd <= LAST; fd++) {
        struct stat info;

        count += fstat(fd, &info) == 0;
    }
    return count;
}

static void close_all(void)
{
    for (int fd = FIRST; fd <= LAST; fd++) {
        (void)close(fd);
    }
}

/*
 * Closes all, and takes the numbers for pipes of its own: nothing may come out
 * of one of them, or go into it, when the memory is given back.
 */
static int be_a_daemon(void)
{
    enum { PIPES = 32 };
    int pipes[PIPES][2];
    struct stat before;
    struct stat after;

    printf("%d open\n", count_open());
    say("ready");
    (void)go_on();
    close_all();
    for (int i = 0; i < PIPES; i++) {
        if (pipe(pipes[i]) != 0 || pipes[i][0] != FIRST + 2 * i ||
            write(pipes[i][1], "x", 1) != 1 ||
            (i == 0 && fstat(pipes[i][0], &before) != 0)) {
            return 1;
        }
    }
    fragment();
    say("closed");
    (void)go_on();
    for (int i = 0; i < PIPES; i++) {
        char byte;

        if (read(pipes[i][0], &byte, 1) != 1 || byte != 'x') {
            return 1;
        }
        if (close(pipes[i][1]) != 0 || read(pipes[i][0], &byte, 1) != 0) {
            return 1; /* somebody else has written, or keeps it open */
        }
    }
    if (fstat(pipes[0][0], &after) != 0 || before.st_ino != after.st_ino) {
        return 1;
    }
    say("intact");
    (void)go_on();
    return 0;
}

/* ------------------------------------------------------------ processes --- */

static int use_heap(void)
{
    fragment();
    say("ready");
    while (go_on()) {
    }
    return 0;
}

/* The child has the heap. */
static int fork_once(void)
{
    pid_t child;
    int status = 1;

    fragment();
    child = fork();
    if (child < 0) {
        return 1;
    }
    if (child == 0) {
        printf("%d\n", (int)getpid());
        say("ready");
        _exit(go_on());
    }
    return waitpid(child, &status, 0) == child ? status : 1;
}

static int fork_often(void)
{
    for (int i = 0; i < 300; i++) {
        pid_t child = fork();
        int status = 1;

        if (child == 0) {
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            return 1;
        }
    }
    return 0;
}

/* A daemon has the heap. */
static int detach(void)
{
    if (daemon(1, 1) != 0) {
        return 1;
    }
    fragment();
    printf("%d\n", (int)getpid());
    say("ready");
    while (go_on()) {
    }
    return 0;
}

/* What a sandbox does: only a process with one thread may. */
static int isolate(void)
{
    say("ready");
    (void)go_on();
    if (unshare(CLONE_NEWUSER) != 0) {
        perror("unshare");
        return 1;
    }
    say("isolated");
    (void)go_on();
    return 0;
}

static void *linger(void *unused)
{
    (void)unused;
    (void)go_on();
    say("last");
    return NULL;
}

/* The process ends with its last thread, which is not the first. */
static int leave_by_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, linger, NULL) != 0) {
        return 1;
    }
    say("ready");
    pthread_exit(NULL);
}

/* --------------------------------------------------------------- signals ---
 */

static volatile sig_atomic_t seen;

static void see(int signal)
{
    (void)signal;
    seen++;
}

/* None has a handler; those for the process come to its own thread. */
static int use_signals(void)
{
    struct sigaction found;

    say("ready");
    (void)go_on();
    for (int number = 1; number < 32; number++) {
        if (number != SIGKILL && number != SIGSTOP &&
            (sigaction(number, NULL, &found) != 0 ||
             (found.sa_handler != SIG_DFL && found.sa_handler != SIG_IGN))) {
            printf("signal %d is handled\n", number);
            return 1;
        }
    }
    (void)signal(SIGUSR1, see);
    for (int i = 0; i < 100; i++) {
        (void)kill(getpid(), SIGUSR1);
        if (seen != i + 1) {
            return 1;
        }
    }
    say("own");
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*act)(void);
    } rows[] = {{"heap", use_heap},          {"daemon", be_a_daemon},
                {"fork", fork_once},         {"often", fork_often},
                {"detach", detach},          {"isolate", isolate},
                {"thread", leave_by_thread}, {"signals", use_signals}};

    for (size_t i = 0; argc > 1 && i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(argv[1], rows[i].name) == 0) {
            return rows[i].act();
        }
    }
    if (argc > 1 && strcmp(argv[1], "exec") == 0) {
        (void)execl("/proc/self/exe", argv[0], "heap", (char *)NULL);
    }
    return 2;
}
