/* SPDX-License-Identifier: MIT
 *
 * Every way that Windows has to get a writable view of a section, or to change
 * its size, from a handle for reading. (A process that may open its owner's
 * process needs none of them: SECURITY.md.)
 */
#include "ownership.h"

#include <stdio.h>
#include <windows.h>

#include "attacker.h"

static void cannot_map(HANDLE section, size_t bytes)
{
    static const DWORD ways[] = {FILE_MAP_WRITE, FILE_MAP_READ | FILE_MAP_WRITE,
                                 FILE_MAP_ALL_ACCESS,
                                 FILE_MAP_WRITE | FILE_MAP_EXECUTE};

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        CHECK(MapViewOfFile(section, ways[i], 0, 0, bytes) == NULL);
    }
}

static void cannot_change_view(HANDLE section, size_t bytes)
{
    static const DWORD ways[] = {PAGE_READWRITE, PAGE_EXECUTE_READWRITE};
    void *view = MapViewOfFile(section, FILE_MAP_READ, 0, 0, bytes);
    DWORD before;

    REQUIRE(view != NULL);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        CHECK(!VirtualProtect(view, bytes, ways[i], &before));
        CHECK(VirtualAlloc(view, bytes, MEM_COMMIT, ways[i]) == NULL);
    }
    CHECK(!VirtualFree(view, bytes, MEM_DECOMMIT));
    CHECK(UnmapViewOfFile(view));
}

/*
 * More rights than the handle has, by making another one of it. Wine 8 gives
 * whoever has any handle of an object the rights that all objects have, such
 * as WRITE_DAC, whatever its access list says.
 */
static bool wine_gives(DWORD right)
{
    return (right & ~(DWORD)STANDARD_RIGHTS_ALL) == 0 &&
           GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") !=
               NULL;
}

static void cannot_get_more(HANDLE object, const DWORD *rights, size_t count)
{
    HANDLE self = GetCurrentProcess();

    for (size_t i = 0; i < count; i++) {
        HANDLE more = NULL;

        if (!wine_gives(rights[i]) &&
            !CHECK(!DuplicateHandle(self, object, self, &more, rights[i], FALSE,
                                    0))) {
            printf("# it can be had with %#lx\n", rights[i]);
            CHECK(CloseHandle(more));
        }
    }
}

/* Not in every Windows, and not in any header. */
static void cannot_extend(HANDLE section, size_t bytes)
{
    typedef LONG NTAPI extend_section(HANDLE object, LARGE_INTEGER * size);
    LARGE_INTEGER size = {.QuadPart = (LONGLONG)bytes * 2};
    extend_section *extend = (extend_section *)(void (*)(void))GetProcAddress(
        GetModuleHandleW(L"ntdll.dll"), "NtExtendSection");

    CHECK(extend == NULL || extend(section, &size) < 0);
}

void ownership_memory(weft_handle object, size_t bytes)
{
    static const DWORD rights[] = {
        SECTION_MAP_WRITE,   SECTION_ALL_ACCESS,
        SECTION_EXTEND_SIZE, SECTION_MAP_EXECUTE | SECTION_MAP_WRITE,
        WRITE_DAC,           WRITE_OWNER,
        GENERIC_ALL};
    HANDLE section = (HANDLE)object;
    const void *view;

    cannot_map(section, bytes);
    cannot_change_view(section, bytes);
    cannot_get_more(section, rights, sizeof(rights) / sizeof(rights[0]));
    cannot_extend(section, bytes);
    CHECK_STATUS(weftos_shm_attach(object, bytes, &view, NULL), WEFT_OK);
    weftos_shm_unmap(view, bytes);
}

void ownership_bell(weft_handle bell)
{
    static const DWORD rights[] = {
        SYNCHRONIZE,      EVENT_MODIFY_STATE | SYNCHRONIZE,
        WRITE_DAC,        WRITE_OWNER,
        EVENT_ALL_ACCESS, GENERIC_ALL};

    CHECK(WaitForSingleObject((HANDLE)bell, 0) == WAIT_FAILED);
    cannot_get_more((HANDLE)bell, rights, sizeof(rights) / sizeof(rights[0]));
    CHECK(SetEvent((HANDLE)bell));
}
