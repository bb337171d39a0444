/* SPDX-License-Identifier: MIT
 *
 * Doorbells: nameless auto-reset events.
 *
 * The peer's handle can only ring: the event has an empty list of rights, so
 * that nobody who holds it can wait for it, and take rings away.
 */
#include "security.h"

#include <wchar.h>
#include <winternl.h>

weft_status weftos_bell_open(weft_handle *mine, weft_handle *theirs,
                             weft_detail *detail)
{
    SECURITY_ATTRIBUTES *access =
        weftos_get_access(WEFTOS_ACCESS_NOBODY, detail);
    HANDLE self = GetCurrentProcess();
    HANDLE event;
    HANDLE ringer;

    if (access == NULL) {
        return WEFT_EOS;
    }
    event = CreateEventW(access, FALSE, FALSE, NULL);
    if (event == NULL) {
        return weftos_fail_last(detail, "make a doorbell");
    }
    if (!DuplicateHandle(self, event, self, &ringer, EVENT_MODIFY_STATE, FALSE,
                         0)) {
        weft_status status =
            weftos_fail_last(detail, "make a doorbell's other end");

        (void)CloseHandle(event);
        return status;
    }
    *mine = (weft_handle)event;
    *theirs = (weft_handle)ringer;
    return WEFT_OK;
}

/* ------------------------------------------------------------- adopting --- */

typedef NTSTATUS NTAPI query_object(HANDLE object, int what, void *facts,
                                    ULONG bytes, ULONG *used);
#define OBJECT_TYPE 2

/* Is it an event, and may we set it? Setting it would say so, but ring. */
static bool is_ringing_end(HANDLE object)
{
    static const wchar_t wanted[] = L"Event";
    query_object *query =
        (query_object *)weftos_find_function(L"ntdll.dll", "NtQueryObject");
    ULONG rights;
    ULONG handles;
    union {
        PUBLIC_OBJECT_TYPE_INFORMATION type;
        BYTE room[512]; /* the name lies behind the structure */
    } named;

    return weftos_ask_object(object, &rights, &handles) &&
           (rights & EVENT_MODIFY_STATE) != 0 && query != NULL &&
           query(object, OBJECT_TYPE, &named, sizeof(named), NULL) >= 0 &&
           named.type.TypeName.Length == sizeof(wanted) - sizeof(wchar_t) &&
           wmemcmp(named.type.TypeName.Buffer, wanted, ARRAYSIZE(wanted) - 1) ==
               0;
}

weft_status weftos_bell_adopt(weft_handle theirs, weftos_bell *bell,
                              weft_detail *detail)
{
    bell->handle = WEFTOS_NONE;
    bell->shared = false;
    if (!is_ringing_end(weftos_native(theirs))) {
        weftos_close(theirs);
        return weftos_fail(detail, WEFT_EPROTO, 0, "check the peer's doorbell");
    }
    bell->handle = theirs;
    return WEFT_OK;
}

weft_status weftos_bell_ring(const weftos_bell *bell, weft_detail *detail)
{
    if (SetEvent(weftos_native(bell->handle))) {
        return WEFT_OK;
    }
    return weftos_fail(detail, WEFT_EOS, GetLastError(),
                       "ring the peer's doorbell");
}
