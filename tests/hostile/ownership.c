/* SPDX-License-Identifier: MIT
 *
 * A peer may read the victim's memory and nothing else: every way that Linux
 * has to write to it, to change its size or to take it away fails.
 */
#define _GNU_SOURCE
#include "attacker.h"
#include "ipc/received.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* What the victim has shown of one object: its handle and how large it is. */
struct shown {
    int fd;
    size_t bytes;
};

/* --------------------------------------------------------------- views --- */

static void cannot_map_writable(const struct shown *shown, int fd)
{
    void *map =
        mmap(NULL, shown->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    CHECK(map == MAP_FAILED);
    map = mmap(NULL, shown->bytes, PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map == MAP_FAILED);
    map = mmap(NULL, shown->bytes, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE,
               fd, 0);
    CHECK(map == MAP_FAILED);
}

static void cannot_change_view(const struct shown *shown)
{
    void *map = mmap(NULL, shown->bytes, PROT_READ, MAP_SHARED, shown->fd, 0);

    REQUIRE(map != MAP_FAILED);
    CHECK(mprotect(map, shown->bytes, PROT_READ | PROT_WRITE) != 0);
    CHECK(mprotect(map, shown->bytes, PROT_WRITE) != 0);
    CHECK(mremap(map, shown->bytes, 2 * shown->bytes, 0) == MAP_FAILED ||
          mprotect(map, shown->bytes, PROT_WRITE) != 0);
    CHECK(madvise(map, shown->bytes, MADV_REMOVE) != 0);
    CHECK(munmap(map, shown->bytes) == 0);
}

static void cannot_write(const struct shown *shown, int fd)
{
    char byte = 1;
    struct iovec part = {&byte, 1};
    off_t offset = 0;
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    CHECK(pwrite(fd, &byte, 1, 0) < 0);
    CHECK(pwrite(fd, &byte, 1, (off_t)shown->bytes) < 0);
    CHECK(pwritev(fd, &part, 1, 128) < 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, &byte, 1) < 0);
    REQUIRE(zero >= 0);
    CHECK(sendfile(fd, zero, &offset, 16) <= 0);
    CHECK(copy_file_range(fd, NULL, fd, NULL, 16, 0) <= 0);
    (void)close(zero);
}

static void cannot_resize(const struct shown *shown, int fd)
{
    static const int modes[] = {0,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_ZERO_RANGE,
                                FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_COLLAPSE_RANGE,
                                FALLOC_FL_INSERT_RANGE};
    const off_t bytes = (off_t)shown->bytes;

    CHECK(ftruncate(fd, 0) != 0);
    CHECK(ftruncate(fd, bytes / 2) != 0);
    CHECK(ftruncate(fd, bytes * 2) != 0);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        CHECK(fallocate(fd, modes[i], 0, bytes * 2) != 0);
        /* Mode 0 within the file asks for what is there already. */
        CHECK(modes[i] == 0 || fallocate(fd, modes[i], 0, bytes) != 0);
    }
}

static void cannot_seal(int fd)
{
    static const int seals[] = {F_SEAL_WRITE, F_SEAL_SEAL, F_SEAL_SHRINK, 0};

    for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++) {
        CHECK(fcntl(fd, F_ADD_SEALS, seals[i]) != 0);
    }
    CHECK((fcntl(fd, F_GET_SEALS) & hostile_seals()) == hostile_seals());
}

/* Whatever a new description allows, it must not be a way in. */
static void cannot_by_reopening(const struct shown *shown)
{
    static const int flags[] = {O_RDWR, O_WRONLY, O_RDWR | O_TRUNC,
                                O_RDONLY | O_TRUNC, O_RDWR | O_APPEND};
    char path[40];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", shown->fd);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        int fd = open(path, flags[i] | O_CLOEXEC);

        if (fd >= 0) {
            cannot_map_writable(shown, fd);
            cannot_write(shown, fd);
            cannot_resize(shown, fd);
            cannot_seal(fd);
            (void)close(fd);
        }
    }
    CHECK(truncate(path, 0) != 0);
}

static void is_unharmed(const struct shown *shown)
{
    struct stat info;

    CHECK(fstat(shown->fd, &info) == 0 &&
          (size_t)info.st_size == shown->bytes &&
          (size_t)info.st_blocks * 512 >= shown->bytes);
}

static void cannot_spoil(const struct shown *shown)
{
    cannot_map_writable(shown, shown->fd);
    cannot_change_view(shown);
    cannot_write(shown, shown->fd);
    cannot_resize(shown, shown->fd);
    cannot_seal(shown->fd);
    cannot_by_reopening(shown);
    is_unharmed(shown);
}

/* --------------------------------------------------------------- cases --- */

/* Greets like attacker_meet, but keeps the victim's handles. */
static weft_channel *meet(struct attacker *attacker, weftos_received *answer)
{
    struct wefti_settings settings;
    unsigned char none;
    weft_channel *victim;
    size_t bytes;

    memset(attacker, 0, sizeof(*attacker));
    attacker->answer.process = WEFT_HANDLE_NONE;
    attacker->answer.bell.handle = WEFT_HANDLE_NONE;
    REQUIRE(weft_channel_pair(NULL, &victim, &attacker->socket, NULL) ==
            WEFT_OK);
    REQUIRE(wefti_settings_init(&settings, NULL, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_init(&attacker->offer, NULL) == WEFT_OK);
    REQUIRE(wefti_offer_send(&attacker->offer, attacker->socket, WEFTI_HELLO,
                             &settings, NULL) == WEFT_OK);
    REQUIRE(weft_channel_try_recv(victim, &none, 1, &bytes) == WEFT_EAGAIN);
    REQUIRE(weftos_socket_recv(attacker->socket, answer, NULL) == WEFT_OK);
    REQUIRE(answer->handle_count == WEFTI_GREETING_HANDLES);
    return victim;
}

static void home_is_owned(const void *argument)
{
    struct attacker attacker;
    weftos_received answer;
    weft_channel *victim = meet(&attacker, &answer);
    struct shown home = {(int)answer.handles[WEFTI_GREETING_HOME], 4096};

    (void)argument;
    cannot_spoil(&home);
    CHECK_STATUS(weft_channel_try_send(victim, "x", 1), WEFT_OK);
    attacker_forge(&attacker, forged_word(20, WEFTI_DATA, 3, 0), "abcd", 4);
    CHECK_STATUS(victim_receive(victim), WEFT_OK);
    wefti_received_drop(&answer);
    attacker_part(&attacker, &victim);
}

static void segment_is_owned(const void *argument)
{
    static const unsigned char data[5000];
    struct attacker attacker;
    weftos_received answer;
    weft_channel *victim = meet(&attacker, &answer);
    weft_channel_stats stats;
    struct shown segment;

    (void)argument;
    wefti_received_drop(&answer);
    stats.size = sizeof(stats);
    CHECK_STATUS(weft_channel_try_send(victim, data, sizeof(data)), WEFT_OK);
    CHECK_STATUS(weft_channel_get_stats(victim, &stats), WEFT_OK);
    REQUIRE(weftos_socket_recv(attacker.socket, &answer, NULL) == WEFT_OK);
    REQUIRE(answer.handle_count == 1);
    segment.fd = (int)answer.handles[0];
    segment.bytes = (size_t)stats.sent.ring_bytes;
    cannot_spoil(&segment);
    CHECK_STATUS(weft_channel_try_send(victim, data, sizeof(data)), WEFT_OK);
    wefti_received_drop(&answer);
    attacker_part(&attacker, &victim);
}

/* The bell is the one thing that a peer may write to, and it holds nothing. */
static void bell_is_write_only(const void *argument)
{
    struct attacker attacker;
    weftos_received answer;
    weft_channel *victim = meet(&attacker, &answer);
    int bell = (int)answer.handles[WEFTI_GREETING_BELL];
    char byte;

    (void)argument;
    CHECK((fcntl(bell, F_GETFL) & O_ACCMODE) == O_WRONLY);
    CHECK(read(bell, &byte, 1) < 0 && errno == EBADF);
    wefti_received_drop(&answer);
    attacker_part(&attacker, &victim);
}

void test_main(void)
{
    hostile_case("nobody can write to our home, or change its size",
                 home_is_owned, NULL);
    hostile_case("nobody can write to our ring, or change its size",
                 segment_is_owned, NULL);
    hostile_case("our doorbell can only be rung", bell_is_write_only, NULL);
}
