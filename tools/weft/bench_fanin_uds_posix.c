/* SPDX-License-Identifier: MIT
 *
 * The Unix socket in `weft bench fanin`: a server with a socket for each
 * client, which it waits for together. It makes no more calls than it must: one
 * to wait for all that have something, and a receive and a send for each call.
 * Everybody sleeps at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench_fanin.h"
#include "bench_fanin_poll.h"
#include "bench_sys.h"

/* How many are served between two waits, at most. */
#define BATCH 64

typedef struct uds_end {
    int fd; /* the server's listening one, or a client's; -1: none */
    fanin_poll *poll;
    unsigned left; /* connections that have gone */
    unsigned char *outgoing;
    unsigned char incoming[]; /* one message */
} uds_end;

static void choose(char address[FANIN_ADDRESS_BYTES])
{
    snprintf(address, FANIN_ADDRESS_BYTES, "/tmp/weft-bench-%llu-%llx.sock",
             (unsigned long long)bench_sys_process(),
             (unsigned long long)weft_now_ns());
}

static void forget(const char *address)
{
    unlink(address);
}

static bool fail(fanin_side *side, const char *step)
{
    return bench_fail(&side->base, "cannot %s: %s", step, strerror(errno));
}

static struct sockaddr_un make_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

/* A socket, and a place to receive. NULL: it has told why. */
static uds_end *make_end(fanin_side *side)
{
    size_t size = side->test->size_bytes;
    uds_end *state = calloc(1, sizeof(*state) + 2 * size);

    side->state = state;
    if (state == NULL) {
        bench_fail(&side->base, "out of memory");
        return NULL;
    }
    state->outgoing = state->incoming + size;
    state->fd = socket(AF_UNIX, fanin_socket_type, 0);
    if (state->fd < 0) {
        fail(side, "make a socket");
        return NULL;
    }
    return state;
}

static void close_end(fanin_side *side)
{
    uds_end *state = side->state;

    if (state != NULL) {
        if (state->fd >= 0) {
            close(state->fd);
        }
        free(state);
    }
}

/* --------------------------------------------------------------- server --- */

static void close_server(fanin_side *side)
{
    uds_end *state = side->state;

    if (state != NULL) {
        fanin_poll_close(state->poll);
        unlink(side->address);
    }
    close_end(side);
}

static bool open_server(fanin_side *side)
{
    struct sockaddr_un address = make_address(side->address);
    uds_end *state = make_end(side);

    if (state == NULL) {
        return false;
    }
    if (bind(state->fd, (const struct sockaddr *)&address, sizeof(address)) !=
            0 ||
        listen(state->fd, SOMAXCONN) != 0) {
        return fail(side, "listen");
    }
    state->poll = fanin_poll_open(fanin_connections(side->test) + 1);
    return (state->poll != NULL && fanin_poll_add(state->poll, state->fd)) ||
           fail(side, "wait for sockets");
}

static bool let_in(fanin_side *side)
{
    uds_end *state = side->state;
    int fd = accept(state->fd, NULL, NULL);

    if (fd < 0) {
        return fail(side, "accept");
    }
    if (!fanin_poll_add(state->poll, fd)) {
        close(fd);
        return fail(side, "wait for a socket");
    }
    return true;
}

/* After an error the clients' sockets end with the process. */
static bool serve_one(fanin_side *side, int fd)
{
    size_t size = side->test->size_bytes;
    uds_end *state = side->state;
    ssize_t got = recv(fd, state->incoming, size, MSG_WAITALL);

    if (got < 0) {
        return fail(side, "receive");
    }
    if (got == 0) {
        fanin_poll_remove(state->poll, fd);
        close(fd);
        state->left++;
        return true;
    }
    if (!fanin_answer(side, state->incoming, (size_t)got, state->outgoing)) {
        return false;
    }
    return send(fd, state->outgoing, size, 0) == (ssize_t)size ||
           fail(side, "send");
}

static bool serve(fanin_side *side)
{
    uds_end *state = side->state;
    int ready[BATCH];

    while (state->left < fanin_connections(side->test)) {
        unsigned count = fanin_poll_wait(state->poll, ready, BATCH);

        if (count == 0) {
            return fail(side, "wait for sockets");
        }
        for (unsigned i = 0; i < count; i++) {
            if (!(ready[i] == state->fd ? let_in(side)
                                        : serve_one(side, ready[i]))) {
                return false;
            }
        }
    }
    return true;
}

/* --------------------------------------------------------------- client --- */

/* Nobody has that address. */
static void prepare(fanin_side *side)
{
    struct sockaddr_un address = make_address("/tmp/weft-bench-none.sock");
    uds_end *state = make_end(side);

    if (state != NULL) {
        (void)!connect(state->fd, (const struct sockaddr *)&address,
                       sizeof(address));
    }
    close_end(side);
    side->state = NULL;
}

static bool connect_server(fanin_side *side)
{
    struct sockaddr_un address = make_address(side->address);
    uds_end *state = make_end(side);

    return state != NULL &&
           (connect(state->fd, (const struct sockaddr *)&address,
                    sizeof(address)) == 0 ||
            fail(side, "connect"));
}

static bool call(fanin_side *side, const void *request, const void **answer,
                 size_t *bytes)
{
    size_t size = side->test->size_bytes;
    uds_end *state = side->state;
    ssize_t got;

    if (send(state->fd, request, size, 0) != (ssize_t)size) {
        return fail(side, "send");
    }
    got = recv(state->fd, state->incoming, size, MSG_WAITALL);
    if (got < 0) {
        return fail(side, "receive");
    }
    *answer = state->incoming;
    *bytes = (size_t)got;
    return true;
}

const fanin_transport fanin_uds = {
    .name = "uds",
    .choose = choose,
    .forget = forget,
    .open = open_server,
    .serve = serve,
    .close = close_server,
    .prepare = prepare,
    .connect = connect_server,
    .call = call,
    .leave = close_end,
};
