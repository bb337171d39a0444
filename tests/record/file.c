/* SPDX-License-Identifier: MIT
 *
 * The format of recordings: what is written is read; a file that is cut at any
 * byte has the messages before the cut, and one in which any bit is flipped
 * has all but one: none is ever given out that was not written.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "record_file.h"

#define FILE_MAX 65536u
#define FRAMES_MAX 16u

/* A file in memory. */
struct file {
    unsigned char bytes[FILE_MAX];
    size_t length;
    int code; /* what its reads fail with */
};

/* What was written into it. */
struct script {
    struct file file;
    size_t header_bytes;
    size_t count;
    record_frame frames[FRAMES_MAX];
};

static int read_memory(void *context, uint64_t offset, void *buffer,
                       size_t room, size_t *bytes)
{
    const struct file *file = context;
    size_t left = offset < file->length ? file->length - (size_t)offset : 0;

    *bytes = left < room ? left : room;
    if (*bytes > 0) {
        memcpy(buffer, file->bytes + offset, *bytes);
    }
    return file->code;
}

static void begin(struct script *script, const char *topic)
{
    record_header header = {.base_unix_ns = UINT64_C(0x1122334455667788)};

    memset(script, 0, sizeof(*script));
    memcpy(header.topic, topic, strlen(topic) + 1);
    script->header_bytes = record_put_header(&header, script->file.bytes);
    REQUIRE(script->header_bytes > 0 && script->header_bytes % 8 == 0);
    script->file.length = script->header_bytes;
}

static void add(struct script *script, record_kind kind, const void *data,
                size_t bytes)
{
    record_frame *frame = &script->frames[script->count];

    REQUIRE(script->count < FRAMES_MAX);
    *frame = (record_frame){.kind = kind,
                            .position = script->file.length,
                            .time_ns = script->count * UINT64_C(5000000000),
                            .publisher = script->count,
                            .sequence = UINT64_MAX - script->count,
                            .lost = script->count * 3,
                            .data = data,
                            .bytes = bytes};
    REQUIRE(script->file.length + record_frame_size(bytes) <= FILE_MAX);
    record_put_frame(frame, script->file.bytes + script->file.length);
    if (bytes > 0) {
        memcpy(script->file.bytes + script->file.length + RECORD_FRAME_BYTES,
               data, bytes);
    }
    script->file.length += (size_t)record_frame_size(bytes);
    script->count++;
}

/* Messages of all lengths around 8, and one that is a recording itself. */
static void make(struct script *script, struct script *inner)
{
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    begin(inner, "inner");
    add(inner, RECORD_MESSAGE, text, 5);
    add(inner, RECORD_MESSAGE, text, 36);
    begin(script, "topic");
    for (size_t i = 6; i <= 9; i++) {
        add(script, RECORD_MESSAGE, text, i);
    }
    add(script, RECORD_MESSAGE, inner->file.bytes, inner->file.length);
    add(script, RECORD_MESSAGE, text, 0);
    add(script, RECORD_MESSAGE, text, 36);
    add(script, RECORD_STOP, NULL, 0);
}

/* The frame of the script that this is; `count`: none. */
static size_t which(const struct script *script, const record_frame *frame)
{
    for (size_t i = 0; i < script->count; i++) {
        const record_frame *wrote = &script->frames[i];

        if (frame->position == wrote->position && frame->kind == wrote->kind &&
            frame->time_ns == wrote->time_ns &&
            frame->publisher == wrote->publisher &&
            frame->sequence == wrote->sequence && frame->lost == wrote->lost &&
            frame->bytes == wrote->bytes &&
            (frame->bytes == 0 ||
             memcmp(frame->data, wrote->data, frame->bytes) == 0)) {
            return i;
        }
    }
    return script->count;
}

/* What reading a file to its end gave. */
struct outcome {
    record_result opened;
    record_result ended;
    size_t frames;
    size_t damages;
    size_t wrong; /* frames that were never written, or in another order */
    uint64_t torn_at;
    uint64_t position;
};

static struct outcome read_all(const struct script *script, struct file *file)
{
    struct outcome outcome = {.frames = 0};
    record_reader reader;
    record_damage damage = {0, 0};
    record_frame frame;
    size_t next = 0;

    outcome.opened = record_open(&reader, read_memory, file, &damage);
    outcome.torn_at = damage.offset;
    outcome.ended = outcome.opened;
    if (outcome.opened == RECORD_FRAME || outcome.opened == RECORD_DAMAGED) {
        outcome.damages += outcome.opened == RECORD_DAMAGED ? 1 : 0;
        while ((outcome.ended = record_next(&reader, &frame, &damage)) ==
                   RECORD_FRAME ||
               outcome.ended == RECORD_DAMAGED) {
            size_t found;

            if (outcome.ended == RECORD_DAMAGED) {
                outcome.damages++;
                continue;
            }
            found = which(script, &frame);
            outcome.wrong += found == script->count || found < next ? 1 : 0;
            next = found + 1;
            outcome.frames++;
        }
        outcome.torn_at = damage.offset;
    }
    outcome.position = reader.position;
    record_close(&reader);
    return outcome;
}

/* -------------------------------------------------------------- the cases ---
 */

static void check_whole(struct script *script)
{
    struct outcome outcome = read_all(script, &script->file);
    record_reader reader;
    record_damage damage;

    check_case("what was written is read");
    CHECK(outcome.opened == RECORD_FRAME);
    CHECK(outcome.ended == RECORD_END);
    CHECK(outcome.frames == script->count);
    CHECK(outcome.wrong == 0 && outcome.damages == 0);
    CHECK(outcome.position == script->file.length);
    CHECK(record_open(&reader, read_memory, &script->file, &damage) ==
          RECORD_FRAME);
    CHECK(strcmp(reader.header.topic, "topic") == 0);
    CHECK(reader.header.base_unix_ns == UINT64_C(0x1122334455667788));
    record_close(&reader);
}

/* A frame is what docs/record-format.md says, byte for byte. */
static void check_bytes(void)
{
    static const unsigned char expected[RECORD_FRAME_BYTES] = {
        'W', 'f', 'R', 'm', 1, 0, 0, 0,
        /* length; CRC-32C of "123456789" and 7 zero bytes */
        9, 0, 0, 0, 0x68, 0x5c, 0xbb, 0x2d,
        /* position, time, publisher */
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 2, 0, 0, 0, 0, 0, 0, 0,
        3, 0, 0, 0, 0, 0, 0, 0,
        /* sequence, lost */
        4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    record_frame frame = {.kind = RECORD_MESSAGE,
                          .position = UINT64_C(0x0102030405060708),
                          .time_ns = 2,
                          .publisher = 3,
                          .sequence = 4,
                          .lost = 5,
                          .data = "123456789",
                          .bytes = 9};
    unsigned char bytes[RECORD_FRAME_BYTES];
    uint32_t sum = UINT32_MAX;

    check_case("the bytes of a frame are those of the manual");
    record_put_frame(&frame, bytes);
    CHECK(memcmp(bytes, expected, 60) == 0);
    for (size_t i = 0; i < (size_t)60 * 8; i++) {
        sum ^= i % 8 == 0 ? bytes[i / 8] : 0;
        sum = sum >> 1 ^ (sum & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK(bytes[60 + i] == (unsigned char)(~sum >> (8 * i)));
    }
}

static void check_cuts(const struct script *script)
{
    static struct file cut;

    check_case("a file that is cut has the messages before the cut");
    for (size_t length = 0; length < script->file.length; length++) {
        struct outcome outcome;
        size_t whole = 0;
        size_t end = script->header_bytes;

        cut = script->file;
        cut.length = length;
        while (whole < script->count &&
               end + record_frame_size(script->frames[whole].bytes) <= length) {
            end += (size_t)record_frame_size(script->frames[whole++].bytes);
        }
        outcome = read_all(script, &cut);
        if (!CHECK(outcome.frames == whole && outcome.wrong == 0) ||
            !CHECK(outcome.damages == 0) ||
            !CHECK(outcome.ended ==
                   (length == end ? RECORD_END : RECORD_TORN))) {
            return;
        }
        /* Here a recorder goes on. */
        if (outcome.ended == RECORD_TORN &&
            !CHECK(outcome.torn_at ==
                   (length < script->header_bytes ? 0 : end))) {
            return;
        }
    }
}

static void check_flips(const struct script *script)
{
    static struct file flipped;

    check_case("a flipped bit costs one message, and is told");
    for (size_t bit = 0; bit < script->file.length * 8; bit++) {
        struct outcome outcome;

        flipped = script->file;
        flipped.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        outcome = read_all(script, &flipped);
        if (!CHECK(outcome.wrong == 0)) {
            return;
        }
        if (bit / 8 < 12) { /* magic and version: nothing is believed */
            if (!CHECK(outcome.opened == RECORD_ALIEN ||
                       outcome.opened == RECORD_VERSION)) {
                return;
            }
        } else if (bit / 8 < script->header_bytes) {
            if (!CHECK(outcome.opened == RECORD_DAMAGED ||
                       outcome.opened == RECORD_TORN)) {
                return;
            }
        } else if (!CHECK(outcome.frames == script->count - 1) ||
                   !CHECK(outcome.damages > 0 ||
                          outcome.ended == RECORD_TORN)) {
            return;
        }
    }
}

static void check_missing(const struct script *script)
{
    static struct file shorter;

    check_case("bytes that are missing or too many are no messages");
    for (size_t at = script->header_bytes; at + 8 < script->file.length;
         at += 7) {
        struct outcome outcome;

        shorter = script->file;
        memmove(shorter.bytes + at, shorter.bytes + at + 8,
                shorter.length - at);
        shorter.length -= 8;
        outcome = read_all(script, &shorter);
        if (!CHECK(outcome.wrong == 0 && outcome.ended == RECORD_TORN)) {
            return;
        }
    }
}

static void check_inner(const struct script *script)
{
    static struct file hurt;
    struct outcome outcome;

    check_case("a recording in a message is no part of its recording");
    hurt = script->file;
    memset(hurt.bytes + script->frames[4].position, 0, RECORD_FRAME_BYTES);
    outcome = read_all(script, &hurt);
    CHECK(outcome.wrong == 0 && outcome.damages == 1);
    CHECK(outcome.frames == script->count - 1);
}

static void check_noise(const struct script *script)
{
    static struct file noise;
    uint32_t seed = 12345;

    check_case("noise behind a header has no messages");
    for (int round = 0; round < 20; round++) {
        struct outcome outcome;

        noise = script->file;
        noise.length = FILE_MAX;
        for (size_t i = script->header_bytes; i < FILE_MAX; i++) {
            seed = seed * 1664525 + 1013904223;
            noise.bytes[i] = (unsigned char)(seed >> 24);
        }
        outcome = read_all(script, &noise);
        CHECK(outcome.frames == 0 && outcome.ended == RECORD_TORN);
    }
}

static void check_limits(struct script *script)
{
    static record_header header;
    static unsigned char bytes[RECORD_HEADER_MAX];

    check_case("a topic may have its longest name, and no longer one");
    memset(header.topic, 't', RECORD_TOPIC_MAX);
    CHECK(record_put_header(&header, bytes) <= RECORD_HEADER_MAX);
    CHECK(record_put_header(&header, bytes) > RECORD_TOPIC_MAX);

    check_case("a source that fails is told");
    script->file.code = 5;
    CHECK(read_all(script, &script->file).opened == RECORD_FAILED);
    script->file.code = 0;
}

void test_main(void)
{
    static struct script script;
    static struct script inner;

    make(&script, &inner);
    check_whole(&script);
    check_bytes();
    check_cuts(&script);
    check_flips(&script);
    check_missing(&script);
    check_inner(&script);
    check_noise(&script);
    check_limits(&script);
}
