/* SPDX-License-Identifier: MIT
 *
 * Handles from process to process.
 *
 * Windows has no message that carries handles: one of the two processes copies
 * them from table to table, and the right to do so, PROCESS_DUP_HANDLE, is
 * full control of the other one. So that no process ever needs this right
 * over one that may do more, the more privileged of the two does it:
 *
 * - PUSHED: a sender that may reach its peer, and is not below it, copies the
 *   handles into the peer and sends the new values. The copies live on when
 *   the sender dies. One that is killed between the copy and the message
 *   leaves copies that nobody knows of; so this is not for peers who have not
 *   yet answered, of whom there may be many.
 * - LENT: to such a peer a sender that is not above it sends values of its own
 *   table. The receiver copies the handles from there; the sender closes them
 *   when the peer has answered, or with the socket. Where the system does not
 *   know the sender of an inherited pair, this also proves its number.
 * - HELD: the same later on, of a sender below its peer, which will get no
 *   answer: the receiver takes the handles out of the sender's table. They are
 *   lost when the sender dies before that, and stay if nobody looks.
 *
 * "Pushed" is a claim that is believed only of a sender that is not below us:
 * it has, or could have, full control of this process anyway. Another one
 * could make us use and close handles of our own.
 */
#include "handles.h"

/* Handle values are multiples of 4 and small; pseudo handles are negative. */
static bool is_plausible(uint64_t value)
{
    return value != 0 && value % 4 == 0 && value < UINT32_MAX;
}

static HANDLE to_handle(uint64_t value)
{
    return (HANDLE)(uintptr_t)value;
}

static enum weftos_parcel_kind choose_kind(const struct weftos_link *link)
{
    const struct weftos_self *self = weftos_get_self(NULL);
    weftos_rank rank = self != NULL ? self->rank : 0;

    if (!link->has_peer) {
        return WEFTOS_PARCEL_LENT;
    }
    if (link->peer.can_reach &&
        (rank > link->peer.rank ||
         (rank == link->peer.rank && link->is_confirmed))) {
        return WEFTOS_PARCEL_PUSHED;
    }
    return link->is_confirmed ? WEFTOS_PARCEL_HELD : WEFTOS_PARCEL_LENT;
}

static bool is_trusted_to_push(const struct weftos_link *link)
{
    const struct weftos_self *self = weftos_get_self(NULL);

    return self != NULL && link->peer.rank >= self->rank;
}

/* ----------------------------------------------------------------- send --- */

static weft_status refusal(const struct weftos_link *link, weft_detail *detail)
{
    static const char step[] = "pass handles";
    DWORD cause = GetLastError();

    if (link->has_peer && link->peer.can_watch &&
        weftos_is_signalled(link->peer.process)) {
        return weftos_fail(detail, WEFT_ECLOSED, cause, step);
    }
    return weftos_fail(detail,
                       cause == ERROR_INVALID_HANDLE
                           ? WEFT_EINVAL
                           : weftos_error_status(cause),
                       cause, step);
}

/* A pseudo handle, such as -1, would be full control of this process. */
static bool copy_to(HANDLE holder, weft_handle handle, HANDLE *copy)
{
    if (!is_plausible((uint64_t)handle)) {
        SetLastError(ERROR_INVALID_HANDLE);
        return false;
    }
    return DuplicateHandle(GetCurrentProcess(), weftos_native(handle), holder,
                           copy, 0, FALSE, DUPLICATE_SAME_ACCESS) != 0;
}

weft_status weftos_parcel_pack(struct weftos_link *link,
                               const weft_handle *handles, size_t count,
                               struct weftos_parcel *parcel,
                               weft_detail *detail)
{
    HANDLE self = GetCurrentProcess();
    enum weftos_parcel_kind kind = choose_kind(link);
    HANDLE holder = kind == WEFTOS_PARCEL_PUSHED ? link->peer.process : self;

    parcel->count = 0;
    parcel->kind = count > 0 ? (uint32_t)kind : 0;
    if (kind == WEFTOS_PARCEL_LENT &&
        link->lent_count + count > WEFTOS_LENT_MOST) {
        return weftos_fail(detail, WEFT_ELIMIT, 0,
                           "pass handles to a peer that does not answer");
    }
    for (; parcel->count < count; parcel->count++) {
        HANDLE copy;

        if (!copy_to(holder, handles[parcel->count], &copy)) {
            weft_status status = refusal(link, detail);

            weftos_parcel_take_back(link, parcel);
            return status;
        }
        parcel->values[parcel->count] = (uint64_t)(uintptr_t)copy;
        if (kind == WEFTOS_PARCEL_LENT) {
            link->lent[link->lent_count++] =
                (struct weftos_lent){copy, link->sent + 1};
        }
    }
    return WEFT_OK;
}

void weftos_parcel_take_back(struct weftos_link *link,
                             const struct weftos_parcel *parcel)
{
    HANDLE self = GetCurrentProcess();
    HANDLE holder =
        parcel->kind == WEFTOS_PARCEL_PUSHED ? link->peer.process : self;

    /* The peer may have died, and all of its handles with it. */
    for (uint32_t i = 0; i < parcel->count; i++) {
        HANDLE taken = NULL;

        if (DuplicateHandle(holder, to_handle(parcel->values[i]), self, &taken,
                            0, FALSE,
                            DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE)) {
            (void)CloseHandle(taken);
        }
    }
    if (parcel->kind == WEFTOS_PARCEL_LENT) {
        link->lent_count -= parcel->count;
    }
}

/* -------------------------------------------------------------- receive --- */

/* Copies a handle of the sender's table, or takes it. */
static bool pull(const struct weftos_link *link, uint64_t value, bool takes,
                 weft_handle *handle)
{
    DWORD close = takes ? DUPLICATE_CLOSE_SOURCE : 0;
    HANDLE taken = NULL;

    if (!is_plausible(value) || !link->peer.can_reach ||
        !DuplicateHandle(link->peer.process, to_handle(value),
                         GetCurrentProcess(), &taken, 0, FALSE,
                         DUPLICATE_SAME_ACCESS | close)) {
        return false;
    }
    *handle = (weft_handle)taken;
    return true;
}

static bool accept_pushed(uint64_t value, weft_handle *handle)
{
    DWORD flags;

    if (!is_plausible(value) ||
        !GetHandleInformation(to_handle(value), &flags)) {
        return false;
    }
    *handle = (weft_handle)value;
    return true;
}

weft_status weftos_parcel_open(struct weftos_link *link,
                               const struct weftos_parcel *parcel,
                               weft_handle *handles, weft_detail *detail)
{
    static const char step[] = "receive handles";
    bool pushed = parcel->kind == WEFTOS_PARCEL_PUSHED;
    bool takes = parcel->kind == WEFTOS_PARCEL_HELD;
    uint32_t i;

    if (parcel->count == 0) {
        return WEFT_OK;
    }
    if (pushed && !is_trusted_to_push(link)) {
        return weftos_fail(detail, WEFT_EPROTO, 0,
                           "trust handles from a less privileged peer");
    }
    for (i = 0; i < parcel->count; i++) {
        if (!(pushed ? accept_pushed(parcel->values[i], &handles[i])
                     : pull(link, parcel->values[i], takes, &handles[i]))) {
            break;
        }
    }
    if (i == parcel->count) {
        return WEFT_OK;
    }
    /* Values that were only said may be handles of ours: they stay open. */
    while (!pushed && i > 0) {
        weftos_close(handles[--i]);
    }
    return weftos_fail(detail, WEFT_EPROTO, 0, step);
}
