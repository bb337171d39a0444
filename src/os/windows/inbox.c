/* SPDX-License-Identifier: MIT
 *
 * Reading a pipe, and the inbox of a link.
 *
 * A read of no bytes tells of a message or a hang-up, but not of the hang-up
 * behind a message that lies unread. So a waiter, which has to hear both, moves
 * the messages from the pipe to the inbox. It holds a few; a peer that sends
 * more than that unasked, and then hangs up without dying, is heard when they
 * have been received.
 *
 * A message of no bytes, which weft does not send, can't be seen by a look.
 * What a read of no bytes does to it differs: Wine takes it out, and Windows
 * may end the read and leave it there, to end the next one too. So who has
 * heard something, and sees nothing, probes: a real read takes such a message,
 * and what is received then is unsound.
 */
#include "inbox.h"

#include "socket.h"

/* More fillers in a row than a pipe holds: an attack. */
#define FILLERS_MOST (4 * WEFTOS_PIPE_BYTES / sizeof(struct weftos_message))

weft_status weftos_pipe_status(DWORD cause)
{
    switch (cause) {
    case 0:
        return WEFT_OK;
    case ERROR_OPERATION_ABORTED:
        return WEFT_EAGAIN;
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA:
    case ERROR_PIPE_NOT_CONNECTED:
        return WEFT_ECLOSED;
    default:
        return weftos_error_status(cause);
    }
}

/* ------------------------------------------------------------- the pipe --- */

/*
 * Looks at what is first in the pipe. WEFT_OK: something that can be read; its
 * kind, or 0 if it has no whole header.
 */
static weft_status look_first(HANDLE pipe, uint32_t *kind)
{
    struct weftos_header header;
    DWORD got = 0;
    DWORD bytes = 0;

    *kind = 0;
    if (!PeekNamedPipe(pipe, &header, sizeof(header), &got, &bytes, NULL)) {
        return WEFT_ECLOSED;
    }
    if (bytes == 0) {
        return WEFT_EAGAIN;
    }
    if (got == sizeof(header) && header.magic == WEFTOS_MAGIC) {
        *kind = header.kind;
    }
    return *kind == WEFTOS_KIND_END ? WEFT_ECLOSED : WEFT_OK;
}

/*
 * Reads what is there. WEFT_EPROTO: it is larger than a message may be. The
 * inbox's lock is held here and below, as two reads would end each other's
 * waits for the event.
 */
static weft_status read_now(struct weftos_link *link,
                            struct weftos_message *message, DWORD *bytes)
{
    OVERLAPPED io = {.hEvent = link->read_event};
    DWORD cause = 0;

    *bytes = 0;
    if (!ReadFile(link->pipe, message, sizeof(*message), NULL, &io)) {
        cause = GetLastError();
    }
    if (cause == 0 || cause == ERROR_IO_PENDING) {
        cause =
            weftos_io_finish(link->pipe, &io, cause == ERROR_IO_PENDING, bytes);
    }
    switch (cause) {
    case 0:
        return WEFT_OK;
    case ERROR_OPERATION_ABORTED: /* somebody else has read it */
        return WEFT_EAGAIN;
    case ERROR_MORE_DATA:
        return WEFT_EPROTO;
    default:
        return weftos_pipe_status(cause);
    }
}

/*
 * Reads the next message, and the fillers before it; those behind it too, as
 * socket_wait.c says. WEFT_EPROTO: there is no end to the fillers.
 */
static weft_status take_fillers(struct weftos_link *link)
{
    struct weftos_message filler;
    weft_status status = WEFT_EPROTO;
    uint32_t kind;
    DWORD bytes;

    if (link->has_ended) {
        return WEFT_ECLOSED;
    }
    for (size_t i = 0; i < FILLERS_MOST; i++) {
        status = look_first(link->pipe, &kind);
        if (status != WEFT_OK || kind != WEFTOS_KIND_FILLER) {
            return status;
        }
        (void)read_now(link, &filler, &bytes);
    }
    return WEFT_EPROTO;
}

static weft_status read_next(struct weftos_link *link,
                             struct weftos_message *message, DWORD *bytes)
{
    weft_status status = take_fillers(link);

    if (status == WEFT_OK) {
        status = read_now(link, message, bytes);
        (void)take_fillers(link); /* too many: the next call says so */
    }
    return status;
}

weft_status weftos_socket_look(HANDLE pipe)
{
    struct weftos_link *link = weftos_link_find(pipe);
    uint32_t kind;
    bool has_letter;
    bool has_ended;

    if (link == NULL) {
        return look_first(pipe, &kind);
    }
    if (link->has_hung_up) {
        return WEFT_ECLOSED;
    }
    AcquireSRWLockShared(&link->inbox_lock);
    has_letter = link->letters > 0;
    has_ended = link->has_ended;
    ReleaseSRWLockShared(&link->inbox_lock);
    return has_letter  ? WEFT_OK
           : has_ended ? WEFT_ECLOSED
                       : look_first(pipe, &kind);
}

/* ------------------------------------------------------------ the inbox --- */

static bool take_letter(struct weftos_link *link,
                        struct weftos_message *message, DWORD *bytes)
{
    const struct weftos_letter *letter = &link->inbox[link->first_letter];

    if (link->letters == 0) {
        return false;
    }
    *message = letter->message;
    *bytes = letter->bytes;
    link->first_letter = (link->first_letter + 1) % WEFTOS_INBOX_MOST;
    link->letters--;
    return true;
}

/* Where the next letter goes, if there is room. */
static struct weftos_letter *next_letter(struct weftos_link *link)
{
    return &link->inbox[(link->first_letter + link->letters) %
                        WEFTOS_INBOX_MOST];
}

static void note_letter(struct weftos_link *link)
{
    link->letters++;
    link->arrived++;
}

/* WEFT_OK: one was moved. WEFT_ELIMIT: there is one, and no place for it. */
static weft_status move_letter(struct weftos_link *link)
{
    struct weftos_letter *letter = next_letter(link);
    weft_status status = take_fillers(link);

    if (status != WEFT_OK) {
        return status;
    }
    if (link->letters == WEFTOS_INBOX_MOST) {
        return WEFT_ELIMIT;
    }
    if (read_next(link, &letter->message, &letter->bytes) != WEFT_OK) {
        letter->bytes = 0; /* whoever takes it finds that it is unsound */
    }
    note_letter(link);
    return WEFT_OK;
}

/*
 * Reads where a look has found nothing: an empty message, or what has come
 * since the look.
 */
static void read_unseen(struct weftos_link *link)
{
    struct weftos_letter *letter = next_letter(link);
    const struct weftos_header *header = &letter->message.header;
    weft_status status = read_now(link, &letter->message, &letter->bytes);
    uint32_t kind = 0;

    if (status == WEFT_OK && letter->bytes >= sizeof(*header) &&
        header->magic == WEFTOS_MAGIC) {
        kind = header->kind;
    }
    link->has_ended = kind == WEFTOS_KIND_END;
    if (status == WEFT_EPROTO) {
        letter->bytes = 0;
    }
    if ((status == WEFT_OK && kind != WEFTOS_KIND_FILLER &&
         kind != WEFTOS_KIND_END) ||
        status == WEFT_EPROTO) {
        note_letter(link);
    }
}

void weftos_inbox_probe(struct weftos_link *link)
{
    uint32_t kind;

    AcquireSRWLockExclusive(&link->inbox_lock);
    if (link->letters == 0 && !link->has_ended &&
        look_first(link->pipe, &kind) == WEFT_EAGAIN) {
        read_unseen(link);
    }
    ReleaseSRWLockExclusive(&link->inbox_lock);
}

weft_status weftos_inbox_gather(struct weftos_link *link, bool *has_message)
{
    weft_status status;

    AcquireSRWLockExclusive(&link->inbox_lock);
    do {
        status = move_letter(link);
    } while (status == WEFT_OK);
    *has_message = link->letters > 0;
    ReleaseSRWLockExclusive(&link->inbox_lock);
    return status == WEFT_EAGAIN || status == WEFT_ECLOSED ? status : WEFT_OK;
}

weft_status weftos_inbox_take(struct weftos_link *link,
                              struct weftos_message *message, DWORD *bytes)
{
    weft_status status = WEFT_OK;

    AcquireSRWLockExclusive(&link->inbox_lock);
    if (!take_letter(link, message, bytes)) {
        status = read_next(link, message, bytes);
        link->arrived += status == WEFT_OK;
    }
    ReleaseSRWLockExclusive(&link->inbox_lock);
    return status;
}
