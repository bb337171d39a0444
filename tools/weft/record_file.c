/* SPDX-License-Identifier: MIT
 *
 * Checksums, little-endian numbers, and the search for the next whole frame.
 *
 * A frame's header has a checksum of its own. If that holds, its length can be
 * trusted, so a frame whose data is damaged is passed over in one step. If it
 * does not, the next header is searched for, at each multiple of 8. A header
 * says where in the file it lies: one that is part of a message, such as of a
 * recording that was published, says something else, and is no frame.
 */
#include <stdlib.h>
#include <string.h>

#include "record_file.h"

#define VERSION 1u
#define FIXED_BYTES 32u /* of the header of the file, before the topic */
#define SYNC UINT32_C(0x6d526657)
#define WINDOW_BYTES ((size_t)64 * 1024)
#define ROOM_BYTES ((size_t)64 * 1024)

/* A byte above 127, both kinds of newline and an end of text: what programs
 * that take it for text change shows here already. */
static const unsigned char magic[8] = {0x89, 'W',  'R',  'E',
                                       '\r', '\n', 0x1a, '\n'};

/* -------------------------------------------------------------- numbers --- */

static void put(unsigned char *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

static uint64_t get(const unsigned char *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

static uint32_t get32(const unsigned char *at)
{
    return (uint32_t)get(at, 4);
}

/* ------------------------------------------------------------- checksum --- */

/*
 * CRC-32C (Castagnoli), reflected, as iSCSI and ext4 have it. `tables[0]` is
 * the usual table; the others move its entries on by 1 to 7 bytes, so that 8
 * bytes are done at a time.
 */
#define POLYNOMIAL UINT32_C(0x82f63b78)

static uint32_t tables[8][256];

static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t sum = i;

        for (int bit = 0; bit < 8; bit++) {
            sum = sum >> 1 ^ (sum & 1 ? POLYNOMIAL : 0);
        }
        tables[0][i] = sum;
    }
    for (size_t i = 0; i < 256; i++) {
        for (size_t k = 1; k < 8; k++) {
            uint32_t before = tables[k - 1][i];

            tables[k][i] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
}

/* Goes on with a sum; the first one is 0. */
static uint32_t checksum(uint32_t sum, const void *data, size_t bytes)
{
    const unsigned char *at = data;

    if (tables[0][1] == 0) {
        make_tables();
    }
    sum = ~sum;
    for (; bytes >= 8; bytes -= 8, at += 8) {
        uint32_t low = sum ^ get32(at);

        sum = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^
              tables[5][low >> 16 & 0xff] ^ tables[4][low >> 24] ^
              tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]] ^
              tables[0][at[7]];
    }
    for (; bytes > 0; bytes--, at++) {
        sum = sum >> 8 ^ tables[0][(sum ^ *at) & 0xff];
    }
    return ~sum;
}

/* Of data and the padding behind it. */
static uint32_t data_checksum(const void *data, size_t bytes)
{
    static const unsigned char zeros[8] = {0};

    return checksum(bytes > 0 ? checksum(0, data, bytes) : 0, zeros,
                    record_padding(bytes));
}

/* -------------------------------------------------------------- writing --- */

/* The header's checksum is that of the header with 0 in its place. */
size_t record_put_header(const record_header *header,
                         unsigned char bytes[RECORD_HEADER_MAX])
{
    size_t length = strlen(header->topic);
    size_t total = FIXED_BYTES + length + record_padding(length);

    if (length > RECORD_TOPIC_MAX) {
        return 0;
    }
    memset(bytes, 0, total);
    memcpy(bytes, magic, sizeof(magic));
    put(bytes + 8, VERSION, 4);
    put(bytes + 12, total, 4);
    put(bytes + 16, header->base_unix_ns, 8);
    put(bytes + 24, length, 4);
    memcpy(bytes + FIXED_BYTES, header->topic, length);
    put(bytes + 28, checksum(0, bytes, total), 4);
    return total;
}

void record_put_frame(const record_frame *frame,
                      unsigned char bytes[RECORD_FRAME_BYTES])
{
    put(bytes, SYNC, 4);
    put(bytes + 4, frame->kind, 4);
    put(bytes + 8, frame->bytes, 4);
    put(bytes + 12, data_checksum(frame->data, frame->bytes), 4);
    put(bytes + 16, frame->position, 8);
    put(bytes + 24, frame->time_ns, 8);
    put(bytes + 32, frame->publisher, 8);
    put(bytes + 40, frame->sequence, 8);
    put(bytes + 48, frame->lost, 8);
    put(bytes + 56, 0, 4);
    put(bytes + 60, checksum(0, bytes, 60), 4);
}

/* -------------------------------------------------------------- reading --- */

/* Reads at the reader's own offset; false: the source has failed. */
static bool read_at(record_reader *reader, uint64_t offset, void *buffer,
                    size_t room, size_t *bytes)
{
    *bytes = 0;
    reader->code = reader->source(reader->context, offset, buffer, room, bytes);
    return reader->code == 0;
}

/* Is what `bytes` has a whole header? Fills in the reader's. */
static bool take_header(record_reader *reader,
                        unsigned char bytes[RECORD_HEADER_MAX], size_t total)
{
    uint32_t sum = get32(bytes + 28);
    size_t length = get32(bytes + 24);

    if (length > RECORD_TOPIC_MAX ||
        total != FIXED_BYTES + length + record_padding(length)) {
        return false;
    }
    memset(bytes + 28, 0, 4);
    if (checksum(0, bytes, total) != sum ||
        memchr(bytes + FIXED_BYTES, '\0', length) != NULL) {
        return false;
    }
    reader->header.base_unix_ns = get(bytes + 16, 8);
    memcpy(reader->header.topic, bytes + FIXED_BYTES, length);
    reader->header.topic[length] = '\0';
    reader->position = total;
    return true;
}

record_result record_open(record_reader *reader, record_source *source,
                          void *context, record_damage *damage)
{
    unsigned char bytes[RECORD_HEADER_MAX];
    size_t got;
    size_t total;

    *reader = (record_reader){.source = source, .context = context};
    if (!read_at(reader, 0, bytes, sizeof(bytes), &got)) {
        return RECORD_FAILED;
    }
    if (memcmp(bytes, magic, got < sizeof(magic) ? got : sizeof(magic)) != 0) {
        return RECORD_ALIEN;
    }
    *damage = (record_damage){.offset = 0, .bytes = got};
    if (got < FIXED_BYTES) {
        return RECORD_TORN;
    }
    if (get32(bytes + 8) != VERSION) {
        return RECORD_VERSION;
    }
    total = get32(bytes + 12);
    if (total >= FIXED_BYTES && total <= got &&
        take_header(reader, bytes, total)) {
        return RECORD_FRAME;
    }
    if (total > got && total <= RECORD_HEADER_MAX) {
        return RECORD_TORN;
    }
    reader->position = sizeof(magic);
    damage->bytes = sizeof(magic);
    return RECORD_DAMAGED;
}

/* Is this the header of a frame that lies at `position`? */
static bool is_frame(const unsigned char *bytes, uint64_t position)
{
    uint32_t kind = get32(bytes + 4);

    return get32(bytes) == SYNC &&
           (kind == RECORD_MESSAGE || kind == RECORD_STOP) &&
           get32(bytes + 8) <= RECORD_DATA_MAX &&
           get(bytes + 16, 8) == position &&
           checksum(0, bytes, 60) == get32(bytes + 60);
}

/*
 * Looks for the next header from `*offset` on. RECORD_TORN: there is none, and
 * `*offset` is the end of the file.
 */
static record_result search(record_reader *reader, uint64_t *offset)
{
    if (reader->window == NULL) {
        reader->window = malloc(WINDOW_BYTES);
    }
    if (reader->window == NULL) {
        return RECORD_NO_MEMORY;
    }
    for (;;) {
        size_t got;
        size_t at = 0;

        if (!read_at(reader, *offset, reader->window, WINDOW_BYTES, &got)) {
            return RECORD_FAILED;
        }
        for (; at + RECORD_FRAME_BYTES <= got; at += 8) {
            if (is_frame(reader->window + at, *offset + at)) {
                *offset += at;
                return RECORD_FRAME;
            }
        }
        if (got < WINDOW_BYTES) {
            *offset += got;
            return RECORD_TORN;
        }
        *offset += at;
    }
}

/* There is no frame where one should be: finds the next one. */
static record_result pass_over(record_reader *reader, record_damage *damage)
{
    uint64_t offset = reader->position + 8;
    record_result result = search(reader, &offset);

    *damage = (record_damage){reader->position, offset - reader->position};
    if (result == RECORD_FRAME) {
        reader->position = offset;
        return RECORD_DAMAGED;
    }
    return result;
}

/*
 * Reads data into room that grows as data comes: what the length says may be
 * far more than there is.
 */
static record_result read_data(record_reader *reader, size_t wanted,
                               size_t *bytes)
{
    uint64_t offset = reader->position + RECORD_FRAME_BYTES;

    *bytes = 0;
    while (*bytes < wanted) {
        size_t got;

        if (*bytes == reader->room) {
            size_t room = reader->room == 0 ? ROOM_BYTES : 2 * reader->room;
            unsigned char *larger = realloc(reader->data, room);

            if (larger == NULL) {
                return RECORD_NO_MEMORY;
            }
            reader->data = larger;
            reader->room = room;
        }
        got = reader->room < wanted ? reader->room : wanted;
        if (!read_at(reader, offset + *bytes, reader->data + *bytes,
                     got - *bytes, &got)) {
            return RECORD_FAILED;
        }
        if (got == 0) {
            return RECORD_TORN;
        }
        *bytes += got;
    }
    return RECORD_FRAME;
}

record_result record_next(record_reader *reader, record_frame *frame,
                          record_damage *damage)
{
    unsigned char bytes[RECORD_FRAME_BYTES];
    size_t length;
    size_t got;
    record_result result;

    if (!read_at(reader, reader->position, bytes, sizeof(bytes), &got)) {
        return RECORD_FAILED;
    }
    if (got == 0) {
        return RECORD_END;
    }
    if (got < sizeof(bytes)) {
        *damage = (record_damage){reader->position, got};
        return RECORD_TORN;
    }
    if (!is_frame(bytes, reader->position)) {
        return pass_over(reader, damage);
    }
    length = get32(bytes + 8);
    result = read_data(reader, length + record_padding(length), &got);
    *damage = (record_damage){reader->position, RECORD_FRAME_BYTES + got};
    if (result != RECORD_FRAME) {
        return result;
    }
    *frame = (record_frame){.kind = (record_kind)get32(bytes + 4),
                            .position = reader->position,
                            .time_ns = get(bytes + 24, 8),
                            .publisher = get(bytes + 32, 8),
                            .sequence = get(bytes + 40, 8),
                            .lost = get(bytes + 48, 8),
                            .data = reader->data,
                            .bytes = length};
    reader->position += damage->bytes;
    /* The padding lies behind the data, and counts. */
    return (got > 0 ? checksum(0, reader->data, got) : 0) == get32(bytes + 12)
               ? RECORD_FRAME
               : RECORD_DAMAGED;
}

void record_close(record_reader *reader)
{
    free(reader->data);
    free(reader->window);
    reader->data = NULL;
    reader->window = NULL;
}
