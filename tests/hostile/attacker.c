/* SPDX-License-Identifier: MIT
 *
 * The attacker's tools; attacker.h has the idea. Linux only.
 */
#define _GNU_SOURCE
#include "attacker.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The most descriptors that one message can carry: the kernel's SCM_MAX_FD. */
#define DESCRIPTORS_MOST 253

/* --------------------------------------------------------------- cases --- */

static atomic_uint notes;

bool hostile_note(bool truth)
{
    notes += !truth;
    return truth;
}

bool hostile_noted(void)
{
    return notes > 0;
}

static const char *watched;

static void on_alarm(int number)
{
    static const char text[] = "# hangs: ";

    (void)number;
    /* Only what a signal handler may call. */
    (void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
    (void)!write(STDOUT_FILENO, watched, strlen(watched));
    (void)!write(STDOUT_FILENO, "\n", 1);
    _exit(EXIT_FAILURE);
}

void hostile_watch(const char *doing, unsigned seconds)
{
    watched = doing;
    (void)signal(SIGALRM, on_alarm);
    (void)alarm(seconds);
}

int hostile_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    int count = 0;

    if (maps == NULL) {
        return -1;
    }
    while (fgets(line, sizeof(line), maps) != NULL) {
        count += strstr(line, "/memfd:") != NULL;
    }
    (void)fclose(maps);
    return count;
}

static _Noreturn void run_body(const char *name, void (*body)(const void *),
                               const void *argument)
{
    int handles = check_open_handles();
    int mappings = hostile_mappings();

    notes = 0;
    hostile_watch(name, 20);
    body(argument);
    CHECK(check_open_handles() == handles);
    CHECK(hostile_mappings() == mappings);
    /* Without the parent's exit handlers and leak reports. */
    _Exit(notes == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

void hostile_case(const char *name, void (*body)(const void *argument),
                  const void *argument)
{
    int status = 0;
    pid_t child;

    check_case(name);
    child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        run_body(name, body, argument);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) {
        printf("# killed by signal %d\n", WTERMSIG(status));
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

const char *hostile_name(const char *what, const char *how)
{
    static char buffers[2][120];
    static unsigned turn;
    char *name = buffers[turn++ % 2];

    (void)snprintf(name, sizeof(buffers[0]), "%s: %s", what, how);
    return name;
}

static char names[] = "/tmp/weft-hostile-XXXXXX";

void hostile_names_begin(void)
{
    REQUIRE(mkdtemp(names) != NULL);
    REQUIRE(setenv("WEFT_RUNTIME_DIR", names, 1) == 0);
}

void hostile_names_end(void)
{
    CHECK(rmdir(names) == 0); /* nothing was left in it */
}

/* ------------------------------------------------------------ attacker --- */

void attacker_greeting(const struct attacker *attacker, enum wefti_kind kind,
                       struct wefti_greeting *greeting)
{
    memset(greeting, 0, sizeof(*greeting));
    greeting->magic = WEFTI_MAGIC;
    greeting->protocol = WEFTI_PROTOCOL;
    greeting->kind = (uint16_t)kind;
    greeting->home_bytes = attacker->offer.home_bytes;
    greeting->ring_max_bytes = UINT64_C(64) << 20;
    greeting->message_max_bytes = WEFT_MESSAGE_MAX;
}

static void put_descriptors(struct msghdr *header, void *room,
                            const weft_handle *handles, size_t count)
{
    struct cmsghdr *control;
    int fds[DESCRIPTORS_MOST];

    for (size_t i = 0; i < count; i++) {
        fds[i] = (int)handles[i];
    }
    header->msg_control = room;
    header->msg_controllen = CMSG_SPACE(count * sizeof(int));
    control = CMSG_FIRSTHDR(header);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(control), fds, count * sizeof(int));
}

bool attacker_send(weft_handle socket, const void *data, size_t bytes,
                   const weft_handle *handles, size_t count)
{
    union {
        struct cmsghdr alignment;
        char bytes[CMSG_SPACE(DESCRIPTORS_MOST * sizeof(int))];
    } room;
    struct iovec part = {(void *)(uintptr_t)data, bytes};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

    if (count > 0) {
        memset(&room, 0, sizeof(room));
        put_descriptors(&header, room.bytes, handles, count);
    }
    return sendmsg((int)socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

bool attacker_ride(const struct attacker *attacker, uint32_t type,
                   uint64_t position, const weft_handle *handles, size_t count)
{
    struct wefti_rider rider = {WEFTI_MAGIC, type, position};

    return attacker_send(attacker->socket, &rider, sizeof(rider), handles,
                         count);
}

void attacker_meet_claiming(struct attacker *attacker,
                            const weft_channel_options *options,
                            uint64_t ring_max_bytes, uint64_t message_max_bytes,
                            weft_channel **victim)
{
    struct wefti_settings settings;
    struct wefti_greeting greeting;
    weft_handle handles[WEFTI_GREETING_HANDLES];
    unsigned char none;
    size_t bytes;

    memset(attacker, 0, sizeof(*attacker));
    REQUIRE(weft_channel_pair(options, victim, &attacker->socket, NULL) ==
            WEFT_OK);
    REQUIRE(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_init(&attacker->offer, NULL) == WEFT_OK);
    attacker_greeting(attacker, WEFTI_HELLO, &greeting);
    greeting.ring_max_bytes = ring_max_bytes;
    greeting.message_max_bytes = message_max_bytes;
    handles[WEFTI_GREETING_HOME] = attacker->offer.object;
    handles[WEFTI_GREETING_BELL] = attacker->offer.ring;
    REQUIRE(attacker_send(attacker->socket, &greeting, sizeof(greeting),
                          handles, WEFTI_GREETING_HANDLES));
    /* The victim's first look finishes its half of the handshake. */
    REQUIRE(weft_channel_try_recv(*victim, &none, sizeof(none), &bytes) ==
            WEFT_EAGAIN);
    REQUIRE(wefti_answer_receive(&attacker->answer, attacker->socket,
                                 WEFTI_WELCOME, &settings,
                                 weft_after_ns(LATE_NS), NULL) == WEFT_OK);
}

void attacker_meet(struct attacker *attacker,
                   const weft_channel_options *options, weft_channel **victim)
{
    attacker_meet_claiming(attacker, options, UINT64_C(64) << 20,
                           WEFT_MESSAGE_MAX, victim);
}

void attacker_leave(struct attacker *attacker)
{
    wefti_answer_deinit(&attacker->answer, false);
    wefti_offer_deinit(&attacker->offer, false);
    weftos_close(attacker->socket);
}

void attacker_part(struct attacker *attacker, weft_channel **victim)
{
    attacker_leave(attacker);
    weft_channel_close(victim);
}

unsigned char *attacker_ring(const struct attacker *attacker)
{
    return (unsigned char *)attacker->offer.home +
           attacker->offer.home_bytes / 2;
}

uint64_t attacker_ring_bytes(const struct attacker *attacker)
{
    return attacker->offer.home_bytes / 2;
}

void attacker_forge(struct attacker *attacker, uint64_t word,
                    const void *payload, size_t bytes)
{
    uint64_t mask = attacker_ring_bytes(attacker) - 1;
    uint64_t offset = attacker->at & mask;
    uint64_t next =
        (attacker->at + wefti_round_up(word & WEFTI_LENGTH_MASK)) & mask;
    unsigned char *ring = attacker_ring(attacker);

    weftos_store_relaxed(&((struct wefti_header *)(void *)(ring + next))->word,
                         0);
    if (bytes > 0) {
        memcpy(ring + offset + WEFTI_HEADER, payload, bytes);
    }
    weftos_store_release(
        &((struct wefti_header *)(void *)(ring + offset))->word, word);
    attacker->at += wefti_round_up(word & WEFTI_LENGTH_MASK);
}

/* ------------------------------------------------------------- objects --- */

int hostile_seals(void)
{
    return F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
}

/* Writes to each page: one that is only reserved could pass for a hole. */
static bool write_pages(int fd, uint64_t bytes)
{
    const char zero = 0;
    bool written = true;

    for (uint64_t at = 0; at < bytes && written; at += WEFTI_HOME_MIN) {
        written = pwrite(fd, &zero, 1, (off_t)at) == 1;
    }
    return written;
}

static bool shape(int fd, const struct hostile_memory *plan)
{
    uint32_t magic = WEFTI_MAGIC;

    return write_pages(fd, plan->allocated) &&
           ftruncate(fd, (off_t)plan->bytes) == 0 &&
           (plan->beyond == 0 ||
            fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)plan->bytes,
                      (off_t)plan->beyond) == 0) &&
           (!plan->filled ||
            pwrite(fd, &magic, sizeof(magic), 0) == (ssize_t)sizeof(magic)) &&
           fcntl(fd, F_ADD_SEALS, plan->seals) == 0;
}

weft_handle hostile_memory_open(const struct hostile_memory *plan)
{
    int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING |
                                         (plan->huge ? MFD_HUGETLB : 0));

    if (fd >= 0 && !shape(fd, plan)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* -------------------------------------------------------------- victim --- */

static unsigned char room[1 << 20];

weft_status victim_receive(weft_channel *victim)
{
    uint64_t began = weft_now_ns();
    weft_message message;
    weft_status status;

    memset(&message, 0, sizeof(message));
    message.data = room;
    message.bytes = sizeof(room);
    status = weft_channel_recv_message(victim, &message, began + VICTIM_NS);
    CHECK_IN_TIME(began, VICTIM_NS);
    if (status == WEFT_OK) {
        CHECK(message.bytes <= sizeof(room));
        for (unsigned i = 0; i < message.handle_count; i++) {
            weftos_close(message.handles[i]);
        }
    }
    return status;
}

weft_status victim_receive_plain(weft_channel *victim)
{
    uint64_t began = weft_now_ns();
    size_t bytes = 0;
    weft_status status = weft_channel_recv_until(victim, room, sizeof(room),
                                                 &bytes, began + VICTIM_NS);

    CHECK_IN_TIME(began, VICTIM_NS);
    return status;
}

weft_status victim_peek(weft_channel *victim)
{
    uint64_t began = weft_now_ns();
    const void *data;
    size_t bytes = 0;
    weft_status status =
        weft_channel_peek(victim, &data, &bytes, began + VICTIM_NS);

    CHECK_IN_TIME(began, VICTIM_NS);
    if (status == WEFT_OK) {
        weft_channel_release(victim);
    }
    return status;
}

void victim_stays_failed(weft_channel *victim, weft_status status)
{
    unsigned char none;
    size_t bytes;

    CHECK_STATUS(weft_channel_try_recv(victim, &none, 1, &bytes), status);
    CHECK_STATUS(victim_receive(victim), status);
    CHECK_STATUS(victim_peek(victim), status);
}
