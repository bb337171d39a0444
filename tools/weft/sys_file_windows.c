/* SPDX-License-Identifier: MIT
 *
 * Files on Windows. Who writes one lets others read it, and nobody write it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sys_windows.h"

/* The largest piece that one ReadFile or WriteFile is given. */
#define PIECE_BYTES ((size_t)1 << 30)

static HANDLE open_wide(const WCHAR *path, sys_file_use use)
{
    static const DWORD how[] = {[SYS_FILE_READ] = OPEN_EXISTING,
                                [SYS_FILE_NEW] = CREATE_NEW,
                                [SYS_FILE_APPEND] = OPEN_ALWAYS};

    if (use == SYS_FILE_READ) {
        return CreateFileW(path, GENERIC_READ,
                           FILE_SHARE_READ | FILE_SHARE_WRITE |
                               FILE_SHARE_DELETE,
                           NULL, how[use], FILE_ATTRIBUTE_NORMAL, NULL);
    }
    return CreateFileW(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ,
                       NULL, how[use], FILE_ATTRIBUTE_NORMAL, NULL);
}

int sys_file_open(const char *path, sys_file_use use, weft_handle *file)
{
    WCHAR *wide = sys_wide(path);
    HANDLE opened = INVALID_HANDLE_VALUE;
    int code = ERROR_NOT_ENOUGH_MEMORY;

    if (wide != NULL) {
        opened = open_wide(wide, use);
        code = opened != INVALID_HANDLE_VALUE ? 0 : (int)GetLastError();
    }
    free(wide);
    *file = (weft_handle)opened;
    return code == ERROR_SHARING_VIOLATION ? SYS_BUSY : code;
}

bool sys_file_exists(const char *path)
{
    WCHAR *wide = sys_wide(path);
    bool exists =
        wide == NULL || GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES;

    free(wide);
    return exists;
}

int sys_file_trust(weft_handle file, bool is_secret)
{
    (void)file;
    (void)is_secret;
    return 0;
}

bool sys_system_file(const char *name, char *path, size_t room)
{
    const char *folder = getenv("ProgramData");
    int length;

    if (folder == NULL || folder[0] == '\0') {
        return false;
    }
    length = snprintf(path, room, "%s\\weft\\%s", folder, name);
    return length > 0 && (size_t)length < room;
}

int sys_file_close(weft_handle file)
{
    return CloseHandle((HANDLE)file) ? 0 : (int)GetLastError();
}

static OVERLAPPED place(uint64_t offset)
{
    OVERLAPPED at = {0};

    at.Offset = (DWORD)offset;
    at.OffsetHigh = (DWORD)(offset >> 32);
    return at;
}

static DWORD piece(size_t bytes)
{
    return (DWORD)(bytes < PIECE_BYTES ? bytes : PIECE_BYTES);
}

int sys_file_read(weft_handle file, uint64_t offset, void *buffer, size_t room,
                  size_t *bytes)
{
    *bytes = 0;
    while (*bytes < room) {
        OVERLAPPED at = place(offset + *bytes);
        DWORD got = 0;

        if (!ReadFile((HANDLE)file, (char *)buffer + *bytes,
                      piece(room - *bytes), &got, &at)) {
            int code = (int)GetLastError();

            return code == ERROR_HANDLE_EOF ? 0 : code;
        }
        if (got == 0) {
            return 0;
        }
        *bytes += got;
    }
    return 0;
}

int sys_file_write(weft_handle file, uint64_t offset, const void *data,
                   size_t bytes, size_t *written)
{
    *written = 0;
    while (*written < bytes) {
        OVERLAPPED at = place(offset + *written);
        DWORD done = 0;

        if (!WriteFile((HANDLE)file, (const char *)data + *written,
                       piece(bytes - *written), &done, &at)) {
            return (int)GetLastError();
        }
        *written += done;
    }
    return 0;
}

int sys_file_cut(weft_handle file, uint64_t length)
{
    LARGE_INTEGER at;

    at.QuadPart = (LONGLONG)length;
    return SetFilePointerEx((HANDLE)file, at, NULL, FILE_BEGIN) &&
                   SetEndOfFile((HANDLE)file)
               ? 0
               : (int)GetLastError();
}

int sys_file_sync(weft_handle file)
{
    return FlushFileBuffers((HANDLE)file) ? 0 : (int)GetLastError();
}

/* ----------------------------------------------- a program's own streams ---
 */

int sys_stream_open(const char *path, bool to_write, weft_handle *file)
{
    WCHAR *wide = sys_wide(path);
    HANDLE opened = INVALID_HANDLE_VALUE;
    int code = ERROR_NOT_ENOUGH_MEMORY;

    if (wide != NULL) {
        opened =
            CreateFileW(wide, to_write ? GENERIC_WRITE : GENERIC_READ,
                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                        NULL, to_write ? OPEN_ALWAYS : OPEN_EXISTING,
                        FILE_ATTRIBUTE_NORMAL, NULL);
        code = opened != INVALID_HANDLE_VALUE ? 0 : (int)GetLastError();
    }
    free(wide);
    *file = code == 0 ? (weft_handle)opened : WEFT_HANDLE_NONE;
    return code;
}

bool sys_stream_is_same(weft_handle first, weft_handle second)
{
    BY_HANDLE_FILE_INFORMATION one;
    BY_HANDLE_FILE_INFORMATION other;

    return GetFileInformationByHandle((HANDLE)first, &one) &&
           GetFileInformationByHandle((HANDLE)second, &other) &&
           one.dwVolumeSerialNumber == other.dwVolumeSerialNumber &&
           one.nFileIndexHigh == other.nFileIndexHigh &&
           one.nFileIndexLow == other.nFileIndexLow;
}

int sys_stream_empty(weft_handle file)
{
    if (GetFileType((HANDLE)file) != FILE_TYPE_DISK) {
        return 0;
    }
    return SetEndOfFile((HANDLE)file) ? 0 : (int)GetLastError();
}

int sys_relay_open(weft_handle *to_read, weft_handle *to_write)
{
    *to_read = WEFT_HANDLE_NONE;
    *to_write = WEFT_HANDLE_NONE;
    return ERROR_NOT_SUPPORTED;
}

int sys_relay_read(weft_handle to_read, void *buffer, size_t room,
                   size_t *bytes, bool *at_end)
{
    (void)to_read;
    (void)buffer;
    (void)room;
    *bytes = 0;
    *at_end = true;
    return ERROR_NOT_SUPPORTED;
}

/* ----------------------------------------------------------------- text --- */

/* There is no stream into memory: it goes through a file that has no name. */
FILE *sys_text_open(sys_text *text)
{
    *text = (sys_text){.file = tmpfile()};
    return text->file;
}

static bool read_back(sys_text *text)
{
    long length = ftell(text->file);

    if (length < 0 || fseek(text->file, 0, SEEK_SET) != 0) {
        return false;
    }
    text->data = malloc((size_t)length + 1);
    if (text->data == NULL) {
        return false;
    }
    text->bytes = fread(text->data, 1, (size_t)length, text->file);
    text->data[text->bytes] = '\0';
    return text->bytes == (size_t)length;
}

bool sys_text_close(sys_text *text)
{
    bool is_whole = ferror(text->file) == 0 && read_back(text);

    (void)fclose(text->file);
    if (!is_whole) {
        free(text->data);
        text->data = NULL;
    }
    return is_whole;
}
