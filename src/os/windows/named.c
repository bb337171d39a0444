/* SPDX-License-Identifier: MIT
 *
 * Memory with a name, for processes that trust each other: a named section.
 *
 * Windows frees it with the last handle, so nothing is ever left over. A mutex
 * of the same name is held while the memory is opened or made, so nobody sees
 * half of it; a maker that dies had the only handle.
 *
 * Windows counts sizes in pages, so the exact one is written at the very end
 * of the section, behind what is mapped for the caller.
 *
 * The section belongs to this user's session. Another program of the session
 * can take the name first, so the owner of what is found is checked.
 */
#include "place.h"
#include "security.h"
#include "shm.h"

/* What one call works on. */
struct opening {
    wchar_t section_name[WEFTOS_PLACE_TEXT];
    wchar_t lock_name[WEFTOS_PLACE_TEXT];
    SECURITY_ATTRIBUTES *access;
    HANDLE section;
};

static weft_status name_objects(struct opening *opening, const char *name,
                                weft_detail *detail)
{
    wchar_t key[WEFTOS_PLACE_TEXT];
    weft_status status =
        weftos_place_key(name, false, key, WEFTOS_PLACE_TEXT, detail);

    if (status == WEFT_OK) {
        status = weftos_place_object(L"Local\\memory-", key,
                                     opening->section_name, detail);
    }
    if (status == WEFT_OK) {
        status = weftos_place_object(L"Local\\making-", key, opening->lock_name,
                                     detail);
    }
    return status;
}

/* Takes the mutex, which the end of its holder gives up too. */
static weft_status lock(const struct opening *opening, HANDLE *mutex,
                        weft_detail *detail)
{
    static const char step[] = "lock the memory of the name";
    DWORD result;

    *mutex = CreateMutexW(opening->access, FALSE, opening->lock_name);
    if (*mutex == NULL) {
        return weftos_fail_last(detail, step);
    }
    result = WaitForSingleObject(*mutex, INFINITE);
    if (result != WAIT_OBJECT_0 && result != WAIT_ABANDONED) {
        weft_status status = weftos_fail_last(detail, step);

        (void)CloseHandle(*mutex);
        return status;
    }
    return WEFT_OK;
}

static void unlock(HANDLE mutex)
{
    (void)ReleaseMutex(mutex);
    (void)CloseHandle(mutex);
}

/* ----------------------------------------------------------------- size --- */

/* So much of the section: whole pages, with room for the size. */
static size_t section_bytes(size_t bytes)
{
    size_t page = weftos_get_facts()->page_bytes;

    return (bytes + sizeof(uint64_t) + page - 1) / page * page;
}

/* Where the size lies, while `whole` shows all of a section. */
static uint64_t *size_in(void *whole, size_t whole_bytes)
{
    return (uint64_t *)((char *)whole + whole_bytes) - 1;
}

static bool write_size(HANDLE section, size_t bytes)
{
    size_t whole_bytes = section_bytes(bytes);
    void *whole = weftos_section_map(section, true, whole_bytes);

    if (whole == NULL) {
        return false;
    }
    *size_in(whole, whole_bytes) = bytes;
    weftos_shm_unmap(whole, whole_bytes);
    return true;
}

/* 0: it can't be read, or is none. */
static size_t read_size(HANDLE section)
{
    size_t whole_bytes;
    void *whole;
    uint64_t bytes;

    if (!weftos_section_is_plain(section, &whole_bytes)) {
        return 0;
    }
    whole = weftos_section_map(section, false, whole_bytes);
    if (whole == NULL) {
        return 0;
    }
    bytes = *size_in(whole, whole_bytes);
    weftos_shm_unmap(whole, whole_bytes);
    return bytes < whole_bytes && section_bytes((size_t)bytes) == whole_bytes
               ? (size_t)bytes
               : 0;
}

bool weftos_memory_look(weftos_named *named)
{
    wchar_t key[WEFTOS_PLACE_TEXT];
    wchar_t text[WEFTOS_PLACE_TEXT];
    HANDLE section = NULL;
    const void *base;

    if (weftos_place_key(named->name, false, key, WEFTOS_PLACE_TEXT, NULL) ==
            WEFT_OK &&
        weftos_place_object(L"Local\\memory-", key, text, NULL) == WEFT_OK) {
        section = OpenFileMappingW(FILE_MAP_READ | SECTION_QUERY | READ_CONTROL,
                                   FALSE, text);
    }
    if (section == NULL) {
        return false;
    }
    named->bytes =
        weftos_is_own_object(section) ? (uint64_t)read_size(section) : 0;
    base = named->bytes >= sizeof(named->head)
               ? weftos_section_map(section, false, (size_t)named->bytes)
               : NULL;
    if (base != NULL) {
        memcpy(named->head, base, sizeof(named->head));
        weftos_shm_unmap(base, (size_t)named->bytes);
    }
    (void)CloseHandle(section);
    return named->bytes > 0;
}

/* -------------------------------------------------------- open and make --- */

/* Opens what is there, or only asks, without `base`. WEFT_ENOENT: nothing. */
static weft_status open_section(struct opening *opening, size_t *bytes,
                                void **base, weft_detail *detail)
{
    static const char step[] = "open the memory of the name";
    size_t found;

    opening->section = OpenFileMappingW(FILE_MAP_READ | FILE_MAP_WRITE |
                                            SECTION_QUERY | READ_CONTROL,
                                        FALSE, opening->section_name);
    if (opening->section == NULL) {
        DWORD cause = GetLastError();

        return weftos_fail(detail,
                           cause == ERROR_FILE_NOT_FOUND
                               ? WEFT_ENOENT
                               : weftos_error_status(cause),
                           cause, step);
    }
    if (base == NULL) {
        return WEFT_OK;
    }
    found = weftos_is_own_object(opening->section) ? read_size(opening->section)
                                                   : 0;
    if (found == 0) {
        return weftos_fail(detail, WEFT_EACCES, 0,
                           "check the memory of the name");
    }
    if (*bytes != 0 && *bytes != found) {
        return weftos_fail(detail, WEFT_EINUSE, 0,
                           "find the size that the memory was made with");
    }
    *base = weftos_section_map(opening->section, true, found);
    if (*base == NULL) {
        return weftos_fail_last(detail, step);
    }
    *bytes = found;
    return WEFT_OK;
}

static weft_status make_section(struct opening *opening, size_t bytes,
                                weftos_shm_maker *make, void *context,
                                void **base, weft_detail *detail)
{
    opening->section = weftos_section_make(
        section_bytes(bytes), opening->access, opening->section_name);
    *base = opening->section != NULL && write_size(opening->section, bytes)
                ? weftos_section_map(opening->section, true, bytes)
                : NULL;
    if (*base == NULL) {
        return weftos_fail_last(detail, "make the memory of the name");
    }
    make(*base, bytes, context);
    return WEFT_OK;
}

static weft_status open_or_make(struct opening *opening, size_t *bytes,
                                weftos_shm_maker *make, void *context,
                                void **base, weft_detail *detail)
{
    weft_detail found = {WEFT_OK, 0, NULL};
    HANDLE mutex;
    weft_status status = lock(opening, &mutex, detail);

    if (status != WEFT_OK) {
        return status;
    }
    status = open_section(opening, bytes, base, &found);
    if (status == WEFT_ENOENT && *bytes != 0) {
        status = make_section(opening, *bytes, make, context, base, detail);
    } else if (status != WEFT_OK && detail != NULL) {
        *detail = found;
    }
    unlock(mutex);
    return status;
}

weft_status weftos_shm_open(const char *name, unsigned mode, size_t *bytes,
                            weftos_shm_maker *make, void *context,
                            weft_handle *handle, void **base,
                            weft_detail *detail)
{
    struct opening opening = {.section = NULL};
    weft_status status = name_objects(&opening, name, detail);

    if (status == WEFT_OK && (mode & 077) != 0) {
        status = weftos_fail(detail, WEFT_ENOTSUP, 0,
                             "share memory with other users");
    }
    if (status != WEFT_OK) {
        return status;
    }
    opening.access = weftos_get_access(WEFTOS_ACCESS_USER, detail);
    if (opening.access == NULL) {
        return WEFT_EOS;
    }
    status = open_or_make(&opening, bytes, make, context, base, detail);
    if (status != WEFT_OK || base == NULL) {
        weftos_close_native(opening.section);
        return status;
    }
    *handle = (weft_handle)opening.section;
    return WEFT_OK;
}
