/* SPDX-License-Identifier: MIT
 *
 * Shared memory: nameless sections that the page file backs.
 *
 * What is shared is a handle that can only be mapped for reading. The section
 * has an empty list of rights, so that handle can't be turned into one that
 * can write, and Windows has no way to change a section's size. All of it is
 * committed when it is made: memory that is not to be had is an error then,
 * and not a fault later.
 *
 * A reader asks the section what it is: pages of a file could be taken away
 * under it, and reserved ones need not be there.
 */
#include "shm.h"

#include "security.h"

/*
 * Test builds put inaccessible addresses on each side of every mapping, so
 * that a step outside is a crash and not a silent read of a neighbour.
 */
#ifdef WEFT_GUARD_PAGES
#define GUARD_PAGES 1
#else
#define GUARD_PAGES 0
#endif

/* Addresses are given out in units of this size. */
#define UNIT_BYTES 65536

/* Another thread may take the addresses that a guarded mapping is to have. */
#define GUARD_TRIES 64

static size_t round_up(size_t bytes)
{
    return (bytes + UNIT_BYTES - 1) / UNIT_BYTES * UNIT_BYTES;
}

static bool reserve(char *at)
{
    return VirtualAlloc(at, UNIT_BYTES, MEM_RESERVE, PAGE_NOACCESS) == at;
}

static void release(char *at)
{
    (void)VirtualFree(at, 0, MEM_RELEASE);
}

/* Maps `section` between two guards, at a place that was free just now. */
static void *map_guarded_at(char *room, HANDLE section, DWORD access,
                            size_t bytes)
{
    char *base = room + UNIT_BYTES;

    if (!reserve(room)) {
        return NULL;
    }
    if (reserve(base + round_up(bytes))) {
        if (MapViewOfFileEx(section, access, 0, 0, bytes, base) != NULL) {
            return base;
        }
        release(base + round_up(bytes));
    }
    release(room);
    return NULL;
}

static void *map_guarded(HANDLE section, DWORD access, size_t bytes)
{
    void *base = NULL;

    for (int i = 0; base == NULL && i < GUARD_TRIES; i++) {
        char *room = VirtualAlloc(NULL, round_up(bytes) + 2 * UNIT_BYTES,
                                  MEM_RESERVE, PAGE_NOACCESS);

        if (room == NULL) {
            return NULL;
        }
        release(room);
        base = map_guarded_at(room, section, access, bytes);
    }
    return base;
}

void *weftos_section_map(HANDLE section, bool writable, size_t bytes)
{
    DWORD access = writable ? FILE_MAP_READ | FILE_MAP_WRITE : FILE_MAP_READ;

    return GUARD_PAGES ? map_guarded(section, access, bytes)
                       : MapViewOfFile(section, access, 0, 0, bytes);
}

void weftos_shm_unmap(const void *base, size_t bytes)
{
    char *at = (char *)(uintptr_t)base;

    if (base == NULL) {
        return;
    }
    (void)UnmapViewOfFile(base);
    if (GUARD_PAGES) {
        release(at - UNIT_BYTES);
        release(at + round_up(bytes));
    }
}

/* --------------------------------------------------------------- create --- */

HANDLE weftos_section_make(size_t bytes, SECURITY_ATTRIBUTES *access,
                           const wchar_t *name)
{
    return CreateFileMappingW(
        INVALID_HANDLE_VALUE, access, PAGE_READWRITE | SEC_COMMIT,
        (DWORD)((uint64_t)bytes >> 32), (DWORD)bytes, name);
}

weft_status weftos_shm_create(size_t bytes, weft_handle *object, void **base,
                              weft_detail *detail)
{
    SECURITY_ATTRIBUTES *access =
        weftos_get_access(WEFTOS_ACCESS_NOBODY, detail);
    HANDLE self = GetCurrentProcess();
    HANDLE section;
    HANDLE shared = NULL;
    void *map;
    weft_status status = WEFT_OK;

    if (access == NULL) {
        return WEFT_EOS;
    }
    section = weftos_section_make(bytes, access, NULL);
    if (section == NULL) {
        return weftos_fail_last(detail, "create shared memory");
    }
    map = weftos_section_map(section, true, bytes);
    if (map == NULL) {
        status = weftos_fail_last(detail, "map shared memory");
    } else if (!DuplicateHandle(self, section, self, &shared,
                                SECTION_MAP_READ | SECTION_QUERY, FALSE, 0)) {
        status = weftos_fail_last(detail, "make shared memory read-only");
        weftos_shm_unmap(map, bytes);
    }
    (void)CloseHandle(section);
    if (status == WEFT_OK) {
        *object = (weft_handle)shared;
        *base = map;
    }
    return status;
}

/* --------------------------------------------------------------- attach --- */

/* What NtQuerySection tells; Windows has had it since its beginning. */
struct section_facts {
    void *base;
    ULONG attributes;
    LARGE_INTEGER bytes;
};
typedef LONG NTAPI query_section(HANDLE section, int what, void *facts,
                                 ULONG_PTR bytes, ULONG_PTR *used);
#define SECTION_FACTS 0

bool weftos_section_is_plain(HANDLE section, size_t *bytes)
{
    query_section *query =
        (query_section *)weftos_find_function(L"ntdll.dll", "NtQuerySection");
    struct section_facts facts = {0};

    if (query == NULL ||
        query(section, SECTION_FACTS, &facts, sizeof(facts), NULL) < 0 ||
        facts.attributes != SEC_COMMIT || facts.bytes.QuadPart < 0) {
        return false;
    }
    *bytes = (size_t)facts.bytes.QuadPart;
    return true;
}

weft_status weftos_shm_attach(weft_handle object, size_t bytes,
                              const void **base, weft_detail *detail)
{
    HANDLE section = weftos_native(object);
    size_t found;
    void *map;

    if (!weftos_section_is_plain(section, &found)) {
        return weftos_fail(detail, WEFT_EPROTO, 0,
                           "check the kind of the peer's memory");
    }
    if (found != bytes) {
        return weftos_fail(detail, WEFT_EPROTO, 0,
                           "check the size of the peer's memory");
    }
    map = weftos_section_map(section, false, bytes);
    if (map == NULL) {
        DWORD cause = GetLastError();

        /* Refused: the peer gave a handle that can't be read through. */
        return weftos_fail(detail,
                           cause == ERROR_ACCESS_DENIED
                               ? WEFT_EPROTO
                               : weftos_error_status(cause),
                           cause, "map the peer's memory");
    }
    *base = map;
    return WEFT_OK;
}
