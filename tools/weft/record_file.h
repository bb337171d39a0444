/* SPDX-License-Identifier: MIT
 *
 * record_file.h - the format of recordings: docs/record-format.md says what is
 * in a file, and why. This is bytes alone: where they come from and go to is
 * the caller's affair.
 *
 * Writing: record_put_header once, then for each frame record_put_frame, its
 * data and record_padding zero bytes, at frame->position.
 *
 * Reading: record_open, then record_next until the end. What a frame says is
 * given out only if its checksums hold; what is damaged is told with its place
 * and passed over.
 */
#ifndef WEFT_RECORD_FILE_H
#define WEFT_RECORD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest name of a topic that is kept. */
#define RECORD_TOPIC_MAX 4000

#define RECORD_HEADER_MAX 4096
#define RECORD_FRAME_BYTES 64

/* The longest data of a frame: WEFT_MESSAGE_MAX. */
#define RECORD_DATA_MAX ((size_t)1 << 30)

typedef struct record_header {
    uint64_t base_unix_ns; /* time 0 of the frames, since 1970, UTC */
    char topic[RECORD_TOPIC_MAX + 1];
} record_header;

typedef enum record_kind {
    RECORD_MESSAGE = 1,
    RECORD_STOP = 2 /* the end of a recording; `lost`: after its last message */
} record_kind;

typedef struct record_frame {
    record_kind kind;
    uint64_t position;  /* of the frame in the file, in bytes */
    uint64_t time_ns;   /* since base_unix_ns */
    uint64_t publisher; /* tells them apart; 0: not known */
    uint64_t sequence;  /* the message's number */
    uint64_t lost;      /* messages lost before this one */
    const void *data;
    size_t bytes;
} record_frame;

/* -------------------------------------------------------------- writing --- */

/* How long the header is; 0: the name of the topic is too long. */
size_t record_put_header(const record_header *header,
                         unsigned char bytes[RECORD_HEADER_MAX]);

void record_put_frame(const record_frame *frame,
                      unsigned char bytes[RECORD_FRAME_BYTES]);

/* The zero bytes behind so many bytes of data. */
static inline size_t record_padding(size_t bytes)
{
    return (8 - bytes % 8) % 8;
}

/* A frame in the file, with all that belongs to it. */
static inline uint64_t record_frame_size(size_t bytes)
{
    return RECORD_FRAME_BYTES + (uint64_t)bytes + record_padding(bytes);
}

/* -------------------------------------------------------------- reading --- */

/*
 * Reads at an offset; `*bytes` is less than `room` only at the end of the file.
 * 0, or a code that record_reader.code then has.
 */
typedef int record_source(void *context, uint64_t offset, void *buffer,
                          size_t room, size_t *bytes);

typedef struct record_reader {
    record_source *source;
    void *context;
    record_header header;
    uint64_t position; /* of the next frame */
    unsigned char *data;
    size_t room;
    unsigned char *window; /* where a whole frame is looked for */
    int code;
} record_reader;

typedef enum record_result {
    RECORD_FRAME,     /* one that is whole */
    RECORD_DAMAGED,   /* the damage tells where; go on */
    RECORD_TORN,      /* the end: no whole frame follows `damage.offset` */
    RECORD_END,       /* the end: the last frame was whole */
    RECORD_FAILED,    /* the source: reader.code */
    RECORD_NO_MEMORY, /* for the data of a frame */
    RECORD_ALIEN,     /* open: this is no recording */
    RECORD_VERSION    /* open: it is of a version that is not known here */
} record_result;

/* Bytes that can't be trusted. */
typedef struct record_damage {
    uint64_t offset;
    uint64_t bytes;
} record_damage;

/*
 * Reads the header. RECORD_FRAME: it is whole. RECORD_DAMAGED: it is not, and
 * `reader->header` is empty; frames may be read all the same. RECORD_TORN: the
 * file ends in it. The reader is to be closed after all of them.
 */
record_result record_open(record_reader *reader, record_source *source,
                          void *context, record_damage *damage);

/* The next frame; its data is valid until the next call. */
record_result record_next(record_reader *reader, record_frame *frame,
                          record_damage *damage);

void record_close(record_reader *reader);

#endif
