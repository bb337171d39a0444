/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the consumer: the input becomes a peer's home with its ring, and
 * control messages that wait in the socket; then it is received, peeked and
 * released until nothing more is there. The home is ordinary memory of just
 * its size, so that AddressSanitizer sees a step beyond it.
 *
 * Bytes of the input, each 0 when they are used up:
 *
 *     calls  how many of them, at most 64; bit 7: the ring repeats its
 *            beginning over and over
 *     call   ... so many: what to call, see call_once()
 *     end    how the stream is closed: see close_stream()
 *     count  of control messages, at most 4
 *     then for each of those
 *         fault     0, or where the rider is changed, plus 1
 *         type      of the record
 *         position  of the record, in units of 16
 *         handles   how many; bit 7: the first is a ring, see send_rider()
 *     rest   the ring, from its beginning on; and the ring that is moved to
 */
#include <stdlib.h>
#include <string.h>

#include "ipc/ring.h"

#define HOME_BYTES ((size_t)4096)
#define SEGMENT_BYTES ((size_t)4096)
#define CALLS_MOST 64
#define RIDERS_MOST 4
#define MESSAGE_MOST (1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t left;
};

struct stage {
    struct wefti_home *own;  /* the consumer's */
    struct wefti_home *peer; /* made of the input */
    weft_handle ends[2];     /* of the control socket; the first is ours */
    weftos_bell bell;
    struct wefti_line line;
    struct wefti_rx rx;
};

static uint8_t take(struct input *input)
{
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->data++;
}

static void require(bool truth)
{
    if (!truth) {
        abort(); /* the stage itself can't be set up */
    }
}

/* --------------------------------------------------------------- stage --- */

static struct wefti_home *new_home(void)
{
    struct wefti_home *home = aligned_alloc(WEFTI_APART, HOME_BYTES);

    require(home != NULL);
    memset(home, 0, HOME_BYTES);
    home->magic = WEFTI_MAGIC;
    weftos_store_relaxed(&home->parked_at, WEFTI_NONE);
    weftos_store_relaxed(&home->space_at, WEFTI_NONE);
    weftos_store_relaxed(&home->closed_at, WEFTI_NONE);
    return home;
}

static void set_stage(struct stage *stage)
{
    const struct wefti_limits limits = {0, 1 << 20, MESSAGE_MOST};
    struct wefti_line *line = &stage->line;

    memset(stage, 0, sizeof(*stage));
    stage->own = new_home();
    stage->peer = new_home();
    require(weftos_socket_pair(stage->ends, NULL) == WEFT_OK);
    require(weftos_bell_open(&line->hear, &stage->bell.handle, NULL) ==
            WEFT_OK);
    line->own = stage->own;
    line->peer = stage->peer;
    line->socket = stage->ends[0];
    line->process = WEFTOS_NONE;
    line->bell = stage->bell;
    line->wait = WEFT_WAIT_BLOCK;
    wefti_rx_init(&stage->rx, line, HOME_BYTES, &limits);
}

static void strike_stage(struct stage *stage)
{
    wefti_rx_deinit(&stage->rx, false);
    weftos_close(stage->ends[0]);
    weftos_close(stage->ends[1]);
    weftos_close(stage->line.hear);
    weftos_close(stage->bell.handle);
    free(stage->own);
    free(stage->peer);
}

/* ------------------------------------------------------------- hostile --- */

/* A segment as an honest producer makes it, with the input's bytes in it. */
static weft_handle open_segment(const struct input *input)
{
    size_t bytes = input->left < SEGMENT_BYTES ? input->left : SEGMENT_BYTES;
    weft_handle object;
    void *base;

    require(weftos_shm_create(SEGMENT_BYTES, &object, &base, NULL) == WEFT_OK);
    if (bytes > 0) {
        memcpy(base, input->data, bytes);
    }
    weftos_shm_unmap(base, SEGMENT_BYTES);
    return object;
}

struct plan {
    uint8_t fault;
    uint8_t type;
    uint8_t position;
    uint8_t handles;
};

static void send_rider(const struct stage *stage, const struct plan *plan,
                       const struct input *rest)
{
    struct wefti_rider rider = {WEFTI_MAGIC, plan->type,
                                (uint64_t)plan->position * 16};
    weft_handle handles[WEFTOS_SOCKET_HANDLES];
    size_t count = (plan->handles & 0x7f) % (WEFTOS_SOCKET_HANDLES + 1);
    weft_handle segment = WEFTOS_NONE;

    for (size_t i = 0; i < count; i++) {
        handles[i] = stage->bell.handle;
    }
    if ((plan->handles & 0x80) != 0 && count > 0) {
        segment = open_segment(rest);
        handles[0] = segment;
    }
    if (plan->fault > 0) {
        ((unsigned char *)&rider)[(plan->fault - 1) % sizeof(rider)] ^=
            plan->fault;
    }
    (void)weftos_socket_send(stage->ends[1], &rider, sizeof(rider), handles,
                             count, NULL);
    weftos_close(segment);
}

static void send_riders(const struct stage *stage, struct input *input)
{
    struct plan plans[RIDERS_MOST];
    unsigned count = take(input) % (RIDERS_MOST + 1);

    for (unsigned i = 0; i < count; i++) {
        plans[i].fault = take(input);
        plans[i].type = take(input);
        plans[i].position = take(input);
        plans[i].handles = take(input);
    }
    for (unsigned i = 0; i < count; i++) {
        send_rider(stage, &plans[i], input);
    }
}

static void fill_ring(const struct stage *stage, const struct input *input,
                      bool repeats)
{
    unsigned char *ring = (unsigned char *)stage->peer + HOME_BYTES / 2;
    size_t period = (input->left + 15) & ~(size_t)15; /* keeps it aligned */

    for (size_t i = 0; i < HOME_BYTES / 2 && period > 0; i++) {
        size_t at = i % period;

        if (i < period || repeats) {
            ring[i] = at < input->left ? input->data[at] : 0;
        }
    }
}

static void close_stream(struct stage *stage, uint8_t how)
{
    if ((how & 1) != 0) {
        weftos_store_relaxed(&stage->peer->closed_at, (uint64_t)how >> 3 << 4);
    }
    if ((how & 2) != 0) {
        weftos_close(stage->ends[1]);
        stage->ends[1] = WEFTOS_NONE;
    }
    if ((how & 4) != 0) {
        weftos_store_relaxed(&stage->peer->space_at, (uint64_t)how >> 3 << 4);
    }
}

/* -------------------------------------------------------------- victim --- */

static weft_status receive_message(struct stage *stage, size_t room_bytes,
                                   bool takes_handles)
{
    weft_message message;
    weft_status status;

    memset(&message, 0, sizeof(message));
    message.data = malloc(room_bytes); /* just so large */
    message.bytes = room_bytes;
    require(message.data != NULL);
    status = wefti_rx_receive(&stage->rx, &message, takes_handles, WEFT_NOW);
    if (status == WEFT_OK) {
        require(message.bytes <= room_bytes);
        for (unsigned i = 0; i < message.handle_count; i++) {
            weftos_close(message.handles[i]);
        }
    }
    free(message.data);
    return status;
}

static weft_status receive_plain(struct stage *stage, size_t room_bytes)
{
    size_t bytes = 0;
    void *room = malloc(room_bytes);
    weft_status status;

    require(room != NULL);
    status =
        wefti_rx_receive_plain(&stage->rx, room, room_bytes, &bytes, WEFT_NOW);
    require(status != WEFT_OK || bytes <= room_bytes);
    free(room);
    return status;
}

/* Keeps the compiler from leaving out the reads. */
static volatile unsigned char shown;

static unsigned char sum_of(const unsigned char *data, size_t bytes)
{
    unsigned char sum = 0;

    for (size_t i = 0; i < bytes; i++) {
        sum ^= data[i];
    }
    return sum;
}

/* Reads each byte that a peek shows. */
static weft_status peek(struct stage *stage)
{
    const void *data;
    size_t bytes;
    weft_status status = wefti_rx_peek(&stage->rx, &data, &bytes, WEFT_NOW);

    if (status == WEFT_OK) {
        shown = sum_of(data, bytes);
        wefti_rx_release(&stage->rx);
    }
    return status;
}

static weft_status call_once(struct stage *stage, uint8_t call)
{
    switch (call % 5) {
    case 0:
        return receive_message(stage, MESSAGE_MOST, true);
    case 1:
        return receive_message(stage, MESSAGE_MOST, false);
    case 2:
        return receive_message(stage, call, true);
    case 3:
        return peek(stage);
    default:
        return receive_plain(stage, (call & 0x80) != 0 ? MESSAGE_MOST : 40);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    uint8_t calls[CALLS_MOST];
    uint8_t first = take(&input);
    unsigned count = (first & 0x7f) % (CALLS_MOST + 1);
    struct stage stage;

    for (unsigned i = 0; i < count; i++) {
        calls[i] = take(&input);
    }
    set_stage(&stage);
    close_stream(&stage, take(&input));
    send_riders(&stage, &input);
    fill_ring(&stage, &input, (first & 0x80) != 0);
    for (unsigned i = 0; i < count; i++) {
        weft_status status = call_once(&stage, calls[i]);
        weft_status failed = stage.rx.failed;

        /* What has failed stays failed. */
        require(failed == WEFT_OK || status == failed);
    }
    strike_stage(&stage);
    return 0;
}
