/* SPDX-License-Identifier: MIT
 *
 * Signals while a terminal is this process's own.
 */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#define _DEFAULT_SOURCE

#include "screen_signals_posix.h"

#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include <weft/base.h>
#include <weft/channel.h>

static const int numbers[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                              SIGTSTP, SIGCONT, SIGWINCH};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static volatile sig_atomic_t ending; /* the number of the one that asks to */
static volatile sig_atomic_t stopping;
static volatile sig_atomic_t continued;
static volatile sig_atomic_t resized;
static sigset_t mask_before;
static struct sigaction actions_before[NUMBERS];

static void note(int number)
{
    switch (number) {
    case SIGTSTP:
        stopping = 1;
        break;
    case SIGCONT:
        continued = 1;
        break;
    case SIGWINCH:
        resized = 1;
        break;
    default:
        ending = number;
        break;
    }
}

void screen_signals_hold(void)
{
    struct sigaction action;
    sigset_t held;

    memset(&action, 0, sizeof(action));
    action.sa_handler = note;
    sigemptyset(&action.sa_mask);
    sigemptyset(&held);
    for (size_t i = 0; i < NUMBERS; i++) {
        sigaddset(&held, numbers[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &held, &mask_before);
    for (size_t i = 0; i < NUMBERS; i++) {
        (void)sigaction(numbers[i], NULL, &actions_before[i]);
        /* What nohup ignores stays ignored. */
        if (actions_before[i].sa_handler != SIG_IGN || numbers[i] == SIGCONT ||
            numbers[i] == SIGWINCH) {
            (void)sigaction(numbers[i], &action, NULL);
        }
    }
}

void screen_signals_release(void)
{
    for (size_t i = 0; i < NUMBERS; i++) {
        (void)sigaction(numbers[i], &actions_before[i], NULL);
    }
    (void)sigprocmask(SIG_SETMASK, &mask_before, NULL);
    if (ending != 0) {
        (void)raise(ending);
    }
}

screen_signal screen_signals_take(void)
{
    if (ending != 0) {
        return SCREEN_SIGNAL_END;
    }
    if (stopping != 0) {
        stopping = 0;
        return SCREEN_SIGNAL_STOP;
    }
    if (continued != 0) {
        continued = 0;
        return SCREEN_SIGNAL_CONTINUE;
    }
    if (resized != 0) {
        resized = 0;
        return SCREEN_SIGNAL_RESIZE;
    }
    return SCREEN_SIGNAL_NONE;
}

/* SIGTSTP takes effect as soon as it is let in. */
void screen_signals_stop(void)
{
    struct sigaction action;
    struct sigaction noting;
    sigset_t stop;

    memset(&action, 0, sizeof(action));
    action.sa_handler = SIG_DFL;
    sigemptyset(&action.sa_mask);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    (void)sigaction(SIGTSTP, &action, &noting);
    (void)raise(SIGTSTP);
    (void)sigprocmask(SIG_UNBLOCK, &stop, NULL);
    (void)sigprocmask(SIG_BLOCK, &stop, NULL);
    (void)sigaction(SIGTSTP, &noting, NULL);
}

bool screen_signals_wait(bool for_output, uint64_t deadline_ns)
{
    uint64_t now = weft_now_ns();
    uint64_t ns = now < deadline_ns ? deadline_ns - now : 0;
    struct timespec left = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    fd_set readable;
    fd_set writable;

    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(STDIN_FILENO, &readable);
    if (for_output) {
        FD_SET(STDOUT_FILENO, &writable);
    }
    return pselect(STDOUT_FILENO + 1, &readable, &writable, NULL,
                   deadline_ns == WEFT_FOREVER ? NULL : &left,
                   &mask_before) > 0;
}
