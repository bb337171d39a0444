/* SPDX-License-Identifier: MIT
 *
 * The tool's needs on Linux and macOS.
 *
 * Signals while a name is held: SIGINT, SIGTERM and SIGHUP are blocked but
 * for the time inside pselect(), which lets them in and goes to sleep in one
 * step. So none can slip in between the last look and the sleep, and the
 * caller removes its name before the signal takes its usual effect.
 */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#define _DEFAULT_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

const bool sys_can_fork = true;

/* The signals that ask a process to end. */
static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
#define ENDING_SIGNALS (sizeof(ending_signals) / sizeof(ending_signals[0]))

static volatile sig_atomic_t received_signal;
static volatile sig_atomic_t is_from_terminal;
static sigset_t mask_before;
static struct sigaction actions_before[ENDING_SIGNALS];

/*
 * A closed standard stream would let its number go to the next descriptor
 * that is opened, and our output into a ring or socket. /dev/null, opened
 * the wrong way round, takes its place, so that using it is still an error.
 */
static void fill_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
        }
    }
}

void sys_start(int argc, char **argv)
{
    struct sigaction ignore;

    (void)argc;
    (void)argv;
    fill_standard_streams();
    memset(&ignore, 0, sizeof(ignore));
    ignore.sa_handler = SIG_IGN;
    sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore, NULL);
}

void sys_abandon(int exit_code)
{
    _exit(exit_code);
}

uint64_t sys_unix_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

const char *sys_error_text(int code, char *text, size_t room)
{
    snprintf(text, room, "%s", strerror(code));
    return text;
}

/* ------------------------------------------------------------ terminal --- */

bool sys_stderr_is_terminal(void)
{
    return isatty(STDERR_FILENO) == 1;
}

bool sys_stdout_is_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

unsigned sys_terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 80;
    }
    return size.ws_col;
}

/* ---------------------------------------------------- standard streams --- */

bool sys_input_left(uint64_t *bytes)
{
    struct stat status;
    off_t at;

    if (fstat(STDIN_FILENO, &status) != 0 || !S_ISREG(status.st_mode)) {
        return false;
    }
    at = lseek(STDIN_FILENO, 0, SEEK_CUR);
    if (at < 0 || at > status.st_size) {
        return false;
    }
    *bytes = (uint64_t)(status.st_size - at);
    return true;
}

/* Milliseconds until a deadline as poll() counts them, rounded up. */
static int poll_timeout(uint64_t deadline_ns)
{
    uint64_t now;
    uint64_t ms;

    if (deadline_ns == WEFT_FOREVER) {
        return -1;
    }
    now = weft_now_ns();
    if (now >= deadline_ns) {
        return 0;
    }
    ms = (deadline_ns - now + 999999) / 1000000;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* poll() that goes on after signals. 0, SYS_TIMED_OUT or an errno value. */
static int poll_until(struct pollfd *polls, nfds_t count, uint64_t deadline_ns)
{
    for (;;) {
        int ready = poll(polls, count, poll_timeout(deadline_ns));

        if (ready > 0) {
            return 0;
        }
        if (ready == 0 && weft_now_ns() >= deadline_ns) {
            return SYS_TIMED_OUT;
        }
        if (ready < 0 && errno != EINTR) {
            return errno;
        }
    }
}

/* Others may have made the stream non-blocking: EAGAIN means wait, too. */
int sys_read(void *buffer, size_t room, size_t *bytes)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};

    for (;;) {
        ssize_t result = read(STDIN_FILENO, buffer, room);
        int code = result < 0 ? errno : 0;

        if (code == EAGAIN) {
            code = poll_until(&input, 1, WEFT_FOREVER);
        } else if (code == 0) {
            *bytes = (size_t)result;
            return 0;
        }
        if (code != 0 && code != EINTR) {
            return code;
        }
    }
}

/*
 * With a deadline no write may block. After poll() a pipe takes PIPE_BUF
 * bytes at once; O_NONBLOCK would change the pipe for everybody who has it.
 */
int sys_write(const void *data, size_t bytes, uint64_t deadline_ns,
              size_t *written)
{
    const char *at = data;
    bool wait = deadline_ns != WEFT_FOREVER;
    size_t most = wait ? PIPE_BUF : SSIZE_MAX;

    *written = 0;
    while (*written < bytes) {
        struct pollfd output = {STDOUT_FILENO, POLLOUT, 0};
        size_t left = bytes - *written;
        int code = wait ? poll_until(&output, 1, deadline_ns) : 0;
        ssize_t result;

        if (code != 0) {
            return code;
        }
        result = write(STDOUT_FILENO, at + *written, left < most ? left : most);
        if (result >= 0) {
            *written += (size_t)result;
        } else if (errno == EAGAIN) {
            wait = true;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

int sys_write_some(const void *data, size_t bytes, size_t *written)
{
    int code = sys_write(data, bytes, WEFT_NOW, written);

    return code == SYS_TIMED_OUT ? 0 : code;
}

weft_handle sys_error_stream(void)
{
    return STDERR_FILENO;
}

int sys_close_output(void)
{
    return close(STDOUT_FILENO) == 0 || errno == EINTR ? 0 : errno;
}

/* -------------------------------------------------------------- waiting --- */

sys_event sys_wait_input(weft_handle watch, uint64_t deadline_ns, int *code)
{
    struct pollfd polls[2] = {{STDIN_FILENO, POLLIN, 0},
                              {(int)watch, POLLIN, 0}};

    *code = poll_until(polls, 2, deadline_ns);
    if (*code != 0) {
        return *code == SYS_TIMED_OUT ? SYS_DEADLINE : SYS_ERROR;
    }
    return polls[1].revents != 0 ? SYS_OTHER : SYS_READY;
}

/* What the terminal sends; Darwin has no name for it. */
#ifdef SI_KERNEL
#define FROM_TERMINAL SI_KERNEL
#else
#define FROM_TERMINAL 0
#endif

static void note_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    received_signal = number;
    is_from_terminal = info->si_code == FROM_TERMINAL;
}

void sys_hold_signals(void)
{
    struct sigaction note;
    sigset_t held;

    memset(&note, 0, sizeof(note));
    note.sa_sigaction = note_signal;
    note.sa_flags = SA_SIGINFO;
    sigemptyset(&note.sa_mask);
    sigemptyset(&held);
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        sigaddset(&held, ending_signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &held, &mask_before);
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        (void)sigaction(ending_signals[i], NULL, &actions_before[i]);
        /* What nohup ignores stays ignored. */
        if (actions_before[i].sa_handler != SIG_IGN) {
            (void)sigaction(ending_signals[i], &note, NULL);
        }
    }
}

void sys_release_signals(void)
{
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        (void)sigaction(ending_signals[i], &actions_before[i], NULL);
    }
    (void)sigprocmask(SIG_SETMASK, &mask_before, NULL);
    if (received_signal != 0) {
        (void)raise(received_signal);
    }
}

int sys_take_signal(bool *is_shared)
{
    int number = received_signal;

    *is_shared = is_from_terminal != 0;
    received_signal = 0;
    return number;
}

int sys_signal_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {
        {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},
        {"ABRT", SIGABRT}, {"KILL", SIGKILL}, {"TERM", SIGTERM},
        {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"ALRM", SIGALRM},
        {"PIPE", SIGPIPE}, {"STOP", SIGSTOP}, {"CONT", SIGCONT},
    };
    char *end;
    long number = strtol(name, &end, 10);

    if (end != name && *end == '\0') {
        return number > 0 && number < NSIG ? (int)number : -1;
    }
    name += strncmp(name, "SIG", 3) == 0 ? 3 : 0;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (strcmp(signals[i].name, name) == 0) {
            return signals[i].number;
        }
    }
    return -1;
}

/* The time left as pselect() takes it; NULL for ever. */
static struct timespec *time_left(uint64_t deadline_ns, struct timespec *left)
{
    uint64_t now = weft_now_ns();
    uint64_t ns = now < deadline_ns ? deadline_ns - now : 0;

    left->tv_sec = (time_t)(ns / 1000000000);
    left->tv_nsec = (long)(ns % 1000000000);
    return deadline_ns == WEFT_FOREVER ? NULL : left;
}

/* Adds one to a set. `*limit`, the highest number plus 1, is -1 if it can't. */
static void add(weft_handle handle, fd_set *set, int *limit)
{
    int fd = (int)handle;

    if (*limit < 0 || fd >= FD_SETSIZE) {
        *limit = -1;
        return;
    }
    FD_SET(fd, set);
    *limit = fd >= *limit ? fd + 1 : *limit;
}

sys_event sys_wait_programs(weft_handle handle, const sys_watch *watches,
                            size_t count, uint64_t deadline_ns, int *code)
{
    for (;;) {
        struct timespec left;
        fd_set readable;
        fd_set writable;
        int limit = 0;
        int ready;

        FD_ZERO(&readable);
        FD_ZERO(&writable);
        if (handle != WEFT_HANDLE_NONE) {
            add(handle, &readable, &limit);
        }
        for (size_t i = 0; i < count; i++) {
            add(watches[i].program->output, &readable, &limit);
            if (watches[i].to_write) {
                add(watches[i].program->input, &writable, &limit);
            }
        }
        if (limit < 0) {
            *code = EMFILE;
            return SYS_ERROR;
        }
        ready = pselect(limit, &readable, &writable, NULL,
                        time_left(deadline_ns, &left), &mask_before);
        if (received_signal != 0) {
            return SYS_INTERRUPTED;
        }
        if (ready == 0) {
            return SYS_DEADLINE;
        }
        if (ready > 0) {
            return SYS_READY;
        }
        if (errno != EINTR) {
            *code = errno;
            return SYS_ERROR;
        }
    }
}

sys_event sys_wait_handle(weft_handle handle, uint64_t deadline_ns, int *code)
{
    return sys_wait_programs(handle, NULL, 0, deadline_ns, code);
}

sys_event sys_wait_several(sys_waits *waits, uint64_t deadline_ns, int *code)
{
    struct timespec left;
    fd_set readable;
    fd_set writable;
    int limit = 0;
    int ready;

    FD_ZERO(&readable);
    FD_ZERO(&writable);
    for (size_t i = 0; i < waits->count; i++) {
        add(waits->handles[i], &readable, &limit);
    }
    if (waits->for_input) {
        add(STDIN_FILENO, &readable, &limit);
    }
    if (waits->for_output) {
        add(STDOUT_FILENO, &writable, &limit);
    }
    *code = limit < 0 ? EMFILE : 0;
    ready = limit < 0 ? -1
                      : pselect(limit, &readable, &writable, NULL,
                                time_left(deadline_ns, &left), &mask_before);
    if (ready < 0 && *code == 0) {
        *code = errno;
    }
    waits->has_input = ready > 0 && FD_ISSET(STDIN_FILENO, &readable);
    waits->has_output = ready > 0 && FD_ISSET(STDOUT_FILENO, &writable);
    if (received_signal != 0) {
        return SYS_INTERRUPTED;
    }
    if (ready < 0) {
        return *code == EINTR ? SYS_READY : SYS_ERROR;
    }
    return ready == 0 ? SYS_DEADLINE : SYS_READY;
}

/* --------------------------------------------------------------- places --- */

static bool is_absolute(const char *path)
{
    return path != NULL && *path == '/';
}

const char *sys_runtime_directory(char *path, size_t room)
{
    const char *own = getenv("WEFT_RUNTIME_DIR");
    const char *session = getenv("XDG_RUNTIME_DIR");
    const char *why = "the fallback, because neither $WEFT_RUNTIME_DIR nor "
                      "$XDG_RUNTIME_DIR is an absolute path";
    int length;

    if (is_absolute(own)) {
        why = "$WEFT_RUNTIME_DIR";
        length = snprintf(path, room, "%s", own);
    } else if (is_absolute(session)) {
        why = "$XDG_RUNTIME_DIR";
        length = snprintf(path, room, "%s/weft", session);
    } else {
        length =
            snprintf(path, room, "/tmp/weft-%lu", (unsigned long)geteuid());
    }
    return length >= 0 && (size_t)length < room ? why : NULL;
}

bool sys_is_path(const char *name)
{
    return strchr(name, '/') != NULL;
}

const char *const sys_path_form = "a path with a '/'";
