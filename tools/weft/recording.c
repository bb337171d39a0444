/* SPDX-License-Identifier: MIT
 *
 * Reading recordings.
 */
#include <inttypes.h>

#include "recording.h"
#include "sys.h"

int recording_failed(transfer *job, const char *action, const char *path,
                     int code)
{
    char text[128];

    if (code == SYS_BUSY) {
        return transfer_failed(job, "cannot %s '%s': another program writes it",
                               action, path);
    }
    return transfer_failed(job, "cannot %s '%s': %s", action, path,
                           sys_error_text(code, text, sizeof(text)));
}

static int read_file(void *context, uint64_t offset, void *buffer, size_t room,
                     size_t *bytes)
{
    const recording *me = context;

    return sys_file_read(me->file, offset, buffer, room, bytes);
}

static void tell_damage(recording *me, const record_damage *damage)
{
    me->damages++;
    me->damaged_bytes += damage->bytes;
    progress_end(&me->job->bar);
    tool_error("'%s' is damaged at byte %" PRIu64 ": %" PRIu64
               " bytes are passed over",
               me->path, damage->offset, damage->bytes);
}

/* Where the file ends in a frame, or in the header. */
static void tell_torn(recording *me, const record_damage *damage)
{
    me->torn_bytes = damage->bytes;
    if (damage->bytes == 0) {
        return;
    }
    progress_end(&me->job->bar);
    tool_error("'%s' breaks off: no whole message follows byte %" PRIu64
               ", where %" PRIu64 " bytes are left",
               me->path, damage->offset, damage->bytes);
}

int recording_open(recording *me)
{
    record_damage damage = {0, 0};

    switch (record_open(&me->reader, read_file, me, &damage)) {
    case RECORD_FRAME:
        me->end = me->reader.position;
        return TOOL_OK;
    case RECORD_DAMAGED:
        tell_damage(me, &damage);
        return TOOL_OK;
    case RECORD_TORN:
        tell_torn(me, &damage);
        return TOOL_OK;
    case RECORD_VERSION:
        return transfer_failed(me->job, "'%s' was made by a newer version",
                               me->path);
    case RECORD_FAILED:
        return recording_failed(me->job, "read", me->path, me->reader.code);
    case RECORD_ALIEN:
    case RECORD_END:
    case RECORD_NO_MEMORY:
        break;
    }
    return transfer_failed(me->job, "'%s' is no recording", me->path);
}

static void note_frame(recording *me, const record_frame *frame)
{
    me->end = me->reader.position;
    me->last_ns = frame->time_ns;
    me->lost += frame->lost;
    me->gaps += frame->lost > 0 ? 1 : 0;
    if (frame->kind == RECORD_MESSAGE) {
        me->first_ns = me->messages == 0 ? frame->time_ns : me->first_ns;
        me->messages++;
        me->bytes += frame->bytes;
    }
}

bool recording_next(recording *me, record_frame *frame, int *exit_code)
{
    /* A header that is torn is all there is. */
    bool more = me->reader.position > 0;

    while (more) {
        record_damage damage = {0, 0};

        switch (record_next(&me->reader, frame, &damage)) {
        case RECORD_FRAME:
            note_frame(me, frame);
            return true;
        case RECORD_DAMAGED:
            tell_damage(me, &damage);
            break;
        case RECORD_TORN:
            tell_torn(me, &damage);
            more = false;
            break;
        case RECORD_FAILED:
            *exit_code =
                recording_failed(me->job, "read", me->path, me->reader.code);
            return false;
        case RECORD_NO_MEMORY:
            *exit_code = transfer_failed(
                me->job, "out of memory for a message of '%s'", me->path);
            return false;
        case RECORD_END:
        case RECORD_ALIEN:
        case RECORD_VERSION:
            more = false;
            break;
        }
    }
    return false;
}
