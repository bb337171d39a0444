/* SPDX-License-Identifier: MIT
 *
 * Which names there are: a look into the directories of named objects.
 *
 * Each name that is listened at has an event, whose name holds the endpoint's
 * (connect.c, endpoint.c), and memory is a section. Both live as long as who
 * made or opened them, so what is found is in use. The name of the event is in
 * upper case, as those of pipes ignore case; it is told in lower case.
 *
 * The calls that list objects are those of ntdll, which Windows documents for
 * drivers. Where they are missing, or refused as in a sandbox, nobody can tell.
 */
#include "place.h"

#include <stdio.h>
#include <string.h>
#include <winternl.h>

#include "../name.h"
#include "shm.h"

#define DIRECTORY_MAY_QUERY 1u
#define NO_MORE_ENTRIES ((NTSTATUS)0x8000001a)
#define OBJECT_TEXT 128

struct entry {
    UNICODE_STRING name;
    UNICODE_STRING type;
};

typedef NTSTATUS NTAPI open_directory(HANDLE *directory, ACCESS_MASK access,
                                      OBJECT_ATTRIBUTES *attributes);
typedef NTSTATUS NTAPI query_directory(HANDLE directory, void *room,
                                       ULONG room_bytes, BOOLEAN single,
                                       BOOLEAN restart, ULONG *context,
                                       ULONG *bytes);

/* What one call works on. */
struct listing {
    open_directory *open;
    query_directory *query;
    bool of_memory;
    /* What our objects are called, before the name. */
    wchar_t prefix[WEFTOS_PLACE_TEXT];
    weftos_name_visit *visit;
    void *context;
    bool is_over;
};

/* -------------------------------------------------------------- entries --- */

/* False: the object is none of ours. */
static bool take_name(const struct listing *listing, const UNICODE_STRING *text,
                      char name[OBJECT_TEXT])
{
    size_t before = wcslen(listing->prefix);
    size_t length = text->Length / sizeof(wchar_t);

    if (length <= before || length - before >= OBJECT_TEXT ||
        wcsncmp(text->Buffer, listing->prefix, before) != 0) {
        return false;
    }
    for (size_t i = before; i <= length; i++) {
        wchar_t letter = i < length ? text->Buffer[i] : L'\0';

        if (letter >= 0x80) {
            return false;
        }
        if (!listing->of_memory && letter >= L'A' && letter <= L'Z') {
            letter = (wchar_t)(letter - L'A' + L'a');
        }
        name[i - before] = (char)letter;
    }
    return weftos_name_is_plain(name, !listing->of_memory);
}

static void see(struct listing *listing, const UNICODE_STRING *text)
{
    char name[OBJECT_TEXT];
    weftos_named named = {.name = name, .is_memory = listing->of_memory};

    if (take_name(listing, text, name) &&
        (!listing->of_memory || weftos_memory_look(&named))) {
        listing->is_over = !listing->visit(listing->context, &named);
    }
}

static weft_status read_entries(struct listing *listing, HANDLE directory,
                                weft_detail *detail)
{
    union {
        struct entry entry;
        unsigned char bytes[2048];
    } room;
    ULONG context = 0;
    BOOLEAN restart = TRUE;

    while (!listing->is_over) {
        NTSTATUS result = listing->query(directory, &room, sizeof(room), TRUE,
                                         restart, &context, NULL);

        if (result == NO_MORE_ENTRIES) {
            return WEFT_OK;
        }
        if (result < 0) {
            return weftos_fail(detail, WEFT_ENOTSUP, (DWORD)result,
                               "list the names in use");
        }
        restart = FALSE;
        see(listing, &room.entry.name);
    }
    return WEFT_OK;
}

/* ---------------------------------------------------------- directories --- */

static weft_status read_directory(struct listing *listing, const wchar_t *path,
                                  weft_detail *detail)
{
    UNICODE_STRING name = {(USHORT)(wcslen(path) * sizeof(wchar_t)),
                           (USHORT)(wcslen(path) * sizeof(wchar_t)),
                           (wchar_t *)(uintptr_t)path};
    OBJECT_ATTRIBUTES attributes;
    HANDLE directory = NULL;
    NTSTATUS result;
    weft_status status;

    InitializeObjectAttributes(&attributes, &name, 0, NULL, NULL);
    result = listing->open(&directory, DIRECTORY_MAY_QUERY, &attributes);
    if (result < 0) {
        return weftos_fail(detail, WEFT_ENOTSUP, (DWORD)result,
                           "open the list of the names in use");
    }
    status = read_entries(listing, directory, detail);
    (void)CloseHandle(directory);
    return status;
}

/* Ours begin with the key of a name of one letter, but for that letter. */
static weft_status list_endpoints(struct listing *listing, weft_detail *detail)
{
    struct weftos_place place;
    weft_status status = weftos_place_name("x", &place, detail);

    if (status != WEFT_OK) {
        return status;
    }
    place.key[wcslen(place.key) - 1] = L'\0';
    status =
        weftos_place_object(L"listen-", place.key, listing->prefix, detail);
    return status == WEFT_OK
               ? read_directory(listing, L"\\BaseNamedObjects", detail)
               : status;
}

static weft_status list_memory(struct listing *listing, weft_detail *detail)
{
    wchar_t key[WEFTOS_PLACE_TEXT];
    wchar_t path[64];
    DWORD session = 0;
    weft_status status =
        weftos_place_key("x", false, key, WEFTOS_PLACE_TEXT, detail);

    if (status != WEFT_OK) {
        return status;
    }
    key[wcslen(key) - 1] = L'\0';
    listing->of_memory = true;
    status = weftos_place_object(L"memory-", key, listing->prefix, detail);
    if (status != WEFT_OK) {
        return status;
    }
    (void)ProcessIdToSessionId(GetCurrentProcessId(), &session);
    (void)_snwprintf(path, ARRAYSIZE(path),
                     session == 0 ? L"\\BaseNamedObjects"
                                  : L"\\Sessions\\%lu\\BaseNamedObjects",
                     (unsigned long)session);
    return read_directory(listing, path, detail);
}

weft_status weftos_names_each(weftos_name_visit *visit, void *context,
                              weft_detail *detail)
{
    struct listing listing = {.visit = visit, .context = context};
    weft_status status;

    listing.open = (open_directory *)weftos_find_function(
        L"ntdll.dll", "NtOpenDirectoryObject");
    listing.query = (query_directory *)weftos_find_function(
        L"ntdll.dll", "NtQueryDirectoryObject");
    if (listing.open == NULL || listing.query == NULL) {
        return weftos_fail(detail, WEFT_ENOTSUP, 0, "list the names in use");
    }
    status = list_endpoints(&listing, detail);
    return status == WEFT_OK && !listing.is_over ? list_memory(&listing, detail)
                                                 : status;
}
