/* SPDX-License-Identifier: MIT
 *
 * The framing of requests and answers.
 */
#include <stdlib.h>
#include <string.h>

#include "filter.h"

/* Answers are read in pieces of this size at least. */
#define PIECE_BYTES ((size_t)16 * 1024)

int filter_start(filter *me, char **arguments, char delimiter)
{
    me->delimiter = delimiter;
    me->request = NULL;
    me->got = 0;
    return sys_program_start(arguments, &me->program);
}

void filter_ask(filter *me, const char *request, size_t bytes)
{
    me->request = request;
    me->bytes = bytes;
    me->written = 0;
    me->got = 0;
}

/* False: it does not read any more. */
static bool write_request(filter *me)
{
    size_t written = 1;

    while (me->request != NULL && me->written < me->bytes && written > 0) {
        if (sys_program_write(&me->program, me->request + me->written,
                              me->bytes - me->written, &written) != 0) {
            return false;
        }
        me->written += written;
    }
    return true;
}

static bool make_room(filter *me)
{
    size_t wanted = me->room == 0 ? 2 * PIECE_BYTES : 2 * me->room;
    char *larger;

    if (me->room - me->got >= PIECE_BYTES) {
        return true;
    }
    larger = me->got > FILTER_ANSWER_MAX ? NULL : realloc(me->answer, wanted);
    if (larger == NULL) {
        return false;
    }
    me->answer = larger;
    me->room = wanted;
    return true;
}

/* Reads once. FILTER_WAITS: go on with what there is, perhaps nothing. */
static filter_event read_answer(filter *me, size_t *bytes)
{
    bool at_end = false;

    *bytes = 0;
    if (!make_room(me)) {
        return FILTER_TOO_LONG;
    }
    if (sys_program_read(&me->program, me->answer + me->got, me->room - me->got,
                         bytes, &at_end) != 0 ||
        at_end) {
        return FILTER_ENDED;
    }
    return *bytes > 0 && me->request == NULL ? FILTER_STRAYED : FILTER_WAITS;
}

/* Looks for the delimiter in the last `bytes` bytes. */
static filter_event look_at(filter *me, size_t bytes)
{
    char *fresh = me->answer + me->got;
    const char *end = memchr(fresh, me->delimiter, bytes);

    me->got += bytes;
    if (end == NULL) {
        return FILTER_WAITS;
    }
    if (end + 1 != fresh + bytes || me->written < me->bytes) {
        return FILTER_STRAYED;
    }
    me->got--;
    me->request = NULL;
    return me->got > FILTER_ANSWER_MAX ? FILTER_TOO_LONG : FILTER_ANSWERED;
}

/* It may end after its last answer: so what it wrote is read first. */
filter_event filter_step(filter *me)
{
    bool reads = write_request(me);
    filter_event event = FILTER_WAITS;
    size_t bytes = 1;

    while (event == FILTER_WAITS && bytes > 0) {
        event = read_answer(me, &bytes);
        if (event == FILTER_WAITS && bytes > 0) {
            event = look_at(me, bytes);
        }
    }
    return event == FILTER_WAITS && !reads ? FILTER_ENDED : event;
}

sys_watch filter_watch(const filter *me)
{
    return (sys_watch){.program = &me->program,
                       .to_write =
                           me->request != NULL && me->written < me->bytes};
}

void filter_end(filter *me, uint64_t deadline_ns, char *text, size_t room)
{
    sys_program_end(&me->program, deadline_ns, text, room);
    me->request = NULL;
}

void filter_free(filter *me)
{
    free(me->answer);
    me->answer = NULL;
}
