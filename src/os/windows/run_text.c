/* SPDX-License-Identifier: MIT
 *
 * Texts in UTF-16, command lines, and where a program is.
 */
#include "run_text.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* ---------------------------------------------------------------- texts --- */

void weftos_text_free(struct run_text *text)
{
    free(text->units);
    *text = (struct run_text){NULL, 0, 0};
}

/* Room for so many more, and the end. */
static bool grow(struct run_text *text, size_t more)
{
    size_t room = text->room;
    wchar_t *grown;

    if (more >= SIZE_MAX / 4 - text->length) {
        return false;
    }
    if (text->length + more < room) {
        return true;
    }
    room = (text->length + more + 1) * 2;
    grown = realloc(text->units, room * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    text->units = grown;
    text->room = room;
    return true;
}

weft_status weftos_text_add(struct run_text *text, const wchar_t *units,
                            size_t length)
{
    if (!grow(text, length)) {
        return WEFT_ENOMEM;
    }
    for (size_t i = 0; i < length; i++) {
        text->units[text->length++] = units[i];
    }
    text->units[text->length] = L'\0';
    return WEFT_OK;
}

weft_status weftos_text_add_utf8(struct run_text *text, const char *more)
{
    size_t bytes = strlen(more);
    int length = 0;

    if (bytes > INT_MAX) {
        return WEFT_EINVAL;
    }
    if (bytes > 0) {
        length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, more,
                                     (int)bytes, NULL, 0);
        if (length == 0) {
            return WEFT_EINVAL;
        }
    }
    if (!grow(text, (size_t)length) || text->units == NULL) {
        return WEFT_ENOMEM;
    }
    if (length > 0) {
        (void)MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, more,
                                  (int)bytes, text->units + text->length,
                                  length);
    }
    text->length += (size_t)length;
    text->units[text->length] = L'\0';
    return WEFT_OK;
}

weft_status weftos_text_narrow(const wchar_t *units, char **copy)
{
    int bytes = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, units, -1,
                                    NULL, 0, NULL, NULL);

    if (bytes == 0) {
        return WEFT_EINVAL;
    }
    *copy = malloc((size_t)bytes);
    if (*copy == NULL) {
        return WEFT_ENOMEM;
    }
    (void)WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, units, -1, *copy,
                              bytes, NULL, NULL);
    return WEFT_OK;
}

/* --------------------------------------------------------- command line --- */

/*
 * Backslashes are themselves, but for those in front of a quote: there two
 * stand for one, and one more makes the quote a letter.
 */
static weft_status add_quoted(struct run_text *line, const wchar_t *argument)
{
    weft_status status = weftos_text_add(line, L"\"", 1);

    while (*argument != L'\0' && status == WEFT_OK) {
        size_t slashes = wcsspn(argument, L"\\");
        wchar_t next = argument[slashes];
        size_t again = next == L'"' ? slashes + 1 : next == L'\0' ? slashes : 0;

        status = weftos_text_add(line, argument, slashes);
        for (; again > 0 && status == WEFT_OK; again--) {
            status = weftos_text_add(line, L"\\", 1);
        }
        argument += slashes;
        if (next != L'\0' && status == WEFT_OK) {
            status = weftos_text_add(line, argument++, 1);
        }
    }
    return status == WEFT_OK ? weftos_text_add(line, L"\"", 1) : status;
}

static weft_status add_first(struct run_text *line, const struct run_text *name)
{
    weft_status status;

    if (wcschr(name->units, L'"') != NULL) {
        return WEFT_EINVAL;
    }
    status = weftos_text_add(line, L"\"", 1);
    if (status == WEFT_OK) {
        status = weftos_text_add(line, name->units, name->length);
    }
    return status == WEFT_OK ? weftos_text_add(line, L"\"", 1) : status;
}

weft_status weftos_text_add_argument(struct run_text *line,
                                     const char *argument)
{
    struct run_text wide = {NULL, 0, 0};
    bool is_first = line->length == 0;
    weft_status status = weftos_text_add_utf8(&wide, argument);

    if (status == WEFT_OK && is_first) {
        status = add_first(line, &wide);
    } else if (status == WEFT_OK) {
        status = weftos_text_add(line, L" ", 1);
        if (status == WEFT_OK) {
            status =
                wide.length > 0 && wcspbrk(wide.units, L" \t\n\v\"") == NULL
                    ? weftos_text_add(line, wide.units, wide.length)
                    : add_quoted(line, wide.units);
        }
    }
    weftos_text_free(&wide);
    return status;
}

/* -------------------------------------------------------------- program --- */

static bool is_separator(wchar_t unit)
{
    return unit == L'\\' || unit == L'/';
}

static bool is_file(const wchar_t *path)
{
    DWORD attributes = GetFileAttributesW(path);

    return attributes != INVALID_FILE_ATTRIBUTES &&
           (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

static const wchar_t *last_part(const wchar_t *path)
{
    const wchar_t *part = path;

    for (; *path != L'\0'; path++) {
        if (is_separator(*path)) {
            part = path + 1;
        }
    }
    return part;
}

/* As Windows opens it: dots and blanks at the end are not there. */
static bool is_batch(const wchar_t *path)
{
    size_t length = wcslen(path);

    while (length > 0 &&
           (path[length - 1] == L'.' || path[length - 1] == L' ')) {
        length--;
    }
    return length >= 4 && (_wcsnicmp(path + length - 4, L".bat", 4) == 0 ||
                           _wcsnicmp(path + length - 4, L".cmd", 4) == 0);
}

/* Tries `path`, and `path` with each ending; the one that is there is left. */
static weft_status try_endings(struct run_text *path, const wchar_t *endings)
{
    size_t length = path->length;
    weft_status status = WEFT_OK;

    if (wcschr(last_part(path->units), L'.') != NULL && is_file(path->units)) {
        return WEFT_OK;
    }
    while (*endings != L'\0' && status == WEFT_OK) {
        size_t bytes = wcscspn(endings, L";");

        status = weftos_text_add(path, endings, bytes);
        if (status == WEFT_OK && bytes > 0 && is_file(path->units)) {
            return WEFT_OK;
        }
        path->length = length;
        path->units[length] = L'\0';
        endings += bytes + (endings[bytes] != L'\0');
    }
    return status == WEFT_OK ? WEFT_ENOENT : status;
}

/* A path of a program: what has no drive and no root is from `directory`. */
static weft_status try_path(const struct run_text *name,
                            const wchar_t *directory, const wchar_t *endings,
                            struct run_text *path)
{
    bool has_drive = name->length > 1 && name->units[1] == L':';
    weft_status status = WEFT_OK;

    /* A colon further on names a stream of a file. */
    if (wcschr(name->units + (has_drive ? 2 : 0), L':') != NULL) {
        return WEFT_ENOENT;
    }
    if (!has_drive && !is_separator(name->units[0])) {
        status = weftos_text_add(path, directory, wcslen(directory));
        if (status == WEFT_OK) {
            status = weftos_text_add(path, L"\\", 1);
        }
    }
    if (status == WEFT_OK) {
        status = weftos_text_add(path, name->units, name->length);
    }
    return status == WEFT_OK ? try_endings(path, endings) : status;
}

/* One directory of the search path, whose quotes are none of its own. */
static weft_status try_directory(const wchar_t *directory, size_t length,
                                 const struct run_text *name,
                                 const wchar_t *endings, struct run_text *path)
{
    weft_status status = WEFT_OK;

    path->length = 0;
    for (size_t i = 0; i < length && status == WEFT_OK; i++) {
        if (directory[i] != L'"') {
            status = weftos_text_add(path, &directory[i], 1);
        }
    }
    if (status == WEFT_OK && path->length == 0) {
        return WEFT_ENOENT;
    }
    if (status == WEFT_OK) {
        status = weftos_text_add(path, L"\\", 1);
    }
    if (status == WEFT_OK) {
        status = weftos_text_add(path, name->units, name->length);
    }
    return status == WEFT_OK ? try_endings(path, endings) : status;
}

static weft_status search_for(const struct run_text *name,
                              const wchar_t *search, const wchar_t *endings,
                              struct run_text *path)
{
    weft_status status = WEFT_ENOENT;

    if (wcschr(name->units, L':') != NULL) {
        return WEFT_ENOENT;
    }
    while (*search != L'\0' && status == WEFT_ENOENT) {
        size_t length = wcscspn(search, L";");

        status = try_directory(search, length, name, endings, path);
        search += length + (search[length] != L'\0');
    }
    return status;
}

weft_status weftos_program_find(const char *name, const wchar_t *directory,
                                const wchar_t *search, const wchar_t *endings,
                                struct run_text *path)
{
    struct run_text wide = {NULL, 0, 0};
    weft_status status = weftos_text_add_utf8(&wide, name);
    bool is_path;

    if (status == WEFT_OK && wide.length == 0) {
        status = WEFT_ENOENT;
    }
    if (status == WEFT_OK) {
        is_path = wcspbrk(wide.units, L"\\/") != NULL ||
                  (wide.length > 1 && wide.units[1] == L':');
        status = is_path ? try_path(&wide, directory, endings, path)
                         : search_for(&wide, search, endings, path);
    }
    if (status == WEFT_OK && is_batch(path->units)) {
        status = WEFT_EACCES;
    }
    weftos_text_free(&wide);
    return status;
}
