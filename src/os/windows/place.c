/* SPDX-License-Identifier: MIT
 *
 * Names into places: which pipe a name stands for.
 *
 * A plain name is this user's own: the user's SID is part of the pipe's name,
 * and $WEFT_RUNTIME_DIR, if set, by a hash, so that two directories are two
 * sets of names as on other systems. The names of pipes are not divided into
 * directories, so nothing keeps another user from taking such a name first:
 * then listening there fails, and who connects learns whose pipe it is before
 * it says anything.
 */
#include "place.h"

#include <string.h>
#include <wchar.h>

#include "../name.h"
#include "security.h"

static bool is_path(const char *name)
{
    return strpbrk(name, "/\\") != NULL;
}

/* FNV-1a, for telling apart what the user's own environment says. */
static uint64_t hash(const wchar_t *text)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325);

    for (; *text != L'\0'; text++) {
        value = (value ^ *text) * UINT64_C(0x100000001b3);
    }
    return value;
}

/* "-<hash>" of the run-time directory, or "" if none is set. */
static weft_status directory_part(wchar_t part[24], weft_detail *detail)
{
    wchar_t directory[1024];
    DWORD length = GetEnvironmentVariableW(L"WEFT_RUNTIME_DIR", directory,
                                           ARRAYSIZE(directory));

    part[0] = L'\0';
    if (length >= ARRAYSIZE(directory)) {
        return weftos_fail(detail, WEFT_ENAME, ERROR_FILENAME_EXCED_RANGE,
                           "use the run-time directory");
    }
    if (length > 0) {
        (void)_snwprintf(part, 23, L"-%016llx",
                         (unsigned long long)hash(directory));
        part[23] = L'\0';
    }
    return WEFT_OK;
}

weft_status weftos_place_key(const char *name, bool numbered, wchar_t *key,
                             size_t room, weft_detail *detail)
{
    const struct weftos_self *self;
    wchar_t part[24];
    weft_status status;
    int length;

    if (!weftos_name_is_plain(name, numbered)) {
        return weftos_fail(detail, WEFT_ENAME, 0, "check the name");
    }
    self = weftos_get_self(detail);
    if (self == NULL) {
        return WEFT_EOS;
    }
    status = directory_part(part, detail);
    if (status != WEFT_OK) {
        return status;
    }
    length =
        _snwprintf(key, room, L"weft-%ls%ls-%hs", self->sid_text, part, name);
    return length >= 0 && (size_t)length < room
               ? WEFT_OK
               : weftos_fail(detail, WEFT_ENAME, ERROR_FILENAME_EXCED_RANGE,
                             "fit the name into a pipe's");
}

weft_status weftos_place_object(const wchar_t *prefix, const wchar_t *key,
                                wchar_t text[WEFTOS_PLACE_TEXT],
                                weft_detail *detail)
{
    int length = _snwprintf(text, WEFTOS_PLACE_TEXT, L"%ls%ls", prefix, key);

    return length >= 0 && length < WEFTOS_PLACE_TEXT
               ? WEFT_OK
               : weftos_fail(detail, WEFT_ENAME, ERROR_FILENAME_EXCED_RANGE,
                             "fit the name into an object's");
}

/* Letter by letter, as the system compares the names of pipes. */
static weft_status fold(const wchar_t *name, struct weftos_place *place,
                        weft_detail *detail)
{
    return LCMapStringEx(LOCALE_NAME_INVARIANT, LCMAP_UPPERCASE, name, -1,
                         place->key, WEFTOS_PLACE_TEXT, NULL, NULL, 0) != 0
               ? WEFT_OK
               : weftos_fail(detail, WEFT_ENAME, GetLastError(),
                             "put the name into upper case");
}

/* A path is the pipe's own: anything else can't be listened at here. */
static weft_status take_path(const char *name, struct weftos_place *place,
                             weft_detail *detail)
{
    const size_t prefix = wcslen(WEFTOS_PIPE_PREFIX);
    const wchar_t *own = place->pipe + prefix;
    int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1,
                                     place->pipe, WEFTOS_PLACE_TEXT);

    if (length == 0) {
        DWORD cause = GetLastError();

        return weftos_fail(detail, WEFT_ENAME,
                           cause == ERROR_INSUFFICIENT_BUFFER
                               ? ERROR_FILENAME_EXCED_RANGE
                               : cause,
                           "use the path as a pipe's name");
    }
    if (_wcsnicmp(place->pipe, WEFTOS_PIPE_PREFIX, prefix) != 0 ||
        *own == L'\0' || wcspbrk(own, L"/\\") != NULL) {
        return weftos_fail(detail, WEFT_ENAME, 0,
                           "use the path, which is no \\\\.\\pipe\\name");
    }
    return fold(own, place, detail);
}

weft_status weftos_place_name(const char *name, struct weftos_place *place,
                              weft_detail *detail)
{
    const size_t prefix = wcslen(WEFTOS_PIPE_PREFIX);
    weft_status status;

    if (is_path(name)) {
        return take_path(name, place, detail);
    }
    (void)wcscpy(place->pipe, WEFTOS_PIPE_PREFIX);
    /* The whole name of a pipe has at most 256 characters. */
    status = weftos_place_key(name, true, place->pipe + prefix, 257 - prefix,
                              detail);
    return status == WEFT_OK ? fold(place->pipe + prefix, place, detail)
                             : status;
}
