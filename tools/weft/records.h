/* SPDX-License-Identifier: MIT
 *
 * records.h - standard input cut into records: by a delimiter, or by size.
 *
 * Waiting for input is the caller's affair, between the two calls:
 *
 *     while (...) {
 *         if (records_next(&input, &data, &bytes)) {
 *             ... use the record
 *         } else if (input.at_end) {
 *             break;
 *         } else {
 *             ... sys_wait_input(...), then records_read(&input, ...)
 *         }
 *     }
 */
#ifndef WEFT_RECORDS_H
#define WEFT_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

/* In place of a delimiter: records are `block` bytes long. */
#define RECORDS_OF_BLOCK (-1)

/* The caller sets the first three, and leaves the rest zero. */
typedef struct records {
    int delimiter; /* a byte, 0 to 255, or RECORDS_OF_BLOCK */
    bool keep;     /* the delimiter is part of its record */
    size_t block;  /* how much to read at a time, at least */
    bool at_end;   /* there is no more to read */
    char *buffer;
    size_t room;  /* the size of the buffer */
    size_t begin; /* what is in the buffer and was not given out */
    size_t end;
    size_t seen; /* so much of that holds no delimiter */
} records;

/*
 * The next whole record of what was read; at the end of the input also what is
 * left of it. It is valid until the next records_read. False: there is none.
 */
bool records_next(records *input, const char **data, size_t *bytes);

/* Reads once from standard input. Returns NULL, or why not, as in `text`. */
const char *records_read(records *input, char *text, size_t room);

void records_free(records *input);

#endif
