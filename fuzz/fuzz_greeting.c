/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the handshake: the input becomes a greeting and the handles that ride
 * with it. A greeting that is accepted makes a channel, which then sends and
 * receives: what it was told of the peer's limits must not spoil that.
 *
 * Bytes of the input, each 0 when they are used up:
 *
 *     which    bit 0: a WELCOME, else a HELLO; bit 7: cut to as many bytes as
 *              the input has
 *     handles  how many, at most 24
 *     kind     ... so many: see open_kind()
 *     rest     the difference from an honest greeting, by exclusive or; what
 *              is beyond its 64 bytes makes it longer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/handshake.h"

#define HANDLES_MOST 24
#define GREETING_MOST 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct greeting_input {
    uint8_t which;
    size_t handle_count;
    uint8_t kinds[HANDLES_MOST];
    const uint8_t *rest;
    size_t rest_bytes;
};

static void require(bool truth)
{
    if (!truth) {
        abort(); /* the stage itself can't be set up */
    }
}

static void read_input(struct greeting_input *input, const uint8_t *data,
                       size_t size)
{
    memset(input, 0, sizeof(*input));
    input->which = size > 0 ? data[0] : 0;
    input->handle_count = size > 1 ? data[1] % (HANDLES_MOST + 1) : 0;
    for (size_t i = 0; i < input->handle_count && i + 2 < size; i++) {
        input->kinds[i] = data[i + 2];
    }
    if (size > input->handle_count + 2) {
        input->rest = data + input->handle_count + 2;
        input->rest_bytes = size - input->handle_count - 2;
    }
}

/* ------------------------------------------------------------- handles --- */

static weft_handle open_memory(bool sealed, bool allocated)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    uint32_t magic = WEFTI_MAGIC;

    require(fd >= 0 && ftruncate(fd, 4096) == 0);
    require(!allocated ||
            pwrite(fd, &magic, sizeof(magic), 0) == (ssize_t)sizeof(magic));
    require(!sealed || fcntl(fd, F_ADD_SEALS,
                             F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE |
                                 F_SEAL_SEAL) == 0);
    return fd;
}

static weft_handle open_pipe(int end)
{
    int fds[2];

    require(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    (void)close(fds[1 - end]);
    return fds[end];
}

static weft_handle open_kind(uint8_t kind)
{
    switch (kind % 10) {
    case 0:
        return open_memory(true, true);
    case 1:
        return open_pipe(1);
    case 2:
        return open_memory(false, true);
    case 3:
        return open_memory(true, false);
    case 4:
        return open_pipe(0);
    case 5:
        return open("/dev/zero", O_RDWR | O_CLOEXEC);
    case 6:
        return eventfd(0, EFD_CLOEXEC);
    case 7:
        return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case 8:
        return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    default:
        return open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    }
}

/* ------------------------------------------------------------ greeting --- */

static size_t make_greeting(const struct greeting_input *input,
                            unsigned char *bytes)
{
    struct wefti_greeting greeting;
    size_t length = input->rest_bytes;

    memset(&greeting, 0, sizeof(greeting));
    greeting.magic = WEFTI_MAGIC;
    greeting.protocol = WEFTI_PROTOCOL;
    greeting.kind = (input->which & 1) != 0 ? WEFTI_WELCOME : WEFTI_HELLO;
    greeting.home_bytes = 4096;
    greeting.message_max_bytes = 1 << 20;
    memset(bytes, 0, GREETING_MOST);
    memcpy(bytes, &greeting, sizeof(greeting));
    if ((input->which & 0x80) == 0 && length < sizeof(greeting)) {
        length = sizeof(greeting);
    }
    length = length < GREETING_MOST ? length : GREETING_MOST;
    for (size_t i = 0; i < length && i < input->rest_bytes; i++) {
        bytes[i] ^= input->rest[i];
    }
    return length;
}

static void send_greeting(const struct greeting_input *input,
                          weft_handle socket)
{
    unsigned char bytes[GREETING_MOST];
    weft_handle handles[WEFTOS_SOCKET_HANDLES];
    size_t length = make_greeting(input, bytes);
    size_t count = 0;

    while (count < input->handle_count && count < WEFTOS_SOCKET_HANDLES) {
        handles[count] = open_kind(input->kinds[count]);
        require(handles[count] >= 0);
        count++;
    }
    (void)weftos_socket_send(socket, bytes, length, handles, count, NULL);
    for (size_t i = 0; i < count; i++) {
        weftos_close(handles[i]);
    }
}

/* -------------------------------------------------------------- victim --- */

static void use_channel(weft_channel *channel)
{
    static const size_t sizes[] = {0, 1, 100, 700, 3000, 30000, 70000, 16};
    static unsigned char data[70000];
    size_t bytes;

    for (unsigned i = 0; i < 64; i++) {
        (void)weft_channel_try_send(
            channel, data, sizes[i % (sizeof(sizes) / sizeof(sizes[0]))]);
        (void)weft_channel_try_recv(channel, data, sizeof(data), &bytes);
    }
}

/* The victim's half; it takes the socket. */
static void meet(const struct greeting_input *input, weft_handle socket)
{
    enum wefti_kind kind =
        (input->which & 1) != 0 ? WEFTI_WELCOME : WEFTI_HELLO;
    struct wefti_settings settings;
    struct wefti_answer answer;
    struct wefti_offer offer;
    weft_channel *channel;

    require(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    if (wefti_answer_receive(&answer, socket, kind, &settings, WEFT_NOW,
                             NULL) != WEFT_OK) {
        weftos_close(socket);
        return;
    }
    require(wefti_offer_init(&offer, false, NULL) == WEFT_OK);
    require(wefti_channel_create(socket, &offer, &answer, &settings, &channel,
                                 NULL) == WEFT_OK);
    use_channel(channel);
    weft_channel_close(&channel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct greeting_input input;
    weft_handle ends[2];

    read_input(&input, data, size);
    require(weftos_socket_pair(ends, NULL) == WEFT_OK);
    send_greeting(&input, ends[1]);
    meet(&input, ends[0]);
    weftos_close(ends[1]);
    return 0;
}
