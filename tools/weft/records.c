/* SPDX-License-Identifier: MIT
 *
 * Records go through a buffer that grows to the longest of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records.h"
#include "sys.h"

/* Gives out what lies before `length`; `skipped` bytes behind it go, too. */
static void give_out(records *input, size_t length, size_t skipped,
                     const char **data, size_t *bytes)
{
    *data = input->buffer + input->begin;
    *bytes = length;
    input->begin += length + skipped;
    input->seen = 0;
}

bool records_next(records *input, const char **data, size_t *bytes)
{
    size_t used = input->end - input->begin;

    if (input->delimiter == RECORDS_OF_BLOCK && used >= input->block) {
        give_out(input, input->block, 0, data, bytes);
        return true;
    }
    if (input->delimiter != RECORDS_OF_BLOCK && used > input->seen) {
        const char *at = input->buffer + input->begin;
        const char *found =
            memchr(at + input->seen, input->delimiter, used - input->seen);

        if (found != NULL) {
            size_t length = (size_t)(found - at) + (input->keep ? 1 : 0);

            give_out(input, length, input->keep ? 0 : 1, data, bytes);
            return true;
        }
        input->seen = used;
    }
    if (input->at_end && used > 0) {
        give_out(input, used, 0, data, bytes);
        return true;
    }
    return false;
}

/* Makes room for a block behind what is in the buffer. */
static const char *make_room(records *input)
{
    size_t used = input->end - input->begin;
    size_t wanted = input->room;
    char *larger;

    if (used > WEFT_MESSAGE_MAX) {
        return "a record of the input is longer than 1 GiB";
    }
    if (input->begin > 0) {
        memmove(input->buffer, input->buffer + input->begin, used);
        input->begin = 0;
        input->end = used;
    }
    while (wanted < used + input->block) {
        wanted = wanted == 0 ? 2 * input->block : 2 * wanted;
    }
    if (wanted > input->room) {
        larger = realloc(input->buffer, wanted);
        if (larger == NULL) {
            return "out of memory for a record of the input";
        }
        input->buffer = larger;
        input->room = wanted;
    }
    return NULL;
}

const char *records_read(records *input, char *text, size_t room)
{
    const char *why = make_room(input);
    size_t bytes = 0;
    int code;

    if (why != NULL) {
        return why;
    }
    code =
        sys_read(input->buffer + input->end, input->room - input->end, &bytes);
    if (code != 0) {
        char cause[128];

        snprintf(text, room, "cannot read stdin: %s",
                 sys_error_text(code, cause, sizeof(cause)));
        return text;
    }
    input->end += bytes;
    input->at_end = bytes == 0;
    return NULL;
}

void records_free(records *input)
{
    free(input->buffer);
    input->buffer = NULL;
}
