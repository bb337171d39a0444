/* SPDX-License-Identifier: MIT
 *
 * Descriptors in `weft bench fanout`: a Unix socket for each subscriber, or a
 * pipe with a name. The publisher writes each message to all of them, one after
 * the other, and waits for each that is full, so nothing is lost; everybody
 * sleeps at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench_crew.h"
#include "bench_fanin_poll.h"
#include "bench_fanout.h"
#include "bench_sys.h"

/* What a reader of a stream takes at a time, if it is there. */
#define TAKE_BYTES ((size_t)64 << 10)

typedef struct fd_end {
    int listener; /* the publisher's socket, or -1 */
    unsigned count;
    int *fds; /* of the publisher to all, of a subscriber the only one */
    /* A subscriber's: what was read and not taken yet. */
    size_t at;
    size_t have;
    unsigned char *data; /* a message to be published, or what was read */
} fd_end;

static void choose(char address[FANOUT_ADDRESS_BYTES])
{
    snprintf(address, FANOUT_ADDRESS_BYTES, "/tmp/weft-bench-%llu-%llx.sock",
             (unsigned long long)bench_sys_process(),
             (unsigned long long)weft_now_ns());
}

static bool fail(fanout_side *side, const char *step)
{
    return bench_fail(&side->base, "cannot %s: %s", step, strerror(errno));
}

/* Room for so many descriptors and bytes. NULL: it has told why. */
static fd_end *make_end(fanout_side *side, unsigned fds, size_t bytes)
{
    fd_end *state = calloc(1, sizeof(*state));

    side->state = state;
    if (state != NULL) {
        state->listener = -1;
        state->fds = calloc(fds, sizeof(*state->fds));
        state->data = calloc(1, bytes);
    }
    if (state == NULL || state->fds == NULL || state->data == NULL) {
        bench_fail(&side->base, "out of memory");
        return NULL;
    }
    return state;
}

static void close_end(fanout_side *side)
{
    fd_end *state = side->state;

    if (state == NULL) {
        return;
    }
    for (unsigned i = 0; state->fds != NULL && i < state->count; i++) {
        close(state->fds[i]);
    }
    if (state->listener >= 0) {
        close(state->listener);
    }
    free(state->fds);
    free(state->data);
    free(state);
}

/* ------------------------------------------------------------ publisher --- */

/* A subscriber that has died is an error of the call, not a signal. */
static fd_end *make_publisher(fanout_side *side)
{
    signal(SIGPIPE, SIG_IGN);
    return make_end(side, side->test->subscribers, side->test->size_bytes);
}

static void *reserve(fanout_side *side)
{
    fd_end *state = side->state;

    return state->data;
}

static bool write_all(fanout_side *side, int fd)
{
    size_t size = side->test->size_bytes;
    fd_end *state = side->state;
    size_t done = 0;

    while (done < size) {
        ssize_t put = write(fd, state->data + done, size - done);

        side->calls++;
        if (put < 0 && errno != EINTR) {
            return fail(side, "write");
        }
        done += put < 0 ? 0 : (size_t)put;
    }
    return true;
}

static bool publish(fanout_side *side)
{
    fd_end *state = side->state;

    for (unsigned i = 0; i < state->count; i++) {
        if (!write_all(side, state->fds[i])) {
            return false;
        }
    }
    return true;
}

/* Writes are counted where they are made. */
static bool count_calls(fanout_side *side)
{
    (void)side;
    return true;
}

/* ----------------------------------------------------------- subscriber --- */

/* What packets hold comes one by one, and of a stream what is there. */
static bool take(fanout_side *side, fanout_taken *taken)
{
    size_t size = side->test->size_bytes;
    fd_end *state = side->state;

    if (state->have < size) {
        memmove(state->data, state->data + state->at, state->have);
        state->at = 0;
    }
    while (state->have < size) {
        ssize_t got = read(state->fds[0], state->data + state->have,
                           size + TAKE_BYTES - state->have);

        if (got < 0 && errno != EINTR) {
            return fail(side, "read");
        }
        if (got == 0) {
            return bench_fail(&side->base, "the publisher has hung up");
        }
        state->have += got < 0 ? 0 : (size_t)got;
    }
    taken->data = state->data + state->at;
    taken->bytes = size;
    state->at += size;
    state->have -= size;
    return true;
}

static fd_end *make_subscriber(fanout_side *side)
{
    return make_end(side, 1, side->test->size_bytes + TAKE_BYTES);
}

/* -------------------------------------------------------------- sockets --- */

static void forget_socket(const char *address)
{
    unlink(address);
}

static struct sockaddr_un make_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

static bool open_socket(fanout_side *side)
{
    struct sockaddr_un address = make_address(side->address);
    fd_end *state = make_publisher(side);

    if (state == NULL) {
        return false;
    }
    state->listener = socket(AF_UNIX, fanin_socket_type, 0);
    if (state->listener < 0) {
        return fail(side, "make a socket");
    }
    return (bind(state->listener, (const struct sockaddr *)&address,
                 sizeof(address)) == 0 &&
            listen(state->listener, SOMAXCONN) == 0) ||
           fail(side, "listen");
}

/* A subscriber is told that it is in: it connects before the publisher knows.
 */
static bool admit_sockets(fanout_side *side)
{
    fd_end *state = side->state;

    while (state->count < side->test->subscribers) {
        int fd = accept(state->listener, NULL, NULL);

        if (fd < 0) {
            return fail(side, "accept");
        }
        state->fds[state->count++] = fd;
        if (write(fd, "", 1) != 1) {
            return fail(side, "welcome a subscriber");
        }
    }
    return true;
}

static void close_socket(fanout_side *side)
{
    unlink(side->address);
    close_end(side);
}

static bool subscribe_socket(fanout_side *side)
{
    struct sockaddr_un address = make_address(side->address);
    fd_end *state = make_subscriber(side);
    char welcome;

    if (state == NULL) {
        return false;
    }
    state->fds[0] = socket(AF_UNIX, fanin_socket_type, 0);
    if (state->fds[0] < 0) {
        return fail(side, "make a socket");
    }
    state->count = 1;
    return (connect(state->fds[0], (const struct sockaddr *)&address,
                    sizeof(address)) == 0 &&
            recv(state->fds[0], &welcome, 1, 0) == 1) ||
           fail(side, "connect");
}

const fanout_transport fanout_uds = {
    .name = "uds",
    .choose = choose,
    .forget = forget_socket,
    .open = open_socket,
    .admit = admit_sockets,
    .reserve = reserve,
    .publish = publish,
    .count_calls = count_calls,
    .close = close_socket,
    .subscribe = subscribe_socket,
    .take = take,
    .leave = close_end,
};

/* ---------------------------------------------------------------- pipes --- */

/* A subscriber's pipe has its number behind the address. */
#define PIPE_NAME_BYTES (FANOUT_ADDRESS_BYTES + 16)

static void name_pipe(const char *address, unsigned number,
                      char name[PIPE_NAME_BYTES])
{
    snprintf(name, PIPE_NAME_BYTES, "%s-%u", address, number);
}

/* They lie side by side from 0, but for those that were opened already. */
static void forget_pipes(const char *address)
{
    char name[PIPE_NAME_BYTES];

    for (unsigned i = 0; i < FANOUT_SUBSCRIBERS_MOST; i++) {
        name_pipe(address, i, name);
        unlink(name);
    }
}

static bool open_pipes(fanout_side *side)
{
    char name[PIPE_NAME_BYTES];

    if (make_publisher(side) == NULL) {
        return false;
    }
    for (unsigned i = 0; i < side->test->subscribers; i++) {
        name_pipe(side->address, i, name);
        if (mkfifo(name, S_IRUSR | S_IWUSR) != 0) {
            return fail(side, "make a pipe");
        }
    }
    return true;
}

/* Each end opens when the other one does. */
static bool admit_pipes(fanout_side *side)
{
    fd_end *state = side->state;
    char name[PIPE_NAME_BYTES];

    while (state->count < side->test->subscribers) {
        int fd;

        name_pipe(side->address, state->count, name);
        fd = open(name, O_WRONLY);
        if (fd < 0) {
            return fail(side, "open a pipe");
        }
        unlink(name);
        state->fds[state->count++] = fd;
    }
    return true;
}

static bool subscribe_pipe(fanout_side *side)
{
    fd_end *state = make_subscriber(side);
    char name[PIPE_NAME_BYTES];

    if (state == NULL) {
        return false;
    }
    name_pipe(side->address, side->base.index - BENCH_FIRST_MEMBER, name);
    state->fds[0] = open(name, O_RDONLY);
    if (state->fds[0] < 0) {
        return fail(side, "open a pipe");
    }
    state->count = 1;
    return true;
}

const fanout_transport fanout_pipe = {
    .name = "pipe",
    .choose = choose,
    .forget = forget_pipes,
    .open = open_pipes,
    .admit = admit_pipes,
    .reserve = reserve,
    .publish = publish,
    .count_calls = count_calls,
    .close = close_end,
    .subscribe = subscribe_pipe,
    .take = take,
    .leave = close_end,
};
