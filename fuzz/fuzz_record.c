/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the reader of recordings: each frame that is given out must be the
 * bytes that lie in the file at its position, and the reader must get on.
 *
 * Bytes of the input: the first one says whether frames are mended; the rest is
 * the file. Checksums are beyond what a fuzzer guesses, so the headers of
 * frames that begin as they should are then given sound ones, and lengths that
 * fit.
 */
#include <stdlib.h>
#include <string.h>

#include "record_file.h"

#define SYNC UINT32_C(0x6d526657)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

static uint32_t word(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

static void mend(uint8_t *file, size_t size)
{
    for (size_t at = 0; at + RECORD_FRAME_BYTES <= size; at += 8) {
        size_t left = size - at - RECORD_FRAME_BYTES;
        record_frame frame = {.position = at};

        if (word(file + at) != SYNC) {
            continue;
        }
        frame.kind =
            word(file + at + 4) % 2 == 0 ? RECORD_STOP : RECORD_MESSAGE;
        frame.bytes = word(file + at + 8) % (left + 1);
        if (record_padding(frame.bytes) > left - frame.bytes) {
            frame.bytes = 0;
        }
        frame.lost = word(file + at + 48);
        frame.data = file + at + RECORD_FRAME_BYTES;
        memset(file + at + RECORD_FRAME_BYTES + frame.bytes, 0,
               record_padding(frame.bytes));
        record_put_frame(&frame, file + at);
    }
}

static int read_input(void *context, uint64_t offset, void *buffer, size_t room,
                      size_t *bytes)
{
    const struct input *input = context;
    size_t left = offset < input->size ? input->size - (size_t)offset : 0;

    *bytes = left < room ? left : room;
    if (*bytes > 0) {
        memcpy(buffer, input->data + offset, *bytes);
    }
    return 0;
}

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void check_frame(const struct input *input, const record_frame *frame)
{
    unsigned char head[RECORD_FRAME_BYTES];

    require(frame->position + record_frame_size(frame->bytes) <= input->size);
    record_put_frame(frame, head);
    /* Bytes 56 to 59 are not looked at by this version. */
    require(memcmp(head, input->data + frame->position, 56) == 0);
    require(frame->bytes == 0 ||
            memcmp(frame->data,
                   input->data + frame->position + RECORD_FRAME_BYTES,
                   frame->bytes) == 0);
}

static void read_all(const struct input *input)
{
    record_damage damage = {0, 0};
    record_reader reader;
    record_frame frame;
    uint64_t before = 0;
    record_result result =
        record_open(&reader, read_input, (void *)(uintptr_t)input, &damage);

    while (result == RECORD_FRAME || result == RECORD_DAMAGED) {
        require(reader.position > before);
        before = reader.position;
        result = record_next(&reader, &frame, &damage);
        if (result == RECORD_FRAME) {
            check_frame(input, &frame);
        }
        require(result != RECORD_ALIEN && result != RECORD_VERSION);
    }
    require(result != RECORD_FAILED && result != RECORD_NO_MEMORY);
    record_close(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {NULL, size > 0 ? size - 1 : 0};
    uint8_t *file;

    if (size == 0) {
        return 0;
    }
    /* Of just its size, for AddressSanitizer. */
    file = malloc(input.size);
    require(file != NULL || input.size == 0);
    if (input.size > 0) {
        memcpy(file, data + 1, input.size);
    }
    if (data[0] % 2 != 0) {
        mend(file, input.size);
    }
    input.data = file;
    read_all(&input);
    free(file);
    return 0;
}
